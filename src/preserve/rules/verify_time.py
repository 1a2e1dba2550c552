"""When was it? What tokens and order say of the times that a manifest claims (docs/formats/timestamps.md section 5).

    not-before   a start token: the run began after it
    not-after    a token over SEAL: everything that SEAL binds, the signatures too, existed by then
    created      the signer's own word; borne out when every named token that verifies lies within a window after it

An authority that errs or lies can only be seen where tokens contradict the manifest or each other, so each named token is held
against `created` by itself: one that is too early is no honest token of this run, one that is late proves its own date and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from preserve.formats.manifest import start_token_path, token_path
from preserve.formats.signedparts import AUTHORITY
from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.manifest import StartToken, TimestampEntry
from preserve.model.noun import dataclass
from preserve.model.trust import Stamp
from preserve.rules.verify_signed import SKEW

WINDOW = timedelta(hours=24)
"""How long after `created` a token may come and still bear it out."""
MISSING = "missing: the manifest names it; whoever keeps the archive can fetch it with preserve timestamp"

TOKEN = re.compile(rf"timestamps/({AUTHORITY.pattern})\.tsr")
"""The path of a token over SEAL; the name of its authority."""


class Timed(Protocol):
    """A manifest, or the statement of an event, which has no start tokens."""

    @property
    def created(self) -> datetime: ...

    @property
    def timestamps(self) -> tuple[TimestampEntry, ...]: ...

    @property
    def start_tokens(self) -> tuple[StartToken, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What is known of a run's time. `existed_by`: the earliest moment by which a trusted authority saw its SEAL."""

    findings: tuple[Finding, ...]
    existed_by: datetime | None = None


def judge_times(manifest: Timed, stamps: Mapping[str, Stamp], now: datetime, at: str, subject: str) -> Times:
    """`stamps` has what became of each token that lies in the run, by its path there; `at` prefixes the paths in findings."""
    named = {token_path(entry.authority) for entry in manifest.timestamps}
    ends = {path: stamp for path, stamp in stamps.items() if TOKEN.fullmatch(path)}
    proofs = {path: stamp.latest for path, stamp in ends.items() if stamp.proves and stamp.latest is not None}
    honest = {path: time for path, time in proofs.items() if not _too_early(time, manifest)}
    findings = [
        *_judge_named(manifest, ends, at),
        *(_judge_end(path, stamp, manifest, at, named=path in named) for path, stamp in ends.items()),
        *_judge_start(manifest, stamps, at),
        _judge_created(manifest, ends, honest, {path for path in honest if path in named}, now, subject),
    ]
    if not named and not ends:
        findings.append(
            unchecked(Claim.NOT_AFTER, subject, "the manifest names no time-stamp authority; the time is self-asserted")
        )
    if not manifest.start_tokens:
        findings.append(unchecked(Claim.NOT_BEFORE, subject, "the manifest names no start token"))
    return Times(findings=tuple(findings), existed_by=min(honest.values(), default=None))


def _judge_named(manifest: Timed, ends: Mapping[str, Stamp], at: str) -> Iterator[Finding]:
    for entry in manifest.timestamps:
        if (path := token_path(entry.authority)) not in ends:
            yield unchecked(Claim.NOT_AFTER, at + path, MISSING, needed=True, code="token-missing")


def _judge_end(path: str, stamp: Stamp, manifest: Timed, at: str, *, named: bool) -> Finding:
    """A token over SEAL. One that the manifest does not name was added later: as proof it is welcome, as a mere file it is not."""
    if stamp.problem:
        if named:
            return failed(Claim.NOT_AFTER, at + path, f"does not verify: {stamp.problem}", code="token-invalid")
        return failed(
            Claim.COMPLETENESS,
            at + path,
            f"unlisted file: the manifest does not name it, and it is no token over SEAL: {stamp.problem}",
            code="token-unnamed",
        )
    added = "" if named else "; added later: the manifest does not name it"
    if stamp.latest is None or stamp.doubt:
        return unchecked(Claim.NOT_AFTER, at + path, f"{stamp.doubt}{added}", needed=named, code="token-untrusted")
    if _too_early(stamp.latest, manifest):
        return failed(
            Claim.NOT_AFTER,
            at + path,
            f"forged, or one of the clocks was wrong: stamped at {rfc3339(stamp.latest)} at the latest, and the manifest"
            f" in it says that it was made at {rfc3339(manifest.created)}",
            code="token-time",
        )
    return passed(
        Claim.NOT_AFTER,
        at + path,
        f"the seal existed by {rfc3339(stamp.latest)}, says {_word(stamp)} under {stamp.under}{added}",
    )


def _judge_start(manifest: Timed, stamps: Mapping[str, Stamp], at: str) -> Iterator[Finding]:
    for token in manifest.start_tokens:
        path = start_token_path(token.authority)
        stamp = stamps.get(path)
        if stamp is None:
            yield unchecked(Claim.NOT_BEFORE, at + path, "missing: the manifest names it", needed=True, code="token-missing")
        elif stamp.problem:
            yield failed(Claim.NOT_BEFORE, at + path, stamp.problem, code="token-invalid")
        elif stamp.earliest is None or stamp.doubt:
            yield unchecked(Claim.NOT_BEFORE, at + path, stamp.doubt, needed=True, code="token-untrusted")
        elif stamp.earliest > manifest.created + SKEW:
            yield failed(
                Claim.NOT_BEFORE,
                at + path,
                f"forged, or one of the clocks was wrong: it was taken at {rfc3339(stamp.earliest)} at the earliest, after the run that begins"
                f" with it was sealed at {rfc3339(manifest.created)}",
                code="token-time",
            )
        else:
            yield passed(
                Claim.NOT_BEFORE, at + path, f"sealed after {rfc3339(stamp.earliest)}, says {_word(stamp)} under {stamp.under}"
            )


def _judge_created(
    manifest: Timed,
    ends: Mapping[str, Stamp],
    honest: Mapping[str, datetime],
    named: set[str],
    now: datetime,
    subject: str,
) -> Finding:
    claimed = rfc3339(manifest.created)
    late = [path for path in named if honest[path] > manifest.created + WINDOW]
    timely = sorted(path for path in honest if honest[path] <= manifest.created + WINDOW)
    if manifest.created > now + SKEW:
        return unchecked(
            Claim.CREATED,
            subject,
            f"not borne out: it claims {claimed}, which this machine's clock has not reached",
            needed=True,
            code="created-time",
        )
    if late:
        whose = ", ".join(f"{ends[path].authority} at {rfc3339(honest[path])}" for path in sorted(late))
        return unchecked(
            Claim.CREATED,
            subject,
            f"not borne out: it claims {claimed}, but was stamped by {whose} only",
            needed=True,
            code="created-time",
        )
    if timely:
        whose = ", ".join(ends[path].authority for path in timely)
        return passed(Claim.CREATED, subject, f"{claimed}, borne out within {_hours(WINDOW)} hours by {whose}")
    return unchecked(Claim.CREATED, subject, f"self-asserted: the signer's clock said {claimed}")


def _word(stamp: Stamp) -> str:
    """Who says so, and of what clock."""
    if stamp.time is None or not stamp.accuracy:
        return stamp.authority
    return f"{stamp.authority} (it was {rfc3339(stamp.time)}, give or take {stamp.accuracy.total_seconds():.12g} s)"


def _too_early(time: datetime, manifest: Timed) -> bool:
    return time < manifest.created - SKEW


def _hours(span: timedelta) -> int:
    return round(span.total_seconds() / 3600)

"""Who else saw a checkpoint, and whether that is enough for this verifier's policy (docs/formats/policy.md).

A line of a key that nobody here knows says nothing, and is told; it cannot take anything away either, for anybody can add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from preserve.errors import FormatError
from preserve.formats import note, tlog
from preserve.formats.note import Opened, VerifierKey
from preserve.formats.policy import Policy
from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, passed, unchecked
from preserve.model.noun import dataclass
from preserve.model.trust import TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust

_LATEST = 1 << 37
"""Seconds; a date in the year 6325. A witness may state any time below 2^63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The policy of this verifier. `needed`: without its quorum the whole is not established."""

    policy: Policy
    needed: bool


def judge_lines(opened: Opened, origin: str, log: VerifierKey | None, demand: Demand | None, subject: str) -> Iterator[Finding]:
    """What the lines beside the log's own say of the checkpoint `subject` of the log `origin`, whose key is `log` where it is known."""
    seen = [f"{line.key.name} saw it{_when(line.time)}" for line in opened.cosigned_by]
    unknown = [
        f"a signature line of a key that is not known here: {line.name} {line.key_hash.hex()}"
        for line in opened.unknown
        if log is not None or line.name != origin
    ]
    unknown += [f"the line of {key.name} cannot be checked with the libraries here" for key in opened.unchecked]
    if demand is not None and demand.policy.quorum is not None:
        quorum = f"the policy's quorum {demand.policy.quorum}"
        if demand.policy.logs and log not in demand.policy.logs:
            lacking = "the policy does not list the key of this log"
        elif not demand.policy.met_by([line.key for line in opened.cosigned_by]):
            lacking = f"{quorum} is not met"
        else:
            yield passed(Claim.WITNESSES, subject, "; ".join((f"{quorum} is met: {', '.join(seen)}", *unknown)))
            return
        seen = seen or ["no witness that is known here cosigned it"]
        told = "; ".join((f"{lacking}: {', '.join(seen)}", *unknown))
        yield unchecked(Claim.WITNESSES, subject, told, needed=demand.needed, code="witness-quorum")
    elif seen:
        for told in (*seen[:-1], "; ".join((seen[-1], *unknown))):
            yield passed(Claim.WITNESSES, subject, told)
    else:
        for told in unknown:
            yield unchecked(Claim.WITNESSES, subject, told)


def witnessed_by(proof: bytes | None, seal: bytes, origin: str, trusted: Iterable[TrustedKey]) -> datetime | None:
    """By when a witness that this verifier pinned had cosigned a log of that origin with `seal` in it, by the run's own `proof`."""
    try:
        held = tlog.decode_proof(proof or b"")
        if note.parse_checkpoint(held.checkpoint.text).origin != origin or not held.includes(seal):
            return None
    except FormatError:
        return None  # what is wrong with it is found where the log is judged
    witnesses = {VerifierKey.parse(key.vkey): key for key in trusted if key.role is TrustRole.WITNESS and key.vkey is not None}
    seen = [(line, _date(line.time)) for line in note.verify(held.checkpoint, tuple(witnesses)).cosigned_by if line.time]
    return min((date for line, date in seen if not distrust(witnesses[line.key], date)), default=None)


def _date(time: int) -> datetime:
    return datetime.fromtimestamp(min(time, _LATEST), UTC)


def _when(time: int) -> str:
    return f" at {rfc3339(_date(time))} by its own clock" if time else ", and does not say when"

"""From one key of a log to the next: who may sign its checkpoints, and up to which size (docs/formats/events.md section 10).

A rotation is an entry of the log that the old key and the new one both signed. Checkpoints that do not hold it yet are the old key's,
those that hold it are the new one's: no checkpoint may be signed by either. Who pinned any key of the line knows all of it, in an
archive: forwards because the old key says which one follows, backwards because the new key signs a head that holds every entry before. Why
the archive's signer has to agree: docs/adr/0195.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from preserve.formats.note import VerifierKey
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.event import LogRotation, Statement
from preserve.model.finding import Claim, Finding, failed, unchecked
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation
from preserve.rules.keychain import UNFOLLOWED
from preserve.rules.tenure import Tenure as Tenure  # noqa: PLC0414 -- whoever judges rotations knows it from here


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """A statement, as its bytes are signed, that a log's key is followed by another; both signed it."""

    statement: Statement
    document: bytes

    @property
    def body(self) -> LogRotation:
        assert isinstance(self.statement.body, LogRotation), "a statement about a log's key"
        return self.statement.body

    @property
    def old(self) -> VerifierKey:
        return VerifierKey.parse(self.body.old)

    @property
    def new(self) -> VerifierKey:
        return VerifierKey.parse(self.body.new)

    @property
    def index(self) -> int:
        return self.statement.log.size_before

    @property
    def created(self) -> datetime:
        return self.statement.created


def rotated(statement: Statement, document: bytes, signed_by: Collection[str]) -> Rotated | None:
    """The statement as a rotation of the log's key, when it is one and both keys are among those whose signatures hold (`signed_by`)."""
    if not isinstance(statement.body, LogRotation):
        return None
    found = Rotated(statement=statement, document=document)
    both = {found.old.fingerprint, found.new.fingerprint}
    return found if both <= set(signed_by) and found.old.name == statement.log.origin else None


def tenures(
    origin: str, first: VerifierKey | None, pinned: Collection[VerifierKey], told: Iterable[Rotated]
) -> tuple[Tenure, ...]:
    """The keys of the log `origin`, one after the other; empty when nothing is told of a rotation.

    `first` is what the archive says of its first key; where nothing follows from that, a key that is pinned is looked for. A rotation of
    a key that is not the log's at that place is passed over (`judge_followed` tells it).
    """
    rotations = sorted((one for one in told if one.old.name == origin), key=lambda one: one.index)
    if not rotations:
        return ()
    olds = [one.old for one in rotations]
    start = first if first in olds else next((old for old in olds if old in pinned), olds[0])
    line: list[Tenure] = []
    current = Tenure(key=start)
    for rotation in rotations:
        used = {tenure.key for tenure in line} | {current.key}
        # A key that came before never comes back: what it signed was bounded for good.
        if rotation.old == current.key and rotation.new not in used and rotation.index >= current.first:
            line.append(Tenure(key=current.key, first=current.first, ended=rotation))
            current = Tenure(key=rotation.new, first=rotation.index + 1)
    return (*line, current)


def judge_rotation(statement: Statement, subject: str) -> Iterator[Finding]:
    """Who must have signed that a log's key is replaced, whoever they are."""
    body = statement.body
    if not isinstance(body, LogRotation):
        return
    old, new = VerifierKey.parse(body.old), VerifierKey.parse(body.new)
    signers = {signer.keyid for signer in statement.signers}
    why = ""
    if old.name != statement.log.origin:
        why = f"it is about the keys of another log, {old.name}"
    elif old.fingerprint not in signers:
        why = "the key that is replaced did not sign it"
    elif new.fingerprint not in signers:
        why = "the key that comes in did not sign it"
    elif signers == {old.fingerprint, new.fingerprint}:
        why = "no signer of the archive signed it"
    if why:
        yield failed(Claim.EVENTS, subject, f"forged: a rotation of the log's key, and {why}", code="key-event")


def judge_followed(statement: Statement, line: Sequence[Tenure], subject: str) -> Iterator[Finding]:
    """A rotation that is whole and was not followed, for the log's key was another one by then."""
    ended = {tenure.ended.index for tenure in line if tenure.ended is not None}
    if isinstance(statement.body, LogRotation) and statement.log.size_before not in ended:
        why = "not followed: the log's key was not the one that it replaces"
        yield unchecked(Claim.EVENTS, subject, f"{why}. If you know better: preserve trust list", needed=True, code=UNFOLLOWED)


def describe(body: LogRotation) -> str:
    """A rotation of the log's key in words, without who and when."""
    old, new = (fingerprint_groups(VerifierKey.parse(vkey).fingerprint) for vkey in (body.old, body.new))
    doubt = f"; the old one may be in other hands since {rfc3339(body.since)}" if body.since else ""
    lost = "" if body.reason is Revocation.SUPERSEDED or body.since else f" ({body.reason})"
    return f"the log's key {old} is followed by {new}{lost}{doubt}"

"""What happens to an archive beside its runs: an event, stated, signed and entered in the log (docs/formats/events.md).

Every event has the same statement around it: which archive, where in the log, when, who, which keys sign it, which authorities stamp
it. What the event is about is its `body`, a Body of one kind. A new kind is a member of EventKind, a Body here, and a module in
`formats/bodies` that writes and reads it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from preserve.model.eventkind import EventKind as EventKind  # noqa: PLC0414 -- whoever deals with events knows it from here
from preserve.model.manifest import LogLink, Operator, SignerEntry, StartToken, TimestampEntry
from preserve.model.noun import dataclass
from preserve.model.trust import MOST_COWORKERS, Revocation, TrustRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one kind of event says."""

    kind: ClassVar[EventKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """A run, by its number and by the SHA-256 of its SEAL."""

    sequence: int
    seal_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody(Body):
    """Something was done with what is held. `action` is a word such as "transfer"; no `runs` means everything in the log so far.

    `to` is who received it, `result` what came of it; None where nothing was said.
    """

    kind: ClassVar[EventKind] = EventKind.CUSTODY
    action: str
    reason: str
    to: str | None = None
    result: str | None = None
    runs: tuple[RunRef, ...] = ()

    def __post_init__(self) -> None:
        if not self.action or not self.reason:
            raise ValueError("a custody event has an action and a reason")
        numbers = [run.sequence for run in self.runs]
        if numbers != sorted(set(numbers)):
            raise ValueError("the runs are named once each, in order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(Body):
    """The log goes on from `accepted_size` entries, although it once had `remembered_size`, of which this one knows no more than the root.

    The roots are hexadecimal.
    """

    kind: ClassVar[EventKind] = EventKind.ROLLBACK
    reason: str
    remembered_size: int
    remembered_root: str
    accepted_size: int
    accepted_root: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("a rollback is accepted for a reason")

    def covers(self, size: int, root: str) -> bool:
        """Whether a log seen before, with so many entries and this root, is the one that was given up, or lies on the way to it.

        That it lies on the way can only be told by its size: the entries that would prove it are gone.
        """
        return self.accepted_size < size <= self.remembered_size or (size, root) == (self.remembered_size, self.remembered_root)


class KeyAction(StrEnum):
    """What became of a signing key."""

    ROTATE = "rotate"
    """Another key follows."""
    REVOKE = "revoke"
    """It counts no longer."""
    RECOVERY = "recovery"
    """A key kept on paper is named, which may revoke and replace the signing key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A co-worker's signature under what is stated: the key `keyid`, its SubjectPublicKeyInfo (`public`, DER), and the raw signature.

    It is over the statement's `agreement.text`, which does not depend on where in the log it is entered, or by whom.
    """

    keyid: str
    public: bytes
    signature: bytes


def _check_agreed(agreed: tuple[Agreement, ...]) -> None:
    keyids = [one.keyid for one in agreed]
    if keyids != sorted(set(keyids)) or len(keyids) > MOST_COWORKERS:
        raise ValueError(f"those who agreed stand once each, in order, and are at most {MOST_COWORKERS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange(Body):
    """What became of the key `keyid`; of a recovery key, that it is one. `successor` is the key that follows a rotated one.

    `since` is when a compromised key may have come into other hands. A superseded one counts until the statement's own time; until
    `since` where co-workers say so together, who are the ones in `agreed`.
    """

    kind: ClassVar[EventKind] = EventKind.KEY
    action: KeyAction
    keyid: str
    successor: str | None = None
    reason: Revocation | None = None
    since: datetime | None = None
    agreed: tuple[Agreement, ...] = ()

    def __post_init__(self) -> None:
        _check_agreed(self.agreed)
        if self.agreed and self.action is not KeyAction.REVOKE:
            raise ValueError("co-workers agree to a revocation, and to no other change")
        if (self.successor is None) is (self.action is KeyAction.ROTATE) or self.successor == self.keyid:
            raise ValueError("a rotation, and nothing else, names the other key that follows")
        if (self.reason is None) is (self.action is KeyAction.REVOKE):
            raise ValueError("a revocation, and nothing else, has a reason")
        if self.since is None and (self.agreed or self.reason is Revocation.COMPROMISED):
            raise ValueError("what is doubted, or agreed to by co-workers, is so since a time")
        if self.since is not None and self.reason is None:
            raise ValueError("a revocation, and nothing else, is since a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coworkers(Body):
    """Any `threshold` of these `members` (key ids) may together revoke the key `keyid`, and those that follow it.

    `replaces` is the entry of the log by which others were named before, None where none were; these have `agreed`, or a recovery key
    signs.
    """

    kind: ClassVar[EventKind] = EventKind.KEY
    keyid: str
    replaces: int | None
    threshold: int
    members: tuple[str, ...]
    agreed: tuple[Agreement, ...] = ()

    def __post_init__(self) -> None:
        _check_agreed(self.agreed)
        if self.members != tuple(sorted(set(self.members))) or len(self.members) > MOST_COWORKERS:
            raise ValueError(f"co-workers are named once each, in order, and are at most {MOST_COWORKERS}")
        if not 0 < self.threshold <= len(self.members):
            raise ValueError(f"{self.threshold} of {len(self.members)} co-workers can never agree")
        if self.keyid in self.members:
            raise ValueError("a key is no co-worker of itself")
        if self.agreed and self.replaces is None:
            raise ValueError("nobody was named before who could agree")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRotation(Body):
    """The log's checkpoints are signed by another key, `new`, from this entry on; `old` and `new` are vkeys of one origin.

    `reason` is why the old one is given up; one that is compromised is doubted `since` a time.
    """

    kind: ClassVar[EventKind] = EventKind.KEY
    old: str
    new: str
    reason: Revocation = Revocation.SUPERSEDED
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.old == self.new:
            raise ValueError("a key does not follow itself")
        if self.old.partition("+")[0] != self.new.partition("+")[0]:
            raise ValueError("the two keys are of two logs")
        if (self.since is None) is (self.reason is Revocation.COMPROMISED):
            raise ValueError("a compromised key, and no other, is doubted since a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRecord:
    """A record that was overwritten: where it lies in its run, the hash that was sealed, the hash of what stands there instead."""

    file: str
    index: int
    offset: int
    length: int
    sha256: str
    replacement_sha256: str

    def __post_init__(self) -> None:
        if self.sha256 == self.replacement_sha256:
            raise ValueError("a record is not replaced by itself")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction(Body):
    """Records of one run that were overwritten, why, and on whose order. `at` is the time that their replacements bear."""

    kind: ClassVar[EventKind] = EventKind.REDACTION
    run: RunRef
    reason: str
    authority: str
    at: datetime
    records: tuple[RemovedRecord, ...]

    def __post_init__(self) -> None:
        places = [(record.file, record.index) for record in self.records]
        if not places or places != sorted(set(places)):
            raise ValueError("the records are named once each, in order, and at least one is")


class Renewed(StrEnum):
    """What a renewal covers."""

    STAMPS = "stamps"
    """SEALs, tokens and log proofs: before a time-stamp authority's key or certificate ages."""
    DATA = "data"
    """Every file, read again: before the hash of the old stamps ages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal(Body):
    """Files of the archive stamped anew: `count` of them stand in the event's list, which has `bytes` bytes and this SHA-512."""

    kind: ClassVar[EventKind] = EventKind.RENEWAL
    covers: Renewed
    count: int
    bytes: int
    sha512: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersignature(Body):
    """Somebody signed the manifest of a run after it was sealed: with the SSH key `keyid`, called `name` by those who enter it.

    The signature is a file beside the statement, with this SHA-256.
    """

    kind: ClassVar[EventKind] = EventKind.COUNTERSIGNATURE
    run: RunRef
    name: str
    keyid: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenKey:
    """A key as it was taken into trust: what for, under which name, and when its signatures count; of a co-worker, how many it takes."""

    keyid: str
    role: TrustRole
    name: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None
    reason: Revocation | None = None
    threshold: int | None = None

    def __post_init__(self) -> None:
        if (self.revoked_at is None) is not (self.reason is None):
            raise ValueError("a revoked key, and no other, has a reason")
        if (self.threshold is None) is (self.role is TrustRole.COWORKER):
            raise ValueError("a co-worker, and no other key, has a threshold")
        if self.threshold is not None and not 0 < self.threshold <= MOST_COWORKERS:
            raise ValueError(f"{self.threshold} co-workers are none, or too many")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustTaken(Body):
    """Keys that the actor took into trust, from a file with this SHA-256, because of `reason`. It binds nobody else to trust them."""

    kind: ClassVar[EventKind] = EventKind.TRUST
    reason: str
    file: str
    sha256: str
    keys: tuple[TakenKey, ...]

    def __post_init__(self) -> None:
        places = [(key.keyid, key.role, key.name) for key in self.keys]
        if not places or places != sorted(set(places)):
            raise ValueError("the keys are named once each, in order, and at least one is")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is signed. `archive` is the archive's id; `log.size_before` is the event's index in the log."""

    archive: str
    log: LogLink
    created: datetime
    actor: Operator
    body: Body
    signers: tuple[SignerEntry, ...]
    timestamps: tuple[TimestampEntry, ...]

    @property
    def kind(self) -> EventKind:
        return self.body.kind

    @property
    def start_tokens(self) -> tuple[StartToken, ...]:
        """None: an event happens at once. (A run takes its time, and has them.)"""
        return ()

    @property
    def name(self) -> str:
        """The name of its folder in events/."""
        return event_name(self.log.size_before, self.kind)


def event_name(index: int, kind: EventKind) -> str:
    """The folder of the event that is entry `index` of the log; its number has six digits or more."""
    return f"{index:06d}-{kind}"

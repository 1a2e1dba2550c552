"""The append-only log: whose it is, whether it only grew, and whether each run is the entry it says (docs/formats/verification.md, step 6).

The log's key is the one that this user pinned for the origin. What the archive says of its own log (archive.toml) is held against
that, and stands in for it only to see whether signatures hold at all: then the claims stay open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import merkle, note, tlog
from preserve.formats.counted import counted
from preserve.formats.note import COSIGNATURES, Checkpoint, NoteSignature, SignedNote, VerifierKey
from preserve.formats.publickey import fingerprint_groups
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust
from preserve.rules.verify_witness import Demand, judge_lines

if TYPE_CHECKING:  # `verify` starts faster without what events are made of, and most archives have none
    from preserve.model.event import Statement
    from preserve.rules.succession import Rotated, Tenure

_REPLACED = "if the log's key was replaced, its archive shows by what, or its keeper tells you its vkey: preserve trust add"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """The keys that notes of one origin are judged by.

    `log` signs the log's head; it is None when neither the user nor the archive names one. `doubt` says why it establishes nothing, ""
    when it is pinned or follows from one that is. `demand` is what this verifier asks of the witnesses.
    """

    origin: str
    log: VerifierKey | None
    doubt: str
    witnesses: tuple[VerifierKey, ...]
    demand: Demand | None = None
    line: tuple[Tenure, ...] = ()
    """The keys of the log one after the other, where it is known that one followed another."""
    beside: tuple[VerifierKey, ...] = ()
    """Other pinned keys of this log, where nothing says which of them signs when."""
    alone: bool = False
    """The log itself is not here: what is judged is one proof or one checkpoint, and which key followed which may not be known."""

    def signers(self, size: int) -> tuple[VerifierKey, ...]:
        """The keys of the log that may sign a checkpoint of so many entries."""
        if self.line:
            return tuple(tenure.key for tenure in self.line if tenure.covers(size))
        return (*((self.log,) if self.log else ()), *self.beside)

    def known(self, size: int) -> tuple[VerifierKey, ...]:
        """With the witnesses, all whose lines on such a checkpoint are judged."""
        return (*self.signers(size), *self.witnesses)

    @property
    def named(self) -> VerifierKey | None:
        """The key by which a policy may know this log: any of the line."""
        listed = () if self.demand is None else self.demand.policy.logs
        return next((tenure.key for tenure in self.line if tenure.key in listed), self.log)


def log_keys(
    origin: str,
    trusted: Iterable[TrustedKey],
    said: VerifierKey | None,
    now: datetime,
    demand: Demand | None = None,
    *,
    rotations: Iterable[Rotated] = (),
    created: datetime | None = None,
    alone: bool = False,
) -> LogKeys:
    """Choose the keys for `origin`; `said` is what the archive itself names, and trusted by nobody for that.

    `rotations` are those that the log holds. `created` is when the one run was made whose proof is judged without its log: a key that
    was merely given up later counts for it. `alone`: one checkpoint is judged, without its log. The logs and witnesses of the policy that is demanded are pinned with it, but for those that the user's store has
    revoked.
    """
    keys = [(key, VerifierKey.parse(key.vkey)) for key in trusted if key.vkey is not None]

    alone = alone or created is not None

    def doubted(key: TrustedKey) -> str:
        given_up = key.role is TrustRole.LOG and key.reason is Revocation.SUPERSEDED
        return distrust(key, min(now, created) if given_up and created is not None else now)

    refused = {key.keyid for key, _ in keys if doubted(key)} - {key.keyid for key, _ in keys if not doubted(key)}
    stated = () if demand is None else (*demand.policy.logs, *demand.policy.witnesses.values())
    added = [vkey for vkey in stated if vkey.fingerprint not in refused]
    witnesses = tuple(
        dict.fromkeys(
            [
                *(vkey for key, vkey in keys if key.role is TrustRole.WITNESS and not distrust(key, now)),
                *(vkey for vkey in added if vkey.type in COSIGNATURES),
            ]
        )
    )
    pinned = [(key, vkey) for key, vkey in keys if key.role is TrustRole.LOG and vkey.name == origin]
    good = [vkey for key, vkey in pinned if not doubted(key)]
    good += [vkey for vkey in added if vkey.type not in COSIGNATURES and vkey.name == origin]
    if line := _line(origin, said, [vkey for _, vkey in pinned] + good, tuple(rotations)):
        doubt = _doubt(origin, line, pinned, good)
        return LogKeys(origin=origin, log=line[-1].key, doubt=doubt, witnesses=witnesses, demand=demand, line=line, alone=alone)
    given_up = [key for key, vkey in pinned if vkey == said and said not in good and key.reason is Revocation.SUPERSEDED]
    if good and not given_up:
        # With several keys pinned for one origin, the archive's own word may choose among them, and only among them.
        log = said if said in good else good[0]
        beside = tuple(vkey for vkey in dict.fromkeys(good) if vkey != log) if said is None else ()
        return LogKeys(origin=origin, log=log, doubt="", witnesses=witnesses, demand=demand, beside=beside, alone=alone)
    if pinned:
        # A key that this user gave up, in an archive that knows nothing of it: a backup from before, or a thief's.
        key, vkey = next(((key, vkey) for key, vkey in pinned if vkey == said), pinned[0])
        return LogKeys(origin=origin, log=vkey, doubt=doubted(key), witnesses=witnesses, demand=demand, alone=alone)
    named = f", key {fingerprint_groups(said.fingerprint)}" if said is not None else ""
    doubt = f"UNKNOWN LOG KEY: no key is trusted for the log {origin}{named}"
    known = said if said is not None and said.name == origin else None
    return LogKeys(origin=origin, log=known, doubt=doubt, witnesses=witnesses, demand=demand)


def _line(
    origin: str, said: VerifierKey | None, pinned: Collection[VerifierKey], rotations: Sequence[Rotated]
) -> tuple[Tenure, ...]:
    if not rotations:
        return ()
    from preserve.rules.succession import tenures  # noqa: PLC0415 -- as above

    return tenures(origin, said, pinned, rotations)


def _doubt(
    origin: str, line: Sequence[Tenure], pinned: Sequence[tuple[TrustedKey, VerifierKey]], good: Collection[VerifierKey]
) -> str:
    """Why nobody whom this verifier pinned stands for a log whose key was replaced; "" when somebody does."""
    head = line[-1].key
    if head not in good and (distrusted := [key for key, vkey in pinned if vkey == head]):
        return f"the log's key: {distrusted[0].name}'s was revoked, and signs its head"
    doubts = []
    for tenure in line:
        if tenure.key in good:
            return ""
        for key, vkey in pinned:
            if vkey == tenure.key and tenure.ended is not None:
                # One that was merely given up let the next one in while it still counted.
                if not (why := distrust(key, tenure.ended.created)):
                    return ""
                doubts.append(why)
    unknown = f"UNKNOWN LOG KEY: no key is trusted for the log {origin}, key {fingerprint_groups(head.fingerprint)}"
    return doubts[0] if doubts else unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A checkpoint judged: `signed` when a line of the log's key is on it and holds."""

    note: SignedNote
    checkpoint: Checkpoint
    signed: bool
    findings: tuple[Finding, ...]


def judge_head(data: bytes, keys: LogKeys, subject: str) -> Head | Finding:
    """The checkpoint in `data`; a Finding when it is none of this log."""
    try:
        signed = note.parse(data)
        checkpoint = note.parse_checkpoint(signed.text)
    except FormatError as problem:
        return failed(Claim.LOG_CONSISTENCY, subject, f"altered: {problem.message}")
    return judge_note(signed, checkpoint, keys, subject)


def judge_note(signed: SignedNote, checkpoint: Checkpoint, keys: LogKeys, subject: str) -> Head | Finding:
    """Origin and signature lines of a checkpoint."""
    if checkpoint.origin != keys.origin:
        return failed(
            Claim.LOG_CONSISTENCY, subject, f"forged: a checkpoint of another log, {checkpoint.origin}", code="log-signature"
        )
    own = keys.signers(checkpoint.size)
    opened = note.verify(signed, keys.known(checkpoint.size))
    findings = [
        failed(Claim.LOG_CONSISTENCY, subject, f"forged: the line of {key.name} does not verify", code="log-signature")
        for key in opened.failed
    ]
    if own and not set(own) & set(opened.signed_by) and not opened.failed:
        # A key that is known to have been the log's at other sizes is no stranger: it may not sign this one.
        others = {tenure.key.key_hash for tenure in keys.line}
        strangers = [
            line
            for line in opened.unknown
            if line.name == keys.origin and line.key_hash not in others and not any(_damaged(line, key) for key in own)
        ]
        stranger = strangers[0] if keys.alone and strangers else None
        if stranger is not None:
            why = f"signed by a key of this log that is not known here, {stranger.name} {stranger.key_hash.hex()}; {_REPLACED}"
            findings.append(unchecked(Claim.LOG_CONSISTENCY, subject, why, needed=True, code="log-unknown"))
        else:
            why = f"forged: no signature by the log's key {own[0].encode()}{_another(signed, checkpoint, keys)}"
            findings.append(failed(Claim.LOG_CONSISTENCY, subject, why, code="log-signature"))
    findings += judge_lines(opened, keys.origin, keys.named, keys.demand, subject)
    return Head(
        note=signed,
        checkpoint=checkpoint,
        signed=bool(set(own) & set(opened.signed_by)),
        findings=tuple(findings),
    )


def _damaged(line: NoteSignature, key: VerifierKey) -> bool:
    """Whether the line names `key` but for one letter of its base64: a changed byte, and not another key."""
    change = (int.from_bytes(line.key_hash) ^ int.from_bytes(key.key_hash)) << 4
    return sum((change >> bits) & 63 != 0 for bits in range(0, 36, 6)) == 1


def _another(signed: SignedNote, checkpoint: Checkpoint, keys: LogKeys) -> str:
    """What is to be said of a checkpoint that another key of the log signed, at a size that is not that key's."""
    signers = note.verify(signed, [tenure.key for tenure in keys.line]).signed_by
    for tenure in keys.line:
        if tenure.key in signers and tenure.ended is not None and checkpoint.size > tenure.ended.index:
            return f"; it is signed by the key that entry {tenure.ended.index} of the log replaced"
        if tenure.key in signers:
            return f"; it is signed by the key that counts from {counted(tenure.first, 'entry')} on"
    return ""


# ------------------------------------------------------------------------------------------------------------ the whole log


class History:
    """A log's tree, entry by entry: every leaf, and the root at every size. 130 bytes an entry."""

    def __init__(self, entries: Iterable[bytes]) -> None:
        self.leaves: list[bytes] = []
        self.roots = [merkle.EMPTY_ROOT]
        tree = merkle.Frontier()
        for entry in entries:
            self.leaves.append(merkle.leaf_hash(entry))
            tree.add(self.leaves[-1])
            self.roots.append(tree.root())

    @property
    def size(self) -> int:
        return len(self.leaves)

    def holds(self, size: int, root: bytes) -> bool:
        """Whether the log had this root at this size."""
        return size <= self.size and self.roots[size] == root

    def is_entry(self, index: int, entry: bytes) -> bool:
        return index < self.size and self.leaves[index] == merkle.leaf_hash(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What was seen of a log before: its head, and the rollbacks that were stated in it by then (as `statement.digest`)."""

    head: Checkpoint
    rollbacks: frozenset[str] = frozenset()


def acceptance(old: Remembered, rollbacks: Collection[Statement]) -> Statement | None:
    """The one of `rollbacks` that says that this log, seen before, was given up; None when none does.

    One that was in the log already when it was seen gives up what was before it, and nothing that came after.
    """
    if not rollbacks:
        return None
    from preserve.formats import statement  # noqa: PLC0415 -- as above
    from preserve.model.event import Rollback  # noqa: PLC0415

    for said in rollbacks:
        if (
            isinstance(said.body, Rollback)
            and said.body.covers(old.head.size, old.head.root.hex())
            and statement.digest(said) not in old.rollbacks
        ):
            return said
    return None


def judge_memory(
    remembered: Sequence[Remembered], history: History, rollbacks: Sequence[Statement], subject: str
) -> Iterator[Finding]:
    """The log against what this verifier (or this user's own captures) saw of it before.

    What a trusted signer gave up and says so (`rollbacks`) is no forgery; whether to go along is this user's decision. What both memories
    say is said once.
    """
    yield from dict.fromkeys(_judge_memory(remembered, history, rollbacks, subject))


def _judge_memory(
    remembered: Sequence[Remembered], history: History, rollbacks: Sequence[Statement], subject: str
) -> Iterator[Finding]:
    for seen in remembered:
        old = seen.head
        if history.holds(old.size, old.root):
            continue
        what = (
            f"rolled back: it has {counted(history.size, 'entry')}, {old.size} were seen here before"
            if old.size > history.size
            else f"rewritten: its first {old.size} entries are not those seen here before"
        )
        accepted = acceptance(seen, rollbacks)
        if accepted is None:
            yield failed(Claim.LOG_CONSISTENCY, subject, what)
        else:
            yield unchecked(
                Claim.LOG_CONSISTENCY,
                subject,
                f"{what}; entry {accepted.log.size_before} says who accepted that, and why. If you accept it too:"
                f" preserve trust accept-rollback {accepted.log.origin}",
                needed=True,
            )


def judge_against(old: Checkpoint, history: History, subject: str) -> Finding:
    """The log against an older checkpoint of it, which somebody kept as `subject`."""
    if old.size > history.size:
        what = f"rolled back: the log has {counted(history.size, 'entry')}, this checkpoint {old.size}"
        return failed(Claim.LOG_CONSISTENCY, subject, what, code="log-fork")
    if not history.holds(old.size, old.root):
        what = f"rewritten: the first {old.size} entries of the log are not those of this checkpoint"
        return failed(Claim.LOG_CONSISTENCY, subject, what, code="log-fork")
    return passed(Claim.LOG_CONSISTENCY, subject, f"the log only grew since this checkpoint, of {counted(old.size, 'entry')}")


def judge_pair(one: Checkpoint, other: Checkpoint, subject: str, what: str, *, needed: bool) -> Finding:
    """Two checkpoints of one log, without the log: only those of one size can be compared. `what` names the other."""
    if one.size != other.size:
        why = f"whether it fits {what}, of {counted(other.size, 'entry')}, is shown by the log alone: preserve log verify ARCHIVE --against"
        return unchecked(Claim.LOG_CONSISTENCY, subject, why, needed=needed)
    if one.root != other.root:
        why = f"a fork: {what} has {counted(other.size, 'entry')} too, and another root"
        return failed(Claim.LOG_CONSISTENCY, subject, why, code="log-fork")
    return passed(Claim.LOG_CONSISTENCY, subject, f"the same log as {what}, of {counted(other.size, 'entry')}")


# ------------------------------------------------------------------------------------------------------------------ one run


def judge_link(manifest: Manifest, seal: bytes, history: History, subject: str) -> Iterator[Finding]:
    """The run's place in the log: its index is the log's size before it, and the log before it is the one that it signed."""
    before = manifest.log.size_before
    if not history.holds(before, bytes.fromhex(manifest.log.root_before)):
        yield failed(
            Claim.LOG_CONSISTENCY,
            subject,
            f"the log is not the one that this run was added to: its first {before} entries differ",
        )
    if before >= history.size:
        yield failed(Claim.LOG_INCLUSION, subject, f"not in the log: it says it is entry {before}, the log has {history.size}")
    elif not history.is_entry(before, seal):
        yield failed(Claim.LOG_INCLUSION, subject, f"not in the log: entry {before} is another one")


def judge_proof(
    data: bytes | None,
    manifest: Manifest,
    seal: bytes,
    keys: LogKeys,
    history: History | None,
    remembered: Sequence[Checkpoint],
    where: str,
) -> list[Finding]:
    """The proof that the run carries with it; `where` is its path. Without `history` (a lone run) consistency stays open."""
    if data is None:
        return []  # its absence is a finding of the tree
    try:
        proof = tlog.decode_proof(data)
        checkpoint = note.parse_checkpoint(proof.checkpoint.text)
    except FormatError as problem:
        return [failed(Claim.LOG_INCLUSION, where, f"altered: {problem.message}", code="log-proof")]
    head = judge_note(proof.checkpoint, checkpoint, keys, where)
    if isinstance(head, Finding):
        return [head]
    findings = [finding for finding in head.findings if finding.claim is not Claim.WITNESSES or history is None]
    if proof.index != manifest.log.size_before:
        findings.append(
            failed(
                Claim.LOG_INCLUSION,
                where,
                f"the proof is for entry {proof.index}, the manifest says {manifest.log.size_before}",
                code="log-proof",
            )
        )
    elif not proof.includes(seal):
        findings.append(
            failed(
                Claim.LOG_INCLUSION,
                where,
                f"the proof does not hold: SEAL is not entry {proof.index} of that log",
                code="log-proof",
            )
        )
    if history is not None and not history.holds(checkpoint.size, checkpoint.root):
        what = "rolled back" if checkpoint.size > history.size else "rewritten"
        findings.append(
            failed(
                Claim.LOG_CONSISTENCY,
                where,
                f"the log was {what}: this run's proof knows {counted(checkpoint.size, 'entry')} of another history",
            )
        )
    if history is None and any(old.size == checkpoint.size and old.root != checkpoint.root for old in remembered):
        why = f"a fork: a log of {counted(checkpoint.size, 'entry')} with another root was seen here before"
        findings.append(failed(Claim.LOG_CONSISTENCY, where, why, code="log-fork"))
    return findings

"""The append-only log: whose it is, whether it only grew, and whether each run is the entry it says (docs/formats/verification.md, step 6).

The log's key is the one that this user pinned for the origin. What the archive says of its own log (archive.toml) is held against
that, and stands in for it only to see whether signatures hold at all: then the claims stay open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from preserve.errors import FormatError
from preserve.formats import merkle, note, tlog
from preserve.formats.note import Checkpoint, KeyType, SignedNote, VerifierKey
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.trust import Manifest, TrustedKey, TrustRole
from preserve.rules.verify_signed import distrust


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """The keys that notes of one origin are judged by.

    `log` is None when neither the user nor the archive names one; `doubt` says why it establishes nothing, "" when it is pinned.
    """

    origin: str
    log: VerifierKey | None
    doubt: str
    witnesses: tuple[VerifierKey, ...]

    @property
    def known(self) -> tuple[VerifierKey, ...]:
        return (*((self.log,) if self.log else ()), *self.witnesses)


def log_keys(origin: str, trusted: Iterable[TrustedKey], said: VerifierKey | None, now: datetime) -> LogKeys:
    """Choose the keys for `origin`; `said` is what the archive itself names."""
    keys = [(key, VerifierKey.parse(key.vkey)) for key in trusted if key.vkey is not None]
    witnesses = tuple(
        vkey
        for key, vkey in keys
        if key.role is TrustRole.WITNESS and vkey.type is KeyType.COSIGNATURE_V1 and not distrust(key, now)
    )
    pinned = [(key, vkey) for key, vkey in keys if key.role is TrustRole.LOG and vkey.name == origin]
    good = [vkey for key, vkey in pinned if not distrust(key, now)]
    if good:
        # With several keys pinned for one origin, the archive's own word may choose among them, and only among them.
        return LogKeys(origin=origin, log=said if said in good else good[0], doubt="", witnesses=witnesses)
    if pinned:
        return LogKeys(origin=origin, log=pinned[0][1], doubt=distrust(pinned[0][0], now), witnesses=witnesses)
    named = f", key {fingerprint_groups(said.fingerprint)}" if said is not None else ""
    doubt = f"UNKNOWN LOG KEY: no key is trusted for the log {origin}{named}"
    return LogKeys(
        origin=origin, log=said if said is not None and said.name == origin else None, doubt=doubt, witnesses=witnesses
    )


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
    opened = note.verify(signed, keys.known)
    findings = [
        failed(Claim.LOG_CONSISTENCY, subject, f"forged: the line of {key.name} does not verify", code="log-signature")
        for key in opened.failed
    ]
    if keys.log is not None and keys.log not in opened.signed_by and not opened.failed:
        findings.append(
            failed(
                Claim.LOG_CONSISTENCY,
                subject,
                f"forged: no signature by the log's key {keys.log.encode()}",
                code="log-signature",
            )
        )
    findings += [
        passed(
            Claim.WITNESSES,
            subject,
            f"{seen.key.name} saw it at {rfc3339(datetime.fromtimestamp(min(seen.time, 1 << 37), UTC))}",
        )
        for seen in opened.cosigned_by
    ]
    findings += [
        unchecked(
            Claim.WITNESSES, subject, f"a signature line of a key that is not known here: {line.name} {line.key_hash.hex()}"
        )
        for line in opened.unknown
        if keys.log is not None or line.name != keys.origin
    ]
    return Head(
        note=signed,
        checkpoint=checkpoint,
        signed=keys.log is not None and keys.log in opened.signed_by,
        findings=tuple(findings),
    )


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


def judge_memory(remembered: Sequence[Checkpoint], history: History, subject: str) -> Iterator[Finding]:
    """The log against what this verifier (or this user's own captures) saw of it before."""
    for old in remembered:
        if old.size > history.size:
            yield failed(
                Claim.LOG_CONSISTENCY, subject, f"rolled back: it has {history.size} entries, {old.size} were seen here before"
            )
        elif not history.holds(old.size, old.root):
            yield failed(
                Claim.LOG_CONSISTENCY, subject, f"rewritten: its first {old.size} entries are not those seen here before"
            )


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
                f"the log was {what}: this run's proof knows {checkpoint.size} entries of another history",
            )
        )
    if history is None and any(old.size == checkpoint.size and old.root != checkpoint.root for old in remembered):
        why = f"a fork: a log of {checkpoint.size} entries with another root was seen here before"
        findings.append(failed(Claim.LOG_CONSISTENCY, where, why, code="log-fork"))
    return findings

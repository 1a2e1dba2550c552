"""What an archive's log says, carried outside of it: statements about keys and about removed records, each with the proof that the log holds it.

A run that a successor's key signed, or whose proof a successor of the log's key signed, is then judged as in the archive, by whoever
pinned the first keys; and a record that was removed is told from one that was altered. What the log says beside that is not here: nothing shows
a revocation that was left out. That adds no power: whoever has a key that is revoked can sign with that key itself, and show nothing
(docs/formats/wacz-profile.md section 5, docs/adr/0198, 0204, 0205).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from preserve.errors import FormatError
from preserve.flows.steady import Steady
from preserve.flows.verify_events import EventCheck, Events, read_rotations
from preserve.flows.verify_run import Told
from preserve.formats import note, statement, tlog
from preserve.formats.counted import counted
from preserve.formats.manifest import MAX_TOKEN
from preserve.formats.note import Checkpoint, SignedNote
from preserve.formats.tlog import TlogProof
from preserve.model.event import EventKind, Redaction, Statement
from preserve.model.finding import Claim, Finding, Result, failed, unchecked
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import keychain, succession
from preserve.rules import verify_event as event_rules
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_redaction as redaction_rules
from preserve.rules.succession import Rotated
from preserve.rules.verify_log import LogKeys
from preserve.rules.verify_redaction import Removal
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:
    from preserve.ports import Folder

PROOF = "log/entry.tlog-proof"
"""Of a carried event, in its folder."""
_KINDS = {f"-{kind}/": kind for kind in (EventKind.KEY, EventKind.REDACTION)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What follows from the statements that came along: the keys that are trusted, the rotations of the log's key, what was found.

    `archives` are the (id, origin of the log) that they speak for, `head` is the log's that they are proven against.
    """

    trusted: tuple[TrustedKey, ...]
    rotations: tuple[Rotated, ...] = ()
    findings: tuple[Finding, ...] = ()
    archives: frozenset[tuple[str, str]] = frozenset()
    head: Checkpoint | None = None
    redactions: tuple[EventCheck, ...] = ()
    """Unaltered, and each in the log of that head."""
    known_log: bool = False
    """Whether that head is signed by a log's key that is trusted."""

    def told(self, seal_sha256: str, signers: Collection[str]) -> Told:
        """What is said of the run with this SEAL, signed by these keys.

        A removal counts when the log is known, as in an archive, or when a signer of the run stated it. Else anybody could make a log,
        and with it an excuse for what they altered.
        """
        removals: list[Removal] = []
        for check in self.redactions:
            assert check.statement is not None, "that is what makes it one of them"
            if self.known_log or not {signer.keyid for signer in check.statement.signers}.isdisjoint(signers):
                said = redaction_rules.removals(check.statement, check.subject, check.signed)
                removals += [removal for sealed, removal in said if sealed == seal_sha256]
        return Told(removals={seal_sha256: removals} if removals else {})

    @property
    def replacements(self) -> frozenset[str]:
        """The hashes of what is stated to stand where records were."""
        return frozenset(
            record.replacement_sha256
            for check in self.redactions
            if check.statement is not None and isinstance(check.statement.body, Redaction)
            for record in check.statement.body.records
        )

    def judge_references(self, seals: Mapping[int, str]) -> Iterator[Finding]:
        """That each removal is of a run that is here; `seals` has the SHA-256 of their SEALs, by number."""
        for check in self.redactions:
            if check.statement is not None:
                yield from event_rules.judge_reference(check.statement, seals, check.subject)

    def judge_archive(self, manifest: Manifest, subject: str) -> Iterator[Finding]:
        """That they are of the archive that the run is of."""
        if self.archives - {(manifest.archive.id, manifest.log.origin)}:
            yield failed(
                Claim.EVENTS, subject, "forged: what is said of keys or removals is of another archive", code="other-archive"
            )

    def judge_head(self, proof: bytes | None, subject: str) -> Iterator[Finding]:
        """The head that they are proven against, beside the one that a run's own proof has."""
        try:
            known = None if proof is None else note.parse_checkpoint(tlog.decode_proof(proof).checkpoint.text)
        except FormatError:
            return  # what is wrong with it is found where it is judged
        if self.head is None or known is None or known.origin != self.head.origin:
            return
        if self.head.size < known.size:
            why = f"forged: proven against a head of {counted(self.head.size, 'entry')}, older than that of {subject}"
            yield failed(Claim.EVENTS, "events", why, code="event-proof")
        elif self.head.size == known.size and self.head.root != known.root:
            why = f"a fork: the proof of {subject} has another root for {counted(known.size, 'entry')}"
            yield failed(Claim.LOG_CONSISTENCY, "events", why, code="log-fork")


class Held:
    """Files in memory as a folder: what an archive says, for a run that is judged by itself."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self) -> frozenset[str]:
        """What lies directly in it."""
        return frozenset(path.partition("/")[0] for path in self._files)

    def walk(self) -> Iterator[Entry]:
        """Every file."""
        for path in sorted(self._files):
            yield Entry(path=path, kind=Kind.FILE, size=len(self._files[path]), links=1)

    def open(self, path: str) -> BinaryIO:
        """One of them; FileNotFoundError when there is none."""
        if path not in self._files:
            raise FileNotFoundError(path)
        return io.BytesIO(self._files[path])

    def read(self, path: str, limit: int) -> bytes:
        """The whole of it; FormatError when it is longer than `limit` bytes."""
        data = self.open(path).read()
        if len(data) > limit:
            raise FormatError(f"{path}: longer than {limit} bytes")
        return data


# ------------------------------------------------------------------------------------------------------------------- copying


def key_events(folder: Folder) -> Iterator[tuple[str, str, bytes]]:
    """Every file of the key events of the archive in `folder`, and their proofs: (event's name, path in its folder, content).

    Raises FormatError when the log cannot be read; the archive was verified before.
    """
    yield from _with_proofs(folder, [at for at in _places(folder) if at.endswith(f"-{EventKind.KEY}/")])


def events_about(folder: Folder, concerned: Callable[[Redaction], bool]) -> Iterator[tuple[str, str, bytes]]:
    """The same of all key events, and of the redactions that `concerned` asks for."""
    chosen = [
        at
        for at in _places(folder)
        if at.endswith(f"-{EventKind.KEY}/") or ((body := _redaction(folder, at)) is not None and concerned(body))
    ]
    yield from _with_proofs(folder, chosen)


def redactions(folder: Folder) -> Iterator[Redaction]:
    """What was stated to be removed from the archive in `folder`, in the order of the log."""
    for at in _places(folder):
        if (body := _redaction(folder, at)) is not None:
            yield body


def _redaction(folder: Folder, at: str) -> Redaction | None:
    if not at.endswith(f"-{EventKind.REDACTION}/"):
        return None
    body = statement.decode(folder.read(at + statement.NAME, statement.MAX_SIZE)).body
    return body if isinstance(body, Redaction) else None


def _places(folder: Folder) -> list[str]:
    """The folders of an archive's events, in the order of the log."""
    found = {at for entry in folder.walk() if entry.kind is Kind.FILE and (at := _place(entry.path))}
    return sorted(found, key=lambda at: (len(at.partition("-")[0]), at))


def _with_proofs(folder: Folder, places: Collection[str]) -> Iterator[tuple[str, str, bytes]]:
    if not places:
        return
    head = note.parse(folder.read(f"log/{tlog.CHECKPOINT}", note.MAX_NOTE))
    size = note.parse_checkpoint(head.text).size
    entries = [entry for entry in folder.walk() if entry.kind is Kind.FILE]

    def tile(path: str) -> bytes:
        return folder.read(f"log/{path}", tlog.MAX_BUNDLE)

    for at in places:
        name = at.split("/")[1]
        for entry in entries:
            if entry.path.startswith(at):
                yield name, entry.path.removeprefix(at), folder.read(entry.path, MAX_TOKEN)
        index = int(name.partition("-")[0])
        if index < size:
            path = tlog.inclusion(index, size, tile)
            yield name, PROOF, tlog.encode_proof(TlogProof(index=index, path=path, checkpoint=head))


# ----------------------------------------------------------------------------------------------------------------- following


def follow(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    now: datetime,
    demand: Demand | None = None,
    remembered: Callable[[str], Sequence[Checkpoint]] = lambda _: (),
) -> Carried:
    """Judge the statements in `folder`, which lie there as in an archive with their proofs, and obey what their log holds.

    `remembered` gives what was seen before of the log with an origin.
    """
    folder = Steady(folder)
    places: dict[str, list[Entry]] = {}
    proofs: dict[str, Entry] = {}
    for entry in folder.walk():
        at = _place(entry.path)
        if at and entry.path == at + PROOF:
            proofs[at] = entry
        elif _kind(at) is not None and entry.path not in {at.rstrip("/"), f"{at}log"}:
            places.setdefault(at, []).append(entry)
    if not places:
        return Carried(trusted=tuple(trusted))
    findings: list[Finding] = []
    held: dict[str, tuple[Statement, TlogProof]] = {}
    for at, files in places.items():
        found = _proven(folder, at, files, proofs.get(at))
        if isinstance(found, Finding):
            findings.append(found)
        else:
            held[at] = found
    heads = {(proof.checkpoint.text, proof.checkpoint.signatures): proof.checkpoint for _, proof in held.values()}
    if len(heads) > 1:
        why = "forged: they are proven against several heads of the log"
        findings.append(failed(Claim.EVENTS, "events", why, code="event-proof"))
    if findings or not heads:
        return Carried(trusted=tuple(trusted), findings=tuple(findings))
    (head,) = heads.values()
    checkpoint = note.parse_checkpoint(head.text)
    begun = Carried(
        trusted=tuple(trusted),
        archives=frozenset((said.archive, said.log.origin) for said, _ in held.values()),
        head=checkpoint,
    )
    rotations = read_rotations(folder, places)
    keys = log_rules.log_keys(checkpoint.origin, trusted, None, now, demand, rotations=rotations, alone=True)
    told = _judge_head(head, checkpoint, keys, remembered(checkpoint.origin))
    if any(finding.result is Result.FAIL for finding in told):
        return replace(begun, findings=tuple(told))

    def read(*, known_log: bool) -> Events:
        return Events(folder, places, {}, trusted, None, None, now, known_log=known_log, proven=True)

    events = read(known_log=not told)
    line = [] if told else [tenure.ended for tenure in keys.line if tenure.ended is not None]
    established = {said.log.size_before for said, _ in events.established(EventKind.KEY)}
    if any(one.index not in established for one in line):
        why = f"nobody whom you trust signed that the key of {keys.origin} was replaced; what is said of keys was not followed"
        told.append(unchecked(Claim.EVENTS, "events", why))
        events, line = read(known_log=False), []
    elif line:
        for said, check in events.established(EventKind.KEY):
            check.findings += succession.judge_followed(said, keys.line, check.subject)
    return replace(
        begun,
        trusted=events.trusted,
        rotations=tuple(line),
        findings=(*told, *_found(events)),
        redactions=tuple(_redactions(events)),
        known_log=not told,
    )


def _judge_head(head: SignedNote, checkpoint: Checkpoint, keys: LogKeys, remembered: Iterable[Checkpoint]) -> list[Finding]:
    """What is wrong with the head that they are proven against, or with trusting it."""
    judged = log_rules.judge_note(head, checkpoint, keys, "events")
    told = [judged] if isinstance(judged, Finding) else [one for one in judged.findings if one.claim is not Claim.WITNESSES]
    if any(old.size == checkpoint.size and old.root != checkpoint.root for old in remembered):
        why = f"a fork: a log of {counted(checkpoint.size, 'entry')} with another root was seen here before"
        told.append(failed(Claim.LOG_CONSISTENCY, "events", why, code="log-fork"))
    if keys.doubt and not told:
        why = f"{keys.doubt}; what is said of keys was not followed"
        told.append(unchecked(Claim.EVENTS, "events", why, needed=True, code="log-unknown"))
    return told


def _found(events: Events) -> Iterable[Finding]:
    """What is wrong with the events, and what they say. An unknown signer of one that nothing rests on takes nothing away here."""
    for check in events.checks:
        for finding in check.findings:
            if finding.result is Result.FAIL or not finding.needed or finding.code == keychain.UNFOLLOWED:
                yield finding


def _redactions(events: Events) -> Iterator[EventCheck]:
    for check in events.checks:
        if check.statement is not None and check.statement.kind is EventKind.REDACTION and not check.altered:
            yield check


def _proven(folder: Folder, at: str, entries: Iterable[Entry], proof: Entry | None) -> tuple[Statement, TlogProof] | Finding:
    """A statement and the proof that a log holds it; or what is wrong."""
    subject = at.rstrip("/")
    if proof is None or proof.kind is not Kind.FILE:
        return failed(Claim.EVENTS, subject, "missing: the proof that the log holds it", code="file-missing")
    if not any(entry.path == at + statement.NAME and entry.kind is Kind.FILE for entry in entries):
        return failed(Claim.EVENTS, at + statement.NAME, "missing: an event has it", code="file-missing")
    try:
        document = folder.read(at + statement.NAME, statement.MAX_SIZE)
        said = statement.decode(document)
    except FormatError as problem:
        return failed(Claim.EVENTS, subject, f"altered: {problem.message}", code="manifest-format")
    if said.kind is not _kind(at):
        return failed(Claim.EVENTS, subject, "forged: it is not what its folder is called", code="manifest-format")
    try:
        found = tlog.decode_proof(folder.read(proof.path, tlog.MAX_PROOF))
        checkpoint = note.parse_checkpoint(found.checkpoint.text)
    except FormatError as problem:
        return failed(Claim.EVENTS, subject, f"altered: {problem.message}", code="event-proof")
    if (checkpoint.origin, found.index) != (said.log.origin, said.log.size_before) or not found.includes(document):
        return failed(Claim.EVENTS, subject, "forged: the proof does not show that the log holds it", code="event-proof")
    return said, found


def _place(path: str) -> str:
    """The event's folder, with its last slash, that a path lies in; "" for what lies in none."""
    first, _, rest = path.partition("/")
    return f"events/{rest.partition('/')[0]}/" if first == "events" and rest else ""


def _kind(at: str) -> EventKind | None:
    """The kind of an event by its folder's name; None for kinds that are not carried."""
    return next((kind for suffix, kind in _KINDS.items() if at.endswith(suffix)), None)

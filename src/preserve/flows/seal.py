"""From an open run to a sealed one: lines, trees, manifest, signature, SEAL, log entry, proof.

Every step can be repeated: files are written beside their name and renamed, the same entry is appended to the log once. So a kill
between any two steps is finished by calling `seal` (no SEAL yet) or `enter` (SEAL is there) again. The order matters: the run is
complete and bound before the log commits to it, and it gets its place in runs/ last.

Before anything is signed, the WARC files are read back from the disk, so that what is signed is what lies there: every slice has the
hash that it was written with. That it is a gzip member that opens, and holds the record that was meant, was seen when it was written
(adapters.warcfile), before that hash was taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from preserve.errors import TrustError
from preserve.formats import lines, manifest, recordindex
from preserve.formats import seal as seal_format
from preserve.formats.gzipmember import crc32
from preserve.formats.merkle import Frontier, leaf_hash
from preserve.formats.times import http_date
from preserve.model.finding import Result
from preserve.model.lines import CaptureLine, RecordLine, SealLine
from preserve.model.manifest import (
    ArchiveLink,
    CaptureIndex,
    Case,
    ClockFacts,
    Environment,
    FileEntry,
    IndexFile,
    LogLink,
    Manifest,
    Operator,
    Role,
    SignerEntry,
    StartToken,
    TimestampEntry,
    Tool,
)
from preserve.model.noun import dataclass
from preserve.model.run import CitationRow, RunIdentity, Source
from preserve.model.web import Capture, Outcome, Stored
from preserve.ports import Ledger, Signer, Staging
from preserve.rules import verify_signed
from preserve.rules.seal import LineNumbers, capture_line, citation_line, source_line

SOURCES = "data/sources.jsonl"
CITATIONS = "data/citations.jsonl"
CAPTURES = "data/captures.jsonl"
PROOF = "log/seal.tlog-proof"
_CHUNK = 1 << 20
_CHANGED = "its bytes changed since they were written"
_SKEWS = 32
"""How many hosts' clocks the manifest tells of: enough to see our own one wrong."""


class Account(Protocol):
    """What is sealed, told: a capture's journal, or what an import gathered."""

    def identity(self) -> RunIdentity | None: ...

    def sources(self) -> Iterator[tuple[int, Source]]: ...

    def citations(self) -> Iterator[CitationRow]: ...

    def captures(self) -> Iterator[Capture]: ...

    def warcs(self) -> tuple[str, ...]: ...

    def records(self, warc: str) -> Iterator[Stored]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the manifest says beside what was captured; of the clock, what the system knows of it (None: nothing)."""

    archive_id: str
    previous_seal_sha256: str | None
    operator: Operator
    case: Case
    tool: Tool
    environment: Environment
    ntp_synchronised: bool | None = None
    max_error_ms: int | None = None
    timestamps: tuple[TimestampEntry, ...] = ()
    start_tokens: tuple[StartToken, ...] = ()


def seal(
    journal: Account,
    staging: Staging,
    ledger: Ledger,
    signer: Signer,
    about: About,
    *,
    now: datetime,
    salt: Callable[[], str],
    interrupted: bool,
    foreign: Sequence[FileEntry] = (),
) -> None:
    """Write everything of the run up to and including SEAL. `foreign` are files of other tools that lie in it, as they were copied.

    Raises TrustError when what lies on the disk is not what was written there: such a run is never signed.
    """
    identity = journal.identity()
    assert identity is not None, "only a run that was begun is sealed"
    sources = dict(journal.sources())
    files: list[FileEntry] = []
    source_index = _write_lines(
        staging, files, SOURCES, Role.SOURCE_INDEX, (lines.encode_source(source_line(n, s, salt())) for n, s in sources.items())
    )
    citation_index = _write_lines(
        staging,
        files,
        CITATIONS,
        Role.CITATION_INDEX,
        (lines.encode_citation(citation_line(row, sources[row.source], salt())) for row in journal.citations()),
    )
    tally = _Tally()
    capture_index = _write_lines(
        staging,
        files,
        CAPTURES,
        Role.CAPTURE_INDEX,
        (lines.encode_capture(tally.line(capture, salt())) for capture in journal.captures()),
    )
    for warc in journal.warcs():
        files.extend(_close_warc(journal, staging, warc))
    files.extend(
        FileEntry(path=torn, bytes=staging.size(torn), sha256=_sha256(staging, torn), role=Role.TORN)
        for torn in staging.files()
        if torn.startswith("data/") and torn.endswith(".bin")
    )
    files.extend(_kept_foreign(staging, entry) for entry in foreign)
    size, root = ledger.head()
    document = manifest.encode(
        Manifest(
            run_id=identity.run_id,
            nonce=identity.nonce,
            created=now,
            interrupted=interrupted,
            clock=ClockFacts(
                source="system",
                ntp_synchronised=about.ntp_synchronised,
                max_error_ms=about.max_error_ms,
                http_date_skew_ms=tuple(sorted(tally.skews.values())),
            ),
            archive=ArchiveLink(
                id=about.archive_id, sequence=identity.sequence, previous_seal_sha256=about.previous_seal_sha256
            ),
            log=LogLink(origin=ledger.origin, size_before=size, root_before=root.hex()),
            operator=about.operator,
            case=about.case,
            tool=about.tool,
            environment=about.environment,
            sources=source_index,
            citations=citation_index,
            captures=CaptureIndex(
                file=capture_index.file,
                count=capture_index.count,
                root=capture_index.root,
                captured=tally.outcomes[Outcome.CAPTURED],
                truncated=tally.outcomes[Outcome.TRUNCATED],
                failed=tally.outcomes[Outcome.FAILED],
                refused=tally.outcomes[Outcome.REFUSED],
            ),
            files=tuple(sorted(files, key=lambda file: file.path)),
            signers=(SignerEntry(keyid=signer.keyid, algorithm=signer.algorithm, name=signer.name),),
            timestamps=about.timestamps,
            start_tokens=about.start_tokens,
        )
    )
    bound = {
        seal_format.MANIFEST: document,
        seal_format.key_path(signer.keyid): signer.public_pem,
        seal_format.signature_path(signer.keyid): signer.sign(document),
    }
    for path, data in bound.items():
        _write(staging, path, data)
    _write(
        staging,
        "SEAL",
        seal_format.encode(SealLine(path=path, sha256=hashlib.sha256(data).hexdigest()) for path, data in bound.items()),
    )


def require_signed(staging: Staging, document: str, signers: Iterable[SignerEntry], what: str) -> None:
    """Raise TrustError when what is staged is not what its signers signed: the log's key makes it an entry, which stays for ever."""
    paths = ["SEAL", document]
    for signer in signers:
        paths += [seal_format.key_path(signer.keyid), seal_format.signature_path(signer.keyid)]
    held: dict[str, bytes] = {}
    for path in paths:
        if staging.exists(path):
            with staging.open(path) as file:
                held[path] = file.read()
    judged = verify_signed.judge_sealed(held, "", document)
    findings = [*judged.findings, *verify_signed.judge_signers(signers, judged.keys, "", "statement")]
    for finding in findings:
        if finding.result is Result.FAIL:
            raise TrustError(
                f"{what} waits in journal/ and is not what was signed: {finding.subject}: {finding.detail}",
                "somebody changed it, or put it there: look at it, then move it away",
            )


def enter(staging: Staging, ledger: Ledger) -> None:
    """Enter a staged run, whole up to SEAL, in the log and keep the proof with it. Safe to call again after a kill.

    Raises TrustError when the log is not the one that the run was sealed to follow.
    """
    with staging.open(seal_format.MANIFEST) as file:
        signed = manifest.decode(file.read())
        log = signed.log
    with staging.open("SEAL") as file:
        entry = file.read()
    size, root = ledger.head()
    if size == log.size_before and root.hex() == log.root_before:
        require_signed(staging, seal_format.MANIFEST, signed.signers, f"run {staging.name}")
        ledger.append(entry)
    elif size != log.size_before + 1 or ledger.entry(log.size_before) != entry:
        raise TrustError(
            f"run {staging.name} was sealed to be entry {log.size_before} of the log, which now has {size} entries of its own",
            "somebody put back an older log, or another archive's: restore log/ from the newest backup",
        )
    _write(staging, PROOF, ledger.proof(log.size_before))


def cited_from(staging: Staging) -> frozenset[tuple[str, str]]:
    """SHA-256 and name of each document that a staged run cites from, as its signed list says."""
    with staging.open(SOURCES) as file:
        read = [lines.decode_source(row) for row in file.read().splitlines()]
    return frozenset((line.sha256, line.name) for line in read)


class _Tally:
    """What the manifest says of the captures as a whole, gathered while their lines are written."""

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.skews: dict[str, int] = {}
        self._numbers = LineNumbers()

    def line(self, capture: Capture, salt: str) -> CaptureLine:
        """The capture's line, the next one of the file."""
        self._add(capture)
        number = self._numbers.add(capture.target.id)
        need = capture.target.need
        return capture_line(number, capture, salt, requisite_of=None if need is None else self._numbers.needing(need))

    def _add(self, capture: Capture) -> None:
        self.outcomes[capture.outcome] += 1
        if capture.http_date and capture.foreign is None and len(self.skews) < _SKEWS and capture.target.host not in self.skews:
            try:
                told = http_date(capture.http_date)
                skew = round((told - capture.finished_at).total_seconds() * 1000)
            except (ValueError, TypeError):
                return  # no date, or one without a zone: it says nothing of our clock
            if abs(skew) < 1 << 53:
                self.skews[capture.target.host] = skew


def _write_lines(staging: Staging, files: list[FileEntry], path: str, role: Role, rows: Iterable[bytes]) -> IndexFile:
    tree, digest, size = Frontier(), hashlib.sha256(), 0
    with staging.create(path) as file:
        for row in rows:
            tree.add(leaf_hash(row))
            line = row + b"\n"
            digest.update(line)
            size += len(line)
            file.write(line)
    files.append(FileEntry(path=path, bytes=size, sha256=digest.hexdigest(), role=role))
    return IndexFile(file=path, count=tree.size, root=tree.root().hex())


def _kept_foreign(staging: Staging, entry: FileEntry) -> FileEntry:
    """A file of another tool, read back: what is signed is what lies there."""
    if (staging.size(entry.path), _sha256(staging, entry.path)) != (entry.bytes, entry.sha256):
        raise TrustError(
            f"{entry.path}: {_CHANGED}", "the disk or another program changed it; nothing was signed. Import it again"
        )
    return entry


def _close_warc(journal: Account, staging: Staging, warc: str) -> tuple[FileEntry, FileEntry]:
    """Read one WARC file back, check it record by record, and write its record index.

    The file is hashed as it lies there; that a record is the one that was written is told by its CRC-32, which finds what disks and
    programs do to bytes. Who forges it gains nothing: the hash that is signed is the one that was taken when the record was written.
    """
    index = warc.removesuffix(".warc.gz") + ".records"
    whole, size, room = hashlib.sha256(), 0, memoryview(bytearray(_CHUNK))
    files: list[FileEntry] = []

    def rows() -> Iterable[bytes]:
        nonlocal size
        with staging.open(warc) as file:
            for records in _together(journal.records(warc), len(room)):
                changed = _changed(file, records, whole, room)
                if changed is not None:
                    raise TrustError(
                        f"{warc}: record {changed.index} at offset {changed.offset}: {_CHANGED}",
                        "the disk or another program changed it; nothing was signed."
                        " `preserve capture --resume` captures what is lost again",
                    )
                for record in records:
                    size += record.length
                    yield recordindex.leaf(
                        RecordLine(index=record.index, offset=record.offset, length=record.length, sha256=record.sha256)
                    )
            if file.read(1):
                raise TrustError(f"{warc}: there are bytes after the last record", "do not write into an open run")

    tree = _write_lines(staging, files, index, Role.RECORD_INDEX, rows())
    entry = FileEntry(path=warc, bytes=size, sha256=whole.hexdigest(), role=Role.WARC, records=tree)
    return entry, files[0]


def _together(records: Iterable[Stored], room: int) -> Iterator[list[Stored]]:
    """Records that follow each other, as many as fit into `room` bytes; one that does not fit alone."""
    batch: list[Stored] = []
    length = 0
    for record in records:
        if batch and length + record.length > room:
            yield batch
            batch, length = [], 0
        batch.append(record)
        length += record.length
    if batch:
        yield batch


def _changed(file: BinaryIO, records: Sequence[Stored], whole: hashlib._Hash, room: memoryview) -> Stored | None:
    """The first of these records, which come next in `file`, that is not as it was written; the bytes are added to `whole`."""
    left = sum(record.length for record in records)
    if left > len(room):
        (large,) = records
        crc = 0
        while left and (count := _fill(file, room[: min(left, len(room))])):
            whole.update(room[:count])
            crc = crc32(room[:count], crc)
            left -= count
        return None if not left and _fits(large, crc) else large
    read, begin = _fill(file, room[:left]), 0
    whole.update(room[:read])
    for record in records:
        end = begin + record.length
        if end > read or not _fits(record, crc32(room[begin:end])):
            return record
        begin = end
    return None


def _fits(record: Stored, crc: int) -> bool:
    """Whether bytes with this CRC-32, and the hash that is known of them, are those that were written."""
    return crc32(record.sha256.encode(), crc) == record.crc32


def _fill(file: BinaryIO, room: memoryview) -> int:
    """Read as many bytes as there is room for, or as there are."""
    filled = 0
    while filled < len(room) and (count := file.readinto(room[filled:])):  # type: ignore[attr-defined] # every binary file has it
        filled += count
    return filled


def _sha256(staging: Staging, path: str) -> str:
    with staging.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # a BinaryIO is all that is read from


def _write(staging: Staging, path: str, data: bytes) -> None:
    with staging.create(path) as file:
        file.write(data)

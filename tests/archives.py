"""Good archives, made from the formats alone: no capture, no network, no code of the sealing flow.

An Archivist holds the keys and makes runs; the verifier under test shares with it the formats, nothing else. Attacks get the same
means: every step can be done again with other keys or other content (tests/attacks).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve.formats import (
    description,
    gzipmember,
    lines,
    manifest,
    merkle,
    note,
    publickey,
    recordindex,
    seal,
    statement,
    tlog,
    warc,
)
from preserve.formats.note import Checkpoint, KeyType, VerifierKey
from preserve.model.archive import Description
from preserve.model.event import Body, Custody, LogRotation, Statement
from preserve.model.lines import CaptureLine, CitationLine, CitedInLine, RecordLine, RecordRef, SealLine, SourceLine
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
    Tool,
)
from preserve.model.trust import TrustedKey, TrustRole
from preserve.model.web import Memory, Outcome, Record, Verdict

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW = START + timedelta(days=30)

Files = dict[str, bytes]
Tweak = Callable[[Manifest], Manifest]


class Pen:
    """An Ed25519 key that anybody may hold, made from a seed so that archives are the same in every run of the tests."""

    def __init__(self, seed: str) -> None:
        self.name = seed
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = publickey.from_ed25519(raw)
        self.raw = raw

    @property
    def keyid(self) -> str:
        return self.public.keyid

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    @property
    def entry(self) -> SignerEntry:
        return SignerEntry(keyid=self.keyid, algorithm="ed25519", name=self.name)

    @property
    def pinned(self) -> TrustedKey:
        return TrustedKey(name=self.name, role=TrustRole.OPERATOR, keyid=self.keyid, vkey=None, added=START)


class LogPen(Pen):
    """A log's key."""

    def __init__(self, seed: str, origin: str) -> None:
        super().__init__(seed)
        self.key = VerifierKey(name=origin, type=KeyType.ED25519, public=self.raw)

    @property
    def pinned(self) -> TrustedKey:
        return TrustedKey(
            name=self.key.name, role=TrustRole.LOG, keyid=self.key.fingerprint, vkey=self.key.encode(), added=START
        )


class WitnessPen(Pen):
    """A witness of logs."""

    def __init__(self, seed: str, name: str = "witness.example/w1") -> None:
        super().__init__(seed)
        self.key = VerifierKey(name=name, type=KeyType.COSIGNATURE_V1, public=self.raw)

    def line(self, text: bytes, time: int) -> note.NoteSignature:
        message = f"cosignature/v1\ntime {time}\n".encode() + text
        return note.NoteSignature(
            name=self.key.name, key_hash=self.key.key_hash, signature=time.to_bytes(8, "big") + self.sign(message)
        )

    @property
    def pinned(self) -> TrustedKey:
        return TrustedKey(
            name=self.key.name, role=TrustRole.WITNESS, keyid=self.key.fingerprint, vkey=self.key.encode(), added=START
        )


def salt(*about: object) -> str:
    return hashlib.sha256(repr(about).encode()).hexdigest()[:32]


def member(type_: str, url: str, block: bytes, number: int, **more: str) -> bytes:
    """One record as it is stored; `more` fields of its header."""
    record = Record(
        type=type_,
        id=f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        date=START,
        fields=(
            *((("WARC-Target-URI", url),) if url else ()),
            (
                "Content-Type",
                "application/warc-fields" if type_ == "warcinfo" else f"application/http; msgtype={type_}",
            ),
            ("WARC-Block-Digest", "sha256:" + hashlib.sha256(block).hexdigest()),
            *more.items(),
        ),
        body=Memory(block),
    )
    return gzipmember.pack(warc.header(record), block, warc.END)


@dataclass(kw_only=True)
class Archivist:
    """Makes an archive run by run and keeps what an insider would have: its keys and every file made."""

    origin: str = "archive.example/main/log"
    id: str = "archive.example/main"
    signers: Sequence[Pen] = field(default_factory=lambda: (Pen("A. Archivist"),))
    witnesses: Sequence[WitnessPen] = ()
    runs: list[Files] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    documents: Files = field(default_factory=dict)
    events: dict[str, Files] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    first_log: LogPen | None = None
    """The log's first key, where another one followed."""

    @cached_property
    def log(self) -> LogPen:
        return LogPen("the log", self.origin)

    @property
    def trusted(self) -> tuple[TrustedKey, ...]:
        return (self.signers[0].pinned, self.log.pinned)

    # ------------------------------------------------------------------------------------------------------------ one run

    def add_run(self, pages: int = 3, *, tweak: Tweak = lambda manifest: manifest, **options: Any) -> Files:
        """Capture, seal and log one more run; `tweak` changes the manifest before it is signed."""
        sequence = len(self.runs)
        files = data_files(sequence, pages, **options)
        document = f"The register of stations, part {sequence}.\n".encode()
        self.documents[f"documents/{hashlib.sha256(document).hexdigest()}/paper-{sequence}.txt"] = document
        return self.add_signed(files, manifest.encode(tweak(self.manifest(files, sequence, pages))))

    def add_signed(self, files: Files, document: bytes, signers: Sequence[Pen] | None = None) -> Files:
        """Sign whatever `document` says, and give it its place in the archive and in the log."""
        sequence = len(self.runs)
        run = self.seal(files, document, signers)
        self.append(run)
        self.names.append(f"{sequence:06d}-{START + timedelta(days=sequence):%Y%m%dt%H%M%Sz}")
        self.runs.append(run)
        return run

    def manifest(self, files: Files, sequence: int, pages: int) -> Manifest:
        """What an honest signer says of `files` at this place in the archive."""
        entries = tuple(file_entry(path, files) for path in sorted(files))
        before = self.runs[sequence - 1]["SEAL"] if sequence else None
        return Manifest(
            run_id=f"00000000-0000-4000-8000-{sequence:012d}",
            nonce=hashlib.sha256(b"nonce %d" % sequence).hexdigest(),
            created=START + timedelta(days=sequence, minutes=10),
            interrupted=False,
            clock=ClockFacts(source="system", ntp_synchronised=None, max_error_ms=None, http_date_skew_ms=()),
            archive=ArchiveLink(
                id=self.id,
                sequence=sequence,
                previous_seal_sha256=None if before is None else hashlib.sha256(before).hexdigest(),
            ),
            log=LogLink(
                origin=self.origin,
                size_before=len(self.entries),
                root_before=merkle.root(map(merkle.leaf_hash, self.entries)).hex(),
            ),
            operator=Operator(name="A. Archivist", organisation=None, role=None),
            case=Case(reference=None, legal_basis=None, notes=""),
            tool=Tool(
                name="preserve",
                version="0",
                source_sha256=None,
                python="3",
                platform="test",
                config_sha256="0" * 64,
                dependencies=(),
            ),
            environment=Environment(hostname_sha256=None, egress_ip=None, vantage="local", user_agent="preserve/0"),
            sources=index("data/sources.jsonl", files),
            citations=index("data/citations.jsonl", files),
            captures=CaptureIndex(
                **{name: getattr(index("data/captures.jsonl", files), name) for name in ("file", "count", "root")},
                captured=pages,
                truncated=0,
                failed=0,
                refused=0,
            ),
            files=entries,
            signers=tuple(pen.entry for pen in self.signers),
            timestamps=(),
            start_tokens=(),
        )

    def seal(self, files: Mapping[str, bytes], document: bytes, signers: Sequence[Pen] | None = None) -> Files:
        """A run folder without its log proof: signed by `signers`, bound by a SEAL."""
        bound = {"manifest.json": document}
        for pen in self.signers if signers is None else signers:
            bound[f"keys/{pen.keyid}.pem"] = pen.public.pem
            bound[f"signatures/{pen.keyid}.sig"] = pen.sign(document)
        return {**files, **bound, "SEAL": seal_over(bound)}

    def append(self, run: Files) -> None:
        """Make the run the log's next entry and give it its proof."""
        self.entries.append(run["SEAL"])
        run["log/seal.tlog-proof"] = self.proof(len(self.entries) - 1)

    # -------------------------------------------------------------------------------------------------------------- events

    def statement(self, body: Body, signers: Sequence[Pen] | None = None) -> Statement:
        """What an honest signer says of an event that happens now."""
        signing = self.signers[:1] if signers is None else signers
        return Statement(
            archive=self.id,
            log=LogLink(
                origin=self.origin,
                size_before=len(self.entries),
                root_before=merkle.root(map(merkle.leaf_hash, self.entries)).hex(),
            ),
            created=START + timedelta(days=max(len(self.runs) - 1, 0), minutes=15 + len(self.events)),
            actor=Operator(name="A. Archivist", organisation=None, role=None),
            body=body,
            signers=tuple(pen.entry for pen in signing),
            timestamps=(),
        )

    def add_event(
        self,
        body: Body | None = None,
        signers: Sequence[Pen] | None = None,
        *,
        tweak: Callable[[Statement], Statement] = lambda stated: stated,
    ) -> str:
        """State, sign and log an event; its path, with a slash at the end. `tweak` changes the statement before it is signed."""
        stated = tweak(self.statement(body or Custody(action="copy", reason="a second copy"), signers))
        return self.add_stated(statement.encode(stated), stated.name, signers)

    def add_stated(self, document: bytes, name: str, signers: Sequence[Pen] | None = None) -> str:
        """Sign and log whatever `document` says."""
        bound = {"statement.json": document}
        for pen in self.signers[:1] if signers is None else signers:
            bound[f"keys/{pen.keyid}.pem"] = pen.public.pem
            bound[f"signatures/{pen.keyid}.sig"] = pen.sign(document)
        self.events[name] = {**bound, "SEAL": seal_over(bound, "statement.json")}
        self.entries.append(document)
        return f"events/{name}/"

    # ------------------------------------------------------------------------------------------------------------ the log

    def rotate_log(self, new: LogPen, signers: Sequence[Pen] | None = None, **body: Any) -> str:
        """State that `new` follows the log's key, signed by the first signer and both keys, and sign with it from now on."""
        signing = (self.signers[0], self.log, new) if signers is None else signers
        at = self.add_event(LogRotation(**{"old": self.log.key.encode(), "new": new.key.encode(), **body}), signing)
        self.first_log, self.log = self.first_log or self.log, new
        return at

    def checkpoint(self, size: int | None = None, pen: LogPen | None = None) -> note.SignedNote:
        leaves = [merkle.leaf_hash(entry) for entry in self.entries[:size]]
        head = Checkpoint(origin=self.origin, size=len(leaves), root=merkle.root(leaves))
        signed = note.sign(head.encode(), [pen or self.log])
        extra = tuple(witness.line(signed.text, 1_795_000_000) for witness in self.witnesses)
        return replace(signed, signatures=signed.signatures + extra)

    def proof(self, at: int, size: int | None = None) -> bytes:
        leaves = [merkle.leaf_hash(entry) for entry in self.entries[:size]]
        path = merkle.inclusion_path(at, len(leaves), merkle.in_memory(leaves))
        return tlog.encode_proof(tlog.TlogProof(index=at, path=path, checkpoint=self.checkpoint(size)))

    def log_files(self) -> Files:
        files = {f"log/{path}": data for path, data in tlog.files(self.entries)}
        if self.entries:
            files["log/checkpoint"] = self.checkpoint().encode()
        return files

    # ------------------------------------------------------------------------------------------------------------ on disk

    def files(self) -> Files:
        """Every file of the archive by its path."""
        about = Description(id=self.id, origin=self.origin, log=(self.first_log or self.log).key.encode())
        found = {"archive.toml": description.encode(about), **self.documents, **self.log_files()}
        for name, run in zip(self.names, self.runs, strict=True):
            found |= {f"runs/{name}/{path}": data for path, data in run.items()}
        for name, event in self.events.items():
            found |= {f"events/{name}/{path}": data for path, data in event.items()}
        return found

    def write(self, root: Path) -> Path:
        write(root, self.files())
        return root


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def seal_over(bound: Mapping[str, bytes], document: str = "manifest.json") -> bytes:
    return seal.encode((SealLine(path=path, sha256=hashlib.sha256(data).hexdigest()) for path, data in bound.items()), document)


def index(path: str, files: Mapping[str, bytes]) -> IndexFile:
    count, root = merkle.root_of_lines(files[path])
    return IndexFile(file=path, count=count, root=root.hex())


def file_entry(path: str, files: Mapping[str, bytes]) -> FileEntry:
    role = {
        "data/captures.jsonl": Role.CAPTURE_INDEX,
        "data/citations.jsonl": Role.CITATION_INDEX,
        "data/sources.jsonl": Role.SOURCE_INDEX,
    }.get(path, Role.WARC if path.endswith(".warc.gz") else Role.RECORD_INDEX if path.endswith(".records") else Role.TORN)
    return FileEntry(
        path=path,
        bytes=len(files[path]),
        sha256=hashlib.sha256(files[path]).hexdigest(),
        role=role,
        records=index(path.removesuffix(".warc.gz") + ".records", files) if role is Role.WARC else None,
    )


def record_index(members: Sequence[bytes]) -> bytes:
    offset, rows = 0, []
    for number, data in enumerate(members):
        rows.append(RecordLine(index=number, offset=offset, length=len(data), sha256=hashlib.sha256(data).hexdigest()))
        offset += len(data)
    return recordindex.encode(rows)


def data_files(sequence: int, pages: int, *, body: Callable[[int], bytes] | None = None, torn: bool = False) -> Files:
    """What lies under data/ for a run of so many captured pages, each cited once, and one citation that nothing answers."""
    name = f"data/archive-{sequence:06d}-0001"
    document = hashlib.sha256(f"The register of stations, part {sequence}.\n".encode()).hexdigest()
    source = f"paper-{sequence}.txt"
    members = [member("warcinfo", "", b"software: preserve/0\r\n", 0)]
    captures, citations = [], []
    for page in range(pages):
        url = f"http://station-{page}.example/page?run={sequence}"
        content = body(page) if body else f"<p>Station {page}, part {sequence}, opened in 19{page:02d}.</p>".encode()
        request = f"GET /page?run={sequence} HTTP/1.1\r\nHost: station-{page}.example\r\n\r\n".encode()
        members.append(member("request", url, request, 2 * page + 1))
        members.append(member("response", url, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + content, 2 * page + 2))
        captures.append(capture_line(page, url, content, f"{name}.warc.gz", document, source, sequence))
        citations.append(citation_line(page, url, document, source, None, sequence))
    citations.append(citation_line(pages, None, document, source, "the printed address is cut", sequence))
    listed = SourceLine(
        source=0, name=source, bytes=40, sha256=document, media_type="text/plain", salt=salt("source", sequence)
    )
    files = {
        f"{name}.warc.gz": b"".join(members),
        f"{name}.records": record_index(members),
        "data/captures.jsonl": b"".join(lines.encode_capture(line) + b"\n" for line in captures),
        "data/citations.jsonl": b"".join(lines.encode_citation(line) + b"\n" for line in citations),
        "data/sources.jsonl": lines.encode_source(listed) + b"\n",
    }
    if torn:
        files[f"{name.removesuffix('-0001')}-torn-0001.bin"] = b"\x1f\x8b\x08\x00half a member"
    return files


def capture_line(
    number: int, url: str, content: bytes, warc_path: str, document: str, source: str, sequence: int
) -> CaptureLine:
    return CaptureLine(
        capture=number,
        url=url,
        final_url=url,
        outcome=Outcome.CAPTURED,
        reason="",
        status=200,
        verdict=Verdict.OK,
        signals=(),
        requested_at=START + timedelta(days=sequence),
        finished_at=START + timedelta(days=sequence, seconds=1),
        payload_sha256=hashlib.sha256(content).hexdigest(),
        payload_bytes=len(content),
        truncated=None,
        hops=(),
        records=(
            RecordRef(warc=warc_path, index=2 * number + 2, type="response"),
            RecordRef(warc=warc_path, index=2 * number + 1, type="request"),
        ),
        server=None,
        http_date=None,
        retries=0,
        cited_in=(
            CitedInLine(
                citation=number, as_written=url, document_sha256=document, locator=f"footnote {number + 1}", name=source
            ),
        ),
        requisite_of=None,
        salt=salt("capture", sequence, number),
    )


def citation_line(
    number: int, url: str | None, document: str, source: str, not_captured: str | None, sequence: int
) -> CitationLine:
    return CitationLine(
        citation=number,
        document=source,
        document_sha256=document,
        note=str(number + 1),
        note_inferred=None,
        where="notes",
        kind="url",
        url=url,
        url_as_printed=url,
        candidates=(),
        text=None,
        title=None,
        date=None,
        page=None,
        line=number + 1,
        uncertain=False,
        problem=None if url else "the address is cut",
        refers_to=None,
        not_captured=not_captured,
        salt=salt("citation", sequence, number),
    )


def manifest_json(run: Files) -> dict[str, Any]:
    """The manifest as a plain dictionary, for edits that the format would refuse to write."""
    value = json.loads(run["manifest.json"])
    assert isinstance(value, dict)
    return value

"""The lines of data/sources.jsonl, citations.jsonl and captures.jsonl (docs/formats/captures.md).

One JSON object a line, members sorted, no spaces. The exact bytes of a line without its newline are a leaf of the Merkle tree whose
root the manifest signs, so that one line can be handed over alone; its salt keeps the others from being guessed from their hashes.
Decoders are as strict as the manifest's: exact types, no unknown field, one spelling: a member that says what its absence says is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import BinaryIO, TypeVar

from preserve.errors import FormatError
from preserve.formats import merkle, strictjson
from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.lines import (
    CandidateLine,
    CaptureLine,
    CitationLine,
    CitedInLine,
    ForeignLine,
    HopLine,
    MementoLine,
    RecordRef,
    ServerLine,
    SourceLine,
    TlsLine,
    TriedLine,
)
from preserve.model.outcome import Outcome, Truncation, Verdict

MAX_LINE = 1 << 24
"""Bytes of one line."""
_BLOCK = 1 << 18

_SOMETHING = re.compile(r"(?s).+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

_T = TypeVar("_T")


class _Where(StrEnum):
    NOTES = "notes"
    BODY = "body"


# ------------------------------------------------------------------------------------------------------------------- sources


def encode_source(line: SourceLine) -> bytes:
    """One line without its newline."""
    return strictjson.encode_line(
        {
            "source": line.source,
            "name": line.name,
            "bytes": line.bytes,
            "sha256": line.sha256,
            "media_type": line.media_type,
            "salt": line.salt,
        }
    )


def decode_source(data: bytes) -> SourceLine:
    """One line without its newline; raises FormatError."""
    return _decode(data, "source", _read_source)


def _read_source(fields: Fields) -> SourceLine:
    return SourceLine(
        source=fields.integer("source"),
        name=fields.text("name"),
        bytes=fields.integer("bytes"),
        sha256=fields.hash("sha256"),
        media_type=fields.text("media_type"),
        salt=fields.text("salt"),
    )


# ----------------------------------------------------------------------------------------------------------------- citations


def encode_citation(line: CitationLine) -> bytes:
    """One line without its newline."""
    return strictjson.encode_line(
        {
            "citation": line.citation,
            "document": line.document,
            "document_sha256": line.document_sha256,
            "note": line.note,
            "note_inferred": line.note_inferred,
            "where": line.where,
            "kind": line.kind,
            "url": line.url,
            "url_as_printed": line.url_as_printed,
            "candidates": [{"url": candidate.url, "why": candidate.why} for candidate in line.candidates],
            "text": line.text,
            "title": line.title,
            "date": line.date,
            "page": line.page,
            "line": line.line,
            "uncertain": line.uncertain,
            "problem": line.problem,
            "refers_to": line.refers_to,
            "not_captured": line.not_captured,
            "salt": line.salt,
        }
    )


def decode_citation(data: bytes) -> CitationLine:
    """One line without its newline; raises FormatError."""
    return _decode(data, "citation", _read_citation)


def _read_citation(fields: Fields) -> CitationLine:
    return CitationLine(
        citation=fields.integer("citation"),
        document=fields.text("document"),
        document_sha256=fields.hash("document_sha256"),
        note=fields.or_null("note", fields.text),
        note_inferred=fields.or_null("note_inferred", fields.text),
        where=fields.choice("where", _Where).value,
        kind=fields.text("kind"),
        url=fields.or_null("url", fields.text),
        url_as_printed=fields.or_null("url_as_printed", fields.text),
        candidates=fields.array("candidates", _candidate),
        text=fields.or_null("text", fields.text),
        title=fields.or_null("title", fields.text),
        date=fields.or_null("date", fields.text),
        page=fields.or_null("page", fields.integer),
        line=fields.or_null("line", fields.integer),
        uncertain=fields.boolean("uncertain"),
        problem=fields.or_null("problem", fields.text),
        refers_to=fields.or_null("refers_to", fields.text),
        not_captured=fields.or_null("not_captured", fields.text),
        salt=fields.text("salt"),
    )


def _candidate(value: Json, where: str) -> CandidateLine:
    fields = Fields(value, where)
    candidate = CandidateLine(url=fields.text("url"), why=fields.text("why"))
    fields.end()
    return candidate


# ------------------------------------------------------------------------------------------------------------------ captures


def encode_capture(line: CaptureLine) -> bytes:
    """One line without its newline."""
    members: dict[str, Json] = {
        "capture": line.capture,
        "url": line.url,
        "final_url": line.final_url,
        "outcome": line.outcome.value,
        "status": line.status,
        "verdict": None if line.verdict is None else line.verdict.value,
        "requested_at": rfc3339(line.requested_at),
        "finished_at": rfc3339(line.finished_at),
        "payload_sha256": line.payload_sha256,
        "payload_bytes": line.payload_bytes,
        "records": [{"warc": record.warc, "index": record.index, "type": record.type} for record in line.records],
        "server": None if line.server is None else _write_server(line.server),
        "salt": line.salt,
    }
    if line.reason:
        members["reason"] = line.reason
    if line.signals:
        members["signals"] = line.signals
    if line.truncated is not None:
        members["truncated"] = line.truncated.value
    if line.hops != _straight(line.final_url, line.status, line.outcome):
        members["hops"] = [
            {"url": hop.url, "status": hop.status, "location": hop.location, "outcome": hop.outcome.value} for hop in line.hops
        ]
    if line.http_date is not None:
        members["http_date"] = line.http_date
    if line.retries:
        members["retries"] = line.retries
    if line.candidates:
        members["candidates"] = [
            {
                "url": tried.url,
                "outcome": tried.outcome.value,
                "status": tried.status,
                "verdict": None if tried.verdict is None else tried.verdict.value,
                "why": tried.why,
            }
            for tried in line.candidates
        ]
    if line.chosen is not None:
        members["chosen"] = line.chosen
    if line.memento is not None:
        members["memento"] = write_memento(line.memento)
    if line.foreign is not None:
        members["foreign"] = write_foreign(line.foreign)
    if line.unchanged:
        members["unchanged"] = line.unchanged
    if line.requisite_of is not None:
        members["requisite_of"] = line.requisite_of
    else:
        members["cited_in"] = [
            {
                "citation": cited.citation,
                "as_written": cited.as_written,
                "document_sha256": cited.document_sha256,
                "locator": cited.locator,
                "name": cited.name,
            }
            for cited in line.cited_in
        ]
    return strictjson.encode_line(members)


def _straight(url: str, status: int | None, outcome: Outcome) -> tuple[HopLine, ...]:
    """The hops of what was asked once and led nowhere else."""
    return (HopLine(url=url, status=status, location=None, outcome=outcome),)


def decode_capture(data: bytes) -> CaptureLine:
    """One line without its newline; raises FormatError."""
    return _decode(data, "capture", _read_capture)


def _read_capture(fields: Fields) -> CaptureLine:
    requisite = fields.has("requisite_of")
    final_url = fields.text("final_url")
    outcome, status = fields.choice("outcome", Outcome), fields.or_null("status", fields.integer)
    straight = _straight(final_url, status, outcome)
    return CaptureLine(
        capture=fields.integer("capture"),
        url=fields.text("url"),
        final_url=final_url,
        outcome=outcome,
        reason=fields.text("reason", _SOMETHING) if fields.has("reason") else "",
        status=status,
        verdict=fields.or_null("verdict", fields.choice, Verdict),
        signals=_unless(fields, "signals", (), strictjson.text),
        requested_at=fields.time("requested_at"),
        finished_at=fields.time("finished_at"),
        payload_sha256=fields.or_null("payload_sha256", fields.hash),
        payload_bytes=fields.integer("payload_bytes"),
        truncated=fields.choice("truncated", Truncation) if fields.has("truncated") else None,
        hops=_unless(fields, "hops", straight, _hop),
        records=fields.array("records", _record),
        server=_server(fields),
        http_date=fields.text("http_date") if fields.has("http_date") else None,
        retries=fields.integer("retries", 1) if fields.has("retries") else 0,
        cited_in=() if requisite else fields.array("cited_in", _cited_in),
        requisite_of=fields.integer("requisite_of") if requisite else None,
        salt=fields.text("salt"),
        candidates=_unless(fields, "candidates", (), _tried),
        chosen=fields.text("chosen") if fields.has("chosen") else None,
        memento=_memento(fields.object("memento")) if fields.has("memento") else None,
        foreign=_foreign(fields.object("foreign")) if fields.has("foreign") else None,
        unchanged=fields.integer("unchanged", 1) if fields.has("unchanged") else 0,
    )


def write_foreign(foreign: ForeignLine) -> dict[str, Json]:
    """The member `foreign` of a capture's line, here and in what commands print."""
    return {
        "file": foreign.file,
        "name": foreign.name,
        "software": foreign.software,
        "operator": foreign.operator,
        "signed": foreign.signed,
    }


def _foreign(fields: Fields) -> ForeignLine:
    foreign = ForeignLine(
        file=fields.text("file", _SOMETHING),
        name=fields.text("name", _SOMETHING),
        software=fields.or_null("software", fields.text, _SOMETHING),
        operator=fields.or_null("operator", fields.text, _SOMETHING),
        signed=fields.or_null("signed", fields.text, _SOMETHING),
    )
    fields.end()
    return foreign


def write_memento(memento: MementoLine) -> dict[str, Json]:
    """The member `memento` of a capture's line, here and in what commands print."""
    members: dict[str, Json] = {
        "timegate": memento.timegate,
        "url": memento.url,
        "requested": memento.requested,
        "datetime": None if memento.taken is None else rfc3339(memento.taken),
        "distance_days": memento.distance_days,
        "payload_sha256": memento.payload_sha256,
    }
    if memento.problem:
        members["problem"] = memento.problem
    return members


def _memento(fields: Fields) -> MementoLine:
    memento = MementoLine(
        timegate=fields.text("timegate"),
        url=fields.or_null("url", fields.text),
        requested=fields.text("requested", _DAY),
        taken=fields.or_null("datetime", fields.time),
        distance_days=fields.or_null("distance_days", fields.integer),
        payload_sha256=fields.or_null("payload_sha256", fields.hash),
        problem=fields.text("problem", _SOMETHING) if fields.has("problem") else "",
    )
    fields.end()
    return memento


def _unless(fields: Fields, name: str, absent: tuple[_T, ...], each: Callable[[Json, str], _T]) -> tuple[_T, ...]:
    """The array `name` where it is there, else `absent`. To say that would be a second spelling of the same line."""
    if not fields.has(name):
        return absent
    if (found := fields.array(name, each)) == absent:
        fields.refuse(f"bad value: {name!r} says what its absence says")
    return found


def _tried(value: Json, where: str) -> TriedLine:
    fields = Fields(value, where)
    tried = TriedLine(
        url=fields.text("url"),
        outcome=fields.choice("outcome", Outcome),
        status=fields.or_null("status", fields.integer),
        verdict=fields.or_null("verdict", fields.choice, Verdict),
        why=fields.text("why"),
    )
    fields.end()
    return tried


def _write_server(server: ServerLine) -> dict[str, Json]:
    tls = server.tls
    return {
        "ip": server.ip,
        "port": server.port,
        "tls": None
        if tls is None
        else {"version": tls.version, "cipher": tls.cipher, "chain_sha256": tls.chain_sha256, "problem": tls.problem},
    }


def _hop(value: Json, where: str) -> HopLine:
    fields = Fields(value, where)
    hop = HopLine(
        url=fields.text("url"),
        status=fields.or_null("status", fields.integer),
        location=fields.or_null("location", fields.text),
        outcome=fields.choice("outcome", Outcome),
    )
    fields.end()
    return hop


def _record(value: Json, where: str) -> RecordRef:
    fields = Fields(value, where)
    record = RecordRef(warc=fields.text("warc"), index=fields.integer("index"), type=fields.text("type"))
    fields.end()
    return record


def _server(parent: Fields) -> ServerLine | None:
    fields = parent.or_null("server", parent.object)
    if fields is None:
        return None
    server = ServerLine(ip=fields.text("ip"), port=fields.integer("port"), tls=_tls(fields))
    fields.end()
    return server


def _tls(parent: Fields) -> TlsLine | None:
    fields = parent.or_null("tls", parent.object)
    if fields is None:
        return None
    tls = TlsLine(
        version=fields.text("version"),
        cipher=fields.text("cipher"),
        chain_sha256=fields.array("chain_sha256", _certificate),
        problem=fields.text("problem"),
    )
    fields.end()
    return tls


def _certificate(value: Json, where: str) -> str:
    certificate = strictjson.text(value, where)
    if not strictjson.HASH.fullmatch(certificate):
        raise FormatError(f"{where}: bad value: {certificate[:80]!r}")
    return certificate


def _cited_in(value: Json, where: str) -> CitedInLine:
    fields = Fields(value, where)
    cited = CitedInLine(
        citation=fields.integer("citation"),
        as_written=fields.text("as_written"),
        document_sha256=fields.hash("document_sha256"),
        locator=fields.or_null("locator", fields.text),
        name=fields.text("name"),
    )
    fields.end()
    return cited


# -------------------------------------------------------------------------------------------------------------- files of lines


def read(data: bytes, decode: Callable[[bytes], _T]) -> Iterator[_T]:
    """The lines of a whole file, each through `decode`; FormatError says which line."""
    for number, line in enumerate(merkle.lines(data)):
        try:
            yield decode(line)
        except FormatError as problem:
            raise FormatError(f"line {number}: {problem.message}") from None


def rows(file: BinaryIO) -> Iterator[bytes]:
    """The lines of an open file, one after the other, without their newline.

    It is read in large pieces: the files of a `ports.Folder` are unbuffered, and to go through one line by line asks the system for each byte.
    """
    rest = b""
    while block := file.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _decode(data: bytes, where: str, take: Callable[[Fields], _T]) -> _T:
    if len(data) > MAX_LINE:
        raise FormatError(f"{where}: too long: {len(data)} bytes")
    fields = Fields(strictjson.decode_line(data), where)
    try:
        line = take(fields)
    except ValueError as problem:
        fields.refuse(f"bad value: {problem}")
    fields.end()
    return line

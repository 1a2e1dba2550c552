"""What is written into the seal: the run's nouns turned into the lines and the manifest that are signed. Pure.

Salts and the time come from the caller. Nothing is rounded and nothing is dropped: a capture's line says what the Capture says.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

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
from preserve.model.run import CitationRow, Source
from preserve.model.web import Capture, CitedBy, Memento, Need, Testimony


def source_line(number: int, source: Source, salt: str) -> SourceLine:
    """The line of a document that was cited from."""
    return SourceLine(
        source=number, name=source.name, bytes=source.size, sha256=source.sha256, media_type=source.media_type, salt=salt
    )


def citation_line(row: CitationRow, source: Source, salt: str) -> CitationLine:
    """The line of a citation; `source` is the document it stands in."""
    citation = row.citation
    return CitationLine(
        citation=row.number,
        document=source.name,
        document_sha256=source.sha256,
        note=citation.note,
        note_inferred=citation.note_inferred,
        where=citation.where.value,
        kind=citation.kind.value,
        url=citation.url,
        url_as_printed=citation.url_as_printed,
        candidates=tuple(CandidateLine(url=candidate.url, why=candidate.why) for candidate in citation.candidates),
        text=citation.text,
        title=citation.title,
        date=citation.date,
        page=citation.page,
        line=citation.line,
        uncertain=citation.uncertain,
        problem=citation.problem,
        refers_to=citation.refers_to,
        not_captured=row.not_captured,
        salt=salt,
    )


def capture_line(number: int, capture: Capture, salt: str, *, requisite_of: int | None = None) -> CaptureLine:
    """The line of a finished target. `number` counts the lines from 0; a requisite names the line of what needs it."""
    tls = capture.tls
    server = None
    if capture.peer is not None:
        ip, port = capture.peer
        facts = None
        if tls is not None:
            facts = TlsLine(version=tls.version, cipher=tls.cipher, chain_sha256=tls.chain_sha256, problem=tls.problem)
        server = ServerLine(ip=ip, port=port, tls=facts)
    return CaptureLine(
        capture=number,
        url=capture.target.url,
        final_url=capture.final_url,
        outcome=capture.outcome,
        reason=capture.reason,
        status=capture.status,
        verdict=capture.verdict,
        signals=capture.signals,
        requested_at=capture.requested_at,
        # A clock that was set back while we waited must not make a line that reads as nonsense.
        finished_at=max(capture.requested_at, capture.finished_at),
        payload_sha256=capture.payload_sha256,
        payload_bytes=capture.payload_size,
        truncated=capture.truncated,
        hops=tuple(HopLine(url=hop.url, status=hop.status, location=hop.location, outcome=hop.outcome) for hop in capture.hops),
        records=tuple(RecordRef(warc=record.warc, index=record.index, type=record.type) for record in capture.records),
        server=server,
        http_date=capture.http_date,
        retries=capture.retries,
        cited_in=tuple(_cited_in(cited) for cited in capture.target.cited_by),
        requisite_of=requisite_of,
        salt=salt,
        candidates=tuple(
            TriedLine(url=tried.url, outcome=tried.outcome, status=tried.status, verdict=tried.verdict, why=tried.why)
            for tried in capture.candidates
        ),
        chosen=capture.chosen,
        memento=None if capture.memento is None else memento_line(capture.memento),
        foreign=None if capture.foreign is None else foreign_line(capture.foreign),
        unchanged=capture.unchanged,
    )


def foreign_line(testimony: Testimony) -> ForeignLine:
    """Whose capture it is, as it stands in the capture's line."""
    return ForeignLine(
        file=testimony.file,
        name=testimony.name,
        software=testimony.software,
        operator=testimony.operator,
        signed=testimony.signed,
    )


def memento_line(memento: Memento) -> MementoLine:
    """What an archive testifies, as it stands in a capture's line."""
    return MementoLine(
        timegate=memento.archive,
        url=memento.url,
        requested=memento.requested.isoformat(),
        taken=memento.taken,
        distance_days=memento.distance_days,
        payload_sha256=memento.payload_sha256,
        problem=memento.problem,
    )


class LineNumbers:
    """Which line of captures.jsonl each target got. Targets come in the order of their numbers, with gaps where they are unfinished.

    Only the gaps cost memory: the first target after each, and its line.
    """

    def __init__(self) -> None:
        self._targets = array("q")
        self._lines = array("q")
        self._count = 0
        self._next = -1

    def add(self, target: int) -> int:
        """The line of the next target."""
        if target != self._next:
            self._targets.append(target)
            self._lines.append(self._count)
        self._next = target + 1
        self._count += 1
        return self._count - 1

    def needing(self, need: Need) -> int:
        """The line of what names a requisite; where that was never finished, the line of the page it serves."""
        line = self._line(need.of)
        if line is None:
            line = self._line(need.page)
        assert line is not None, "a requisite whose page has no line has none"
        return line

    def _line(self, target: int) -> int | None:
        stretch = bisect_right(self._targets, target) - 1
        if stretch < 0:
            return None
        line = self._lines[stretch] + target - self._targets[stretch]
        end = self._lines[stretch + 1] if stretch + 1 < len(self._lines) else self._count
        return line if line < end else None


def _cited_in(cited: CitedBy) -> CitedInLine:
    return CitedInLine(
        citation=cited.citation,
        as_written=cited.as_written,
        document_sha256=cited.document_sha256,
        locator=None if cited.note is None else f"footnote {cited.note}",
        name=cited.document,
    )

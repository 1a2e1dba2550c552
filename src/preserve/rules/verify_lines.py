"""Reading the lists of a run line by line: captures, citations, sources (docs/formats/captures.md).

Two ways of reading. A Reader takes every line apart, strictly. A Scanner looks only for what completeness needs, in the one spelling
that lines have, so that what is spelled otherwise counts as missing; it is for long lists of a known signer (docs/adr/0031).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Protocol

from preserve.errors import FormatError
from preserve.formats import lines
from preserve.model.lines import CaptureLine, SourceLine
from preserve.model.noun import dataclass
from preserve.model.pattern import pattern

FEW = 1000
"""Lines of a list that are always taken apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """data/sources.jsonl."""

    lines: tuple[SourceLine, ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citations:
    """data/citations.jsonl: those that no reason explains, and the documents they stand in (when taken apart)."""

    unexplained: frozenset[int]
    documents: frozenset[str]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Captures:
    """data/captures.jsonl: the citations named, and (when taken apart) the records as (capture, warc, index, type).

    `foreign` are the captures that say of themselves to be a third party's, and the file that each lies in.
    """

    named: frozenset[int]
    records: tuple[tuple[int, str, int, str], ...]
    outcomes: Mapping[str, int] | None
    problem: str
    foreign: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The captures that certain records belong to: (warc, index) → a phrase naming URL and footnotes."""

    captures: Mapping[tuple[str, int], str]


# ------------------------------------------------------------------------------------------------------------ reading lines


class LineReader(Protocol):
    """Shown the lines of a file in order; never raises for what they are. `number` counts them."""

    number: int

    def read(self, rows: bytes) -> None:
        """Some whole lines, each with its newline."""
        ...

    def stop(self, problem: str) -> None:
        """Nothing after this is to be believed."""
        ...

    def result(self) -> Sources | Citations | Captures | Found: ...


class _Reader:
    """Counts lines and keeps the first problem."""

    def __init__(self) -> None:
        self.number = 0
        self.problem = ""
        self.salts: set[str] = set()

    def read(self, rows: bytes) -> None:
        for row in rows.removesuffix(b"\n").split(b"\n"):
            if not self.problem:
                try:
                    self.line(row)
                except FormatError as error:
                    self.stop(error.message)
            self.number += 1

    def stop(self, problem: str) -> None:
        self.problem = self.problem or f"line {self.number}: {problem}"

    def line(self, row: bytes) -> None:
        raise AssertionError("the subclass reads")

    def count(self, number: int, salt: str) -> None:
        """Lines say their own number, from 0, and no two share a salt."""
        if number != self.number:
            raise FormatError(f"says that it is number {number}")
        if salt in self.salts:
            raise FormatError("its salt stands in an earlier line too")
        self.salts.add(salt)


class LineCounter(_Reader):
    """Counts the lines: for those whose bytes are held against what was signed, and that somebody else reads."""

    def read(self, rows: bytes) -> None:
        self.number += rows.count(b"\n")

    def result(self) -> Found:
        return Found(captures={})


class SourcesReader(_Reader):
    """Takes every line apart: documents are few."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[SourceLine] = []

    def line(self, row: bytes) -> None:
        line = lines.decode_source(row)
        self.count(line.source, line.salt)
        self.lines.append(line)

    def result(self) -> Sources:
        return Sources(lines=tuple(self.lines), problem=self.problem)


class CitationsReader(_Reader):
    """Takes every line apart."""

    def __init__(self) -> None:
        super().__init__()
        self.unexplained: set[int] = set()
        self.documents: set[str] = set()

    def line(self, row: bytes) -> None:
        line = lines.decode_citation(row)
        self.count(line.citation, line.salt)
        self.documents.add(line.document_sha256)
        if line.not_captured is None:
            self.unexplained.add(line.citation)

    def result(self) -> Citations:
        return Citations(unexplained=frozenset(self.unexplained), documents=frozenset(self.documents), problem=self.problem)


class CitationsScanner(CitationsReader):
    """Looks for the number and the reason only, in the one spelling they have: an unescaped quote cannot stand inside a string."""

    _NUMBER = pattern(rb',"citation":(0|[1-9][0-9]*),"date":')
    _REASON = pattern(rb',"not_captured":(null|")')

    def read(self, rows: bytes) -> None:
        count = rows.count(b"\n")
        expected = range(self.number, self.number + count)
        reasons = self._REASON.findall(rows)
        if [*map(int, self._NUMBER.findall(rows))] != [*expected] or len(reasons) != count:
            self.stop("from here on the citations are not spelled or not numbered as they should be")
        self.unexplained.update(number for number, reason in zip(expected, reasons, strict=False) if reason == b"null")
        self.number += count


class CapturesReader(_Reader):
    """Takes every line apart."""

    def __init__(self) -> None:
        super().__init__()
        self.named: set[int] = set()
        self.records: list[tuple[int, str, int, str]] = []
        self.outcomes: dict[str, int] = {}
        self.foreign: dict[int, str] = {}

    def line(self, row: bytes) -> None:
        line = lines.decode_capture(row)
        self.count(line.capture, line.salt)
        self.named.update(cited.citation for cited in line.cited_in)
        self.records += [(line.capture, record.warc, record.index, record.type) for record in line.records]
        self.outcomes[line.outcome.value] = self.outcomes.get(line.outcome.value, 0) + 1
        if line.foreign is not None:
            self.foreign[line.capture] = line.foreign.file

    def result(self) -> Captures:
        return Captures(
            named=frozenset(self.named),
            records=tuple(self.records),
            outcomes=self.outcomes,
            problem=self.problem,
            foreign=self.foreign,
        )


class CapturesScanner(_Reader):
    """Looks for the citations named only, in the one spelling they have; not even for these where there are no citations."""

    _CITED = pattern(rb',"citation":(0|[1-9][0-9]*),"document_sha256":"')

    def __init__(self, *, cited: bool) -> None:
        super().__init__()
        self.cited = cited
        self.named: set[int] = set()

    def read(self, rows: bytes) -> None:
        if self.cited:
            self.named.update(map(int, self._CITED.findall(rows)))
        self.number += rows.count(b"\n")

    def result(self) -> Captures:
        return Captures(named=frozenset(self.named), records=(), outcomes=None, problem=self.problem)


class Finder(_Reader):
    """Whose capture a damaged record belongs to."""

    def __init__(self, wanted: Iterable[tuple[str, int]]) -> None:
        super().__init__()
        self.wanted = frozenset(wanted)
        self.found: dict[tuple[str, int], str] = {}

    def line(self, row: bytes) -> None:
        line = lines.decode_capture(row)
        for record in line.records:
            if (place := (record.warc, record.index)) in self.wanted:
                self.found[place] = _capture_phrase(line, record.type)

    def result(self) -> Found:
        return Found(captures=self.found)


def _capture_phrase(line: CaptureLine, type_: str) -> str:
    if line.requisite_of is not None:
        return f"the {type_} of {line.url}, a requisite of capture {line.requisite_of}"
    cited = ", ".join(f"{cited.name} {cited.locator or 'body'}" for cited in line.cited_in)
    return f"the {type_} of {line.url}" + (f", cited in {cited}" if cited else "")

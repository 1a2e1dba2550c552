"""What was read against what was signed: files, records, lists (docs/formats/verification.md, steps 4 and 5).

The flow reads and hashes; these rules compare. A Measured value says what lies on the disk, the Manifest what was signed. Damage is
named by file, record and offset; whose capture that was is looked up afterwards (`Finder`).

Lists are hashed always. Their lines are also taken apart, each strictly, and their Merkle root compared when they are few, when the
signer is unknown or when asked for (`thorough`). A long list of a known signer is only scanned for what completeness needs, in the
one spelling that lines have, so that what is spelled otherwise counts as missing; the rest was checked at sealing, and the claim
`structure` says so (docs/adr/0031).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from preserve.errors import FormatError
from preserve.formats import lines
from preserve.model.finding import Claim, Finding, failed
from preserve.model.trust import CaptureLine, FileEntry, Manifest, Role, SourceLine

CHANGED = "the stored bytes are not those that were signed"
ODD = "the stored bytes do not begin like a gzip member with FLG 0 and MTIME 0"
ENDS = "the file ends before or inside this record"

FEW = 1000
"""Lines of a list that are always taken apart."""
SHOWN = 10
"""Damaged records of one file with a finding of their own."""


# ------------------------------------------------------------------------------------------------------------- what was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A file, hashed whole."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A file of lines: how many, the Merkle root over them, and what the reader made of them.

    `sha256` is "" where it is known already, `root` where it was not asked for.
    """

    path: str
    size: int
    sha256: str
    count: int
    root: str
    content: Sources | Citations | Captures | Found | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """A record that is not as it should be, and why."""

    index: int
    offset: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a WARC file, held against its record index.

    `first` and `end` are (record, offset) where it begins and where the next would; `last`: it is the file's last stretch, and then
    `beyond` says that the file goes on. `types` are the WARC-Types in order, when members were opened. `problem`: the index itself.
    """

    path: str
    first: tuple[int, int]
    end: tuple[int, int]
    last: bool
    beyond: bool
    spoiled: tuple[Spoiled, ...]
    more: int
    types: tuple[str, ...]
    problem: str


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
    """data/captures.jsonl: the citations named, and (when taken apart) the records as (capture, warc, index, type)."""

    named: frozenset[int]
    records: tuple[tuple[int, str, int, str], ...]
    outcomes: Mapping[str, int] | None
    problem: str


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

    _NUMBER = re.compile(rb',"citation":(0|[1-9][0-9]*),"date":')
    _REASON = re.compile(rb',"not_captured":(null|")')

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

    def line(self, row: bytes) -> None:
        line = lines.decode_capture(row)
        self.count(line.capture, line.salt)
        self.named.update(cited.citation for cited in line.cited_in)
        self.records += [(line.capture, record.warc, record.index, record.type) for record in line.records]
        self.outcomes[line.outcome.value] = self.outcomes.get(line.outcome.value, 0) + 1

    def result(self) -> Captures:
        return Captures(named=frozenset(self.named), records=tuple(self.records), outcomes=self.outcomes, problem=self.problem)


class CapturesScanner(_Reader):
    """Looks for the citations named only, in the one spelling they have; not even for these where there are no citations."""

    _CITED = re.compile(rb',"citation":(0|[1-9][0-9]*),"document_sha256":"')

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


# ------------------------------------------------------------------------------------------------------------------ judging


def judge_file(entry: FileEntry, at: str, found: Whole | Lines) -> Iterator[Finding]:
    """Size and hash; `at` is the prefix of the run's folder."""
    if found.size != entry.bytes:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: it has {found.size} bytes, signed were {entry.bytes}")
    elif found.sha256 and found.sha256 != entry.sha256:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: its SHA-256 is {found.sha256}, signed was {entry.sha256}")


def judge_list(count: int, root: str, found: Lines) -> Iterator[Finding]:
    """Count and Merkle root as signed, for a file whose bytes are the signed ones."""
    if found.count != count:
        yield failed(Claim.INTEGRITY, found.path, f"it has {found.count} lines, the manifest says {count}")
    if found.root and found.root != root:
        yield failed(Claim.INTEGRITY, found.path, f"the Merkle root over its lines is {found.root}, the manifest says {root}")


def judge_records(entry: FileEntry, at: str, found: Sequence[Segment]) -> tuple[list[Spoiled], list[Finding]]:
    """The damaged records of one WARC file, and the findings that are about no single record."""
    findings = []
    where = at + entry.path
    assert entry.records is not None
    expected = (0, 0)
    for segment in found:
        if segment.problem or segment.first != expected:
            findings.append(
                failed(Claim.INTEGRITY, at + entry.records.file, segment.problem or f"does not tile at record {expected[0]}")
            )
            return [], findings
        expected = segment.end
    if expected != (entry.records.count, entry.bytes):
        findings.append(
            failed(
                Claim.INTEGRITY,
                at + entry.records.file,
                f"does not tile: {expected[0]} records end at {expected[1]}, the manifest says {entry.records.count} and {entry.bytes}",
            )
        )
    if any(segment.beyond for segment in found):
        findings.append(
            failed(Claim.INTEGRITY, where, f"altered: bytes after the last record, or a cut: {expected[1]} bytes were signed")
        )
    if (more := sum(segment.more for segment in found)) > 0:
        findings.append(failed(Claim.INTEGRITY, where, f"altered: {more} more records"))
    return [spoiled for segment in found for spoiled in segment.spoiled], findings


def describe_damage(
    path: str, where: str, spoiled: Sequence[Spoiled], owners: Mapping[tuple[str, int], str] | None
) -> Iterator[Finding]:
    """A finding for each damaged record, up to SHOWN. `path` is the WARC's in the run; `owners` None: the capture index cannot say."""
    for record in spoiled[:SHOWN]:
        whose = "; whose capture it is cannot be said, the capture index is damaged too"
        if owners is not None:
            whose = "; " + owners.get((path, record.index), "it belongs to the run as a whole or to a host, not to one capture")
        yield failed(Claim.INTEGRITY, where, f"altered: record {record.index} at offset {record.offset}: {record.why}{whose}")
    if len(spoiled) > SHOWN:
        last = spoiled[-1]
        yield failed(
            Claim.INTEGRITY,
            where,
            f"altered: {len(spoiled) - SHOWN} more records, the last of them record {last.index} at offset {last.offset}",
        )


def judge_lists(
    manifest: Manifest, at: str, sources: Sources, citations: Citations, captures: Captures, types: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """What the three lists say to each other and to the manifest; `types`: the WARC-Types of each WARC file, when known."""
    for index, found in ((manifest.sources, sources), (manifest.citations, citations), (manifest.captures, captures)):
        if found.problem:
            yield failed(Claim.INTEGRITY, at + index.file, found.problem)
    if sources.problem or citations.problem or captures.problem:
        return
    hashes = {line.sha256 for line in sources.lines}
    for stranger in sorted(citations.documents - hashes):
        yield failed(Claim.COMPLETENESS, at + manifest.citations.file, f"cites from a document that is not listed: {stranger}")
    for number in sorted(captures.named - set(range(manifest.citations.count)))[:SHOWN]:
        yield failed(Claim.COMPLETENESS, at + manifest.captures.file, f"names citation {number}, which does not exist")
    unanswered = sorted(citations.unexplained - captures.named)
    for number in unanswered[:SHOWN]:
        yield failed(Claim.COMPLETENESS, at + manifest.citations.file, f"citation {number} is neither captured nor explained")
    if len(unanswered) > SHOWN:
        yield failed(
            Claim.COMPLETENESS, at + manifest.citations.file, f"{len(unanswered) - SHOWN} more citations are unanswered"
        )
    yield from _judge_outcomes(manifest, at, captures)
    yield from _judge_references(manifest, at, captures, types)


def _judge_outcomes(manifest: Manifest, at: str, captures: Captures) -> Iterator[Finding]:
    if captures.outcomes is None:
        return
    said = manifest.captures
    for outcome, count in (
        ("captured", said.captured),
        ("truncated", said.truncated),
        ("failed", said.failed),
        ("refused", said.refused),
    ):
        if captures.outcomes.get(outcome, 0) != count:
            yield failed(
                Claim.COMPLETENESS,
                at + said.file,
                f"{captures.outcomes.get(outcome, 0)} captures are {outcome}, the manifest says {count}",
            )


def _judge_references(manifest: Manifest, at: str, captures: Captures, types: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Every record that a capture names exists, and is of the type it says where types are known."""
    counts = {entry.path: entry.records.count for entry in manifest.files if entry.records is not None}
    others = {entry.path for entry in manifest.files if entry.role is Role.FOREIGN}
    for capture, warc, index, type_ in captures.records:
        if warc in others:
            continue
        if index >= counts.get(warc, 0):
            yield failed(
                Claim.COMPLETENESS,
                at + manifest.captures.file,
                f"capture {capture} names record {index} of {warc}, which does not exist",
            )
        elif warc in types and index < len(types[warc]) and types[warc][index] != type_:
            yield failed(
                Claim.STRUCTURE,
                at + manifest.captures.file,
                f"capture {capture} calls record {index} of {warc} a {type_}: it is a {types[warc][index]}",
            )

"""Which records and lines go along when single captures are handed over, or some of an archive's runs.

A revisit is nothing without its original: that goes along from whichever run it lies in, and so does the original of each requisite that
is only listed as unchanged. So do the warcinfo of each file, and what a run holds about the hosts that were asked (DNS, certificates,
robots.txt).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import listed
from preserve.flows.references import Originals, found_records, header_of
from preserve.flows.removed import Removed
from preserve.formats import lines, manifest, recordindex, warcscan
from preserve.formats.warc import Header, MemberCheck, target_uri
from preserve.model.handover import RunPart, Wanted
from preserve.model.lines import CaptureLine, CitationLine, RecordLine, RecordRef, SourceLine
from preserve.model.manifest import FileEntry, Manifest
from preserve.model.unchanged import Unchanged
from preserve.rules import requisites, selection

if TYPE_CHECKING:
    from preserve.ports import Folder

_READ = requisites.READ + (1 << 20)
"""Bytes of a stored response that are read for what it names."""
_Place = tuple[str, int]
"""A WARC file's path in its run, and a record's index in it."""


class SealedRun:
    """The lines and records of one run, read as they are asked for. Everything raises FormatError or StoreError when it cannot be."""

    whole = True
    lent: Collection[Unchanged] = ()
    """Where single captures are handed over: what their pages need, and another page's list has."""

    def __init__(self, folder: Folder, name: str, *, unread: bool = False, at: str | None = None) -> None:
        """`unread`: its manifest is read when it is needed, for whoever needs few of many runs. `at`: where it lies by itself."""
        self.name = name
        self.at = f"runs/{name}/" if at is None else at
        self._folder = folder
        self._rows: dict[str, list[bytes]] = {}
        if not unread:
            _ = self.manifest

    @cached_property
    def manifest(self) -> Manifest:
        return manifest.decode(self._folder.read(f"{self.at}manifest.json", manifest.MAX_SIZE))

    def captures(self) -> Iterator[CaptureLine]:
        for row in self.rows(self.manifest.captures.file):
            yield lines.decode_capture(row)

    def citations(self) -> Iterator[CitationLine]:
        for row in self.rows(self.manifest.citations.file):
            yield lines.decode_citation(row)

    def sources(self) -> Iterator[SourceLine]:
        for row in self.rows(self.manifest.sources.file):
            yield lines.decode_source(row)

    def rows(self, file: str) -> Iterator[bytes]:
        """The lines of a file of lines, without their newline."""
        with self._folder.open(self.at + file) as source:
            yield from lines.rows(source)

    def row_at(self, file: str, offset: int) -> bytes:
        """The line that begins at an offset of a file of lines, without its newline."""
        with self._folder.open(self.at + file) as source:
            source.seek(offset)
            row = b""
            while b"\n" not in row and (piece := source.read(1 << 12)):
                row += piece
            return row.partition(b"\n")[0]

    @cached_property
    def warcs(self) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self.manifest.files if entry.records is not None)

    def leaves(self, warc: str) -> list[bytes]:
        """The lines of a WARC file's record index; kept, for they are asked for again and again."""
        if warc not in self._rows:
            entry = next((entry for entry in self.warcs if entry.path == warc), None)
            if entry is None or entry.records is None:
                raise FormatError(f"{self.at}{warc}: the manifest knows no such WARC file")
            self._rows[warc] = list(self.rows(entry.records.file))
        return self._rows[warc]

    def numbers(self, warc: FileEntry) -> Iterator[int]:
        """The records of a WARC file that are here."""
        return iter(range(len(self.leaves(warc.path))))

    def path(self, warc: str) -> str:
        """Where it lies."""
        return self.at + warc

    def forget(self, warc: str) -> None:
        """The record index of this file is not needed any more."""
        self._rows.pop(warc, None)

    def place(self, warc: str, index: int) -> RecordLine:
        leaves = self.leaves(warc)
        if index >= len(leaves):
            raise FormatError(f"{self.at}{warc}: there is no record {index}")
        return recordindex.parse_leaf(leaves[index])

    def capture(self, row: bytes) -> CaptureLine:
        """One line of them."""
        return lines.decode_capture(row)

    def captures_with(self, part: bytes) -> Iterator[CaptureLine]:
        """The captures in whose line these bytes stand: far faster than reading all of them."""
        for row in self.rows(self.manifest.captures.file):
            if part in row:
                yield lines.decode_capture(row)

    def stored(self, warc: str, index: int) -> Iterator[bytes]:
        """The stored bytes of one record, in pieces."""
        yield from self.stored_at(warc, self.place(warc, index))

    def stored_at(self, warc: str, place: RecordLine) -> Iterator[bytes]:
        """The stored bytes at a place of a WARC file, in pieces."""
        left = place.length
        with self._folder.open(self.path(warc)) as file:
            file.seek(place.offset)
            while left and (piece := file.read(min(left, 1 << 18))):
                left -= len(piece)
                yield piece

    def head(self, warc: str, index: int) -> tuple[Header, bytes]:
        """A record's header and how its block begins."""
        pieces, seen, length = self.stored(warc, index), b"", self.place(warc, index).length
        for piece in pieces:
            seen += piece
            found = warcscan.peek(seen, whole=len(seen) == length or len(seen) > warcscan.HEAD)
            if found is not None:
                return found
        raise FormatError(f"{self.at}{warc}: record {index} has no head")

    def block(self, warc: str, index: int, limit: int) -> bytes:
        """Up to about `limit` bytes of a record's block."""
        data = bytearray()
        check = MemberCheck(data.extend)
        for piece in self.stored(warc, index):
            check.feed(piece)
            if len(data) >= limit:
                break
        return bytes(data[:limit])


def select(folder: Folder, names: Sequence[str], wanted: Wanted) -> tuple[RunPart, ...]:
    """What of the sealed runs `names` (in their order) is handed over; runs that nothing is taken from are left out."""
    runs = [SealedRun(folder, name) for name in names]
    taken = [run for run in runs if not wanted.runs or run.manifest.archive.sequence in wanted.runs]
    if wanted.by_capture:
        chosen = [_Chosen(run, wanted, runs) for run in taken]
        parts = [part.close() for part in chosen]
        missing = {key: uri for part in chosen for key, uri in part.originals.items()}
        unchanged = frozenset(listed.key(one) for part in chosen for one in part.listed)
    else:
        parts = [RunPart(name=run.name, manifest=run.manifest, whole=True) for run in taken]
        some = taken if len(taken) < len(runs) else ()
        missing, unchanged = _originals_of(some), _listed_by(some)
    found = {part.name: part for part in parts if part.whole or part.captures}
    originals = Originals(runs, Removed(folder))
    whole = frozenset(found) if not wanted.by_capture else frozenset[str]()
    for run, place in chain(originals.of_revisits(missing, whole), originals.of_listed(unchanged)):
        part = found.get(run.name, RunPart(name=run.name, manifest=run.manifest, whole=False))
        if not part.whole:
            found[run.name] = _with_records(part, (place,))
    return tuple(found[run.name] for run in runs if run.name in found)


def _with_records(part: RunPart, places: Iterable[_Place]) -> RunPart:
    """The part with more records, and the warcinfo of each file they lie in."""
    records = dict(part.records)
    for warc, index in places:
        records[warc] = records.get(warc, frozenset({0})) | {index}
    return replace(part, records=records)


class _Chosen:
    """What of one run was asked for."""

    def __init__(self, run: SealedRun, wanted: Wanted, all_runs: Sequence[SealedRun]) -> None:
        self._run = run
        self._all_runs = all_runs
        self.originals: dict[str, str] = {}
        """Record ids that revisits refer to, and their addresses."""
        self.listed: set[Unchanged] = set()
        """What of lists of unchanged requisites these captures and their pages need."""
        self._lent: set[Unchanged] = set()
        self._documents: set[str] = set()
        cited = {line.citation for line in run.citations() if selection.asked(line, wanted)}
        picked = {line.capture: line for line in run.captures() if selection.chosen(line, cited, wanted)}
        self._imported = any(line.foreign is not None for line in picked.values())
        self._picked = picked if self._imported else {**picked, **self._needs(picked)}

    def _needs(self, pages: dict[int, CaptureLine]) -> dict[int, CaptureLine]:
        """The captures that these need: those that say so, and those that the pages name and another page had asked for first.

        What of it is only listed as unchanged is noted in `listed`.
        """
        found: dict[int, CaptureLine] = {}
        level, layer = 0, pages
        unchanged = {target_uri(one.url): one for line in listed.pages(self._run) for one in listed.answers(self._run, line)}
        own = {one for line in pages.values() for one in listed.answers(self._run, line)}
        answers = set[Unchanged]()
        while (layer or answers) and level <= requisites.SHEETS_DEEP:
            names = self._named_in(answers, level).union(*(self._named(line, level) for line in layer.values()))
            answers = {unchanged[uri] for name in names if (uri := target_uri(name)) in unchanged} | own
            answers -= self.listed
            self.listed |= answers
            layer = {
                line.capture: line
                for line in self._run.captures()
                if line.capture not in pages
                and line.capture not in found
                and ((level == 0 and line.requisite_of in pages) or not names.isdisjoint(selection.addresses(line)))
            }
            found |= layer
            level += 1
        self._lent = self.listed - own.union(*(listed.answers(self._run, line) for line in found.values()))
        return found

    def _named_in(self, answers: Collection[Unchanged], level: int) -> frozenset[str]:
        """What sheets name that are only listed: their originals are read."""
        names = frozenset[str]()
        for _, run, place in listed.find(self._all_runs, {listed.key(one) for one in answers}):
            header, begins = run.head(*place)
            if b"text/css" in begins.partition(b"\r\n\r\n")[0].lower():
                names |= selection.named(header, run.block(*place, _READ), level)
        return names

    def _named(self, line: CaptureLine, level: int) -> frozenset[str]:
        """What the page or sheet that the capture led to names; of a revisit the original is read."""
        found = self._shown(line)
        if found is None:
            return frozenset()
        record, header, block = found
        if record.type == "revisit":
            wanted = {(header.get("WARC-Refers-To") or "").strip("<>"): header.get("WARC-Refers-To-Target-URI") or ""}
            head = block.partition(b"\r\n\r\n")[0]
            original = next(found_records(self._all_runs, wanted, ()), None)
            if original is None:
                return frozenset()  # it was removed, or `Originals` says that it is missing
            _, run, place = original
            block = head + b"\r\n\r\n" + run.block(*place, _READ).partition(b"\r\n\r\n")[2]
        else:
            block = self._run.block(record.warc, record.index, _READ)
        return selection.named(header, block, level)

    def _shown(self, line: CaptureLine) -> tuple[RecordRef, Header, bytes] | None:
        """The record of the page that a capture led to: the last at its final address, for other forms and copies lie beside it."""
        address = target_uri(line.final_url)
        for record in reversed([record for record in line.records if record.type in selection.REPLAYED]):
            if header_of(self._run, (record.warc, record.index)) is None:
                continue
            header, block = self._run.head(record.warc, record.index)
            if header.target_uri == address:
                return record, header, block
        return None

    def close(self) -> RunPart:
        run, picked = self._run, self._picked
        if self._imported:  # no record of another tool's file has a proof of its own: what was imported goes along whole
            return RunPart(name=run.name, manifest=run.manifest, whole=True)
        places = {(record.warc, record.index) for line in picked.values() for record in line.records}
        for line in picked.values():
            self.originals |= dict(_refers_to(run, line))
        part = RunPart(
            name=run.name,
            manifest=run.manifest,
            whole=False,
            captures=frozenset(picked),
            citations=frozenset(cited.citation for line in picked.values() for cited in line.cited_in),
            lent=frozenset(self._lent),
        )
        if not picked:
            return part
        documents = {cited.document_sha256 for line in picked.values() for cited in line.cited_in}
        sources = frozenset(line.source for line in run.sources() if line.sha256 in documents)
        part = replace(part, sources=sources)
        about = _about_hosts(run, selection.hosts(picked.values()))
        return _with_records(part, (*places, *about))


def _about_hosts(run: SealedRun, hosts: Collection[str]) -> Iterator[_Place]:
    """Records that belong to no capture and are about one of `hosts`."""
    owned = {(record.warc, record.index) for line in run.captures() for record in line.records}
    for warc in run.warcs:
        assert warc.records is not None, "it is a WARC file of ours"
        for index in range(1, warc.records.count):
            if (warc.path, index) in owned:
                continue
            header = header_of(run, (warc.path, index))
            if header is not None and selection.is_of_host(header.target_uri or "", hosts):
                yield warc.path, index


def _refers_to(run: SealedRun, line: CaptureLine) -> Iterator[tuple[str, str]]:
    """(record id, address) of the originals of a capture's revisits."""
    for record in line.records if line.foreign is None else ():
        header = header_of(run, (record.warc, record.index)) if record.type == "revisit" else None
        if header is not None and header.type == "revisit":
            yield (header.get("WARC-Refers-To") or "").strip("<>"), header.get("WARC-Refers-To-Target-URI") or ""


def _listed_by(runs: Iterable[SealedRun]) -> frozenset[listed.Key]:
    return frozenset(listed.key(one) for run in runs for line in listed.pages(run) for one in listed.answers(run, line))


def _originals_of(runs: Iterable[SealedRun]) -> dict[str, str]:
    return {key: uri for run in runs for line in run.captures() for key, uri in _refers_to(run, line)}

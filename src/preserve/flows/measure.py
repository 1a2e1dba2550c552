"""Reading every byte once, at the speed of the hash: the only loop of `verify` that the clock notices.

A WARC file is measured against its record index: each record's stored bytes are hashed as they stream by in blocks, so that hashes
that tile the file prove the file, and damage is named by record and offset. Other files are hashed whole, lists of lines line by
line as well (their Merkle root). Memory is one block and a batch of lines, whatever the sizes.

The jobs are values and so are their results: they can run one after the other or in several processes (ports.Workers). What the
results mean is for rules.verify_content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import BinaryIO

from preserve.errors import FormatError, StoreError
from preserve.formats import merkle, recordindex
from preserve.formats.gzipmember import HEADER
from preserve.formats.warc import MemberCheck
from preserve.ports import Folder, Workers
from preserve.rules.verify_content import CHANGED, ENDS, ODD, LineReader, Lines, Segment, Spoiled, Whole

BLOCK = 1 << 18
"""Bytes read at a time: what fits the processor's second cache was fastest."""
BATCH = 1 << 17
"""Bytes of a record index taken apart at a time."""
_WORTH_SHARING = 1 << 26
"""Bytes to read from which on other processes are worth starting."""
MAX_SPOILED = 100
"""Damaged records named for one segment; the rest are counted."""

_FIXED = HEADER[:8]
"""ID1 ID2, CM 8, FLG 0, MTIME 0: what every member begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJob:
    """Hash one file whole. `weight`, here and below, is about how many bytes will be read."""

    path: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesJob:
    """Hash one file of lines whole and line by line; `reader` is shown each line."""

    path: str
    weight: int
    reader: Callable[[], LineReader]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeJob:
    """The Merkle root over the lines of a file that is in memory already."""

    path: str
    data: bytes

    @property
    def weight(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    """Hold a stretch of a WARC file against the lines of its record index in data[start:end]; `thorough` opens each member."""

    path: str
    weight: int
    data: bytes
    start: int
    end: int
    thorough: bool


Job = WholeJob | LinesJob | TreeJob | SegmentJob
Measured = Whole | Lines | Segment


def measure_all(folder: Folder, jobs: Sequence[Job], workers: Workers | None) -> list[Measured]:
    """Do the jobs, with the help of other processes when there is enough to read. Answers in their order."""
    if workers is None or sum(job.weight for job in jobs) < _WORTH_SHARING:
        return [measure(folder, job) for job in jobs]
    return workers.map(partial(measure, folder), jobs)


def measure(folder: Folder, job: Job) -> Measured:
    """Do one job. Raises StoreError when the file cannot be read, or is gone since it was seen."""
    try:
        return _measure(folder, job)
    except FileNotFoundError:
        raise StoreError(
            f"{job.path}: it was there and is gone", "another process is writing: verify again when it has ended"
        ) from None


def _measure(folder: Folder, job: Job) -> Measured:
    match job:
        case TreeJob():
            count, root = merkle.root_of_lines(job.data)
            return Lines(path=job.path, size=len(job.data), sha256="", count=count, root=root.hex(), content=None)
        case WholeJob():
            with folder.open(job.path) as file:
                return _whole(file, job.path)
        case LinesJob():
            with folder.open(job.path) as file:
                return _lines(file, job.path, job.reader())
        case SegmentJob():
            with folder.open(job.path) as file:
                return _segment(file, job)


def segments(path: str, data: bytes, size: int, *, thorough: bool) -> Iterator[SegmentJob]:
    """Cut the index `data` of a WARC file of `size` bytes into jobs of some 32 MiB. Each line says itself where its record lies."""
    parts = min(max(1, size >> 25), max(1, len(data) >> 10))
    start = 0
    for part in range(1, parts + 1):
        end = data.find(b"\n", len(data) * part // parts - 1) + 1 if part < parts else len(data)
        if end > start:
            yield SegmentJob(path=path, weight=size // parts, data=data, start=start, end=end, thorough=thorough)
            start = end


def _whole(file: BinaryIO, path: str) -> Whole:
    whole, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        whole.update(block)
        size += len(block)
    return Whole(path=path, size=size, sha256=whole.hexdigest())


def _lines(file: BinaryIO, path: str, reader: LineReader) -> Lines:
    whole, size, tree, rest = hashlib.sha256(), 0, merkle.Frontier(), b""
    while block := file.read(BLOCK):
        whole.update(block)
        size += len(block)
        *rows, rest = (rest + block).split(b"\n")
        for row in rows:
            tree.add(merkle.leaf_hash(row))
        reader.read(rows)
    if rest:
        reader.stop("no newline at the end")
    return Lines(
        path=path, size=size, sha256=whole.hexdigest(), count=tree.size, root=tree.root().hex(), content=reader.result()
    )


# ------------------------------------------------------------------------------------------------------------------- records


def _segment(file: BinaryIO, job: SegmentJob) -> Segment:
    """Raises nothing for what the bytes are: that is in the Segment."""
    first: tuple[int, int] | None = None
    number = offset = lost = 0
    spoiled: list[Spoiled] = []
    types: list[str] = []
    problem = ""
    check = _check_thoroughly if job.thorough else _check
    try:
        for start, starts, lengths, digests in _batches(job):
            if first is None:
                first, number, offset = (start, starts[0]), start, starts[0]
            if (start, starts[0]) != (number, offset):
                raise FormatError(f"record index: does not tile: record {start}")
            file.seek(offset)
            for place, why, type_ in check(file, lengths, digests):
                if type_:
                    types.append(type_)
                if why and len(spoiled) < MAX_SPOILED:
                    spoiled.append(Spoiled(index=start + place, offset=starts[place], why=why))
                elif why:
                    lost += 1
            number, offset = start + len(lengths), starts[-1] + lengths[-1]
    except FormatError as error:
        problem = error.message
    return Segment(
        path=job.path,
        first=first or (0, 0),
        end=(number, offset),
        last=job.end == len(job.data),
        beyond=not problem and job.end == len(job.data) and file.seek(0, 2) != offset,
        spoiled=tuple(spoiled),
        more=lost,
        types=tuple(types),
        problem=problem,
    )


_Batch = tuple[int, list[int], list[int], list[str]]


def _batches(job: SegmentJob) -> Iterator[_Batch]:
    """(index of the first record, offsets, lengths, hashes) of some thousand records at a time.

    The lines are not matched one by one: writing the numbers found into the one form that a line has must give the same bytes.
    """
    place = job.start
    while place < job.end:
        end = job.data.rfind(b"\n", place, min(place + BATCH, job.end)) + 1
        if end == 0:
            raise FormatError("record index: no newline at the end")
        text = job.data[place:end]
        words = text.decode("ascii", "replace").split()
        if len(words) % 5:
            raise FormatError("record index: bad line")
        try:
            lengths = [int(word) for word in words[3::5]]
            start, offset = int(words[1]), int(words[2])
        except ValueError:
            raise FormatError("record index: bad line") from None
        offsets = list(accumulate(lengths, initial=offset))
        rows = zip(range(start, start + len(lengths)), offsets, lengths, words[4::5], strict=False)
        if "".join(map("preserve-record/v1 %d %d %d %s\n".__mod__, rows)).encode() != text or min(lengths) < 1:
            for line in merkle.lines(text):
                recordindex.parse_leaf(line)
            raise FormatError("record index: does not tile: the lines do not count or the records do not follow each other")
        offsets.pop()
        yield start, offsets, lengths, words[4::5]
        place = end


def _check(file: BinaryIO, lengths: list[int], digests: list[str]) -> Iterator[tuple[int, str, str]]:
    """(place in the batch, what is wrong, "") of each record that is not as it should be."""
    sha256, left, block, view, start, filled = hashlib.sha256, sum(lengths), b"", memoryview(b""), 0, 0
    for place, (length, digest) in enumerate(zip(lengths, digests, strict=True)):
        if start == filled:
            view = memoryview(block := file.read(min(BLOCK, left)))
            left, start, filled = left - len(block), 0, len(block)
        end = start + length
        if end <= filled:
            if sha256(view[start:end]).hexdigest() != digest:
                yield place, CHANGED, ""
            elif not block.startswith(_FIXED, start):
                yield place, ODD, ""
            start = end
            continue
        record, head, need = sha256(view[start:]), block[start : start + len(_FIXED)], end - filled
        while need:
            view = memoryview(block := file.read(min(BLOCK, left)))
            left, start, filled = left - len(block), min(need, len(block)), len(block)
            if not block:
                yield place, ENDS, ""
                return
            record.update(view[:start])
            head = (head + block[: len(_FIXED)])[: len(_FIXED)]
            need -= start
        if record.hexdigest() != digest:
            yield place, CHANGED, ""
        elif head != _FIXED:
            yield place, ODD, ""


def _check_thoroughly(file: BinaryIO, lengths: list[int], digests: list[str]) -> Iterator[tuple[int, str, str]]:
    """(place, what is wrong, WARC-Type) of every record: the plain twin of `_check`, which opens each member as well."""
    for place, (length, digest) in enumerate(zip(lengths, digests, strict=True)):
        record, member, need = hashlib.sha256(), MemberCheck(), length
        while need:
            if not (piece := file.read(min(BLOCK, need))):
                yield place, ENDS, ""
                return
            record.update(piece)
            member.feed(piece)
            need -= len(piece)
        found = member.result()
        why = CHANGED if record.hexdigest() != digest else found.problem
        yield place, why, found.header.type if found.header else ""

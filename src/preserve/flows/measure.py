"""Reading every byte once, at the speed of the hash: the only loop of `verify` that the clock notices.

A WARC file is measured against its record index: each record's stored bytes are hashed as they stream by in blocks, so that hashes
that tile the file prove the file, and damage is named by record and offset. Other files are hashed whole, lists of lines line by
line as well (their Merkle root). Memory is one room of some MiB and a batch of lines, whatever the sizes.

The jobs are values and so are their results: they can run one after the other or in several processes (ports.Workers). What the
results mean is for rules.verify_content.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, BinaryIO, cast

from preserve.errors import FormatError, StoreError
from preserve.formats import digests, merkle, recordindex
from preserve.formats.gzipmember import HEADER
from preserve.formats.strictjson import MAX_INTEGER
from preserve.model.noun import dataclass
from preserve.rules.verify_content import CHANGED, ENDS, ODD, Lines, Sampled, Segment, Spoiled, Whole
from preserve.rules.verify_lines import LineReader

if TYPE_CHECKING:  # only annotations need them, and `verify` starts faster without
    from io import RawIOBase

    from preserve.ports import Folder, Workers

BLOCK = 1 << 18
"""Bytes read at a time of what is hashed as one: what fits the processor's second cache was fastest."""
ROOM = digests.AT_ONCE
"""Bytes of records read and hashed together, at most."""
BATCH = 1 << 15
"""Bytes of a record index taken apart at a time: what comes of them should still be in the cache when its records have been read."""
_SEGMENT = 1 << 23
"""Bytes of a WARC file that are one job: few enough for several processes to end at about the same time."""
_WORTH_SHARING = 1 << 26
"""Bytes to read from which on other processes are worth starting."""
MAX_SPOILED = 100
"""Damaged records named for one segment; the rest are counted."""

_FIXED = HEADER[:8]
"""ID1 ID2, CM 8, FLG 0, MTIME 0: what every member begins with."""


class VanishedError(StoreError):
    """A file that was there when the folder was walked is gone: another process is at work."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: it was there and is gone", "another process is writing: verify again when it has ended")
        self.path = path

    def __reduce__(self) -> tuple[type[VanishedError], tuple[str]]:
        """Crosses from a worker's process as what it is."""
        return VanishedError, (self.path,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJob:
    """Hash one file whole. `weight`, here and below, is about how many bytes will be read.

    `foreign`: it is a WARC or WACZ file of another tool, and its records are counted too.
    """

    path: str
    weight: int
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesJob:
    """Hash one file of lines whole, and line by line when its `tree` is asked for; `reader` is shown the lines."""

    path: str
    weight: int
    tree: bool
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
    spare: int = 0
    """Records that may well be others than the index says, because their removal is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleJob:
    """Hold some records of a WARC file against their lines of its record index, `data`; the file has `total`."""

    path: str
    weight: int
    data: bytes
    total: int
    thorough: bool
    spare: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How much is read: `share` of the records of each WARC file (0 < share <= 1), at least one, picked by `seed`.

    With a share of 0 it is the lists alone: the lines of citations, captures and sources are held against what was signed, and no record,
    document or other file is read, for whoever reads nothing else either.
    """

    share: float
    seed: str

    @property
    def lists_alone(self) -> bool:
        return not self.share


LISTS = Sample(share=0, seed="")


Job = WholeJob | LinesJob | TreeJob | SegmentJob | SampleJob
Measured = Whole | Lines | Segment | Sampled


def measure_all(folder: Folder, jobs: Sequence[Job], workers: Workers | None) -> list[Measured]:
    """Do the jobs, with the help of other processes when there is enough to read. Answers in their order."""
    # A stretch is cut between two records: it may be longer than its weight, which is an average.
    longest = max((job.weight for job in jobs if isinstance(job, SegmentJob)), default=0)
    do = partial(measure, folder, room=bytearray(min(max(BLOCK, longest + longest // 2), ROOM)))
    if workers is None or sum(job.weight for job in jobs) < _WORTH_SHARING:
        return [do(job) for job in jobs]
    # The largest first: then no process is left with one when the others have ended.
    order = sorted(range(len(jobs)), key=lambda place: -jobs[place].weight)
    found = dict(zip(order, workers.map(do, [jobs[place] for place in order]), strict=True))
    return [found[place] for place in range(len(jobs))]


def measure(folder: Folder, job: Job, room: bytearray | None = None) -> Measured:
    """Do one job; records are read into `room`, which jobs that follow each other share: new memory costs the kernel time.

    Raises StoreError when the file cannot be read, VanishedError when it is gone since it was seen.
    """
    try:
        return _measure(folder, job, bytearray(BLOCK) if room is None else room)
    except FileNotFoundError:
        raise VanishedError(job.path) from None


def _measure(folder: Folder, job: Job, room: bytearray) -> Measured:
    match job:
        case TreeJob():
            count, root = merkle.root_of_lines(job.data)
            return Lines(path=job.path, size=len(job.data), sha256="", count=count, root=root.hex(), content=None)
        case WholeJob():
            with folder.open(job.path) as file:
                whole = _whole(file, job.path)
                return replace(whole, types=_types(file)) if job.foreign else whole
        case LinesJob():
            with folder.open(job.path) as file:
                return _lines(file, job)
        case SegmentJob():
            with folder.open(job.path) as file:
                return _segment(cast("RawIOBase", file), job, room)
        case SampleJob():
            with folder.open(job.path) as file:
                return _sample(cast("RawIOBase", file), job, room)


def stored_sha256(folder: Folder, path: str, offset: int, length: int) -> str:
    """The hash of so many bytes of a file; of what there is of them."""
    digest = hashlib.sha256()
    with folder.open(path) as file:
        file.seek(offset)
        while length and (piece := file.read(min(BLOCK, length))):
            digest.update(piece)
            length -= len(piece)
    return digest.hexdigest()


def sample(path: str, data: bytes, size: int, chosen: Sample, *, thorough: bool, spare: int = 0) -> SampleJob:
    """Pick records of the WARC file of `size` bytes with the index `data`. Raises FormatError when the index does not tile."""
    import random  # noqa: PLC0415 -- `verify` starts faster without, and seldom needs it

    for _ in recordindex.read(data, size):
        pass
    rows = data.splitlines(keepends=True)
    picked = random.Random(f"{chosen.seed} {path}").sample(range(len(rows)), max(1, math.ceil(len(rows) * chosen.share)))  # noqa: S311 -- anybody who has the seed may pick the same
    lines = b"".join(rows[number] for number in sorted(picked))
    return SampleJob(
        path=path, weight=size * len(picked) // len(rows), data=lines, total=len(rows), thorough=thorough, spare=spare
    )


def segments(path: str, data: bytes, size: int, *, thorough: bool, spare: int = 0) -> Iterator[SegmentJob]:
    """Cut the index `data` of a WARC file of `size` bytes into jobs of some 8 MiB. Each line says itself where its record lies."""
    parts = min(max(1, size // _SEGMENT), max(1, len(data) >> 10))
    start = 0
    for part in range(1, parts + 1):
        end = data.find(b"\n", len(data) * part // parts - 1) + 1 if part < parts else len(data)
        if end > start:
            yield SegmentJob(path=path, weight=size // parts, data=data, start=start, end=end, thorough=thorough, spare=spare)
            start = end


def _whole(file: BinaryIO, path: str) -> Whole:
    whole, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        whole.update(block)
        size += len(block)
    return Whole(path=path, size=size, sha256=whole.hexdigest())


def _types(file: BinaryIO) -> tuple[str, ...] | None:
    """The WARC-Types in another tool's file; None when it is no WARC or WACZ file."""
    from preserve.flows.foreign import ForeignFile  # noqa: PLC0415 -- few archives have such files, and `verify` starts faster without

    try:
        return ForeignFile(file).types()
    except FormatError:
        return None


def _lines(file: BinaryIO, job: LinesJob) -> Lines:
    whole, size, tree, reader, rest = hashlib.sha256(), 0, merkle.Frontier(), job.reader(), b""
    while block := file.read(BLOCK):
        whole.update(block)
        size += len(block)
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
            continue
        rows, rest = rest + block[:end], block[end:]
        if job.tree:
            for row in rows.removesuffix(b"\n").split(b"\n"):
                tree.add(merkle.leaf_hash(row))
        reader.read(rows)
    if rest:
        reader.stop("no newline at the end")
    root = tree.root().hex() if job.tree else ""
    return Lines(path=job.path, size=size, sha256=whole.hexdigest(), count=reader.number, root=root, content=reader.result())


# ------------------------------------------------------------------------------------------------------------------- records


def _segment(file: RawIOBase, job: SegmentJob, room: bytearray) -> Segment:
    """Raises nothing for what the bytes are: that is in the Segment."""
    first: tuple[int, int] | None = None
    number = offset = lost = 0
    spoiled: list[Spoiled] = []
    types: list[str] = []
    problem = ""
    check = _check_thoroughly if job.thorough else _check
    try:
        for start, bounds, signed in _batches(job):
            if first is None:
                first, number, offset = (start, bounds[0]), start, bounds[0]
            if (start, bounds[0]) != (number, offset):
                raise FormatError(f"record index: does not tile: record {start}")
            file.seek(offset)
            for place, why, type_ in check(file, room, bounds, signed):
                if type_:
                    types.append(type_)
                if why and len(spoiled) < MAX_SPOILED + job.spare:
                    spoiled.append(Spoiled(index=start + place, offset=bounds[place], why=why))
                elif why:
                    lost += 1
            number, offset = start + len(signed), bounds[-1]
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


def _sample(file: RawIOBase, job: SampleJob, room: bytearray) -> Sampled:
    spoiled: list[Spoiled] = []
    read = lost = 0
    check = _check_thoroughly if job.thorough else _check
    for row in merkle.lines(job.data):
        line = recordindex.parse_leaf(row)
        read += 1
        file.seek(line.offset)
        for _, why, _ in check(file, room, [line.offset, line.offset + line.length], [line.sha256.encode()]):
            if why and len(spoiled) < MAX_SPOILED + job.spare:
                spoiled.append(Spoiled(index=line.index, offset=line.offset, why=why))
            elif why:
                lost += 1
    return Sampled(path=job.path, read=read, total=job.total, size=file.seek(0, 2), spoiled=tuple(spoiled), more=lost)


def _batches(job: SegmentJob) -> Iterator[tuple[int, list[int], list[bytes]]]:
    """(index of the first record, where each begins and the last one ends, hashes) of some thousand records at a time.

    The lines are not matched one by one: writing the numbers found into the one form that a line has must give the same bytes.
    """
    place = job.start
    while place < job.end:
        end = job.data.rfind(b"\n", place, min(place + BATCH, job.end)) + 1
        if end == 0:
            raise FormatError("record index: no newline at the end")
        text = job.data[place:end]
        words = text.split()
        if len(words) % 5:
            raise FormatError("record index: bad line")
        try:
            lengths = [*map(int, words[3::5])]
            start, offset = int(words[1]), int(words[2])
        except ValueError:
            raise FormatError("record index: bad line") from None
        bounds, signed = list(accumulate(lengths, initial=offset)), words[4::5]
        rows = zip(range(start, start + len(lengths)), bounds, lengths, signed, strict=False)
        whole = text.isascii() and b"".join(map(b"preserve-record/v1 %d %d %d %b\n".__mod__, rows)) == text
        if not whole or min(lengths) < 1 or bounds[-1] > MAX_INTEGER:
            for line in merkle.lines(text):
                recordindex.parse_leaf(line)
            raise FormatError("record index: does not tile: the lines do not count or the records do not follow each other")
        yield start, bounds, signed
        place = end


def _check(file: RawIOBase, room: bytearray, bounds: list[int], signed: list[bytes]) -> Iterator[tuple[int, str, str]]:
    """(place in the batch, what is wrong, "") of each record that is not as it should be.

    As many whole records as fit the room are read and hashed together; one that is larger streams by alone.
    """
    view, place = memoryview(room), 0
    while place < len(signed):
        start = bounds[place]
        stop = bisect_right(bounds, start + len(room), place) - 1
        if stop == place:
            if why := _check_large(file, view[:BLOCK], bounds[place + 1] - start, signed[place]):
                yield place, why, ""
            place += 1
            continue
        size = bounds[stop] - start
        block = _fill(file, view[:size])
        cuts = [bound - start for bound in bounds[place : stop + 1]]
        if len(block) < size:
            cuts = [min(cut, len(block)) for cut in cuts]
        found = digests.shortcut(block, cuts)
        cuts.pop()
        # The last record may be shorter than what every member begins with: then what stands behind it in the room is not its own.
        whole = len(block) == size and size - cuts[-1] >= len(_FIXED)
        if not whole or found != signed[place:stop] or not all(map(room.startswith, repeat(_FIXED), cuts)):
            # The shortcut may confirm; what is wrong, and with which record, is for hashlib alone to say.
            found = digests.one_by_one(block, [*cuts, len(block)])
            for at, begin in enumerate(cuts):
                if bounds[place + at + 1] - start > len(block):
                    yield place + at, ENDS, ""
                elif found[at] != signed[place + at]:
                    yield place + at, CHANGED, ""
                elif block[begin : begin + len(_FIXED)] != _FIXED:
                    yield place + at, ODD, ""
        place = stop


def _check_large(file: RawIOBase, room: memoryview, length: int, signed: bytes) -> str:
    """What is wrong with one record of `length` bytes; "" when nothing is."""
    record, head = hashlib.sha256(), b""
    while length and (piece := _fill(file, room[:length])):
        head += piece[: len(_FIXED) - len(head)]
        record.update(piece)
        length -= len(piece)
    if length:
        return ENDS
    if record.hexdigest().encode() != signed:
        return CHANGED
    return "" if head == _FIXED else ODD


def _check_thoroughly(
    file: RawIOBase, room: bytearray, bounds: list[int], signed: list[bytes]
) -> Iterator[tuple[int, str, str]]:
    """(place, what is wrong, WARC-Type) of every record: the plain twin of `_check`, which opens each member as well."""
    from preserve.formats.warc import MemberCheck  # noqa: PLC0415 -- `verify` starts faster without what opens members

    view = memoryview(room)[:BLOCK]
    for place, digest in enumerate(signed):
        record, member, left = hashlib.sha256(), MemberCheck(), bounds[place + 1] - bounds[place]
        while left and (piece := bytes(_fill(file, view[:left]))):
            record.update(piece)
            member.feed(piece)
            left -= len(piece)
        found = member.result()
        why = ENDS if left else CHANGED if record.hexdigest().encode() != digest else found.problem
        yield place, why, found.header.type if found.header else ""


def _fill(file: RawIOBase, room: memoryview) -> memoryview:
    """What the file gives to fill `room`: less only where it ends. The same room is used again and again: new memory costs the kernel time."""
    filled = file.readinto(room) or 0
    while filled < len(room) and (count := file.readinto(room[filled:])):
        filled += count
    return room[:filled]

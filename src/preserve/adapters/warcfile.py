"""WARC files on disk: records are appended, each a gzip member of its own, and nothing that was written is ever changed.

Promises. What `append` returned has reached the file, and was opened again on the way: each member is whole and holds its record, and the digests
of a large one, which waited on a disk, hold. `sync` brings it to the disk. When an append fails or is cancelled, the file is
cut back to where it was, so that nothing of that call counts. A kill can leave only a torn tail, which `resume` moves aside.
Each file begins with a warcinfo record, which all others but requests name: only the store knows where a record lands.

Strategy. Records of up to 1 MiB are made whole in memory and written together; a larger one is read, compressed, hashed and written 64 KiB
at a time. The event loop gets its turn after every megabyte, which takes some 10 ms: memory stays flat, nothing else waits long, and no
thread has to be told (docs/adr/0245).
A file takes no new append once it has reached its size; an append is never split over files.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from preserve.errors import FormatError, StoreError
from preserve.formats.gzipmember import Packer, crc32, pack, shrinks, unpack
from preserve.formats.warc import END, MemberCheck, header
from preserve.model.web import Body, Record, Stored

MAX_SIZE: Final = 1 << 30
"""A file that has reached this size is followed by the next."""

_WHOLE: Final = 1 << 20
_PIECE: Final = 1 << 16
_AT_ONCE: Final = 512  # members in one system call; IOV_MAX is 1024 on Linux
_NAME: Final = re.compile(r"(?P<prefix>.+)-(?P<number>\d{4,})\.warc\.gz")
_UNTOLD: Final = frozenset({"warcinfo", "request"})
"""Types that do not name the file's warcinfo: itself, and what the record beside it speaks for (docs/adr/0220)."""
_HINTS: Final = {
    errno.ENOSPC: "free some space, then run the same command with --resume",
    errno.EDQUOT: "free some of your quota, then run the same command with --resume",
    errno.EFBIG: "the file system or a limit does not allow files of that size",
    errno.EROFS: "the file system is read-only",
}


_FAULTY: Final = "this machine's memory or processor may be failing: look at it, then run again with --resume"


class WarcFile:
    """One WARC file, open for appending. `name` is its run-relative path, as `Stored.warc` says it."""

    def __init__(self, path: Path, name: str) -> None:
        """Make the file; raises StoreError when it cannot be made, or is there already."""
        self.name = name
        self._path = path
        self.size = 0
        self._count = 0
        self._broken = ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise _problem(path, error) from error

    async def append(self, records: Sequence[Record], *, warcinfo_id: str) -> tuple[Stored, ...]:
        """Write the records in this order, all or none. Must not be called again before it has returned."""
        if self._broken:
            raise StoreError(f"{self._path}: {self._broken}", "end this run and finish it with --resume")
        size, count = self.size, self._count
        stored: list[Stored] = []
        small: list[Record] = []
        waiting = 0
        try:
            for record in records:
                if small and (record.length > _WHOLE or waiting > _WHOLE or len(small) == _AT_ONCE):
                    stored += self._append_small(small, warcinfo_id)
                    small, waiting = [], 0
                    await asyncio.sleep(0)
                if record.length > _WHOLE:
                    stored.append(await self._append_large(record, _header(record, warcinfo_id)))
                else:
                    small.append(record)
                    waiting += record.length
            if small:
                stored += self._append_small(small, warcinfo_id)
        except OSError as error:
            self._cut_back(size, count)
            raise _problem(self._path, error) from error
        except BaseException:
            self._cut_back(size, count)
            raise
        return tuple(stored)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise _problem(self._path, error) from error

    def close(self) -> None:
        """Close it; nothing may be appended afterwards."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append_small(self, records: Sequence[Record], warcinfo_id: str) -> list[Stored]:
        """Compress, hash and write what is made whole in memory."""
        members = [_member(_header(record, warcinfo_id) + record.head, _whole(record.body)) for record in records]
        self._write(members)
        return [
            self._stored(record, len(member), sha256(member).hexdigest(), crc32(member))
            for record, member in zip(records, members, strict=True)
        ]

    async def _append_large(self, record: Record, head: bytes) -> Stored:
        pieces = _pieces(record.body)
        first = next(pieces, b"")
        packer, check = Packer(deflate=shrinks(first)), MemberCheck(ours=True)
        digest, crc, length, read, turn = sha256(), 0, 0, len(first), 0

        def put(data: bytes) -> None:
            nonlocal crc, length
            digest.update(data)
            crc = crc32(data, crc)
            check.feed(data)
            length += len(data)
            self._write([data])

        put(packer.begin(head + record.head))
        put(packer.push(first))
        for piece in pieces:
            put(packer.push(piece))
            read += len(piece)
            if read - turn >= _WHOLE:
                turn = read
                await asyncio.sleep(0)
        _same_size(record.body, read)
        put(packer.finish(END))
        if problem := check.result().problem:
            raise StoreError(f"{self._path}: what was written of record {record.id} is not that record: {problem}", _FAULTY)
        return self._stored(record, length, digest.hexdigest(), crc)

    def _stored(self, record: Record, length: int, digest: str, crc: int) -> Stored:
        """Count a record in: it begins where the last one ended."""
        place = Stored(
            warc=self.name,
            index=self._count,
            offset=self.size,
            length=length,
            sha256=digest,
            crc32=crc32(digest.encode(), crc),
            type=record.type,
            record_id=record.id,
        )
        self.size += length
        self._count += 1
        return place

    def _write(self, parts: list[bytes]) -> None:
        if not parts:
            return
        written = os.writev(self._fd, parts)
        if written < sum(map(len, parts)):  # a signal, or the last of the space: the next write tells which
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def _cut_back(self, size: int, count: int) -> None:
        self.size, self._count = size, count
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:  # what is on disk is unknown now; `resume` will cut it
            self._broken = f"what a failed write left cannot be cut off: {error.strerror}"


class WarcWriter:
    """ports.WarcStore: the WARC files of one run, `data/<prefix>-0001.warc.gz` and on. `prefix` is "<slug>-<run>".

    `warcinfo` makes the record at the head of a file, given the file's name. Files of an interrupted run are left as they are;
    a new writer begins the next one, with a warcinfo of its own. Several writers may share a run: each has files of its own.
    """

    def __init__(self, folder: Path, prefix: str, *, warcinfo: Callable[[str], Record], max_size: int = MAX_SIZE) -> None:
        """`folder` is the run's; its data/ must exist."""
        self._folder = folder
        self._prefix = prefix
        self._warcinfo = warcinfo
        self._warcinfo_id = ""
        self._max_size = max_size
        self._file: WarcFile | None = None
        self._full: list[WarcFile] = []
        self._turn = asyncio.Lock()
        self._syncing = threading.Lock()

    async def append(self, records: Sequence[Record]) -> tuple[Stored, ...]:
        """Write the records one after the other; when that began a file, its warcinfo stands first in what is returned.

        Raises StoreError when they cannot be written, or a body cannot be read again; then nothing of this call counts.
        """
        async with self._turn:
            if self._file is not None and self._file.size < self._max_size:
                return await self._file.append(records, warcinfo_id=self._warcinfo_id)
            path, file = self._begin()
            info = self._warcinfo(path.name)
            try:
                stored = await file.append((info, *records), warcinfo_id=info.id)
                _sync_folder(path.parent)
            except BaseException as error:
                file.close()
                with suppress(OSError):
                    path.unlink()
                if isinstance(error, OSError):
                    raise _problem(path, error) from error
                raise
            if self._file is not None:
                self._full.append(self._file)
            self._file, self._warcinfo_id = file, info.id
            return stored

    def sync(self) -> None:
        """fsync what was written. May be called while another thread does; it returns when all that was there is on the disk."""
        with self._syncing:
            self._sync()

    def _sync(self) -> None:
        while self._full:  # another one may become full meanwhile: it comes last
            self._full[0].sync()
            self._full.pop(0).close()
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        """Flush everything to the disk and close it."""
        with self._syncing:
            try:
                self._sync()
            finally:
                for file in (*self._full, *((self._file,) if self._file else ())):
                    file.close()
            self._full, self._file = [], None

    def _begin(self) -> tuple[Path, WarcFile]:
        """The next file. Where several processes share a run, another may have taken the number in between."""
        while True:
            path = self._next_path()
            try:
                return path, WarcFile(path, f"data/{path.name}")
            except StoreError as problem:
                if not isinstance(problem.__cause__, FileExistsError):
                    raise

    def _next_path(self) -> Path:
        data = self._folder / "data"
        try:
            names = [_NAME.fullmatch(path.name) for path in data.iterdir()]
        except OSError as error:
            raise _problem(data, error) from error
        numbers = [int(name["number"]) for name in names if name is not None and name["prefix"] == self._prefix]
        return data / f"{self._prefix}-{max(numbers, default=0) + 1:04}.warc.gz"


def resume(path: Path, length: int) -> Path | None:
    """Cut a WARC file back to its first `length` bytes, which are known to be good, after moving what follows aside.

    Returns the file that now holds the torn bytes (`<prefix>-torn-0001.bin` beside it), or None when there were none. A file of
    which nothing is good is moved aside whole. May be killed and called again: the torn bytes are kept once. Raises StoreError
    when the file is shorter than `length`, or cannot be read or written.
    """
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise ValueError(f"not a WARC file's name: {path.name}")
    try:
        size = path.stat().st_size
        if size < length:
            raise StoreError(f"{path}: {size} bytes, but {length} were written: the disk lost some")
        if size == length and length:
            return None
        torn, kept = _torn_place(path, name["prefix"], length)
        if not length:
            path.rename(torn)
        else:
            if not kept:
                _copy_tail(path, length, torn)
            with path.open("r+b") as file:
                file.truncate(length)
                os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise _problem(path, error) from error
    return torn


def _torn_place(path: Path, prefix: str, length: int) -> tuple[Path, bool]:
    """The next free name for torn bytes; or the last one when it already holds exactly these, because a kill came in between."""
    number = 1
    last = None
    while (place := path.with_name(f"{prefix}-torn-{number:04}.bin")).exists():
        last = place
        number += 1
    if last is not None and length and _same_tail(path, length, last):
        return last, True
    return place, False


def _same_tail(path: Path, length: int, other: Path) -> bool:
    with path.open("rb") as file, other.open("rb") as kept:
        file.seek(length)
        while True:
            one, two = file.read(_PIECE), kept.read(_PIECE)
            if one != two:
                return False
            if not one:
                return True


def _copy_tail(path: Path, length: int, torn: Path) -> None:
    beside = torn.with_name(f".{torn.name}.part")
    with path.open("rb") as file, beside.open("wb") as copy:
        file.seek(length)
        while piece := file.read(_PIECE):
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    beside.rename(torn)
    _sync_folder(torn.parent)


def _header(record: Record, warcinfo_id: str) -> bytes:
    return header(record, warcinfo_id="" if record.type in _UNTOLD else warcinfo_id)


def _member(head: bytes, body: bytes) -> bytes:
    """The record as a gzip member, which was opened again and holds it."""
    member = pack(head, body, END)
    try:
        unpack(member, len(head) + len(body) + len(END))  # its CRC-32 was taken of what went in
    except FormatError as problem:
        raise StoreError(f"a record was compressed to something that does not hold it: {problem.message}", _FAULTY) from problem
    return member


def _whole(body: Body) -> bytes:
    pieces = list(body.chunks())
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    _same_size(body, len(data))
    return data


def _same_size(body: Body, read: int) -> None:
    """The header has promised `body.size` bytes already."""
    if read != body.size:
        raise StoreError(f"a body of {body.size} bytes gave {read} when it was read again")


def _pieces(body: Body) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB, wherever it lies."""
    for chunk in body.chunks():
        if len(chunk) <= _PIECE:
            yield chunk
        else:
            for start in range(0, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]


def _sync_folder(path: Path) -> None:
    """Bring a folder's names to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _problem(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror or error}", _HINTS.get(error.errno or 0, ""))

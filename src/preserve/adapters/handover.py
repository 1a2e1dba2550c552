"""Where hand-overs are written: a ZIP file, a folder, one file of records. Fills `flows.bundle.Sink`.

Everything is written beside its final name, flushed to the disk, then renamed: no half file ever stands under the name that was asked
for. What a failure leaves is removed; what stood there before stays until the new one takes its place. Memory is one block.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from preserve import durable
from preserve.errors import StoreError
from preserve.formats import bagit
from preserve.formats import zip as zip_format
from preserve.formats.wacz import Resource

_SHARED = 1 << 17
"""Bytes of a piece from which on it is hashed beside the writing."""
_PIECE = 1 << 20
_MARGIN = 1 << 24
"""An entry said to be so close to 4 GiB gets wide sizes already."""


class ZipSink:
    """A ZIP file being written; every entry stored, dated `moment`. Use `zip_file` to make one."""

    def __init__(self, file: BinaryIO, moment: datetime) -> None:
        self._file = file
        self._moment = moment
        self._lines: list[bytes] = []
        self._at = 0
        self._pool = ThreadPoolExecutor(1)

    def add(self, path: str, pieces: Iterable[bytes], *, size: int) -> Resource:
        """One entry; its CRC-32 and size are put into its header when they are known."""
        wide = size >= zip_format.BIG - _MARGIN
        start = self._at
        header = zip_format.local_header(path, self._moment, crc32=0, size=0, wide=wide)
        self._file.write(header)
        crc, length, digest = 0, 0, hashlib.sha256()
        waiting: Future[None] | None = None
        try:
            for piece in pieces:
                if waiting is not None:
                    waiting.result()
                    waiting = None
                if len(piece) >= _SHARED:
                    waiting = self._pool.submit(digest.update, piece)
                else:
                    digest.update(piece)
                crc = isal_zlib.crc32(piece, crc)
                length += len(piece)
                self._file.write(piece)
        finally:
            if waiting is not None:
                waiting.result()
        if length >= zip_format.BIG and not wide:
            raise StoreError(f"{path}: it has {length} bytes, and was said to have {size}")
        self._at += len(header) + length
        self._file.seek(start)
        self._file.write(zip_format.local_header(path, self._moment, crc32=crc, size=length, wide=wide))
        self._file.seek(self._at)
        self._lines.append(zip_format.directory_entry(path, self._moment, crc32=crc, size=length, at=start))
        return Resource(path=path, bytes=length, sha256=digest.hexdigest())

    def finish(self) -> None:
        """Write the directory."""
        self._pool.shutdown()
        for line in self._lines:
            self._file.write(line)
        self._file.write(zip_format.end(len(self._lines), sum(map(len, self._lines)), self._at))


class FolderSink:
    """Entries as files of a folder, each under the last part of its path; or all of them, one after the other, in one file."""

    def __init__(self, folder: Path | None, file: BinaryIO | None = None) -> None:
        self._folder = folder
        self._file = file

    def add(self, path: str, pieces: Iterable[bytes], *, size: int) -> Resource:
        """One more file, or more of the one."""
        if self._file is not None:
            return _copy(path, pieces, self._file)
        assert self._folder is not None, "one of the two is given"
        with (self._folder / path.rpartition("/")[2]).open("xb") as file:
            resource = _copy(path, pieces, file)
            file.flush()
            os.fsync(file.fileno())
        return resource


def _copy(path: str, pieces: Iterable[bytes], file: BinaryIO) -> Resource:
    digest, length = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        file.write(piece)
    return Resource(path=path, bytes=length, sha256=digest.hexdigest())


# ------------------------------------------------------------------------------------------------------- beside, then renamed


@contextmanager
def zip_file(path: Path, moment: datetime) -> Iterator[ZipSink]:
    """A ZIP that stands at `path` once the block has ended well. Raises StoreError."""
    with new_file(path) as file:
        sink = ZipSink(file, moment)
        yield sink
        sink.finish()


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that stands at `path` once the block has ended well."""
    with _translated(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        waiting = path.with_name(f".{path.name}.part")
        waiting.unlink(missing_ok=True)
        try:
            with waiting.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            waiting.replace(path)
            durable.sync_folder(path.parent)
        finally:
            with suppress(OSError):
                waiting.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that stands at `path`, where nothing or an empty folder was, once the block has ended well."""
    waiting = path.with_name(f".{path.name}.part")
    with _translated(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(errno.EEXIST, "is there already", str(path))
        shutil.rmtree(waiting, ignore_errors=True)
        try:
            waiting.mkdir()
            yield waiting
            durable.sync_folder(waiting)
            waiting.replace(path)
            durable.sync_folder(path.parent)
        finally:
            shutil.rmtree(waiting, ignore_errors=True)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A folder beside `path` that goes away with the block."""
    place = path.with_name(f".{path.name}.scratch")
    with _translated(path):
        shutil.rmtree(place, ignore_errors=True)
        try:
            place.mkdir()
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------------------------- bags


def fill_bag(folder: Path, *, moment: datetime, software: str, identifier: str) -> None:
    """Make a folder whose payload lies in data/ a bag."""
    payload = [_hashed(path, f"data/{path.name}") for path in sorted((folder / "data").iterdir())]
    for name, data in bagit.tag_files(payload, moment=moment, software=software, identifier=identifier).items():
        durable.write_file(folder / name, data)


def zip_bag(path: Path, payload: Path, *, moment: datetime, software: str, identifier: str) -> None:
    """A bag with one file as its payload, in a ZIP whose one folder is named as the ZIP is."""
    name = path.name.removesuffix(".zip")
    with zip_file(path, moment) as sink:
        with payload.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE), b"")
            found = sink.add(f"{name}/data/{payload.name}", pieces, size=payload.stat().st_size)
        listed = [Resource(path=f"data/{payload.name}", bytes=found.bytes, sha256=found.sha256)]
        for tag, data in bagit.tag_files(listed, moment=moment, software=software, identifier=identifier).items():
            sink.add(f"{name}/{tag}", [data], size=len(data))


def _hashed(path: Path, name: str) -> Resource:
    with path.open("rb") as file:
        return Resource(path=name, bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        hint = {
            errno.ENOSPC: "free some space; nothing half-written was left behind",
            errno.EDQUOT: "free some of your quota; nothing half-written was left behind",
            errno.EEXIST: "name a folder that does not exist yet",
            errno.ENOENT: "make the folder that it is to lie in first",
            errno.EISDIR: "name a file",
        }.get(problem.errno or 0, "")
        raise StoreError(f"{path}: {problem.strerror or problem}", hint) from problem

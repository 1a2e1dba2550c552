"""A ZIP file read where it lies, nothing of it unpacked to disk: fills `flows.verify_bundle.Container`, its views fill `ports.Folder`.

What is stored is read by place; what is deflated is inflated as it is read, never beyond the size that its entry states.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from preserve.errors import FormatError, StoreError
from preserve.formats import zip as zip_format
from preserve.formats.zip import ZipEntry, ZipLayout
from preserve.model.tree import Entry, Kind

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 1 << 18


class ZipContainer:
    """One ZIP file; a context manager that holds its descriptor."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when it cannot be read, FormatError when it is no ZIP."""
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            raise StoreError(f"{path}: {problem.strerror}") from problem
        try:
            self.layout: ZipLayout = zip_format.read(self._read, os.fstat(self._fd).st_size)
        except OSError as problem:
            os.close(self._fd)
            raise StoreError(f"{path}: {problem.strerror}") from problem
        except FormatError:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._fd)

    def folder(self, paths: Mapping[str, ZipEntry]) -> ZipFolder:
        """Entries seen as files of a folder, under the paths given."""
        return ZipFolder(self._path, self._fd, paths)

    def _read(self, offset: int, length: int) -> bytes:
        found = bytearray()
        while length > len(found) and (piece := os.pread(self._fd, length - len(found), offset + len(found))):
            found += piece
        return bytes(found)


class ZipFolder:
    """Some entries of a ZIP as a folder of plain files; valid while its container is open."""

    def __init__(self, path: Path, fd: int, paths: Mapping[str, ZipEntry]) -> None:
        self._path = path
        self._fd = fd
        self._paths = paths

    def names(self) -> frozenset[str]:
        """What lies directly in it."""
        return frozenset(path.partition("/")[0] for path in self._paths)

    def walk(self) -> Iterator[Entry]:
        """Everything below, in byte order of the path; folders are those that the paths pass through."""
        found = {path: Entry(path=path, kind=Kind.FILE, size=entry.size, links=1) for path, entry in self._paths.items()}
        for path in self._paths:
            parts = path.split("/")
            for place in range(1, len(parts)):
                above = "/".join(parts[:place])
                found.setdefault(above, Entry(path=above, kind=Kind.FOLDER, size=0, links=1))
        yield from (found[path] for path in sorted(found, key=str.encode))

    def open(self, path: str) -> BinaryIO:
        """An entry's bytes. Raises FileNotFoundError when there is none of that path."""
        entry = self._paths.get(path)
        if entry is None:
            raise FileNotFoundError(path)
        stored = _Stored(self._path, self._fd, entry.start, entry.packed)
        return cast(BinaryIO, stored if entry.method == zip_format.STORED else _Inflated(stored, entry.size))

    def read(self, path: str, limit: int) -> bytes:
        """The whole of an entry of at most `limit` bytes."""
        with self.open(path) as file:
            data = bytearray()
            while len(data) <= limit and (piece := file.read(limit + 1 - len(data))):
                data += piece
        if len(data) > limit:
            raise FormatError(f"{self._path}: {path}: longer than {limit} bytes")
        return bytes(data)


class _Stored(io.RawIOBase):
    """A stretch of a file, with a place of its own."""

    def __init__(self, path: Path, fd: int, start: int, size: int) -> None:
        self._path = path
        self._fd = fd
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        try:
            count = os.preadv(self._fd, [view], self._start + self._at) if view else 0
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem
        self._at += count
        return count


class _Inflated(io.RawIOBase):
    """A deflated entry. Going back begins again; bytes that cannot be inflated end it, and its hash tells that."""

    def __init__(self, packed: _Stored, size: int) -> None:
        self._packed = packed
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._packed.seek(0)
        self._at = 0
        self._inflate = zlib.decompressobj(-15)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        wanted = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        if wanted < self._at:
            self._begin()
        while self._at < wanted and self.read(min(_PIECE, wanted - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = self._size + 1 - self._at  # one byte more than there should be is enough to be noticed
        view = memoryview(buffer).cast("B")[: max(0, room)]
        content = b""
        while view and not content and not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._packed.read(_PIECE) or b""
            try:
                content = self._inflate.decompress(data, len(view))
            except zlib.error:
                return 0
            if not data and not content:
                break
        view[: len(content)] = content
        self._at += len(content)
        return len(content)

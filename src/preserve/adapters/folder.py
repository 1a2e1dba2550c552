"""A folder read without trusting it: fills `ports.Folder`.

Every path is opened component by component relative to a descriptor of the root (openat), none of them following a link
(O_NOFOLLOW), so that nothing swapped in while we read can lead outside. Only plain files are opened; a FIFO or a device never
blocks us (O_NONBLOCK, then fstat). Nothing is ever written: it works on a write-protected disk.

Only the root itself may be reached through a link: that path is the user's own word.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from preserve.errors import FormatError, StoreError
from preserve.model.tree import Entry, Kind

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DiskFolder:
    """One folder on disk; a context manager that holds its descriptor."""

    def __init__(self, root: Path) -> None:
        """Raises StoreError when `root` is no folder or cannot be opened."""
        self._root = root
        try:
            self._fd = os.open(root, _FOLDER)
        except OSError as problem:
            raise StoreError(f"{root}: {problem.strerror}") from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    def names(self) -> frozenset[str]:
        """What lies directly in it."""
        try:
            fd = self._enter("")
            try:
                with os.scandir(fd) as names:
                    return frozenset(item.name for item in names)
            finally:
                os.close(fd)
        except OSError as problem:
            raise StoreError(f"{self._root}: {problem.strerror}") from problem

    def walk(self) -> Iterator[Entry]:
        """Everything below, by lstat, in byte order of the path. Raises FileNotFoundError when a folder is gone before it was read."""
        found: list[Entry] = []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                below = self._scan(folder)
            except FileNotFoundError:
                raise FileNotFoundError(errno.ENOENT, "it was there and is gone", str(self._root / folder)) from None
            except OSError as problem:
                raise StoreError(f"{self._root / folder}: {problem.strerror}") from problem
            found += below
            waiting += [entry.path for entry in below if entry.kind is Kind.FOLDER]
        yield from sorted(found, key=lambda entry: os.fsencode(entry.path))

    def open(self, path: str) -> BinaryIO:
        """Open a plain file, unbuffered; StoreError when it is none or cannot be read, FileNotFoundError when it is absent."""
        folder, _, name = path.rpartition("/")
        try:
            parent = self._enter(folder)
            try:
                fd = os.open(name, _FILE, dir_fd=parent)
            finally:
                os.close(parent)
        except FileNotFoundError:
            raise
        except OSError as problem:
            raise StoreError(f"{self._root / path}: {problem.strerror}") from problem
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise StoreError(f"{self._root / path}: not a plain file")
        return os.fdopen(fd, "rb", buffering=0)

    def read(self, path: str, limit: int) -> bytes:
        """The whole of a file of at most `limit` bytes, from one descriptor."""
        with self.open(path) as file:
            pieces, size = [], 0
            try:
                while size <= limit and (piece := file.read(limit + 1 - size)):
                    pieces.append(piece)
                    size += len(piece)
            except OSError as problem:
                raise StoreError(f"{self._root / path}: {problem.strerror}") from problem
        if size > limit:
            raise FormatError(f"{self._root / path}: longer than {limit} bytes")
        return b"".join(pieces)

    def _enter(self, folder: str) -> int:
        """A descriptor of a folder below the root, no component of its path a link. The caller closes it.

        Opened anew, never duplicated: duplicates share one place in a listing, and two threads that list would take each other's names.
        """
        fd = os.open(".", _FOLDER, dir_fd=self._fd)
        for name in folder.split("/") if folder else ():
            try:
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
        return fd

    def _scan(self, folder: str) -> list[Entry]:
        fd = self._enter(folder)
        try:
            with os.scandir(fd) as names:
                return [_entry(f"{folder}/{item.name}" if folder else item.name, item) for item in names]
        finally:
            os.close(fd)


def _entry(path: str, item: os.DirEntry[str]) -> Entry:
    status = item.stat(follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        return Entry(path=path, kind=Kind.FILE, size=status.st_size, links=status.st_nlink)
    kind = {stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}.get(stat.S_IFMT(status.st_mode), Kind.OTHER)
    return Entry(path=path, kind=kind, size=0, links=status.st_nlink)

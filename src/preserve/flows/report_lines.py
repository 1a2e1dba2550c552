"""The lines and records of a sealed run, found again by their numbers: what a report of any size is drawn from.

Only where each line begins is held (8 bytes a line), so that memory hardly grows with the archive. A file is opened when it is read;
`close` before processes are forked, for two that share a descriptor would move each other's place in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from preserve.errors import FormatError, StoreError

if TYPE_CHECKING:
    from preserve.ports import Folder

_PIECE = 1 << 18
_AHEAD = 1 << 14
"""Bytes read at once of a list: lines are mostly wanted one after the other."""
_FILES = 16
"""Lists of which that is kept."""


class Slices:
    """Files of a folder, read in slices and kept open between them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open: dict[str, BinaryIO] = {}
        self._closed = False
        self._read: dict[str, tuple[int, bytes]] = {}

    def line(self, path: str, offset: int, length: int) -> bytes:
        """The same as `read`, of something short that others follow: they are read with it."""
        begin, data = self._read.get(path, (0, b""))
        place = offset - begin
        if not 0 <= place <= len(data) - length:
            if len(self._read) >= _FILES:
                self._read.clear()
            data, place = self.read(path, offset, max(length, _AHEAD)), 0
            self._read[path] = (offset, data)
        return data[place : place + length]

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on. Raises FormatError when the file is not there, StoreError when it cannot be read."""
        try:
            if self._closed:
                with self._folder.open(path) as file:
                    return _read(file, offset, length)
            return _read(self._open.get(path) or self._open.setdefault(path, self._folder.open(path)), offset, length)
        except FileNotFoundError:
            raise FormatError(f"{path}: missing") from None
        except OSError as problem:
            raise StoreError(f"{path}: {problem.strerror}") from problem

    def close(self) -> None:
        """Hold no file open any more. Who still reads, a page that was begun before, opens what it needs for itself."""
        self._closed = True
        for file in self._open.values():
            file.close()
        self._open.clear()
        self._read.clear()


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = b""
    while len(data) < length and (piece := file.read(length - len(data))):
        data += piece
    return data


class Lines:
    """The lines of one file. `scan` it once; then every line is found by its number."""

    def __init__(self, folder: Folder, slices: Slices, path: str) -> None:
        self.path = path
        self._folder = folder
        self._slices = slices
        self._starts = array("Q", [0])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def scan(self) -> Iterator[bytes]:
        """Every line without its newline, in order. Raises FormatError when the file is not there."""
        place, rest = 0, b""
        try:
            with self._folder.open(self.path) as file:
                while block := file.read(_PIECE):
                    *whole, rest = (rest + block).split(b"\n")
                    for row in whole:
                        place += len(row) + 1
                        self._starts.append(place)
                        yield row
        except FileNotFoundError:
            raise FormatError(f"{self.path}: missing") from None
        except OSError as problem:
            raise StoreError(f"{self.path}: {problem.strerror}") from problem

    def __getitem__(self, number: int) -> bytes:
        """One line without its newline; raises FormatError when there is none of that number."""
        if not 0 <= number < len(self):
            raise FormatError(f"{self.path}: there is no line {number}")
        start, end = self._starts[number], self._starts[number + 1]
        return self._slices.line(self.path, start, end - start - 1)

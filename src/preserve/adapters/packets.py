"""An evidence packet read where it lies, without unpacking: fills `ports.Folder` from a ZIP of stored files (formats/packet.py).

The file is opened once, never written, and every byte of it is read: what the entries hold against their CRC-32, what lies around them
against the form. Memory is one block and the directory.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from preserve.errors import FormatError, StoreError
from preserve.formats import packet
from preserve.model.finding import Claim, Finding, failed
from preserve.model.packet import Aids
from preserve.model.tree import Entry, Kind

_BLOCK = 1 << 18


class PacketZip:
    """One packet; a context manager that holds its descriptor."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when `path` is no file or cannot be opened."""
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as problem:
            raise StoreError(f"{path}: {problem.strerror}") from problem
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise StoreError(f"{path}: not a plain file")
        try:
            layout = packet.read(self._read, status.st_size)
            found: Sequence[tuple[str, str, str]] = layout.problems
        except FormatError as problem:
            layout = packet.Layout(entries=(), problems=())
            why = f"not the ZIP of a packet, or changed: {problem.message}; if it was only packed again, unpack it and verify the folder"
            found = (("zip-form", path.name, why),)
        self._entries = {entry.name: entry for entry in layout.entries}
        self._layout = layout
        self._found = found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def problems(self) -> Iterator[Finding]:
        """What is wrong with the ZIP itself; every byte of it is read."""
        for code, name, why in self._found:
            yield failed(Claim.INTEGRITY, name, why, code=code)
        for entry in self._layout.entries:
            crc, left, at = 0, entry.size, entry.start
            while left and (piece := self._read(at, min(left, _BLOCK))):
                crc = zlib.crc32(piece, crc)
                left -= len(piece)
                at += len(piece)
            if left or crc != entry.crc32:
                yield failed(Claim.INTEGRITY, entry.name, "altered: its CRC-32 in the ZIP does not hold", code="zip-crc")

    def names(self) -> frozenset[str]:
        """What lies directly in it."""
        return frozenset(name.partition("/")[0] for name in self._entries)

    def walk(self) -> Iterator[Entry]:
        """Every file, in byte order of the path; a ZIP needs no folders."""
        for entry in sorted(self._layout.entries, key=lambda entry: entry.name.encode("latin-1")):
            yield Entry(path=entry.name, kind=Kind.FILE, size=entry.size, links=1)

    def open(self, path: str) -> BinaryIO:
        """One file of it, from its first byte; FileNotFoundError when it is absent."""
        if path not in self._entries:
            raise FileNotFoundError(path)
        entry = self._entries[path]
        return io.BufferedReader(_Window(self, entry.start, entry.size))

    def read(self, path: str, limit: int) -> bytes:
        """The whole of a file of at most `limit` bytes."""
        with self.open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise FormatError(f"{path}: longer than {limit} bytes")
        return data

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._fd, length, offset)
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem

    def window(self, offset: int, length: int) -> bytes:
        """Some bytes of the ZIP, fewer only at its end."""
        return self._read(offset, length)


class _Window(io.RawIOBase):
    """A stretch of the file as a file of its own."""

    def __init__(self, source: PacketZip, start: int, size: int) -> None:
        super().__init__()
        self._source = source
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # typeshed's Buffer has no name before 3.12
        data = self._source.window(self._start + self._at, min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def is_packet(path: Path) -> bool:
    """Whether a plain file is meant to be a packet. Raises StoreError."""
    try:
        with path.open("rb") as file:
            return packet.is_packet(
                lambda offset, length: os.pread(file.fileno(), length, offset), os.fstat(file.fileno()).st_size
            )
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from problem


def begins(path: Path) -> bytes:
    """The first bytes of a file, from which its kind is told. Raises StoreError."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from problem


def aids() -> Aids:
    """README.md and verify.py as packets bring them."""
    from importlib.resources import files  # noqa: PLC0415 -- slow to load, and most verifications are of no packet

    folder = files("preserve") / "packet"
    return Aids(readme=(folder / packet.README).read_bytes(), verifier=(folder / packet.VERIFIER).read_bytes())

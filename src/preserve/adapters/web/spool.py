"""Where a body waits to be written: in memory while it is small, in an unlinked temporary file once it is not.

The file has no name, so that a killed process leaves nothing behind; it lies in the folder that the caller names, so that it is
the archive's disk that fills, not another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from preserve.errors import StoreError
from preserve.model.web import EMPTY, Body, Memory

IN_MEMORY = 1 << 20
"""Bytes kept in memory before a body goes to disk."""
_PIECE = 1 << 16


class Spooled:
    """A Body that lies in an unlinked file; it can be read again and again until it is closed."""

    __slots__ = ("_file", "size")

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        at = 0
        while at < self.size:
            try:
                piece = os.pread(self._file.fileno(), _PIECE, at)
            except OSError as error:
                raise StoreError(f"a spooled body cannot be read: {error.strerror}") from error
            if not piece:
                raise StoreError("a spooled body is shorter than it was", "was the disk full or failing?")
            at += len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()


class Spool:
    """Takes a body piece by piece; `body` hands it over and the spool forgets it."""

    __slots__ = ("_file", "_folder", "_pieces", "size")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pieces: list[bytes] = []
        self._file: BinaryIO | None = None
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Keep the piece; raises StoreError when the disk will not take it."""
        self.size += len(piece)
        if self._file is None and self.size <= IN_MEMORY:
            self._pieces.append(piece)
            return
        try:
            if self._file is None:
                # Unbuffered: a file object that is handed a body wants no copy of it.
                self._file = cast("BinaryIO", TemporaryFile(dir=self._folder, buffering=0))  # noqa: SIM115 - closed by its Body
                for early in self._pieces:
                    _write_all(self._file, early)
                self._pieces = []
            _write_all(self._file, piece)
        except OSError as error:
            self.discard()
            raise StoreError(
                f"a body cannot be kept in {self._folder}: {error.strerror}",
                "make room on that disk and run again with --resume",
            ) from error

    def body(self) -> Body:
        """What was written. The caller closes it."""
        if self._file is not None:
            file, self._file = self._file, None
            return Spooled(file, self.size)
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return EMPTY
        return Memory(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def discard(self) -> None:
        """Forget what was written."""
        self._pieces = []
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_all(file: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]

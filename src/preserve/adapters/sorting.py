"""Lines in the order of their bytes, however many: sorted in portions that are put aside on disk, then merged.

Fills `flows.bundle.Sorter`. At most 8 MiB of lines are held; up to there nothing is written at all.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

from preserve.errors import StoreError

_HELD = 8 << 20


class SortedLines:
    """A context manager; what was put aside goes when it ends."""

    def __init__(self, held: int = _HELD) -> None:
        self._limit = held
        self._rows: list[bytes] = []
        self._held = 0
        self._aside: list[BinaryIO] = []
        self._ending = ExitStack()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.close()

    def add(self, row: bytes) -> None:
        """One line, without its newline. Raises StoreError when the temporary folder is full."""
        self._rows.append(row)
        self._held += len(row) + 1
        self.size += len(row) + 1
        if self._held > self._limit:
            self._put_aside()

    def rows(self) -> Iterator[bytes]:
        """All lines added so far, sorted; twice the same line is twice there."""
        self._rows.sort()
        yield from heapq.merge(iter(self._rows), *map(_read, self._aside))

    def _put_aside(self) -> None:
        self._rows.sort()
        try:
            file = self._ending.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- it lives as long as this
            file.writelines(row + b"\n" for row in self._rows)
        except OSError as problem:
            raise StoreError(f"the temporary folder: {problem.strerror}", "free some space there, or set TMPDIR") from problem
        self._aside.append(file)
        self._rows, self._held = [], 0


def _read(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    for row in file:
        yield row[:-1]

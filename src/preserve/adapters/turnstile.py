"""What the processes that share a run have in common: how many ask a host, and when it may be asked next. Fills `ports.Turnstile`.

Strategy. One file without a name, handed on open. A place at a host is a byte of it, locked (POSIX record locks): who is killed has left.
The next free moment of a host is a number in it, on the clock that all processes of a machine share. Hosts are told apart by a hash: two
that fall together share their limits, which is never too much.
"""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from preserve.errors import StoreError

_HOSTS: Final = 1 << 17
"""Numbers that hosts are told apart by: a mebibyte of moments, of which only those parts exist that were written."""
_PLACES: Final = 1 << 7
"""The most places that a host may have."""
_MOMENT: Final = struct.Struct("=d")
_MOMENTS_AT: Final = _HOSTS * _PLACES
"""Where the bytes begin that are locked while a moment is read and written: behind all places."""


def shared_file() -> int:
    """A file for the processes of one run, in memory where there is such a thing: its handle, to be closed by whoever asked for it.

    Raises StoreError.
    """
    with _translated():
        if hasattr(os, "memfd_create"):
            return os.memfd_create("preserve")
        with tempfile.TemporaryFile(prefix="preserve-") as file:
            return os.dup(file.fileno())


class SharedTurnstile:
    """One process's end of it. No more than one for a file in a process: record locks belong to the process. Methods raise StoreError."""

    def __init__(self, file: int, *, per_host: int, delay: float, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds on a clock that all of the processes share."""
        self._file = file
        self._per_host = min(per_host, _PLACES)
        self._delay = delay
        self._now = now
        self._ours: dict[int, list[int]] = {}
        self._last: dict[str, float] = {}
        """When the latest of a host's moments begins that this process took since it last left there."""

    def enter(self, host: str) -> float | None:
        number = _number(host)
        ours = self._ours.get(number, [])
        for place in range(self._per_host):
            if place not in ours and self._lock(number * _PLACES + place):
                self._ours[number] = [*ours, place]
                return self._moment(host)
        return None

    def again(self, host: str) -> float:
        return self._moment(host)

    def leave(self, host: str, *, unused: bool = False) -> None:
        number = _number(host)
        ours = self._ours.get(number)
        if not ours:
            return  # who leaves before it has entered was stopped
        last = self._last.pop(host, None)
        if unused and last is not None:
            self._give_back(host, last)
        with _translated():
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number * _PLACES + ours.pop())
        if not ours:
            del self._ours[number]

    def _lock(self, at: int) -> bool:
        with _translated():
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
            except (BlockingIOError, PermissionError):
                return False
        return True

    def _moment(self, host: str) -> float:
        """Take the host's next free moment, in seconds from now."""
        if not self._delay:
            return 0.0
        with self._alone_with(_number(host)) as (free, write):
            now = self._now()
            start = max(now, free)
            write(start + self._delay)
        self._last[host] = start
        return max(0.0, start - now)

    def _give_back(self, host: str, start: float) -> None:
        """Free a moment again, unless a later one was taken: whoever came next would be there beside that one."""
        with self._alone_with(_number(host)) as (free, write):
            if free == start + self._delay:
                write(start)

    @contextmanager
    def _alone_with(self, number: int) -> Iterator[tuple[float, Callable[[float], object]]]:
        """The time from which a host is free, and what writes another one, while no other process reads it."""
        at = number * _MOMENT.size
        with _translated():
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _MOMENTS_AT + number)
            try:
                written = os.pread(self._file, _MOMENT.size, at)
                free = _MOMENT.unpack(written)[0] if len(written) == _MOMENT.size else 0.0
                yield free, lambda moment: os.pwrite(self._file, _MOMENT.pack(moment), at)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _MOMENTS_AT + number)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"what the processes of a run have in common cannot be used: {error.strerror or error}",
            "--workers 1 does without",
        ) from error


def _number(host: str) -> int:
    return zlib.crc32(host.encode("utf-8", "surrogatepass")) % _HOSTS

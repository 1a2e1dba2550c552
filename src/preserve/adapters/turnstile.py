"""What the processes that share a run have in common: how many ask a host, and when it may be asked next. Fills `ports.Turnstile`.

Strategy. One file without a name, handed on open. A place at a host is a byte of it, locked (POSIX record locks): who is killed has left.
The next free moment of a host, and the time until which it is to be left alone, are numbers in it, on the clock that all processes of a
machine share, and that nobody sets: they outlive who wrote them. Hosts are told apart by a hash: two that fall together share their
limits, which is never too much. What a host asked for itself is written with a longer hash of its name, since it is told of that host:
of two that fall together the one that asks for more time is remembered.

Record locks belong to the process, and all are lost when it closes any handle of the file: this one handle stays open until it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from preserve.errors import StoreError
from preserve.model.web import Wish

_HOSTS: Final = 1 << 17
"""Numbers that hosts are told apart by: five mebibytes of times and wishes, of which only those parts exist that were written."""
_PLACES: Final = 1 << 7
"""The most places that a host may have."""
_TIMES: Final = struct.Struct("=dd")
"""The host's next free moment, and until when it is to be left alone."""
_WISH: Final = struct.Struct("=ddQ")
"""Until when a host asks to be left alone, how many seconds that was in its words, and which host it is."""
_WISHES: Final = _HOSTS * _TIMES.size
"""Where wishes begin in the file: behind all times."""
_TIMES_AT: Final = _HOSTS * _PLACES
"""Where the bytes begin that are locked while times and wishes are read and written: behind all places."""
_MOST_PROCESSES: Final = 1 << 20
_WORK_AT: Final = _TIMES_AT + _HOSTS
"""Where the bytes begin that are locked by who has something to do, each its own: behind all others."""

_Alone = tuple[tuple[Any, ...], Callable[..., object]]


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

    def __init__(
        self, file: int, *, per_host: int, delay: float, number: int = 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`number` is this process's among those that share the file, `now` gives seconds on a clock that all of them share."""
        self._file = file
        self._number = number
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
                try:
                    return self._moment(host)
                except BaseException:
                    self.leave(host)
                    raise
        return None

    def again(self, host: str) -> float:
        return self._moment(host)

    def leave(self, host: str, *, unused: bool = False) -> None:
        number = _number(host)
        ours = self._ours.get(number)
        if not ours:
            return  # who leaves before it has entered was stopped
        last = self._last.pop(host, None)
        try:
            if unused and last is not None:
                self._give_back(host, last)
        finally:
            place = ours.pop()
            if not ours:
                del self._ours[number]
            with _translated():
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number * _PLACES + place)

    def rest(self, host: str, seconds: float) -> None:
        with self._times(host) as ((free, until), write):
            write(free, max(until, self._now() + seconds))

    def resting(self, host: str) -> float:
        with self._times(host) as ((_, until), _write):
            return float(max(0.0, until - self._now()))

    def heed(self, host: str, seconds: float) -> None:
        with self._wish(host) as ((until, _, _whose), write):
            if until < self._now() + seconds:
                write(self._now() + seconds, seconds, _fingerprint(host))

    def wish(self, host: str) -> Wish | None:
        with self._wish(host) as ((until, asked, whose), _):
            left = until - self._now()
        return Wish(left=left, asked=asked) if left > 0 and whose == _fingerprint(host) else None

    def work(self, now: bool) -> None:
        with _translated():
            fcntl.lockf(self._file, fcntl.LOCK_EX if now else fcntl.LOCK_UN, 1, _WORK_AT + self._number)

    def others_work(self) -> bool:
        if not self._lock(_WORK_AT, _MOST_PROCESSES):
            return True  # or somebody asks the same at this very moment, and will ask again
        with _translated():
            fcntl.lockf(self._file, fcntl.LOCK_UN, _MOST_PROCESSES, _WORK_AT)
        return False

    def _lock(self, at: int, length: int = 1) -> bool:
        with _translated():
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, at)
            except (BlockingIOError, PermissionError):
                return False
        return True

    def _moment(self, host: str) -> float:
        """Take the host's next free moment, in seconds from now."""
        if not self._delay:
            return 0.0
        with self._times(host) as ((free, until), write):
            now = self._now()
            start = max(now, free)
            write(start + self._delay, until)
        self._last[host] = start
        return float(max(0.0, start - now))

    def _give_back(self, host: str, start: float) -> None:
        """Free a moment again, unless a later one was taken: whoever came next would be there beside that one."""
        with self._times(host) as ((free, until), write):
            if free == start + self._delay:
                write(start, until)

    def _times(self, host: str) -> AbstractContextManager[_Alone]:
        """The time from which a host is free, and that until which it rests."""
        return self._alone_with(_number(host), _TIMES, 0)

    def _wish(self, host: str) -> AbstractContextManager[_Alone]:
        """What was asked for by a host of this number."""
        return self._alone_with(_number(host), _WISH, _WISHES)

    @contextmanager
    def _alone_with(self, number: int, kind: struct.Struct, begin: int) -> Iterator[_Alone]:
        """What is written for that number, and what writes it anew, while no other process reads it."""
        at = begin + number * kind.size
        with _translated():
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _TIMES_AT + number)
            try:
                written = os.pread(self._file, kind.size, at).ljust(kind.size, b"\0")
                yield kind.unpack(written), lambda *anew: os.pwrite(self._file, kind.pack(*anew), at)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _TIMES_AT + number)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"what the processes of a run have in common cannot be used: {error.strerror or error}",
            "--workers 1 does without",
        ) from error


def _fingerprint(host: str) -> int:
    return int.from_bytes(hashlib.blake2b(host.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _number(host: str) -> int:
    return zlib.crc32(host.encode("utf-8", "surrogatepass")) % _HOSTS

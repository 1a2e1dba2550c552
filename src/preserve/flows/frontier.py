"""Whose turn it is: targets handed out fairly over hosts, each host asked by few at a time and not too often.

Strategy. Every host has a queue, a count of requests under way and the time from which the next may start. A heap holds the
hosts that have something to ask, by that time. Redirect hops and robots.txt are requests like any other: they enter through
`enter`, which reserves the host's next free moment, so that neither targets nor hops starve the other.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence

from preserve.model.web import Target


class _Host:
    __slots__ = ("active", "free_at", "listed", "name", "queue", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.queue: deque[Target] = deque()
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.active = 0
        self.free_at = 0.0
        self.listed = False


class Frontier:
    """The open targets of a run in the order they may be asked.

    `take(n)` fetches up to n more from the journal, `now()` gives seconds, `per_host` bounds the requests under way to one host,
    `delay` is the seconds between the starts of two of them.
    """

    def __init__(
        self, take: Callable[[int], Sequence[Target]], now: Callable[[], float], *, per_host: int, delay: float, window: int
    ) -> None:
        self._take = take
        self._now = now
        self._per_host = per_host
        self._delay = delay
        self._window = window
        self._hosts: dict[str, _Host] = {}
        self._heap: list[tuple[float, int, _Host]] = []
        self._count = 0
        self._queued = 0
        self._dry = False

    def more(self) -> None:
        """There is something to take again."""
        self._dry = False

    @property
    def exhausted(self) -> bool:
        """Nothing is left to hand out."""
        if not self._queued:
            self._refill()
        return not self._queued

    def poll(self) -> Target | None:
        """A target that may be asked now, its host's slot already taken; None when none may. Give the slot back with `leave`."""
        if self._queued < self._window // 2:
            self._refill()
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            _, _, host = heapq.heappop(self._heap)
            host.listed = False
            if not host.queue or host.waiting or host.active >= self._per_host:
                continue
            if host.free_at > now:
                self._list(host)
                continue
            self._queued -= 1
            target = host.queue.popleft()
            host.active += 1
            host.free_at = now + self._delay
            self._list(host)
            return target
        return None

    def soonest(self) -> float | None:
        """The time at which `poll` may have something, None when only the end of a request can bring it."""
        return self._heap[0][0] if self._heap else None

    async def enter(self, name: str) -> None:
        """Wait for a slot of that host and take it."""
        host = self._host(name)
        if host.active < self._per_host and not host.waiting:
            host.active += 1
        else:
            turn = asyncio.get_running_loop().create_future()
            host.waiting.append(turn)
            try:
                await turn  # whoever leaves hands the slot over, so nobody can slip in between
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.leave(name)
                raise
        start = max(self._now(), host.free_at)
        host.free_at = start + self._delay
        try:
            await asyncio.sleep(max(0.0, start - self._now()))
        except asyncio.CancelledError:
            self.leave(name)
            raise

    def leave(self, name: str) -> None:
        """Give a slot back."""
        host = self._hosts[name]
        while host.waiting:
            turn = host.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        host.active -= 1
        self._list(host)
        if not host.queue and not host.active and host.free_at <= self._now():
            self._hosts.pop(host.name, None)

    @property
    def busy(self) -> int:
        """How many hosts have requests under way."""
        return sum(1 for host in self._hosts.values() if host.active)

    def _refill(self) -> None:
        while not self._dry and self._queued < self._window:
            targets = self._take(self._window)
            self._dry = not targets
            for target in targets:
                host = self._host(target.host)
                host.queue.append(target)
                self._queued += 1
                self._list(host)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(name)
        return host

    def _list(self, host: _Host) -> None:
        if host.queue and not host.listed and not host.waiting and host.active < self._per_host:
            self._count += 1
            host.listed = True
            heapq.heappush(self._heap, (host.free_at, self._count, host))

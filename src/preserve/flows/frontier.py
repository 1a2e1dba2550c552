"""Whose turn it is: targets handed out fairly over hosts, each host asked by few at a time and not too often. asyncio.

Strategy. Every host has a queue, a count of requests under way and the time from which the next may start. A heap holds the
hosts that have something to ask, by that time. Redirect hops and robots.txt are requests like any other: they enter through
`enter`, which reserves the host's next free moment, so that neither targets nor hops starve the other.

A host in trouble rests (`rest`), and its queue with it, while the others go on. A run with nothing else to do waits for such hosts, but
not for long: its patience is so many seconds for all of them together. While a host is in trouble one request at a time finds out
whether it is over.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence

from preserve.model.web import Target

_MOST_RESTS = 1000
"""Requests that wait for hosts in trouble; one more is not waited with."""
_MOST_HELD = 10_000
"""Targets in memory whose hosts rest; beyond them no more are taken until some host is done with."""


class _Host:
    __slots__ = ("active", "free_at", "listed", "name", "queue", "rests", "troubled", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.queue: deque[Target] = deque()
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.active = 0
        self.free_at = 0.0
        self.listed: float | None = None
        self.rests = 0
        self.troubled = False


class _Rest:
    """One request that waits for its host: until when, whether for all others too, and what it will be told."""

    __slots__ = ("host", "later", "over", "until")

    def __init__(self, host: _Host, until: float, later: bool, over: asyncio.Future[bool]) -> None:
        self.host = host
        self.until = until
        self.later = later
        self.over = over

    def end(self, go_on: bool) -> None:
        if not self.over.done():
            self.over.set_result(go_on)


class Frontier:
    """The open targets of a run in the order they may be asked.

    `take(n)` fetches up to n more from the journal, `now()` gives seconds, `per_host` bounds the requests under way to one host,
    `delay` is the seconds between the starts of two of them, `patience` the seconds that the run may be idle for hosts in trouble.
    `wake()` is called when one that was handed out begins to wait for its host: then `poll` may have something for its place.
    """

    def __init__(
        self,
        take: Callable[[int], Sequence[Target]],
        now: Callable[[], float],
        *,
        per_host: int,
        delay: float,
        window: int,
        patience: float = 0.0,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._take = take
        self._now = now
        self._per_host = per_host
        self._delay = delay
        self._window = window
        self._patience = patience
        self._wake = wake
        self._idle_since: float | None = None
        self._hosts: dict[str, _Host] = {}
        self._heap: list[tuple[float, int, _Host]] = []
        self._count = 0
        self._queued = 0
        self._held = 0
        self._active = 0
        self._stalled = 0
        self._rests: set[_Rest] = set()
        self._hurried = False
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

    @property
    def resting(self) -> int:
        """How many that were handed out wait for their hosts, and ask nobody meanwhile."""
        return len(self._rests) + self._stalled

    def poll(self) -> Target | None:
        """A target that may be asked now, its host's slot already taken; None when none may. Give the slot back with `leave`."""
        if self._queued - self._held < self._window // 2:
            self._refill()
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            at, _, host = heapq.heappop(self._heap)
            if host.listed != at:
                continue  # it was listed anew, for an earlier time
            host.listed = None
            if not self._may_begin(host):
                continue
            if host.free_at > now:
                self._list(host)
                continue
            self._queued -= 1
            target = host.queue.popleft()
            host.active += 1
            self._active += 1
            host.free_at = now + self._delay
            self._list(host)
            if self._rests:
                self._consider()
            return target
        if self._rests:
            self._consider()
        return None

    def soonest(self) -> float | None:
        """The time at which `poll` may have something, None when only the end of a request can bring it."""
        return self._heap[0][0] if self._heap else None

    async def enter(self, name: str) -> None:
        """Wait for a slot of that host and take it."""
        host = self._host(name)
        if host.active < self._room(host) and not host.waiting and not host.rests:
            host.active += 1
            self._active += 1
        else:
            turn = asyncio.get_running_loop().create_future()
            host.waiting.append(turn)
            if host.rests:
                self._stalled += 1
                self._wake()
                self._consider()
            try:
                await turn  # whoever leaves hands the slot over, so nobody can slip in between
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.leave(name)
                raise
        await self._start(host)

    async def again(self, name: str) -> None:
        """Keep a slot of that host, and wait until it may be asked once more."""
        await self._start(self._host(name))

    def leave(self, name: str, *, unused: bool = False) -> None:
        """Give a slot back; with `unused` also the moment that came with it: nothing was asked, so nobody has to keep a distance."""
        host = self._hosts[name]
        host.active -= 1
        self._active -= 1
        if unused:
            host.free_at -= self._delay
        self._admit(host)
        if not host.queue and not host.active and not host.rests and not host.waiting and host.free_at <= self._now():
            self._hosts.pop(host.name, None)
        if self._rests:
            self._consider()

    async def rest(self, name: str, seconds: float, *, later: bool = False) -> bool:
        """Give back a slot of a host in trouble, leave it alone for `seconds`, and take the slot again: True.

        False when the run has no patience left for it; then the slot is given up. With `later` the others are asked first.
        """
        host = self._host(name)
        host.troubled = True
        if len(self._rests) >= _MOST_RESTS or self._hurried:
            self.leave(name)
            return False
        loop = asyncio.get_running_loop()
        rest = _Rest(host, self._now() + seconds, later, loop.create_future())
        self._rests.add(rest)
        if not host.rests:
            self._held += len(host.queue)
            self._stalled += len(host.waiting)
        host.rests += 1
        timer = loop.call_later(seconds, self._consider, rest)
        self._wake()
        self.leave(name)
        try:
            go_on = await rest.over
        finally:
            timer.cancel()
            self._rests.discard(rest)
            host.rests -= 1
            if not host.rests:
                self._held -= len(host.queue)
                self._stalled -= len(host.waiting)
                if rest.over.cancelled() or not rest.over.result():
                    self._admit(host)
        if go_on:
            # The place that was given back is taken again whoever came meanwhile: one of them may be waiting for us.
            host.active += 1
            self._active += 1
            self._consider()
            await self._start(host)
        return go_on

    def well(self, name: str) -> None:
        """The host has answered: its trouble is over."""
        host = self._hosts.get(name)
        if host is not None and host.troubled:
            host.troubled = False
            self._admit(host)

    def hurry(self) -> None:
        """Wait for no host in trouble any more."""
        self._hurried = True
        for rest in tuple(self._rests):
            rest.end(go_on=False)

    @property
    def hurried(self) -> bool:
        """Whether hosts in trouble are no longer waited for because somebody wants the end."""
        return self._hurried

    @property
    def busy(self) -> int:
        """How many hosts have requests under way, or rest."""
        return sum(1 for host in self._hosts.values() if host.active or host.rests)

    def _consider(self, ripe: _Rest | None = None) -> None:
        """Whose rest is over? What is waited for while nothing else is to do uses up the run's patience."""
        now = self._now()
        if self._active or self._queued > self._held or not (self._dry or self._held >= _MOST_HELD):
            if self._idle_since is not None:
                self._patience -= now - self._idle_since
                self._idle_since = None
            if ripe is not None and not ripe.later:
                ripe.end(go_on=True)
            return
        if self._idle_since is None:
            self._idle_since = now
        left = self._patience - (now - self._idle_since)
        for rest in tuple(self._rests):
            if rest is ripe or rest.until <= now:
                rest.end(go_on=True)
            elif rest.until - now > left:
                rest.end(go_on=False)

    def _admit(self, host: _Host) -> None:
        """Give what is free at the host to those who wait for it, else to its queue."""
        while host.waiting and not host.rests and host.active < self._room(host):
            turn = host.waiting.popleft()
            if not turn.done():
                host.active += 1
                self._active += 1
                turn.set_result(None)
        self._list(host)

    async def _start(self, host: _Host) -> None:
        """Wait for the host's next free moment, its slot being ours."""
        start = max(self._now(), host.free_at)
        host.free_at = start + self._delay
        try:
            await asyncio.sleep(max(0.0, start - self._now()))
        except asyncio.CancelledError:
            self.leave(host.name)
            raise

    def _refill(self) -> None:
        while not self._dry and self._queued - self._held < self._window and self._held < _MOST_HELD:
            targets = self._take(self._window)
            self._dry = not targets
            for target in targets:
                host = self._host(target.host)
                host.queue.append(target)
                self._queued += 1
                if host.rests:
                    self._held += 1
                self._list(host)

    def _room(self, host: _Host) -> int:
        return 1 if host.troubled else self._per_host

    def _may_begin(self, host: _Host) -> bool:
        return bool(host.queue) and not host.rests and not host.waiting and host.active < self._room(host)

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(name)
        return host

    def _list(self, host: _Host) -> None:
        if (host.listed is None or host.listed > host.free_at) and self._may_begin(host):
            self._count += 1
            host.listed = host.free_at
            heapq.heappush(self._heap, (host.free_at, self._count, host))

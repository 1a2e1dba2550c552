"""What is still to be asked, as far as it is at hand: a queue for each host, and the hosts by the time from which they may be asked.

Targets are taken from the journal a window at a time. Those of hosts that cannot be asked now are held, and others taken beside them,
so that one slow host does not keep the rest from being asked. A host is forgotten when nobody is there and its distance is over.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from preserve.flows.hosts import Host
from preserve.model.web import Target

_MOST_HELD: Final = 10_000
"""Targets in memory whose hosts cannot be asked now; beyond them no more are taken until some host is done with."""


class Agenda:
    """The targets at hand in the order in which they may be asked, and the hosts that somebody has to do with."""

    def __init__(
        self, take: Callable[[int], Sequence[Target]], now: Callable[[], float], *, per_host: int, window: int
    ) -> None:
        """`take(n)` fetches up to n more, `now()` gives seconds, `window` is about how many that may be asked are at hand."""
        self._take = take
        self._now = now
        self._per_host = per_host
        self._window = window
        self._hosts: dict[str, Host] = {}
        self._heap: list[tuple[float, int, Host]] = []
        self._count = 0
        self._queued = 0
        self._held = 0
        self._dry = False
        self._cooling: deque[Host] = deque()

    # Targets

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
    def promising(self) -> bool:
        """Whether something is at hand, or may be taken, that does not wait for its host alone."""
        return self._queued > self._held or not (self._dry or self._held >= _MOST_HELD)

    def stock(self) -> None:
        """Take more where little is at hand."""
        if self._queued - self._held < self._window // 2:
            self._refill()

    def widen(self) -> bool:
        """Take more although enough is at hand: that is of hosts that are slow, and shall not hold the others. False: there is no more."""
        if self._dry or self._queued >= _MOST_HELD:
            return False
        self._take_some()
        return True

    def first(self) -> Host | None:
        """The host whose turn it is: the first of its queue may be asked now. It is to be listed again when that was popped."""
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            at, _, host = heapq.heappop(self._heap)
            if host.listed != at:
                continue  # it was listed anew, for an earlier time
            host.listed = None
            if not host.may_begin:
                continue
            if host.free_at <= now:
                return host
            self.list(host)
        return None

    def pop(self, host: Host) -> Target:
        """Take the first of its queue."""
        self._queued -= 1
        return host.queue.popleft()

    def list(self, host: Host) -> None:
        """Have it take its turn, when it has something to ask that may be asked, once it is free."""
        if (host.listed is None or host.listed > host.free_at) and host.may_begin:
            self._count += 1
            host.listed = host.free_at
            heapq.heappush(self._heap, (host.free_at, self._count, host))

    def soonest(self) -> float | None:
        """The time at which it may be a host's turn; None when no host waits for its time."""
        return self._heap[0][0] if self._heap else None

    def close(self, host: Host) -> None:
        """Hold its queue, until it is opened as often as it was closed."""
        if not host.closed:
            self._held += len(host.queue)
        host.closed += 1

    def open(self, host: Host) -> None:
        host.closed -= 1
        if not host.closed:
            self._held -= len(host.queue)

    def _refill(self) -> None:
        while not self._dry and self._queued - self._held < self._window and self._held < _MOST_HELD:
            self._take_some()

    def _take_some(self) -> None:
        targets = self._take(self._window)
        self._dry = not targets
        for target in targets:
            host = self.host(target.host)
            host.queue.append(target)
            self._queued += 1
            if host.closed:
                self._held += 1
            self.list(host)

    # Hosts

    def host(self, name: str) -> Host:
        """The host of that name, known from now on."""
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name, self._per_host)
        return host

    def known(self, name: str) -> Host | None:
        """The host of that name, where somebody has to do with it."""
        return self._hosts.get(name)

    @property
    def busy(self) -> int:
        """How many hosts have requests under way, or rest."""
        return sum(1 for host in self._hosts.values() if host.active or host.rests)

    def left(self, host: Host) -> None:
        """Somebody is done there: let go of hosts at which everybody is, once no distance is to be kept from what was asked there."""
        if host.idle and not host.cooling:
            host.cooling = True
            self._cooling.append(host)
        now = self._now()
        while self._cooling and self._cooling[0].free_at <= now:
            host = self._cooling.popleft()
            host.cooling = False
            if host.idle:
                del self._hosts[host.name]

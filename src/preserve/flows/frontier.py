"""Whose turn it is: targets handed out fairly over hosts, each host asked by few at a time and not too often. asyncio.

Strategy. Every host has a queue, a count of requests under way and the time from which the next may start. A heap holds the
hosts that have something to ask, by that time. Redirect hops and robots.txt are requests like any other: they enter through
`enter`, which reserves the host's next free moment, so that neither targets nor hops starve the other. A place is one at the host and
one of those that the run has in all; who waits for one has none, and who has one waits for nobody else, so that nobody can wait in
a circle (docs/adr/0255-who-waits-has-no-place.md).

A host in trouble rests (`rest`), and its queue with it, while the others go on. A run with nothing else to do waits for such hosts, but
not for long: its patience is so many seconds for all of them together. While a host is in trouble one request at a time finds out
whether it is over.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from preserve.errors import StoreError
from preserve.flows.hosts import Host, Rest
from preserve.flows.passage import Passage
from preserve.model.web import Target
from preserve.ports import Turnstile

_MOST_RESTS = 1000
"""Requests that wait for hosts in trouble; one more is not waited with. As many that queue up at hosts take nobody else's place."""
_MOST_HELD = 10_000
"""Targets in memory whose hosts cannot be asked now; beyond them no more are taken until some host is done with."""


class Frontier:
    """The open targets of a run in the order they may be asked.

    `take(n)` fetches up to n more from the journal, `now()` gives seconds, `per_host` bounds the requests under way to one host,
    `concurrency` those to all of them, `delay` is the seconds between the starts of two to one host, `patience` the seconds that the
    run may be idle for hosts in trouble. `wake()` is called when a place was given back: then `poll` may have something for it.
    """

    def __init__(
        self,
        take: Callable[[int], Sequence[Target]],
        now: Callable[[], float],
        *,
        per_host: int,
        delay: float,
        window: int,
        concurrency: int = sys.maxsize,
        patience: float = 0.0,
        wake: Callable[[], None] = lambda: None,
        turnstile: Turnstile | None = None,
    ) -> None:
        """`turnstile` is what the processes have in common that share a run."""
        self._take = take
        self._now = now
        self._per_host = per_host
        self._delay = delay
        self._window = window
        self._concurrency = concurrency
        self._patience = patience
        self._wake = wake
        self._passage = Passage(turnstile)
        self._idle_since: float | None = None
        self._hosts: dict[str, Host] = {}
        self._heap: list[tuple[float, int, Host]] = []
        self._count = 0
        self._queued = 0
        self._held = 0
        self._active = 0
        self._stalled = 0
        self._crowded: dict[str, Host] = {}
        self._cooling: deque[Host] = deque()
        self._back: deque[asyncio.Future[None]] = deque()
        self._rests: set[Rest] = set()
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
        """How many that were handed out wait for their hosts, and ask nobody meanwhile; as many as are waited with."""
        return min(len(self._rests) + self._stalled, _MOST_RESTS)

    @property
    def full(self) -> bool:
        """Whether as many requests are under way as may be: nothing more is handed out."""
        return self._active >= self._concurrency or bool(self._crowded) or bool(self._back)

    def poll(self) -> Target | None:
        """A target that may be asked now, its place already taken; None when none may. Give the place back with `leave`."""
        if self._queued - self._held < self._window // 2:
            self._refill()
        if self.full:
            return None
        target = self._first()
        while target is None and not self._dry and self._queued < _MOST_HELD:
            self._take_some()  # those at hand are of hosts that are slow: they shall not hold the others
            target = self._first()
        if self._rests:
            self._consider()
        elif self._passage.shared:
            self._at_work()
        return target

    def _first(self) -> Target | None:
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
            host.last = target
            self._list(host)
            return target
        return None

    def soonest(self) -> float | None:
        """The time at which `poll` may have something, None when only the end of a request can bring it."""
        return self._heap[0][0] if self._heap else None

    async def enter(self, name: str, *, by: Target | None = None, may_wait: bool = False) -> bool:
        """Wait for a place at that host and take it: True. With `may_wait` it is False, and none is taken, when nobody is waited for any more.

        `by` has one place at a time, and may give its moment back.
        """
        host = self._host(name)
        return await self._place(host, may_wait) and await self._go(host, by, may_wait=may_wait)

    async def _place(self, host: Host, may_wait: bool) -> bool:
        """Wait for a place there, and take it; as `enter`."""
        name = host.name
        if not host.waiting and not host.rests and host.active < self._room(host) and not self.full:
            host.active += 1
            self._active += 1
        elif may_wait and self._passage.hurried:
            return False
        else:
            turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            host.waiting.append(turn)
            self._stalled += 1
            if host.active < self._room(host) and not host.rests:
                self._crowded[name] = host
            self._wake()
            try:
                if host.rests:
                    self._consider()
                if may_wait:
                    self._passage.may_wait.add(turn)
                if not await turn:  # whoever leaves hands the place over, so nobody can slip in between
                    return False
            except BaseException:
                if turn.done() and not turn.cancelled() and turn.result():
                    self.leave(name, entered=False)
                turn.cancel()
                raise
            finally:
                self._stalled -= 1
                self._passage.may_wait.discard(turn)
        return True

    async def again(self, name: str, *, by: Target | None = None) -> bool:
        """Wait, in a place at that host, until it may be asked once more: True. False when that is not waited for; then the place is given up.

        So it is when this is cancelled or fails.
        """
        host = self._host(name)
        try:
            left = self._left(host) if await self._moment(host, None, may_wait=True, again=True) else None
        except BaseException:
            self.leave(name)
            raise
        if left is None:
            self.leave(name)
            return False
        return not left or await self._rested(host, left, by)

    async def begin(self, name: str, *, by: Target | None = None) -> bool:
        """Wait, with what was handed out, until no other process is in the way: True. False when the run is to end before; then the place
        is given up, as it is when this is cancelled or fails.
        """
        return not self._passage.shared or await self._go(self._host(name), by, may_wait=True, listed=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Who was handed out has no place meanwhile, and waits for what another one brings."""
        self._stalled += 1
        self._wake()
        try:
            yield
        finally:
            self._stalled -= 1

    @contextmanager
    def sought(self, name: str) -> Iterator[None]:
        """Hand out nothing of that host: whoever it was would only wait for what is sought. Who was handed out may ask there."""
        host = self._host(name)
        if not host.shut:
            self._held += len(host.queue)
        host.sought += 1
        try:
            yield
        finally:
            host.sought -= 1
            if not host.shut:
                self._held -= len(host.queue)
                self._admit(host)
                self._wake()

    def leave(self, name: str, *, unused_by: Target | None = None, entered: bool = True) -> None:
        """Give a place back; with `unused_by` also the moment that came with it: nothing was asked, so nobody has to keep a distance.

        What was handed out and did not `begin` has not `entered`, where processes share the run. The moment stays taken when a later
        one is: whoever came next would be there beside that one. Raises what the turnstile does, the place being given back.
        """
        host = self._hosts[name]
        host.active -= 1
        unused = unused_by is not None and host.last is unused_by
        if unused:
            host.free_at -= self._delay
            host.last = None
        alone = not host.active
        self._hand_on()
        self._admit(host)
        if host.idle and not host.cooling:
            host.cooling = True
            self._cooling.append(host)
        self._forget()
        self._wake()
        if entered:
            # In which order several of one process went through there is not known here.
            self._passage.leave(name, unused=unused and alone)
        if self._rests:
            self._consider()

    def _forget(self) -> None:
        """Let go of hosts that are done with, once nobody has to keep a distance from what was asked there."""
        now = self._now()
        while self._cooling and self._cooling[0].free_at <= now:
            host = self._cooling.popleft()
            host.cooling = False
            if host.idle:
                del self._hosts[host.name]

    def _hand_on(self) -> None:
        """One of the places that the run has in all is free: to those who come back, to those who wait at hosts that have room."""
        self._active -= 1
        while self._back and self._active < self._concurrency:
            turn = self._back.popleft()
            if not turn.done():
                self._active += 1
                turn.set_result(None)
        for host in tuple(self._crowded.values()):
            if self._active >= self._concurrency:
                break
            self._admit(host)

    async def rest(self, name: str, seconds: float, *, by: Target | None = None, later: bool = False) -> bool:
        """Give back a place at a host in trouble, leave it alone for `seconds`, and take the place again: True.

        False when the run has no patience left for it; then the place is given up. With `later` the others are asked first. What other
        requests were told meanwhile, of this process or another one, is waited for as well.
        """
        try:
            self._passage.rest(name, seconds)
        except BaseException:
            self.leave(name)
            raise
        return await self._rested(self._host(name), seconds, by, later=later, unused=False)

    async def _rested(self, host: Host, seconds: float, by: Target | None, *, later: bool = False, unused: bool = True) -> bool:
        """As `rest`; `unused`: nothing was asked in the place that is given back."""
        left: float | None = seconds
        while left:
            if not await self._lie_still(host, left, by if unused else None, later=later):
                return False
            left = await self._start(host, by, may_wait=True)
            unused = True
        return left is not None

    async def _lie_still(self, host: Host, seconds: float, unused_by: Target | None, *, later: bool) -> bool:
        """One rest, with a place of this process before and after it."""
        name = host.name
        host.troubled = True
        if len(self._rests) >= _MOST_RESTS or self._passage.hurried:
            self.leave(name, unused_by=unused_by)
            return False
        loop = asyncio.get_running_loop()
        rest = Rest(host, self._now() + seconds, later, loop.create_future())
        self._rests.add(rest)
        if not host.shut:
            self._held += len(host.queue)
        host.rests.append(rest)
        timer = loop.call_later(seconds, self._ripe, rest)
        go_on = False
        try:
            self.leave(name, unused_by=unused_by)
            go_on = await rest.over
        finally:
            timer.cancel()
            self._rests.discard(rest)
            host.rests.remove(rest)
            if not host.shut:
                self._held -= len(host.queue)
            if not host.rests and not go_on:
                self._admit(host)
        if go_on:
            host.active += 1  # whoever came meanwhile: who finds out whether the trouble is over goes first
            await self._come_back(host)
            try:
                self._consider()
            except BaseException:
                self.leave(name, entered=False)
                raise
        return go_on

    async def _come_back(self, host: Host) -> None:
        """Take one of the places that the run has in all, that at the host being ours."""
        if self._active < self._concurrency and not self._back:
            self._active += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._back.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(host.name, entered=False)
            else:
                host.active -= 1
            raise

    def well(self, name: str) -> None:
        """The host has answered: its trouble is over."""
        host = self._hosts.get(name)
        if host is not None and host.troubled:
            host.troubled = False
            self._admit(host)
            self._wake()

    def hurry(self) -> None:
        """Wait for no host in trouble any more, nor for a place where what is asked for can wait until the run is resumed."""
        self._passage.hurry()
        for rest in tuple(self._rests):
            rest.end(go_on=False)

    @property
    def hurried(self) -> bool:
        """Whether hosts in trouble are no longer waited for because somebody wants the end."""
        return self._passage.hurried

    @property
    def busy(self) -> int:
        """How many hosts have requests under way, or rest."""
        return sum(1 for host in self._hosts.values() if host.active or host.rests)

    def _ripe(self, rest: Rest) -> None:
        try:
            self._consider(rest)
        except StoreError as problem:
            rest.fail(problem)  # nobody hears it here

    def _consider(self, ripe: Rest | None = None) -> None:
        """Whose rest is over? What is waited for while nothing else is to do uses up the run's patience."""
        now = self._now()
        if self._at_work() or self._passage.others_work():
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

    def _at_work(self) -> bool:
        """Whether there is something to do, other than to wait for hosts in trouble; the other processes hear of it."""
        works = bool(self._active or self._queued > self._held or not (self._dry or self._held >= _MOST_HELD))
        self._passage.work(works)
        return works

    def _admit(self, host: Host) -> None:
        """Give what is free at the host to those who wait for it, else to its queue."""
        self._crowded.pop(host.name, None)
        while host.waiting and not host.rests and host.active < self._room(host):
            if self._active >= self._concurrency:
                self._crowded[host.name] = host
                break
            turn = host.waiting.popleft()
            if not turn.done():
                host.active += 1
                self._active += 1
                turn.set_result(True)
        self._list(host)

    async def _go(self, host: Host, by: Target | None, *, may_wait: bool, listed: bool = False) -> bool:
        """Wait, a place there being ours, until the host may be asked: True. False: the run is to end before, and the place is given up.

        When the run has no patience for a rest that others were told of, it is over for all.
        """
        left = await self._start(host, by, may_wait=may_wait, listed=listed)
        if not left:
            return left is not None
        if await self._rested(host, left, by):
            return True
        if self._passage.hurried and may_wait:
            return False
        host = self._host(host.name)  # it may be forgotten, the place having been the last
        return await self._place(host, may_wait) and await self._start(host, by, may_wait=may_wait) is not None

    async def _start(self, host: Host, by: Target | None, *, may_wait: bool, listed: bool = False) -> float | None:
        """Wait for the host's next free moment, a place there being ours: the seconds for which it is to be left alone even so.

        The place is given back when nothing comes of it; None: the run is to end before.
        """
        try:
            reached = await self._moment(host, by, may_wait=may_wait, listed=listed)
        except BaseException:
            self.leave(host.name, entered=False)
            raise
        if not reached:
            self.leave(host.name, unused_by=by, entered=False)
            return None
        try:
            return self._left(host)
        except BaseException:
            self.leave(host.name)
            raise

    def _left(self, host: Host) -> float:
        """The seconds for which the host is to be left alone, as this process knows, or another one was told."""
        return max(0.0, host.rests_until - self._now(), self._passage.resting(host.name))

    async def _moment(
        self, host: Host, by: Target | None, *, may_wait: bool, again: bool = False, listed: bool = False
    ) -> bool:
        """Take the host's next moment, and wait for it: True, and inside the turnstile. False: the run is to end before.

        `listed`: that of this process was taken before. `again`: inside already, and so afterwards.
        """
        if not listed:
            start = max(self._now(), host.free_at)
            host.free_at = start + self._delay
            host.last = by
            if not await self._passage.sleep(start - self._now(), may_wait):
                return False
        return await self._passage.through(host.name, may_wait, again=again)

    def _refill(self) -> None:
        while not self._dry and self._queued - self._held < self._window and self._held < _MOST_HELD:
            self._take_some()

    def _take_some(self) -> None:
        targets = self._take(self._window)
        self._dry = not targets
        for target in targets:
            host = self._host(target.host)
            host.queue.append(target)
            self._queued += 1
            if host.shut:
                self._held += 1
            self._list(host)

    def _room(self, host: Host) -> int:
        return 1 if host.troubled else self._per_host

    def _may_begin(self, host: Host) -> bool:
        return bool(host.queue) and not host.shut and not host.waiting and host.active < self._room(host)

    def _host(self, name: str) -> Host:
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name)
        return host

    def _list(self, host: Host) -> None:
        if (host.listed is None or host.listed > host.free_at) and self._may_begin(host):
            self._count += 1
            host.listed = host.free_at
            heapq.heappush(self._heap, (host.free_at, self._count, host))

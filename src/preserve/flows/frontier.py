"""Whose turn it is: targets handed out fairly over hosts, each host asked by few at a time and not too often. asyncio.

Strategy. What is to be asked is on the agenda, hosts by the time from which they may be asked (flows.agenda). Redirect hops and
robots.txt are requests like any other: they enter through `enter`, which reserves the host's next free moment, so that neither targets
nor hops starve the other. A place is one at the host and one of those that the run has in all; who waits for one has none, and who has
one waits for nobody else, so that nobody can wait in a circle (flows.places, docs/adr/0255-who-waits-has-no-place.md).

A host in trouble rests (`rest`), and its queue with it, while the others go on. A run with nothing else to do waits for such hosts, but
not for long (flows.patience). While a host is in trouble one request at a time finds out whether it is over.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from preserve.flows.agenda import Agenda
from preserve.flows.hosts import Host
from preserve.flows.passage import Passage
from preserve.flows.patience import MOST, Patience
from preserve.flows.places import Places
from preserve.model.web import Target
from preserve.ports import Turnstile


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
        self._now = now
        self._delay = delay
        self._wake = wake
        self._agenda = Agenda(take, now, per_host=per_host, window=window)
        self._places = Places(concurrency, self._agenda.list)
        self._passage = Passage(turnstile)
        self._patience = Patience(patience, now, lambda: self._at_work() or self._passage.others_work())
        self._stalled = 0
        """How many queue up, or wait for another's answer: as many as may rest take nobody else's place."""

    # What is handed out

    def more(self) -> None:
        """There is something to take again."""
        self._agenda.more()

    @property
    def exhausted(self) -> bool:
        """Nothing is left to hand out."""
        return self._agenda.exhausted

    @property
    def resting(self) -> int:
        """How many that were handed out wait for their hosts, and ask nobody meanwhile; as many as are waited with."""
        return min(len(self._patience) + self._stalled, MOST)

    @property
    def full(self) -> bool:
        """Whether as many requests are under way as may be: nothing more is handed out."""
        return self._places.full

    @property
    def busy(self) -> int:
        """How many hosts have requests under way, or rest."""
        return self._agenda.busy

    def poll(self) -> Target | None:
        """A target that may be asked now, its place already taken; None when none may. Give the place back with `leave`."""
        self._agenda.stock()
        if self.full:
            return None
        target = self._first()
        while target is None and self._agenda.widen():
            target = self._first()
        if self._patience:
            self._patience.consider()
        elif self._passage.shared:
            self._at_work()
        return target

    def _first(self) -> Target | None:
        host = self._agenda.first()
        if host is None:
            return None
        target = self._agenda.pop(host)
        self._places.take(host)
        host.free_at = self._now() + self._delay
        host.last = target
        self._agenda.list(host)
        return target

    def soonest(self) -> float | None:
        """The time at which `poll` may have something, None when only the end of a request can bring it."""
        return self._agenda.soonest()

    async def begin(self, name: str, *, by: Target | None = None) -> bool:
        """Wait, with what was handed out, until no other process is in the way: True. False when the run is to end before; then the place
        is given up, as it is when this is cancelled or fails.
        """
        return not self._passage.shared or await self._go(self._agenda.host(name), by, listed=True)

    @contextmanager
    def sought(self, name: str) -> Iterator[None]:
        """Hand out nothing of that host: whoever it was would only wait for what is sought. Who was handed out may ask there."""
        host = self._agenda.host(name)
        self._agenda.close(host)
        try:
            yield
        finally:
            self._agenda.open(host)
            if not host.closed:
                self._places.admit(host)
                self._wake()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Who was handed out has no place meanwhile, and waits for what another one brings."""
        self._stalled += 1
        self._wake()
        try:
            yield
        finally:
            self._stalled -= 1

    # Places

    async def enter(self, name: str, *, by: Target | None = None) -> bool:
        """Wait for a place at that host and take it: True. False, and none is taken, when nobody is waited for any more: what is asked
        for can wait until the run is resumed.

        `by` has one place at a time, and may give its moment back.
        """
        host = self._agenda.host(name)
        return await self._place(host) and await self._go(host, by)

    async def _place(self, host: Host) -> bool:
        """Wait for a place there, and take it; as `enter`."""
        if self._places.try_to_take(host):
            return True
        if self._passage.hurried:
            return False
        turn = self._places.queue_up(host)
        self._stalled += 1
        self._wake()
        try:
            if host.rests:
                self._patience.consider()
            return await self._passage.wait(turn)
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave(host.name, entered=False)
            turn.cancel()
            raise
        finally:
            self._stalled -= 1

    def leave(self, name: str, *, unused_by: Target | None = None, entered: bool = True) -> None:
        """Give a place back; with `unused_by` also the moment that came with it: nothing was asked, so nobody has to keep a distance.

        What was handed out and did not `begin` has not `entered`, where processes share the run. The moment stays taken when a later
        one is: whoever came next would be there beside that one. Raises what the turnstile does, the place being given back.
        """
        host = self._agenda.known(name)
        assert host is not None, "who leaves was there"
        unused = unused_by is not None and host.last is unused_by
        if unused:
            host.free_at -= self._delay
            host.last = None
        alone = host.active == 1
        self._places.leave(host)
        self._agenda.left(host)
        self._wake()
        if entered:
            # In which order several of one process went through there is not known here.
            self._passage.leave(name, unused=unused and alone)
        if self._patience:
            self._patience.consider()

    # The way there

    async def again(self, name: str, *, by: Target | None = None) -> bool:
        """Wait, in a place at that host, until it may be asked once more: True. False when that is not waited for; then the place is given up.

        So it is when this is cancelled or fails.
        """
        host = self._agenda.host(name)
        try:
            left = self._left(host) if await self._moment(host, None, again=True) else None
        except BaseException:
            self.leave(name)
            raise
        if left is None:
            self.leave(name)
            return False
        return not left or await self._rested(host, left, by)

    async def _go(self, host: Host, by: Target | None, *, listed: bool = False) -> bool:
        """Wait, a place there being ours, until the host may be asked: True. False: the run is to end before, and the place is given up.

        When the run has no patience for a rest that others were told of, it is over for all.
        """
        left = await self._start(host, by, listed=listed)
        if not left:
            return left is not None
        if await self._rested(host, left, by):
            return True
        if self._passage.hurried:
            return False
        host = self._agenda.host(host.name)  # it may be forgotten, the place having been the last
        return await self._place(host) and await self._start(host, by) is not None

    async def _start(self, host: Host, by: Target | None, *, listed: bool = False) -> float | None:
        """Wait for the host's next free moment, a place there being ours: the seconds for which it is to be left alone even so.

        The place is given back when nothing comes of it; None: the run is to end before.
        """
        try:
            reached = await self._moment(host, by, listed=listed)
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

    async def _moment(self, host: Host, by: Target | None, *, again: bool = False, listed: bool = False) -> bool:
        """Take the host's next moment, and wait for it: True, and inside the turnstile. False: the run is to end before.

        `listed`: that of this process was taken before. `again`: inside already, and so afterwards.
        """
        if not listed:
            start = max(self._now(), host.free_at)
            host.free_at = start + self._delay
            host.last = by
            if not await self._passage.sleep(start - self._now()):
                return False
        return await self._passage.through(host.name, again=again)

    # Hosts in trouble

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
        return await self._rested(self._agenda.host(name), seconds, by, later=later, unused=False)

    async def _rested(self, host: Host, seconds: float, by: Target | None, *, later: bool = False, unused: bool = True) -> bool:
        """As `rest`; `unused`: nothing was asked in the place that is given back."""
        left: float | None = seconds
        while left:
            if not await self._lie_still(host, left, by if unused else None, later=later):
                return False
            left = await self._start(host, by)
            unused = True
        return left is not None

    async def _lie_still(self, host: Host, seconds: float, unused_by: Target | None, *, later: bool) -> bool:
        """One rest, with a place of this process before and after it."""
        host.troubled = True
        if len(self._patience) >= MOST or self._passage.hurried:
            self.leave(host.name, unused_by=unused_by)
            return False
        go_on = False
        self._agenda.close(host)
        try:
            with self._patience.rest(host, seconds, later=later) as rest:
                self.leave(host.name, unused_by=unused_by)
                go_on = await rest.over
        finally:
            self._agenda.open(host)
            if not host.rests and not go_on:
                self._places.admit(host)
                self._agenda.left(host)
        if go_on:
            await self._come_back(host)  # whoever came meanwhile: who finds out whether the trouble is over goes first
            try:
                self._patience.consider()
            except BaseException:
                self.leave(host.name, entered=False)
                raise
        return go_on

    async def _come_back(self, host: Host) -> None:
        turn = self._places.come_back(host)
        if turn is None:
            return
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
        host = self._agenda.known(name)
        if host is not None and host.troubled:
            host.troubled = False
            self._places.admit(host)
            self._wake()

    # The end

    def hurry(self) -> None:
        """Wait for nobody any more: neither for hosts in trouble, nor for a place, nor for a distance."""
        self._passage.hurry()
        self._patience.end()

    @property
    def hurried(self) -> bool:
        """Whether nobody is waited for any more because somebody wants the end."""
        return self._passage.hurried

    def _at_work(self) -> bool:
        """Whether there is something to do, other than to wait for hosts in trouble; the other processes hear of it."""
        works = bool(self._places.taken) or self._agenda.promising
        self._passage.work(works)
        return works

"""Following one address: hop by hop to where it leads, robots.txt asked on the way, in a place at each host's queue. asyncio.

What is asked here is given to the trail, or kept at once (robots.txt, which belongs to its host and to no target): every exchange, also
those that came to nothing and were tried again as `rules.retry` says. A host that could not be reached in the end is given up for the
run: what else is cited from it is told so, and not asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from preserve.flows.frontier import Frontier
from preserve.flows.manners import Manners
from preserve.flows.once import Once
from preserve.flows.trail import Trail
from preserve.formats.entity import entity
from preserve.formats.url import Url, join
from preserve.model.web import Exchange, Need, Outcome, Target, Trouble
from preserve.ports import Clock, Fetcher, Journal, Session
from preserve.rules import redirect, retry
from preserve.rules.robots import Answer, Robots

_T = TypeVar("_T")

_ROBOTS_SIZE = 1 << 19
"""Bytes of robots.txt that count; RFC 9309 section 2.5 asks for at least 500 KiB."""
_ROBOTS_HOPS = 5
"""Redirects followed for robots.txt (RFC 9309 section 2.3.1.2)."""
_REMEMBERED = 1024
"""Hosts whose robots.txt is kept parsed; the journal has them all. A long one counts for many: parsed it is some 16 times as large."""
_SHORT = 1 << 12
"""Characters of a robots.txt that counts once."""
_GIVEN_UP = 10_000
"""Hosts that are remembered as given up; the oldest is tried again."""
_TOO_MANY = 429
_ENOUGH = 8
"""Addresses of a host, one after the other, to which it says, or shows, that it wants to be left alone, until it is."""


class Slot:
    """The one place at a host that a target holds while it asks."""

    __slots__ = ("_clock", "_entered", "_frontier", "_host", "_target", "_unused", "waited")

    def __init__(self, frontier: Frontier, host: str, clock: Clock, target: Target | None = None) -> None:
        """Only with `target`, for which the place was handed out, a moment that was not used is given back."""
        self._frontier = frontier
        self._host: str | None = host
        self._clock = clock
        self._target = target
        self._unused = False
        self._entered = False
        self.waited = 0.0
        """Seconds that passed in queues: they are nobody's fault who is asked."""

    async def begin(self) -> bool:
        """Wait until no other process that shares the run is in the way; False, and no place, when the run is to end before."""
        host, self._host = self._host, None
        assert host is not None, "what was handed out has a place"
        with self._waiting():
            began = await self._frontier.begin(host, by=self._target)
        self._host, self._entered = host if began else None, began
        return began

    async def move(self, host: str) -> None:
        """Give the place back and queue up at `host` (the same one too: every request keeps the distance)."""
        self.release()
        with self._waiting():
            await self._frontier.enter(host, by=self._target)
        self._host, self._entered = host, True

    async def move_on(self, host: str) -> bool:
        """The same; False, and no place, when the run is to end before one is free there."""
        self.release()
        with self._waiting():
            entered = await self._frontier.enter(host, by=self._target, may_wait=True)
        self._host, self._entered = host if entered else None, entered
        return entered

    async def wait_for(self, sought: Awaitable[_T]) -> _T:
        """Wait for what another seeks, and have no place meanwhile: that one may need it."""
        self.unused()
        self.release()
        with self._waiting(), self._frontier.aside():
            return await sought

    def sought(self, host: str) -> AbstractContextManager[None]:
        """Meanwhile nobody is sent to `host`, to wait there for what we are seeking."""
        return self._frontier.sought(host)

    async def again(self) -> bool:
        """Stay, and wait until the host may be asked once more; False, and no place, when the run does not wait for it."""
        host, self._host = self._host, None
        assert host is not None, "who asks has a place"
        with self._waiting():
            again = await self._frontier.again(host, by=self._target)
        self._host = host if again else None
        return again

    async def rest(self, again: retry.Again) -> bool:
        """Leave the host alone as long as that says, then go on in the same place; False when the run does not wait for it."""
        host, self._host = self._host, None
        assert host is not None, "who asks has a place"
        with self._waiting():
            rested = await self._frontier.rest(host, again.seconds, by=self._target, later=again.later)
        self._host = host if rested else None
        return rested

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self.waited += self._clock.monotonic() - began

    @property
    def hurried(self) -> bool:
        """Whether nobody is waited for any more, since the run is to end."""
        return self._frontier.hurried

    def well(self) -> None:
        """The host answers."""
        if self._host is not None:
            self._frontier.well(self._host)

    def unused(self) -> None:
        """Nothing was asked since the place was taken: the next one need not wait for us."""
        self._unused = True

    def release(self) -> None:
        host, self._host = self._host, None
        unused, self._unused = self._unused, False
        if host is not None:
            self._frontier.leave(host, unused_by=self._target if unused else None, entered=self._entered)


class Errand:
    """The requests for one target: they share cookies, a place at each host's queue, and the seconds that they may take in all."""

    def __init__(self, session: Session, slot: Slot, clock: Clock, seconds: float) -> None:
        self._session = session
        self._slot = slot
        self._deadline = clock.monotonic() + seconds - slot.waited
        self.cut_short = False
        """It would have been asked again, had the run not been told to end."""

    async def ask(
        self, url: Url, keep: Callable[[Exchange], None], *, referrer: str | None = None, insist: bool = True
    ) -> Exchange:
        """Ask, and again where that may help; `keep` is given each exchange, the last one is returned.

        What is waited for a place, or for a host in trouble, is not counted. Without `insist` it is asked again once at most, and not at all where no
        connection came about.
        """
        attempt = 0
        while True:
            deadline = self._deadline + self._slot.waited
            exchange = await self._session.fetch(url.address, referrer=referrer, deadline=deadline, attempt=attempt)
            keep(exchange)
            again = retry.again(exchange, random.random())  # noqa: S311 - it spreads, it hides nothing
            if not insist and (attempt or exchange.trouble is Trouble.UNREACHABLE):
                again = None
            if not retry.troubled(exchange) and exchange.trouble is None:
                self._slot.well()
            if again is None:
                return exchange
            attempt += 1
            if not await (self._slot.rest(again) if again.seconds else self._slot.again()):
                self.cut_short = self._slot.hurried
                return exchange


class Pursuit:
    """Follows addresses for the targets of a run, and remembers what their hosts' robots.txt says."""

    def __init__(
        self,
        *,
        journal: Journal,
        fetcher: Fetcher,
        clock: Clock,
        manners: Manners,
        keep: Callable[[str, str, Sequence[Exchange]], Awaitable[None]],
    ) -> None:
        """`keep(name, value, exchanges)` writes exchanges that belong to no target and notes `value` under `name` with them."""
        self._journal = journal
        self._fetcher = fetcher
        self._clock = clock
        self._manners = manners
        self._keep = keep
        self._robots_known: Once[Answer | None] = Once(
            _REMEMBERED, lambda answer: 1 + (len(answer.text) // _SHORT if answer else 0)
        )
        self._reading = asyncio.Lock()
        self._given_up: dict[str, str] = {}
        self._silent: dict[str, str] = {}
        """Hosts to which the robots.txt of others led in vain, until they answer; of their own addresses that says nothing."""
        self._unwanted: dict[str, int] = {}
        self._left_alone: dict[str, tuple[float, str]] = {}
        """Until when hosts are left alone that asked for it in an answer that stands, and what they asked, in words."""

    async def follow(self, url: Url, trail: Trail, slot: Slot) -> None:
        """Hop by hop from the cited address to where it leads."""
        errand = Errand(self._fetcher.session(), slot, self._clock, self._manners.total_timeout)
        seen, since = [url.address], 0
        need = trail.target.need
        while True:
            if not await self._may_be_asked(url, trail, slot):
                return
            exchange = await errand.ask(url, trail.add, referrer=_referrer(need, url))
            if errand.cut_short:
                trail.cut_short = True
                return
            self._learn(url, exchange)
            if exchange.header(b"set-cookie") is not None:
                since = len(seen)
            onward = redirect.follow(exchange, url, seen, since)
            if onward is None:
                if remark := retry.remark(exchange) or redirect.remark(exchange):
                    trail.signal(remark)
                return
            if onward.url is None:
                trail.end(Outcome.FAILED, onward.problem)
                return
            wait = retry.before_redirect(exchange)
            if wait is not None and await slot.rest(wait):
                slot.unused()
            url = onward.url
            seen.append(url.address)
            if (wait is not None and slot.hurried) or not await slot.move_on(url.queue):
                trail.cut_short = True
                return

    async def _may_be_asked(self, url: Url, trail: Trail, slot: Slot) -> bool:
        """Whether anything is asked there, after a wait perhaps; else the trail ends, or is cut short when the run is to end."""
        if not await self._host_may_be_asked(url.host, trail, slot):
            return False
        if self._manners.robots is Robots.IGNORE:
            return True
        answer = await self._robots(url, slot)
        if answer is None:
            trail.cut_short = True
            return False
        refusal = await self._refusal(answer, url)
        if refusal and self._manners.robots is Robots.OBEY:
            slot.unused()
            trail.end(Outcome.REFUSED, refusal)
            return False
        if refusal and not answer.unreachable:
            trail.signal(refusal)
        return await self._host_may_be_asked(url.host, trail, slot)  # to be left alone may be what it answered

    async def _host_may_be_asked(self, host: str, trail: Trail, slot: Slot) -> bool:
        """The same, by what is known of the host alone."""
        if (given_up := self._given_up.get(host)) is not None:
            slot.unused()
            trail.end(Outcome.FAILED, given_up)
            return False
        until, told = self._left_alone.get(host, (0.0, ""))
        seconds = until - self._clock.monotonic()
        if seconds > retry.LONGEST:
            slot.unused()
            trail.end(Outcome.FAILED, told)
        elif seconds > 0 and not await slot.rest(retry.Again(seconds=seconds)):
            trail.cut_short = slot.hurried
            if not slot.hurried:
                trail.end(Outcome.FAILED, told)
        else:
            return True
        return False

    def _heed(self, host: str, exchange: Exchange) -> None:
        """Remember for how long a host asks to be left alone, in an answer that stands."""
        if (asked := retry.retry_after(exchange)) is not None:
            told = f"{retry.remark(exchange)}, longer than this run waits: this address was left for later"
            longest = max(self._left_alone.get(host, (0.0, "")), (self._clock.monotonic() + asked, told))
            _remember(self._left_alone, host, longest)

    def _learn(self, url: Url, exchange: Exchange) -> None:
        """What the end of asking one address says of its host."""
        host = url.host
        self._heed(host, exchange)
        if exchange.status is not None:
            self._silent.pop(host, None)
        if exchange.trouble is Trouble.UNREACHABLE:
            _remember(self._given_up, host, f"{exchange.problem}: the host was given up before this address was asked")
        elif retry.asks_for_rest(exchange) or exchange.trouble is Trouble.CLOSED:
            self._unwanted[host] = self._unwanted.pop(host, 0) + 1
            if len(self._unwanted) > _GIVEN_UP:
                del self._unwanted[next(iter(self._unwanted))]
            if self._unwanted[host] >= _ENOUGH:
                told = f"it answered {exchange.status} to {_ENOUGH} addresses and asks to be left alone"
                if exchange.status is None:
                    told = f"for {_ENOUGH} addresses it closed the connection without an answer"
                _remember(self._given_up, host, f"the host was given up before this address was asked: {told}")
        elif exchange.status is not None:
            self._unwanted.pop(host, None)
            self._given_up.pop(host, None)

    async def forbidden(self, url: Url, slot: Slot) -> bool | None:
        """Whether robots.txt keeps us from asking, because it is to be obeyed; None: the run was told to end before that was known."""
        if self._manners.robots is not Robots.OBEY:
            return False
        answer = await self._robots(url, slot)
        return None if answer is None else bool(await self._refusal(answer, url))

    async def _refusal(self, answer: Answer, url: Url) -> str:
        """Why robots.txt would have us not ask, "" where it would not; a long one is read beside the event loop."""
        if answer.long:
            async with self._reading:  # one at a time: what is read lies in memory
                return await asyncio.to_thread(answer.refusal, url.address, self._manners.user_agent)
        return answer.refusal(url.address, self._manners.user_agent)

    async def _robots(self, url: Url, slot: Slot) -> Answer | None:
        """What the origin's robots.txt says; asked once a run, by the first target that needs it, beginning in that target's place.

        None: the run was told to end while a host was waited for, and asks again when it is resumed.
        """
        origin = f"{url.scheme}://{url.host}"
        sought = self._robots_known.known(origin)
        if sought is not None and sought.done():
            return await sought
        if sought is None:
            kept = self._journal.noted(f"robots:{origin}")
            if kept is not None:
                return await self._robots_known.ask(origin, partial(_loaded, kept))
            with slot.sought(url.queue):
                answer = await self._robots_known.ask(origin, lambda: self._ask_robots(origin, url, slot))
        else:
            answer = await slot.wait_for(sought)
        return answer if answer is not None and await slot.move_on(url.queue) else None

    async def _ask_robots(self, origin: str, url: Url, slot: Slot) -> Answer | None:
        errand = Errand(self._fetcher.session(), slot, self._clock, self._manners.total_timeout)
        place = join(url, b"/robots.txt")
        assert isinstance(place, Url), "an address with a host has a robots.txt"
        exchanges: list[Exchange] = []
        seen: list[str] = []
        in_vain = False
        try:
            while True:
                seen.append(place.address)
                # A host that cannot be reached is tried again for the page's sake, not for this file's.
                exchange = await errand.ask(place, exchanges.append, insist=False)
                if exchange.status == _TOO_MANY:  # of us; 503 may well be said of this file alone
                    self._heed(place.host, exchange)
                if exchange.status is not None:
                    self._silent.pop(place.host, None)
                onward = redirect.follow(exchange, place, seen) if len(seen) <= _ROBOTS_HOPS else None
                if errand.cut_short or onward is None or onward.url is None:
                    break
                place = onward.url
                if in_vain := self._in_vain(place, url):
                    break
                if not await slot.move_on(place.queue):
                    errand.cut_short = True
                    break
                if in_vain := self._in_vain(place, url):  # somebody who was before us learnt it
                    slot.unused()
                    break
            slot.release()
            if errand.cut_short:
                await self._keep(f"cut-short:robots:{origin}", "", exchanges)
                return None
            if exchange.trouble is Trouble.UNREACHABLE and place.host != url.host:
                _remember(self._silent, place.host, "")
            status = None if in_vain else exchange.status
            answer = Answer(status, entity(exchange, _ROBOTS_SIZE).decode("utf-8", "replace"))
            await self._keep(f"robots:{origin}", answer.dump(), exchanges)
        finally:
            for exchange in exchanges:
                exchange.body.close()
        return answer

    def _in_vain(self, place: Url, url: Url) -> bool:
        """Whether the robots.txt for `url` leads to a host that could not be reached, and is another one."""
        return place.host != url.host and place.host in self._silent


async def _loaded(kept: str) -> Answer:
    return Answer.load(kept)


def _remember(hosts: dict[str, _T], host: str, why: _T) -> None:
    if len(hosts) >= _GIVEN_UP:
        del hosts[next(iter(hosts))]
    hosts[host] = why


def _referrer(need: Need | None, url: Url) -> str | None:
    """Where the request for a requisite says that it comes from."""
    if need is None:
        return None
    from preserve.rules import requisites  # noqa: PLC0415 -- a run that keeps the pages alone starts faster without

    return requisites.referrer(need.referrer, url)

"""Following one address: hop by hop to where it leads, robots.txt asked on the way, in a place at each host's queue. asyncio.

What is asked here is given to the trail, or kept at once (robots.txt, which belongs to its host and to no target): every exchange, also
those that came to nothing and were tried again as `rules.retry` says. A host that could not be reached in the end is given up for the
run: what else is cited from it is told so, and not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from preserve.flows.errand import Errand
from preserve.flows.manners import Manners
from preserve.flows.once import Once
from preserve.flows.slot import Slot
from preserve.flows.trail import Trail
from preserve.flows.wishes import Wishes
from preserve.formats.entity import entity
from preserve.formats.url import Url, join
from preserve.model.web import Exchange, Need, Outcome, Trouble
from preserve.ports import Clock, Fetcher, Journal
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
_ENOUGH = 8
"""Addresses of a host, one after the other, to which it says, or shows, that it wants to be left alone, until it is."""


class Pursuit:
    """Follows addresses for the targets of a run, and remembers what their hosts' robots.txt says."""

    def __init__(
        self,
        *,
        journal: Journal,
        fetcher: Fetcher,
        clock: Clock,
        manners: Manners,
        wishes: Wishes,
        keep: Callable[[str, str, Sequence[Exchange]], Awaitable[None]],
    ) -> None:
        """`keep(name, value, exchanges)` writes exchanges that belong to no target and notes `value` under `name` with them."""
        self._journal = journal
        self._fetcher = fetcher
        self._clock = clock
        self._manners = manners
        self._wishes = wishes
        self._keep = keep
        self._robots_known: Once[Answer | None] = Once(
            _REMEMBERED, lambda answer: 1 + (len(answer.text) // _SHORT if answer else 0)
        )
        self._reading = asyncio.Lock()
        self._given_up: dict[str, str] = {}
        self._silent: dict[str, str] = {}
        """Hosts to which the robots.txt of others led in vain, until they answer; of their own addresses that says nothing."""
        self._unwanted: dict[str, int] = {}

    def errand(self, slot: Slot) -> Errand:
        """The requests that are about to be made in that place."""
        return Errand(self._fetcher.session(), slot, self._clock, self._wishes, self._manners.total_timeout)

    async def follow(self, url: Url, trail: Trail, slot: Slot) -> None:
        """Hop by hop from the cited address to where it leads."""
        errand = self.errand(slot)
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
            if (wait is not None and slot.hurried) or not await slot.move(url.queue):
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
        wish = await self._wishes.in_the_way(host, slot)
        if wish is None:
            return True
        trail.cut_short = slot.hurried
        if not slot.hurried:
            trail.end(Outcome.FAILED, f"{retry.in_words(wish)}, longer than this run waits: this address was left for later")
        return False

    def _learn(self, url: Url, exchange: Exchange) -> None:
        """What the end of asking one address says of its host."""
        host = url.host
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

    async def barred(self, url: Url, slot: Slot) -> bool | None:
        """Whether we are kept from asking: by robots.txt, because it is to be obeyed, or by what the host asked for.

        None: the run was told to end before that was known.
        """
        if await self._wishes.in_the_way(url.host, slot) is None:
            if self._manners.robots is not Robots.OBEY:
                return False
            answer = await self._robots(url, slot)
            if answer is None:
                return None
            if await self._refusal(answer, url):
                return True
            if await self._wishes.in_the_way(url.host, slot) is None:  # to be left alone may be what it answered
                return False
        return None if slot.hurried else True

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
        return answer if answer is not None and await slot.move(url.queue) else None

    async def _ask_robots(self, origin: str, url: Url, slot: Slot) -> Answer | None:
        errand = self.errand(slot)
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
                if exchange.status is not None:
                    self._silent.pop(place.host, None)
                onward = redirect.follow(exchange, place, seen) if len(seen) <= _ROBOTS_HOPS else None
                if errand.cut_short or onward is None or onward.url is None:
                    break
                place = onward.url
                if in_vain := self._in_vain(place, url):
                    break
                if not await slot.move(place.queue):
                    errand.cut_short = True
                    break
                if in_vain := self._in_vain(place, url):  # somebody who was before us learnt it
                    slot.unused()
                    break
                if await self._wishes.in_the_way(place.host, slot) is not None:
                    errand.cut_short, in_vain = slot.hurried, True
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

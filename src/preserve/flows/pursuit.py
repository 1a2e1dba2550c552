"""Following one address: hop by hop to where it leads, robots.txt asked on the way, in a place at each host's queue. asyncio.

What is asked here is given to the trail, or kept at once (robots.txt, which belongs to its host and to no target).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from preserve.flows.frontier import Frontier
from preserve.flows.manners import Manners
from preserve.flows.trail import Trail
from preserve.formats.entity import entity
from preserve.formats.url import Url, join
from preserve.model.web import Exchange, Outcome
from preserve.ports import Clock, Fetcher, Journal
from preserve.rules import redirect, requisites
from preserve.rules.robots import Answer, Robots

_ROBOTS_SIZE = 1 << 19
"""Bytes of robots.txt that count; RFC 9309 section 2.5 asks for at least 500 KiB."""
_ROBOTS_HOPS = 5
"""Redirects followed for robots.txt (RFC 9309 section 2.3.1.2)."""
_REMEMBERED = 1024
"""Hosts whose robots.txt is kept parsed; the journal has them all."""


class Slot:
    """The one place at a host that a target holds while it asks."""

    __slots__ = ("_frontier", "_host")

    def __init__(self, frontier: Frontier, host: str) -> None:
        self._frontier = frontier
        self._host: str | None = host

    async def move(self, host: str) -> None:
        """Give the place back and queue up at `host` (the same one too: every request keeps the distance)."""
        self.release()
        await self._frontier.enter(host)
        self._host = host

    def release(self) -> None:
        if self._host is not None:
            self._frontier.leave(self._host)
            self._host = None


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
        self._robots_known: dict[str, asyncio.Future[Answer]] = {}

    async def follow(self, url: Url, trail: Trail, slot: Slot) -> None:
        """Hop by hop from the cited address to where it leads."""
        session = self._fetcher.session()
        deadline = self._clock.monotonic() + self._manners.total_timeout
        seen = [url.address]
        need = trail.target.need
        while True:
            if self._manners.robots is not Robots.IGNORE:
                answer = await self._robots(url, slot)
                refusal = answer.refusal(url.address, self._manners.user_agent)
                if refusal and self._manners.robots is Robots.OBEY:
                    trail.end(Outcome.REFUSED, refusal)
                    return
                if refusal and not answer.unreachable:
                    trail.signal(refusal)
            referrer = None if need is None else requisites.referrer(need.referrer, url)
            exchange = await session.fetch(url.address, referrer=referrer, deadline=deadline)
            trail.add(exchange)
            onward = redirect.follow(exchange, url, seen)
            if onward is None:
                return
            if onward.url is None:
                trail.end(Outcome.FAILED, onward.problem)
                return
            url = onward.url
            seen.append(url.address)
            await slot.move(url.host)

    async def _robots(self, url: Url, slot: Slot) -> Answer:
        """What the origin's robots.txt says; asked once a run, by the first target that needs it, in that target's slot."""
        origin = f"{url.scheme}://{url.host}"
        known = self._robots_known.get(origin)
        if known is not None:
            answered: Answer = await asyncio.shield(known)
            return answered
        kept = self._journal.noted(f"robots:{origin}")
        if kept is not None:
            return Answer.load(kept)
        if len(self._robots_known) >= _REMEMBERED:
            self._robots_known.pop(next(iter(self._robots_known)))
        future = self._robots_known[origin] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._ask_robots(origin, url)
        except BaseException as problem:
            self._robots_known.pop(origin, None)
            future.set_exception(problem)
            future.exception()  # looked at, so that nobody is told off for not waiting
            raise
        future.set_result(answer)
        await slot.move(url.host)
        return answer

    async def _ask_robots(self, origin: str, url: Url) -> Answer:
        session = self._fetcher.session()
        deadline = self._clock.monotonic() + self._manners.total_timeout
        place = join(url, b"/robots.txt")
        assert isinstance(place, Url), "an address with a host has a robots.txt"
        exchanges: list[Exchange] = []
        seen: list[str] = []
        try:
            while True:
                seen.append(place.address)
                exchange = await session.fetch(place.address, deadline=deadline)
                exchanges.append(exchange)
                onward = redirect.follow(exchange, place, seen) if len(seen) <= _ROBOTS_HOPS else None
                if onward is None or onward.url is None:
                    break
                place = onward.url
            answer = Answer(exchange.status, entity(exchange, _ROBOTS_SIZE).decode("utf-8", "replace"))
            await self._keep(f"robots:{origin}", answer.dump(), exchanges)
        finally:
            for exchange in exchanges:
                exchange.body.close()
        return answer

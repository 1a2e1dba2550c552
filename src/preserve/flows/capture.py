"""The capture of a run: every waiting target asked, its exchanges written, its answer entered in the journal. asyncio.

One coroutine hands out targets as the frontier allows; each target is a task of its own that follows redirects hop by hop. What
the network does never ends the run: it is in the exchange. What ends it is the disk (StoreError) or a person (`stop`): then what is
under way comes to its end, nothing new is begun, and the journal stays open.

The order of a target's last steps is a promise: its records are in the WARC file, then in the journal together with its result, then
somebody is told. Those that come to their end within a few milliseconds are entered in the journal together.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from preserve.flows.frontier import Frontier
from preserve.flows.originals import KnownBodies, payloads
from preserve.flows.watching import Watcher
from preserve.formats.entity import entity
from preserve.formats.url import BadUrl, Url, join, parse
from preserve.model.run import Counts
from preserve.model.web import Capture, Exchange, Hop, Outcome, Record, Requisite, Stored, Target, Tls, TlsSummary
from preserve.ports import Clock, Fetcher, Journal, Originals, WarcStore
from preserve.rules import record, redirect, requisites
from preserve.rules.robots import Answer, Robots
from preserve.rules.verdict import judge

_ROBOTS_SIZE = 1 << 19
"""Bytes of robots.txt that count; RFC 9309 section 2.5 asks for at least 500 KiB."""
_ROBOTS_HOPS = 5
"""Redirects followed for robots.txt (RFC 9309 section 2.3.1.2)."""
_AT_ONCE = 1 << 16
"""Bytes of a body up to which it is read for requisites on the spot; larger ones are read beside the event loop."""
_TOGETHER = 0.01
"""Seconds in which targets that end are gathered for the journal: one transaction costs hardly more than one entry."""
_REMEMBERED = 1024
"""Hosts whose robots.txt is kept parsed; the journal has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the web is treated. `delay` and `total_timeout` are seconds."""

    concurrency: int = 32
    per_host: int = 2
    delay: float = 0.5
    total_timeout: float = 900.0
    robots: Robots = Robots.RECORD
    requisites: bool = True
    user_agent: str = "preserve"


class CaptureRun:
    """One go at the open targets of a run."""

    def __init__(
        self,
        *,
        journal: Journal,
        fetcher: Fetcher,
        store: WarcStore,
        clock: Clock,
        manners: Manners,
        watcher: Watcher,
        new_id: Callable[[], str],
        earlier: Originals | None = None,
    ) -> None:
        """`earlier` finds what sealed runs of the archive hold."""
        self._journal = journal
        self._fetcher = fetcher
        self._store = store
        self._clock = clock
        self._manners = manners
        self._watcher = watcher
        self._new_id = new_id
        self._counts = Counts()
        self._stored = 0
        self._ended: list[_Ended] = []
        self._bodies = KnownBodies(journal, earlier)
        self._reading = asyncio.Lock()
        self._robots_known: dict[str, asyncio.Future[Answer]] = {}
        self._circumstances: set[str] = set()
        self._problem: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        window = max(64, 4 * manners.concurrency)
        self._frontier = Frontier(journal.take, clock.monotonic, per_host=manners.per_host, delay=manners.delay, window=window)

    def stop(self) -> None:
        """Begin nothing new; what is under way is finished."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> Counts:
        """Ask every waiting target; returns how the run stands then. Raises StoreError when the archive cannot be written."""
        self._counts = self._journal.counts()
        self._watcher.begun(self._counts)
        ticker = asyncio.create_task(self._tick())
        tasks: set[asyncio.Task[None]] = set()
        try:
            await self._hand_out(tasks)
        finally:
            # Reached with tasks only when we are cancelled: then nobody may write after the store is closed.
            for task in tasks:
                task.cancel()
            ticker.cancel()
            await asyncio.gather(ticker, *tasks, return_exceptions=True)
            self._enter()
        if self._problem is None:
            self._bodies.flush()
        self._store.sync()
        self._journal.sync()
        if self._problem is not None:
            raise self._problem
        return self._counts

    async def _hand_out(self, tasks: set[asyncio.Task[None]]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (problem := task.exception()) is not None:
                self._give_up(problem)
            self._wake.set()

        limit = self._manners.concurrency
        while True:
            self._wake.clear()
            while not self._stopping and len(tasks) < limit and (target := self._frontier.poll()) is not None:
                task = asyncio.create_task(self._target(target))
                tasks.add(task)
                task.add_done_callback(ended)
            if not tasks and (self._stopping or self._frontier.exhausted):
                if not self._ended:
                    return
                self._enter()  # what ended last may need something
                continue
            soonest = self._frontier.soonest() if len(tasks) < limit and not self._stopping else None
            await self._sleep(soonest)

    async def _sleep(self, until: float | None) -> None:
        """Until something happens, or the next host may be asked."""
        if until is None:
            await self._wake.wait()
            return
        timer = asyncio.get_running_loop().call_later(max(0.0, until - self._clock.monotonic()), self._wake.set)
        await self._wake.wait()
        timer.cancel()

    async def _tick(self) -> None:
        """Once a second: what was written reaches the disk, and a person sees that we are alive."""
        while True:
            await asyncio.sleep(1)
            try:
                await asyncio.to_thread(self._store.sync)
                await asyncio.to_thread(self._journal.sync)
            except Exception as problem:  # noqa: BLE001 - whatever it is, it ends the run, through `run`
                self._give_up(problem)
                return
            self._watcher.progress(self._counts, self._stored, self._frontier.busy)

    def _give_up(self, problem: BaseException) -> None:
        self._problem = self._problem or problem
        self.stop()

    async def _target(self, target: Target) -> None:
        """Ask one target and enter what came of it.

        Its records are written in one go when nothing more will be asked, and entered in the journal in the order in which they
        were written: so the journal always knows the file up to a place, and a kill leaves nothing but a tail behind it.
        """
        slot = _Slot(self._frontier, target.host)
        trail = _Trail(target, self._clock)
        try:
            try:
                url = parse(target.address or target.url)
                if isinstance(url, BadUrl):
                    trail.end(Outcome.REFUSED if url.policy else Outcome.FAILED, url.problem)
                else:
                    await self._follow(url, trail, slot)
            finally:
                slot.release()
            needed = await self._needs(target, trail) if self._manners.requisites else ()
            stored = await self._keep(trail.exchanges)
            # A warcinfo that was written on the way belongs to its file, not to this target.
            capture = trail.capture(tuple(place for place in stored if place.type != "warcinfo"))
            self._bodies.learn(payloads(trail.exchanges, stored))
            self._ended.append(_Ended(capture, stored, needed))
            if len(self._ended) == 1:
                asyncio.get_running_loop().call_later(_TOGETHER, self._enter)
        finally:
            trail.close()

    def _enter(self) -> None:
        """Enter in the journal what was written since the last time, in the order of the file, and tell."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            added = self._journal.finish([(one.capture, one.stored, one.needed) for one in ended])
            if added:
                self._counts = replace(self._counts, requisites=self._counts.requisites + added)
                self._frontier.more()
                self._wake.set()
            self._bodies.entered()
            for one in ended:
                self._counts = self._counts.plus(one.capture)
                if one.capture.target.need is None:
                    self._watcher.ended(one.capture, self._counts)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it ends the run, through `run`
            self._give_up(problem)

    async def _follow(self, url: Url, trail: _Trail, slot: _Slot) -> None:
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

    async def _needs(self, target: Target, trail: _Trail) -> tuple[Requisite, ...]:
        """What the page or the style sheet that this target led to names; remarks on it go into the trail."""
        page, last = (target.id, trail.final) if target.need is None else (target.need.page, trail.final)
        as_ = None if last is None else requisites.kind(last, 0 if target.need is None else target.need.level)
        if last is None or as_ is None:
            return ()

        def look() -> requisites.Needed:
            return requisites.needed(last, entity(last, requisites.READ), as_)

        if last.body.size <= _AT_ONCE:
            found = look()
        else:
            async with self._reading:  # one at a time: what is read lies in memory
                found = await asyncio.to_thread(look)
        for signal in found.signals:
            trail.signal(signal)
        room = requisites.MOST - (0 if target.need is None else self._journal.requisites(page))
        if len(found.requisites) > room:
            trail.signal(f"its page has {requisites.MOST} requisites: {len(found.requisites) - room} named here are left out")
        return found.requisites[: max(0, room)]

    async def _keep(self, exchanges: Sequence[Exchange]) -> tuple[Stored, ...]:
        """Write exchanges and, the first time this run meets them, a host's name answer and certificates."""
        kept: list[Record] = []
        for exchange in exchanges:
            if (original := self._bodies.find(exchange)) is not None:
                kept += record.revisit(exchange, original, new_id=self._new_id)
            else:
                kept += record.records(exchange, new_id=self._new_id)
            if (found := exchange.resolution) is not None and self._first(f"dns:{found.host}"):
                kept.append(record.dns(found, new_id=self._new_id))
            if (tls := exchange.tls) is not None and tls.chain:
                asked = parse(exchange.url)
                if isinstance(asked, Url) and self._first(f"tls:{asked.host}"):
                    kept.append(record.certificates(asked.host, tls, at=exchange.started, new_id=self._new_id))
        stored = await self._store.append(kept) if kept else ()
        self._stored += sum(place.length for place in stored)
        return stored

    def _first(self, name: str) -> bool:
        if name in self._circumstances:
            return False
        self._circumstances.add(name)
        return True

    async def _robots(self, url: Url, slot: _Slot) -> Answer:
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
            stored = await self._keep(exchanges)
        finally:
            for exchange in exchanges:
                exchange.body.close()
        self._enter()
        self._journal.note(f"robots:{origin}", answer.dump(), stored)
        return answer


class _Ended(NamedTuple):
    """A target that came to its end: the answer, its records (a warcinfo among them), and what it needs."""

    capture: Capture
    stored: tuple[Stored, ...]
    needed: tuple[Requisite, ...]


class _Slot:
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


class _Trail:
    """What happened to one target so far."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.exchanges: list[Exchange] = []
        self.target = target
        self._clock = clock
        self._began = clock.now()
        self._signals: list[str] = []
        self._end: tuple[Outcome, str] | None = None

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def signal(self, words: str) -> None:
        if words not in self._signals:
            self._signals.append(words)

    def end(self, outcome: Outcome, reason: str) -> None:
        """It ends here for a reason that is not in the last exchange."""
        self._end = (outcome, reason)

    @property
    def final(self) -> Exchange | None:
        """The exchange at which the reader ends up; None when he ends up nowhere."""
        return self.exchanges[-1] if self.exchanges and self._end is None else None

    def close(self) -> None:
        for exchange in self.exchanges:
            exchange.body.close()

    def capture(self, stored: tuple[Stored, ...]) -> Capture:
        """The answer, `stored` being where the exchanges went. Nothing more will be asked."""
        if not self.exchanges:
            outcome, reason = self._end or (Outcome.FAILED, "it was not asked")
            return Capture(
                target=self.target,
                outcome=outcome,
                reason=reason,
                final_url=self.target.address or self.target.url,
                requested_at=self._began,
                finished_at=self._clock.now(),
                signals=tuple(self._signals),
                records=stored,
            )
        last, verdict, signals = self.exchanges[-1], None, tuple(self._signals)
        outcome, reason = self._end or (last.outcome, last.problem or last.outcome.value)
        if outcome is Outcome.CAPTURED:
            verdict, found = judge(last)
            reason, signals = "", (*found, *last.notes, *signals)
        date = last.header(b"date")
        return Capture(
            target=self.target,
            outcome=outcome,
            reason=reason,
            final_url=last.url,
            requested_at=self.exchanges[0].started,
            finished_at=last.ended,
            status=last.status,
            verdict=verdict,
            signals=signals,
            payload_sha256=last.entity_sha256 if last.status is not None else None,
            payload_size=last.entity_size,
            truncated=last.truncated,
            hops=tuple(_hop(exchange) for exchange in self.exchanges),
            records=stored,
            peer=last.peer,
            tls=None if last.tls is None else _summary(last.tls),
            http_date=None if date is None else date.decode("latin-1"),
            retries=last.retries,
        )


def _hop(exchange: Exchange) -> Hop:
    redirected = exchange.status is not None and 300 <= exchange.status < 400
    place = redirect.location(exchange) if redirected else None
    return Hop(url=exchange.url, status=exchange.status, location=place, outcome=exchange.outcome)


def _summary(tls: Tls) -> TlsSummary:
    digests = tuple(hashlib.sha256(certificate).hexdigest() for certificate in tls.chain)
    return TlsSummary(version=tls.version, cipher=tls.cipher, chain_sha256=digests, problem=tls.problem)

"""The capture of a run: every waiting target asked, its exchanges written, its answer entered in the journal. asyncio.

One coroutine hands out targets as the frontier allows; each target is a task of its own that follows redirects hop by hop. What
the network does never ends the run: it is in the exchange. What ends it is the disk (StoreError) or a person (`stop`): then what is
under way comes to its end, nothing new is begun, and the journal stays open.

The order of a target's last steps is a promise: its records are in the WARC file, then in the journal together with its result, then
somebody is told. Those that come to their end within a few milliseconds are entered in the journal together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from preserve.flows.frontier import Frontier
from preserve.flows.inquiry import Inquiry
from preserve.flows.judging import Judging
from preserve.flows.manners import Manners
from preserve.flows.originals import KnownBodies, payloads
from preserve.flows.pursuit import Pursuit, Slot
from preserve.flows.trail import Trail
from preserve.flows.watching import Company, Watcher
from preserve.formats.entity import entity
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.run import Counts
from preserve.model.web import Capture, Exchange, Outcome, Record, Requisite, Stored, Target
from preserve.ports import Clock, Fetcher, Journal, Originals, WarcStore
from preserve.rules import record, requisites

_AT_ONCE = 1 << 16
"""Bytes of a body up to which it is read for requisites on the spot; larger ones are read beside the event loop."""
_TOGETHER = 0.01
"""Seconds in which targets that end are gathered for the journal: one transaction costs hardly more than one entry."""
_LOOK_AGAIN = 0.05
"""Seconds until a process with nothing to do looks whether another one found something for it."""


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
        company: Company | None = None,
        archives: Fetcher | None = None,
    ) -> None:
        """`archives` reaches the web archives that are configured. `earlier` finds what sealed runs of the archive hold. In `company` the run goes on until it is stopped."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._manners = manners
        self._watcher = watcher
        self._new_id = new_id
        self._company = company
        self._counts = Counts()
        self._stored = 0
        self._ended: list[_Ended] = []
        self._bodies = KnownBodies(journal, earlier)
        self._reading = asyncio.Lock()
        self._circumstances: set[str] = set()
        self._problem: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        window = max(64, 4 * manners.concurrency)
        self._pursuit = Pursuit(journal=journal, fetcher=fetcher, clock=clock, manners=manners, keep=self._keep_aside)
        self._judging = Judging(
            journal=journal,
            fetcher=fetcher,
            clock=clock,
            manners=manners,
            pursuit=self._pursuit,
            keep=self._keep_probe,
            token=lambda: new_id()[-12:],
            archives=archives,
        )
        self._frontier = Frontier(
            journal.take,
            clock.monotonic,
            per_host=manners.per_host,
            delay=manners.delay,
            window=window,
            patience=manners.patience,
            wake=self._wake.set,
        )

    def stop(self) -> None:
        """Begin nothing new; what is under way is finished, and no host in trouble is waited for."""
        self._stopping = True
        self._frontier.hurry()
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

        limit, idle = self._manners.concurrency, False
        while True:
            self._wake.clear()
            while (
                not self._stopping
                and len(tasks) - self._frontier.resting < limit
                and (target := self._frontier.poll()) is not None
            ):
                task = asyncio.create_task(self._target(target))
                tasks.add(task)
                task.add_done_callback(ended)
            if not tasks and (self._stopping or self._frontier.exhausted):
                if self._ended:
                    self._enter()  # what ended last may need something
                    continue
                if self._stopping or self._company is None:
                    return
                if not idle:
                    self._company.idle()
                    idle = True
                await self._sleep(self._clock.monotonic() + _LOOK_AGAIN)
                self._frontier.more()
                continue
            if idle and self._company is not None:
                self._company.busy()
                idle = False
            full = self._stopping or len(tasks) - self._frontier.resting >= limit
            soonest = None if full else self._frontier.soonest()
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
            if self._company is not None:
                self._frontier.more()
                self._wake.set()

    def _give_up(self, problem: BaseException) -> None:
        self._problem = self._problem or problem
        self.stop()

    async def _target(self, target: Target) -> None:
        """Ask one target and enter what came of it.

        Its records are written in one go when nothing more will be asked, and entered in the journal in the order in which they
        were written: so the journal always knows the file up to a place, and a kill leaves nothing but a tail behind it.
        """
        slot = Slot(self._frontier, target.host)
        inquiry = Inquiry(target, self._clock)
        try:
            try:
                url = parse(target.address or target.url)
                if isinstance(url, BadUrl):
                    slot.unused()
                    inquiry.counts.end(Outcome.REFUSED if url.policy else Outcome.FAILED, url.problem)
                else:
                    await self._pursuit.follow(url, inquiry.counts, slot)
                if target.need is None and not inquiry.cut_short:
                    await self._judging.conclude(inquiry, slot)
            finally:
                slot.release()
            if inquiry.cut_short:
                # What came is kept and answers nobody; the journal still has the target as one that waits for --resume.
                await self._keep_aside(f"cut-short:{target.id}", "", inquiry.exchanges)
                return
            needed = await self._needs(target, inquiry.counts) if self._manners.requisites else ()
            exchanges = inquiry.exchanges
            stored = await self._keep(exchanges)
            # A warcinfo that was written on the way belongs to its file, not to this target.
            capture = inquiry.capture(tuple(place for place in stored if place.type != "warcinfo"))
            self._bodies.learn(payloads(exchanges, stored))
            self._ended.append(_Ended(capture, stored, needed))
            if len(self._ended) == 1:
                asyncio.get_running_loop().call_later(_TOGETHER, self._enter)
        finally:
            inquiry.close()

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

    async def _needs(self, target: Target, trail: Trail) -> tuple[Requisite, ...]:
        """What the page or the style sheet that this target led to names; remarks on it go into the trail."""
        page, last = (target.id, trail.final) if target.need is None else (target.need.page, trail.final)
        as_ = None if last is None else requisites.kind(last, 0 if target.need is None else target.need.level)
        if last is None or as_ is None:
            return ()

        def decoded() -> bytes:
            return entity(last, requisites.READ)

        # What is small on the wire may be large when it is unpacked.
        if last.body.size <= _AT_ONCE and len(data := decoded()) <= 4 * _AT_ONCE:
            found = requisites.needed(last, data, as_)
        else:
            async with self._reading:  # one at a time: what is read lies in memory
                found = await asyncio.to_thread(lambda: requisites.needed(last, decoded(), as_))
        for signal in found.signals:
            trail.signal(signal)
        room = requisites.MOST - (0 if target.need is None else self._journal.requisites(page))
        if len(found.requisites) > room:
            trail.signal(f"its page has {requisites.MOST} requisites: {len(found.requisites) - room} named here are left out")
        return found.requisites[: max(0, room)]

    async def _keep(self, exchanges: Sequence[Exchange], *, probes: bool = False) -> tuple[Stored, ...]:
        """Write exchanges and, the first time this run meets them, a host's name answer and certificates."""
        kept: list[Record] = []
        for exchange in exchanges:
            if probes:
                kept += record.probe(exchange, new_id=self._new_id)
            elif (original := self._bodies.find(exchange)) is not None:
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

    async def _keep_aside(self, name: str, value: str, exchanges: Sequence[Exchange]) -> None:
        """Write exchanges that belong to no target, and note what they say; the journal keeps the order of the file."""
        stored = await self._keep(exchanges)
        self._enter()
        self._journal.note(name, value, stored)

    async def _keep_probe(self, name: str, value: str, exchanges: Sequence[Exchange]) -> None:
        """The same for what a host answered to an address that was made up."""
        stored = await self._keep(exchanges, probes=True)
        self._enter()
        self._journal.note(name, value, stored)

    def _first(self, name: str) -> bool:
        if name in self._circumstances:
            return False
        self._circumstances.add(name)
        return True


class _Ended(NamedTuple):
    """A target that came to its end: the answer, its records (a warcinfo among them), and what it needs."""

    capture: Capture
    stored: tuple[Stored, ...]
    needed: tuple[Requisite, ...]

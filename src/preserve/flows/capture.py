"""The capture of a run: every waiting target asked, its exchanges written, its answer entered in the journal. asyncio.

One coroutine hands out targets as the frontier allows; each target is a task of its own that follows redirects hop by hop; one more
writes what came of them (flows.scribe), so that the next request leaves as soon as an answer is there, and not when it is kept. What
the network does never ends the run: it is in the exchange. What ends it is the disk (StoreError) or a person (`stop`): then what is
under way comes to its end, nothing new is begun, and the journal stays open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from preserve.flows.frontier import Frontier
from preserve.flows.glance import enough
from preserve.flows.inquiry import Inquiry
from preserve.flows.manners import Manners
from preserve.flows.pursuit import Pursuit
from preserve.flows.scribe import Scribe
from preserve.flows.slot import Slot
from preserve.flows.trail import Trail
from preserve.flows.watching import Company, Watcher
from preserve.flows.wishes import Wishes
from preserve.formats.entity import entity
from preserve.formats.url import BadUrl, parse
from preserve.model.run import Counts
from preserve.model.web import Capture, Outcome, Requisite, Target
from preserve.ports import Clock, Fetcher, Journal, Originals, Reader, Turnstile, WarcStore

if TYPE_CHECKING:
    from preserve.flows.judging import Judging

_AT_ONCE = 1 << 16
"""Bytes of a body up to which it is read for requisites on the spot; larger ones are read beside the event loop."""
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
        reader: Reader,
        earlier: Originals | None = None,
        company: Company | None = None,
        archives: Fetcher | None = None,
        turnstile: Turnstile | None = None,
    ) -> None:
        """`archives` reaches the web archives that are configured. `earlier` finds what sealed runs of the archive hold. In `company` the run goes on until it is stopped, and `turnstile` is shared."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._manners = manners
        self._watcher = watcher
        self._company = company
        self._counts = Counts()
        self._stored = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Lock()
        self._problem: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._scribe = Scribe(
            journal=journal,
            store=store,
            new_id=new_id,
            earlier=earlier,
            told=self._entered,
            list_unchanged=manners.list_unchanged,
        )
        window = max(64, 4 * manners.concurrency)
        wishes = Wishes(clock.monotonic, turnstile)
        self._pursuit = Pursuit(
            journal=journal, fetcher=fetcher, clock=clock, manners=manners, wishes=wishes, keep=self._scribe.aside
        )
        self._archives = archives
        self._judging: Judging | None = None

        def judging() -> Judging:
            from preserve.flows.judging import Judging  # noqa: PLC0415 - it reads pages: a list of addresses begins without

            return Judging(
                journal=journal,
                clock=clock,
                manners=manners,
                wishes=wishes,
                pursuit=self._pursuit,
                keep=partial(self._scribe.aside, probe=True),
                token=lambda: new_id()[-12:],
                reader=reader,
                archives=archives,
            )

        self._new_judging = judging
        self._frontier = Frontier(
            journal.take,
            clock.monotonic,
            per_host=manners.per_host,
            delay=manners.delay,
            window=window,
            concurrency=manners.concurrency,
            patience=manners.patience,
            wake=self._wake.set,
            turnstile=turnstile,
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
        scribe = asyncio.create_task(self._scribe.work())
        scribe.add_done_callback(self._ended)
        try:
            await self._hand_out()
        finally:
            # Reached with tasks only when we are cancelled: then nobody may write after the store is closed.
            under_way = (ticker, scribe, *self._tasks)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if self._problem is None:
            self._scribe.close()
        self._store.sync()
        self._journal.sync()
        if self._problem is not None:
            raise self._problem
        return self._counts

    async def _hand_out(self) -> None:
        limit, idle = self._manners.concurrency, False
        while True:
            self._wake.clear()
            while self._may_ask(limit) and (target := self._frontier.poll()) is not None:
                task = asyncio.create_task(self._target(target))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                task.add_done_callback(self._ended)
            if not self._tasks and self._scribe.idle and (self._stopping or self._frontier.exhausted):
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
            await self._sleep(self._frontier.soonest() if self._may_ask(limit) else None)

    def _may_ask(self, limit: int) -> bool:
        """Whether one more target may be asked: not more at once than wanted, and not more than can be read and written."""
        return (
            not self._stopping
            and not self._frontier.full
            and len(self._tasks) - self._frontier.resting < 2 * limit
            and not self._scribe.behind
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._give_up(problem)
        self._wake.set()

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
        """Ask one target, and hand over what came of it to be written when nothing more will be asked."""
        slot = Slot(self._frontier, target.host, self._clock, target)
        inquiry = Inquiry(target, self._clock)
        try:
            try:
                url = parse(target.address or target.url)
                if isinstance(url, BadUrl):
                    slot.unused()
                    inquiry.counts.end(Outcome.REFUSED if url.policy else Outcome.FAILED, url.problem)
                elif self._company is None or await slot.begin():
                    await self._pursuit.follow(url, inquiry.counts, slot)
                else:
                    inquiry.counts.cut_short = True
                if target.need is None and not inquiry.cut_short:
                    await self._conclude(inquiry, slot)
            finally:
                slot.release()
            if inquiry.cut_short:
                # What came is kept and answers nobody; the journal still has the target as one that waits for --resume.
                await self._scribe.aside(f"cut-short:{target.id}", "", inquiry.exchanges)
                inquiry.close()
                return
            needed: tuple[Requisite, ...] = ()
            if self._manners.requisites:
                await asyncio.sleep(0)  # whoever may ask now goes first
                needed = await self._needs(target, inquiry.counts)
        except BaseException:
            inquiry.close()
            raise
        self._scribe.answer(inquiry, needed)

    async def _conclude(self, inquiry: Inquiry, slot: Slot) -> None:
        """Judge the answer to what is cited or asked for; nothing more than its head where that is enough."""
        glanced = self._archives is None and not inquiry.target.cited_by
        if glanced and enough(inquiry.counts):
            return
        if self._judging is None:
            self._judging = self._new_judging()
        await self._judging.conclude(inquiry, slot, glanced=glanced)

    def _entered(self, captures: Sequence[Capture], requisites: int, size: int) -> None:
        """What was written is in the journal: count it, and tell."""
        self._stored += size
        if requisites:
            self._counts = replace(self._counts, requisites=self._counts.requisites + requisites)
            self._frontier.more()
        self._wake.set()
        for capture in captures:
            self._counts = self._counts.plus(capture)
            if capture.target.need is None:
                self._watcher.ended(capture, self._counts)

    async def _needs(self, target: Target, trail: Trail) -> tuple[Requisite, ...]:
        """What the page or the style sheet that this target led to names; remarks on it go into the trail."""
        from preserve.rules import requisites  # noqa: PLC0415 -- a run that keeps the pages alone starts faster without

        last = trail.final
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
        return found.requisites

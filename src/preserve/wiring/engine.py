"""What captures: the flow over its adapters, in one process, whether it has the run for itself or shares it."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.payloads import PayloadIndex
from preserve.adapters.reading.room import ReadingRoom
from preserve.adapters.warcfile import MAX_SIZE, WarcWriter
from preserve.adapters.web.fetcher import HttpFetcher
from preserve.adapters.web.resolver import THREADS
from preserve.flows.capture import CaptureRun
from preserve.flows.manners import Manners
from preserve.flows.watching import Company, Watcher
from preserve.model.noun import dataclass
from preserve.model.run import Counts
from preserve.model.settings import FetchSettings
from preserve.ports import Turnstile
from preserve.wiring import facts

_BETWEEN_COLLECTIONS = 50_000
"""Objects made until the collector of reference cycles looks again: a capture makes many and hardly a cycle among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All that a process needs to know to capture for the open run. Nothing of it is a secret: no key is among it."""

    archive: Path
    fetch: FetchSettings
    manners: Manners
    warc_size: int | None = None

    def run(
        self,
        journal: Journal,
        watcher: Watcher,
        attend: Callable[[CaptureRun, asyncio.Task[Counts]], None],
        *,
        earlier: PayloadIndex | None,
        company: Company | None = None,
        turnstile: Turnstile | None = None,
    ) -> Counts:
        """Capture until there is nothing left, or until the run is stopped; how the run stands then.

        `attend` is given the run and its task when they begin, so that signals and messages reach them. Raises StoreError,
        ConfigError, and asyncio.CancelledError when the task was cancelled.
        """
        gc.set_threshold(_BETWEEN_COLLECTIONS)
        if not gc.get_freeze_count():
            gc.freeze()  # what was loaded stays, and need not be looked at again; once, for a process may make many runs
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(self._run(journal, watcher, attend, earlier, company, turnstile))

    def earlier(self) -> PayloadIndex | None:
        """What the sealed runs hold; None when there are none. Raises StoreError when it cannot be known."""
        archive = Archive(self.archive)
        names = archive.run_names()
        return PayloadIndex(archive.index, archive.runs) if names else None

    async def _run(
        self,
        journal: Journal,
        watcher: Watcher,
        attend: Callable[[CaptureRun, asyncio.Task[Counts]], None],
        earlier: PayloadIndex | None,
        company: Company | None,
        turnstile: Turnstile | None,
    ) -> Counts:
        clock, archive = SystemClock(), Archive(self.archive)
        fetcher = HttpFetcher(self.fetch, clock, archive.journal)
        archives = self._archives(clock, archive.journal)
        reader = ReadingRoom()
        store = writer(archive, journal, clock, self.warc_size)
        work = CaptureRun(
            journal=journal,
            fetcher=fetcher,
            store=store,
            clock=clock,
            manners=self.manners,
            watcher=watcher,
            new_id=facts.new_id,
            reader=reader,
            earlier=earlier,
            company=company,
            archives=archives,
            turnstile=turnstile,
        )
        task = asyncio.create_task(work.run())
        attend(work, task)
        try:
            return await task
        finally:
            reader.close()  # first: a thread may wait for it
            await fetcher.aclose()
            if archives is not None:
                await archives.aclose()
            store.close()

    def _archives(self, clock: SystemClock, spool: Path) -> HttpFetcher | None:
        """What reaches the configured web archives, private places among them; apart, so that no cited page gets there that way."""
        prefixes = (*self.manners.archives, *((self.manners.save_to,) if self.manners.save_to else ()))
        if not prefixes:
            return None
        from preserve.rules import memento

        places = (memento.archive(prefix).place for prefix in prefixes)
        named = tuple((place.hostname, place.port) for place in places)
        return HttpFetcher(replace(self.fetch, named=named), clock, spool)


def writer(archive: Archive, journal: Journal, clock: SystemClock, warc_size: int | None) -> WarcWriter:
    """What writes WARC files of the open run: a new one first, whoever wrote others."""
    identity, settings = journal.identity(), journal.settings()
    assert identity is not None, "the run was begun"
    return WarcWriter(
        archive.staging(identity.name).folder,
        f"{archive.slug}-{identity.name}",
        warcinfo=lambda name: facts.warcinfo(name, identity, settings, clock),
        max_size=warc_size or MAX_SIZE,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (the extra `speed`), else asyncio's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    # Its own threads, of which half may look names up, and four would be all there are.
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(2 * THREADS))
    return new_event_loop

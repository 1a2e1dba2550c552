"""Everything that a run keeps, in one order: what came to its end is written, then entered in the journal, then told. asyncio.

Strategy. Who asks hands over what came of it and goes on asking; one task writes. It takes all that waits together: one go at the file,
one transaction for the journal, so that a host's answer never waits for the disk and hundreds of small ones cost hardly more than a
few. What waits is bounded (`behind`), so that a slow disk slows the asking down, and memory stays flat.

The order is a promise: records are in the WARC file, then in the journal together with their result, and the journal takes them in in
the order of the file. So it always knows the file up to a place, and a kill leaves nothing but a tail behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from preserve.errors import StoreError
from preserve.flows.inquiry import Inquiry
from preserve.flows.originals import KnownBodies, payloads
from preserve.formats.url import Url, parse
from preserve.model.web import Capture, Exchange, Record, Requisite, Stored
from preserve.ports import Journal, Originals, WarcStore
from preserve.rules import record

_GATHER: Final = 0.01
"""Seconds for which the first one that ends waits for others: one transaction costs hardly more than one entry."""
_PLENTY: Final = 1 << 20
"""Bytes that wait for nobody."""
_MOST_BYTES: Final = 8 << 20
"""Bytes of bodies, and of what they need, that may wait to be written, and that are written in one go."""
_NEED: Final = 256
"""Bytes that are reckoned for each requisite that waits to be entered."""
_REMEMBERED: Final = 1 << 14
"""Name answers and certificates that are remembered as written; those of a host that comes back after so many others are kept again."""
_MOST: Final = 256
"""How much else may wait, and be written in one go."""


class _Answer(NamedTuple):
    """A target that came to its end, and what it needs."""

    inquiry: Inquiry
    needed: tuple[Requisite, ...]
    exchanges: tuple[Exchange, ...]


class _Aside(NamedTuple):
    """Exchanges that belong to no target, and the note that they show."""

    name: str
    value: str
    exchanges: tuple[Exchange, ...]
    probe: bool
    written: asyncio.Future[None]


class Scribe:
    """Writes for one go at a run. Nobody else may write to its store meanwhile, or finish targets in its journal."""

    def __init__(
        self,
        *,
        journal: Journal,
        store: WarcStore,
        new_id: Callable[[], str],
        earlier: Originals | None,
        told: Callable[[Sequence[Capture], int, int], None],
        list_unchanged: bool = False,
    ) -> None:
        """`told(captures, requisites, size)`: what is in the journal now, how many requisites it added, the bytes that were written."""
        self._journal = journal
        self._store = store
        self._new_id = new_id
        self._told = told
        self._lists = list_unchanged
        self._bodies = KnownBodies(journal, earlier)
        self._circumstances: dict[str, None] = {}
        self._waiting: deque[_Answer | _Aside] = deque()
        self._bytes = 0
        self._writing = False
        self._problem: BaseException | None = None
        self._some = asyncio.Event()
        self._plenty = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Nothing waits, and nothing is being written."""
        return not self._waiting and not self._writing

    @property
    def behind(self) -> bool:
        """As much waits as may: nothing more is to be asked until some of it is written."""
        return self._bytes > _MOST_BYTES or len(self._waiting) >= _MOST

    def answer(self, inquiry: Inquiry, needed: tuple[Requisite, ...]) -> None:
        """A target came to its end and needs these, as far as its page may; the inquiry is ours, and is closed when it is written."""
        self._put(_Answer(inquiry, needed, inquiry.exchanges))

    async def aside(self, name: str, value: str, exchanges: Sequence[Exchange], *, probe: bool = False) -> None:
        """Write exchanges that belong to no target, and note `value` under `name` with them; returns when that is in the journal.

        With `probe` they are what a host answered to an address that was made up. Raises what kept them from being written.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Aside(name, value, tuple(exchanges), probe, written))
        await written

    async def work(self) -> None:
        """Write what comes until cancelled. Raises StoreError when it cannot be written; then nothing is written any more."""
        try:
            while True:
                await self._some.wait()
                if self._bytes < _PLENTY:
                    await self._gather()
                await self._write(self._batch())
        except BaseException as problem:
            self._problem = problem
            raise
        finally:
            waiting = tuple(self._waiting)
            self._waiting.clear()
            self._leave(waiting)

    def close(self) -> None:
        """Nothing comes any more: what is known of bodies reaches the journal."""
        self._bodies.flush()

    def _put(self, item: _Answer | _Aside) -> None:
        if self._problem is not None:
            self._leave((item,))
            return
        self._waiting.append(item)
        self._bytes += _size(item)
        self._some.set()
        if self._bytes >= _PLENTY or isinstance(item, _Aside):  # somebody waits for that
            self._plenty.set()

    async def _gather(self) -> None:
        timer = asyncio.get_running_loop().call_later(_GATHER, self._plenty.set)
        try:
            await self._plenty.wait()
        finally:
            timer.cancel()

    def _batch(self) -> list[_Answer | _Aside]:
        batch, size = [], 0
        while self._waiting and size < _MOST_BYTES:
            item = self._waiting.popleft()
            batch.append(item)
            size += _size(item)
        self._bytes -= size
        if not self._waiting:
            self._some.clear()
        if self._bytes < _PLENTY:
            self._plenty.clear()
        return batch

    async def _write(self, batch: Sequence[_Answer | _Aside]) -> None:
        self._writing = True
        try:
            try:
                ends, stored = await self._append(batch)
            except StoreError:
                if len(batch) == 1:
                    raise
                for item in batch:  # a disk that has no room for all of it may have some for the first of them
                    ends, stored = await self._append((item,))
                    self._enter((item,), ends, stored)
            else:
                self._enter(batch, ends, stored)
        except BaseException as problem:
            self._problem = problem
            raise
        finally:
            self._writing = False
            self._leave(batch)

    async def _append(self, batch: Sequence[_Answer | _Aside]) -> tuple[list[int], tuple[Stored, ...]]:
        """Write the records of all: for each item where its records end among them, and what the store returned."""
        records: list[Record] = []
        ends: list[int] = []
        fresh: list[str] = []
        for item in batch:
            for exchange in item.exchanges:
                records += self._records(exchange, fresh, item)
            ends.append(len(records))
        try:
            return ends, await self._store.append(records) if records else ()
        except BaseException:
            for name in fresh:
                self._circumstances.pop(name, None)
            raise
        finally:
            self._bodies.expect_no_more()

    def _enter(self, batch: Sequence[_Answer | _Aside], ends: Sequence[int], stored: tuple[Stored, ...]) -> None:
        """Into the journal, in the order of the file, all of it or nothing, and tell."""
        # A warcinfo that was written on the way belongs to its file, not to a target.
        infos = len(stored) - ends[-1]
        info = stored[:infos]
        begin = 0
        captures: list[Capture] = []
        added = 0
        with self._journal.planning():
            for item, end in zip(batch, ends, strict=True):
                own = stored[infos + begin : infos + end]
                entered, info, begin = (*info, *own), (), end
                if isinstance(item, _Answer):
                    added += self._need(item)
                    captures.append(capture := item.inquiry.capture(own))
                    self._journal.finish(capture, entered)
                    if capture.listed is None:
                        self._bodies.learn(payloads(item.exchanges, own))
                else:
                    self._journal.note(item.name, item.value, entered)
        self._bodies.entered()
        self._told(captures, added, sum(place.length for place in stored))

    def _need(self, item: _Answer) -> int:
        """Enter what it needs, as far as its page has room for it: how many are new.

        Sheets of a page may end at the same time, in several processes: only here is it known what those before them have named.
        """
        if not item.needed:
            return 0
        from preserve.rules import requisites  # noqa: PLC0415 -- a run that keeps the pages alone starts faster without

        added, left = self._journal.need(item.inquiry.target, item.needed, requisites.MOST)
        if left:
            item.inquiry.counts.signal(f"its page has {requisites.MOST} requisites: {left} named here are left out")
        return added

    def _records(self, exchange: Exchange, fresh: list[str], item: _Answer | _Aside) -> list[Record]:
        """An exchange's records and, the first time this run meets them, a host's name answer and certificates, noted in `fresh`.

        Of what is only listed there are no records; its inquiry is told.
        """
        kept: list[Record] = []
        if isinstance(item, _Aside) and item.probe:
            kept += record.probe(exchange, new_id=self._new_id)
        elif self._lists and isinstance(item, _Answer) and self._is_listed(exchange, item.inquiry):
            pass
        elif (original := self._bodies.find(exchange)) is not None:
            kept += record.revisit(exchange, original, new_id=self._new_id)
        else:
            kept += record.records(exchange, new_id=self._new_id)
            self._bodies.expect(exchange, kept)
        if (found := exchange.resolution) is not None and self._first(f"dns:{found.host}", fresh):
            kept.append(record.dns(found, new_id=self._new_id))
        if (tls := exchange.tls) is not None and tls.chain:
            asked = parse(exchange.url)
            if isinstance(asked, Url) and self._first(f"tls:{asked.host}", fresh):
                kept.append(record.certificates(asked.host, tls, at=exchange.started, new_id=self._new_id))
        return kept

    def _is_listed(self, exchange: Exchange, inquiry: Inquiry) -> bool:
        """Whether a line is enough of this answer; the inquiry is told either way, for a write that fails is tried again."""
        from preserve.rules import unchanged  # noqa: PLC0415 -- of use to few runs

        inquiry.listed = None
        if unchanged.may_be_listed(inquiry.target, exchange) and unchanged.says_nothing(inquiry.counts.capture(())):
            original = self._bodies.find_sealed(exchange)
            if original is not None and unchanged.is_the_same(exchange, original):
                inquiry.listed = original.date
        return inquiry.listed is not None

    def _first(self, name: str, fresh: list[str]) -> bool:
        if name in self._circumstances:
            return False
        if len(self._circumstances) >= _REMEMBERED:
            del self._circumstances[next(iter(self._circumstances))]
        self._circumstances[name] = None
        fresh.append(name)
        return True

    def _leave(self, items: Sequence[_Answer | _Aside]) -> None:
        """We are done with these: bodies are let go, and who waits learns how it went."""
        for item in items:
            if isinstance(item, _Answer):
                item.inquiry.close()
            elif item.written.done():
                pass  # who waited was cancelled
            elif self._problem is None:
                item.written.set_result(None)
            elif isinstance(self._problem, asyncio.CancelledError):
                item.written.cancel()
            else:
                item.written.set_exception(self._problem)


def _size(item: _Answer | _Aside) -> int:
    needed = len(item.needed) * _NEED if isinstance(item, _Answer) else 0
    return needed + sum(exchange.body.size for exchange in item.exchanges)

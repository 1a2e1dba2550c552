"""What came to its end is written in one order: into the file, then the journal, then told; and what waits is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from exchanges import NOON, exchange, ids, info
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.warcfile import WarcWriter
from preserve.errors import StoreError
from preserve.flows.inquiry import Inquiry
from preserve.flows.scribe import Scribe
from preserve.model.web import Body, Capture, Exchange, Memory, Record, Requisite, Resolution, Stored, Target

PAGE = b"<p>the same page</p>" * 100


class Watched:
    """A body that knows whether it was let go."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.closed = False
        self._data = data

    def chunks(self) -> Iterator[bytes]:
        yield self._data

    def close(self) -> None:
        self.closed = True


def with_body(body: Body) -> Exchange:
    return dataclasses.replace(exchange(b"".join(body.chunks())), body=body)


class Disk:
    """A WARC store that counts its calls, and fails or waits when it is told to."""

    def __init__(self, store: WarcWriter) -> None:
        self._store = store
        self.calls: list[int] = []
        self.problem: BaseException | None = None
        self.room = 1 << 20
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, records: Sequence[Record]) -> tuple[Stored, ...]:
        await self.open.wait()
        if self.problem is not None or len(records) > self.room:
            raise self.problem or StoreError("no space left")
        self.calls.append(len(records))
        return await self._store.append(records)

    def sync(self) -> None:
        self._store.sync()

    def close(self) -> None:
        self._store.close()


class Room:
    """A scribe with a journal and a disk of its own; `told` are the addresses it told of."""

    def __init__(self, folder: Path, name: str = "slug-000000-x", journal: Journal | None = None) -> None:
        (folder / "data").mkdir()
        self.journal = journal or Journal(folder / "journal.sqlite")
        self.disk = Disk(WarcWriter(folder, name, warcinfo=info))
        self.told: list[str] = []
        self.requisites = 0
        self.scribe = Scribe(journal=self.journal, store=self.disk, new_id=ids(), earlier=None, told=self._told)

    def _told(self, captures: Sequence[Capture], requisites: int, size: int) -> None:
        assert size > 0
        self.requisites += requisites
        written = {record.record_id for record in self.records}
        assert written.issuperset(record.record_id for capture in captures for record in capture.records)
        self.told += [capture.target.url for capture in captures]

    @property
    def records(self) -> list[Stored]:
        return list(self.journal.records("data/slug-000000-x-0001.warc.gz"))

    def inquiry(self, name: str, *exchanges: Exchange) -> Inquiry:
        url = f"http://a.example/{name}"
        number = self.journal.add_target(key=url, url=url, address=url, host="a.example")
        found = Inquiry(Target(id=number, url=url, address=url, host="a.example"), SystemClock())
        for each in exchanges or (exchange(name.encode()),):
            found.counts.add(dataclasses.replace(each, url=url))
        return found

    @staticmethod
    def answer_of(target: Target) -> Inquiry:
        """What is to be written for a target that the journal handed out."""
        found = Inquiry(target, SystemClock())
        found.counts.add(dataclasses.replace(exchange(target.url.encode()), url=target.url))
        return found

    def close(self) -> None:
        self.disk.close()
        self.journal.close()


def at_work(folder: Path, story: Callable[[Room], Awaitable[None]]) -> BaseException | None:
    """Tell a story while the scribe works; what ended the scribe before its time, None when nothing did."""

    async def play() -> BaseException | None:
        room = Room(folder)
        work = asyncio.create_task(room.scribe.work())
        try:
            await story(room)
        finally:
            ended = work.done()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, StoreError):
                await work
            room.close()
        return work.exception() if ended else None

    return asyncio.run(asyncio.wait_for(play(), 20))


async def written(room: Room) -> None:
    while not room.scribe.idle:  # noqa: ASYNC110 - it tells nobody that it is
        await asyncio.sleep(0.001)


def test_what_ends_together_is_written_together_and_in_order(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        for name in ("one", "two", "three"):
            room.scribe.answer(room.inquiry(name), ())
        assert not room.scribe.idle
        await written(room)
        assert room.told == [f"http://a.example/{name}" for name in ("one", "two", "three")]
        assert len(room.disk.calls) == 1
        found = room.records
        assert [record.index for record in found] == list(range(len(found)))
        assert found[0].type == "warcinfo"
        assert all("warcinfo" not in [record.type for record in capture.records] for capture in room.journal.captures())
        assert [capture.target.url for capture in room.journal.captures()] == room.told
        assert room.requisites == 0

    assert at_work(tmp_path, story) is None


def test_what_belongs_to_no_target_keeps_its_place_in_the_file(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("one"), ())
        aside = asyncio.create_task(room.scribe.aside("robots:http://a.example", "said", [exchange(b"robots")]))
        await asyncio.sleep(0)
        room.scribe.answer(room.inquiry("two"), ())
        await aside
        assert room.journal.noted("robots:http://a.example") == "said"
        await written(room)
        found = room.records
        assert [record.index for record in found] == list(range(len(found)))
        assert room.told == ["http://a.example/one", "http://a.example/two"]

    assert at_work(tmp_path, story) is None


def test_the_second_of_two_equal_bodies_refers_to_the_first_though_both_are_written_at_once(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        plain = exchange(PAGE)
        room.scribe.answer(room.inquiry("one", plain), ())
        room.scribe.answer(room.inquiry("two", plain), ())
        await written(room)
        assert len(room.disk.calls) == 1
        kinds = [record.type for record in room.records if record.type in {"response", "revisit"}]
        assert kinds == ["response", "revisit"]
        room.scribe.answer(room.inquiry("three", plain), ())
        await written(room)
        assert room.records[-1].type == "revisit" or room.records[-2].type == "revisit"

    assert at_work(tmp_path, story) is None


def test_an_answer_without_any_record_is_entered_too(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        url = "http://a.example/none"
        number = room.journal.add_target(key=url, url=url, address=None, host="")
        room.scribe.answer(Inquiry(Target(id=number, url=url, address="", host=""), SystemClock()), ())
        room.scribe.answer(room.inquiry("one"), ())
        await written(room)
        assert [capture.target.url for capture in room.journal.captures()] == [url, "http://a.example/one"]
        assert [record.index for record in room.records] == list(range(len(room.records)))

    assert at_work(tmp_path, story) is None


def test_bodies_are_let_go_once_they_are_written(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        body = Watched(b"a body")
        room.scribe.answer(room.inquiry("one", with_body(body)), ())
        assert not body.closed
        await written(room)
        assert body.closed

    assert at_work(tmp_path, story) is None


def test_a_slow_disk_slows_the_asking_down(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.disk.open.clear()
        big: Body = Memory(bytes(3 << 20))
        names = iter(f"page-{number}" for number in range(100))
        while not room.scribe.behind:
            room.scribe.answer(room.inquiry(next(names), with_body(big)), ())
            await asyncio.sleep(0)
        assert len(room.told) == 0
        assert next(names) < "page-6"
        room.disk.open.set()
        while room.scribe.behind:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)

    assert at_work(tmp_path, story) is None


@pytest.mark.parametrize("together", [True, False])
def test_sheets_that_end_at_the_same_time_share_the_room_of_their_page(tmp_path: Path, together: bool) -> None:
    def named(start: int, count: int) -> tuple[Requisite, ...]:
        return tuple(Requisite(address=f"http://b.example/{start + one}", host="b.example") for one in range(count))

    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("page"), named(0, 2))
        await written(room)
        for number, sheet in enumerate(room.journal.take(2), 1):
            inquiry = Inquiry(sheet, SystemClock())
            inquiry.counts.add(dataclasses.replace(exchange(b"a sheet"), url=sheet.url))
            room.scribe.answer(inquiry, named(number * 10_000, 1498))
            if not together:
                await written(room)
        await written(room)
        page, first, second = room.journal.captures()
        assert room.journal.requisites(page.target.id) == room.requisites == 2000
        assert (page.signals, first.signals) == ((), ())
        assert second.signals == ("its page has 2000 requisites: 998 named here are left out",)

    assert at_work(tmp_path, story) is None


def test_sheets_that_end_in_two_processes_share_the_room_of_their_page_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is at work between our look at what there is and our entry, as far as it is let."""
    need = tuple(Requisite(address=f"http://b.example/{one}", host="b.example") for one in range(2000))
    sheets = tuple(Requisite(address=f"http://b.example/s{one}", host="b.example") for one in range(2))
    (tmp_path / "other").mkdir()

    async def other_process(sheet: Target) -> None:
        room = Room(tmp_path / "other", "other", Journal(tmp_path / "journal.sqlite", 1))
        work = asyncio.create_task(room.scribe.work())
        room.scribe.answer(room.answer_of(sheet), need[1000:])
        await written(room)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        room.close()

    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("page"), sheets)
        await written(room)
        first, second = room.journal.take(2)
        elsewhere = threading.Thread(target=lambda: asyncio.run(other_process(second)))
        ask = room.journal.requisites

        def look(page: int) -> int:
            found = ask(page)
            if not elsewhere.ident:
                elsewhere.start()
                elsewhere.join(0.5)
                assert elsewhere.is_alive(), "it was let in between"
            return found

        monkeypatch.setattr(room.journal, "requisites", look)
        room.scribe.answer(room.answer_of(first), need[:1500])
        await written(room)
        await asyncio.to_thread(elsewhere.join)
        page, one, two = room.journal.captures()
        assert ask(page.target.id) == 2000
        assert one.signals == ()
        assert two.signals == ("its page has 2000 requisites: 2 named here are left out",)

    assert at_work(tmp_path, story) is None


def test_a_journal_that_fails_in_the_middle_has_entered_nothing_of_what_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, value: str, records: object) -> None:
        raise StoreError("no space left")

    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("one"), ())
        await written(room)
        monkeypatch.setattr(room.journal, "note", full)
        room.scribe.answer(room.inquiry("two"), ())
        with pytest.raises(StoreError, match="no space left"):
            await room.scribe.aside("note", "value", [exchange(b"aside")])
        assert [capture.target.url for capture in room.journal.captures()] == room.told == ["http://a.example/one"]
        assert len(room.journal.take(5)) == 1, "the other one waits for --resume"

    assert isinstance(at_work(tmp_path, story), StoreError)


def test_a_full_disk_enters_nothing_and_is_told_to_everybody(tmp_path: Path) -> None:
    bodies = [Watched(b"one"), Watched(b"two"), Watched(b"three")]

    async def story(room: Room) -> None:
        room.disk.problem = StoreError("no space left")
        room.scribe.answer(room.inquiry("one", with_body(bodies[0])), ())
        with pytest.raises(StoreError, match="no space left"):
            await room.scribe.aside("note", "value", [with_body(bodies[1])])
        await asyncio.sleep(0)
        assert room.scribe.idle
        # Whoever comes too late learns it at once, and nothing is kept waiting.
        room.scribe.answer(room.inquiry("three", with_body(bodies[2])), ())
        with pytest.raises(StoreError, match="no space left"):
            await room.scribe.aside("late", "value", [])
        assert (room.told, list(room.journal.captures()), room.journal.noted("note")) == ([], [], None)

    problem = at_work(tmp_path, story)
    assert isinstance(problem, StoreError)
    assert [body.closed for body in bodies] == [True, False, True]  # the second is its owner's


def test_what_a_nearly_full_disk_has_room_for_is_kept(tmp_path: Path) -> None:
    hosts = Resolution(host="a.example", addresses=("192.0.2.7",), source="dns", at=NOON)

    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("one", exchange(b"one", resolution=hosts, tls=None)), ())
        room.scribe.answer(room.inquiry("two", exchange(b"two", resolution=hosts, tls=None)), ())
        room.disk.room = 4  # both need five: two requests, two responses, what the name resolved to
        await written(room)
        assert room.told == ["http://a.example/one", "http://a.example/two"]
        # The name's answer was to be written with the first of them, and is, though the first attempt came to nothing.
        assert [record.type for record in room.records] == [
            "warcinfo",
            "request",
            "response",
            "resource",
            "request",
            "response",
        ]

    assert at_work(tmp_path, story) is None


def test_stopped_in_the_middle_it_leaves_no_half_of_a_batch(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.scribe.answer(room.inquiry("one"), ())
        await written(room)
        before = len(room.records)
        room.disk.open.clear()
        room.scribe.answer(room.inquiry("two"), ())
        waiting = asyncio.create_task(room.scribe.aside("note", "value", [exchange(b"aside")]))
        await asyncio.sleep(0.05)
        assert len(room.records) == before
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert at_work(tmp_path, story) is None
    with contextlib.closing(Journal(tmp_path / "journal.sqlite")) as journal:
        kept = list(journal.records("data/slug-000000-x-0001.warc.gz"))
        assert [capture.target.url for capture in journal.captures()] == ["http://a.example/one"]
        assert (tmp_path / "data/slug-000000-x-0001.warc.gz").stat().st_size == kept[-1].offset + kept[-1].length

"""A wish holds until its time has come, whoever was told, and is waited for where it can be."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime
from typing import cast

import pytest

from preserve.flows import wishes as room
from preserve.flows.frontier import Frontier
from preserve.flows.slot import Slot
from preserve.flows.wishes import Wishes
from preserve.model.web import Exchange, Target, Wish
from preserve.ports import Turnstile

HOST = "a.example:80"


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Told:
    """As much of an exchange as says what its host asks for."""

    def __init__(self, seconds: str, status: int = 429) -> None:
        self.status = status
        self._seconds = seconds.encode()

    def header(self, name: bytes) -> bytes | None:
        return self._seconds if name == b"retry-after" else None


def told(seconds: str, status: int = 429) -> Exchange:
    return cast(Exchange, Told(seconds, status))


class Shared:
    """What another process was told."""

    def __init__(self, wish: Wish | None = None) -> None:
        self.said = wish
        self.heeded: list[tuple[str, float]] = []

    def heed(self, host: str, seconds: float) -> None:
        self.heeded.append((host, seconds))

    def wish(self, host: str) -> Wish | None:
        return self.said


def test_the_longest_counts_until_its_time_has_come() -> None:
    now = [100.0]
    wishes = Wishes(lambda: now[0])
    assert wishes.of(HOST) is None
    wishes.heed(HOST, told("600"))
    wishes.heed(HOST, told("20"))
    wishes.heed(HOST, told("0"))
    now[0] = 200.0
    assert wishes.of(HOST) == Wish(left=500, asked=600)
    wishes.heed(HOST, told("501", 503))
    assert wishes.of(HOST) == Wish(left=501, asked=501)
    assert wishes.of("a.example:8080") is None
    now[0] = 701.0
    assert wishes.of(HOST) is None
    wishes.heed(HOST, told("9" * 30))
    assert wishes.of(HOST) == Wish(left=math.inf, asked=math.inf)


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_only_who_is_busy_asks_to_be_left_alone(status: int) -> None:
    wishes = Wishes(lambda: 0.0)
    wishes.heed(HOST, told("600", status))
    assert wishes.of(HOST) is None


def test_of_what_two_processes_were_told_the_longer_counts() -> None:
    shared = Shared(Wish(left=50, asked=60))
    wishes = Wishes(lambda: 0.0, cast(Turnstile, shared))
    assert wishes.of(HOST) == Wish(left=50, asked=60)
    wishes.heed(HOST, told("20"))
    assert (wishes.of(HOST), shared.heeded) == (Wish(left=50, asked=60), [(HOST, 20)])
    wishes.heed(HOST, told("70"))
    assert wishes.of(HOST) == Wish(left=70, asked=70)
    shared.said = None  # another host took its place there
    assert wishes.of(HOST) == Wish(left=70, asked=70)


def test_the_oldest_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST", 3)
    wishes = Wishes(lambda: 0.0)
    for host in "abcad":
        wishes.heed(host, told("600"))
    assert [host for host in "abcd" if wishes.of(host)] == ["a", "c", "d"]


def _frontier(patience: float, delay: float = 60) -> Frontier:
    targets = [Target(id=0, url="http://a/", address="http://a/", host="a")]
    return Frontier(
        lambda _: [targets.pop()] if targets else [], time.monotonic, per_host=1, delay=delay, window=9, patience=patience
    )


@pytest.mark.parametrize(("seconds", "patience"), [(3600.0, 9999.0), (100.0, 1.0)], ids=["too long", "no patience"])
def test_what_is_not_waited_for_takes_neither_a_place_nor_a_moment(seconds: float, patience: float) -> None:
    async def scene() -> None:
        frontier = _frontier(patience)
        slot = Slot(frontier, "a", Clock(), frontier.poll())
        wishes = Wishes(time.monotonic, cast(Turnstile, Shared(Wish(left=seconds, asked=seconds))))
        assert await asyncio.wait_for(wishes.in_the_way(HOST, slot), 4) == Wish(left=seconds, asked=seconds)
        assert not slot.hurried
        slot.release()
        assert frontier.busy == 0

    asyncio.run(scene())


def test_a_wish_that_grows_while_it_is_waited_for_is_waited_for_whole() -> None:
    async def scene() -> None:
        frontier = _frontier(9, delay=0)
        slot = Slot(frontier, "a", Clock(), frontier.poll())
        shared = Shared(Wish(left=0.02, asked=1))
        wishes = Wishes(time.monotonic, cast(Turnstile, shared))
        waits = asyncio.create_task(wishes.in_the_way(HOST, slot))
        await asyncio.sleep(0)
        shared.said = Wish(left=300, asked=300)
        assert await asyncio.wait_for(waits, 4) == Wish(left=300, asked=300)
        slot.release()
        assert frontier.busy == 0

    asyncio.run(scene())


def test_who_waits_when_the_run_is_to_end_waits_no_longer() -> None:
    async def scene() -> None:
        frontier = _frontier(9999)
        slot = Slot(frontier, "a", Clock(), frontier.poll())
        wishes = Wishes(time.monotonic, cast(Turnstile, Shared(Wish(left=100, asked=100))))
        waits = asyncio.create_task(wishes.in_the_way(HOST, slot))
        await asyncio.sleep(0)
        assert (waits.done(), frontier.resting) == (False, 1)
        frontier.hurry()
        assert await asyncio.wait_for(waits, 4) is not None
        assert slot.hurried
        assert (frontier.resting, frontier.busy) == (0, 0)

    asyncio.run(scene())

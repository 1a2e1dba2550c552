"""The frontier is fair, keeps to its limits, and loses nobody."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from preserve.errors import StoreError
from preserve.flows.frontier import Frontier
from preserve.flows.slot import Slot
from preserve.model.web import Target, Wish
from preserve.rules.retry import Again


class Turns:
    """A journal's `take` over a list."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.targets = [Target(id=i, url=f"http://{h}/{i}", address=f"http://{h}/{i}", host=h) for i, h in enumerate(hosts)]

    def __call__(self, limit: int) -> Sequence[Target]:
        taken, self.targets = self.targets[:limit], self.targets[limit:]
        return taken


class LoopClock:
    """The clock of the tests that wait."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Time:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_host_is_asked_by_few_at_a_time() -> None:
    frontier = Frontier(Turns("aaab"), Time(), per_host=2, delay=0, window=10)
    first = [frontier.poll() for _ in range(4)]
    assert [target.host for target in first if target] == ["a", "b", "a"]
    frontier.leave("a")
    again = frontier.poll()
    assert again is not None
    assert again.host == "a"
    assert frontier.poll() is None
    assert frontier.exhausted


def test_a_host_is_not_asked_too_often() -> None:
    time = Time()
    frontier = Frontier(Turns("aab"), time, per_host=2, delay=0.5, window=10)
    assert [t.host for t in (frontier.poll(), frontier.poll()) if t] == ["a", "b"]
    assert frontier.poll() is None
    assert frontier.soonest() == 0.5
    time.seconds = 0.5
    target = frontier.poll()
    assert target is not None
    assert target.host == "a"


def test_who_asks_nothing_keeps_nobody_waiting() -> None:
    time = Time()
    frontier = Frontier(Turns("a" * 9), time, per_host=2, delay=0.5, window=10)
    assert frontier.poll() is not None
    time.seconds = 0.5
    for _ in range(6):
        target = frontier.poll()
        assert target is not None
        assert frontier.poll() is None
        frontier.leave("a", unused_by=target)
    assert frontier.poll() is not None, "the first of the host, which was asked, is the only one to keep a distance from"
    frontier.leave("a")
    assert frontier.poll() is None
    assert frontier.soonest() == 1.0
    time.seconds = 1.0
    assert frontier.poll() is not None
    assert frontier.exhausted


def test_a_moment_is_not_given_back_once_a_later_one_is_reserved() -> None:
    async def scene() -> list[float]:
        starts = []
        asker, first, second, third = Turns("aaaa").targets
        frontier = Frontier(Turns(""), time.monotonic, per_host=3, delay=0.2, window=10)

        async def come(who: Target, after: float, *, asks: bool = True) -> None:
            await asyncio.sleep(after)
            await frontier.enter("a", by=who)
            if asks:
                starts.append(time.monotonic())
            else:
                frontier.leave("a", unused_by=who)

        await asyncio.gather(come(asker, 0), come(first, 0.02, asks=False), come(second, 0.04), come(third, 0.25))
        return starts

    starts = asyncio.run(scene())
    assert min(after - before for before, after in pairwise(starts)) > 0.1


def test_hosts_that_are_done_with_are_forgotten() -> None:
    """Also those that were left before their distance was over: a run may have a hundred thousand hosts."""
    time = Time()
    frontier = Frontier(Turns([f"h{number}" for number in range(500)]), time, per_host=2, delay=0.5, window=20)
    for _ in range(500):
        target = frontier.poll()
        assert target is not None
        frontier.leave(target.host)
        time.seconds += 0.1
    assert len(frontier._agenda._hosts) < 50


def test_hosts_that_are_given_up_are_forgotten() -> None:
    async def scene() -> int:
        names = [f"h{number}" for number in range(50)]
        frontier = Frontier(Turns(names), time.monotonic, per_host=1, delay=0, window=100)
        rests = []
        for _ in names:
            target = frontier.poll()
            assert target is not None
            rests.append(asyncio.create_task(frontier.rest(target.host, 3600, by=target)))
        await asyncio.sleep(0.01)
        frontier.hurry()
        assert not any(await asyncio.gather(*rests))
        return len(frontier._agenda._hosts)

    assert asyncio.run(scene()) == 0


def test_a_host_keeps_its_distance_until_it_is_forgotten() -> None:
    time = Time()
    frontier = Frontier(Turns("aba"), time, per_host=2, delay=0.5, window=2)
    for _ in range(2):
        target = frontier.poll()
        assert target is not None
        frontier.leave(target.host)
    assert frontier.poll() is None
    assert frontier.soonest() == 0.5
    time.seconds = 0.5
    assert frontier.poll() is not None


def test_a_small_window_still_hands_out_everything() -> None:
    frontier = Frontier(Turns("abcabcabc" * 30), Time(), per_host=1, delay=0, window=4)
    seen = []
    while not frontier.exhausted:
        target = frontier.poll()
        assert target is not None
        seen.append(target.id)
        frontier.leave(target.host)
    assert sorted(seen) == list(range(270))


def test_a_hop_gets_the_next_slot_before_the_queue() -> None:
    async def scene() -> list[str]:
        order = []
        frontier = Frontier(Turns("aaa"), Time(), per_host=1, delay=0, window=10)
        assert frontier.poll() is not None

        async def hop() -> None:
            await frontier.enter("a")
            order.append("hop")

        task = asyncio.create_task(hop())
        await asyncio.sleep(0)
        frontier.leave("a")
        assert frontier.poll() is None, "the slot was handed to the hop"
        await task
        frontier.leave("a")
        assert frontier.poll() is not None
        order.append("queue")
        return order

    assert asyncio.run(scene()) == ["hop", "queue"]


def test_a_cancelled_hop_gives_its_slot_on() -> None:
    async def scene() -> None:
        frontier = Frontier(Turns("aa"), Time(), per_host=1, delay=0, window=10)
        assert frontier.poll() is not None
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        frontier.leave("a")
        hop.cancel()
        await asyncio.gather(hop, return_exceptions=True)
        assert frontier.poll() is not None

    asyncio.run(scene())


# -- places are given back once, whatever happens ----------------------------------------------------------------------------


class Gate:
    """A turnstile that fails where it is told to, and counts who is inside."""

    def __init__(self, *, fails: str = "", room: int = 100) -> None:
        self.fails = fails
        self.room = room
        self.inside: Counter[str] = Counter()
        self.rests: dict[str, float] = {}
        self.worked: list[bool] = []
        self.others = False
        self.given_back: list[bool] = []

    def _used(self, what: str) -> None:
        if what == self.fails:
            raise StoreError("the turnstile cannot be used", "do without")

    def enter(self, host: str) -> float | None:
        self._used("enter")
        if self.inside[host] >= self.room:
            return None
        self.inside[host] += 1
        return 0.0

    def again(self, host: str) -> float:
        self._used("again")
        return 0.0

    def leave(self, host: str, *, unused: bool = False) -> None:
        self._used("leave")
        self.inside[host] -= 1
        self.given_back.append(unused)

    def work(self, now: bool) -> None:
        self._used("work")
        self.worked.append(now)

    def others_work(self) -> bool:
        self._used("others")
        return self.others

    def rest(self, host: str, seconds: float) -> None:
        self._used("rest")
        self.rests[host] = time.monotonic() + seconds

    def resting(self, host: str) -> float:
        self._used("resting")
        return max(0.0, self.rests.get(host, 0.0) - time.monotonic())

    def heed(self, host: str, seconds: float) -> None:
        raise AssertionError("what hosts ask for is no matter of the frontier")

    def wish(self, host: str) -> Wish | None:
        raise AssertionError("what hosts ask for is no matter of the frontier")


def _gated(gate: Gate, hosts: str = "", *, per_host: int = 1, concurrency: int = 1, delay: float = 0) -> Frontier:
    return Frontier(
        Turns(hosts),
        time.monotonic,
        per_host=per_host,
        delay=delay,
        window=10,
        concurrency=concurrency,
        patience=5,
        turnstile=gate,
    )


@pytest.mark.parametrize("fails", ["enter", "leave"])
def test_a_turnstile_that_fails_keeps_nobody_waiting_for_a_place(fails: str) -> None:
    async def scene() -> None:
        gate = Gate(fails=fails)
        frontier = _gated(gate, "c")
        assert frontier.poll() is not None
        waiting = [asyncio.create_task(frontier.enter(host)) for host in "ab"]
        await asyncio.sleep(0)
        if fails == "leave":
            with pytest.raises(StoreError):
                frontier.leave("c")
        else:
            frontier.leave("c")
        await asyncio.sleep(0.02)
        gate.fails = ""
        if fails == "leave":
            frontier.leave("a")
        first, second = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 4)
        assert (first is True) == (fails == "leave")
        assert second is True or isinstance(second, StoreError)
        if second is True:
            frontier.leave("b")
        assert (frontier.full, frontier.busy) == (False, 0)

    asyncio.run(scene())


def test_a_turnstile_that_fails_while_a_host_rests_leaves_no_rest() -> None:
    async def scene() -> None:
        frontier = _gated(Gate(fails="leave"), "aa")
        assert frontier.poll() is not None
        with pytest.raises(StoreError):
            await frontier.rest("a", 30)
        assert (frontier.resting, frontier.full, frontier.busy) == (0, False, 0)

    asyncio.run(scene())


def test_a_slot_that_fails_to_be_released_is_released_all_the_same() -> None:
    async def scene() -> None:
        frontier = _gated(Gate(fails="leave"), "a")
        assert frontier.poll() is not None
        slot = Slot(frontier, "a", LoopClock())
        assert await slot.begin()
        with pytest.raises(StoreError):
            slot.release()
        slot.release()
        assert (frontier.full, frontier.busy) == (False, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["cancelled", "fails"])
@pytest.mark.parametrize("delay", [0, 30])
def test_who_is_kept_from_asking_again_gives_the_place_back_once(how: str, delay: float) -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "a", per_host=2, concurrency=2, delay=delay)
        assert frontier.poll() is not None
        slot = Slot(frontier, "a", LoopClock())
        assert await slot.begin()
        gate.inside["a"] += 1  # somebody else's

        async def ask_again() -> None:
            try:
                await slot.again()
            finally:
                slot.release()

        if how == "fails":
            gate.fails = "again"
        task = asyncio.create_task(ask_again())
        await asyncio.sleep(0)
        if how == "cancelled" or delay:
            task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError if how == "cancelled" or delay else StoreError)
        assert (frontier.busy, gate.inside["a"]) == (0, 1)

    asyncio.run(scene())


async def _cancelled(task: asyncio.Task[bool]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_who_did_not_get_through_the_turnstile_takes_nobody_out_of_it() -> None:
    """One of this process is inside; others of it wait before it, were handed out or come back from a rest, and end there."""

    async def scene() -> None:
        gate = Gate(room=1)
        frontier = _gated(gate, "aaaaa", per_host=4, concurrency=4)
        inside, before, bad, resting = (Slot(frontier, "a", LoopClock()) for _ in range(4))
        assert all(frontier.poll() is not None for _ in range(4))
        assert await inside.begin()
        waiting = asyncio.create_task(before.begin())
        await asyncio.sleep(0)
        await _cancelled(waiting)
        assert gate.inside["a"] == 1
        before.release()
        bad.unused()
        bad.release()  # its address could not be read
        assert gate.inside["a"] == 1
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        await _cancelled(hop)
        assert gate.inside["a"] == 1
        waiting = asyncio.create_task(resting.begin())
        await asyncio.sleep(0)
        frontier.hurry()
        assert await asyncio.wait_for(waiting, 4) is False, "it is asked when the run is resumed"
        assert (frontier.busy, gate.inside["a"]) == (1, 1)
        inside.release()
        assert (frontier.busy, gate.inside["a"]) == (0, 0)

    asyncio.run(scene())


def test_who_comes_back_from_a_rest_and_is_cancelled_was_not_inside() -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "ab", concurrency=2)
        first, second = Slot(frontier, "a", LoopClock()), Slot(frontier, "b", LoopClock())
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        assert await first.begin()
        assert await second.begin()
        rest = asyncio.create_task(frontier.rest("a", 0.01))
        await asyncio.sleep(0)
        assert await frontier.enter("c")
        gate.inside["a"] += 1  # another process's
        await asyncio.sleep(0.05)
        assert not rest.done(), "the run has no place for it"
        await _cancelled(rest)
        assert gate.inside == {"a": 1, "b": 1, "c": 1}
        second.release()
        frontier.leave("c")
        assert frontier.busy == 0

    asyncio.run(scene())


def test_who_is_cancelled_while_its_moment_comes_leaves_the_turnstile() -> None:
    class Late(Gate):
        def enter(self, host: str) -> float | None:
            return None if super().enter(host) is None else 30.0

    async def scene() -> None:
        gate = Late()
        frontier = _gated(gate, "a")
        slot = Slot(frontier, "a", LoopClock())
        assert frontier.poll() is not None
        waiting = asyncio.create_task(slot.begin())
        await asyncio.sleep(0)
        assert gate.inside["a"] == 1
        await _cancelled(waiting)
        assert (frontier.busy, gate.inside["a"]) == (0, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("fails", ["rest", "resting"])
def test_a_turnstile_that_cannot_tell_of_rests_keeps_no_place(fails: str) -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "a")
        slot = Slot(frontier, "a", LoopClock())
        assert frontier.poll() is not None
        if fails == "rest":
            assert await slot.begin()
        gate.fails = fails
        with pytest.raises(StoreError):
            await (frontier.rest("a", 1) if fails == "rest" else slot.begin())
        assert (frontier.busy, gate.inside["a"]) == (0, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("fails", ["work", "others"])
def test_a_turnstile_that_cannot_tell_who_works_ends_a_rest_and_keeps_no_place(fails: str) -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "ab", concurrency=2)
        first, second = Slot(frontier, "a", LoopClock()), Slot(frontier, "b", LoopClock())
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        assert await first.begin()
        assert await second.begin()
        rest = asyncio.create_task(first.rest(Again(seconds=0.02)))
        await asyncio.sleep(0)
        hop = asyncio.create_task(frontier.enter("a"))
        gate.others = True
        second.release()
        assert frontier.poll() is None  # there is nothing more to do
        await asyncio.sleep(0)
        gate.fails = fails
        if fails == "work":
            frontier.more()
        with pytest.raises(StoreError):
            await asyncio.wait_for(rest, 4)
        gate.fails = ""
        assert await asyncio.wait_for(hop, 4)
        frontier.leave("a")
        assert (frontier.resting, frontier.busy, gate.inside.total()) == (0, 0, 0)

    asyncio.run(scene())


def test_who_fails_while_it_queues_up_is_given_no_place() -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "a")
        slot = Slot(frontier, "a", LoopClock())
        assert frontier.poll() is not None
        assert await slot.begin()
        rest = asyncio.create_task(slot.rest(Again(seconds=0.02)))
        await asyncio.sleep(0)
        gate.others = True
        assert frontier.poll() is None
        gate.fails = "others"
        with pytest.raises(StoreError):
            await frontier.enter("a")
        gate.fails = ""
        assert await asyncio.wait_for(rest, 4)
        slot.release()
        assert (frontier.resting, frontier.busy, gate.inside.total()) == (0, 0, 0)

    asyncio.run(scene())


def test_what_another_process_was_told_is_waited_for() -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "aa", per_host=2, concurrency=2)
        slot = Slot(frontier, "a", LoopClock())
        assert frontier.poll() is not None
        began = time.monotonic()
        gate.rest("a", 0.15)
        waiting = asyncio.create_task(slot.begin())
        await asyncio.sleep(0.01)
        assert (gate.inside["a"], frontier.busy, frontier.poll()) == (0, 1, None)
        gate.rest("a", 0.25)  # told anew
        assert await asyncio.wait_for(waiting, 4)
        assert time.monotonic() - began >= 0.25
        assert gate.inside["a"] == 1
        slot.release()
        assert (frontier.busy, gate.inside["a"]) == (0, 0)

    asyncio.run(scene())


def test_what_another_process_was_told_is_waited_for_as_long_as_there_is_patience() -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "ab", per_host=2, concurrency=2)
        slot, other = Slot(frontier, "a", LoopClock()), Slot(frontier, "b", LoopClock())
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        gate.rest("a", 60)
        waiting = asyncio.create_task(slot.begin())
        await asyncio.sleep(0.02)
        assert not waiting.done(), "there is something else to do"
        other.release()
        assert frontier.poll() is None
        assert await asyncio.wait_for(waiting, 4), "as in one process, whose patience is over"
        gate.rest("a", 60)
        rest = asyncio.create_task(slot.again())
        await asyncio.sleep(0)
        frontier.hurry()
        assert await asyncio.wait_for(rest, 4) is False
        assert (frontier.busy, gate.inside["a"]) == (0, 0)

    asyncio.run(scene())


def test_who_cannot_wait_with_a_host_that_others_leave_alone_gets_there_and_leaves() -> None:
    """Whether it asks there all the same is for others to say: it may be the host itself that wants to be left alone (flows.wishes)."""

    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "b")
        slot = Slot(frontier, "b", LoopClock(), frontier.poll())
        assert await slot.begin()
        gate.rest("a", 60)
        assert await asyncio.wait_for(slot.move("a"), 4), "there is no patience for so long"
        assert (frontier.busy, gate.inside["a"]) == (1, 1)
        slot.release()
        assert (frontier.busy, gate.inside.total()) == (0, 0)

    asyncio.run(scene())


def test_a_process_with_nothing_else_to_do_is_patient_while_another_one_works() -> None:
    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, "a")
        slot = Slot(frontier, "a", LoopClock())
        assert frontier.poll() is not None
        assert gate.worked == [True]
        assert await slot.begin()
        gate.others = True
        rest = asyncio.create_task(slot.rest(Again(seconds=60)))
        last = asyncio.create_task(frontier.rest("b", 0.01, later=True)) if await frontier.enter("b") else None
        assert last is not None
        await asyncio.sleep(0.03)
        assert frontier.poll() is None
        assert gate.worked == [True, False]
        assert not rest.done()
        assert not last.done()
        gate.others = False
        assert frontier.poll() is None
        assert await asyncio.wait_for(rest, 4) is False
        assert await asyncio.wait_for(last, 4) is True
        frontier.leave("b")
        assert frontier.poll() is None
        assert gate.worked == [True, False, True, False]

    asyncio.run(scene())


def test_the_turnstile_is_given_a_moment_back_by_one_who_is_alone() -> None:
    """It does not know in which order those of one process went through."""

    async def scene() -> None:
        gate = Gate()
        frontier = _gated(gate, per_host=2, concurrency=4)
        first, second = Turns("aa").targets
        await frontier.enter("a", by=first)
        await frontier.enter("a", by=second)
        frontier.leave("a", unused_by=second)
        frontier.leave("a", unused_by=first)
        await frontier.enter("a", by=first)
        frontier.leave("a", unused_by=first)
        assert gate.given_back == [False, False, True]

    asyncio.run(scene())


def test_who_waits_for_anothers_answer_counts_as_waiting() -> None:
    async def scene() -> None:
        woken = asyncio.Event()
        frontier = Frontier(Turns("a"), time.monotonic, per_host=1, delay=0, window=10, wake=woken.set)
        assert frontier.poll() is not None
        slot = Slot(frontier, "a", LoopClock())
        slot.release()
        woken.clear()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(slot.wait_for(answer))
        await asyncio.sleep(0)
        assert (frontier.resting, woken.is_set()) == (1, True)
        answer.set_result(7)
        assert (await waiting, frontier.resting) == (7, 0)

    asyncio.run(scene())


# -- hosts in trouble ------------------------------------------------------------------------------------------------------


def _frontier(hosts: str, *, per_host: int = 2, patience: float = 5.0) -> Frontier:
    return Frontier(Turns(hosts), time.monotonic, per_host=per_host, delay=0, window=20, patience=patience)


def _drain(frontier: Frontier) -> list[str]:
    """Everything that may be asked now, asked and answered."""
    seen = []
    while (target := frontier.poll()) is not None:
        seen.append(target.host)
        frontier.leave(target.host)
    return seen


def test_a_host_at_rest_is_left_alone_while_others_go_on() -> None:
    async def scene() -> None:
        frontier = _frontier("aabb", per_host=1)
        assert frontier.poll() is not None
        began = time.monotonic()
        rest = asyncio.create_task(frontier.rest("a", 0.2))
        await asyncio.sleep(0)
        assert frontier.resting == 1
        assert _drain(frontier) == ["b", "b"]
        assert await rest is True
        assert time.monotonic() - began >= 0.19
        assert _drain(frontier) == [], "one finds out whether it is over, the queue waits"
        frontier.leave("a")
        assert _drain(frontier) == ["a"]

    asyncio.run(scene())


def test_who_waited_for_the_distance_leaves_a_host_alone_that_was_in_trouble_meanwhile() -> None:
    async def scene() -> None:
        frontier = Frontier(Turns("ab"), time.monotonic, per_host=2, delay=0.05, window=9, patience=9)
        assert frontier.poll() is not None
        assert frontier.poll() is not None, "there is something else to do"
        began = time.monotonic()
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        rest = asyncio.create_task(frontier.rest("a", 0.2))
        await asyncio.wait_for(hop, 4)
        assert time.monotonic() - began >= 0.2
        assert await asyncio.wait_for(rest, 4)

    asyncio.run(scene())


def test_a_short_rest_is_no_shorter_than_a_long_one_of_the_same_host() -> None:
    async def scene() -> None:
        frontier = _frontier("aab")
        for _ in range(3):
            assert frontier.poll() is not None
        began = time.monotonic()
        rests = [asyncio.create_task(frontier.rest("a", seconds)) for seconds in (0.02, 0.2)]
        for rest in rests:
            assert await asyncio.wait_for(rest, 4)
            assert time.monotonic() - began >= 0.19

    asyncio.run(scene())


def test_who_asks_again_at_once_leaves_a_host_alone_that_is_in_trouble() -> None:
    async def scene() -> None:
        frontier = _frontier("aab")
        for _ in range(3):
            assert frontier.poll() is not None
        began = time.monotonic()
        rest = asyncio.create_task(frontier.rest("a", 0.1))
        await asyncio.sleep(0)
        assert await asyncio.wait_for(frontier.again("a"), 4)
        assert time.monotonic() - began >= 0.09
        assert await rest
        frontier.leave("a")
        frontier.leave("a")
        frontier.leave("b")
        assert frontier.busy == 0

    asyncio.run(scene())


def test_in_a_hurry_nobody_waits_for_a_distance() -> None:
    async def scene() -> None:
        frontier = Frontier(Turns("ab"), time.monotonic, per_host=3, delay=60, window=9, patience=9)
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        hop = asyncio.create_task(frontier.enter("a"))
        again = asyncio.create_task(frontier.again("b"))
        await asyncio.sleep(0)
        frontier.hurry()
        assert await asyncio.wait_for(hop, 4) is False
        assert await asyncio.wait_for(again, 4) is False
        assert await asyncio.wait_for(frontier.enter("a"), 4) is False
        assert await asyncio.wait_for(frontier.enter("c"), 4) is True, "where there is no distance to keep nobody waits"
        frontier.leave("c")
        frontier.leave("a")
        assert frontier.busy == 0

    asyncio.run(scene())


def test_a_host_in_trouble_is_asked_by_one_until_it_answers() -> None:
    async def scene() -> None:
        frontier = _frontier("aaa")
        assert frontier.poll() is not None
        assert await frontier.rest("a", 0.01)
        assert frontier.poll() is None
        frontier.well("a")
        assert frontier.poll() is not None
        assert frontier.poll() is None, "two at a time"

    asyncio.run(scene())


def test_the_last_try_waits_until_the_others_are_done() -> None:
    async def scene() -> None:
        frontier = _frontier("ab")
        first, other = frontier.poll(), frontier.poll()
        assert first is not None
        assert other is not None
        rest = asyncio.create_task(frontier.rest("a", 0.02, later=True))
        await asyncio.sleep(0.15)
        assert not rest.done()
        frontier.leave("b")
        assert frontier.poll() is None
        assert await asyncio.wait_for(rest, 4) is True

    asyncio.run(scene())


def test_what_the_run_waits_for_alone_is_bounded() -> None:
    async def scene() -> None:
        frontier = _frontier("ab", patience=0.25)
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        began = time.monotonic()
        long, short = asyncio.create_task(frontier.rest("a", 60)), asyncio.create_task(frontier.rest("b", 0.1))
        assert await asyncio.wait_for(long, 4) is False, "it asks for more than there is"
        assert await short is True
        frontier.leave("b")
        assert frontier.poll() is None
        await frontier.enter("b")
        assert await asyncio.wait_for(frontier.rest("b", 0.2), 4) is False, "a tenth of a second is used up"
        assert 0.09 < time.monotonic() - began < 0.25

    asyncio.run(scene())


def test_waiting_beside_other_work_costs_no_patience() -> None:
    async def scene() -> None:
        frontier = _frontier("ab", patience=0.1)
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        assert await asyncio.wait_for(frontier.rest("a", 0.2), 4) is True

    asyncio.run(scene())


def test_who_is_led_to_a_host_at_rest_waits_with_it_and_counts_as_waiting() -> None:
    async def scene() -> None:
        frontier = _frontier("ab", per_host=1)
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        rest = asyncio.create_task(frontier.rest("a", 0.05, later=True))
        await asyncio.sleep(0)
        frontier.leave("b")
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        assert frontier.resting == 2
        assert frontier.poll() is None
        assert await asyncio.wait_for(rest, 4) is True
        assert frontier.resting == 1
        assert not hop.done(), "the one that rested goes first"
        frontier.leave("a")
        await asyncio.wait_for(hop, 4)

    asyncio.run(scene())


def test_targets_of_hosts_at_rest_do_not_fill_the_window() -> None:
    async def scene() -> None:
        frontier = Frontier(Turns("a" * 40 + "b" * 40), time.monotonic, per_host=1, delay=0, window=8, patience=1)
        assert frontier.poll() is not None
        rest = asyncio.create_task(frontier.rest("a", 30))
        await asyncio.sleep(0)
        assert _drain(frontier) == ["b"] * 40
        assert await asyncio.wait_for(rest, 4) is False
        assert _drain(frontier) == ["a"] * 39

    asyncio.run(scene())


def test_nothing_of_a_host_is_handed_out_while_something_is_sought_there() -> None:
    async def scene() -> None:
        frontier = _frontier("aab", per_host=2)
        assert frontier.poll() is not None
        with frontier.sought("a"), frontier.sought("a"):
            assert _drain(frontier) == ["b"]
            await asyncio.wait_for(frontier.enter("a"), 4)
            frontier.leave("a")
        assert _drain(frontier) == ["a"]

    asyncio.run(scene())


def test_no_more_are_handed_out_or_let_in_than_the_run_may_ask() -> None:
    async def scene() -> None:
        frontier = Frontier(Turns("abcd"), time.monotonic, per_host=1, delay=0, window=20, concurrency=2, patience=1)
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        assert frontier.full
        assert frontier.poll() is None
        hop = asyncio.create_task(frontier.enter("e"))
        rest = asyncio.create_task(frontier.rest("a", 0.01))
        await asyncio.wait_for(hop, 4)
        await asyncio.sleep(0.05)
        assert not rest.done(), "it comes back when there is a place"
        assert frontier.poll() is None
        frontier.leave("e")
        assert await asyncio.wait_for(rest, 4)
        assert frontier.full

    asyncio.run(scene())


def test_in_a_hurry_nobody_queues_up() -> None:
    async def scene() -> None:
        frontier = _frontier("a", per_host=1)
        assert frontier.poll() is not None
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        frontier.hurry()
        assert await asyncio.wait_for(hop, 4) is False
        assert await frontier.enter("a") is False
        assert await frontier.enter("b") is True, "where there is no queue nobody waits"
        frontier.leave("b")
        frontier.leave("a")
        assert (frontier.resting, frontier.busy) == (0, 0)

    asyncio.run(scene())


def test_in_a_hurry_nobody_is_waited_for() -> None:
    async def scene() -> None:
        frontier = _frontier("aa")
        assert frontier.poll() is not None
        assert frontier.poll() is not None
        rest = asyncio.create_task(frontier.rest("a", 30))
        await asyncio.sleep(0)
        frontier.hurry()
        assert await asyncio.wait_for(rest, 4) is False
        assert await frontier.rest("a", 30) is False

    asyncio.run(scene())


def test_who_is_cancelled_at_rest_lets_the_others_in() -> None:
    async def scene() -> None:
        frontier = _frontier("ab", per_host=1)
        assert frontier.poll() is not None
        rest = asyncio.create_task(frontier.rest("a", 30))
        await asyncio.sleep(0)
        hop = asyncio.create_task(frontier.enter("a"))
        await asyncio.sleep(0)
        rest.cancel()
        await asyncio.gather(rest, return_exceptions=True)
        await asyncio.wait_for(hop, 4)
        assert frontier.resting == 0

    asyncio.run(scene())


class Crowd(Gate):
    """A turnstile with room for few, where other processes come and go, and are told to leave hosts alone; moments are waited for."""

    def __init__(self, chance: random.Random, room: int) -> None:
        super().__init__(room=room)
        self._chance = chance
        self.most: Counter[str] = Counter()

    def enter(self, host: str) -> float | None:
        if self._chance.random() < 0.3:
            return None
        if self._chance.random() < 0.1:
            self.rest(host, self._chance.random() / 100)
        if super().enter(host) is None:
            return None
        self.most[host] = max(self.most[host], self.inside[host])
        return self._chance.choice([0.0, self._chance.random() / 500])

    def leave(self, host: str, *, unused: bool = False) -> None:
        super().leave(host, unused=unused)
        assert self.inside[host] >= 0


async def _ask_around(frontier: Frontier, target: Target, gate: Crowd, chance: random.Random, asking: Counter[str]) -> None:
    """One target's requests, here and there, and what may come of them."""
    host = target.host
    slot = Slot(frontier, host, LoopClock(), target)
    try:
        if chance.random() < 0.1:
            slot.unused()  # nothing is asked of it: its address cannot be read
            return
        goes_on, left = await slot.begin(), chance.randint(1, 4)
        while goes_on and left:
            assert gate.resting(host) == 0
            assert asking[host] < gate.room, "as many as may be inside"
            asking[host] += 1
            try:
                await asyncio.sleep(0)
            finally:
                asking[host] -= 1
            left -= 1
            match chance.choice(["rest", "again", "move", "move", "well"]):
                case "rest":
                    goes_on = await slot.rest(Again(seconds=chance.random() / 200, later=chance.random() < 0.5))
                case "again":
                    goes_on = await slot.again()
                case "move":
                    host = chance.choice("abcd")
                    goes_on = await slot.move(host)
                case _:
                    slot.well()
                    goes_on = await slot.again()
    finally:
        slot.release()


@pytest.mark.parametrize("end", ["", "hurried", "cancelled"], ids=["all asked", "hurried", "cancelled"])
@pytest.mark.parametrize("seed", range(4))
def test_who_shares_hosts_with_other_processes_leaves_nothing_behind(seed: int, end: str) -> None:
    """Whatever happens, and whenever it ends: nobody asks without a place, at a host at rest, or stays in the turnstile."""
    chance = random.Random(f"{seed} {end}")
    gate = Crowd(chance, chance.randint(1, 2))
    asking: Counter[str] = Counter()
    awake = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()
    problems: list[BaseException] = []

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            problems.append(problem)
        awake.set()

    async def scene() -> None:
        frontier = Frontier(
            Turns("".join(chance.choices("abcd", k=40))),
            time.monotonic,
            per_host=chance.randint(1, 3),
            delay=chance.choice([0, 0.001]),
            window=8,
            concurrency=chance.randint(1, 6),
            patience=100,
            wake=awake.set,
            turnstile=gate,
        )
        last, begun = chance.randint(5, 40) if end else 1000, 0
        while tasks or not (frontier.exhausted or begun >= last):
            awake.clear()
            while begun < last and (target := frontier.poll()) is not None:
                task = asyncio.create_task(_ask_around(frontier, target, gate, chance, asking))
                tasks.add(task)
                task.add_done_callback(done)
                begun += 1
            if begun >= last:
                await asyncio.sleep(chance.random() / 100)
                frontier.hurry()
                for task in tasks if end == "cancelled" else ():
                    task.cancel()
            timer = asyncio.get_running_loop().call_later(0.005, awake.set)
            if tasks:
                await awake.wait()
            timer.cancel()
        assert not problems
        assert (frontier.resting, frontier.busy, gate.inside.total()) == (0, 0, 0)
        assert end or begun == 40

    asyncio.run(asyncio.wait_for(scene(), 20))


@pytest.mark.parametrize("seed", range(12))
def test_nobody_is_forgotten_whatever_happens(seed: int) -> None:
    """Targets that rest, are led elsewhere, seek something for others and answer, at random, within the bounds: all come to their end."""
    chance = random.Random(seed)
    per_host, limit = chance.randint(1, 3), chance.randint(1, 6)
    ended: list[int] = []
    asking: Counter[str] = Counter()

    async def ask(frontier: Frontier, target: Target) -> None:
        host = target.host
        for _ in range(chance.randint(1, 4)):
            asking[host] += 1
            assert asking[host] <= per_host
            assert asking.total() <= limit
            await asyncio.sleep(0)
            asking[host] -= 1
            what = chance.random()
            if what < 0.15:
                with frontier.sought(host):
                    frontier.leave(host, unused_by=target)
                    elsewhere = chance.choice("abcdef")
                    assert await frontier.enter(elsewhere)
                    frontier.leave(elsewhere)
                await frontier.enter(host)
            elif what < 0.3:
                if not await frontier.rest(host, chance.random() / 200, later=chance.random() < 0.5):
                    break
            elif what < 0.6:
                frontier.leave(host)
                host = chance.choice("abcdef")
                await frontier.enter(host)
            else:
                frontier.well(host)
        else:
            frontier.leave(host)
        ended.append(target.id)

    async def scene() -> None:
        awake = asyncio.Event()
        frontier = Frontier(
            Turns("".join(chance.choices("abcdef", k=150))),
            time.monotonic,
            per_host=per_host,
            delay=0,
            window=8,
            concurrency=limit,
            patience=0.05,
            wake=awake.set,
        )
        tasks: set[asyncio.Task[None]] = set()

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            awake.set()

        while not frontier.exhausted or tasks:
            awake.clear()
            while (target := frontier.poll()) is not None:
                task = asyncio.create_task(ask(frontier, target))
                tasks.add(task)
                task.add_done_callback(ended)
            if tasks:
                await awake.wait()  # and nothing else: whoever makes room has to say so
        assert (frontier.resting, frontier.busy) == (0, 0)

    asyncio.run(asyncio.wait_for(scene(), 20))
    assert sorted(ended) == list(range(150))

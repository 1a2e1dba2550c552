"""The frontier is fair, keeps to its limits, and loses nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from preserve.flows.frontier import Frontier
from preserve.model.web import Target


class Turns:
    """A journal's `take` over a list."""

    def __init__(self, hosts: str) -> None:
        self.targets = [Target(id=i, url=f"http://{h}/{i}", address=f"http://{h}/{i}", host=h) for i, h in enumerate(hosts)]

    def __call__(self, limit: int) -> Sequence[Target]:
        taken, self.targets = self.targets[:limit], self.targets[limit:]
        return taken


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

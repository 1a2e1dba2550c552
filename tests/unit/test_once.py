"""Asked once, known to all; and what is at hand is bounded by its weight, whoever is still asking."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from preserve.flows.once import Once


def test_one_asks_and_the_others_wait_for_the_same_answer() -> None:
    async def scene() -> None:
        once: Once[str] = Once(8)
        asked, go_on = 0, asyncio.Event()

        async def ask() -> str:
            nonlocal asked
            asked += 1
            await go_on.wait()
            return "said"

        first = asyncio.create_task(once.ask("a", ask))
        await asyncio.sleep(0)
        waiting = once.known("a")
        assert waiting is not None
        assert not waiting.done()
        waiting.cancel()  # who gives up takes the answer from nobody
        go_on.set()
        assert await first == "said"
        known = once.known("a")
        assert known is not None
        assert known.done()
        assert (await known, asked) == ("said", 1)

    asyncio.run(scene())


def test_the_oldest_that_are_answered_make_room_for_what_weighs() -> None:
    async def scene() -> None:
        once: Once[int] = Once(10, lambda answer: answer)

        async def say(answer: int) -> int:
            await asyncio.sleep(0)
            return answer

        pending = asyncio.get_running_loop().create_future()
        slow = asyncio.create_task(once.ask("slow", lambda: pending))
        await asyncio.sleep(0)
        for name, weight in {"a": 4, "b": 4, "c": 1}.items():
            await once.ask(name, partial(say, weight))
        assert all(once.known(name) is not None for name in "abc")
        await once.ask("d", partial(say, 5))
        assert [name for name in ("a", "b", "c", "d", "slow") if once.known(name) is not None] == ["b", "c", "d", "slow"]
        pending.set_result(1)
        await slow

    asyncio.run(scene())


def test_what_fails_is_told_to_all_and_asked_anew() -> None:
    async def scene() -> None:
        once: Once[str] = Once(8)
        fail = asyncio.Event()

        async def ask() -> str:
            await fail.wait()
            raise OSError("no")

        first = asyncio.create_task(once.ask("a", ask))
        await asyncio.sleep(0)
        waiting = once.known("a")
        assert waiting is not None
        fail.set()
        for each in (first, waiting):
            with pytest.raises(OSError, match="no"):
                await each
        assert once.known("a") is None

    asyncio.run(scene())

"""What the journal has of a host's robots.txt is read once, not for every address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from preserve.flows.frontier import Frontier
from preserve.flows.manners import Manners
from preserve.flows.pursuit import Pursuit
from preserve.flows.slot import Slot
from preserve.flows.wishes import Wishes
from preserve.formats.url import Url, parse
from preserve.model.web import Exchange, Target
from preserve.ports import Fetcher, Journal
from preserve.rules.robots import Answer, Robots


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Notes:
    """Of the journal what was kept of one host, and how often somebody looked."""

    def __init__(self, text: str) -> None:
        self.looked = 0
        self._kept = Answer(200, text).dump()

    def noted(self, name: str) -> str | None:
        self.looked += 1
        return self._kept if name == "robots:https://a.example:443" else None


async def _nothing(name: str, value: str, exchanges: Sequence[Exchange]) -> None:
    raise AssertionError("nothing is asked")


def test_what_is_kept_of_a_robots_txt_is_read_once() -> None:
    async def scene() -> None:
        notes = Notes("User-agent: *\nDisallow: /private\n" + "# much more\n" * 10_000)
        pursuit = Pursuit(
            journal=cast(Journal, notes),
            fetcher=cast(Fetcher, None),
            clock=Clock(),
            manners=Manners(robots=Robots.OBEY),
            wishes=Wishes(time.monotonic),
            keep=_nothing,
        )
        targets = [Target(id=number, url=f"a{number}", address=f"a{number}", host="a.example") for number in range(3)]
        frontier = Frontier(lambda limit: [targets.pop()] if targets else [], time.monotonic, per_host=9, delay=0, window=9)
        answers = []
        for path in ("", "private", "open"):
            target = frontier.poll()
            assert target is not None
            url = parse(f"https://a.example/{path}")
            assert isinstance(url, Url)
            slot = Slot(frontier, "a.example", Clock(), target)
            answers.append(await pursuit.barred(url, slot))
            slot.release()
        assert answers == [False, True, False]
        assert notes.looked == 1

    asyncio.run(scene())

"""The way to a host for who has a place there: past the other processes that share the run, and in time. asyncio.

Who does not get to the other side is not in the turnstile, however it ended; who is there leaves it once. A process alone has no
turnstile, and passes.
"""

from __future__ import annotations

import asyncio

from preserve.ports import Turnstile

_LOOK_AGAIN = 0.02
"""Seconds until a process looks again whether another one has left a host."""


class Passage:
    """The turnstile, where there is one, and those who wait for the run to go on."""

    def __init__(self, turnstile: Turnstile | None) -> None:
        self._turnstile = turnstile
        self._works = False
        self.hurried = False
        self._waiting: set[asyncio.Future[bool]] = set()
        """Who is told False when the run is to end: what they ask for can wait until it is resumed."""

    def hurry(self) -> None:
        """The run is to end."""
        self.hurried = True
        for turn in tuple(self._waiting):
            _end(turn, on=False)

    async def wait(self, turn: asyncio.Future[bool]) -> bool:
        """What is waited for comes: True. False, and sooner, when the run is to end; cancelled with who waits."""
        self._waiting.add(turn)
        try:
            return await turn
        finally:
            self._waiting.discard(turn)

    async def sleep(self, seconds: float) -> bool:
        """So many seconds: True. False, and sooner, when the run is to end."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return True
        if self.hurried:
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(seconds, _end, turn)
        try:
            return await self.wait(turn)
        finally:
            timer.cancel()

    async def through(self, host: str, *, again: bool = False) -> bool:
        """Go through, and wait for the moment that is free: True. With `again` we are on the other side already, and stay there.

        False when the run is to end before.
        """
        turnstile = self._turnstile
        if turnstile is None:
            return True
        wait = turnstile.again(host) if again else turnstile.enter(host)
        while wait is None:
            if not await self.sleep(_LOOK_AGAIN):  # another process leaves without a word to us
                return False
            wait = turnstile.enter(host)
        if not wait:
            return True
        try:
            reached = await self.sleep(wait)
        except BaseException:
            if not again:
                turnstile.leave(host)
            raise
        if not reached and not again:
            turnstile.leave(host, unused=True)
        return reached

    def leave(self, host: str, *, unused: bool) -> None:
        """Come back; with `unused` the moment is given back as well."""
        if self._turnstile is not None:
            self._turnstile.leave(host, unused=unused)

    def rest(self, host: str, seconds: float) -> None:
        """All processes are to leave that host alone for so long."""
        if self._turnstile is not None:
            self._turnstile.rest(host, seconds)

    def resting(self, host: str) -> float:
        """The seconds for which one of the processes was told to leave that host alone."""
        return 0.0 if self._turnstile is None else self._turnstile.resting(host)

    def work(self, now: bool) -> None:
        """Say whether this process has something to do, where others are to hear it."""
        if self._turnstile is not None and now is not self._works:
            self._turnstile.work(now)
            self._works = now

    def others_work(self) -> bool:
        """Whether another process has something to do."""
        return self._turnstile is not None and self._turnstile.others_work()

    @property
    def shared(self) -> bool:
        """Whether there are other processes."""
        return self._turnstile is not None


def _end(turn: asyncio.Future[bool], *, on: bool = True) -> None:
    if not turn.done():
        turn.set_result(on)

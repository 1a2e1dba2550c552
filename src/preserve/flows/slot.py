"""The one place that a target has while it asks: moved from host to host, kept at rest, given back. asyncio."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from preserve.flows.frontier import Frontier
from preserve.model.web import Target
from preserve.ports import Clock
from preserve.rules import retry

_T = TypeVar("_T")


class Slot:
    """The one place at a host that a target holds while it asks."""

    __slots__ = ("_clock", "_entered", "_frontier", "_host", "_target", "_unused", "waited")

    def __init__(self, frontier: Frontier, host: str, clock: Clock, target: Target | None = None) -> None:
        """Only with `target`, for which the place was handed out, a moment that was not used is given back."""
        self._frontier = frontier
        self._host: str | None = host
        self._clock = clock
        self._target = target
        self._unused = False
        self._entered = False
        self.waited = 0.0
        """Seconds that passed in queues: they are nobody's fault who is asked."""

    async def begin(self) -> bool:
        """Wait until no other process that shares the run is in the way; False, and no place, when the run is to end before."""
        host, self._host = self._host, None
        assert host is not None, "what was handed out has a place"
        with self._waiting():
            began = await self._frontier.begin(host, by=self._target)
        self._host, self._entered = host if began else None, began
        return began

    async def move(self, host: str) -> bool:
        """Give the place back and queue up at `host` (the same one too: every request keeps the distance): True.

        False, and no place, when the run is to end before one is free there.
        """
        self.release()
        with self._waiting():
            entered = await self._frontier.enter(host, by=self._target)
        self._host, self._entered = host if entered else None, entered
        return entered

    async def wait_for(self, sought: Awaitable[_T]) -> _T:
        """Wait for what another seeks, and have no place meanwhile: that one may need it."""
        self.unused()
        self.release()
        with self._waiting(), self._frontier.aside():
            return await sought

    def sought(self, host: str) -> AbstractContextManager[None]:
        """Meanwhile nobody is sent to `host`, to wait there for what we are seeking."""
        return self._frontier.sought(host)

    async def again(self) -> bool:
        """Stay, and wait until the host may be asked once more; False, and no place, when the run does not wait for it."""
        host, self._host = self._host, None
        assert host is not None, "who asks has a place"
        with self._waiting():
            again = await self._frontier.again(host, by=self._target)
        self._host = host if again else None
        return again

    async def rest(self, again: retry.Again) -> bool:
        """Leave the host alone as long as that says, then go on in the same place; False when the run does not wait for it."""
        host, self._host = self._host, None
        assert host is not None, "who asks has a place"
        with self._waiting():
            rested = await self._frontier.rest(host, again.seconds, by=self._target, later=again.later)
        self._host = host if rested else None
        return rested

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self.waited += self._clock.monotonic() - began

    @property
    def hurried(self) -> bool:
        """Whether nobody is waited for any more, since the run is to end."""
        return self._frontier.hurried

    def well(self) -> None:
        """The host answers."""
        if self._host is not None:
            self._frontier.well(self._host)

    def unused(self) -> None:
        """Nothing was asked since the place was taken: the next one need not wait for us."""
        self._unused = True

    def release(self) -> None:
        host, self._host = self._host, None
        unused, self._unused = self._unused, False
        if host is not None:
            self._frontier.leave(host, unused_by=self._target if unused else None, entered=self._entered)

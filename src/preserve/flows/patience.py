"""How long a run waits for hosts in trouble. asyncio.

While something else is to be done they cost nothing; when nothing is, the run is idle for their sake, and may be for so many seconds, all
of them together (docs/adr/0160-asked-again-and-left-alone.md). Who asks for more is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from preserve.errors import StoreError
from preserve.flows.hosts import Host, Rest

MOST: Final = 1000
"""Requests that wait for hosts in trouble; one more is not waited with."""


class Patience:
    """The rests of a run, and what is left of its seconds."""

    def __init__(self, seconds: float, now: Callable[[], float], works: Callable[[], bool]) -> None:
        """`works()` says whether there is something to do beside waiting, for this process or another one."""
        self._left = seconds
        self._now = now
        self._works = works
        self._idle_since: float | None = None
        self._rests: set[Rest] = set()

    def __len__(self) -> int:
        return len(self._rests)

    @contextmanager
    def rest(self, host: Host, seconds: float, *, later: bool) -> Iterator[Rest]:
        """One rest, which is over in so many seconds, or sooner when it is given up; `later`: not before the others are done."""
        loop = asyncio.get_running_loop()
        rest = Rest(host, self._now() + seconds, later, loop.create_future())
        self._rests.add(rest)
        host.rests.append(rest)
        timer = loop.call_later(seconds, self._ripe, rest)
        try:
            yield rest
        finally:
            timer.cancel()
            self._rests.discard(rest)
            host.rests.remove(rest)

    def end(self) -> None:
        """Give all of them up."""
        for rest in tuple(self._rests):
            rest.end(go_on=False)

    def consider(self, ripe: Rest | None = None) -> None:
        """Whose rest is over? What is waited for while nothing else is to do uses up the patience."""
        now = self._now()
        if self._works():
            if self._idle_since is not None:
                self._left -= now - self._idle_since
                self._idle_since = None
            if ripe is not None and not ripe.later:
                ripe.end(go_on=True)
            return
        if self._idle_since is None:
            self._idle_since = now
        left = self._left - (now - self._idle_since)
        for rest in tuple(self._rests):
            if rest is ripe or rest.until <= now:
                rest.end(go_on=True)
            elif rest.until - now > left:
                rest.end(go_on=False)

    def _ripe(self, rest: Rest) -> None:
        try:
            self.consider(rest)
        except StoreError as problem:
            rest.fail(problem)  # nobody hears it here

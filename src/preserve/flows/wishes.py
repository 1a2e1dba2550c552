"""What hosts ask for: until when each is to be left alone, in its own words (Retry-After), whoever of the run was told. asyncio.

A rest is what the run does; a wish is what the host said, and it holds when nobody rests for its sake any more: when it asks for more
than is waited for, when the run's patience is at its end, when another request is answered meanwhile. Processes that share a run tell
each other (docs/adr/0258-what-a-host-asked-for-holds.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from preserve.flows.slot import Slot
from preserve.model.web import Exchange, Wish
from preserve.ports import Turnstile
from preserve.rules import retry

_MOST: Final = 10_000
"""Hosts whose wishes are remembered; beyond them the oldest is forgotten, and says it again when it is asked."""


class Wishes:
    """Until when hosts are to be left alone that asked for it."""

    def __init__(self, now: Callable[[], float], turnstile: Turnstile | None = None) -> None:
        """`now` gives seconds; `turnstile` is what the processes have in common that share the run."""
        self._now = now
        self._turnstile = turnstile
        self._told: dict[str, tuple[float, float]] = {}
        """Until when, and how many seconds that was in the host's words."""

    def heed(self, host: str, exchange: Exchange) -> None:
        """Remember what the host asks for in this answer, if anything; the longest of its wishes counts. Raises StoreError."""
        asked = retry.retry_after(exchange)
        if not asked:
            return
        told = self._told.pop(host, (0.0, 0.0))
        self._told[host] = max(told, (self._now() + asked, asked))
        if len(self._told) > _MOST:
            del self._told[next(iter(self._told))]
        if self._turnstile is not None:
            self._turnstile.heed(host, asked)

    def of(self, host: str) -> Wish | None:
        """What is left of the host's wish, None when it has none. Raises StoreError."""
        wish = None if self._turnstile is None else self._turnstile.wish(host)
        if (told := self._told.get(host)) is not None:
            until, asked = told
            left = until - self._now()
            if left > (0.0 if wish is None else wish.left):
                wish = Wish(left=left, asked=asked)
        return wish

    async def in_the_way(self, host: str, slot: Slot) -> Wish | None:
        """Wait, in the place that `slot` is, for what the host asked for: None, and in that place. The wish, when that is not waited for.

        Then nothing was asked in that place, or it is given up already; `slot.hurried` tells whether that is only because the run is to end.
        """
        while (wish := self.of(host)) is not None:
            if wish.left > retry.LONGEST:
                slot.unused()
                return wish
            if not await slot.rest(retry.Again(seconds=wish.left)):
                return wish
        return None

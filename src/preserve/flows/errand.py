"""The requests for one target, each asked again where that may help. asyncio."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from preserve.flows.slot import Slot
from preserve.flows.wishes import Wishes
from preserve.formats.url import Url
from preserve.model.web import Exchange, Trouble
from preserve.ports import Clock, Session
from preserve.rules import retry

_TOO_MANY: Final = 429


class Errand:
    """The requests for one target: they share cookies, a place at each host's queue, and the seconds that they may take in all."""

    def __init__(self, session: Session, slot: Slot, clock: Clock, wishes: Wishes, seconds: float) -> None:
        self._session = session
        self._slot = slot
        self._wishes = wishes
        self._deadline = clock.monotonic() + seconds - slot.waited
        self.cut_short = False
        """It would have been asked again, had the run not been told to end."""

    async def ask(
        self, url: Url, keep: Callable[[Exchange], None], *, referrer: str | None = None, insist: bool = True
    ) -> Exchange:
        """Ask, and again where that may help; `keep` is given each exchange, the last one is returned.

        What is waited for a place, or for a host in trouble, is not counted. Without `insist` it is asked again once at most, and not at all where no
        connection came about; and what the host asks for counts for it as a whole only when it says that it is asked too much: 503 may
        well be said of this one address.
        """
        attempt = 0
        while True:
            deadline = self._deadline + self._slot.waited
            exchange = await self._session.fetch(url.address, referrer=referrer, deadline=deadline, attempt=attempt)
            keep(exchange)
            if insist or exchange.status == _TOO_MANY:
                self._wishes.heed(url.host, exchange)
            again = retry.again(exchange, random.random())  # noqa: S311 - it spreads, it hides nothing
            if not insist and (attempt or exchange.trouble is Trouble.UNREACHABLE):
                again = None
            if not retry.troubled(exchange) and exchange.trouble is None:
                self._slot.well()
            if again is None:
                return exchange
            attempt += 1
            rested = await (self._slot.rest(again) if again.seconds else self._slot.again())
            # Another request may have been told meanwhile that it is to be longer.
            if not rested or await self._wishes.in_the_way(url.host, self._slot) is not None:
                self.cut_short = self._slot.hurried
                return exchange

"""What the frontier remembers of each host while something is to be asked there. asyncio."""

from __future__ import annotations

import asyncio
from collections import deque

from preserve.model.web import Target


class Host:
    """One host: what is to be asked there, who asks and waits, and when it may be asked next."""

    __slots__ = (
        "active", "closed", "cooling", "free_at", "last", "listed", "name", "per_host", "queue", "rests", "troubled", "waiting",
    )  # fmt: skip

    def __init__(self, name: str, per_host: int) -> None:
        """`per_host` bounds the requests under way there."""
        self.name = name
        self.per_host = per_host
        self.queue: deque[Target] = deque()
        self.waiting: deque[asyncio.Future[bool]] = deque()
        self.active = 0
        self.free_at = 0.0
        self.last: Target | None = None
        """For whom the last of its moments was taken, as long as that is known."""
        self.listed: float | None = None
        self.rests: list[Rest] = []
        self.closed = 0
        """How many keep its queue from being handed out, and that not for the sake of others of the host."""
        self.troubled = False
        self.cooling = False

    @property
    def has_room(self) -> bool:
        """Whether one more may ask there: of a host in trouble one finds out whether it is over."""
        return self.active < (1 if self.troubled else self.per_host)

    @property
    def may_begin(self) -> bool:
        """Whether something of its queue may be handed out, once its moment has come."""
        return bool(self.queue) and not self.closed and not self.waiting and self.has_room

    @property
    def idle(self) -> bool:
        """Whether nobody asks or waits there, and nothing is to be asked."""
        return not (self.active or self.queue or self.waiting or self.closed)

    @property
    def rests_until(self) -> float:
        """The time until which one of those who wait was told to leave it alone."""
        return max((rest.until for rest in self.rests if not rest.over.done()), default=0.0)


class Rest:
    """One request that waits for its host: until when, whether for all others too, and what it will be told."""

    __slots__ = ("host", "later", "over", "until")

    def __init__(self, host: Host, until: float, later: bool, over: asyncio.Future[bool]) -> None:
        self.host = host
        self.until = until
        self.later = later
        self.over = over

    def end(self, go_on: bool) -> None:
        """Let it go on, or give it up."""
        if not self.over.done():
            self.over.set_result(go_on)

    def fail(self, problem: Exception) -> None:
        """It cannot be known whether it may go on."""
        if not self.over.done():
            self.over.set_exception(problem)

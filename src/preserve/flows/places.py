"""The places of a run: so many at each host, so many in all. asyncio.

Who finds none queues up, and is handed the place of one who leaves, so that nobody slips in between. Who waits has no place, and who
has one waits for nobody else (docs/adr/0255-who-waits-has-no-place.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from preserve.flows.hosts import Host


class Places:
    """Who may ask, as far as numbers go: `concurrency` of them at all hosts together."""

    def __init__(self, concurrency: int, admitted: Callable[[Host], None]) -> None:
        """`admitted(host)` is called when those who queue up there have what is free: what is left is for whom it hands out to."""
        self._concurrency = concurrency
        self._admitted = admitted
        self._crowded: dict[str, Host] = {}
        self._back: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether as many are taken as there are, or are waited for already."""
        return self.taken >= self._concurrency or bool(self._crowded) or bool(self._back)

    def take(self, host: Host) -> None:
        host.active += 1
        self.taken += 1

    def try_to_take(self, host: Host) -> bool:
        """Take one, where nobody was there before and nothing is in the way."""
        if host.waiting or host.rests or not host.has_room or self.full:
            return False
        self.take(host)
        return True

    def queue_up(self, host: Host) -> asyncio.Future[bool]:
        """What becomes True when a place there was taken for who waits."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        host.waiting.append(turn)
        if host.has_room and not host.rests:
            self._crowded[host.name] = host
        return turn

    def come_back(self, host: Host) -> asyncio.Future[None] | None:
        """Take the one at the host, whoever came meanwhile, and one of the run: None, or the wait for that."""
        host.active += 1
        if self.taken < self._concurrency and not self._back:
            self.taken += 1
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._back.append(turn)
        return turn

    def leave(self, host: Host) -> None:
        """Give both back: to those who come back, to those who queue up where there is room, and to the host's own."""
        host.active -= 1
        self.taken -= 1
        while self._back and self.taken < self._concurrency:
            turn = self._back.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)
        for crowded in tuple(self._crowded.values()):
            if self.taken >= self._concurrency:
                break
            self.admit(crowded)
        self.admit(host)

    def admit(self, host: Host) -> None:
        """Give what is free at the host to those who queue up for it."""
        self._crowded.pop(host.name, None)
        while host.waiting and not host.rests and host.has_room:
            if self.taken >= self._concurrency:
                self._crowded[host.name] = host
                break
            turn = host.waiting.popleft()
            if not turn.done():
                self.take(host)
                turn.set_result(True)
        self._admitted(host)

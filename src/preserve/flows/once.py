"""What is asked once, by the first that needs it, while all others wait for the same answer. asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Answers by name, each being sought, or found; `kept` of them are at hand, the oldest is forgotten first.

    `weigh` says for how many of them an answer counts.
    """

    def __init__(self, kept: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._kept = kept
        self._weigh = weigh
        self._weight = 0
        self._known: dict[str, asyncio.Future[T]] = {}

    def known(self, name: str) -> asyncio.Future[T] | None:
        """The answer, or the wait for it, where somebody asks already; to be cancelled without harm to him."""
        future = self._known.get(name)
        return None if future is None else asyncio.shield(future)

    async def ask(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask in everybody's name. What keeps it from being answered is raised for all who wait, and it is asked anew by the next."""
        future = self._known[name] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask()
        except BaseException as problem:
            self._known.pop(name, None)
            future.set_exception(problem)
            future.exception()  # looked at, so that nobody is told off for not waiting
            raise
        future.set_result(answer)
        self._make_room(self._weigh(answer))
        return answer

    def _make_room(self, weight: int) -> None:
        """Forget the oldest of those that are answered until there is room for another one of this weight."""
        self._weight += weight
        if self._weight <= self._kept:
            return
        for name, future in tuple(self._known.items()):
            if self._weight <= self._kept:
                break
            if future.done():
                self._weight -= self._weigh(future.result())
                del self._known[name]

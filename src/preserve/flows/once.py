"""What is asked once, by the first that needs it, while all others wait for the same answer. asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Answers by name, each being sought, or found; `kept` of them are at hand, the oldest is forgotten first."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._known: dict[str, asyncio.Future[T]] = {}

    def known(self, name: str) -> Awaitable[T] | None:
        """The answer, or the wait for it, where somebody asks already; to be cancelled without harm to him."""
        future = self._known.get(name)
        return None if future is None else asyncio.shield(future)

    async def ask(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask in everybody's name. What keeps it from being answered is raised for all who wait, and it is asked anew by the next."""
        if len(self._known) >= self._kept:
            self._known.pop(next(iter(self._known)))
        future = self._known[name] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask()
        except BaseException as problem:
            self._known.pop(name, None)
            future.set_exception(problem)
            future.exception()  # looked at, so that nobody is told off for not waiting
            raise
        future.set_result(answer)
        return answer

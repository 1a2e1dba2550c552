"""What the wire's tests share: a clock, both event loops, one fetch at a time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from preserve.adapters.web import resolver
from preserve.adapters.web.fetcher import HttpFetcher, HttpSession
from preserve.model.settings import FetchSettings
from preserve.model.web import Exchange
from preserve.rules import retry

_T = TypeVar("_T")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Clock:
    """The time as it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def run(loop: str, work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end on the event loop of that name."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(work)


def knows(monkeypatch: pytest.MonkeyPatch, getaddrinfo: Callable[..., Any]) -> None:
    """Have this asked in the place of the system's resolver, on every event loop."""
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(resolver, "looks_up_itself", lambda _: False)


async def fetch(settings: FetchSettings, folder: Path, *addresses: str, deadline: float | None = None) -> list[Exchange]:
    """Ask for the addresses one after the other, in one session of one fetcher; see `persist`."""
    fetcher = HttpFetcher(settings, Clock(), folder)
    try:
        session = fetcher.session()
        return [await persist(session, address, deadline=deadline) for address in addresses]
    finally:
        await fetcher.aclose()


async def persist(session: HttpSession, address: str, deadline: float | None = None) -> Exchange:
    """Ask, and once more where the policy does so at once; returns the last exchange."""
    exchange = await session.fetch(address, deadline=deadline)
    again = retry.again(exchange, 0.0)
    if again is None or again.seconds:
        return exchange
    return await session.fetch(address, deadline=deadline, attempt=1)

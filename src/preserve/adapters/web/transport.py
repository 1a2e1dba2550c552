"""The transport: one request out, one Exchange back, whatever the network does.

For each request: a kept-alive connection of the same origin or a new one, the bytes, the conclusion what they amount to. Nothing is sent
a second time here: who asks decides that (rules/retry.py), and then no kept connection is used, which may have gone stale like the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from preserve.adapters.web.conclusion import conclude
from preserve.adapters.web.connection import Connection, End, Ending
from preserve.adapters.web.connector import Connector, NotConnected
from preserve.adapters.web.pool import Pool
from preserve.adapters.web.receiver import Receiver
from preserve.errors import ConfigError
from preserve.formats.url import Url
from preserve.model.settings import FetchSettings
from preserve.model.web import Exchange, Outcome, Trouble
from preserve.ports import Clock

REPRESENTATION = "a representation: the bytes of HTTP/2 frames are not kept as they crossed the wire"
_GONE = frozenset({Ending.CLOSED, Ending.RESET})


class _Asked(NamedTuple):
    url: Url
    started: datetime
    request: bytes
    retries: int


class Transport:
    """Owns the sockets. It lives in one event loop."""

    def __init__(self, settings: FetchSettings, clock: Clock, spool: Path) -> None:
        """`spool` is a folder for bodies that are large. Raises ConfigError when `cacert` cannot be read, or an extra is missing."""
        if settings.http2 and find_spec("h2") is None:
            raise ConfigError("--http2: the package h2 is not installed", "pip install 'preserve[http2]'")
        self._settings = settings
        self._clock = clock
        self._spool = spool
        self._connector = Connector(settings, clock)
        self._pool = Pool(settings.per_host)

    async def ask(self, url: Url, fields: Sequence[tuple[bytes, bytes]], *, deadline: float | None, attempt: int) -> Exchange:
        """GET `url` once, with these header fields; `deadline` is a time of the clock. Raises nothing for what the network does."""
        target = url.address.encode("ascii") if self._connector.absolute(url) else url.target
        request = b"GET %b HTTP/1.1\r\n%b\r\n" % (target, b"".join([b"%b: %b\r\n" % field for field in fields]))
        return await self._exchange(url, request, deadline, attempt)

    async def aclose(self) -> None:
        self._pool.close()
        self._connector.close()
        await asyncio.sleep(0)  # sockets are closed in the event loop's next round

    async def _exchange(self, url: Url, request: bytes, deadline: float | None, attempt: int) -> Exchange:
        loop = asyncio.get_running_loop()
        until = None if deadline is None else loop.time() + deadline - self._clock.monotonic()
        origin = f"{url.scheme} {url.host}"
        started = self._clock.now()
        connection = None if attempt else self._pool.take(origin, loop.time())
        try:
            connection = connection or await self._connect(url, until)
        except NotConnected as reason:
            return self._unconnected(url, started, reason, attempt)
        receiver = Receiver(self._spool, self._settings.max_size)
        try:
            end = await connection.ask(self._connector.sent(url, request), receiver, until)
        except BaseException:  # cancelled, or the disk is full: neither body nor connection is of use to anybody
            receiver.spool.discard()
            connection.drop()
            raise
        exchange = self._conclude(_Asked(url, started, request, attempt), connection, receiver, end)
        if end.ending is Ending.FINISHED and receiver.parser.keep_alive:
            self._pool.put(origin, connection, loop.time())
        else:
            connection.drop()
        return exchange

    async def _connect(self, url: Url, until: float | None) -> Connection:
        if until is None:
            return await self._connector.connect(url)
        try:
            async with asyncio.timeout_at(until):
                return await self._connector.connect(url)
        except TimeoutError as error:
            raise NotConnected("the time limit was reached while connecting") from error

    def _unconnected(self, url: Url, started: datetime, reason: NotConnected, retries: int) -> Exchange:
        return Exchange(
            url=url.address,
            started=started,
            ended=self._clock.now(),
            outcome=reason.outcome,
            problem=reason.problem,
            peer=reason.peer,
            resolution=reason.resolution,
            tls=reason.tls,
            retries=retries,
            trouble=reason.trouble,
            proxy=self._connector.proxy,
        )

    def _conclude(self, asked: _Asked, connection: Connection, receiver: Receiver, end: End) -> Exchange:
        parser = receiver.parser
        outcome, problem, truncated, garbage, notes = conclude(parser, end, self._settings.timeout)
        answered = outcome is not Outcome.FAILED
        if answered and connection.tls is not None and connection.tls.problem:
            notes += (f"fetched in spite of TLS: {connection.tls.problem}",)
        if answered and connection.http2 is not None:
            notes += (REPRESENTATION,)
        if answered and connection.proxy:
            notes += (f"asked through the proxy {connection.proxy}: the server's address on record is the proxy's",)
        body_sha256 = receiver.body.hexdigest() if answered else ""
        return Exchange(
            url=asked.url.address,
            started=asked.started,
            ended=self._clock.now(),
            outcome=outcome,
            problem=problem,
            request=asked.request,
            head=parser.head,
            status=parser.status,
            headers=parser.headers,
            body=receiver.spool.body(),
            block_sha256=receiver.block.hexdigest() if answered else "",
            body_sha256=body_sha256,
            entity_sha256=receiver.content.hexdigest() if answered and receiver.content is not receiver.body else body_sha256,
            entity_size=receiver.content_size,
            chunked=parser.chunked,
            truncated=truncated,
            interim=tuple(parser.interim),
            excess=parser.excess,
            garbage=garbage,
            notes=notes,
            peer=connection.peer,
            resolution=connection.resolution,
            tls=connection.tls,
            retries=asked.retries,
            trouble=Trouble.CLOSED if end.ending in _GONE and parser.silent else None,
            proxy=connection.proxy,
            protocol="h2" if connection.http2 is not None else "",
        )

"""The httpx transport: one request out, one Exchange back, whatever the network does.

For each request: a kept-alive connection of the same origin or a new one, the bytes, the conclusion what they amount to. A request
is sent a second time only when a connection closed without a single byte of an answer.

httpx wants a response or an exception: an Exchange with a status travels in `response.extensions["exchange"]`, one without in
`Unanswered`. The httpx response carries no header fields, for httpx would act on them: read a Location, store a cookie.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from preserve.adapters.web.conclusion import conclude
from preserve.adapters.web.connection import Connection, End, Ending
from preserve.adapters.web.connector import Connector, NotConnected
from preserve.adapters.web.pool import Pool
from preserve.adapters.web.receiver import Receiver
from preserve.formats.url import Url
from preserve.model.settings import FetchSettings
from preserve.model.web import Exchange, Outcome
from preserve.ports import Clock

_NO_BODY = httpx.ByteStream(b"")


class Unanswered(httpx.TransportError):
    """There is no response; `exchange` says what there is."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange.problem)
        self.exchange = exchange


class _Asked(NamedTuple):
    url: Url
    started: datetime
    request: bytes
    retries: int


class Transport(httpx.AsyncBaseTransport):
    """Owns the sockets. It lives in one event loop."""

    def __init__(self, settings: FetchSettings, clock: Clock, spool: Path) -> None:
        """`spool` is a folder for bodies that are large. Raises ConfigError when `cacert` cannot be read."""
        self._settings = settings
        self._clock = clock
        self._spool = spool
        self._connector = Connector(settings, clock)
        self._pool = Pool(settings.per_host)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask once. The address is `extensions["url"]` (a Url), `extensions["deadline"]` a time of the clock or None."""
        url: Url = request.extensions["url"]
        lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), url.target)]
        lines += [b"%b: %b\r\n" % field for field in request.headers.raw]
        lines.append(b"\r\n")
        exchange = await self._exchange(url, b"".join(lines), request.extensions["deadline"])
        if exchange.status is None:
            raise Unanswered(exchange)
        return httpx.Response(exchange.status, stream=_NO_BODY, extensions={"exchange": exchange})

    async def aclose(self) -> None:
        self._pool.close()
        self._connector.close()
        await asyncio.sleep(0)  # sockets are closed in the event loop's next round

    async def _exchange(self, url: Url, request: bytes, deadline: float | None) -> Exchange:
        loop = asyncio.get_running_loop()
        until = None if deadline is None else loop.time() + deadline - self._clock.monotonic()
        origin = f"{url.scheme} {url.host}"
        started = self._clock.now()
        connection = self._pool.take(origin, loop.time())
        retries = 0
        while True:
            try:
                connection = connection or await self._connect(url, until)
            except NotConnected as reason:
                return self._unconnected(url, started, reason, retries)
            receiver = Receiver(self._spool, self._settings.max_size)
            try:
                end = await connection.ask(request, receiver, until)
            except BaseException:  # cancelled, or the disk is full: neither body nor connection is of use to anybody
                receiver.spool.discard()
                connection.drop()
                raise
            if end.ending in {Ending.CLOSED, Ending.RESET} and receiver.parser.silent and not retries:
                connection.drop()
                connection, retries = None, 1
                continue
            exchange = self._conclude(_Asked(url, started, request, retries), connection, receiver, end)
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
        )

    def _conclude(self, asked: _Asked, connection: Connection, receiver: Receiver, end: End) -> Exchange:
        parser = receiver.parser
        outcome, problem, truncated, garbage, notes = conclude(parser, end, self._settings.timeout)
        answered = outcome is not Outcome.FAILED
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
            body_sha256=receiver.body.hexdigest() if answered else "",
            entity_sha256=receiver.content.hexdigest() if answered else "",
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
        )

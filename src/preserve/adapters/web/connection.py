"""One connection and, one after the other, the exchanges on it: bytes in and out, and how long nothing may come.

A connection is an asyncio.Protocol: what arrives goes straight from the socket (through TLS where there is any) to the receiver
of the exchange, without a task or a queue between, so that an exchange costs one wake-up and a body of any size no memory.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, cast

from preserve.adapters.web.receiver import Receiver
from preserve.adapters.web.tls import HandshakeError, TlsLayer, describe
from preserve.errors import PreserveError
from preserve.formats.http1 import MAX_ASIDE, State
from preserve.model.web import Resolution, Tls

if TYPE_CHECKING:
    from preserve.adapters.web.http2 import Http2

_LINGER = 1.0
"""Seconds that are given to a reply that is not HTTP, to say what it has to say."""


class Ending(Enum):
    """What ended an exchange on its connection."""

    FINISHED = auto()
    CLOSED = auto()
    RESET = auto()
    SILENT = auto()
    OVERDUE = auto()
    BROKEN = auto()


class End(NamedTuple):
    """How an exchange ended; `detail` has words where the ending alone does not say it."""

    ending: Ending
    detail: str = ""


class Connection(asyncio.Protocol):
    """A connection to one peer. Use: `start_tls` where wanted, then `ask` any number of times, then `drop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        """`limit` is the longest silence in seconds."""
        self._loop = loop
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._layer: TlsLayer | None = None
        self._shaken: asyncio.Future[None] | None = None
        self._receiver: Receiver | None = None
        self._end: asyncio.Future[End] | None = None
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._gone: End | None = None
        self._early: bytes | None = b""
        self._whole: Callable[[bytes], int] | None = None
        self._agreed: asyncio.Future[bytes] | None = None
        self.peer: tuple[str, int] | None = None
        self.tls: Tls | None = None
        self.resolution: Resolution | None = None
        self.proxy = ""
        self.http2: Http2 | None = None
        self.idle_since = 0.0

    # -- what the transport does with it -----------------------------------------------------------------------------------

    async def agree(self, words: bytes, whole: Callable[[bytes], int]) -> bytes:
        """Before anything else, say `words` to a proxy; returns its answer, of which `whole` says how long it is (0: not yet).

        Raises OSError when it goes away, TimeoutError.
        """
        assert self._transport is not None
        agreed: asyncio.Future[bytes] = self._loop.create_future()
        self._whole, self._agreed = whole, agreed
        try:
            if self._gone is not None:
                raise ConnectionResetError
            self._transport.write(words)
            self._hear()
            async with asyncio.timeout(self._limit):
                return await agreed
        finally:
            self._whole = self._agreed = None

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Shake hands; `tls` has the facts afterwards, also of a handshake that failed. Raises HandshakeError, TimeoutError."""
        layer = self._layer = TlsLayer(context, hostname)
        self._shaken = self._loop.create_future()
        try:
            self._shake(b"")
            if early := self._early:
                # Said before the handshake, it is a part of it: nothing of it may pass for what TLS protects.
                self._early = b""
                self._shake(early)
            async with asyncio.timeout(self._limit):
                await self._shaken
        except HandshakeError as error:
            self.tls = layer.facts(error.problem)
            raise
        self._shaken = None
        self.tls = layer.facts()
        if layer.http2:
            from preserve.adapters.web.http2 import Http2  # noqa: PLC0415 - an extra, which only `--http2` needs

            self.http2 = Http2()

    async def ask(self, request: bytes, receiver: Receiver, deadline: float | None) -> End:
        """Send the request and let the receiver have what comes, until it has enough or the time is over.

        `deadline` is in the event loop's time. Raises StoreError when the bytes cannot be kept.
        """
        self._receiver = receiver
        self._deadline = deadline
        end: asyncio.Future[End] = self._loop.create_future()
        self._end = end
        self._heard = self._loop.time()
        self._watch()
        try:
            if self._gone is None and self.http2 is not None:
                self.http2.begin(request)
                self._write(self.http2.outgoing())
            elif self._gone is None:
                self._write(request)
            early, self._early = self._early, None
            if early:
                self._take(early)
            if self._gone is not None:
                self._finish(self._gone)
            return await end
        finally:
            self._receiver = None
            self._end = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def usable(self) -> bool:
        """Whether an idle connection can be asked again: it stands, and nothing came that nobody asked for."""
        transport = self._transport
        if self._gone is not None or transport is None or transport.is_closing():
            return False
        if self.http2 is not None and self.http2.gone:
            return False
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def drop(self) -> None:
        """Close the connection and wait for nothing."""
        if self._gone is None:
            self._gone = End(Ending.CLOSED)
        if self._transport is not None and not self._transport.is_closing():
            if self._layer is not None and self._shaken is None:
                self._transport.write(self._layer.close())
            self._transport.abort()

    # -- what the event loop does with it ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        peer = transport.get_extra_info("peername")
        self.peer = peer[:2] if peer else None

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self._layer is None:
            self._take(data)
            return
        if self._shaken is not None:
            self._shake(data)
            return
        try:
            self._layer.receive(data, self._take)
        except ssl.SSLError as error:
            self._over(End(Ending.BROKEN, describe(error)))
            self.drop()
        else:
            if self._layer.ended:
                self._over(End(Ending.CLOSED))
                self.drop()

    def eof_received(self) -> None:
        layer = self._layer
        detail = "the TLS connection was closed without notice" if layer is not None and not layer.ended else ""
        self._over(End(Ending.CLOSED, detail))

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(End(Ending.RESET if exc is not None else Ending.CLOSED))

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if self._layer is not None:
            try:
                self._layer.send(data)
            except ssl.SSLError as error:
                self._over(End(Ending.BROKEN, describe(error)))
                return
            data = self._layer.outgoing()
        self._transport.write(data)

    def _shake(self, data: bytes) -> None:
        assert self._layer is not None
        assert self._shaken is not None
        assert self._transport is not None
        try:
            done = self._layer.handshake(data)
        except HandshakeError as error:
            if not self._shaken.done():
                self._shaken.set_exception(error)
            done = False
        if alert_or_reply := self._layer.outgoing():
            self._transport.write(alert_or_reply)
        if done and not self._shaken.done():
            self._shaken.set_result(None)
            self._layer.receive(b"", self._take)

    def _take(self, data: bytes) -> None:
        receiver = self._receiver
        if self.http2 is not None and self._early is None:
            self._take_frames(self.http2, data)
            return
        if receiver is None:
            if self._early is not None and len(self._early) < MAX_ASIDE:
                self._early += data  # a server that speaks first: it will be the answer to the first request
                self._hear()
                return
            # Nobody asked: a late rest of the answer before, or a word of farewell. What follows could not be trusted.
            self.drop()
            return
        try:
            enough = receiver.feed(data)
        except PreserveError as error:
            if self._end is not None and not self._end.done():
                self._end.set_exception(error)
            self.drop()
            return
        if enough:
            self._finish(End(Ending.FINISHED))
        elif receiver.parser.state is State.NOT_HTTP:
            if len(receiver.parser.garbage) >= MAX_ASIDE:
                self._finish(End(Ending.FINISHED))
            self._linger()

    def _hear(self) -> None:
        """Whether a proxy has said all that was waited for."""
        if self._early and self._whole is not None and self._agreed is not None and (size := self._whole(self._early)):
            self._early, answer = self._early[size:], self._early[:size]
            self._whole = None
            self._agreed.set_result(answer)

    def _take_frames(self, http2: Http2, data: bytes) -> None:
        """Frames are for the connection as well as for an answer; they may come at any time."""
        from preserve.adapters.web.http2 import Http2Error  # noqa: PLC0415 - an extra, which only `--http2` needs

        receiver = self._receiver
        try:
            enough = http2.feed(data, receiver)
        except Http2Error as error:
            self._over(End(Ending.BROKEN, str(error)))
            self.drop()
            return
        except PreserveError as error:
            if self._end is not None and not self._end.done():
                self._end.set_exception(error)
            self.drop()
            return
        if self._gone is None and (answer := http2.outgoing()):
            self._write(answer)
        if enough:
            self._finish(End(Ending.FINISHED))
        elif http2.reset:
            self._finish(End(Ending.RESET))
        elif http2.ended or http2.gone:
            self._finish(End(Ending.CLOSED))
        if http2.gone and receiver is None:
            self.drop()

    def _finish(self, end: End) -> None:
        if self._end is not None and not self._end.done():
            if self.http2 is not None and not self.http2.ended and end.ending is Ending.CLOSED and not self._silent:
                # Only its stream ends an answer here: a connection that closes leaves it cut.
                end = End(Ending.BROKEN, "the stream broke off")
            self._end.set_result(end)

    @property
    def _silent(self) -> bool:
        return self._receiver is None or self._receiver.parser.silent

    def _over(self, end: End) -> None:
        """Nothing more will come on this connection."""
        if self._gone is None:
            self._gone = end
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_exception(HandshakeError("the server closed the connection during the TLS handshake"))
        if self._agreed is not None and not self._agreed.done():
            self._agreed.set_exception(ConnectionResetError())
        self._finish(self._gone)

    def _watch(self) -> None:
        """Set the timer for whichever comes first: the silence that is too long, or the deadline."""
        at = self._heard + self._limit
        if self._deadline is not None:
            at = min(at, self._deadline)
        self._timer = self._loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        now = self._loop.time()
        if self._deadline is not None and now >= self._deadline:
            self._finish(End(Ending.OVERDUE))
        elif now - self._heard >= self._limit:
            self._finish(End(Ending.SILENT))
        else:
            self._watch()

    def _linger(self) -> None:
        until = self._loop.time() + min(_LINGER, self._limit)
        if self._deadline is None or self._deadline > until:
            self._deadline = until
            if self._timer is not None:
                self._timer.cancel()
            self._watch()

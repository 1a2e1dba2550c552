"""A server for one person's browser, on loopback alone: the door in front of the pages of `preserve view` (docs/adr/0135).

Two ports, each an origin of its own: one for our pages, one for archived content. Before anything is looked up, a request must name
the host and port that it came to (a name that somebody rebinds to 127.0.0.1 does not), and its path must begin with the secret that
was printed. Whatever fails gets an empty answer. There are no cookies, and nothing in a request but its path, its query and its host
reaches the pages.

uvicorn speaks HTTP and owns the event loop; pages are drawn in threads. Header sizes are h11's, 64 kB; bodies are never read. A
client that takes its time is cut off: other users of the machine reach the port, too, and are not to keep its places taken.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from preserve.errors import StoreError, UsageError
from preserve.model.noun import dataclass
from preserve.model.viewing import Answer, Asked

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
_PATH = re.compile(rb"/[A-Za-z0-9._/-]*")
_QUERY = 4096
_CONNECTIONS = 100
_ASKING = 10.0
"""Seconds that a client has for a whole request header, from its connection or from the first byte that follows an answer."""
_TAKING = 60.0
"""Seconds in which a client that lets its answer wait must go on reading it."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=(), payment=(), display-capture=()",
    "X-DNS-Prefetch-Control": "off",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One origin: its port, the secret that its paths begin with ("" where `answer` knows by itself), and who answers.

    `framed`: browsers may ask for it from our own pages of the other port, into a frame.
    """

    port: int
    answer: Callable[[Asked], Answer | None]
    secret: str = ""
    framed: bool = False

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(f"{name}:{self.port}" for name in NAMES)


def new_secret() -> str:
    """256 bits from the system, as 43 characters."""
    return secrets.token_urlsafe(32)


def listen(port: int) -> socket.socket:
    """A socket on loopback; port 0 takes a free one. Raises StoreError when it cannot be had."""
    try:
        return socket.create_server((LOOPBACK, port))
    except OverflowError as problem:
        raise UsageError(f"there is no port {port}") from problem
    except OSError as problem:
        raise StoreError(
            f"port {port} cannot be listened on: {problem.strerror}",
            "another program has it: leave --port out, or name another",
        ) from problem


class Guarded:
    """The ASGI application: which door a request came to, whether it may pass, and what it is answered."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = {door.port: door for door in doors}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # uvicorn is told to speak nothing else
        response = await self._respond(scope)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
        door = self._doors.get(scope["server"][1])
        fields = _fields(scope)
        if door is None or fields.get(b"host", b"").decode("latin-1") not in door.hosts or not _comes_from_here(fields, door):
            return Response(status_code=403)
        asked = _asked(scope, door, fields)
        if asked is None:
            return Response(status_code=404)
        if asked.method not in {"GET", "POST"}:
            return Response(status_code=405)
        answer = await run_in_threadpool(door.answer, asked)
        return Response(status_code=404) if answer is None else _response(answer)


def _fields(scope: Scope) -> Mapping[bytes, bytes]:
    """The header, by lower-case name; of a name that comes twice, nothing that could be taken for it."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"," if name in found else value
    return found


def _comes_from_here(fields: Mapping[bytes, bytes], door: Door) -> bool:
    """Whether no other site's page made the browser ask: Fetch Metadata and Origin, where the browser sends them."""
    site, destination = fields.get(b"sec-fetch-site", b"none"), fields.get(b"sec-fetch-dest", b"document")
    if door.framed:
        if destination == b"document":
            return b"sec-fetch-dest" not in fields  # by itself in a tab, archived content would have no frame that keeps it in
        return site == b"same-origin" or (destination == b"iframe" and site in {b"same-site", b"cross-site"})
    origin = fields.get(b"origin")
    if origin is not None and origin.decode("latin-1") not in {f"http://{host}" for host in door.hosts}:
        return origin == b"null" and site == b"same-origin"  # what a form of a page without referrer sends
    return site in {b"none", b"same-origin"}


def _asked(scope: Scope, door: Door, fields: Mapping[bytes, bytes]) -> Asked | None:
    """The request behind the secret; None when it does not know it, or is no path of ours."""
    raw: bytes = scope.get("raw_path") or b""
    if _PATH.fullmatch(raw) is None or len(raw) > 512 or len(scope["query_string"]) > _QUERY:
        return None
    path = raw.decode("ascii")[1:]
    if door.secret:
        given, slash, path = path.partition("/")
        if not hmac.compare_digest(given.encode(), door.secret.encode()) or not slash:
            return None
    query: dict[str, str] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=None):
        query.setdefault(name, value)
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return Asked(path=path, method=method, query=query, name=fields[b"host"].decode("latin-1").partition(":")[0])


def _response(answer: Answer) -> Response:
    fields = dict(answer.fields)
    if answer.location is not None:
        fields["Location"] = answer.location
    if answer.file is not None:
        return FileResponse(answer.file, answer.status, fields, answer.media_type)
    if answer.pieces is not None:
        return StreamingResponse(answer.pieces, answer.status, fields, answer.media_type)
    return Response(answer.text.encode("utf-8", "replace"), answer.status, fields, answer.media_type)


def serve(doors: Sequence[Door], sockets: Sequence[socket.socket], started: Callable[[], None]) -> None:
    """Answer until Ctrl-C or SIGTERM, which is raised again as KeyboardInterrupt. `started` is called when both ports answer."""
    _Server(configuration(doors), started).run(sockets=list(sockets))


def configuration(doors: Sequence[Door]) -> uvicorn.Config:
    """How uvicorn is to serve these doors."""
    return uvicorn.Config(
        Guarded(doors),
        loop="asyncio",
        http=_Hurried,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=1,
    )


class _Hurried(H11Protocol):
    """HTTP with a client that has so long to ask and to read, however many bytes it dribbles meanwhile."""

    _asking: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._asking = self.loop.call_later(_ASKING, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._asking is None and self._idle():
            self._asking = self.loop.call_later(_ASKING, self.transport.abort)
        super().data_received(data)
        if self._asking is not None and not self._idle():
            self._asking.cancel()
            self._asking = None

    def _idle(self) -> bool:
        """Whether no request is being answered: what comes now belongs to the next one."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self.loop.call_later(_TAKING, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting(self._taking)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting(self._asking, self._taking)
        super().connection_lost(exc)

    def _stop_waiting(self, *timers: asyncio.TimerHandle | None) -> None:
        for timer in timers:
            if timer is not None:
                timer.cancel()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()

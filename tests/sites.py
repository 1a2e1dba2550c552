"""A site on loopback that answers for any host, says exactly what it sent, and can misbehave on request.

Plain sockets in threads: what the tests compare is bytes, so nothing may stand between a reply as written here and the wire. Over
TLS the certificate is made for the name that the client asks for (SNI), by a CA of this process; `ca_file` is its root.

    with AnyHostSite(tls=True) as site:
        site.route("/old", redirect("https://other.example/new"))
        ...                                     # ask with --connect-to '*:443:127.0.0.1:PORT' --cacert site.ca_file
        assert site.await_served(1)[0].response == captured_bytes
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import trustme

_KEEP = 1 << 20
"""Bytes of a response that `Served.response` keeps; its hash and size cover all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came: `raw` is its head and body, `target` the request line's middle word."""

    method: str
    target: str
    host: str
    fields: tuple[tuple[str, str], ...]
    raw: bytes

    def field(self, name: str) -> str | None:
        """The first header field of that name, in any case, or None."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is written, piece by piece; the connection is closed afterwards unless `keep` is set.

    A piece is bytes, or a number: seconds of silence.
    """

    pieces: Iterable[bytes | float]
    keep: bool = True


Handler = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request and what was sent for it, as far as it was sent."""

    host: str
    target: str
    request: bytes
    response: bytes
    """The first MiB of it."""
    size: int
    sha256: str
    complete: bool


# --- replies


def respond(body: bytes = b"", *, status: str = "200 OK", fields: Sequence[tuple[str, str]] = (), length: bool = True) -> bytes:
    """The bytes of a plain response."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def page(request: Request) -> Reply:
    """A page that names the host and path it was asked for; what the site answers unless told otherwise."""
    title = html.escape(f"{request.host} {request.target}")
    body = f"<!doctype html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1></body></html>\n".encode()
    return Reply(pieces=[respond(body, fields=[("Content-Type", "text/html; charset=utf-8"), ("Server", "any-host")])])


def raw(*pieces: bytes | float, keep: bool = False) -> Handler:
    """Exactly these bytes (a number is a pause in seconds), then the connection is closed."""
    return lambda request: Reply(pieces=pieces, keep=keep)


def text(body: str | bytes, *, media_type: str = "text/plain; charset=utf-8", status: str = "200 OK") -> Handler:
    data = body.encode() if isinstance(body, str) else body
    return raw(respond(data, status=status, fields=[("Content-Type", media_type)]), keep=True)


def redirect(location: str, status: str = "302 Found") -> Handler:
    return raw(respond(b"moved\n", status=status, fields=[("Location", location)]), keep=True)


def not_found(request: Request) -> Reply:
    return Reply(pieces=[respond(b"no such page\n", status="404 Not Found", fields=[("Content-Type", "text/plain")])])


def chunked(*chunks: bytes, fields: Sequence[tuple[str, str]] = (), trailer: bytes = b"") -> Handler:
    """A chunk-framed body, with a chunk extension on the first chunk."""
    framed = [b"%x%s\r\n%s\r\n" % (len(chunk), b"" if index else b";first=yes", chunk) for index, chunk in enumerate(chunks)]
    head = respond(fields=[*fields, ("Transfer-Encoding", "chunked")], length=False)
    return raw(head, *framed, b"0\r\n" + trailer + b"\r\n", keep=True)


def big(size: int, seed: int = 0) -> Handler:
    """A body of `size` bytes that does not compress away: 64 KiB blocks, each unlike its neighbours."""

    def handler(request: Request) -> Reply:
        def pieces() -> Iterator[bytes]:
            yield respond(fields=[("Content-Type", "application/octet-stream"), ("Content-Length", str(size))], length=False)
            block = hashlib.shake_256(seed.to_bytes(8)).digest(1 << 16)
            for start in range(0, size, len(block)):
                yield (start.to_bytes(8) + block[8:])[: size - start]

        return Reply(pieces=pieces())

    return handler


def slow(*pieces: bytes, pause: float) -> Handler:
    """The pieces with so many seconds of silence before each."""
    return raw(*(part for piece in pieces for part in (pause, piece)))


# --- the server


@dataclass(slots=True)
class _Log:
    served: list[Served] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class AnyHostSite:
    """The server; a context manager. `port` is on 127.0.0.1 unless another `address` is given."""

    def __init__(self, *, tls: bool = False, address: str = "127.0.0.1") -> None:
        self.tls = tls
        self.address = address
        self._routes: dict[tuple[str | None, str], Handler] = {}
        self._otherwise: Handler = page
        self._log = _Log()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._listener = socket.create_server(
            (address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=512
        )
        self.port: int = self._listener.getsockname()[1]
        self._ca: trustme.CA | None = None
        self._ca_file: str | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._context_lock = threading.Lock()
        if tls:
            self.trust(trustme.CA())

    # --- what a test uses

    @property
    def ca_file(self) -> str:
        """The path of the CA's root certificate (PEM)."""
        assert self._ca_file is not None, "only a TLS site has a CA"
        return self._ca_file

    @property
    def connect_to(self) -> str:
        """The value of `--connect-to` that sends every host's standard port here."""
        return f"*:{443 if self.tls else 80}:{self.address}:{self.port}"

    @property
    def served(self) -> tuple[Served, ...]:
        """All exchanges so far, in the order in which they ended."""
        with self._log.lock:
            return tuple(self._log.served)

    def take_served(self) -> tuple[Served, ...]:
        """The exchanges since this was asked last, which are kept no longer: for tests in which there are very many."""
        with self._log.lock:
            taken = tuple(self._log.served)
            self._log.served.clear()
        for thread in [thread for thread in self._threads if not thread.is_alive()]:
            self._threads.remove(thread)
        return taken

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        with self._log.lock:
            return self._log.connections

    def await_served(self, count: int) -> tuple[Served, ...]:
        """The exchanges, once at least `count` have ended: a client may have its answer before we have noted it."""
        wait_until(lambda: len(self.served) >= count)
        return self.served

    def route(self, path: str, handler: Handler, *, host: str | None = None) -> None:
        """Answer `path` (with its query, as in the request line) by `handler`, at one host or at all."""
        self._routes[(host, path)] = handler

    def otherwise(self, handler: Handler) -> None:
        """Answer by `handler` what has no route."""
        self._otherwise = handler

    def trust(self, ca: trustme.CA) -> None:
        """Let certificates be made by this CA (two sites may share one)."""
        self._ca = ca
        self._contexts.clear()
        if self._ca_file is None:
            handle, self._ca_file = tempfile.mkstemp(suffix=".pem")
            os.close(handle)
        ca.cert_pem.write_to_path(self._ca_file)

    def certificate(self, host: str, certificate: trustme.LeafCert) -> None:
        """Present this certificate for `host` (an expired one, one for another name)."""
        self._contexts[host] = self._context(certificate)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and threads."""
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
        if self._ca_file is not None:
            os.unlink(self._ca_file)

    # --- what runs in threads

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._log.lock:
                self._log.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        stream = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                stream = self._context_for("127.0.0.1").wrap_socket(connection, server_side=True)
                self._open.add(stream)
            self._converse(stream)
        except OSError:
            pass  # The client went away, or refused our certificate: `served` shows what was answered.
        finally:
            self._open.discard(connection)
            self._open.discard(stream)
            stream.close()
            connection.close()

    def _converse(self, stream: socket.socket) -> None:
        pending = b""
        while not self._ending.is_set():
            while b"\r\n\r\n" not in pending:
                received = stream.recv(1 << 16)
                if not received:
                    return
                pending += received
            head, _, pending = pending.partition(b"\r\n\r\n")
            request = _parse(head + b"\r\n\r\n")
            reply = self._handler(request)(request)
            if not self._answer(stream, request, reply) or not reply.keep or (request.field("connection") or "") == "close":
                return

    def _handler(self, request: Request) -> Handler:
        name = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
        return self._routes.get((name, request.target)) or self._routes.get((None, request.target)) or self._otherwise

    def _answer(self, stream: socket.socket, request: Request, reply: Reply) -> bool:
        kept, size, digest, complete = bytearray(), 0, hashlib.sha256(), False
        try:
            for piece in reply.pieces:
                if not isinstance(piece, bytes):
                    if self._ending.wait(piece):
                        break
                    continue
                stream.sendall(piece)
                kept += piece[: _KEEP - len(kept)]
                size += len(piece)
                digest.update(piece)
            else:
                complete = True
        except OSError:
            pass  # The client had enough; `complete` says so.
        with self._log.lock:
            self._log.served.append(
                Served(
                    host=request.host,
                    target=request.target,
                    request=request.raw,
                    response=bytes(kept),
                    size=size,
                    sha256=digest.hexdigest(),
                    complete=complete,
                )
            )
        return complete

    # --- certificates

    def _context_for(self, host: str) -> ssl.SSLContext:
        with self._context_lock:
            if host not in self._contexts:
                assert self._ca is not None
                names = (host, "localhost", "::1") if host == "127.0.0.1" else (host,)
                self._contexts[host] = self._context(self._ca.issue_cert(*names))
            return self._contexts[host]

    def _context(self, certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.sni_callback = self._on_name
        return context

    def _on_name(self, stream: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name is not None:
            stream.context = self._context_for(name)


def _parse(head: bytes) -> Request:
    first, *rest = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in rest))
    host = next((value for name, value in fields if name.lower() == "host"), "")
    return Request(method=method, target=target, host=host, fields=fields, raw=head)


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    """Wait for what another thread or process is about to do; fails when it does not."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)

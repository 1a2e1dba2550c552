"""A loopback proxy that remembers what it was asked: HTTP (whole addresses and CONNECT) and SOCKS 5.

`ways` says where a host and port really lie, as the DNS and the network beyond a proxy would; what it does not name is refused.

    with LoopbackProxy({("site.example", 80): ("127.0.0.1", site.port)}) as proxy: ...
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self


class LoopbackProxy:
    """The proxy; a context manager. With `password` ("user:password" in base64) it answers 407 to who does not give it."""

    def __init__(self, ways: Mapping[tuple[str, int], tuple[str, int]], *, socks: bool = False, password: str = "") -> None:
        self._ways = dict(ways)
        self._socks = socks
        self._password = password
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        """What clients said to it, head by head (for SOCKS: the request)."""

    @property
    def address(self) -> str:
        return f"{'socks5' if self._socks else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(client):
            (self._serve_socks if self._socks else self._serve_http)(client)

    def _serve_http(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.recv(65536)
            if not received:
                return
            head += received
        self.heads.append(head)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        if self._password and f"\r\nProxy-Authorization: Basic {self._password}\r\n".encode() not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        authority = target if method == "CONNECT" else target.split("/")[2]
        host, colon, port = authority.rpartition(":")
        server = self._reach((host.strip("[]"), int(port)) if colon else (authority, 80))
        if server is None:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            server.sendall(head.replace(target.encode(), path.encode(), 1))
        self._join(client, server)

    def _serve_socks(self, client: socket.socket) -> None:
        methods = client.recv(2)[1]
        offered = client.recv(methods)
        if self._password:
            client.sendall(b"\5\2" if 2 in offered else b"\5\xff")
            user = client.recv(client.recv(2)[1]).decode()
            given = client.recv(client.recv(1)[0]).decode()
            client.sendall(b"\1\0" if f"{user}:{given}" == self._password else b"\1\1")
            if f"{user}:{given}" != self._password:
                return
        else:
            client.sendall(b"\5\0")
        request = client.recv(4)
        if not request:
            return
        kind = request[3]
        if kind == 3:
            name = client.recv(client.recv(1)[0])
            host = name.decode()
        else:
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, client.recv(4 if kind == 1 else 16))
        (port,) = struct.unpack(">H", client.recv(2))
        self.heads.append(f"{host}:{port}".encode())
        server = self._reach((host, port))
        client.sendall(bytes((5, 0 if server else 5, 0, 1, 127, 0, 0, 1, 0, 0)))
        if server is not None:
            self._join(client, server)

    def _reach(self, place: tuple[str, int]) -> socket.socket | None:
        way = self._ways.get(place)
        if way is None:
            return None
        server = socket.create_connection(way, timeout=10)
        self._open.append(server)
        return server

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        self._run(self._pass_on, server, client)
        self._pass_on(client, server)

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

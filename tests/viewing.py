"""`preserve view` as a process of its own, and a stranger's machine that nobody should hear of."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


class Viewing:
    """A running view; `address` is what it printed. Ended as a person ends it, with `code` and `stderr` then at hand."""

    def __init__(self, folder: Path, env: Mapping[str, str], *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "preserve", "view", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        self.code: int | None = None
        self.stderr = ""
        if not self.address:
            self.end()
        parts = urlsplit(self.address)
        self.port = parts.port or 0
        self.secret = parts.path.strip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, sign: int = signal.SIGINT) -> None:
        if self.code is None:
            if self._process.poll() is None:
                self._process.send_signal(sign)
            _, self.stderr = self._process.communicate(timeout=20)
            self.code = self._process.returncode
            assert "Traceback" not in self.stderr, self.stderr

    def raw(self, request: bytes, port: int | None = None) -> bytes:
        """Everything that comes back for these bytes on one connection."""
        with socket.create_connection(("127.0.0.1", port or self.port), 10) as connection:
            connection.sendall(request)
            data = b""
            while piece := connection.recv(1 << 16):
                data += piece
        return data

    def ask(
        self, path: str, *fields: str, method: str = "GET", host: str | None = None, port: int | None = None
    ) -> tuple[int, str, bytes]:
        """(status, header in lower case, body) of one request."""
        port = port or self.port
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Connection: close", *fields, "", ""]
        head, _, body = self.raw("\r\n".join(lines).encode(), port).partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head.decode("latin-1").lower(), body

    def page(self, path: str = "", *fields: str, method: str = "GET") -> tuple[int, str, str]:
        """(status, header, text) of a page behind the secret."""
        status, head, body = self.ask(f"/{self.secret}/{path}", *fields, method=method)
        return status, head, body.decode()


class Outside:
    """A machine that must not hear anything: it counts who connects (TCP) and what arrives (UDP) on one port of loopback."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self.heard: list[str] = []
        for listen in (self._accept, self._receive):
            threading.Thread(target=listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.5)
                try:
                    first = connection.recv(200).split(b"\r\n")[0].decode("latin-1")
                except OSError:
                    first = "nothing"
                self.heard.append(f"tcp: {first}")

    def _receive(self) -> None:
        while True:
            try:
                data, _ = self._udp.recvfrom(2048)
            except OSError:
                return
            self.heard.append(f"udp: {len(data)} bytes")

"""Receivers of messages on loopback: a mail server and an address for webhooks. They keep what came, and can refuse it."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


@dataclass(slots=True)
class Letter:
    """What a client said before DATA, and what it sent then."""

    commands: list[str] = field(default_factory=list)
    data: bytes = b""
    encrypted: bool = False
    credentials: str = ""


class MailServer:
    """An SMTP server (RFC 5321) for tests: in the clear, with STARTTLS, or with TLS from the start."""

    def __init__(self, *, security: str = "none", ca: trustme.CA | None = None, answers: dict[str, str] | None = None) -> None:
        """`answers` replaces the reply to a command, by its first word."""
        self.letters: list[Letter] = []
        self._security = security
        self._answers = answers or {}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if ca is not None:
            ca.issue_cert("127.0.0.1").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        letter = Letter()
        with contextlib.suppress(OSError):
            if self._security == "tls":
                connection = self._context.wrap_socket(connection, server_side=True)
                letter.encrypted = True
            connection = self._converse(connection, letter)
        connection.close()

    def _converse(self, connection: socket.socket, letter: Letter) -> socket.socket:
        connection.sendall(b"220 here\r\n")
        file = connection.makefile("rb")
        while line := file.readline():
            words = line.decode("latin-1").rstrip("\r\n")
            letter.commands.append(words)
            verb = words.split(" ", 1)[0].upper()
            if verb in self._answers:
                connection.sendall(f"{self._answers[verb]}\r\n".encode())
                continue
            if verb == "EHLO":
                offered = ["250-here"]
                offered += ["250-STARTTLS"] if self._security == "starttls" and not letter.encrypted else []
                connection.sendall("\r\n".join([*offered, "250 AUTH PLAIN", ""]).encode())
            elif verb == "STARTTLS":
                connection.sendall(b"220 go\r\n")
                file.close()
                connection = self._context.wrap_socket(connection, server_side=True)
                letter.encrypted = True
                file = connection.makefile("rb")
            elif verb == "AUTH":
                letter.credentials = base64.b64decode(words.split()[2]).decode()
                connection.sendall(b"235 welcome\r\n")
            elif verb == "DATA":
                connection.sendall(b"354 go on\r\n")
                while (row := file.readline()) != b".\r\n":
                    letter.data += row.removeprefix(b".") if row.startswith(b"..") else row
                self.letters.append(letter)
                connection.sendall(b"250 taken\r\n")
            elif verb == "QUIT":
                connection.sendall(b"221 bye\r\n")
                break
            else:
                connection.sendall(b"250 fine\r\n")
        file.close()
        return connection


@contextmanager
def mail_server(
    *, security: str = "none", ca: trustme.CA | None = None, answers: dict[str, str] | None = None
) -> Iterator[MailServer]:
    server = MailServer(security=security, ca=ca, answers=answers)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Post:
    path: str
    fields: dict[str, str]
    body: bytes


class Hook:
    """What the address for webhooks got; it answers with `status`, which may be changed."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.status = 204
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(hook.status)
            if 300 <= hook.status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def write_secret(path: Path, text: str) -> Path:
    path.write_text(f"{text}\n")
    return path

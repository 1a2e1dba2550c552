"""A loopback site that speaks HTTP/2 over TLS, by the protocol machine of h2 on the server's side, and plays a script for each path.

    with Http2Site(context, {"/page": [headers, b"body"]}) as site: ...

A script is a list of steps: a dict is a header section (with ":status"), bytes are data, a number is a pause in seconds, a word is one of
"end" (of the stream), "reset", "goaway", "close". Nothing else is sent but what the protocol itself needs.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, RequestReceived, StreamReset
from h2.exceptions import ProtocolError

Step = dict[str, str] | bytes | float | str
Script = Sequence[Step]


class Http2Site:
    """The server; a context manager. `alpn` is what it is willing to speak."""

    def __init__(
        self, context: ssl.SSLContext, scripts: Mapping[str, Script], *, alpn: Sequence[str] = ("h2", "http/1.1")
    ) -> None:
        context.set_alpn_protocols(list(alpn))
        self._context = context
        self._scripts = scripts
        self._ending = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[list[tuple[bytes, bytes]]] = []

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)
        self._listener.close()
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
                self.connections += 1
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ProtocolError), contextlib.closing(client):
            stream = self._context.wrap_socket(client, server_side=True)
            self._open.append(stream)
            with contextlib.closing(stream):
                if stream.selected_alpn_protocol() == "h2":
                    _Talk(self, stream).go_on()
                else:
                    stream.recv(65536)
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
                    stream.recv(1)

    def script(self, path: str) -> Script:
        return self._scripts[path]

    def pause(self, seconds: float) -> None:
        self._ending.wait(seconds)


class _Talk:
    """One connection."""

    def __init__(self, site: Http2Site, stream: ssl.SSLSocket) -> None:
        self._site = site
        self._stream = stream
        self._machine = H2Connection(
            H2Configuration(
                client_side=False, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
            )
        )
        self._waiting: list[tuple[int, list[Step]]] = []

    def go_on(self) -> None:
        self._machine.initiate_connection()
        self._send()
        while data := self._stream.recv(65536):
            for event in self._machine.receive_data(data):
                if isinstance(event, RequestReceived):
                    fields = [(bytes(name), bytes(value)) for name, value in event.headers or []]
                    self._site.requests.append(fields)
                    path = dict(fields)[b":path"].decode()
                    self._waiting.append((event.stream_id or 0, list(self._site.script(path))))
                elif isinstance(event, StreamReset):
                    self._waiting = [one for one in self._waiting if one[0] != event.stream_id]
                elif isinstance(event, ConnectionTerminated):
                    return
            for number, steps in list(self._waiting):
                if not self._play(number, steps):
                    return
            self._waiting = [one for one in self._waiting if one[1]]
            self._send()

    def _play(self, number: int, steps: list[Step]) -> bool:
        """As far as the client's windows let it; False when the connection is over."""
        while steps:
            step = steps[0]
            if isinstance(step, bytes):
                room = min(self._machine.local_flow_control_window(number), self._machine.max_outbound_frame_size)
                if step and room <= 0:
                    break
                self._machine.send_data(number, step[:room])
                if step[room:]:
                    steps[0] = step[room:]
                    continue
            elif isinstance(step, dict):
                self._machine.send_headers(number, [(name.encode(), value.encode("latin-1")) for name, value in step.items()],
                                           end_stream=":status" not in step)  # fmt: skip
            elif step == "end":
                self._machine.end_stream(number)
            elif step == "reset":
                self._machine.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
            elif step == "goaway":
                self._machine.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            elif step == "close":
                self._send()
                return False
            else:
                self._send()
                self._site.pause(float(step))
            del steps[0]
        self._send()
        return True

    def _send(self) -> None:
        if data := self._machine.data_to_send():
            self._stream.sendall(data)

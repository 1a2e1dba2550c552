"""HTTP/2 on request: a response in frames (RFC 9113), handed on in the syntax of HTTP/1.1 as what it is, a representation.

Frames of several exchanges share one compressed, interleaved stream, so no slice of it is "the response": what is kept here are the
fields and the body as they came out of the frames. One exchange at a time is asked on a connection, by the protocol machine of h2.
"""

from __future__ import annotations

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from preserve.adapters.web.receiver import Receiver
from preserve.formats.http1 import MAX_HEAD, State

_WINDOW: Final = 1 << 20
_OURS_ALONE: Final = frozenset({b"host", b"connection"})
_NO_PLACE: Final = frozenset({b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"proxy-connection"})
"""Fields that HTTP/2 forbids (RFC 9113 section 8.2.2): in HTTP/1.1 syntax they would say something untrue of the framing."""


class Http2Error(Exception):
    """The server broke the protocol."""


class Http2:
    """The client's side of one connection. `gone` once the server takes no further request on it."""

    def __init__(self) -> None:
        self._machine = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._machine.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
            },
        )
        self._machine.initiate_connection()
        self._machine.increment_flow_control_window(_WINDOW)
        self._stream = 0
        self.gone = False
        self.ended = False
        """The answer that is awaited has come to its end."""
        self.reset = False
        """It was broken off."""

    def outgoing(self) -> bytes:
        """What is to be sent."""
        return bytes(self._machine.data_to_send())

    def begin(self, request: bytes) -> None:
        """Ask: `request` is a request in HTTP/1.1 syntax without a body, as the transport writes it."""
        first, *lines = request.split(b"\r\n")[:-2]
        method, target, _ = first.split(b" ")
        fields = [tuple(line.split(b": ", 1)) for line in lines]
        authority = next(value for name, value in fields if name == b"Host")
        self._stream = self._machine.get_next_available_stream_id()
        self.ended = self.reset = False
        self._machine.send_headers(
            self._stream,
            [
                (b":method", method),
                (b":authority", authority),
                (b":scheme", b"https"),
                (b":path", target),
                *((name.lower(), value) for name, value in fields if name.lower() not in _OURS_ALONE),
            ],
            end_stream=True,
        )

    def feed(self, data: bytes, receiver: Receiver | None) -> bool:
        """Take what came, and hand on what belongs to the awaited answer; True when no more of it is wanted.

        Raises Http2Error; StoreError of the receiver.
        """
        try:
            events = self._machine.receive_data(data)
        except ProtocolError as error:
            raise Http2Error(f"HTTP/2: {str(error) or type(error).__name__}") from error
        enough = False
        for event in events:
            if isinstance(event, ConnectionTerminated):
                self.gone = True
            elif receiver is not None and getattr(event, "stream_id", None) == self._stream:
                enough = self._take(event, receiver) or enough
            elif isinstance(event, DataReceived):
                self._taken(event)
        return enough

    def _take(self, event: Event, receiver: Receiver) -> bool:
        if isinstance(event, (ResponseReceived, InformationalResponseReceived)):
            return receiver.feed(_head(event.headers or []))
        if isinstance(event, DataReceived):
            self._taken(event)
            return receiver.feed(event.data or b"")
        if isinstance(event, TrailersReceived):
            said = ", ".join(f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in event.headers or [])
            receiver.parser.notes.append(f"a trailer section follows the body: {said}")
        elif isinstance(event, StreamReset):
            self.reset = True
        elif isinstance(event, StreamEnded):
            self.ended = True
            return receiver.parser.state is State.DONE
        return False

    def _taken(self, event: DataReceived) -> None:
        """Let the server send as much again."""
        if event.flow_controlled_length:
            self._machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)


def _head(fields: list[tuple[bytes, bytes]]) -> bytes:
    """A response's head in the syntax of HTTP/1.1, without a reason phrase, which HTTP/2 does not have."""
    status = next((value for name, value in fields if name == b":status"), b"")
    lines = [b"HTTP/1.1 %b " % status]
    for name, value in fields:
        if name.startswith(b":"):
            continue
        if name in _NO_PLACE or b"\r" in value or b"\n" in value:
            raise Http2Error("HTTP/2: a header field that it forbids")
        lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])

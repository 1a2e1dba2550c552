"""The response parser beside h11: the same answer wherever h11 gives one, and no byte lost wherever it does not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import h11
from hypothesis import given
from hypothesis import strategies as st

from preserve.formats.http1 import ResponseParser, State

_TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_!#$%&'*+.^`|~", min_size=1, max_size=20).map(str.encode)
_VALUE = st.text([chr(code) for code in (*range(33, 127), *range(160, 256))] + [" ", "\t"], max_size=60).map(
    lambda text: text.strip(" \t").encode("latin-1")
)
_FRAMING = {b"content-length", b"transfer-encoding", b"connection"}
_FIELDS = st.lists(st.tuples(_TOKEN.filter(lambda name: name.lower() not in _FRAMING), _VALUE), max_size=6)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A valid response to GET, of any framing, with interim responses before it and sometimes more after it."""
    wire = b""
    for _ in range(draw(st.integers(0, 2))):
        wire += b"HTTP/1.1 103 Early Hints\r\n" + _head(draw(_FIELDS)) + b"\r\n"
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    status = draw(st.sampled_from([200, 200, 200, 204, 304, 404, 500, 599]))
    reason = draw(st.sampled_from([b"", b" ", b" OK", b" Not quite"]))
    head = b"HTTP/%s %d%s\r\n" % (version, status, reason) + _head(draw(_FIELDS))
    body = draw(st.binary(max_size=300))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if status in {204, 304}:
        return wire + head + b"\r\n"
    if framing == "length":
        more = draw(st.sampled_from([b"", b"", b"HTTP/1.1 "])) if version == b"1.1" else b""  # h11 takes no more after 1.0
        return wire + head + b"Content-Length: %d\r\n\r\n" % len(body) + body + more
    if framing == "close" or version == b"1.0":
        return wire + head + b"\r\n" + body
    wire += head + b"Transfer-Encoding: chunked\r\n\r\n"
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b";a=b"]))
        wire += b"%x%s\r\n%s\r\n" % (size, extension, body[:size])
        body = body[size:]
    return wire + b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"


def _head(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % field for field in fields)


def _cuts(data: bytes, points: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(point % (len(data) + 1) for point in points)})
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


@given(wire=responses(), points=st.lists(st.integers(0, 5000), max_size=12))
def test_the_same_answer_as_h11(wire: bytes, points: list[int]) -> None:
    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "site.test")]))
    theirs.send(h11.EndOfMessage())
    ours = ResponseParser()
    events: list[h11.Event | type] = []
    raw, content = b"", b""
    for piece in _cuts(wire, points):
        taken, pieces = ours.feed(piece)
        raw += taken
        content += b"".join(pieces)
        theirs.receive_data(piece)
        events += _events(theirs)
    ours.close()
    theirs.receive_data(b"")
    events += _events(theirs)

    (response,) = [event for event in events if isinstance(event, h11.Response)]
    assert ours.state is State.DONE
    assert ours.status == response.status_code
    assert list(ours.headers) == response.headers.raw_items()
    assert len(ours.interim) == sum(isinstance(event, h11.InformationalResponse) for event in events)
    assert content == b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data))
    assert ours.excess == theirs.trailing_data[0]
    assert b"".join(ours.interim) + ours.head + raw + ours.excess == wire


def _events(connection: h11.Connection) -> list[h11.Event | type]:
    events: list[h11.Event | type] = []
    while connection.their_state is not h11.DONE:
        event = connection.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED:
            break
        events.append(event)
        if isinstance(event, h11.ConnectionClosed):
            break
    return events


_SOUP = st.lists(
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"HTTP/1.1 100 Continue", b"\r\n", b"\n", b"\r\n\r\n", b"Content-Length: 3", b"a" * 5, b": ", b" ",
         b"Transfer-Encoding: chunked", b"3\r\nabc\r\n", b"0\r\n\r\n", b"ffffff", b";", b"\0\xff", b"-1", b"Content-Length: 5"]
    )
    | st.binary(max_size=6),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(wire=_SOUP, points=st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_in_any_pieces_give_the_same_and_none_is_lost(wire: bytes, points: list[int]) -> None:
    whole, pieces = _account(wire, []), _account(wire, points)
    assert whole == pieces
    kept, _ = whole
    assert kept == wire


def _account(wire: bytes, points: list[int]) -> tuple[bytes, tuple[object, ...]]:
    """Everything that the parser kept, in order, and what it made of it."""
    parser = ResponseParser()
    raw, content = b"", b""
    for piece in _cuts(wire, points):
        taken, found = parser.feed(piece)
        raw += taken
        content += b"".join(found)
    parser.close()
    assert parser.size == len(raw)
    before = b"" if parser.state is State.NOT_HTTP else parser.garbage
    after = parser.garbage if parser.state is State.NOT_HTTP else parser.partial_head
    kept = before + b"".join(parser.interim) + parser.head + raw + parser.excess + after
    return kept, (parser.state, parser.status, parser.headers, content, parser.broken, parser.keep_alive, tuple(parser.notes))

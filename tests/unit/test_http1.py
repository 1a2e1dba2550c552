"""Where a response ends, and what is kept when nobody can tell: the parser fed whole and byte by byte."""

from __future__ import annotations

import pytest

from preserve.formats.http1 import MAX_ASIDE, MAX_HEAD, Framing, ResponseParser, State, parse_fields


def _read(
    data: bytes, *, step: int = 0, closed: bool = True, method: str = "GET", max_body: int = 1 << 40
) -> tuple[ResponseParser, bytes, bytes]:
    """The parser after `data`, the body on the wire and the content in it."""
    parser = ResponseParser(method=method, max_body=max_body)
    raw, content = b"", b""
    for at in range(0, len(data), step or len(data) or 1):
        piece, pieces = parser.feed(data[at : at + (step or len(data))])
        raw += piece
        content += b"".join(pieces)
    if closed:
        parser.close()
    return parser, raw, content


@pytest.fixture(params=[0, 1, 7], ids=["whole", "bytewise", "by seven"])
def step(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_a_length_ends_the_body_and_the_rest_is_excess(step: int) -> None:
    parser, raw, content = _read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200", step=step)
    assert parser.state is State.DONE
    assert (parser.status, parser.headers) == (200, ((b"Content-Length", b"3"),))
    assert parser.head == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    assert (raw, content, parser.excess) == (b"abc", b"abc", b"HTTP/1.1 200")
    assert not parser.keep_alive


CHUNKS = b'3;name="v;\\"x"\r\nabc\r\n0a\t\r\n0123456789\r\n00\r\nExpires: never\r\nX: y\r\n\r\n'


def test_chunks_with_extensions_and_trailers(step: int) -> None:
    parser, raw, content = _read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + CHUNKS, step=step)
    assert parser.state is State.DONE
    assert parser.chunked
    assert (raw, content) == (CHUNKS, b"abc0123456789")
    assert parser.size == len(CHUNKS)
    assert parser.keep_alive


def test_interim_responses_stay_beside_the_final_one(step: int) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    again = b"HTTP/1.1 100 Continue\r\n\r\n"
    parser, raw, _ = _read(early + again + b"HTTP/1.1 204 No Content\r\n\r\n", step=step)
    assert parser.interim == [early, again]
    assert (parser.status, parser.state, raw) == (204, State.DONE, b"")
    assert parser.keep_alive


def test_interim_responses_do_not_go_on_for_ever(step: int) -> None:
    parser, _, _ = _read(b"HTTP/1.1 102 Processing\r\n\r\n" * 40, step=step)
    assert parser.state is State.NOT_HTTP
    assert parser.broken == "interim responses without end"
    assert len(parser.interim) == 32


@pytest.mark.parametrize(
    ("head", "framing"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Framing.CLOSE),
        (b"HTTP/1.0 200 OK\r\n\r\n", Framing.CLOSE),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Framing.NONE),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", Framing.NONE),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Framing.NONE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Framing.CLOSE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Framing.CHUNKED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", Framing.CHUNKED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n", Framing.LENGTH),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", Framing.CHUNKED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", Framing.LENGTH),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n", Framing.LENGTH),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", Framing.CLOSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n", Framing.CLOSE),
    ],
)
def test_what_ends_the_body(head: bytes, framing: Framing) -> None:
    parser, _, _ = _read(head, closed=False)
    assert parser.framing is framing


def test_an_answer_to_head_has_no_body() -> None:
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", method="HEAD")
    assert (parser.state, raw) == (State.DONE, b"")


def test_the_connection_ends_a_body_that_nothing_else_ends(step: int) -> None:
    parser, raw, _ = _read(b"HTTP/1.0 200 OK\r\n\r\nall of it", step=step)
    assert (parser.state, raw) == (State.DONE, b"all of it")
    assert not parser.keep_alive


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0",
    ],
)
def test_a_body_cut_short_is_not_done(data: bytes, step: int) -> None:
    parser, _, content = _read(data, step=step)
    assert parser.state is State.BODY
    assert b"abc".startswith(content)


def test_the_last_chunk_completes_the_body_even_without_its_last_line(step: int) -> None:
    parser, raw, content = _read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", step=step)
    assert (parser.state, raw, content) == (State.DONE, b"3\r\nabc\r\n0\r\n", b"abc")
    assert parser.notes == ["closed before the end of the trailer section"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>not chunked at all", None),
        (b"<html>\n<p>not chunked at all", "a chunk size cannot be read (body byte 0)"),
        (b"3\r\nabc\r\n-1\r\n", "a chunk size cannot be read (body byte 8)"),
        (b"3\r\nabcdef\r\n0\r\n\r\n", "a chunk is longer than it says (body byte 6)"),
        (b"0x3\r\nabc\r\n0\r\n\r\n", "a chunk size cannot be read (body byte 0)"),
        (b"1" * 17_000, "a line of the chunk framing never ends (body byte 0)"),
        (b"3;" + b"x" * 17_000 + b"\r\nabc\r\n0\r\n\r\n", "a line of the chunk framing never ends (body byte 0)"),
        (b"0\r\n" + b"X: y\r\n" * 12_000, "the trailer section never ends (body byte 65541)"),
    ],
)
def test_broken_chunk_framing_is_kept_and_never_called_done(body: bytes, why: str | None, step: int) -> None:
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, step=step)
    assert parser.state is State.BODY
    assert raw == body
    if why is None:
        assert parser.broken == ""
    elif "never ends" in why:
        assert parser.broken.startswith(why.partition(" (")[0])
    else:
        assert parser.broken == why


def test_nothing_is_content_after_broken_chunks(step: int) -> None:
    _, raw, content = _read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nz\r\n2\r\nno\r\n", step=step)
    assert (raw, content) == (b"2\r\nok\r\nz\r\n2\r\nno\r\n", b"ok")


def test_contradicting_lengths_are_kept_and_never_called_done() -> None:
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde")
    assert (parser.state, raw) == (State.BODY, b"abcde")
    assert parser.broken == "the Content-Length fields contradict each other"


def test_a_length_beyond_all_numbers_is_a_length_that_was_not_reached(step: int) -> None:
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\nabcde", step=step)
    assert (parser.state, raw) == (State.BODY, b"abcde")
    assert parser.broken == "the Content-Length is larger than any body"
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"0" * 5_000 + b"5\r\n\r\nabcde", step=step)
    assert (parser.state, raw, parser.expected) == (State.DONE, b"abcde", 5)


def test_the_body_is_cut_at_the_limit(step: int) -> None:
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50, step=step, max_body=10, closed=False)
    assert parser.cut
    assert raw == b"x" * 10
    parser, raw, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + b"x" * 10 + b"more", step=step, max_body=10)
    assert (parser.state, parser.cut, raw, parser.excess) == (State.DONE, False, b"x" * 10, b"more")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html>hello</html>", "the reply is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the reply is not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the reply is not HTTP"),
        (b"ICY 200 OK\r\n\r\n", "the reply is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "the status line cannot be read"),
        (b"HTTP/1.1 OK\r\n\r\n", "the status line cannot be read"),
        (b"HTTP/1.1 042 Early\r\n\r\n", "the status line cannot be read"),
        (b"HTTP/one 200 OK\r\n\r\n", "the status line cannot be read"),
    ],
)
def test_what_is_not_http_is_kept_as_garbage(data: bytes, why: str, step: int) -> None:
    parser, _, _ = _read(data, step=step)
    assert (parser.state, parser.broken, parser.garbage, parser.head) == (State.NOT_HTTP, why, data, b"")


def test_garbage_and_excess_are_bounded() -> None:
    parser, _, _ = _read(b"\0" * 300_000, step=1000)
    assert len(parser.garbage) == MAX_ASIDE
    parser, _, _ = _read(b"HTTP/1.1 204 X\r\n\r\n" + b"\0" * 300_000, step=1000)
    assert len(parser.excess) == MAX_ASIDE


def test_a_head_of_60_kb_is_read_and_one_without_end_is_not(step: int) -> None:
    large = b"HTTP/1.1 200 OK\r\nX-Large: " + b"v" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"
    parser, _, _ = _read(large, step=step)
    assert (parser.state, parser.head) == (State.DONE, large)
    parser, _, _ = _read(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEAD // 6 + 1), step=step * 100)
    assert (parser.state, parser.broken) == (State.NOT_HTTP, "the response head is larger than 256 KiB")


def test_odd_heads_are_read_as_browsers_do_and_named(step: int) -> None:
    head = b"HTTP/1.1 200\nA : 1\nB: 2\r\n  folded\n\xffodd\xe4: \xfc\xff \nno colon\nSet-Cookie: a\nSet-Cookie: b\nContent-Length: 0\n\n"
    parser, _, _ = _read(head, step=step)
    assert parser.state is State.DONE
    assert parser.head == head
    assert parser.headers == (
        (b"A", b"1"),
        (b"B", b"2 folded"),
        (b"\xffodd\xe4", b"\xfc\xff"),
        (b"Set-Cookie", b"a"),
        (b"Set-Cookie", b"b"),
        (b"Content-Length", b"0"),
    )
    assert parser.notes == [
        "space before the colon of a header",
        "a folded header line",
        "a header name that is no token",
        "a header line without a colon",
        "line ends without CR",
    ]


def test_blank_lines_before_the_status_line_are_stepped_over_and_kept(step: int) -> None:
    parser, _, _ = _read(b"\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", step=step)
    assert (parser.state, parser.head, parser.garbage) == (State.DONE, b"HTTP/1.1 204 No Content\r\n\r\n", b"\r\n\r\n")
    parser, _, _ = _read(b"\r\n" * 3 + b"HTTP/1.1 204 No Content\r\n\r\n", step=step)
    assert parser.state is State.NOT_HTTP


@pytest.mark.parametrize(
    ("head", "stays"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False),
    ],
)
def test_when_a_connection_may_be_asked_again(head: bytes, stays: bool) -> None:
    parser, _, _ = _read(head, closed=False)
    assert parser.state is State.DONE
    assert parser.keep_alive is stays


def test_what_came_of_a_head_is_told() -> None:
    parser, _, _ = _read(b"HTTP/1.1 200 OK\r\nContent-")
    assert (parser.state, parser.partial_head, parser.silent) == (State.HEAD, b"HTTP/1.1 200 OK\r\nContent-", False)
    assert ResponseParser().silent


def test_fields_of_a_head_without_any() -> None:
    assert parse_fields(b"HTTP/1.1 200 OK\r\n\r\n") == ((), [])

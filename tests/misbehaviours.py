"""A library of what servers do wrong, and of odd things that are right: one table, over plain HTTP and TLS.

Each Case is a script for the server's side of one connection and what must become of it. `MisbehavingSite` answers `/<name>` by
the script of that name and remembers every byte that it sent.

    with MisbehavingSite() as site:
        ...                                     # fetch http://HOST:PORT/stalled-body
        assert site.sent("stalled-body") == head + body
"""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from preserve.model.web import Outcome, Truncation

SILENCE = 1.0
"""The longest silence, in seconds, that a client is to bear in the cases that stall; in the others it may be patient."""
MAX_SIZE = 300_000
"""The most body bytes that the table expects a client to keep."""

_KEEP = 1 << 20
"""Bytes that `Peer.sent` keeps."""

OK = b"HTTP/1.1 200 OK\r\n"
PAGE = b"<!doctype html><title>A page</title>\n"


class Peer:
    """The server's side of one connection."""

    def __init__(self, stream: socket.socket, ending: threading.Event) -> None:
        self.stream = stream
        self.sent = bytearray()
        self.stays = False
        self.request = b""
        self._ending = ending

    def say(self, *pieces: bytes | float) -> None:
        """Send the pieces; a number is a pause in seconds."""
        for piece in pieces:
            if isinstance(piece, bytes):
                self.sent += piece[: max(0, _KEEP - len(self.sent))]  # first: the client may look before we go on
                self.stream.sendall(piece)
            elif self._ending.wait(piece):
                return

    def for_ever(self, piece: bytes) -> None:
        """Send the piece again and again until the client has enough."""
        while not self._ending.is_set():
            self.say(piece)

    def hold(self) -> None:
        """Say nothing more until the client gives up."""
        with contextlib.suppress(OSError):
            while self.stream.recv(65536):
                pass

    def cut(self) -> None:
        """Close without a word; over TLS without close_notify."""
        self.stream.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.close()

    def farewell(self) -> None:
        """Close in good order."""
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self.stream, ssl.SSLSocket):
                self.stream.settimeout(2)
                self.stream.unwrap()
            self.stream.shutdown(socket.SHUT_WR)
            self.hold()
        self.stream.close()


Script = Callable[[Peer, int], None]
"""Takes the peer and how often this case was asked before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One misbehaviour; fields left alone are not looked at."""

    name: str
    script: Script
    outcome: Outcome = Outcome.CAPTURED
    status: int | None = 200
    truncated: Truncation | None = None
    problem: str = ""
    """Words that the problem contains."""
    content: bytes | None = None
    """The body without framing, still content-coded."""
    notes: tuple[str, ...] = ()
    interim: int = 0
    excess: bytes = b""
    retries: int = 0
    stalls: bool = False
    """It ends when the client gives up."""
    tls_note: str = ""
    """A further note that is expected over TLS."""
    ends: Outcome | None = None
    """What a capture makes of it, which follows redirects and asks again; None: the same."""
    final: int | None = None
    """The status at the end of that; None: the same."""
    reason: str = ""
    """Words that the capture's reason contains."""
    signal: str = ""
    """Words that one of its signals contains."""
    hops: int = 1
    """How many exchanges the capture has on the way."""


def say(*pieces: bytes | float) -> Script:
    """Send this, close in good order."""
    return lambda peer, _: peer.say(*pieces)


def say_and_stay(*pieces: bytes | float) -> Script:
    """Send this and leave the connection open for the next request."""

    def script(peer: Peer, _: int) -> None:
        peer.say(*pieces)
        peer.stays = True

    return script


def say_and_hold(*pieces: bytes | float) -> Script:
    """Send this, then nothing, and do not close either."""

    def script(peer: Peer, _: int) -> None:
        peer.say(*pieces)
        peer.hold()

    return script


def say_and_reset(*pieces: bytes | float) -> Script:
    def script(peer: Peer, _: int) -> None:
        peer.say(*pieces, 0.1)  # what a reset overtakes is lost: let it arrive
        peer.reset()

    return script


def say_and_cut(*pieces: bytes | float) -> Script:
    def script(peer: Peer, _: int) -> None:
        peer.say(*pieces)
        peer.cut()

    return script


def endless(start: bytes, piece: bytes) -> Script:
    def script(peer: Peer, _: int) -> None:
        peer.say(start)
        peer.for_ever(piece)

    return script


def _once_then(first: Script, then: Script) -> Script:
    return lambda peer, before: (then if before else first)(peer, before)


def fields(*lines: bytes) -> bytes:
    """A head of status 200 with these lines."""
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def whole(body: bytes, *lines: bytes) -> bytes:
    """A whole response with a length."""
    return fields(*lines, b"Content-Length: %d" % len(body)) + body


def _moved(status: bytes, *lines: bytes) -> bytes:
    """A whole response without a body."""
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"Content-Length: 0", b"", b""])


def _further(peer: Peer, before: int) -> None:
    peer.say(_moved(b"302 Found", b"Location: /redirects-without-end?%d" % before))
    peer.stays = True


def _cookie_wall(peer: Peer, _: int) -> None:
    """Leads to itself until its cookie comes back."""
    known = b"\r\nCookie: seen=1\r\n" in peer.request
    peer.say(whole(PAGE) if known else _moved(b"302 Found", b"Set-Cookie: seen=1", b"Location: /cookie-wall"))
    peer.stays = True


CHUNKED = b"Transfer-Encoding: chunked"
_GZIPPED = gzip.compress(PAGE * 20, mtime=0)
_BOMB = gzip.compress(bytes(5_000_000), mtime=0)
_CAPTURED, _TRUNCATED, _FAILED = Outcome.CAPTURED, Outcome.TRUNCATED, Outcome.FAILED
_EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"

CASES: tuple[Case, ...] = (
    # -- right, if odd ---------------------------------------------------------------------------------------------------
    Case(name="a-page", script=say_and_stay(whole(PAGE)), content=PAGE),
    Case(name="an-empty-body", script=say_and_stay(whole(b"")), content=b""),
    Case(name="every-byte", script=say_and_stay(whole(bytes(range(256)))), content=bytes(range(256))),
    Case(name="in-single-bytes", script=say(*(bytes([byte]) for byte in whole(b"slowly"))), content=b"slowly"),
    Case(name="with-pauses", script=say(fields(b"Content-Length: 6"), 0.3, b"abc", 0.3, b"def"), content=b"abcdef"),
    Case(name="chunked", script=say_and_stay(fields(CHUNKED), b"5\r\nhello\r\n", b"1\r\n!\r\n0\r\n\r\n"), content=b"hello!"),
    Case(name="chunk-extensions", script=say_and_stay(fields(CHUNKED), b'5;a=b;c="d;e"\r\nhello\r\n0;last\r\n\r\n'), content=b"hello"),
    Case(name="trailers", script=say_and_stay(fields(CHUNKED), b"5\r\nhello\r\n0\r\nDigest: x\r\nX: y\r\n\r\n"), content=b"hello"),
    Case(name="all-at-once", script=say_and_stay(b"HTTP/1.1 100 Continue\r\n\r\n", _EARLY + fields(CHUNKED, b"Trailer: X", b"Content-Encoding: gzip"),
         b"a;x=1\r\n" + _GZIPPED[:10] + b"\r\n%x;y=\"z\"\r\n" % (len(_GZIPPED) - 10) + _GZIPPED[10:] + b"\r\n0;end\r\nX: caf\xe9\r\n\r\n"),
         content=_GZIPPED, interim=2),
    Case(name="early-hints", script=say_and_stay(_EARLY, whole(PAGE)), content=PAGE, interim=1),
    Case(name="several-interim", script=say_and_stay(b"HTTP/1.1 100 Continue\r\n\r\n" + _EARLY * 2 + whole(PAGE)), content=PAGE, interim=3),
    Case(name="http10-to-the-end", script=say(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n", PAGE), content=PAGE),
    Case(name="http10-kept-alive", script=say_and_stay(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"), content=b"ok"),
    Case(name="to-the-end", script=say(fields(), PAGE, 0.05, PAGE), content=PAGE * 2),
    Case(name="gzip", script=say_and_stay(whole(_GZIPPED, b"Content-Encoding: gzip")), content=_GZIPPED),
    Case(name="gzip-bomb", script=say_and_stay(whole(_BOMB, b"Content-Encoding: gzip")), content=_BOMB),
    Case(name="gzip-that-is-none", script=say_and_stay(whole(PAGE, b"Content-Encoding: gzip")), content=PAGE),
    Case(name="unknown-coding", script=say_and_stay(whole(b"\x28\xb5?", b"Content-Encoding: x-mystery, br")), content=b"\x28\xb5?"),
    Case(name="repeated-fields", script=say_and_stay(whole(b"", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X: 1", b"x: 1")), content=b""),
    Case(name="non-ascii-fields", script=say_and_stay(whole(b"", b"X-Latin: caf\xe9", "X-Utf8: žluť".encode(), b"X-Null: a\0b")), content=b""),
    Case(name="head-of-60-kb", script=say_and_stay(whole(PAGE, *(b"X-%d: " % i + b"v" * 1000 for i in range(60)))), content=PAGE),
    Case(name="one-field-of-60-kb", script=say_and_stay(whole(PAGE, b"X: " + b"v" * 60_000)), content=PAGE),
    Case(name="no-reason", script=say_and_stay(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), content=b""),
    Case(name="a-part-nobody-asked-for", script=say_and_stay(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok"),
         status=206, content=b"ok", signal="the server sent a part only, unasked: bytes 0-1/9"),
    Case(name="status-999", script=say_and_stay(b"HTTP/1.1 999 Request denied\r\nContent-Length: 2\r\n\r\nno"), status=999, content=b"no"),
    Case(name="not-found", script=say_and_stay(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"), status=404, content=b"no"),
    Case(name="latin-1-reason", script=say_and_stay(b"HTTP/1.1 200 Gr\xfc\xdfe\r\nContent-Length: 0\r\n\r\n"), content=b""),
    Case(name="deflate-that-is-gzip", script=say_and_stay(whole(_GZIPPED, b"Content-Encoding: deflate")), content=_GZIPPED),
    Case(name="coded-twice", script=say_and_stay(whole(gzip.compress(_GZIPPED, mtime=0), b"Content-Encoding: gzip, gzip"))),
    Case(name="two-hundred-cookies", script=say_and_stay(whole(b"", *(b"Set-Cookie: c%d=1" % i for i in range(200)))), content=b""),
    Case(name="empty-chunked", script=say_and_stay(fields(CHUNKED) + b"0\r\n\r\n"), content=b""),
    Case(name="upper-case-chunks", script=say_and_stay(fields(CHUNKED) + b"00A\r\n0123456789\r\n000\r\n\r\n"), content=b"0123456789"),
    # -- busy, and asked again -------------------------------------------------------------------------------------------
    Case(name="come-back-in-an-hour", script=say_and_stay(_moved(b"503 Busy", b"Retry-After: 3600")), status=503, content=b"",
         signal="asked again in 3600 s"),
    Case(name="too-many-requests", script=say_and_stay(_moved(b"429 Slow down", b"Retry-After: 86400")), status=429, content=b"",
         signal="asked again in 86400 s"),
    Case(name="busy-until-a-date", script=say_and_stay(_moved(b"503 Busy", b"Date: Sat, 21 Nov 2026 12:00:00 GMT",
         b"Retry-After: Sat, 21 Nov 2026 13:00:00 GMT")), status=503, content=b"", signal="asked again in 3600 s"),
    Case(name="busy-once", script=_once_then(say_and_stay(_moved(b"503 Busy", b"Retry-After: 1")), say_and_stay(whole(PAGE))), status=503,
         content=b"", final=200, hops=2),
    Case(name="slow-down-once", script=_once_then(say_and_stay(_moved(b"429 Slow down")), say_and_stay(whole(PAGE))), status=429, content=b"",
         final=200, hops=2),
    Case(name="bad-gateway-once", script=_once_then(say_and_stay(_moved(b"502 Bad Gateway")), say_and_stay(whole(PAGE))), status=502, content=b"",
         final=200, hops=2),
    Case(name="gateway-timeout-once", script=_once_then(say_and_stay(_moved(b"504 Gateway Timeout")), say_and_stay(whole(PAGE))), status=504,
         content=b"", final=200, hops=2),
    Case(name="failing-inside", script=say_and_stay(_moved(b"500 Internal Server Error")), status=500, content=b""),
    # -- redirects and cookies -------------------------------------------------------------------------------------------
    Case(name="redirect", script=_once_then(say_and_stay(_moved(b"302 Found", b"Location: ?here")), say_and_stay(whole(PAGE))), status=302,
         content=b"", final=200, hops=2),
    Case(name="redirect-without-location", script=say_and_stay(_moved(b"302 Found")), status=302, content=b""),
    Case(name="redirect-to-itself", script=say_and_stay(_moved(b"301 M", b"Location: /redirect-to-itself")), status=301, content=b"",
         ends=_FAILED, reason="redirect loop"),
    Case(name="redirects-without-end", script=_further, status=302, content=b"", ends=_FAILED, reason="more than 20 redirects", hops=21),
    Case(name="redirect-to-script", script=say_and_stay(_moved(b"302 Found", b"Location: javascript:x()")), status=302, content=b"",
         ends=_FAILED, reason="javascript: is not followed"),
    Case(name="redirect-to-file", script=say_and_stay(_moved(b"302 Found", b"Location: file:///etc/passwd")), status=302, content=b"",
         ends=_FAILED, reason="file: is not followed"),
    Case(name="redirect-to-data", script=say_and_stay(_moved(b"302 Found", b"Location: data:text/html,x")), status=302, content=b"",
         ends=_FAILED, reason="data: is not followed"),
    Case(name="redirect-malformed", script=say_and_stay(_moved(b"301 M", b"Location: http://[::1")), status=301, content=b"", ends=_FAILED,
         reason="malformed"),
    Case(name="redirect-empty", script=say_and_stay(_moved(b"301 M", b"Location:")), status=301, content=b"", ends=_FAILED,
         reason="the Location is empty"),
    Case(name="redirect-to-a-private-place", script=say_and_stay(_moved(b"302 Found", b"Location: http://127.0.0.2:9/")), status=302, content=b"",
         ends=Outcome.REFUSED, reason="127.0.0.2 is not a public address", hops=2),
    Case(name="redirect-to-a-disguised-place", script=say_and_stay(_moved(b"302 Found", b"Location: //0x7f.1:9/")), status=302, content=b"",
         ends=Outcome.REFUSED, reason="127.0.0.1 is not a public address", hops=2),
    Case(name="cookie-wall", script=_cookie_wall, status=302, content=b"", final=200, hops=2),
    Case(name="cookie-maze", script=say_and_stay(_moved(b"302 Found", b"Set-Cookie: a=b", b"Location: /cookie-maze")), status=302, content=b"",
         ends=_FAILED, reason="more than 20 redirects", hops=21),
    Case(name="not-modified-with-length", script=say_and_stay(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"), status=304, content=b""),
    Case(name="no-content", script=say_and_stay(b"HTTP/1.1 204 No Content\r\n\r\n"), status=204, content=b""),
    Case(name="switching-protocols", script=say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), status=101, content=b""),
    Case(name="whole-then-reset", script=say_and_reset(whole(PAGE)), content=PAGE),
    # -- wrong, yet readable ---------------------------------------------------------------------------------------------
    Case(name="space-before-colon", script=say_and_stay(whole(b"", b"X-A : 1")), content=b"", notes=("space before the colon of a header",)),
    Case(name="folded-field", script=say_and_stay(whole(b"", b"X-A: 1", b"\t2")), content=b"", notes=("a folded header line",)),
    Case(name="no-colon", script=say_and_stay(whole(b"", b"nonsense")), content=b"", notes=("a header line without a colon",)),
    Case(name="odd-name", script=say_and_stay(whole(b"", b"X (a): 1")), content=b"", notes=("a header name that is no token",)),
    Case(name="bare-line-feeds", script=say_and_stay(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), content=b"ok", notes=("line ends without CR",)),
    Case(name="lower-case-version", script=say_and_stay(b"http/1.1 200 ok\r\nContent-Length: 2\r\n\r\nok"), content=b"ok"),
    Case(name="blank-lines-first", script=say_and_stay(b"\r\n" + whole(PAGE)), content=PAGE, notes=("blank lines before the status line",)),
    Case(name="repeated-length", script=say_and_stay(fields(b"Content-Length: 2", b"Content-Length: 2") + b"ok"), content=b"ok"),
    Case(name="length-no-number", script=say(fields(b"Content-Length: some") + b"ok"), content=b"ok", notes=("Content-Length is not a number",)),
    Case(name="length-negative", script=say(fields(b"Content-Length: -1") + b"ok"), content=b"ok", notes=("Content-Length is not a number",)),
    Case(name="length-and-chunked", script=say(fields(b"Content-Length: 9", CHUNKED) + b"2\r\nok\r\n0\r\n\r\n"), content=b"ok",
         notes=("both Transfer-Encoding and Content-Length",)),
    Case(name="gzip-then-chunked", script=say(fields(b"Transfer-Encoding: gzip, chunked") + b"2\r\nok\r\n0\r\n\r\n"), content=b"ok",
         notes=("transfer codings other than chunked",)),
    Case(name="transfer-coding-gzip", script=say(fields(b"Transfer-Encoding: gzip"), _GZIPPED), content=_GZIPPED,
         notes=("Transfer-Encoding does not end in chunked",)),
    Case(name="no-last-line", script=say(fields(CHUNKED) + b"2\r\nok\r\n0\r\n"), content=b"ok", notes=("closed before the end of the trailer section",)),
    Case(name="to-the-end-unannounced", script=say_and_cut(fields() + PAGE), content=PAGE, tls_note="the TLS connection was closed without notice"),
    Case(name="bytes-after-the-end", script=say(whole(b"ok") + b"and more"), content=b"ok", excess=b"and more"),
    Case(name="answer-nobody-asked-for", script=say_and_stay(whole(b"ok") + whole(b"second")), content=b"ok", excess=whole(b"second")),
    Case(name="no-content-with-content", script=say(b"HTTP/1.1 204 No Content\r\n\r\n<p>yet"), status=204, content=b"", excess=b"<p>yet"),
    Case(name="bytes-after-the-chunks", script=say(fields(CHUNKED) + b"0\r\n\r\n\0\0"), content=b"", excess=b"\0\0"),
    Case(name="closed-once", script=_once_then(say(), say(whole(PAGE))), content=PAGE, retries=1),
    Case(name="reset-once", script=_once_then(say_and_reset(), say(whole(PAGE))), content=PAGE, retries=1),
    # -- cut short -------------------------------------------------------------------------------------------------------
    Case(name="length-short", script=say(fields(b"Content-Length: 99") + PAGE), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT, content=PAGE,
         problem=f"closed after {len(PAGE)} of 99 body bytes"),
    Case(name="length-reset", script=say_and_reset(fields(b"Content-Length: 99") + PAGE), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT,
         content=PAGE, problem=f"reset after {len(PAGE)} of 99 body bytes"),
    Case(name="to-the-reset", script=say_and_reset(fields() + PAGE), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT, content=PAGE,
         problem="the connection was reset inside the body"),
    Case(name="chunks-end-early", script=say(fields(CHUNKED) + b"5\r\nhello\r\n"), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT,
         content=b"hello", problem="closed inside the body"),
    Case(name="chunk-cut", script=say(fields(CHUNKED) + b"9\r\nhello"), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT, content=b"hello"),
    Case(name="chunk-of-petabytes", script=say(fields(CHUNKED) + b"fffffffffffff\r\nhello"), outcome=_TRUNCATED, truncated=Truncation.DISCONNECT,
         content=b"hello"),
    Case(name="chunked-that-is-not", script=say(fields(CHUNKED) + b"<p>\nhello"), outcome=_TRUNCATED, truncated=Truncation.UNSPECIFIED,
         problem="a chunk size cannot be read"),
    Case(name="chunk-too-long", script=say(fields(CHUNKED) + b"2\r\nhello\r\n0\r\n\r\n"), outcome=_TRUNCATED, truncated=Truncation.UNSPECIFIED,
         problem="a chunk is longer than it says"),
    Case(name="chunk-line-of-100-kb", script=say(fields(CHUNKED) + b"2;" + b"x" * 100_000 + b"\r\nok\r\n0\r\n\r\n"), outcome=_TRUNCATED,
         truncated=Truncation.UNSPECIFIED, problem="a line of the chunk framing never ends"),
    Case(name="length-beyond-numbers", script=say(fields(b"Content-Length: " + b"9" * 40) + b"hello"), outcome=_TRUNCATED,
         truncated=Truncation.UNSPECIFIED, content=b"hello", problem="the Content-Length is larger than any body"),
    Case(name="broken-and-stalled", stalls=True, script=say_and_hold(fields(CHUNKED) + b"2\r\nhello\r\n"), outcome=_TRUNCATED,
         truncated=Truncation.TIME, problem="a chunk is longer than it says (body byte 5), then no byte for"),
    Case(name="lengths-contradict", script=say(fields(b"Content-Length: 2", b"Content-Length: 5") + b"hello"), outcome=_TRUNCATED,
         truncated=Truncation.UNSPECIFIED, content=b"hello", problem="the Content-Length fields contradict each other"),
    Case(name="stalled-body", stalls=True, script=say_and_hold(fields(b"Content-Length: 99") + PAGE), outcome=_TRUNCATED, truncated=Truncation.TIME, content=PAGE,
         problem="no byte for 1 s inside the body"),
    Case(name="stalled-to-the-end", stalls=True, script=say_and_hold(fields() + PAGE), outcome=_TRUNCATED, truncated=Truncation.TIME, content=PAGE),
    Case(name="stalled-chunks", stalls=True, script=say_and_hold(fields(CHUNKED) + b"5\r\nhel"), outcome=_TRUNCATED, truncated=Truncation.TIME, content=b"hel"),
    Case(name="endless-body", script=endless(fields(), b"x" * 10_000), outcome=_TRUNCATED, truncated=Truncation.LENGTH, content=b"x" * MAX_SIZE,
         problem="cut at the size limit of 300000 bytes"),
    Case(name="endless-chunks", script=endless(fields(CHUNKED), b"1\r\nx\r\n" * 1000), outcome=_TRUNCATED, truncated=Truncation.LENGTH),
    Case(name="longer-than-wanted", script=say(whole(b"y" * (MAX_SIZE + 1))), outcome=_TRUNCATED, truncated=Truncation.LENGTH, content=b"y" * MAX_SIZE),
    Case(name="endless-trailer", script=endless(fields(CHUNKED) + b"0\r\n", b"X: y\r\n" * 1000), outcome=_TRUNCATED, truncated=Truncation.LENGTH,
         content=b""),
    # -- no response -----------------------------------------------------------------------------------------------------
    Case(name="silence", stalls=True, script=say_and_hold(), outcome=_FAILED, status=None, problem="no byte for 1 s before answering"),
    Case(name="closed", script=say(), outcome=_FAILED, status=None, problem="the server closed the connection before answering", retries=1),
    Case(name="reset", script=say_and_reset(), outcome=_FAILED, status=None, problem="the server reset the connection before answering", retries=1),
    Case(name="cut-in-the-head", script=say(OK + b"Content-Le"), outcome=_FAILED, status=None, problem="closed the connection inside the response head"),
    Case(name="only-blank-lines", script=say(b"\r\n\r\n"), outcome=_FAILED, status=None, problem="inside the response head"),
    Case(name="reset-in-the-head", script=say_and_reset(OK), outcome=_FAILED, status=None, problem="reset the connection inside the response head"),
    Case(name="stalled-head", stalls=True, script=say_and_hold(OK + b"Server: "), outcome=_FAILED, status=None, problem="no byte for 1 s inside the response head"),
    Case(name="only-interim", script=say(_EARLY), outcome=_FAILED, status=None, interim=1, problem="after an interim response"),
    Case(name="endless-interim", script=endless(b"", _EARLY), outcome=_FAILED, status=None, interim=32, problem="interim responses without end"),
    Case(name="endless-head", script=endless(OK, b"X-Another: field\r\n" * 500), outcome=_FAILED, status=None, problem="larger than 256 KiB"),
    Case(name="http09", script=say(PAGE), outcome=_FAILED, status=None, problem="the reply is not HTTP"),
    Case(name="mail-server", script=say(b"220 mail.example ESMTP\r\n", 0.1, b"500 what?\r\n"), outcome=_FAILED, status=None, problem="the reply is not HTTP"),
    Case(name="icecast", script=say(b"ICY 200 OK\r\n\r\n\xff\xfb"), outcome=_FAILED, status=None, problem="the reply is not HTTP"),
    Case(name="http2-frames", stalls=True, script=say_and_hold(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80"), outcome=_FAILED, status=None, problem="the reply is not HTTP"),
    Case(name="noise-without-end", script=endless(b"", bytes(range(255, 0, -1)) * 40), outcome=_FAILED, status=None, problem="the reply is not HTTP"),
    Case(name="unreadable-status", script=say(b"HTTP/1.1 OK 200\r\n\r\n"), outcome=_FAILED, status=None, problem="the status line cannot be read"),
    Case(name="status-of-four-digits", script=say(b"HTTP/1.1 2000 OK\r\n\r\n"), outcome=_FAILED, status=None, problem="the status line cannot be read"),
)  # fmt: skip


@dataclass(slots=True)
class _Book:
    peers: dict[str, list[Peer]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class MisbehavingSite:
    """The server; a context manager. `greet` is what it does with a connection before any request (True: and then no more)."""

    def __init__(
        self, context: ssl.SSLContext | None = None, *, greet: Callable[[Peer], bool] | None = None, address: str = "127.0.0.1"
    ) -> None:
        self._scripts = {case.name: case.script for case in CASES}
        self._context = context
        self._greet = greet
        self._book = _Book()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._streams: set[socket.socket] = set()
        self._listener = socket.create_server(
            (address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=256
        )
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []

    def sent(self, name: str) -> bytes:
        """What was sent the last time that this case was asked for."""
        with self._book.lock:
            return bytes(self._book.peers[name][-1].sent)

    def script(self, name: str, script: Script) -> None:
        """Add a case of a test's own."""
        self._scripts[name] = script

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for stream in list(self._streams):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(stream, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    @staticmethod
    def underneath(peer: Peer) -> socket.socket:
        """The TCP connection below the TLS one, under a handle of its own."""
        return socket.socket(fileno=os.dup(peer.stream.fileno()))

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ending.is_set():
                stream, _ = self._listener.accept()
                self.connections += 1
                self._run(self._serve, stream)

    def _serve(self, stream: socket.socket) -> None:
        self._streams.add(stream)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(stream, self._ending)
        try:
            if self._greet is not None and self._greet(peer):
                return
            if self._context is not None:
                secured = self._context.wrap_socket(stream, server_side=True)
                self._streams.add(secured)
                peer.stream = secured
            while self._answer(peer):
                peer = Peer(peer.stream, self._ending)
            peer.farewell()
        except OSError:
            pass  # the client had enough, or the script closed the connection
        finally:
            self._streams -= {stream, peer.stream}
            peer.stream.close()
            stream.close()

    def _answer(self, peer: Peer) -> bool:
        request = b""
        while b"\r\n\r\n" not in request:
            received = peer.stream.recv(65536)
            if not received:
                return False
            request += received
        target = request.split(b" ", 2)[1].strip(b"/").decode("ascii")
        name = target if target in self._scripts else target.partition("?")[0]
        with self._book.lock:
            self.requests.append(request)
            peers = self._book.peers.setdefault(name, [])
            peers.append(peer)
        peer.request = request
        self._scripts[name](peer, len(peers) - 1)
        return peer.stays


def names(*, stalls: bool) -> list[str]:
    """The names of the cases that stall, or of those that do not."""
    return [case.name for case in CASES if case.stalls is stalls]

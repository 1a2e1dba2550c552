"""HTTP/1 responses, pushed through as they arrive: where the head ends, where the body ends, and nothing thrown away.

The promise is about bytes: `interim` + `head` + what `feed` returned + `excess` is what was fed, and `head` and body are what
the server sent, odd spacing and chunk framing included. Grammar: RFC 9110 and RFC 9112. Reading is lenient where browsers are,
because the web that footnotes cite is old; each leniency is named in `notes`. Where the framing contradicts itself the bytes are
kept and `broken` says why nobody can know that they are all (RFC 9112 section 6.3). Content coding is never touched.

    HEAD ──1xx──▶ HEAD        a final head decides the framing:
    HEAD ────────▶ BODY       none · a length · chunked · until the connection closes
    HEAD ────────▶ NOT_HTTP   what came is no response; it is kept in `garbage`
    BODY ────────▶ DONE       what follows is `excess`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache

MAX_HEAD = 256 * 1024
"""Bytes of one head; browsers refuse at the same size."""
MAX_INTERIM = 32
"""1xx responses before the final one."""
MAX_ASIDE = 64 * 1024
"""Bytes kept of what is not part of a response (`garbage`, `excess`)."""
_MAX_LINE = 16 * 1024
_MAX_TRAILER = 64 * 1024

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"(?i:HTTP)/(\d)(?:\.(\d))?[ \t]+([1-9]\d\d)(?!\d)")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_SHORT = 64
"""Bytes of a header's name that is remembered; longer ones nobody uses twice."""
_LONGEST_LENGTH = 18
"""Digits of a length that anything could have."""

Headers = tuple[tuple[bytes, bytes], ...]


class State(Enum):
    """Where in a response the next byte belongs."""

    HEAD = auto()
    BODY = auto()
    DONE = auto()
    NOT_HTTP = auto()


class Framing(Enum):
    """What ends the body (RFC 9112 section 6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class _Chunk(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()


class ResponseParser:
    """One response to one request; feed it what comes, and `close` it when the other side has closed.

    `size` counts body bytes on the wire; `max_body` is how many of them are wanted: `cut` says that there were more.
    """

    __slots__ = (
        "_chunk",
        "_held",
        "_left",
        "_max_body",
        "_method",
        "_version",
        "broken",
        "chunked",
        "cut",
        "excess",
        "expected",
        "framing",
        "garbage",
        "head",
        "headers",
        "interim",
        "notes",
        "size",
        "state",
        "status",
    )

    def __init__(self, *, method: str = "GET", max_body: int = 1 << 62) -> None:
        self.state = State.HEAD
        self.interim: list[bytes] = []
        self.head = b""
        self.status: int | None = None
        self.headers: Headers = ()
        self.framing = Framing.NONE
        self.chunked = False
        self.expected: int | None = None
        self.size = 0
        self.cut = False
        self.broken = ""
        self.excess = b""
        self.garbage = b""
        self.notes: list[str] = []
        self._method = method
        self._max_body = max_body
        self._version = (1, 1)
        self._held = bytearray()
        self._left = 0
        self._chunk = _Chunk.SIZE

    # -- what a caller asks ------------------------------------------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """Nothing at all has come yet."""
        return self.state is State.HEAD and not self._held and not self.interim

    @property
    def partial_head(self) -> bytes:
        """What has come of a head that is not complete."""
        return bytes(self._held) if self.state is State.HEAD else b""

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow on this connection (RFC 9112 section 9.3)."""
        if self.state is not State.DONE or self.framing is Framing.CLOSE or self.broken or self.excess or self.status == 101:
            return False
        if self.chunked and (self._version < (1, 1) or self.notes):
            return False
        options = {
            option.strip().lower()
            for name, value in self.headers
            if name.lower() == b"connection"
            for option in value.split(b",")
        }
        return b"close" not in options and (self._version >= (1, 1) or b"keep-alive" in options)

    # -- what a caller does ------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> tuple[bytes, Sequence[bytes]]:
        """Take what came; returns the part of it that is body as on the wire, and the pieces of content in that part.

        For a body that is not chunked the two are the same bytes.
        """
        if self.state is State.HEAD:
            data = self._take_head(data)
            if not data:
                return b"", ()
        if self.state is State.BODY:
            return self._take_body(data)
        if self.state is State.DONE:
            self.excess = (self.excess + data)[:MAX_ASIDE]
        elif self.state is State.NOT_HTTP and len(self.garbage) < MAX_ASIDE:
            self.garbage = (self.garbage + data)[:MAX_ASIDE]
        return b"", ()

    def close(self) -> None:
        """The other side has closed: that ends a body which nothing else ends."""
        if self.state is not State.BODY or self.broken:
            return
        if self.framing is Framing.CLOSE:
            self.state = State.DONE
        elif self._chunk is _Chunk.TRAILER:
            self.notes.append("closed before the end of the trailer section")
            self.state = State.DONE

    # -- the head ----------------------------------------------------------------------------------------------------------

    def _take_head(self, data: bytes) -> bytes:
        """Look for the end of a head; returns what follows a final one."""
        held = self._held
        searched = max(0, len(held) - 3)
        if held:
            held += data
        buffer: bytes | bytearray = held or data
        at = 0
        while True:
            if at == 0 and not self.interim and buffer[:1] in b"\r\n":
                at = self._skip_blank_lines(buffer)
                searched = max(at, searched)
                if at == len(buffer):
                    self._held = bytearray(buffer)
                    return b""
            if not _may_be_http(buffer[at : at + 5]):
                return self._not_http("the reply is not HTTP", bytes(buffer[at:]))
            end = _HEAD_END.search(buffer, max(at, searched))
            stop = end.end() if end else -1
            del end  # a match holds on to the buffer, which could not grow then
            if (stop if stop > 0 else len(buffer)) - at > MAX_HEAD:
                return self._not_http(f"the response head is larger than {MAX_HEAD // 1024} KiB", bytes(buffer[at:]))
            if stop < 0:
                self._held = bytearray(buffer[at:]) if at or buffer is not held else held
                return b""
            head = bytes(buffer[at:stop])
            at, searched = stop, stop
            status = _STATUS_LINE.match(head)
            if status is None:
                return self._not_http("the status line cannot be read", head + bytes(buffer[at:]))
            code = int(status[3])
            if not (code < 200 and code != 101):
                self._version = (int(status[1]), int(status[2] or 0))
                self._held = bytearray()
                self._begin(code, head)
                return bytes(buffer[at:])
            if len(self.interim) == MAX_INTERIM or sum(map(len, self.interim)) > MAX_HEAD:
                return self._not_http("interim responses without end", head + bytes(buffer[at:]))
            self.interim.append(head)
            if at == len(buffer):
                self._held = bytearray()
                return b""

    def _skip_blank_lines(self, buffer: bytes | bytearray) -> int:
        """Up to four stray line-end bytes before the status line are stepped over, as browsers do."""
        at = min(len(buffer) - len(buffer.lstrip(b"\r\n")), 4)
        if at < len(buffer):
            self.garbage = bytes(buffer[:at])
            self.notes.append("blank lines before the status line")
        return at

    def _not_http(self, why: str, data: bytes) -> bytes:
        self.broken = why
        self.garbage = (self.garbage + data)[:MAX_ASIDE]
        self.state = State.NOT_HTTP
        self._held = bytearray()
        return b""

    def _begin(self, status: int, head: bytes) -> None:
        self.status = status
        self.head = head
        self.headers, notes = parse_fields(head)
        self.notes += notes
        self.framing = self._decide_framing(status)
        bare = head.count(b"\n") != head.count(b"\r\n")
        if bare:
            self.notes.append("line ends without CR")
        finished = self.framing is Framing.NONE or (self.framing is Framing.LENGTH and self._left == 0)
        self.state = State.DONE if finished else State.BODY

    def _decide_framing(self, status: int) -> Framing:
        """RFC 9112 section 6.3, in its order."""
        codings: list[bytes] = []
        lengths: list[bytes] = []
        for name, value in self.headers:
            lower = name.lower()
            if lower == b"transfer-encoding":
                codings += [coding.strip().lower() for coding in value.split(b",") if coding.strip()]
            elif lower == b"content-length":
                lengths += [length.strip() for length in value.split(b",")]
        if self._method == "HEAD" or status in {101, 204, 304}:
            return Framing.NONE
        too_long = False
        if len(set(lengths)) == 1 and lengths[0].isdigit():
            digits = lengths[0].lstrip(b"0")
            too_long = len(digits) > _LONGEST_LENGTH
            self.expected = None if too_long else int(digits or b"0")
        codings = [coding for coding in codings if coding != b"identity"]
        if codings:
            if lengths:
                self.notes.append("both Transfer-Encoding and Content-Length")
            if codings[-1] == b"chunked":
                self.chunked = True
                if len(codings) > 1:
                    self.notes.append("transfer codings other than chunked")
                return Framing.CHUNKED
            self.notes.append("Transfer-Encoding does not end in chunked")
            return Framing.CLOSE
        if self.expected is not None:
            self._left = self.expected
            return Framing.LENGTH
        if len(set(lengths)) > 1:
            self.broken = "the Content-Length fields contradict each other"
        elif too_long:
            self.broken = "the Content-Length is larger than any body"
        elif lengths:
            self.notes.append("Content-Length is not a number")
        return Framing.CLOSE

    # -- the body ----------------------------------------------------------------------------------------------------------

    def _take_body(self, data: bytes) -> tuple[bytes, Sequence[bytes]]:
        room = self._max_body - self.size
        tail = b""
        if len(data) > room:
            data, tail = data[:room], data[room:]
        if self.framing is Framing.CHUNKED:
            taken, pieces = self._take_chunks(data)
        elif self.framing is Framing.LENGTH:
            taken = data[: self._left] if len(data) > self._left else data
            self._left -= len(taken)
            pieces = (taken,)
            if self._left == 0:
                self.state = State.DONE
        else:
            taken, pieces = data, () if self.chunked else (data,)  # after broken chunks nobody knows what is content
        self.size += len(taken)
        if self.state is State.DONE:
            self.excess = (data[len(taken) :] + tail)[:MAX_ASIDE]
        elif tail:
            self.cut = True
        return taken, pieces

    def _take_chunks(self, data: bytes) -> tuple[bytes, Sequence[bytes]]:
        """RFC 9112 section 7.1: sizes, extensions, data, and the trailer section up to its empty line."""
        before = len(self._held)
        if before:
            data = bytes(self._held) + data
            self._held = bytearray()
        pieces: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.broken:
            if self._chunk is _Chunk.DATA:
                piece = data[at : at + self._left] if at or size > self._left else data
                at += len(piece)
                self._left -= len(piece)
                pieces.append(piece)
                if self._left == 0:
                    self._chunk = _Chunk.DATA_END
                continue
            end = data.find(b"\n", at) + 1
            if (end or size) - at > _MAX_LINE:  # whether it came in one piece or in many
                self._break_off("a line of the chunk framing never ends", before, at)
                break
            if end == 0:
                self._held = bytearray(data[at:])
                break
            if self._take_line(data[at:end], before, at):
                return data[before:end], pieces
            at = end
        if self.broken:
            self.framing = Framing.CLOSE
        return data[before:], pieces

    def _take_line(self, line: bytes, before: int, at: int) -> bool:
        """One line of the framing; True when it ends the body."""
        blank = line in {b"\r\n", b"\n"}
        if self._chunk is _Chunk.DATA_END:
            self._chunk = _Chunk.SIZE
            if not blank:
                self._break_off("a chunk is longer than it says", before, at)
        elif self._chunk is _Chunk.SIZE:
            match = _CHUNK_SIZE.fullmatch(line)
            if match is None:
                self._break_off("a chunk size cannot be read", before, at)
            else:
                self._left = int(match[1], 16)
                self._chunk = _Chunk.DATA if self._left else _Chunk.TRAILER
        elif blank:
            self.state = State.DONE
            return True
        else:
            self._left += len(line)  # 0 since the last chunk; now it counts the trailer section
            if self._left > _MAX_TRAILER:
                self._break_off("the trailer section never ends", before, at)
        return False

    def _break_off(self, why: str, before: int, at: int) -> None:
        self.broken = f"{why} (body byte {self.size + at - before})"


def _is_token(name: bytes) -> bool:
    return _is_short_token(name) if len(name) <= _SHORT else _TOKEN.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _is_short_token(name: bytes) -> bool:
    """Servers use the same few names again and again."""
    return _TOKEN.fullmatch(name) is not None


def _may_be_http(start: bytes | bytearray) -> bool:
    return b"HTTP/".startswith(start.upper())


def parse_fields(head: bytes) -> tuple[Headers, list[str]]:
    """The header fields after the first line of a head, in order, and what was odd about them.

    Read as browsers do (RFC 9112 section 5): a folded line continues its field, space before the colon is dropped, a line
    without a colon is no field.
    """
    fields: list[tuple[bytes, bytes]] = []
    odd: dict[str, None] = {}
    for line in head.split(b"\n")[1:]:
        line = line.rstrip(b"\r")  # noqa: PLW2901 - the rest of the line end
        if not line:
            continue
        if line[:1] in b" \t":
            odd["a folded header line"] = None
            if fields:
                name, value = fields[-1]
                fields[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            odd["a header line without a colon"] = None
            continue
        if not _is_token(name):
            name = name.rstrip(b" \t")
            odd["space before the colon of a header" if _is_token(name) else "a header name that is no token"] = None
        fields.append((name, value.strip(b" \t")))
    return tuple(fields), list(odd)

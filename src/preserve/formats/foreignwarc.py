"""Records of WARC files that other tools wrote, read as leniently as players do and never beyond bounds.

Any of the three forms that exist is read: a gzip member for each record (what players need), one gzip stream over everything, no
compression at all. The stored bytes come piece by piece; held are one piece and the beginning of one block. `framed` says whether a
record lies in a member of its own, so that it can be found again by place: then `offset`, `length` and `sha256` are of its stored bytes.

What cannot be read ends the reading with an Item that says so: the file is kept as it is, and so is the doubt. An ARC file, and what is
no WARC from its first byte on, raises FormatError.

ISO 28500:2017 section 4, annex D. https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, cast

from isal import isal_zlib

from preserve.errors import FormatError
from preserve.formats.warc import END, MAX_HEADER, Header
from preserve.formats.warcscan import BLOCK_START, lenient_header
from preserve.model.noun import dataclass

MAX_INFLATED: Final = 1 << 36
"""Bytes that a file may unpack to, when it unpacks to more than a hundred times its size."""
_RATIO: Final = 100
_PIECE: Final = 1 << 18
_GZIP: Final = b"\x1f\x8b"
_GAP: Final = 1 << 10
"""Line ends between records that are passed over."""
_DAMAGED: Final = cast("tuple[type[Exception], ...]", (isal_zlib.error, EOFError))
_HTTP_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/[0-9.]+[ \t]+([0-9]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One record, or why there is no further one (`problem`, and then no `header`).

    `block` is how the record's block begins. `status` and `head` are of an HTTP response, `payload_sha256` over all that follows its head
    as it was stored; None where chunk framing stands in it or there is none.
    """

    offset: int
    length: int
    sha256: str
    framed: bool
    header: Header | None
    block: bytes = b""
    head: bytes = b""
    status: int | None = None
    payload_sha256: str | None = None
    payload_size: int = 0
    problem: str = ""

    def field(self, name: bytes) -> str:
        """The first HTTP header field of that name (lower case), "" when there is none."""
        for row in self.head.splitlines()[1:]:
            key, colon, value = row.partition(b":")
            if colon and key.strip().lower() == name:
                return value.decode("latin-1").strip()
        return ""


def read(pieces: Iterable[bytes]) -> Iterator[Item]:
    """Every record in order. Raises FormatError when the first bytes are of no WARC file."""
    source = _Source(pieces)
    first = source.peek(16)
    if first.startswith(b"filedesc:"):
        raise FormatError("an ARC file, the format before WARC", "convert it to WARC first, and keep the original")
    if source.at_start_damaged or not first.startswith(b"WARC/"):
        raise FormatError("not a WARC file: no record begins it")
    while True:
        source.skip_line_ends()
        if not source.peek(1):
            break
        start = source.at
        try:
            yield _record(source)
        except FormatError as problem:
            yield Item(offset=source.place(start), length=0, sha256="", framed=False, header=None, problem=problem.message)
            return
    if source.problem:
        yield Item(offset=source.stored, length=0, sha256="", framed=False, header=None, problem=source.problem)


def _record(source: _Source) -> Item:
    """The record that begins here. Raises FormatError when it cannot be read, or is cut short."""
    start = source.at
    source.begin()
    header = lenient_header(source.until(END, MAX_HEADER))
    http = (header.get("Content-Type") or "").lower().startswith("application/http") and header.type == "response"
    left, block = header.length, b""
    payload, head, seen = hashlib.sha256(), b"", False
    while left:
        piece = source.take(min(left, _PIECE))
        if not piece:
            raise FormatError(source.problem or "the file ends before this record does")
        left -= len(piece)
        if seen:
            payload.update(piece)
        elif http and len(block) < BLOCK_START and (end := _HTTP_END.search(block + piece)):
            whole = block + piece
            head, seen = whole[: end.end()], True
            payload.update(whole[end.end() :])
        if len(block) < BLOCK_START:
            block += piece[: BLOCK_START - len(block)]
    source.skip_line_ends()
    place, length, digest = source.end(start)
    status = _STATUS.match(head)
    chunked = b"chunked" in head.lower().partition(b"transfer-encoding:")[2].partition(b"\n")[0]
    size = header.length - len(head) if seen else 0
    return Item(
        offset=place,
        length=length,
        sha256=digest,
        framed=bool(digest),
        header=header,
        block=block,
        head=head,
        status=int(status[1]) if status else None,
        payload_sha256=payload.hexdigest() if seen and not chunked else None,
        payload_size=size if not chunked else 0,
    )


class _Source:
    """The unpacked content of a file, and where each gzip member of it begins."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = bytearray()
        self._members: dict[int, tuple[int, int, str]] = {}
        """By where its content begins: offset, length, SHA-256 of a gzip member that was read whole."""
        self._first = next(self._pieces, b"")
        while 0 < len(self._first) < len(_GZIP) and (more := next(self._pieces, b"")):
            self._first += more
        self._packed = self._first.startswith(_GZIP)
        self._member = (0, 0)
        """Where the member being read begins: its content, its stored bytes."""
        self._hash = hashlib.sha256()
        self._inflated = 0
        self._ended = False
        self._mark: int | None = None
        self.at = 0
        self.stored = 0
        self.problem = ""
        self._content = self._unpacked() if self._packed else self._plain()

    @property
    def at_start_damaged(self) -> bool:
        return self.at == 0 and not self._buffer and bool(self.problem)

    def peek(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        return bytes(self._buffer[:size])

    def take(self, size: int) -> bytes:
        """Up to `size` bytes; none when the content has ended."""
        if not self._buffer:
            self._fill()
        piece = bytes(self._buffer[:size])
        self._advance(len(piece))
        return piece

    def until(self, end: bytes, limit: int) -> bytes:
        """What stands before `end`, which is passed over. Raises FormatError when it does not come within `limit` bytes."""
        while (found := self._buffer.find(end)) < 0 and len(self._buffer) < limit and self._fill():
            pass
        if found < 0:
            raise FormatError(self.problem or "no end of the WARC header")
        data = bytes(self._buffer[:found])
        self._advance(found + len(end))
        return data

    def skip_line_ends(self) -> None:
        for _ in range(_GAP):
            if self.peek(1) not in {b"\r", b"\n"}:
                return
            self._advance(1)

    def begin(self) -> None:
        """A record begins: of what is not packed, its bytes are hashed from here on."""
        if not self._packed:
            self._hash = hashlib.sha256()
            self._mark = self.at

    def end(self, start: int) -> tuple[int, int, str]:
        """Offset, length and SHA-256 of the stored form of what was read since `start`; "" when it has none of its own."""
        if not self._packed:
            self._mark = None
            return start, self.at - start, self._hash.hexdigest()
        self.peek(1)  # so that a member that ends here is known to
        offset, length, digest = self._members.pop(start, (self.place(start), 0, ""))
        whole = digest and (not self._buffer or self._member[0] == self.at or self.at in self._members)
        self._members = {place: member for place, member in self._members.items() if place >= self.at}
        return (offset, length, digest) if whole else (offset, 0, "")

    def place(self, start: int) -> int:
        """About where in the file the content at `start` lies."""
        if not self._packed:
            return start
        return self._members[start][0] if start in self._members else self._member[1]

    def _advance(self, size: int) -> None:
        if self._mark is not None:
            self._hash.update(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        self.at += size

    def _fill(self) -> bool:
        if self._ended:
            return False
        piece = next(self._content, None)
        if piece is None:
            self._ended = True
            return False
        self._inflated += len(piece)
        if self._inflated > MAX_INFLATED and self._inflated > _RATIO * max(self.stored, 1):
            self._ended, self.problem = True, f"it unpacks to more than {MAX_INFLATED} bytes: not read further"
            return False
        self._buffer += piece
        return True

    def _raw(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    def _plain(self) -> Iterator[bytes]:
        for piece in self._raw():
            self.stored += len(piece)
            if piece:
                yield piece

    def _unpacked(self) -> Iterator[bytes]:
        inflate = isal_zlib.decompressobj(31)
        begun = False
        for piece in self._raw():
            rest = piece
            while rest:
                given = rest
                try:
                    content = inflate.decompress(rest, _PIECE)
                except _DAMAGED:
                    self.problem = "not a gzip member, or a damaged one"
                    return
                begun = True
                rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                used = len(given) - len(rest)
                self._hash.update(memoryview(given)[:used])
                self.stored += used
                ended = inflate.eof
                if ended:
                    content_at, at = self._member
                    self._members[content_at] = (at, self.stored - at, self._hash.hexdigest())
                    self._hash = hashlib.sha256()
                    inflate, begun = isal_zlib.decompressobj(31), False
                    self._member = (self.at + len(self._buffer) + len(content), self.stored)
                if content:
                    yield content
                if not ended and not used and not content:
                    break
        if begun:
            self.problem = "the last gzip member is cut short"

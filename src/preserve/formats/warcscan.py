"""Where the records of any WARC file lie, ours or another tool's, in one pass over its stored bytes.

`scan` takes a file of gzip members piece by piece and tells of each member its place, its hash, the WARC header in it and how the
block begins; memory is one piece and the beginning of one block. It is lenient where `formats.warc` is strict (WARC/1.0, any gzip
header, a header line that is odd), because what others wrote is to be indexed and compared, not judged by our profile. `peek` reads
the head of one record from the first bytes of its member.

ISO 28500:2017 annex D.2: one member per record.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, cast

from isal import igzip_lib, isal_zlib

from preserve.errors import FormatError
from preserve.formats.warc import END, MAX_HEADER, Header
from preserve.model.noun import dataclass

BLOCK_START: Final = 1 << 16
"""Bytes of a block that are kept: any HTTP head a player can read."""
HEAD: Final = 2 * (MAX_HEADER + BLOCK_START)
"""Stored bytes in which a record's header and the beginning of its block stand, however little they are compressed."""
_PIECE: Final = 1 << 18
_VERSION: Final = re.compile(r"WARC/(0\.\d+|1\.[01])")
_DAMAGED: Final = cast("tuple[type[Exception], ...]", (isal_zlib.error, igzip_lib.error, EOFError))
_HTTP_END: Final = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One member. `header` is None when `problem` says why there is none; `block` is how the record's block begins."""

    offset: int
    length: int
    sha256: str
    header: Header | None
    block: bytes
    problem: str


def scan(pieces: Iterable[bytes]) -> Iterator[Found]:
    """Every member of a file, in order. What cannot be read ends the scan with a Found that says so."""
    reading, place = _Member(0), 0
    for piece in pieces:
        rest = piece
        while rest:
            try:
                rest = reading.feed(rest)
            except _DAMAGED:
                yield reading.found("not a gzip member, or a damaged one")
                return
            if reading.ended:
                yield reading.found("")
                place += reading.length
                reading = _Member(place)
    if reading.length:
        yield reading.found("the last gzip member is cut short")


class _Member:
    """One gzip member being read."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.length = 0
        self._inflate = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        self._hash = hashlib.sha256()
        self._start = b""
        self._size = 0

    @property
    def ended(self) -> bool:
        return bool(self._inflate.eof)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what is not this member's any more is returned."""
        given = data
        while not self._inflate.eof and (data or not self._inflate.needs_input):
            self._take(self._inflate.decompress(data, _PIECE))
            data = b""
        rest = self._inflate.unused_data if self._inflate.eof else b""
        used = len(given) - len(rest)
        self._hash.update(given if not rest else memoryview(given)[:used])
        self.length += used
        return bytes(rest)

    def _take(self, content: bytes) -> None:
        self._size += len(content)
        if len(self._start) < MAX_HEADER + BLOCK_START:
            at = self._start.find(END)
            room = (MAX_HEADER if at < 0 else at + len(END)) + BLOCK_START - len(self._start)
            if room > 0:
                self._start += content[:room]

    def found(self, problem: str) -> Found:
        header, block = None, b""
        if not problem:
            try:
                header, block = _split(self._start)
                end = self._start.index(END) + len(END)
                if end + header.length + len(END) != self._size:
                    problem = "the member does not hold exactly one record"
            except FormatError as error:
                problem = error.message
        return Found(
            offset=self.offset,
            length=self.length,
            sha256=self._hash.hexdigest(),
            header=header,
            block=block,
            problem=problem,
        )


def peek(stored: bytes, *, whole: bool) -> tuple[Header, bytes] | None:
    """The header and the beginning of the block, from the first bytes of a member; None when they do not reach so far.

    `whole`: there are no more bytes. The block reaches to the end of an HTTP head where it has one. Raises FormatError.
    """
    try:
        content = isal_zlib.decompressobj(31).decompress(stored, MAX_HEADER + BLOCK_START)
    except _DAMAGED:
        raise FormatError("not a gzip member, or a damaged one") from None
    end = content.find(END)
    enough = MAX_HEADER if end < 0 else end + len(END) + BLOCK_START
    if not whole and len(content) < enough and (end < 0 or _HTTP_END.search(content, end + len(END)) is None):
        return None
    return _split(content)


def _split(content: bytes) -> tuple[Header, bytes]:
    end = content.find(END)
    if end < 0:
        raise FormatError("no end of the WARC header")
    return lenient_header(content[:end]), content[end + len(END) : end + len(END) + BLOCK_START]


def lenient_header(data: bytes) -> Header:
    """A WARC header of any writer, without the empty line that ends it. Raises FormatError."""
    first, _, rest = data.decode("utf-8", "replace").partition("\r\n")
    if not _VERSION.fullmatch(first):
        raise FormatError(f"no WARC header: {first[:40]!r}")
    fields: list[tuple[str, str]] = []
    own: dict[str, str] = {}
    for line in rest.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon and not name.startswith((" ", "\t")):
            name, value = name.strip(), value.strip()
            lower = name.lower()
            if lower == "warc-target-uri":
                value = value.strip("<>")  # WARC/1.0 wrote them around it as well
            fields.append((name, value))
            own[lower] = value
    try:
        date = datetime.fromisoformat(own["warc-date"])
        return Header(
            type=own["warc-type"],
            id=own["warc-record-id"].strip("<>"),
            date=date if date.tzinfo else date.replace(tzinfo=UTC),
            length=int(own["content-length"]),
            fields=tuple(fields),
        )
    except (KeyError, ValueError):
        raise FormatError("the WARC header lacks its type, id, date or length") from None

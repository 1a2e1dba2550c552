"""From the body on the wire to the bytes the page is made of: chunk framing taken off, content coding undone, within bounds.

What is archived is never touched by this; it serves those who must read a page to judge it (robots.txt, a verdict, requisites).
RFC 9112 section 7.1 (chunked), RFC 9110 section 8.4 (content codings). Nothing here raises for what a server sent: a body that
does not decode gives as much as could be read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from preserve.model.web import Exchange

_SIZE_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[^\n]*\n")
_LONGEST_LINE = 1 << 14
"""Bytes of a chunk's size and its extensions; a longer line is no framing (as in `http1`), and holding it would cost memory and time."""


def entity(exchange: Exchange, limit: int) -> bytes:
    """Up to `limit` bytes of the entity, decoded."""
    pieces: Iterable[bytes] = exchange.body.chunks()
    if exchange.chunked:
        pieces = _unframed(pieces)
    coding = (exchange.header(b"content-encoding") or b"").strip().lower()
    if coding in {b"gzip", b"x-gzip", b"deflate"}:
        pieces = _inflated(pieces, limit)
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= limit:
            break
    return bytes(found[:limit])


def _unframed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of the chunks; stops at the last chunk, or where the framing is broken."""
    held, left = b"", 0
    for piece in pieces:
        buffer, at, end = (held + piece if held else piece), 0, len(held) + len(piece)
        while at < end:
            if left > 2:
                data = buffer[at : at + left - 2]
                at += len(data)
                left -= len(data)
                yield data
            elif left:  # the line end that closes a chunk
                skipped = min(left, end - at)
                at += skipped
                left -= skipped
            elif (line := _SIZE_LINE.match(buffer, at)) is not None:
                if (size := int(line[1], 16)) == 0:
                    return
                at, left = line.end(), size + 2
            elif end - at > _LONGEST_LINE or b"\n" in buffer[at:]:
                return
            else:
                break
        held = buffer[at:]


def _inflated(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Gzip or zlib undone, or raw deflate, which some servers send in the name of zlib; never more than `limit` at once."""
    inflater, first = zlib.decompressobj(zlib.MAX_WBITS | 32), True
    for piece in pieces:
        data = piece
        while data:
            try:
                out = inflater.decompress(data, limit)
            except zlib.error:
                if not first:
                    return
                inflater, first = zlib.decompressobj(-zlib.MAX_WBITS), False
                continue
            first = False
            yield out
            data = inflater.unconsumed_tail
            if inflater.eof:
                return

"""From the body on the wire to the bytes the page is made of: chunk framing taken off, content coding undone, within bounds.

What is archived is never touched by this; it serves those who must read a page to judge it (robots.txt, a verdict, requisites).
RFC 9112 section 7.1 (chunked), RFC 9110 section 8.4 (content codings). Nothing here raises for what a server sent: a body that
does not decode gives as much as could be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from preserve.formats import contentcoding
from preserve.model.web import Exchange

_SIZE_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[^\n]*\n")
_LONGEST_LINE = 1 << 14
"""Bytes of a chunk's size and its extensions; a longer line is no framing (as in `http1`), and holding it would cost memory and time."""


def entity(exchange: Exchange, limit: int) -> bytes:
    """Up to `limit` bytes of the entity, decoded; still coded where `obstacle` says why."""
    pieces: Iterable[bytes] = exchange.body.chunks()
    if exchange.chunked:
        pieces = _unframed(pieces)
    pieces = contentcoding.undone(pieces, _coding(exchange))
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= limit:
            break
    return bytes(found[:limit])


def obstacle(exchange: Exchange) -> str:
    """Why the content coding of an entity cannot be undone here, in words; "" when it can."""
    return contentcoding.obstacle(_coding(exchange))


def _coding(exchange: Exchange) -> bytes:
    # A list may be spread over several fields (RFC 9110 section 5.3).
    return b", ".join(value for name, value in exchange.headers if name.lower() == b"content-encoding")


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

"""What stands where a record was: a record of exactly as many stored bytes, which says so (docs/formats/events.md, "redaction").

    1f8b0800…           gzip header, FLG 0 and MTIME 0
    WARC/1.1            metadata, urn:preserve:redacted:<run>:<file>:<index>, text/plain: what was here, why, on whose order
    spaces              as many as it takes, in stored deflate blocks (RFC 1951 section 3.2.4)
    CRC-32, length

So every reader of WARC goes on to the next record. Nothing here depends on the record that was removed but its place and its length: whoever
has the statement can make these bytes again, and finish an overwriting that was cut short. Nor does it hold the record's id, which
would make a guess at the removed bytes easier to try against their hash.

A record too short for this becomes a member that holds spaces only; one too short for a member becomes zeros. Neither is a WARC record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from isal import isal_zlib

from preserve.formats.gzipmember import HEADER
from preserve.formats.warc import END, Header, Member, warc_date
from preserve.model.event import RemovedRecord, RunRef

_URN: Final = "urn:preserve:redacted:"
_TRAILER: Final = 8
_BLOCK: Final = 5
"""Bytes before the content of a stored block: three bits, padded; LEN, NLEN."""
_BLOCK_MAX: Final = 0xFFFF
_PADDING: Final = bytes(1 << 18).replace(b"\0", b" ")
_LAST: Final = b"\n"


def replacement(
    run: RunRef, place: tuple[str, int], length: int, *, reason: str, authority: str, at: datetime
) -> Iterator[bytes]:
    """The `length` bytes that stand in the place (file, index) of a record that was removed. Memory is a few hundred KiB."""
    text = f"Removed: record {place[1]} of {place[0]}, run {run.sequence}.\nWhy: {reason}\nBy order of: {authority}\n".encode()
    for words, full in ((text, True), (b"", True), (b"", False)):
        for blocks in _blocks(length):
            content = length - len(HEADER) - _TRAILER - _BLOCK * blocks
            if (size := _block_size(run, place, at, content, full=full)) >= len(words) + len(_LAST):
                padding = size - len(words) - len(_LAST)
                head = _header(run, place, at, size, _digest(words, padding) if full else "")
                return _member([head + words, padding, _LAST + END], blocks)
    if length >= len(HEADER) + _TRAILER + _BLOCK:
        blocks = next(iter(_blocks(length)))
        return _member([b"", length - len(HEADER) - _TRAILER - _BLOCK * blocks, b""], blocks)
    return iter((bytes(length),))


def sha256(pieces: Iterator[bytes]) -> str:
    """The hash of a replacement."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def of(run: RunRef, record: RemovedRecord, *, reason: str, authority: str, at: datetime) -> Iterator[bytes]:
    """The replacement of a record that a statement names."""
    return replacement(run, (record.file, record.index), record.length, reason=reason, authority=authority, at=at)


def is_replacement(member: Member) -> bool:
    """Whether a stored record says of itself that it stands for one that was removed. Only the archive's events can prove it."""
    return not member.problem and member.header is not None and is_replaced(member.header)


def is_replaced(header: Header) -> bool:
    """The same, of a record's header."""
    return (header.target_uri or "").startswith(_URN)


def _blocks(length: int) -> range:
    """How many stored blocks hold the content; one or two more where a length cannot be reached with the fewest."""
    room = max(length - len(HEADER) - _TRAILER, 0)
    fewest = max(1, -(-room // (_BLOCK_MAX + _BLOCK)))
    return range(fewest, fewest + 3)


def _block_size(run: RunRef, place: tuple[str, int], at: datetime, content: int, *, full: bool) -> int:
    """The Content-Length at which header, block and end are `content` bytes; -1 when there is none."""
    for digits in range(1, 17):
        size = content - len(END) - len(_header(run, place, at, 0, "0" * 64 if full else "")) + 1 - digits
        if size >= 0 and len(str(size)) == digits:
            return size
    return -1


def _header(run: RunRef, place: tuple[str, int], at: datetime, size: int, digest: str) -> bytes:
    """The record's header; without a digest the shortest there is. Its id is made of what it stands for, and always the same."""
    name = f"{_URN}{run.sequence}:{place[0].rpartition('/')[2]}:{place[1]}"
    hashed = hashlib.sha256(f"{name} {run.seal_sha256}".encode()).hexdigest()
    identifier = f"{hashed[:8]}-{hashed[8:12]}-8{hashed[13:16]}-8{hashed[17:20]}-{hashed[20:32]}"
    rows = (
        "WARC/1.1",
        "WARC-Type: metadata",
        f"WARC-Record-ID: <urn:uuid:{identifier}>",
        f"WARC-Date: {warc_date(at)}",
        f"WARC-Target-URI: {name}",
        *(("Content-Type: text/plain; charset=utf-8", f"WARC-Block-Digest: sha256:{digest}") if digest else ()),
        f"Content-Length: {size}",
    )
    return "\r\n".join(rows).encode() + END


def _digest(words: bytes, padding: int) -> str:
    digest = hashlib.sha256(words)
    for piece in _spaces(padding):
        digest.update(piece)
    digest.update(_LAST)
    return digest.hexdigest()


def _spaces(count: int) -> Iterator[bytes]:
    for start in range(0, count, len(_PADDING)):
        yield _PADDING[: min(len(_PADDING), count - start)]


def _member(content: list[bytes | int], blocks: int) -> Iterator[bytes]:
    """A gzip member of that many stored blocks; a number stands for so many spaces."""
    yield HEADER
    size = sum(part if isinstance(part, int) else len(part) for part in content)
    crc, left, block_left, rest = 0, blocks, 0, size
    for part in content:
        for piece in _spaces(part) if isinstance(part, int) else (part,):
            crc = isal_zlib.crc32(piece, crc)
            start = 0
            while start < len(piece):
                if block_left == 0:
                    left -= 1
                    block_left = min(rest, _BLOCK_MAX)
                    rest -= block_left
                    yield _block(block_left, last=left == 0)
                taken = min(block_left, len(piece) - start)
                yield piece[start : start + taken]
                block_left -= taken
                start += taken
    for number in range(left, 0, -1):  # blocks that hold nothing: they make up the length
        yield _block(0, last=number == 1)
    yield crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _block(size: int, *, last: bool) -> bytes:
    return (b"\x01" if last else b"\x00") + size.to_bytes(2, "little") + (size ^ _BLOCK_MAX).to_bytes(2, "little")

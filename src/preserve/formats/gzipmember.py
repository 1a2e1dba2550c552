"""Gzip members (RFC 1952) as `preserve` writes them: FLG 0, MTIME 0, nothing in the header that depends on a clock or a machine.

Writing: `pack` makes a small member at once, `Packer` one of any size piece by piece, `store` one that others can make again. Bytes that deflate cannot shrink (images,
archives, fonts, content that is already gzip) go into *stored* blocks (RFC 1951 section 3.2.4), which any reader of deflate reads:
compressing them would spend most of a capture's CPU time to gain nothing (docs/adr/0020). Reading: `Unpacker` is strict, holds one
piece at a time, and never inflates more than it was asked for.

The inflater and the deflater are ISA-L's; the header, the CRC-32 and the length are checked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from isal import igzip_lib, isal_zlib

from preserve.errors import FormatError

LEVEL: Final = 2
"""ISA-L's level, chosen by measurement (docs/adr/0020)."""

PIECE: Final = 1 << 16
"""No more than this is inflated at a time."""

HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""ID1 ID2, CM 8 (deflate), FLG 0, MTIME 0, XFL 0, OS 255 (unknown)."""

_DAMAGED: Final = cast("type[Exception]", igzip_lib.error)  # its stub says instance where it is a class
_FIXED: Final = HEADER[:8]
_TRAILER_SIZE: Final = 8
_STORED_MAX: Final = 0xFFFF
_SAMPLE: Final = 512
_SAMPLES: Final = 4


def crc32(data: bytes | memoryview, before: int = 0) -> int:
    """The CRC-32 (RFC 1952 section 8) of `data`, which follows on bytes with the CRC-32 `before`. Ten times as fast as SHA-256."""
    return isal_zlib.crc32(data, before)


def pack(head: bytes, body: bytes, tail: bytes) -> bytes:
    """One whole member holding head + body + tail; for contents of up to some MiB."""
    crc = isal_zlib.crc32(tail, isal_zlib.crc32(body, isal_zlib.crc32(head)))
    trailer = _trailer(crc, len(head) + len(body) + len(tail))
    if shrinks(body):
        content = igzip_lib.compress(b"".join((head, body, tail)), LEVEL, igzip_lib.COMP_DEFLATE)
        return b"".join((HEADER, content, trailer))
    return b"".join((HEADER, _deflated_open(head), *_stored(body), _stored_last(tail), trailer))


def store(head: bytes, body: bytes, tail: bytes) -> bytes:
    """One whole member whose bytes are the same wherever and whenever it is made: stored, for a deflater promises only what comes out again.

    ISA-L's answers otherwise once in some hundred times, by what lay in memory before (docs/adr/0289).
    """
    content = b"".join((head, body, tail))
    trailer = _trailer(isal_zlib.crc32(content), len(content))
    rest = len(content) % _STORED_MAX
    return b"".join((HEADER, *_stored(content[: len(content) - rest]), _stored_last(content[len(content) - rest :]), trailer))


def unpack(member: bytes, size: int) -> bytes:
    """The content of one whole member that `pack` made of `size` bytes. Raises FormatError when it is anything else."""
    inflate = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
    try:
        content = bytes(inflate.decompress(memoryview(member)[len(HEADER) :], size + 1))
    except _DAMAGED as error:
        raise FormatError("the deflate stream is damaged") from error
    # Where all of the room is taken, there may be an end to come that brings nothing.
    if len(content) == size and not inflate.eof:
        inflate.decompress(b"", 1)
    if len(content) != size or not inflate.eof or inflate.unused_data != _trailer(isal_zlib.crc32(content), size):
        raise FormatError("the gzip member is not whole")
    return content


def shrinks(data: bytes) -> bool:
    """Whether deflate would gain anything, judged by samples spread over `data`. What is all ASCII always shrinks.

    Level 0 has fixed codes: it makes noise a quarter longer, and hardly anything else longer at all (docs/adr/0020).
    """
    if len(data) < _SAMPLES * _SAMPLE:
        return True
    step = (len(data) - _SAMPLE) // (_SAMPLES - 1)
    sample = b"".join([data[start : start + _SAMPLE] for start in range(0, step * _SAMPLES, step)])
    return sample.isascii() or len(igzip_lib.compress(sample, 0, igzip_lib.COMP_DEFLATE)) < len(sample) * 11 // 10


class Packer:
    """One member, written piece by piece: `begin`, then `push` for each piece of the body, then `finish`."""

    __slots__ = ("_crc", "_deflate", "_size")

    def __init__(self, *, deflate: bool) -> None:
        self._deflate = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15) if deflate else None
        self._crc = 0
        self._size = 0

    def begin(self, head: bytes) -> bytes:
        """The member's header and the first bytes of its content."""
        self._count(head)
        return HEADER + (self._deflate.compress(head) if self._deflate else _deflated_open(head))

    def push(self, data: bytes) -> bytes:
        """The stored form of the next bytes; may be empty."""
        self._count(data)
        return bytes(self._deflate.compress(data)) if self._deflate else b"".join(_stored(data))

    def finish(self, tail: bytes) -> bytes:
        """The stored form of the last bytes and the trailer."""
        self._count(tail)
        last = self._deflate.compress(tail) + self._deflate.flush() if self._deflate else _stored_last(tail)
        return last + _trailer(self._crc, self._size)

    def _count(self, data: bytes) -> None:
        self._crc = isal_zlib.crc32(data, self._crc)
        self._size += len(data)


class Unpacker:
    """Exactly one gzip member, fed in pieces of any size. Raises FormatError at the first byte that cannot belong to it."""

    __slots__ = ("_crc", "_ended", "_head", "_inflate", "_size", "_trailer")

    def __init__(self) -> None:
        self._head = b""
        self._inflate = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
        self._ended = False
        self._crc = 0
        self._size = 0
        self._trailer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content that `data` brings, in pieces of at most PIECE bytes; to be exhausted before the next call."""
        if len(self._head) < len(HEADER):
            need = len(HEADER) - len(self._head)
            self._head += data[:need]
            data = data[need:]
            if self._head[: len(_FIXED)] != _FIXED[: len(self._head)]:
                raise FormatError("not a gzip member with FLG 0 and MTIME 0")
        if self._ended:
            self._take_trailer(data)
            return
        while data or not self._inflate.needs_input:
            try:
                piece = self._inflate.decompress(data, PIECE)
            except _DAMAGED as error:
                raise FormatError("the deflate stream is damaged") from error
            data = b""
            self._crc = isal_zlib.crc32(piece, self._crc)
            self._size += len(piece)
            if piece:
                yield piece
            self._ended = self._inflate.eof
            if self._ended:
                self._take_trailer(self._inflate.unused_data)
                return

    def finish(self) -> None:
        """Say that there is nothing more; raises FormatError unless the member is whole and its checks hold."""
        if len(self._head) < len(HEADER) or not self._ended or len(self._trailer) < _TRAILER_SIZE:
            raise FormatError("the gzip member is cut short")
        if self._trailer != _trailer(self._crc, self._size):
            raise FormatError("the gzip member's CRC-32 or length does not hold")

    def _take_trailer(self, data: bytes) -> None:
        self._trailer += data[: _TRAILER_SIZE + 1]
        if len(self._trailer) > _TRAILER_SIZE:
            raise FormatError("more bytes follow the gzip member")


def _trailer(crc: int, size: int) -> bytes:
    return crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _deflated_open(head: bytes) -> bytes:
    """`head` in deflate blocks that end on a byte boundary with the stream still open."""
    deflate = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
    return bytes(deflate.compress(head) + deflate.flush(isal_zlib.Z_SYNC_FLUSH))


def _stored(data: bytes) -> Iterator[bytes | memoryview]:
    view = memoryview(data)
    for start in range(0, len(data), _STORED_MAX):
        piece = view[start : start + _STORED_MAX]
        yield b"\x00" + len(piece).to_bytes(2, "little") + (len(piece) ^ _STORED_MAX).to_bytes(2, "little")
        yield piece


def _stored_last(data: bytes) -> bytes:
    return b"\x01" + len(data).to_bytes(2, "little") + (len(data) ^ _STORED_MAX).to_bytes(2, "little") + data

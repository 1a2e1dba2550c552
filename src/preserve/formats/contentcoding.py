"""Content codings undone (RFC 9110 section 8.4.1): gzip and deflate always, br and zstd where their libraries are installed.

A capture asks for gzip alone, but a server may send what it likes, and imported files hold what browsers were sent: br (RFC 7932), zstd
(RFC 8878). Their libraries are the extra `codings`. Each decoder gives no more than a piece of its output at once, whatever its input claims,
and stops where the input is no such coding: what came before is kept. No more than three codings lie upon each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Final

_PIECE: Final = 1 << 16
_WINDOW: Final = 8 << 20
"""Bytes that a decoder of zstd may have to hold (RFC 9659)."""
_MOST: Final = 3

Decoder = Callable[[Iterable[bytes]], Iterator[bytes]]


def obstacle(field: bytes) -> str:
    """Why what a Content-Encoding of this value says cannot be undone here, in words; "" when it can."""
    names = _names(field)
    if len(names) > _MOST:
        return f"its content coding is not undone here: {len(names)} codings upon each other"
    for name in names:
        if name in _EXTRA and _library(name) is None:
            return f"its content coding is not undone here: {name} (install the extra: preserve[codings])"
        if name not in _EXTRA and name not in _ALWAYS:
            return f"its content coding is not undone here: {name[:40]}"
    return ""


def undone(pieces: Iterable[bytes], field: bytes) -> Iterable[bytes]:
    """The pieces without the codings that a Content-Encoding of this value names; as they are, where there is an obstacle."""
    if obstacle(field):
        return pieces
    for name in reversed(_names(field)):  # the one that was applied last stands last
        decoder = _ALWAYS.get(name) or _EXTRA[name][1]
        pieces = decoder(pieces)
    return pieces


def _names(field: bytes) -> tuple[str, ...]:
    names = (name.strip().lower() for name in field.decode("latin-1").split(","))
    return tuple(name for name in names if name not in {"", "identity"})


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Gzip or zlib undone, or raw deflate, which some servers send in the name of zlib."""
    inflater, first = zlib.decompressobj(zlib.MAX_WBITS | 32), True
    for piece in pieces:
        data = piece
        while data:
            try:
                out = inflater.decompress(data, _PIECE)
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


def _brotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    brotli = _library("br")
    assert brotli is not None, "it was asked for before"
    decoder = brotli.Decompressor()
    for piece in pieces:
        data = piece
        while data or not decoder.can_accept_more_data():
            try:
                out: bytes = decoder.process(data, output_buffer_limit=_PIECE)
            except brotli.error:
                return
            data = b""
            yield out
            if decoder.is_finished():
                return


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    zstandard = _library("zstd")
    assert zstandard is not None, "it was asked for before"
    decoder = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    reader = decoder.stream_reader(_Pieces(pieces), read_across_frames=True)
    try:
        while out := reader.read(_PIECE):
            yield out
    except zstandard.ZstdError:
        return


class _Pieces:
    """Pieces read as a file: as much as is asked for, or what is left of a piece."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""

    def read(self, size: int) -> bytes:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._held = piece
        given, self._held = self._held[:size], self._held[size:]
        return given


_ALWAYS: Final[dict[str, Decoder]] = {"gzip": _inflated, "x-gzip": _inflated, "deflate": _inflated}
_EXTRA: Final[dict[str, tuple[str, Decoder]]] = {"br": ("brotli", _brotli), "zstd": ("zstandard", _zstd)}


def _library(name: str) -> ModuleType | None:
    """The library for a coding of the extra; None where it is not installed, or too old to give its output piece by piece."""
    try:
        library = import_module(_EXTRA[name][0])
    except ImportError:
        return None
    return library if name != "br" or hasattr(library.Decompressor, "can_accept_more_data") else None

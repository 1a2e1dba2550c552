"""Content codings undone, those of the extra too: piece by piece, whatever they claim, and said plainly where they cannot be."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.formats import contentcoding
from preserve.formats.contentcoding import obstacle, undone

brotli = pytest.importorskip("brotli", reason="the extra `codings` is not installed")
zstandard = pytest.importorskip("zstandard", reason="the extra `codings` is not installed")

CODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda data: gzip.compress(data, mtime=0),
    b"deflate": zlib.compress,
    b"br": lambda data: bytes(brotli.compress(data)),
    b"zstd": lambda data: bytes(zstandard.ZstdCompressor().compress(data)),
}


def cut(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@given(data=st.binary(max_size=2000), step=st.integers(1, 300), codings=st.lists(st.sampled_from(sorted(CODERS)), max_size=3))
def test_codings_are_undone_in_the_order_in_which_they_lie(data: bytes, step: int, codings: list[bytes]) -> None:
    wire = data
    for coding in codings:
        wire = CODERS[coding](wire)
    assert b"".join(undone(cut(wire, step), b", ".join(codings))) == data
    assert obstacle(b", ".join(codings)) == ""


@pytest.mark.parametrize("coding", sorted(CODERS))
def test_a_bomb_comes_in_pieces(coding: bytes) -> None:
    bomb = CODERS[coding](bytes(40_000_000))
    pieces = iter(undone([bomb], coding))
    tracemalloc.start()
    try:
        got = sum(len(next(pieces)) for _ in range(10))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert 0 < got <= 10 << 17


@pytest.mark.parametrize("coding", sorted(CODERS))
def test_what_came_before_the_damage_is_kept(coding: bytes) -> None:
    text = bytes(range(256)) * 4096
    wire = CODERS[coding](text)
    found = b"".join(undone([wire[: len(wire) // 2]], coding))
    assert text.startswith(found)
    assert b"".join(undone([b"this is not coded at all"], coding)) == b""


@given(data=st.binary(max_size=200), coding=st.sampled_from(sorted(CODERS)))
def test_nothing_is_raised_for_what_a_server_sent(data: bytes, coding: bytes) -> None:
    assert isinstance(b"".join(undone(cut(data, 7), coding)), bytes)


def test_what_cannot_be_undone_is_named_and_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert obstacle(b"compress") == "its content coding is not undone here: compress"
    assert b"".join(undone([b"coded"], b"compress")) == b"coded"
    assert obstacle(b"gzip, gzip, gzip, gzip") == "its content coding is not undone here: 4 codings upon each other"
    assert obstacle(b"identity") == obstacle(b"") == obstacle(b" , ") == ""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(contentcoding, "import_module", missing)
    assert obstacle(b"BR") == "its content coding is not undone here: br (install the extra: preserve[codings])"
    assert b"".join(undone([b"coded"], b"br")) == b"coded"
    assert obstacle(b"gzip") == ""


def test_a_window_larger_than_the_web_allows_is_not_held() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    wire = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(range(256)) * 1_000_000)
    assert b"".join(undone([wire], b"zstd")) == b""

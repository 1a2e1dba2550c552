"""The entity as the readers of a page see it: framing and coding undone, in time and memory that hostile framing cannot drive up."""

from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from exchanges import exchange
from preserve.formats.entity import entity

_ENOUGH = 1 << 22


@dataclass
class _Pieces:
    """A body that comes in these pieces, and knows how many were asked for."""

    pieces: list[bytes]
    asked: int = 0

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def chunks(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.asked += 1
            yield piece

    def close(self) -> None:
        return None


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=12), st.integers(1, 40), st.sampled_from([b"", b";a=b", b" "]))
def test_chunks_are_put_together_however_they_arrive(contents: list[bytes], step: int, extension: bytes) -> None:
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in contents) + b"0\r\n\r\nnot this"
    body = _Pieces([wire[at : at + step] for at in range(0, len(wire), step)])
    assert entity(replace(exchange(chunked=True), body=body), _ENOUGH) == b"".join(contents)


def test_what_stands_before_broken_framing_is_kept() -> None:
    body = _Pieces([b"3\r\nabc\r\nnot a size\r\nxyz"])
    assert entity(replace(exchange(chunked=True), body=body), _ENOUGH) == b"abc"


def test_a_chunk_extension_without_end_is_given_up_early() -> None:
    body = _Pieces([b"3\r\nabc\r\n5;", *itertools.repeat(b"a" * 65536, 1000)])
    assert entity(replace(exchange(chunked=True), body=body), _ENOUGH) == b"abc"
    assert body.asked < 5


def test_chunks_of_one_byte_take_time_in_proportion() -> None:
    def seconds(number: int) -> float:
        body = _Pieces([b"1\r\na\r\n" * number])
        started = time.process_time()
        assert len(entity(replace(exchange(chunked=True), body=body), _ENOUGH)) == number
        return time.process_time() - started

    small = min(seconds(10_000) for _ in range(3))
    assert seconds(160_000) < 80 * small  # in proportion it is 16 times; with the square it was 256 times and more


def test_a_gzip_bomb_is_opened_up_to_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    found = entity(replace(exchange(headers=((b"Content-Encoding", b"gzip"),)), body=_Pieces([bomb])), 1000)
    assert found == bytes(1000)

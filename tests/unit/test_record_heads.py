"""The head of a stored record is read from its first bytes, whatever a stranger stored behind them, or in their place."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from preserve.errors import FormatError
from preserve.flows.select import SealedRun
from preserve.formats.warc import MAX_HEADER
from preserve.model.lines import RecordLine

HEADER = (
    b"WARC/1.1\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000001>\r\n"
    b"WARC-Date: 2026-11-20T10:00:00Z\r\nContent-Length: 0\r\nX: "
)
EMPTY = b"\0\0\0\xff\xff" * 13_000
"""Deflate blocks that hold nothing."""


class Stored(SealedRun):
    """A run of one record, stored as these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.at, self.read = "runs/000000-20261120t100000z/", 0
        self._pieces = pieces

    def place(self, warc: str, index: int) -> RecordLine:
        return RecordLine(index=index, offset=0, length=sum(map(len, self._pieces)), sha256="0" * 64)

    def stored(self, warc: str, index: int) -> Iterator[bytes]:
        for piece in self._pieces:
            self.read += len(piece)
            yield piece


def test_a_member_that_never_begins_is_not_read_to_its_end() -> None:
    run = Stored(b"\x1f\x8b\x08\0\0\0\0\0\0\xff", *[EMPTY] * 1000)
    with pytest.raises(FormatError):
        run.head("data/a.warc.gz", 0)
    assert run.read < 4 * MAX_HEADER


@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_longest_header_is_read_however_it_is_stored(level: int) -> None:
    header = HEADER + b"x" * (MAX_HEADER - len(HEADER) - 4) + b"\r\n\r\n"
    stored = gzip.compress(header + b"\r\n\r\n", level, mtime=0)
    run = Stored(*(stored[at : at + 4096] for at in range(0, len(stored), 4096)))
    assert run.head("data/a.warc.gz", 0)[0].type == "resource"

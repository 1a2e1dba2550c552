"""What is read back before it is signed: the bytes that were written, of every record, and nothing after them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import BinaryIO, cast
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import TrustError
from preserve.flows import seal
from preserve.formats import recordindex
from preserve.model.manifest import FileEntry
from preserve.model.web import Stored
from preserve.ports import Staging

WARC = "data/x-0001.warc.gz"
PIECES = (b"a" * 40, b"bc", b"d" * 300, b"e", b"f" * 64, b"g" * 63)


class Journal:
    """What is known of the pieces."""

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = pieces

    def records(self, warc: str) -> Iterator[Stored]:
        offset = 0
        for index, piece in enumerate(self._pieces):
            yield Stored(
                warc=warc,
                index=index,
                offset=offset,
                length=len(piece),
                sha256=sha256(piece).hexdigest(),
                crc32=crc32(sha256(piece).hexdigest().encode(), crc32(piece)),
                type="response",
                record_id=f"urn:{index}",
            )
            offset += len(piece)


class DamagedJournal(Journal):
    """One that lost what it knew of a record's hash."""

    def records(self, warc: str) -> Iterator[Stored]:
        for record in super().records(warc):
            yield replace(record, sha256="0" * 64) if record.index == 1 else record


class Disk:
    """A folder with one file; it gives back a few bytes at a time, as a disk may."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.made: dict[str, bytes] = {}

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        assert path == WARC
        yield Slow(self._data)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        file = io.BytesIO()
        yield file
        self.made[path] = file.getvalue()


class Slow(io.BytesIO):
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(min(len(buffer), 50))
        buffer[: len(data)] = data
        return len(data)


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_CHUNK", 64)


def close(data: bytes, pieces: tuple[bytes, ...] = PIECES, journal: type[Journal] = Journal) -> tuple[FileEntry, bytes]:
    disk = Disk(data)
    entry, index = seal._close_warc(cast("seal.Account", journal(pieces)), cast("Staging", disk), WARC)
    return entry, disk.made[index.path]


def test_what_lies_there_is_hashed_and_each_record_listed() -> None:
    data = b"".join(PIECES)
    entry, index = close(data)
    assert (entry.bytes, entry.sha256) == (len(data), sha256(data).hexdigest())
    lines = list(recordindex.read(index, len(data)))
    assert [line.sha256 for line in lines] == [sha256(piece).hexdigest() for piece in PIECES]
    assert entry.records is not None
    assert entry.records.count == len(PIECES)


def test_every_changed_byte_is_told_with_its_record() -> None:
    data = b"".join(PIECES)
    owners = [number for number, piece in enumerate(PIECES) for _ in piece]
    for at, owner in enumerate(owners):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(TrustError, match=rf"record {owner} at offset {sum(map(len, PIECES[:owner]))}: its bytes changed"):
            close(bytes(changed))


def test_a_journal_that_holds_another_hash_is_not_believed() -> None:
    with pytest.raises(TrustError, match="record 1 at offset 40"):
        close(b"".join(PIECES), journal=DamagedJournal)


@pytest.mark.parametrize("left", [0, 1, 41, 42, 341, 406, 469])
def test_a_file_that_lost_its_end_is_not_sealed(left: int) -> None:
    with pytest.raises(TrustError, match="its bytes changed"):
        close(b"".join(PIECES)[:left])


def test_what_was_added_is_not_sealed() -> None:
    with pytest.raises(TrustError, match="bytes after the last record"):
        close(b"".join(PIECES) + b"h")


@given(st.lists(st.binary(min_size=1, max_size=150), max_size=12).map(tuple))
def test_any_records_are_read_back(pieces: tuple[bytes, ...]) -> None:
    data = b"".join(pieces)
    entry, _ = close(data, pieces)
    assert entry.sha256 == sha256(data).hexdigest()

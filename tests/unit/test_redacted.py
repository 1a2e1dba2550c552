"""What stands where a record was: exactly as long, read by everybody's tools, the same whenever it is made."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from archives import Archivist, member
from preserve.errors import FormatError
from preserve.formats import redacted, statement
from preserve.formats.bodies import redaction
from preserve.formats.strictjson import Fields, Json
from preserve.formats.warc import MemberCheck
from preserve.model.event import Redaction, RemovedRecord, RunRef

RUN = RunRef(sequence=3, seal_sha256="ab" * 32)
PLACE = ("data/a-000003-0001.warc.gz", 12)
AT = datetime(2026, 11, 22, 3, 4, 5, 678000, tzinfo=UTC)
SMALLEST_RECORD = 252
"""The shortest stored record in the place PLACE that leaves room for a record that says so."""


def made(length: int, *, reason: str = "Verfügung", authority: str = "Court of Example") -> bytes:
    return b"".join(redacted.replacement(RUN, PLACE, length, reason=reason, authority=authority, at=AT))


_BOUNDS = st.sampled_from([1, 22, 23, 24, SMALLEST_RECORD - 1, SMALLEST_RECORD, 1 << 16, 131_075, 131_090])


@given(st.one_of(st.integers(1, 3000), st.builds(lambda base, more: max(1, base + more), _BOUNDS, st.integers(-12, 12))))
def test_any_length_is_met_exactly(length: int) -> None:
    data = made(length)
    assert len(data) == length
    if length < 23:
        assert data == bytes(length)
        return
    assert data.startswith(b"\x1f\x8b\x08\x00\x00\x00\x00\x00")
    plain = zlib.decompressobj(31)
    content = plain.decompress(data)
    assert plain.eof
    assert plain.unused_data == b""
    assert content.startswith(b"WARC/1.1\r\n") is (length >= SMALLEST_RECORD)


@pytest.mark.parametrize("length", [SMALLEST_RECORD, 384, 385, 700, 65_535, 65_600, 1_000_000])
def test_it_is_one_sound_record(length: int) -> None:
    check = MemberCheck()
    check.feed(made(length))
    found = check.result()
    assert found.problem == ""
    assert found.header is not None
    assert (found.header.type, found.header.target_uri) == ("metadata", "urn:preserve:redacted:3:a-000003-0001.warc.gz:12")
    assert redacted.is_replacement(found)


@pytest.mark.parametrize("length", [300, 3000, 70_000])
def test_other_readers_go_on_to_the_next_record(length: int) -> None:
    first = member("warcinfo", "", b"software: x\r\n", 0)
    last = member("response", "http://a.example/", b"HTTP/1.1 200 OK\r\n\r\nlast", 2)
    stream = first + made(length) + last
    names = ["warcinfo", "metadata", "response"]
    assert [record.rec_type for record in ArchiveIterator(io.BytesIO(stream), check_digests="raise")] == names
    assert [record.headers["WARC-Type"] for record in FastIterator(io.BytesIO(stream), parse_http=False)] == names


def _block(stored: bytes) -> bytes:
    """The block of the one record in `stored`, as warcio reads it."""
    return bytes(next(iter(ArchiveIterator(io.BytesIO(stored)))).content_stream().read())


def test_it_says_what_why_and_on_whose_order() -> None:
    text = _block(made(2000)).decode().rstrip()
    assert text == f"Removed: record 12 of {PLACE[0]}, run 3.\nWhy: Verfügung\nBy order of: Court of Example"


def test_long_words_are_left_out_where_there_is_no_room() -> None:
    assert _block(made(600, reason="x" * 400)).strip() == b""


def test_it_is_made_again_from_the_statement_alone() -> None:
    data = made(900)
    record = RemovedRecord(
        file=PLACE[0],
        index=PLACE[1],
        offset=5,
        length=900,
        sha256="0" * 64,
        replacement_sha256=hashlib.sha256(data).hexdigest(),
    )
    again = redacted.of(RUN, record, reason="Verfügung", authority="Court of Example", at=AT)
    assert redacted.sha256(again) == record.replacement_sha256
    assert made(900) != b"".join(
        redacted.replacement(RUN, (PLACE[0], 13), 900, reason="Verfügung", authority="Court of Example", at=AT)
    )


def test_a_long_record_is_made_in_pieces() -> None:
    pieces = redacted.replacement(RUN, PLACE, 40_000_000, reason="x", authority="y", at=AT)
    sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == 40_000_000
    assert max(sizes) <= 1 << 16


# --- the body of the statement


def _body(**fields: object) -> Redaction:
    record = RemovedRecord(file=PLACE[0], index=12, offset=5, length=900, sha256="0" * 64, replacement_sha256="1" * 64)
    return Redaction(**{"run": RUN, "reason": "x", "authority": "y", "at": AT, "records": (record,), **fields})  # type: ignore[arg-type]


def test_the_body_is_read_back() -> None:
    fields = Fields(redaction.write(_body()), "body")
    assert redaction.read(fields) == _body()
    fields.end()


@pytest.mark.parametrize("name", ["run", "reason", "authority", "at", "records"])
def test_every_member_is_needed(name: str) -> None:
    written = redaction.write(_body())
    del written[name]
    with pytest.raises(FormatError, match="missing field"):
        redaction.read(Fields(written, "body"))


@pytest.mark.parametrize(("name", "value"), [("reason", " "), ("authority", ""), ("records", []), ("at", "2026-11-22")])
def test_members_that_say_nothing(name: str, value: Json) -> None:
    with pytest.raises((FormatError, ValueError)):
        redaction.read(Fields({**redaction.write(_body()), name: value}, "body"))


def test_records_stand_once_each_and_in_order() -> None:
    (record,) = _body().records
    with pytest.raises(ValueError, match="once each"):
        _body(records=(record, record))
    with pytest.raises(ValueError, match="by itself"):
        RemovedRecord(file="a", index=0, offset=0, length=1, sha256="0" * 64, replacement_sha256="0" * 64)


def test_the_most_that_one_statement_holds_fits_an_entry_of_the_log() -> None:
    (record,) = _body().records
    longest = "data/" + "a" * 190 + ".gz"
    records = tuple(
        replace(record, file=longest, index=10**15 + number, offset=10**15, length=10**15) for number in range(redaction.MOST)
    )
    archivist = Archivist()
    archivist.add_run()
    stated = archivist.statement(_body(records=records, reason="x" * 4000, authority="y" * 1000, at=AT + timedelta(days=1)))
    assert len(statement.encode(stated)) <= statement.MAX_SIZE

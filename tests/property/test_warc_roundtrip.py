"""WARC records for any bytes: what is written is read back, whatever the pieces, and no changed byte goes unseen."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exchanges import exchange, failure, ids
from preserve.formats.gzipmember import Packer, pack
from preserve.formats.warc import END, Header, Member, MemberCheck, header, parse_header, target_uri
from preserve.model.web import Exchange, Memory, Record
from preserve.rules.record import records

BYTES = st.one_of(
    st.binary(max_size=300),
    st.binary(min_size=1, max_size=40).map(lambda unit: unit * 2000),
    st.integers(2048, 200_000).map(lambda size: hashlib.shake_128(b"noise").digest(size)),
)
HEADS = st.lists(st.binary(max_size=30).filter(lambda line: line and b"\n" not in line), max_size=5).map(
    lambda lines: b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", *lines)) + b"\r\n"
)
NAMES = st.from_regex(r"X-[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60).filter(
    lambda value: value == value.strip()
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6, unique_by=lambda field: field[0].lower())
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 bounds are naive there


def read(data: bytes, cuts: list[int]) -> tuple[Member, bytes]:
    """Feed `data` cut at the given places; the block comes back too."""
    block = bytearray()
    check = MemberCheck(block.extend)
    start = 0
    for end in (*sorted(cut % (len(data) + 1) for cut in cuts), len(data)):
        check.feed(data[start:end])
        start = end
    return check.result(), bytes(block)


@given(FIELDS, MOMENTS, st.binary(max_size=50))
def test_a_header_is_read_back_as_it_was_written(fields: list[tuple[str, str]], moment: datetime, body: bytes) -> None:
    record = Record(type="metadata", id="urn:test:1", date=moment, fields=tuple(fields), body=Memory(body))
    expected = Header(type="metadata", id="urn:test:1", date=moment, length=len(body), fields=tuple(fields))
    assert parse_header(header(record)) == expected


@given(st.text(max_size=60))
def test_any_url_can_stand_in_a_header(url: str) -> None:
    written = target_uri(url)
    assert target_uri(written) == written
    if written:
        record = Record(type="resource", id="urn:test:1", date=datetime(2026, 1, 1, tzinfo=UTC), fields=(("X", written),))
        assert parse_header(header(record)).fields == (("X", written),)


@given(HEADS, BYTES, st.lists(st.integers(0, 300_000), max_size=8), st.booleans())
def test_any_response_comes_back_byte_for_byte(head: bytes, body: bytes, cuts: list[int], chunked: bool) -> None:
    for record in records(exchange(body, head=head, chunked=chunked), new_id=ids()):
        block = record.head + b"".join(record.body.chunks())
        stored = pack(header(record) + record.head, b"".join(record.body.chunks()), END)
        member, found = read(stored, cuts)
        assert (member.problem, found) == ("", block)
        assert member.header is not None
        assert (member.header.fields, member.header.id) == (record.fields, record.id)


@given(st.lists(BYTES, max_size=5), st.booleans())
def test_a_member_written_in_pieces_holds_the_same(pieces: list[bytes], deflate: bool) -> None:
    packer = Packer(deflate=deflate)
    stored = b"".join([packer.begin(b"head"), *map(packer.push, pieces), packer.finish(b"tail")])
    assert gzip.decompress(stored) == b"".join([b"head", *pieces, b"tail"])


PAGES: list[Exchange] = [
    exchange(b"<p>Words and more words, and then words.</p>" * 20),
    exchange(hashlib.shake_128(b"image").digest(3000)),
    failure(request=b"GET / HTTP/1.1\r\n\r\n"),
]
STORED = [
    (header(record), record, pack(header(record) + record.head, b"".join(record.body.chunks()), END))
    for page in PAGES
    for record in records(page, new_id=ids())
]


@given(st.sampled_from(STORED), st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_byte_is_found_or_changes_nothing_that_is_said(
    stored: tuple[bytes, Record, bytes], place: int, flip: int
) -> None:
    """The stored bytes' hash finds every change. MemberCheck alone may pass one only where gzip itself means nothing by it
    (XFL, OS, padding bits): then the record read is the very same.
    """
    written, record, data = stored
    place %= len(data)
    changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    member, block = read(changed, [])
    if not member.problem:
        assert member.header == parse_header(written)
        assert block == record.head + b"".join(record.body.chunks())


@given(st.sampled_from(STORED), st.integers(min_value=0))
def test_a_cut_member_is_always_found(stored: tuple[bytes, Record, bytes], place: int) -> None:
    data = stored[2]
    member, _ = read(data[: place % len(data)], [])
    assert member.problem


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_judged_and_never_raise(data: bytes, cuts: list[int]) -> None:
    assert read(data, cuts)[0].problem
    assert read(pack(b"", data, b""), cuts)[0].problem

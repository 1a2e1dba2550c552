"""WARC record headers: what is written, what is refused, and that reading is as strict as writing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from exchanges import NOON
from preserve.errors import FormatError
from preserve.formats.gzipmember import pack
from preserve.formats.warc import END, MAX_HEADER, MemberCheck, header, parse_header, target_uri, warc_date
from preserve.model.web import Memory, Record

ID = "urn:uuid:12345678-1234-4234-8234-123456789abc"
GOOD = (
    b"WARC/1.1\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:uuid:12345678-1234-4234-8234-123456789abc>\r\n"
    b"WARC-Date: 2026-03-04T12:00:00.123456Z\r\nWARC-Target-URI: urn:preserve:note:x\r\nContent-Length: 9\r\n\r\n"
)


def record(*fields: tuple[str, str], type_: str = "resource", id_: str = ID) -> Record:
    return Record(type=type_, id=id_, date=NOON, fields=fields, head=b"head ", body=Memory(b"body"))


def test_a_header_is_written_as_the_standard_has_it() -> None:
    assert header(record(("WARC-Target-URI", "urn:preserve:note:x"))) == GOOD


def test_a_header_is_read_back() -> None:
    read = parse_header(GOOD)
    assert (read.type, read.id, read.date, read.length) == ("resource", ID, NOON, 9)
    assert read.fields == (("WARC-Target-URI", "urn:preserve:note:x"),)
    assert read.target_uri == read.get("warc-target-uri") == "urn:preserve:note:x"
    assert read.block_digest is read.payload_digest is None


def test_the_store_names_the_warcinfo() -> None:
    read = parse_header(header(record(), warcinfo_id="urn:test:info"))
    assert read.get("WARC-Warcinfo-ID") == "<urn:test:info>"


def test_what_may_be_repeated_is_kept_in_order() -> None:
    fields = (
        ("WARC-Concurrent-To", "<urn:a:1>"),
        ("WARC-Protocol", "http/1.1"),
        ("WARC-Concurrent-To", "<urn:a:2>"),
        ("WARC-Protocol", "tls/1.3"),
    )
    read = parse_header(header(record(*fields)))
    assert read.fields == fields
    assert read.concurrent_to == ("urn:a:1", "urn:a:2")


@pytest.mark.parametrize(
    "field",
    [
        ("WARC-Target-URI", "http://a.test/\r\nWARC-Type: response"),
        ("WARC-Target-URI", "http://a.test/\nX"),
        ("X-Note", "a\x00b"),
        ("X-Note", "a\x85b"),
        ("X-Note", "a\u2028b"),
        ("X-Note", " led by a space"),
        ("X-Note", ""),
        ("X Note", "a space in the name"),
        ("X-Note:", "a colon in the name"),
        ("", "no name"),
        ("content-length", "12"),
        ("WARC-Record-ID", "<urn:a:b>"),
        ("WARC-Date", "2026-03-04T12:00:00Z"),
        ("warc-type", "response"),
    ],
)
def test_the_writer_refuses_what_a_header_cannot_say(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        header(record(field))


def test_the_writer_refuses_a_repeated_field_an_unknown_type_and_a_bad_id() -> None:
    with pytest.raises(ValueError, match="twice"):
        header(record(("X-Note", "1"), ("x-note", "2")))
    with pytest.raises(ValueError, match="type"):
        header(record(type_="page"))
    for bad in ("no scheme", "urn:a b", "urn:a>", "", "urn:a\r\nX: y"):
        with pytest.raises(ValueError, match="record id"):
            header(record(id_=bad))


def test_a_header_is_not_written_longer_than_it_is_read() -> None:
    short = len(header(record(("X-Note", "x"))))
    longest = header(record(("X-Note", "x" * (MAX_HEADER - short + 1))))
    assert len(longest) == MAX_HEADER
    check = MemberCheck()
    check.feed(pack(longest, b"head body", END))
    assert check.result().problem == ""
    with pytest.raises(ValueError, match="read again"):
        header(record(("X-Note", "x" * MAX_HEADER)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"WARC/1.1", b"WARC/1.0"),
        (b"WARC/1.1\r\n", b"WARC/1.1\n"),
        (b"WARC-Type: resource\r\n", b""),
        (b"WARC-Type: resource", b"WARC-Type: page"),
        (b"WARC-Type: resource", b"WARC-Type resource"),
        (b"WARC-Type: resource", b"WARC-Type : resource"),
        (b"WARC-Type: resource", b"WARC-Type: resource\r\nwarc-type: response"),
        (b"WARC-Type: resource", b"WARC-Type: resource\nX: y"),
        (b"note:x\r\n", b"note:x\r\n folded\r\n"),
        (b"note:x", b"note:\x7f"),
        (b"note:x", b"note:\xff"),
        (b"note:x", b"note:\xc2\x85"),
        (b"<urn:uuid", b"urn:uuid"),
        (b"2026-03-04T", b"2026-02-30T"),
        (b"2026-03-04T12:00:00.123456Z", b"2026-03-04T12:00:00+00:00"),
        (b"2026-03-04T12:00:00.123456Z", b"2026-03-04"),
        (b"2026-03-04T12:00:00.123456Z", b"20260304T120000Z"),
        (b"Length: 9", b"Length: -9"),
        (b"Length: 9", b"Length: +9"),
        (b"Length: 9", b"Length: 09"),
        (b"Length: 9", b"Length: 0x9"),
        (b"Length: 9", "Length: \u0669".encode()),
        (b"Content-Length: 9\r\n", b""),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_the_reader_refuses_what_is_not_strictly_a_header(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(FormatError):
        parse_header(GOOD.replace(old, new))


def test_dates_are_utc_to_the_microsecond() -> None:
    assert warc_date(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"
    for moment in (datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1)))):  # noqa: DTZ001 that is the point
        with pytest.raises(ValueError, match="UTC"):
            warc_date(moment)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://a.test/?q=a|b{c}^d[e]", "https://a.test/?q=a|b{c}^d[e]"),
        ("https://a.test/%E4%BD%A0", "https://a.test/%E4%BD%A0"),
        ("https://a.test/a b", "https://a.test/a%20b"),
        ("https://a.test/\r\nX: y", "https://a.test/%0D%0AX:%20y"),
        ('https://a.test/"<>', "https://a.test/%22%3C%3E"),
        ("https://a.test/é", "https://a.test/%C3%A9"),
        ("https://a.test/\ud800", "https://a.test/%3F"),
    ],
)
def test_a_target_uri_is_escaped_where_a_header_line_needs_it(url: str, written: str) -> None:
    assert target_uri(url) == written
    assert parse_header(header(record(("WARC-Target-URI", written)))).target_uri == written

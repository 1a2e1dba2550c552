"""WARC files of other tools, in every form that exists, and what is no WARC file at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreigners import HOST, TS, Tool, members, wacz
from preserve.errors import FormatError
from preserve.flows.foreign import ForeignFile
from preserve.formats import foreignwarc, warcscan


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def many(*, packed: bool, count: int = 40) -> bytes:
    tool = Tool(gzip=packed)
    for number in range(count):
        tool.page(f"/{number}", "x" * (number * 700) + "é")
    return tool.data


@pytest.mark.parametrize("size", [1, 777, 1 << 20])
def test_members_are_found_where_others_find_them(size: int) -> None:
    data = many(packed=True)
    items = list(foreignwarc.read(pieces(data, size)))
    expected = list(warcscan.scan([data]))
    assert [(item.offset, item.length, item.sha256) for item in items] == [
        (found.offset, found.length, found.sha256) for found in expected
    ]
    assert all(item.framed for item in items)


@pytest.mark.parametrize("size", [13, 1 << 20])
def test_uncompressed_records_are_found_by_their_bytes(size: int) -> None:
    data = many(packed=False)
    items = list(foreignwarc.read(pieces(data, size)))
    assert len(items) == 81
    for item in items:
        assert data[item.offset :].startswith(b"WARC/1.0\r\n")
        assert hashlib.sha256(data[item.offset : item.offset + item.length]).hexdigest() == item.sha256
    assert items[-1].offset + items[-1].length == len(data)


def test_one_stream_over_everything_is_read_and_not_framed() -> None:
    items = list(foreignwarc.read([gzip.compress(many(packed=False))]))
    assert len(items) == 81
    assert not any(item.framed for item in items)
    assert not any(item.problem for item in items)


def test_payload_and_head_of_a_response() -> None:
    tool = Tool()
    tool.page("/a", "four", status="404 Not Found", fields=[("Location", " /b ")])
    item = list(foreignwarc.read([tool.data]))[1]
    assert (item.status, item.field(b"location"), item.payload_size) == (404, "/b", 4)
    assert item.payload_sha256 == hashlib.sha256(b"four").hexdigest()


@given(st.integers(min_value=1, max_value=3000), st.booleans())
def test_a_cut_file_keeps_every_whole_record_and_says_so(cut: int, packed: bool) -> None:
    whole = _CUT[packed]
    data = whole[: len(whole) - min(cut, len(whole) - 400)]
    items = list(foreignwarc.read([data]))
    kept = [item for item in items if item.header is not None]
    assert [item.offset for item in kept] == [item.offset for item in foreignwarc.read([whole])][: len(kept)]
    between = kept[-1].offset + kept[-1].length == len(data)
    assert bool(items[-1].problem) != between, "only a cut between two records cannot be seen"


_CUT = {packed: many(packed=packed, count=4) for packed in (True, False)}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f", b"\x1f\x8b", b"hello, world", gzip.compress(b"no record"), b"\x1f\x8b\x08\x00" + b"\xff" * 40],
    ids=["empty", "one byte", "two bytes", "text", "gzip of text", "damaged gzip"],
)
def test_what_is_no_warc_file(data: bytes) -> None:
    with pytest.raises(FormatError, match="not a WARC file"):
        list(foreignwarc.read([data]))


def test_an_arc_file_is_named() -> None:
    with pytest.raises(FormatError, match="ARC file"):
        list(foreignwarc.read([gzip.compress(b"filedesc://x.arc.gz 0.0.0.0 20040101000000 text/plain 76\n")]))


def test_garbage_after_the_records_is_told() -> None:
    items = list(foreignwarc.read([many(packed=True, count=2) + b"garbage, not a member"]))
    assert [bool(item.problem) for item in items] == [False] * 5 + [True]


def test_a_header_without_end_is_not_read_for_ever() -> None:
    items = list(foreignwarc.read([many(packed=False, count=1), b"WARC/1.0\r\n" + b"x" * (1 << 21)]))
    assert "no end" in items[-1].problem


def test_what_unpacks_beyond_bounds_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreignwarc, "MAX_INFLATED", 1 << 20)
    tool = Tool()
    tool.page("/bomb", "0" * (64 << 20))
    tool.page("/after")
    items = list(foreignwarc.read(pieces(tool.data, 1 << 16)))
    assert "unpacks to more than" in items[-1].problem
    assert len(items) == 2


# ---------------------------------------------------------------------------------------------------------------------- WACZ


def test_records_of_a_wacz_count_through_its_warc_files(tmp_path: Path) -> None:
    first, second = members().data, many(packed=True, count=2)
    page = {"url": f"{HOST}/register", "ts": TS, "title": "Register\u202e", "favIconUrl": "data:", "state": 2}
    path = wacz(tmp_path / "a.wacz", {"b.warc.gz": first, "a.warc.gz": second}, [page, {"url": "about:blank"}, {"url": 3}])
    with path.open("rb") as file:
        foreign = ForeignFile(file)
        assert [part.name for part in foreign.parts] == ["archive/b.warc.gz", "archive/a.warc.gz"], "as they lie in the ZIP"
        facts, sightings, requests = foreign.survey()
        assert foreign.types()[9:11] == ("resource", "warcinfo")
    assert (facts.records, facts.software, facts.operator, facts.unread) == (15, "Page Saver 0.11.3", "Ada Example", False)
    assert [(page.url, page.title) for page in facts.pages] == [(f"{HOST}/register", "Register\\u{202e}")]
    assert [sighting.index for sighting in sightings] == [1, 3, 5, 7, 9, 11, 13]
    assert [request.referred for request in requests] == [False, False, True, False, False, False]


def test_deflated_warc_files_are_read_and_told_of(tmp_path: Path) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": members().data}, [], deflated=True)
    with path.open("rb") as file:
        facts, sightings, _ = ForeignFile(file).survey()
    assert len(sightings) == 5
    assert any("deflated" in doubt for doubt in facts.doubts)
    assert not facts.unread


def test_an_entry_that_inflates_beyond_its_size_is_cut(tmp_path: Path) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": many(packed=True, count=20)}, [], deflated=True)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        size = file.getinfo("archive/a.warc.gz").file_size
    lied = data.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little"))
    facts, _, _ = ForeignFile(io.BytesIO(lied)).survey()
    assert facts.records <= 2
    assert facts.unread


def test_a_zip_without_warc_files_is_no_wacz(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("letter.txt", "dear reader")
    with (tmp_path / "a.zip").open("rb") as file, pytest.raises(FormatError, match="no WACZ"):
        ForeignFile(file)

"""ZIP, CDXJ, ZipNum, disclosure proofs and WARC scanning: what bundles are made of, each by itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import member
from preserve.adapters.handover import ZipSink
from preserve.adapters.sorting import SortedLines
from preserve.errors import FormatError, StoreError
from preserve.formats import cdxj, merkle, proof, warcscan
from preserve.formats import zip as zip_format
from preserve.formats.cdxj import Line
from preserve.formats.warc import Header

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def layout(data: bytes) -> zip_format.ZipLayout:
    return zip_format.read(lambda offset, length: data[offset : offset + length], len(data))


def zipped(entries: Sequence[tuple[str, bytes]], *, said: int = 0) -> bytes:
    file = io.BytesIO()
    sink = ZipSink(file, NOW)
    for name, data in entries:
        sink.add(name, [data[:7], data[7:]], size=said or len(data))
    sink.finish()
    return file.getvalue()


# ----------------------------------------------------------------------------------------------------------------------- ZIP


@pytest.mark.parametrize("said", [0, zip_format.BIG])
def test_what_is_written_is_read_by_others_and_by_us(said: int) -> None:
    entries = [("archive/a.warc.gz", b"x" * 300_000), ("empty", b""), ("b/c.json", b"{}")]
    data = zipped(entries, said=said)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert [(item.filename, file.read(item)) for item in file.infolist()] == entries
        assert file.infolist()[0].date_time == (2026, 11, 22, 1, 2, 2)
    found = layout(data)
    assert found.problems == ()
    assert [(entry.name, data[entry.start : entry.start + entry.size]) for entry in found.entries] == entries
    assert zipped(entries, said=said) == data, "the same again is the same file"


def test_sizes_and_places_beyond_4_gib() -> None:
    size, name = 5 << 30, "archive/big.warc.gz"
    head = zip_format.local_header(name, NOW, crc32=7, size=size, wide=True)
    second = zip_format.local_header("end", NOW, crc32=0, size=0, wide=False)
    at = len(head) + size
    directory = zip_format.directory_entry(name, NOW, crc32=7, size=size, at=0)
    directory += zip_format.directory_entry("end", NOW, crc32=0, size=0, at=at)
    start = at + len(second)
    parts = {0: head, at: second, start: directory + zip_format.end(2, len(directory), start)}

    def read(offset: int, length: int) -> bytes:
        found = bytearray(length)
        for place, data in parts.items():
            first, last = max(offset, place), min(offset + length, place + len(data))
            if first < last:
                found[first - offset : last - offset] = data[first - place : last - place]
        return bytes(found)

    found = zip_format.read(read, start + len(parts[start]))
    assert [(entry.name, entry.start, entry.size) for entry in found.entries] == [
        (name, len(head), size),
        ("end", start, 0),
    ]
    assert [why for _, why in found.problems] == []


@pytest.mark.long
def test_more_entries_than_16_bits_count() -> None:
    entries = [(f"n/{number}", b"") for number in range(0x10000)]
    data = zipped(entries)
    assert len(layout(data).entries) == len(zipfile.ZipFile(io.BytesIO(data)).infolist()) == 0x10000


def test_a_size_that_grows_past_what_was_said_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_format, "BIG", 10)
    monkeypatch.setattr("preserve.adapters.handover._MARGIN", 0)
    with pytest.raises(StoreError):
        ZipSink(io.BytesIO(), NOW).add("x", [b"eleven bytes"], size=1)


def test_streamed_zips_of_others_are_read() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as file:
        file.writestr("a", b"one")
        file.writestr("b", b"two", compress_type=zipfile.ZIP_DEFLATED)
    found = layout(pipe.data)
    assert (found.problems, [entry.name for entry in found.entries]) == ((), ["a", "b"])


@given(st.data())
def test_any_changed_byte_of_the_layout_is_noticed_or_harmless(data: st.DataObject) -> None:
    whole = zipped([("archive/a.warc.gz", b"content"), ("b", b"more")])
    place = data.draw(st.integers(0, len(whole) - 1))
    spoiled = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    try:
        found = layout(spoiled)
    except FormatError:
        return
    before = layout(whole)
    same = [(e.name, e.method, e.packed, e.size, e.crc32) for e in found.entries] == [
        (e.name, e.method, e.packed, e.size, e.crc32) for e in before.entries
    ]
    assert found.problems or same


@given(st.binary(max_size=400))
def test_nothing_else_is_raised_for_what_bytes_are(junk: bytes) -> None:
    for data in (junk, junk + b"PK\x05\x06" + junk[:18].ljust(18, b"\0")):
        try:
            layout(data)
        except FormatError:
            continue


@pytest.mark.parametrize("name", ["../up", "/root", "a//b", "a\\b", "a\x1bb", "c:d", ".."])
def test_unsafe_names_are_told(name: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        item = zipfile.ZipInfo("placeholder")
        item.filename = name
        archive.writestr(item, b"x")
    assert any(why == "an unsafe name" for _, why in layout(file.getvalue()).problems)


def test_comments_and_case_collisions_are_told() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"x")
        archive.writestr("A", b"y")
        archive.comment = b"hidden"
    problems = layout(file.getvalue()).problems
    assert ("A", "a case collision: a is the same name on some disks") in problems
    assert any("comment" in why for _, why in problems)


# ---------------------------------------------------------------------------------------------------------------------- CDXJ

LINE = Line(
    url="http://www.example.com/A?b=2&a=1",
    timestamp="20261122010203",
    mime="text/html",
    status="200",
    digest="sha256:" + "0" * 64,
    length=5,
    offset=7,
    filename="x.warc.gz",
    record_digest="sha256:" + "1" * 64,
)


def header(type_: str, uri: str, **fields: str) -> Header:
    named = tuple((name.replace("_", "-"), value) for name, value in {"WARC_Target_URI": uri, **fields}.items())
    return Header(type=type_, id="urn:uuid:0", date=NOW, length=0, fields=named)


def test_a_line_and_back() -> None:
    row = LINE.encode()
    assert row.startswith(b'com,example)/a?a=1&b=2 20261122010203 {"url":"http://www.example.com/A?b=2&a=1","mime":"text/html"')
    assert cdxj.parse(row) == LINE


def test_what_a_record_says_stands_in_its_line() -> None:
    http = header("response", "http://a.example/", Content_Type="application/http;msgtype=response")
    place = {"filename": "x", "offset": 1, "length": 2, "sha256": "f" * 64}
    line = cdxj.line(http, b"HTTP/1.1 404 Not Found\r\nContent-type: Text/HTML; charset=x\r\n\r\nContent-Type: no/no", **place)  # type: ignore[arg-type]
    assert (line.status, line.mime, line.timestamp) == ("404", "Text/HTML", "20261122010203")
    revisit = replace(http, type="revisit")
    assert cdxj.line(revisit, b"HTTP/1.1 200 OK\r\n\r\n", **place).mime == "warc/revisit"  # type: ignore[arg-type]
    thing = header("resource", "http://a.example/", Content_Type="text/plain; x=y")
    line = cdxj.line(thing, b"HTTP/1.1 500 no", **place)  # type: ignore[arg-type]
    assert (line.status, line.mime) == ("200", "text/plain")


def test_the_digest_of_a_framed_body_stands_in_no_line_of_ours() -> None:
    """Its original has none. In an imported file the original has it, and players may have nothing else to find it by."""
    place = {"filename": "x", "offset": 1, "length": 2, "sha256": "f" * 64}
    framed = header("revisit", "http://a.example/", WARC_Payload_Digest="sha1:" + "A" * 32)
    assert cdxj.line(framed, b"HTTP/1.1 200 OK\r\n\r\n", **place).digest == ""  # type: ignore[arg-type]
    theirs = cdxj.line(framed, b"HTTP/1.1 200 OK\r\n\r\n", **place, imported=True)  # type: ignore[arg-type]
    assert theirs.digest == "sha1:" + "A" * 32


@pytest.mark.parametrize(
    ("type_", "uri", "indexed"),
    [
        ("response", "http://a.example/", True),
        ("revisit", "HTTPS://a.example/", True),
        ("resource", "https://a.example/", True),
        ("metadata", "http://a.example/", False),
        ("request", "http://a.example/", False),
        ("resource", "urn:preserve:interim:http://a.example/", False),
        ("response", "dns:a.example", False),
        ("warcinfo", "", False),
    ],
)
def test_only_pages_are_indexed(type_: str, uri: str, indexed: bool) -> None:
    assert cdxj.is_indexed(header(type_, uri)) is indexed


@pytest.mark.parametrize(
    "row", [b"", b"a", b"a 2026 {}", b'a 2026 {"url":"x","filename":"y","offset":"-1","length":"2"}', b"a 2026 {["]
)
def test_lines_that_are_none(row: bytes) -> None:
    with pytest.raises(FormatError):
        cdxj.parse(row)


def test_a_key_cannot_break_its_line() -> None:
    assert b"\n" not in replace(LINE, url="urn:x:a b\nc\u202e").encode()
    assert replace(LINE, url="urn:x:a b").encode().startswith(b"urn:x:a%20b 2026")


def test_zipnum_is_the_same_lines_in_blocks() -> None:
    rows = sorted(replace(LINE, url=f"http://example.com/{number:05}").encode() for number in range(1000))
    packed = list(cdxj.zipnum(rows, block_lines=300))
    data = b"".join(block for block, _ in packed)
    assert gzip.decompress(data) == b"".join(row + b"\n" for row in rows)
    blocks = cdxj.parse_idx(cdxj.IDX_HEAD + b"".join(line for _, line in packed))
    assert len(blocks) == 4
    for block in blocks:
        stored = data[block.offset : block.offset + block.length]
        assert block.digest == f"sha256:{hashlib.sha256(stored).hexdigest()}"
        assert gzip.decompress(stored).decode().startswith(block.first + " ")


# -------------------------------------------------------------------------------------------------------------------- proofs


@given(st.integers(1, 70), st.data())
def test_a_proof_leads_to_the_root_and_no_other_leaf_does(size: int, data: st.DataObject) -> None:
    leaves = [b"leaf %d" % number for number in range(size)]
    root = merkle.root(map(merkle.leaf_hash, leaves))
    tree = proof.Tree(proof.Kind.LINE, "data/captures.jsonl", leaves)
    index = data.draw(st.integers(0, size - 1))
    shown = tree.prove(index, leaves[index])
    assert tree.root() == root
    assert shown.leads_to(root)
    assert not replace(shown, leaf=b"another").leads_to(root)
    assert not replace(shown, index=index + 1).leads_to(root)
    proofs = [shown, tree.prove(0, leaves[0])]
    assert list(proof.decode(proof.encode(proofs))) == proofs


def test_a_record_proof_is_spelled_as_documented() -> None:
    leaf = b"preserve-record/v1 0 0 276 " + b"a" * 64
    tree = proof.Tree(proof.Kind.RECORD, "data/a-0001.warc.gz", [leaf, b"other"])
    rows = proof.encode([tree.prove(0, leaf)]).decode().splitlines()
    assert rows[:5] == ["preserve-record-proof/v1", "warc data/a-0001.warc.gz", "size 2", "index 0", f"leaf {leaf.decode()}"]
    assert len(rows) == 6


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"/v1", b"/v2", 1),
        lambda data: data.replace(b"size 2", b"size 02"),
        lambda data: data.replace(b"warc ", b"file "),
        lambda data: data + b"AAAA\n",
        lambda data: data.replace(b"index 0", b"index -1"),
        lambda data: b"",
    ],
)
def test_proofs_in_another_spelling_are_refused(spoil: object) -> None:
    assert callable(spoil)
    tree = proof.Tree(proof.Kind.RECORD, "data/a.warc.gz", [b"one", b"two"])
    with pytest.raises(FormatError):
        list(proof.decode(spoil(proof.encode([tree.prove(0, b"one")]))))


# ------------------------------------------------------------------------------------------------------------- scanning WARC


@given(st.integers(1, 400))
def test_members_are_found_whatever_the_pieces(width: int) -> None:
    members = [member("response", f"http://a.example/{n}", b"HTTP/1.1 200 OK\r\n\r\nbody", n) for n in range(3)]
    data = b"".join(members)
    found = list(warcscan.scan(data[at : at + width] for at in range(0, len(data), width)))
    assert [(item.length, item.sha256, item.problem) for item in found] == [
        (len(stored), hashlib.sha256(stored).hexdigest(), "") for stored in members
    ]
    assert [item.offset for item in found] == [0, len(members[0]), len(members[0]) + len(members[1])]
    assert all(item.block.startswith(b"HTTP/1.1 200 OK") for item in found)


def test_what_is_no_record_is_said() -> None:
    one = member("response", "http://a.example/", b"x", 1)
    two = gzip.compress(gzip.decompress(one) * 2)
    assert "exactly one record" in next(iter(warcscan.scan([two]))).problem
    assert "no WARC header" in next(iter(warcscan.scan([gzip.compress(b"hello\r\n\r\n")]))).problem
    assert [item.problem for item in warcscan.scan([one + one[:30]])] == ["", "the last gzip member is cut short"]
    assert "damaged" in next(iter(warcscan.scan([b"not gzip at all, for sure"]))).problem


def test_older_warc_files_of_others_are_read() -> None:
    record = (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: <http://a.example/>\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        b"WARC-Date: 2020-01-02T03:04:05Z\r\nContent-Length: 2\r\nX:  odd \r\n\r\nhi\r\n\r\n"
    )
    (found,) = warcscan.scan([gzip.compress(record)])
    assert found.problem == ""
    assert found.header is not None
    assert found.header.target_uri == "http://a.example/"


# ------------------------------------------------------------------------------------------------------------------- sorting


@given(st.lists(st.binary(max_size=20).filter(lambda row: b"\n" not in row)), st.integers(1, 60))
def test_lines_are_sorted_however_little_is_held(rows: list[bytes], held: int) -> None:
    with SortedLines(held) as sorter:
        for row in rows:
            sorter.add(row)
        assert list(sorter.rows()) == sorted(rows)
        assert sorter.size == sum(len(row) + 1 for row in rows)


def test_a_full_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with SortedLines(1) as sorter, pytest.raises(StoreError, match="temporary folder"):
        sorter.add(b"too much to hold")

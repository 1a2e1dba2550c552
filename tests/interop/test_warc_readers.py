"""Other people's readers over our WARC files: warcio, FastWARC, gzip. They find every record, with the bytes that the wire gave."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator

from exchanges import HEAD, NOON, REQUEST, RESOLUTION, TLS, exchange, failure, ids, info, whole
from preserve.adapters.warcfile import WarcWriter
from preserve.model.web import Exchange, Original, Record, Stored, Truncation
from preserve.rules.record import certificates, dns, records, revisit

NOISE = random.Random(3).randbytes(70_000)
GZIPPED = gzip.compress(b"<p>compressed</p>" * 50, mtime=0)
CHUNKED = b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


def with_head(head: bytes, body: bytes, url: str, **changes: object) -> Exchange:
    return exchange(body, head=head, url=url, **changes)


PAGES: dict[str, Exchange] = {
    "plain": with_head(HEAD, b"<p>A page</p>", "https://site.test/plain"),
    "empty": with_head(b"HTTP/1.1 204 No Content\r\n\r\n", b"", "https://site.test/empty", status=204),
    "large": with_head(HEAD, b"A longer page. " * 200_000, "https://site.test/large"),
    "image": with_head(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", NOISE, "https://site.test/image"),
    "large-image": with_head(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", NOISE * 20, "https://site.test/large-image"
    ),
    "chunked": with_head(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n",
        CHUNKED,
        "https://site.test/chunked",
        chunked=True,
    ),
    "trailers": with_head(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n0\r\nX-Trailer: yes\r\n\r\n",
        "https://site.test/trailers",
        chunked=True,
    ),
    "gzip": with_head(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", GZIPPED, "https://site.test/gzip"),
    "redirect": with_head(b"HTTP/1.1 301 Moved\r\nLocation: /plain\r\n\r\n", b"", "https://site.test/old", status=301),
    "odd": with_head(b"HTTP/1.0 404 \nX-Bare: line ends\nNoSpace:x\n\n", b"not \xff\x00 here\r\n\r\n", "https://site.test/odd"),
    "query": with_head(HEAD, b"q", "https://site.test/?q=a|b{c}&d=%20", tls=None),
    "beside": with_head(
        HEAD,
        b"x",
        "https://site.test/beside",
        interim=(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",),
        excess=b"HTTP/1.1 200 OK\r\n\r\nsmuggled",
    ),
    "cut": with_head(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"half", "https://site.test/cut", truncated=Truncation.DISCONNECT
    ),
    "failed": failure(url="https://site.test/plain", request=REQUEST, garbage=b"SSH-2.0-x\r\n"),
    "half-sent": failure(url="https://site.test/plain", request=REQUEST[:9]),
    "nowhere": failure(request=REQUEST),
}


Warc = tuple[Path, list[Stored], list[Record]]
"""The file, where its records lie (the warcinfo first), and the records after the warcinfo."""


async def write(folder: Path) -> Warc:
    """One WARC file with a record of every kind that we write."""
    new_id = ids()
    store = WarcWriter(folder, "interop-000000-x", warcinfo=info)
    groups = [records(page, new_id=new_id) for page in PAGES.values()]
    first = next(record for record in groups[0] if record.type == "response")
    original = Original(record_id=first.id, url="https://site.test/plain", date=NOON, body_sha256=PAGES["plain"].body_sha256)
    groups.append(revisit(replace(PAGES["plain"], url="https://site.test/again"), original, new_id=new_id))
    told = replace(RESOLUTION, source="--resolve")
    groups.append(
        (certificates("site.test:443", TLS, at=NOON, new_id=new_id), dns(RESOLUTION, new_id=new_id), dns(told, new_id=new_id))
    )
    stored = [place for group in groups for place in await store.append(group)]
    store.close()
    return folder / stored[0].warc, stored, [record for group in groups for record in group]


@pytest.fixture(scope="module")
def warc(tmp_path_factory: pytest.TempPathFactory) -> Warc:
    folder = tmp_path_factory.mktemp("run")
    (folder / "data").mkdir()
    return asyncio.run(write(folder))


def test_warcio_check_is_clean(warc: Warc) -> None:
    path, stored, _ = warc
    done = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("digest pass") == len(stored) - 1
    assert done.stdout.count("digest present but not checked (revisit)") == 1
    assert "WARC-Record-ID" in done.stdout
    assert "fail" not in done.stdout


def test_warcio_finds_every_record_where_we_say(warc: Warc) -> None:
    path, stored, made = warc
    with path.open("rb") as file:
        reader = ArchiveIterator(file, no_record_parse=True)
        for place, record in zip(stored, (None, *made), strict=True):
            found = next(reader)
            assert found.rec_type == place.type
            assert found.rec_headers.get_header("WARC-Record-ID") == f"<{place.record_id}>"
            block = found.raw_stream.read()
            assert (reader.get_record_offset(), reader.get_record_length()) == (place.offset, place.length)
            if record is not None:
                assert block == record.head + whole(record.body)
        assert next(reader, None) is None


def test_fastwarc_reads_the_same_blocks_and_verifies_the_digests(warc: Warc) -> None:
    path, stored, made = warc
    with path.open("rb") as file:
        found = [
            (record.headers["WARC-Record-ID"], record.stream_pos, record.reader.read(), record.content_length)
            for record in FastIterator(file, parse_http=False)
        ]
    assert [identifier for identifier, *_ in found] == [f"<{place.record_id}>" for place in stored]
    assert [offset for _, offset, *_ in found] == [place.offset for place in stored]
    for (_, _, block, length), record in zip(found[1:], made, strict=True):
        assert block == record.head + whole(record.body)
        assert length == record.length


def test_readers_see_the_page_with_its_status_and_its_body(warc: Warc) -> None:
    path, _, _ = warc
    pages = {}
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response":
                url = record.rec_headers.get_header("WARC-Target-URI")
                pages[url] = (record.http_headers.get_statuscode(), record.content_stream().read())
    assert pages["https://site.test/plain"] == ("200", b"<p>A page</p>")
    assert pages["https://site.test/chunked"] == ("200", b"hello world")
    assert pages["https://site.test/gzip"] == ("200", b"<p>compressed</p>" * 50)
    assert pages["https://site.test/image"] == ("200", NOISE)
    assert pages["https://site.test/large-image"] == ("200", NOISE * 20)
    assert pages["https://site.test/odd"] == ("404", b"not \xff\x00 here\r\n\r\n")
    assert pages["https://site.test/?q=a|b{c}&d=%20"] == ("200", b"q")


def test_gzip_itself_reads_each_slice_and_the_whole(warc: Warc) -> None:
    path, stored, _ = warc
    subprocess.run(["gzip", "-t", str(path)], check=True)
    data = path.read_bytes()
    slices = [gzip.decompress(data[place.offset : place.offset + place.length]) for place in stored]
    assert b"".join(slices) == gzip.decompress(data)
    for place in stored:
        start = data[place.offset : place.offset + 10]
        assert start == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_nothing_but_the_exchange_stands_under_the_bare_url(warc: Warc) -> None:
    path, _, _ = warc
    with path.open("rb") as file:
        places = [(record.rec_type, record.rec_headers.get_header("WARC-Target-URI") or "") for record in ArchiveIterator(file)]
    assert {type_ for type_, uri in places if uri.startswith("http")} == {"request", "response", "revisit"}
    assert {uri.split(":")[0] for _, uri in places} == {"", "http", "https", "urn", "dns"}


def test_a_slice_alone_is_a_warc_file(warc: Warc) -> None:
    path, stored, made = warc
    data = path.read_bytes()
    for place, record in zip(stored[1:], made, strict=True):
        (alone,) = ArchiveIterator(io.BytesIO(data[place.offset : place.offset + place.length]), no_record_parse=True)
        digest = alone.rec_headers.get_header("WARC-Block-Digest")
        assert digest == f"sha256:{hashlib.sha256(record.head + whole(record.body)).hexdigest()}"

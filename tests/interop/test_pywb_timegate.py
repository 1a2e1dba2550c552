"""pywb as the web archive behind dead links: its TimeGate, its TimeMap and its index over a WARC of ours. `make replay-assets` fetches it."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, not_found
from wayback import WAYBACK, collection

pytestmark = [pytest.mark.long, pytest.mark.skipif(WAYBACK is None, reason="pywb is not here: make replay-assets fetches it")]

URL = "http://tides.example/reports/crossings?year=1904"
TITLE = "Night Crossings of the Lower Ferry"
PAGE = (
    f"<!doctype html><title>{TITLE}</title><h1>{TITLE}</h1>{'<p>The harbour keeps a book of every crossing.</p>' * 9}".encode()
)
LOST = b"<!doctype html><title>404</title><h1>Not found</h1>"


def warc(path: Path) -> None:
    """Four copies of one page: two that are well, one that was gone, one that came late."""
    copies = (
        ("2010-01-01", "200 OK", PAGE),
        ("2019-05-01", "200 OK", PAGE),
        ("2019-06-01", "404 Not Found", LOST),
        ("2022-01-01", "200 OK", PAGE),
    )
    with path.open("wb") as file:
        for number, (day, status, body) in enumerate(copies):
            block = b"HTTP/1.1 %b\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (
                status.encode(),
                len(body),
                body,
            )
            fields = (
                f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-00000000000{number}>\r\n"
                f"WARC-Date: {day}T00:00:00Z\r\nWARC-Target-URI: {URL}\r\n"
                f"Content-Type: application/http;msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
            )
            file.write(gzip.compress(fields.encode() + block + b"\r\n\r\n"))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[str]:
    """The address of a collection that holds the copies."""
    warc(tmp_path / "copies.warc.gz")
    with collection(tmp_path / "pywb", [tmp_path / "copies.warc.gz"]) as address:
        yield address


def test_the_copy_before_the_access_date_is_taken_and_its_bytes_are_those_of_the_page(
    preserve: Run, site: AnyHostSite, archive: str, tmp_path: Path
) -> None:
    site.otherwise(not_found)
    row = {
        "document": "paper.txt",
        "note": "7",
        "where": "notes",
        "kind": "url",
        "url": URL,
        "url_as_printed": URL,
        "candidates": [],
        "text": f"“{TITLE}”",
        "title": TITLE,
        "date": "2019-06-15",
        "uncertain": False,
    }
    empty = dict.fromkeys(("note_inferred", "page", "line", "problem", "refers_to"))
    (tmp_path / "plan.jsonl").write_text(json.dumps({**empty, **row}) + "\n")
    for number, prefix in enumerate((f"{archive}/", f"{archive}/cdx?url=")):
        done = preserve(
            "capture",
            "plan.jsonl",
            "--json",
            "--delay",
            "0",
            "--connect-to",
            site.connect_to,
            "--archive",
            str(number),
            "--memento",
            prefix,
        )
        assert done.code == 10, done.stderr
        memento = done.lines[0]["memento"]
        assert (memento["timegate"], memento["datetime"], memento["distance_days"]) == (
            prefix,
            "2019-05-01T00:00:00.000Z",
            45,
        ), memento
        assert "20190501000000" in memento["url"]
        assert memento["payload_sha256"] == hashlib.sha256(PAGE).hexdigest()
        assert preserve("verify", str(number)).code == 0

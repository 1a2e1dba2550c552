"""Bundles that other tools made: what was not looked at is said, and nobody is called a forger for it."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from running import Run

ADDRESSES = ("http://a.example/", "http://a.example/two")
TIME = "2026-11-22T15:17:52Z"


def bundle(path: Path, *, compressed: bool, leads_to: str) -> None:
    """As py-wacz lays it out, of a WARC file like those of warcio; an uncompressed record's length leaves out the blank lines after it."""
    warc, ends = b"", [0]
    for number, address in enumerate(ADDRESSES):
        block = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-00000000000{number}>\r\n"
            f"WARC-Target-URI: {address}\r\nWARC-Date: {TIME}\r\nContent-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        record = head.encode() + block + b"\r\n\r\n"
        warc += gzip.compress(record) if compressed else record
        ends.append(len(warc))
    rows = [
        f"com,example,a)/{address[17:]} 20261122151752 "
        + json.dumps(
            {
                "url": address,
                "status": "200",
                "length": str(end - start - (0 if compressed else 4)),
                "offset": str(start),
                "filename": leads_to,
            }
        )
        for address, start, end in zip(ADDRESSES, ends, ends[1:], strict=False)
    ]
    entries = {
        "archive/pages.warc.gz" if compressed else "archive/pages.warc": warc,
        "indexes/index.cdx": "".join(row + "\n" for row in rows).encode(),
        "pages/pages.jsonl": b'{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}\n',
    }
    resources = [
        {"name": name, "path": name, "hash": f"sha256:{hashlib.sha256(data).hexdigest()}", "bytes": len(data)}
        for name, data in entries.items()
    ]
    package = json.dumps({"profile": "data-package", "wacz_version": "1.1.1", "resources": resources})
    with zipfile.ZipFile(path, "w") as file:
        for name, data in {**entries, "datapackage.json": package.encode()}.items():
            file.writestr(name, data)


@pytest.mark.parametrize("more", [[], ["--thorough"]])
def test_warc_files_that_are_not_compressed(preserve: Run, tmp_path: Path, more: list[str]) -> None:
    bundle(tmp_path / "plain.wacz", compressed=False, leads_to="pages.warc")
    done = preserve("verify", "plain.wacz", "--json", *more)
    assert done.code == 41, done.stdout
    told = [(line["result"], line["detail"]) for line in done.lines[:-1] if line["subject"] == "archive/pages.warc"]
    assert told == [
        ("not-checked", "not compressed: its records, and the lines of the index that lead to them, were not looked at")
    ]
    assert all(line["result"] != "fail" for line in done.lines[:-1])


def test_those_that_are_compressed_are_looked_at(preserve: Run, tmp_path: Path) -> None:
    bundle(tmp_path / "usual.wacz", compressed=True, leads_to="pages.warc.gz")
    done = preserve("verify", "usual.wacz", "--json")
    assert done.code == 41
    assert [line for line in done.lines[:-1] if line["claim"] == "structure"] == []


@pytest.mark.parametrize("compressed", [False, True])
def test_an_index_that_leads_elsewhere(preserve: Run, tmp_path: Path, *, compressed: bool) -> None:
    bundle(tmp_path / "astray.wacz", compressed=compressed, leads_to="other.warc.gz")
    done = preserve("verify", "astray.wacz", "--json")
    assert done.code == 40
    assert any(line["claim"] == "structure" and "other.warc.gz" in line["detail"] for line in done.lines[:-1])

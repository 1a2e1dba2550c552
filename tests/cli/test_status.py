"""`preserve status` as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, text

DOCUMENT = """\
The bridge was built twice.1 Nobody knows why.2 It is still there.3

1 Ada Lund, "The first bridge" (2 May 2019), online: <http://one.example/bridge>.
2 Ibid.
3 Bo Lund, "The second bridge" (2020), online: <http://two.example/gone>.
4 Cy Lund, "A third bridge" (2021), online:
"""


@pytest.fixture
def archive(preserve: Run, tmp_path: Path, site: AnyHostSite) -> Path:
    """An archive with one run, captured from a document of four notes."""
    (tmp_path / "bridge.txt").write_text(DOCUMENT)
    site.route("/gone", text("no", status="404 Not Found"))
    done = preserve("capture", "bridge.txt", "--url", "http://three.example/", "--delay", "0", "--connect-to", site.connect_to)
    assert done.code == 10, done.stderr
    return tmp_path / "archive"


def test_every_citation_has_a_line(preserve: Run, archive: Path) -> None:
    done = preserve("status", archive, "--json")
    assert done.code == 0, done.stderr
    assert [(line["document"], line["note"], line["outcome"], line["verdict"], line["intact"]) for line in done.lines] == [
        (None, None, "captured", "ok", True),
        ("bridge.txt", "1", "captured", "ok", True),
        ("bridge.txt", "2", "captured", "ok", True),
        ("bridge.txt", "3", "captured", "gone", True),
        ("bridge.txt", "4", None, None, None),
    ]
    assert set(done.lines[0]) == {
        "document", "note", "url", "outcome", "verdict", "captured", "run", "intact", "chosen", "memento", "next",
    }  # fmt: skip


def test_a_damaged_record_spoils_its_own_citations_only(preserve: Run, archive: Path) -> None:
    line = next(line for line in preserve("status", archive, "--json").lines if line["note"] == "3")
    run = archive / "runs" / line["run"]
    warc = next(run.glob("data/*.warc.gz"))
    records = [row.split() for row in next(run.glob("data/*.records")).read_text().splitlines()]
    captures = (run / "data" / "captures.jsonl").read_text()
    assert "two.example/gone" in captures

    capture = next(c for c in map(json.loads, captures.splitlines()) if c["url"].endswith("/gone"))
    index = next(record["index"] for record in capture["records"] if record["type"] == "response")
    data = bytearray(warc.read_bytes())
    data[int(records[index][2]) + 20] ^= 1
    warc.write_bytes(data)
    done = preserve("status", archive, "--json")
    assert done.code == 40
    assert {line["note"]: line["intact"] for line in done.lines} == {None: True, "1": True, "2": True, "3": False, "4": None}
    assert "ALTERED" in preserve("status", archive).stdout


def test_a_folder_that_is_no_archive_is_told(preserve: Run, tmp_path: Path) -> None:
    done = preserve("status", tmp_path)
    assert done.code == 20
    assert "not an archive" in done.stderr

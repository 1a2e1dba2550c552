"""Bundles of captures whose originals were removed: they are made, say what cannot be replayed, and nothing of that can be forged."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archives import Pen
from bundles import Entries, Shelf, changed, index_of, repack, resigned, unpack
from preserve.formats import cdxj, wacz
from running import Finished
from sites import AnyHostSite, text, wait_until

pytestmark = pytest.mark.long

HOST = "http://x.example"
NOTICES = "preserve-removed.warc.gz"
SUFFIX = "(removed: nothing to replay)"


def _long(words: str) -> str:
    return f"<!doctype html><link rel=stylesheet href=/s.css><p>{words}</p>" + "<p>more of it</p>" * 100


def _next_second() -> None:
    """An index tells times apart by the second."""
    second = int(time.time()) + 1
    wait_until(lambda: time.time() >= second)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Three nights of two pages, alike but for the third of one; of the first night that page and the sheet of both were removed."""
    folder = tmp_path_factory.mktemp("shelf")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    shelf = Shelf(folder=folder, env=env)
    options = ("--delay", "0", "--robots", "ignore", "--no-probe", "--no-timestamp", "--list-unchanged", "--per-host", "1")
    urls = ("--url", f"{HOST}/person", "--url", f"{HOST}/timetable")
    with AnyHostSite() as site:
        for night in (1, 1, 2):
            _next_second()
            site.route("/person", text(_long(f"person {night}"), media_type="text/html"))
            site.route("/timetable", text(_long("timetable"), media_type="text/html"))
            site.route("/s.css", text(f"p {{ margin-top: {night}em }}\n" * 100, media_type="text/css"))
            done = shelf.run("capture", *options, "--connect-to", site.connect_to, *urls)
            assert done.code == 0, done.stderr
    for path in ("person", "s.css"):
        why = ("--reason", "asked for", "--by", "the officer", "--no-timestamp", "--yes")
        done = shelf.run("redact", "archive", "--run", "0", "--url", f"{HOST}/{path}", *why)
        assert done.code == 0, done.stderr
    return shelf


def _failed(finished: Finished) -> str:
    return "\n".join(f"{row['subject']}: {row['detail']}" for row in finished.lines if row.get("result") == "fail")


def _notices(path: Path) -> list[tuple[str, str]]:
    return [(line.url, line.timestamp) for line in index_of(path) if line.filename == NOTICES]


CHOICES = {
    "all": (),
    "night": ("--run", "1"),
    "person": ("--url", f"{HOST}/person"),
    "timetable": ("--url", f"{HOST}/timetable"),
    "one of them": ("--run", "1", "--url", f"{HOST}/person"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_it_is_made_and_says_what_is_not_there(shelf: Shelf, tmp_path: Path, choice: str) -> None:
    path = tmp_path / "made.wacz"
    done = shelf.run("bundle", "archive", "-o", path, *CHOICES[choice])
    assert done.code == 0, done.stderr
    checked = shelf.run("verify", path, "--json")
    assert checked.code == 41, checked.stdout
    assert not _failed(checked)
    assert "removed by" in checked.stdout
    stands = {url for url, _ in _notices(path)}
    assert f"{HOST}/s.css" in stands, "also where the list is another page's"
    assert (f"{HOST}/person" in stands) is (choice != "timetable")
    assert f"{HOST}/timetable" not in stands
    for url in stands:
        assert f"  {url}  (" in done.stderr
    if choice == "timetable":
        assert f"{HOST}/s.css  (as an earlier capture, which was removed)" in done.stderr
        assert "what other pages' lists say, which are not here" in checked.stdout, "the list is that of the page asked first"
    rows = [row for row in dict(unpack(path))[wacz.PAGES].decode().splitlines() if SUFFIX in row]
    assert len(rows) == {"all": 2, "night": 1, "person": 2, "timetable": 0, "one of them": 1}[choice]
    assert all(f"{HOST}/person" in row for row in rows)


def test_warc_files_say_it_on_the_terminal(shelf: Shelf, tmp_path: Path) -> None:
    done = shelf.run("bundle", "archive", "--run", "1", "--warc", "-o", tmp_path / "warcs")
    assert done.code == 0, done.stderr
    assert f"{HOST}/person  (as an earlier capture, which was removed)" in done.stderr
    assert not list((tmp_path / "warcs").rglob(NOTICES))
    assert "the signed statement is not in WARC files; a bundle without --warc has it" in done.stderr
    assert "cannot be replayed; nothing stands in the place of each, and players may show another capture there." in done.stderr
    joined = shelf.run("bundle", "archive", "--run", "1", "--warc", "-o", tmp_path / "joined.warc.gz")
    assert joined.stderr.splitlines()[:-1] == done.stderr.splitlines()[:-1]


@pytest.fixture(scope="module", params=["all", "person"])
def made(shelf: Shelf, request: pytest.FixtureRequest) -> Path:
    return shelf.bundle(f"{request.param}.wacz", *CHOICES[request.param])


def _forged(shelf: Shelf, entries: Entries, tmp_path: Path) -> Finished:
    return shelf.run("verify", repack(tmp_path / "bad.wacz", resigned(entries, pen=Pen("A. Thief"))), "--json")


def _index(entries: Entries, rows: list[bytes]) -> Entries:
    data = b"".join(row + b"\n" for row in sorted(rows))
    return changed(entries, lambda name: name == wacz.INDEX, lambda _: data)


def test_the_pages_that_stand_there_left_out(shelf: Shelf, made: Path, tmp_path: Path) -> None:
    entries = [(name, data) for name, data in unpack(made) if not name.endswith(NOTICES)]
    rows = [row for row in dict(entries)[wacz.INDEX].splitlines() if NOTICES.encode() not in row]
    found = _forged(shelf, _index(entries, rows), tmp_path)
    assert found.code == 40
    assert "not what follows from what was removed" in _failed(found)


def test_a_revisit_without_an_original_put_into_the_index(shelf: Shelf, made: Path, tmp_path: Path) -> None:
    entries = unpack(made)
    files = dict(entries)
    for name, data in entries:
        if not name.endswith(".warc.gz") or "preserve-" in name:
            continue
        (tmp_path / "one.warc.gz").write_bytes(data)
        with (tmp_path / "one.warc.gz").open("rb") as file:
            reader = ArchiveIterator(file)
            for record in reader:
                offset = reader.get_record_offset()
                length = reader.get_record_length()
                if (record.rec_type, record.rec_headers.get_header("WARC-Target-URI")) == ("revisit", f"{HOST}/person"):
                    old = next(line for line in map(cdxj.parse, files[wacz.INDEX].splitlines()) if line.filename == NOTICES)
                    row = old.encode().replace(NOTICES.encode(), name.removeprefix("archive/").encode())
                    row = row.replace(b'"offset":"%d"' % old.offset, b'"offset":"%d"' % offset)
                    row = row.replace(b'"length":"%d"' % old.length, b'"length":"%d"' % length)
                    found = _forged(shelf, _index(entries, [*files[wacz.INDEX].splitlines(), row]), tmp_path)
                    assert found.code == 40
                    assert "a line leads to no such capture" in _failed(found)
                    return
    raise AssertionError("there is no such revisit")


def test_a_page_named_as_if_it_were_there(shelf: Shelf, made: Path, tmp_path: Path) -> None:
    entries = changed(unpack(made), lambda name: name == wacz.PAGES, lambda data: data.replace(f" {SUFFIX}".encode(), b""))
    found = _forged(shelf, entries, tmp_path)
    assert found.code == 40
    assert "pages.jsonl" in _failed(found)


def test_a_page_that_stands_over_what_is_there(shelf: Shelf, made: Path, tmp_path: Path) -> None:
    """A bundle in which nothing was removed has no room for one either."""
    notices = dict(unpack(made))[f"archive/{NOTICES}"]
    rows = [row for row in dict(unpack(made))[wacz.INDEX].splitlines() if NOTICES.encode() in row]
    other = unpack(shelf.bundle("sound.wacz", "--run", "2", "--url", f"{HOST}/person"))
    entries = [(f"archive/{NOTICES}", notices), *other]
    found = _forged(shelf, _index(entries, [*dict(other)[wacz.INDEX].splitlines(), *rows]), tmp_path)
    assert found.code == 40
    assert NOTICES in _failed(found)


def test_an_original_that_is_missing_without_a_statement_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    """Two archives told apart: the events of the other one gone, its log and runs as they are."""
    shutil.copytree(shelf.folder / "archive", tmp_path / "archive")
    for event in (tmp_path / "archive" / "events").iterdir():
        shutil.rmtree(event)
    copy = Shelf(folder=tmp_path, env=shelf.env)
    done = copy.run("bundle", "archive", "--run", "1", "-o", "night.wacz")
    assert done.code != 0
    assert not (tmp_path / "night.wacz").exists()

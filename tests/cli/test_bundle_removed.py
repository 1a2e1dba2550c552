"""Bundles of an archive from which a record was removed: they say so as the archive does, and nothing else is an excuse for other bytes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archives import START, Archivist, Pen
from bundles import Entries, Shelf, flipped, index_of, repack, resigned, unpack
from preserve.formats import recordindex, redacted
from preserve.model.event import Redaction, RemovedRecord, RunRef
from running import Finished
from sites import AnyHostSite

GONE, STAYS = "http://x.example/person", "http://x.example/timetable"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two runs; of the first, all of one page was removed. `before` is what was bundled before."""
    folder = tmp_path_factory.mktemp("shelf")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    shelf = Shelf(folder=folder, env=env)
    options = ("--delay", "0", "--robots", "ignore", "--no-probe", "--archive", "archive")
    with AnyHostSite() as site:
        for urls in ((GONE, STAYS), ("http://y.example/other",)):
            given = [part for url in urls for part in ("--url", url)]
            done = shelf.run("capture", *options, "--connect-to", site.connect_to, *given)
            assert done.code == 0, done.stderr
    shelf.bundle("before.wacz")
    _redact(shelf, GONE)
    return shelf


def _redact(shelf: Shelf, url: str, archive: str = "archive") -> None:
    done = shelf.run("redact", archive, "--url", url, "--reason", "she asked for it", "--by", "the officer", "--yes")
    assert done.code == 0, done.stderr


def _verify(shelf: Shelf, path: str | Path) -> Finished:
    return shelf.run("verify", path, "--json")


def _removed(finished: Finished) -> list[str]:
    return [row["detail"] for row in finished.lines if "removed by" in row.get("detail", "") and row["claim"] == "integrity"]


def _failed(finished: Finished) -> str:
    return "\n".join(f"{row['subject']}: {row['detail']}" for row in finished.lines if row.get("result") == "fail")


@pytest.fixture(scope="module")
def whole(shelf: Shelf) -> Path:
    return shelf.bundle("whole.wacz")


@pytest.fixture(scope="module")
def selected(shelf: Shelf) -> Path:
    return shelf.bundle("selected.wacz", "--url", GONE)


def test_a_bundle_says_what_the_archive_says(shelf: Shelf, whole: Path, selected: Path) -> None:
    archive = _verify(shelf, "archive")
    assert archive.code == 41
    assert _removed(archive)
    for path in (whole, selected):
        found = _verify(shelf, path)
        assert found.code == 41, found.stdout
        assert not _failed(found)
        said = [re.sub(r"; the .*", "", detail) for detail in _removed(found)]
        assert said == [re.sub(r"; the .*", "", detail) for detail in _removed(archive)]
        assert all("by order of the officer, because: she asked for it" in detail for detail in said)


def test_what_was_not_removed_needs_no_statement(shelf: Shelf) -> None:
    for more in (("--url", STAYS), ("--run", "1")):
        made = shelf.bundle("other.wacz", *more)
        assert not [name for name, _ in unpack(made) if "-redaction/" in name]
        assert _verify(shelf, made).code == 0


def test_others_read_it(shelf: Shelf, whole: Path, selected: Path, tmp_path: Path) -> None:
    """The records in the places of the removed ones are whole, and in no index."""
    for path in (whole, selected):
        lines = index_of(path)
        assert {line.filename for line in lines if line.url == GONE} == {"preserve-removed.warc.gz"}, "a page that says so"
        assert not any("urn:" in line.url for line in lines)
        for name, data in unpack(path):
            if not name.endswith(".warc.gz"):
                continue
            (tmp_path / "one.warc.gz").write_bytes(data)
            with (tmp_path / "one.warc.gz").open("rb") as file:
                kinds = [
                    (record.rec_type, record.rec_headers.get_header("WARC-Target-URI")) for record in ArchiveIterator(file)
                ]
            assert {kind for kind, uri in kinds if uri == GONE} == ({"resource"} if "preserve-removed" in name else set())


def test_it_is_said_when_it_is_made(shelf: Shelf) -> None:
    done = shelf.run("bundle", "archive", "-o", "said.wacz", "--run", "0")
    assert "removed from the archive. In their places stand records that say so; the signed statement goes along" in done.stderr
    done = shelf.run("bundle", "archive", "-o", "warcs", "--warc")
    assert done.code == 0
    assert "removed from the archive" in done.stderr


@pytest.fixture
def entries(whole: Path) -> Entries:
    return unpack(whole)


def _changed(shelf: Shelf, entries: Entries, tmp_path: Path) -> Finished:
    """Somebody changed the bundle, and made its own hashes anew."""
    return _verify(shelf, repack(tmp_path / "bad.wacz", resigned(entries, pen=None)))


def test_the_statement_stripped(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    rest = [(name, data) for name, data in entries if "-redaction/" not in name]
    found = _changed(shelf, rest, tmp_path)
    assert found.code == 40
    assert "record" in _failed(found)
    assert not _removed(found)


@pytest.mark.parametrize("which", ["statement.json", "log~entry.tlog-proof", ".sig", "SEAL"])
@pytest.mark.parametrize("form", ["whole", "selected"])
def test_the_statement_altered(shelf: Shelf, request: pytest.FixtureRequest, tmp_path: Path, which: str, form: str) -> None:
    made = unpack(request.getfixturevalue(form))
    (place, *_) = (name for name, _ in made if "-redaction/" in name and name.endswith(which))
    found = _changed(shelf, [(name, flipped(data, 0.7) if name == place else data) for name, data in made], tmp_path)
    assert found.code == 40
    assert "events" in _failed(found)
    assert not _removed(found)


def test_the_statement_of_another_record_excuses_nothing(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    """What still stands in the archive is altered in the bundle, beside a true statement."""
    line = next(line for line in index_of(shelf.folder / "whole.wacz") if line.url == STAYS)
    place = f"archive/{line.filename}"
    data = dict(entries)[place]
    start, end = line.offset, line.offset + line.length
    forged = data[:start] + data[start : start + 30] + bytes(end - start - 30) + data[end:]
    found = _changed(shelf, [(name, forged if name == place else old) for name, old in entries], tmp_path)
    assert found.code == 40
    assert "record" in _failed(found)


def test_a_removed_record_put_otherwise(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    """What stands where it was is neither what was sealed nor what the statement left."""
    place = next(name for name, data in entries if name.endswith(".warc.gz") and b"urn:preserve:redacted" in data)
    lie = b"urn:preserve:redacted:1:"
    changed = [(name, data.replace(b"urn:preserve:redacted:0:", lie) if name == place else data) for name, data in entries]
    found = _changed(shelf, changed, tmp_path)
    assert found.code == 40
    assert "removal is stated" in _failed(found)


def test_a_statement_of_a_run_that_is_not_here(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    other = unpack(shelf.bundle("one.wacz", "--run", "1"))
    stated = [(name, data) for name, data in entries if "-redaction/" in name]
    found = _changed(shelf, [*stated, *other], tmp_path)
    assert found.code == 40
    assert "another SEAL" in _failed(found)


def _stranger(shelf: Shelf, folder: Path) -> Shelf:
    """Somebody who trusts nobody."""
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    return Shelf(folder=shelf.folder, env=env)


def test_an_excuse_that_a_stranger_makes(shelf: Shelf, tmp_path: Path) -> None:
    """A thief overwrites a record in a bundle, and states it with a key and in a log of their own, under the true log's name."""
    entries = dict(unpack(shelf.folder / "before.wacz"))
    line = next(line for line in index_of(shelf.folder / "before.wacz") if line.url == STAYS)
    file = f"archive/{line.filename}"
    at = next(name for name in entries if name.endswith("/SEAL") and "-000000-" in name).partition("SEAL")[0]
    manifest = json.loads(entries[f"{at}manifest.json"])
    rows = entries[f"{at}data~{line.filename.removesuffix('.warc.gz')}.records"].splitlines()
    index, row = next((n, recordindex.parse_leaf(row)) for n, row in enumerate(rows) if b" %d " % line.offset in row)
    run = RunRef(sequence=manifest["archive"]["sequence"], seal_sha256=hashlib.sha256(entries[f"{at}SEAL"]).hexdigest())
    pieces = redacted.replacement(
        run, (f"data/{line.filename}", index), row.length, reason="none", authority="nobody", at=START
    )
    stands = b"".join(pieces)
    record = RemovedRecord(
        file=f"data/{line.filename}",
        index=index,
        offset=row.offset,
        length=row.length,
        sha256=row.sha256,
        replacement_sha256=hashlib.sha256(stands).hexdigest(),
    )
    thief = Archivist(signers=(Pen("A. Thief"),), id=manifest["archive"]["id"], origin=manifest["log"]["origin"])
    thief.entries += [b"entry %d" % number for number in range(9)]
    body = Redaction(run=run, reason="none", authority="nobody", at=START, records=(record,))
    name = thief.add_event(body).split("/")[1]
    old = entries[file]
    entries[file] = old[: row.offset] + stands + old[row.offset + row.length :]
    for path, data in {**thief.events[name], "log/entry.tlog-proof": thief.proof(9)}.items():
        entries[f"preserve-{name}/{path.replace('/', '~')}"] = data
    bad = repack(tmp_path / "bad.wacz", resigned(list(entries.items()), pen=None))
    for who in (shelf, _stranger(shelf, tmp_path)):
        found = _verify(who, bad)
        assert found.code == 40
        assert not _removed(found)
        assert "record" in _failed(found)


def test_who_trusts_nobody_is_told_what_the_signer_of_the_run_removed(shelf: Shelf, whole: Path, tmp_path: Path) -> None:
    found = _verify(_stranger(shelf, tmp_path), whole)
    assert found.code == 41
    assert _removed(found)


def test_what_is_stated_and_still_there_is_not_handed_over(shelf: Shelf, tmp_path: Path) -> None:
    """A backup's WARC file put back: the record is there again, and its removal is stated."""
    copy = Shelf(folder=tmp_path, env=shelf.env)
    shutil.copytree(shelf.folder / "archive", tmp_path / "archive")
    before = dict(unpack(shelf.folder / "before.wacz"))
    for path in (tmp_path / "archive").glob("runs/*/data/*.warc.gz"):
        path.write_bytes(before[f"archive/{path.name}"])
    done = copy.run("bundle", "archive", "-o", "back.wacz")
    assert done.code == 40
    assert "still, or again, there" in done.stderr
    assert not (tmp_path / "back.wacz").exists()
    assert copy.run("redact", "archive", "--finish").code == 0
    assert copy.run("bundle", "archive", "-o", "back.wacz").code == 0

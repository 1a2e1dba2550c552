"""`preserve bundle` and what `preserve verify` says of bundles: ours, others', and those that somebody changed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archives import Pen
from bundles import HOST, Entries, Shelf, changed, flipped, index_of, make_archive, repack, resigned, unpack
from preserve.cli.verify import check
from preserve.formats import wacz
from preserve.model.finding import Claim, Finding, Report, Result
from speaking import unsaid


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return make_archive(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def whole(shelf: Shelf) -> Path:
    return shelf.bundle("whole.wacz")


@pytest.fixture(scope="module")
def selected(shelf: Shelf) -> Path:
    return shelf.bundle("selected.wacz", "--run", "1", "--note", "2")


@pytest.fixture
def verified(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Report]:
    for name, value in shelf.env.items():
        monkeypatch.setenv(name, value)

    def checked(path: Path) -> Report:
        report = check(path)
        assert not unsaid(report), report.findings
        return report

    return checked


def failing(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.result is Result.FAIL]


def told(report: Report, claim: Claim) -> str:
    return "\n".join(finding.detail for finding in report.findings if finding.claim is claim)


# ------------------------------------------------------------------------------------------------------------------ bundling


def test_whole_runs_go_along_byte_for_byte(shelf: Shelf, whole: Path, verified: Callable[[Path], Report]) -> None:
    entries = dict(unpack(whole))
    warcs = sorted((shelf.folder / "archive").glob("runs/*/data/*.warc.gz"))
    assert len(warcs) == 2
    for warc in warcs:
        assert entries[f"archive/{warc.name}"] == warc.read_bytes()
    for run in (shelf.folder / "archive" / "runs").iterdir():
        for file in run.rglob("*"):
            if file.is_file() and not file.name.endswith(".warc.gz"):
                inside = file.relative_to(run).as_posix().replace("/", "~")
                assert entries[f"preserve-{run.name}/{inside}"] == file.read_bytes()
    assert all(item.compress_type == zipfile.ZIP_STORED for item in zipfile.ZipFile(whole).infolist())
    report = verified(whole)
    assert report.exit_code == 0, failing(report)
    assert "no file and no line is missing or added" in told(report, Claim.COMPLETENESS)


def test_a_page_for_each_citation(whole: Path) -> None:
    rows = [json.loads(row) for row in dict(unpack(whole))[wacz.PAGES].splitlines()]
    assert rows[0]["format"] == "json-pages-1.0"
    pages = rows[1:4]
    assert [(page["note"], page["url"]) for page in pages] == [
        ("1", f"{HOST}/tables"),
        ("2", f"{HOST}/moorings"),
        ("3", f"{HOST}/old"),
    ]
    assert pages[0]["title"] == "paper.txt, note 1: Tide tables"
    assert pages[0]["document"] == "paper.txt"
    assert "Harbour Office" in pages[0]["text"]
    assert len(rows) == 7


def test_a_selection_brings_what_the_page_needs_and_the_originals(selected: Path, verified: Callable[[Path], Report]) -> None:
    lines = index_of(selected)
    runs = {line.filename.split("-")[1] for line in lines}
    assert runs == {"000000", "000001"}, "the originals of revisits lie in the first run"
    asked = {line.url for line in lines if "-000001-" in line.filename}
    assert {f"{HOST}/moorings", f"{HOST}/s.css", f"{HOST}/i.png", f"{HOST}/bg.png"} <= asked, "another page named them first"
    assert not any("tables" in line.url or "old" in line.url for line in lines if "-000001-" in line.filename)
    entries = dict(unpack(selected))
    assert b"paper.txt" in b"".join(data for name, data in entries.items() if "citations" in name)
    assert not any(b"/old" in data for name, data in entries.items() if name.startswith("preserve-")), "what was not asked for"
    report = verified(selected)
    assert report.exit_code == 0, failing(report)
    assert "a selection" in told(report, Claim.COMPLETENESS)


def test_selected_members_are_those_of_the_archive(shelf: Shelf, selected: Path, tmp_path: Path) -> None:
    stored = b"".join(path.read_bytes() for path in (shelf.folder / "archive").glob("runs/*/data/*.warc.gz"))
    entries = unpack(selected)
    for line in index_of(selected):
        data = dict(entries)[f"archive/{line.filename}"]
        member = data[line.offset : line.offset + line.length]
        assert member in stored
        assert line.record_digest == f"sha256:{hashlib.sha256(member).hexdigest()}"
    for name, data in entries:
        if name.endswith(".warc.gz"):
            (tmp_path / "one.warc.gz").write_bytes(data)
            with (tmp_path / "one.warc.gz").open("rb") as file:
                kinds = [record.rec_type for record in ArchiveIterator(file, check_digests="raise")]
            assert kinds[0] == "warcinfo"


@pytest.mark.parametrize("asked", [("--url", f"{HOST}/tables"), ("--document", "paper.txt", "--note", "1")])
def test_other_ways_to_ask(shelf: Shelf, asked: tuple[str, ...], verified: Callable[[Path], Report]) -> None:
    made = shelf.bundle("asked.wacz", *asked)
    assert f"{HOST}/tables" in {line.url for line in index_of(made)}
    assert verified(made).exit_code == 0


def test_nothing_that_fits_is_said(shelf: Shelf) -> None:
    done = shelf.run("bundle", "archive", "-o", "none.wacz", "--note", "99")
    assert (done.code, (shelf.folder / "none.wacz").exists()) == (2, False)
    assert "nothing to hand over" in done.stderr


def test_the_index_is_that_of_another_indexer(whole: Path, tmp_path: Path) -> None:
    found = set()
    for name, data in unpack(whole):
        if name.endswith(".warc.gz"):
            (tmp_path / "one.warc.gz").write_bytes(data)
            with (tmp_path / "one.warc.gz").open("rb") as file:
                reader = ArchiveIterator(file)
                for record in reader:
                    uri = record.rec_headers.get_header("WARC-Target-URI") or ""
                    date = record.rec_headers.get_header("WARC-Date")
                    reader.read_to_end()
                    place = (reader.get_record_offset(), reader.get_record_length())
                    if record.rec_type in {"response", "revisit"} and uri.startswith("http"):
                        found.add((uri, "".join(filter(str.isdigit, date))[:14], *place, name.removeprefix("archive/")))
    ours = {(line.url, line.timestamp, line.offset, line.length, line.filename) for line in index_of(whole)}
    assert ours == found
    rows = dict(unpack(whole))[wacz.INDEX].splitlines()
    assert rows == sorted(rows)


def test_warc_files_alone(shelf: Shelf) -> None:
    assert shelf.run("bundle", "archive", "-o", "warcs", "--warc").code == 0
    assert shelf.run("bundle", "archive", "-o", "one.warc.gz", "--warc").code == 0
    files = sorted((shelf.folder / "warcs").iterdir())
    originals = sorted((shelf.folder / "archive").glob("runs/*/data/*.warc.gz"), key=lambda path: path.name)
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in originals]
    assert (shelf.folder / "one.warc.gz").read_bytes() == b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("manifest-sha256.txt", lambda path: path.write_bytes(path.read_bytes()[10:])),
        ("manifest-sha256.txt", lambda path: path.write_bytes(b"\xff" + path.read_bytes())),
        ("tagmanifest-sha256.txt", lambda path: path.write_bytes(path.read_bytes() * 2)),
        ("tagmanifest-sha256.txt", lambda path: (path.rename(path.with_name("other")), path.symlink_to("other"))),
        ("manifest-sha256.txt", lambda path: (path.unlink(), path.mkdir())),
    ],
    ids=["a line cut", "not text", "lines twice", "a symlink", "a folder"],
)
def test_the_lists_of_a_bag_are_damaged(shelf: Shelf, name: str, damage: Callable[[Path], object], tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    assert shelf.run("bundle", "archive", "-o", str(bag), "--bagit").code == 0
    damage(bag / name)
    found = shelf.run("verify", str(bag), "--json")
    assert found.code == 40, found.stderr
    told = [json.loads(row) for row in found.stdout.splitlines()[:-1]]
    assert any(row["subject"] == name and row["result"] == "fail" for row in told)
    assert any(row["claim"] == "signer" and row["result"] == "pass" for row in told), "the bundle in it is read all the same"


def test_a_bag(shelf: Shelf, verified: Callable[[Path], Report]) -> None:
    assert shelf.run("bundle", "archive", "-o", "bag", "--bagit").code == 0
    bag = shelf.folder / "bag"
    for listing in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "-c", "--strict", listing], cwd=bag, check=True, capture_output=True)
    payload = bag / "data" / "bag.wacz"
    assert f"Payload-Oxum: {payload.stat().st_size}.1\n" in (bag / "bag-info.txt").read_text()
    assert verified(payload).exit_code == 0
    assert shelf.run("bundle", "archive", "-o", "bag.zip", "--bagit").code == 0
    names = [name for name, _ in unpack(shelf.folder / "bag.zip")]
    assert sorted(names) == sorted(
        f"bag/{name}"
        for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "data/bag.wacz")
    )
    assert shelf.run("bundle", "archive", "-o", "bag", "--bagit").code == 30, "a folder that is there is not replaced"


def test_nothing_is_written_into_the_archive(shelf: Shelf) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in sorted((shelf.folder / "archive").rglob("*"))}

    before = state()
    shelf.bundle("again.wacz")
    assert shelf.run("bundle", "archive", "-o", "archive/inside.wacz").code == 2
    assert state() == before


def test_an_altered_archive_is_not_handed_over(shelf: Shelf, tmp_path: Path) -> None:
    copy = shelf.folder / "altered"
    shutil.copytree(shelf.folder / "archive", copy)
    warc = min(copy.glob("runs/*/data/*.warc.gz"))
    warc.write_bytes(flipped(warc.read_bytes()))
    done = shelf.run("bundle", "altered", "-o", "altered.wacz")
    assert (done.code, (shelf.folder / "altered.wacz").exists()) == (40, False)
    assert "record" in done.stderr
    intact = shelf.run("bundle", "altered", "-o", "intact.wacz", "--run", "1", "--note", "3")
    assert intact.code == 40, "its revisits need the run that is altered"
    shutil.rmtree(copy)


def test_an_open_run_is_left_out_and_that_is_said(shelf: Shelf) -> None:
    journal = shelf.folder / "archive" / "journal"
    journal.mkdir()
    try:
        done = shelf.run("bundle", "archive", "-o", "open.wacz")
    finally:
        journal.rmdir()
    assert done.code == 0
    assert "left out" in done.stderr


def test_an_empty_archive(shelf: Shelf) -> None:
    empty = shelf.folder / "nothing"
    empty.mkdir(exist_ok=True)
    assert shelf.run("bundle", "nothing", "-o", "nothing.wacz").code == 20


def test_a_full_disk_leaves_no_half_file(shelf: Shelf) -> None:
    (shelf.folder / "full.wacz").write_bytes(b"what stood there before")
    listed = set(os.listdir(shelf.folder))
    code = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); sys.argv[1:] = ['bundle', 'archive', '-o', 'full.wacz'];"
        "runpy.run_module('preserve', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shelf.folder, env={**os.environ, **shelf.env}, check=False, capture_output=True
    )
    assert done.returncode == 30, done.stderr
    assert (shelf.folder / "full.wacz").read_bytes() == b"what stood there before"
    assert set(os.listdir(shelf.folder)) == listed
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 9000


# ------------------------------------------------------------------------------------------------------------------- attacks


def is_warc(name: str) -> bool:
    return name.endswith(".warc.gz")


def changed_warc(entries: Entries) -> Entries:
    return changed(entries, is_warc, flipped)


def edited_package(entries: Entries) -> Entries:
    return changed(entries, lambda name: name == wacz.PACKAGE, lambda data: data.replace(b'"title": "', b'"title": "x'))


def without(entries: Entries, name: str) -> Entries:
    return [(path, data) for path, data in entries if path != name]


def digest_without(member: str) -> Callable[[Entries], Entries]:
    def change(entries: Entries) -> Entries:
        def drop(data: bytes) -> bytes:
            value = json.loads(data)
            del value[member]
            return json.dumps(value).encode()

        return changed(entries, lambda name: name == wacz.DIGEST, drop)

    return change


def dropped_run(entries: Entries) -> Entries:
    return [(name, data) for name, data in entries if not name.startswith("preserve-000000-")]


def moved_line(entries: Entries) -> Entries:
    """The index leads to another record; hashes and signatures are made anew."""
    return changed(
        entries,
        lambda name: name == wacz.INDEX,
        lambda data: data.replace(b'"offset":"', b'"offset":"1', 1),
    )


ATTACKS: dict[str, tuple[Callable[[Entries], Entries], Claim]] = {
    "changed WARC byte": (changed_warc, Claim.INTEGRITY),
    "edited datapackage": (edited_package, Claim.INTEGRITY),
    "unlisted file": (lambda entries: [*entries, ("archive/extra.warc.gz", dict(entries)[entries[0][0]])], Claim.COMPLETENESS),
    "unlisted file without a dot": (lambda entries: [*entries, ("preserve/extra", b"x")], Claim.COMPLETENESS),
    "removed file": (lambda entries: without(entries, "preserve/README.txt"), Claim.COMPLETENESS),
    "signature stripped": (digest_without("signedData"), Claim.COMPLETENESS),
    "statement stripped": (digest_without("preserve"), Claim.COMPLETENESS),
    "digest removed": (lambda entries: without(entries, wacz.DIGEST), Claim.COMPLETENESS),
    "datapackage removed": (lambda entries: without(entries, wacz.PACKAGE), Claim.COMPLETENESS),
    "re-signed by an attacker": (lambda entries: resigned(changed_warc(entries), pen=Pen("an attacker")), Claim.INTEGRITY),
    "re-signed, our statement kept": (lambda entries: resigned(entries, pen=None), Claim.INTEGRITY),
    "index leads elsewhere, re-signed": (
        lambda entries: resigned(moved_line(entries), pen=Pen("an attacker")),
        Claim.STRUCTURE,
    ),
    "index emptied, re-signed": (
        lambda entries: resigned(changed(entries, lambda name: name == wacz.INDEX, lambda data: b""), pen=Pen("an attacker")),
        Claim.STRUCTURE,
    ),
    "pages edited, re-signed": (
        lambda entries: resigned(
            changed(entries, lambda name: name == wacz.PAGES, lambda data: data.replace(b"Moorings", b"Landings")),
            pen=Pen("an attacker"),
        ),
        Claim.STRUCTURE,
    ),
    "a run's WARC without its run, re-signed": (
        lambda entries: resigned(dropped_run(entries), pen=Pen("an attacker")),
        Claim.COMPLETENESS,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("which", ["whole", "selected"])
def test_attacks(
    attack: str, which: str, request: pytest.FixtureRequest, tmp_path: Path, verified: Callable[[Path], Report]
) -> None:
    change, claim = ATTACKS[attack]
    made = repack(tmp_path / "changed.wacz", change(unpack(request.getfixturevalue(which))))
    report = verified(made)
    assert report.exit_code == 40, report.findings
    assert claim in {finding.claim for finding in failing(report)}, failing(report)


def test_a_changed_record_is_named_with_its_footnote(whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    line = next(line for line in index_of(whole) if line.url == f"{HOST}/moorings" and "-000000-" in line.filename)

    def change(data: bytes) -> bytes:
        return data[: line.offset + 40] + bytes([data[line.offset + 40] ^ 1]) + data[line.offset + 41 :]

    made = repack(tmp_path / "x.wacz", changed(unpack(whole), lambda name: name == f"archive/{line.filename}", change))
    (found,) = [finding for finding in failing(verified(made)) if "record" in finding.detail and "cited in" in finding.detail]
    assert f"offset {line.offset}" in found.detail
    assert f"{HOST}/moorings, cited in paper.txt" in found.detail


def test_deflated_warc_files(whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    report = verified(repack(tmp_path / "x.wacz", unpack(whole), deflated=is_warc))
    assert report.exit_code == 40
    assert {finding.claim for finding in failing(report)} == {Claim.STRUCTURE}, "its bytes are unaltered"


def test_packed_again_with_the_same_entries_it_is_unaltered(
    whole: Path, tmp_path: Path, verified: Callable[[Path], Report]
) -> None:
    entries = unpack(whole)
    made = repack(
        tmp_path / "x.wacz", [*reversed(entries), ("archive/", b"")], deflated=lambda name: name.endswith((".json", ".jsonl"))
    )
    report = verified(made)
    assert report.exit_code == 0, failing(report)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("first", [True, False])
def test_duplicate_entries(first: bool, whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    entries = unpack(whole)
    forged = (entries[0][0], flipped(entries[0][1]))
    report = verified(repack(tmp_path / "x.wacz", [forged, *entries] if first else [*entries, forged]))
    assert "duplicate entry" in told(report, Claim.INTEGRITY)
    assert report.exit_code == 40


@pytest.mark.parametrize("kind", [0o120777, 0o010644, 0o020666, 0o040755], ids=["link", "pipe", "device", "folder"])
def test_an_entry_that_unpacks_as_no_file(kind: int, whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    """What it holds is as listed; unpacked, it leads to whatever those bytes name."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "x.wacz", "w") as made:
        for place, about in enumerate(source.infolist()):
            made_of = zipfile.ZipInfo(about.filename)
            made_of.external_attr = (kind if place == 2 else 0o100644) << 16
            made.writestr(made_of, source.read(about))
    report = verified(tmp_path / "x.wacz")
    assert "by its attributes no plain file" in told(report, Claim.INTEGRITY)
    assert report.exit_code == 40


@pytest.mark.parametrize("where", ["before", "after", "between"])
def test_bytes_that_belong_to_no_entry(where: str, whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    data = whole.read_bytes()
    made = tmp_path / "x.wacz"
    if where == "between":
        with zipfile.ZipFile(whole) as file:
            start = file.start_dir
        end = bytearray(data[start:])
        at = end.rindex(b"PK\x05\x06")
        end[at + 16 : at + 20] = (start + 4).to_bytes(4, "little")
        made.write_bytes(data[:start] + b"hide" + end)
    else:
        made.write_bytes(b"hide" + data if where == "before" else data + b"hide")
    report = verified(made)
    assert report.exit_code == 40
    assert "bytes" in told(report, Claim.INTEGRITY)


def test_a_bundle_by_a_stranger_of_runs_that_we_trust(whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    report = verified(repack(tmp_path / "x.wacz", resigned(unpack(whole), pen=Pen("a colleague"))))
    assert report.exit_code == 41, failing(report)
    assert "UNKNOWN KEY" in told(report, Claim.SIGNER)


def test_every_byte_of_the_bundle_counts(selected: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    """A sample of all of them: what follows an entry's name is either found or is a date or a version that no reader heeds."""
    data = selected.read_bytes()
    with zipfile.ZipFile(selected) as file:
        stretches = [(item.header_offset + 30 + len(item.filename), item.compress_size) for item in file.infolist()]
    made = tmp_path / "x.wacz"
    for start, length in stretches:
        place = start + length // 2
        made.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        report = verified(made)
        assert report.exit_code == 40, data[place - 50 : place + 50]


# ------------------------------------------------------------------------------------------------------------------- others'


def foreign(path: Path, whole: Path, *, signed: bool) -> Path:
    """A WACZ of another tool: WARC, index, pages, and perhaps a signature by a key of its own."""
    entries = [(name, data) for name, data in unpack(whole) if not name.startswith("preserve") and name != wacz.DIGEST]
    digest = without([(name, data) for name, data in unpack(whole) if name == wacz.DIGEST], "")
    made = resigned([*entries, *digest], pen=None)
    if not signed:
        return repack(path, without(made, wacz.DIGEST))
    return repack(path, digest_without("preserve")(made))


def test_foreign_bundles(whole: Path, tmp_path: Path, verified: Callable[[Path], Report]) -> None:
    for signed in (True, False):
        report = verified(foreign(tmp_path / "x.wacz", whole, signed=signed))
        assert report.exit_code == 41, failing(report)
        assert ("UNKNOWN KEY" if signed else "nobody signed it") in told(report, Claim.SIGNER)
        assert ("nobody signed that list" in told(report, Claim.INTEGRITY)) is not signed
    altered = repack(tmp_path / "y.wacz", changed_warc(unpack(tmp_path / "x.wacz")))
    assert verified(altered).exit_code == 40
    broken = foreign(tmp_path / "x.wacz", whole, signed=True)
    forged = repack(tmp_path / "z.wacz", edited_package(unpack(broken)))
    assert verified(forged).exit_code == 40


def test_what_is_no_bundle(shelf: Shelf) -> None:
    (shelf.folder / "junk.wacz").write_bytes(b"PK\x03\x04 but no more")
    assert shelf.run("verify", "junk.wacz").code == 20
    with zipfile.ZipFile(shelf.folder / "other.zip", "w") as file:
        file.writestr("a.txt", "b")
    done = shelf.run("verify", "other.zip")
    assert done.code == 20
    assert "not a WACZ" in done.stderr

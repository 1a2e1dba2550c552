"""`preserve import`, and how what it brought in is shown, handed over and defended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from authorities import Counter, shared
from bundles import Shelf, changed, flipped, package_of, repack, resigned, unpack
from foreigners import HOST, TS, Tool, make_shelf, members, wacz
from preserve.cli import verify
from preserve.errors import FormatError, TrustError
from preserve.flows import imports, seal
from preserve.flows.imports import Wanted
from preserve.formats import lines, manifest
from preserve.formats import wacz as wacz_format
from preserve.model.lines import CaptureLine
from preserve.model.manifest import Manifest, Operator, Role
from preserve.rules import seal as rules
from preserve.rules import verify_lines
from preserve.wiring import importing
from preserve.wiring.recording import RecordOptions

SAVED = {"url": f"{HOST}/register", "ts": TS, "title": "Register"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An archive into which nothing was imported; never changed."""
    return make_shelf(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def shelf(fresh: Shelf, tmp_path: Path) -> Shelf:
    shutil.copytree(fresh.folder, tmp_path / "shelf")
    return Shelf(folder=tmp_path / "shelf", env=home(tmp_path / "shelf"))


@pytest.fixture(scope="module")
def brought(fresh: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The same with three imports: a WARC file, a WACZ whose WARC file is deflated, an uncompressed WARC file; never changed."""
    folder = tmp_path_factory.mktemp("brought") / "shelf"
    shutil.copytree(fresh.folder, folder)
    shelf = Shelf(folder=folder, env=home(folder))
    (folder / "members.warc.gz").write_bytes(members().data)
    wacz(folder / "saved.wacz", {"data.warc.gz": members().data}, [SAVED], deflated=True)
    plain = Tool(gzip=False)
    plain.page("/rules", "<h1 id=h>Rules</h1>")
    (folder / "plain.warc").write_bytes(plain.data)
    for name in ("members.warc.gz", "saved.wacz", "plain.warc"):
        done = shelf.run("import", "archive", name, "--operator", "Lena Example")
        assert done.code == 0, done.stderr
    return shelf


def home(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}


def _options(shelf: Shelf) -> RecordOptions:
    return RecordOptions(archive=shelf.folder / "archive", actor=Operator(name=None, organisation=None, role=None))


def newest(shelf: Shelf) -> tuple[Path, Manifest]:
    run = max((shelf.folder / "archive/runs").iterdir())
    return run, manifest.decode((run / "manifest.json").read_bytes())


# ----------------------------------------------------------------------------------------------------------------- importing


def test_a_page_behind_a_login_answers_its_footnote(shelf: Shelf) -> None:
    data = members().data
    (shelf.folder / "members.warc.gz").write_bytes(data)
    done = shelf.run("import", "archive", "members.warc.gz", "--operator", "Lena Example", "--case", "7/26", "--json")
    assert done.code == 0, done.stderr
    line, last = done.lines
    assert (line["url"], line["final_url"], line["status"]) == (f"{HOST}/register", f"{HOST}/register?session=7", 200)
    assert line["cited_by"] == [{"document": "paper.txt", "note": "1"}]
    assert line["captured"] == "2026-03-01T10:00:00.000Z"
    assert (line["foreign"]["software"], line["foreign"]["operator"]) == ("Crawler 1.2", "Ada Example")
    assert "imported by Lena Example" in line["signals"][0]
    assert [record["type"] for record in line["records"]] == ["response", "request", "response", "request"]
    assert last["counts"] == {"pages": 1, "tied": 1}
    run, signed = newest(shelf)
    (kept,) = (entry for entry in signed.files if entry.role is Role.FOREIGN)
    assert (run / kept.path).read_bytes() == data, "not byte for byte"
    assert kept.records is None
    assert (signed.operator.name, signed.case.reference) == ("Lena Example", "7/26")
    assert signed.clock.http_date_skew_ms == (), "their clock says nothing of ours"
    assert "It is a third party's testimony" in done.stderr

    done = shelf.run("verify", "archive")
    assert done.code == 0, done.stdout
    assert "third-party: 1 file made with other tools" in done.stdout
    done = shelf.run("verify", "archive", "--thorough")
    assert done.code == 0, done.stdout
    rows = {row["note"]: row for row in shelf.run("status", "archive", "--json").lines}
    assert rows["1"]["foreign"]["name"] == "members.warc.gz"
    assert (rows["1"]["outcome"], rows["1"]["verdict"], rows["1"]["intact"]) == ("captured", None, True)
    assert "foreign" not in rows["3"]
    told = shelf.run("status", "archive")
    assert "third-party" in told.stdout
    assert "1 of 3 citations captured and intact; 1 more with a third party's capture" in told.stderr


@pytest.mark.long
def test_named_footnote_and_page(shelf: Shelf) -> None:
    wacz(shelf.folder / "saved.wacz", {"data.warc.gz": members().data}, [SAVED])
    refused = shelf.run("import", "archive", "saved.wacz", "--citation", "paper.txt:2")
    assert refused.code == 2
    assert "which is not in what was to be imported" in refused.stderr
    assert "--url" in refused.stderr
    assert not (shelf.folder / "archive/journal").exists(), "something was left"
    url = f"{HOST}/welcome"
    done = shelf.run("import", "archive", "saved.wacz", "--citation", "paper.txt:2", "--url", url, "--json")
    assert done.code == 0, done.stderr
    line = done.lines[0]
    assert (line["url"], line["final_url"]) == (f"{HOST}/rules", url)
    assert any("the importer says that it answers the citation" in signal for signal in line["signals"])
    for tie, why in (
        ("paper.txt:9", "no citation has this mark"),
        ("other.txt:1", "no document of that name"),
        ("x", "DOC:NOTE"),
    ):
        refused = shelf.run("import", "archive", "saved.wacz", "--citation", tie)
        assert refused.code == 2
        assert why in refused.stderr
    assert shelf.run("import", "archive", "saved.wacz", "--url", url).code == 2


@pytest.mark.long
def test_a_document_that_the_archive_does_not_know(shelf: Shelf) -> None:
    (shelf.folder / "book.txt").write_text(f"A welcome.[1]\n\n[1] {HOST}/welcome\n")
    (shelf.folder / "members.warc.gz").write_bytes(members().data)
    done = shelf.run("import", "archive", "members.warc.gz", "--citation", "book.txt:1", "--json")
    assert done.code == 0, done.stderr
    assert done.lines[0]["cited_by"] == [{"document": "book.txt", "note": "1"}]
    assert shelf.run("verify", "archive").code == 0
    assert list((shelf.folder / "archive/documents").glob("*/book.txt"))


def test_what_nobody_cites_is_kept_with_its_pages(shelf: Shelf) -> None:
    tool = Tool()
    tool.page("/welcome")
    tool.page("/pic", media_type="image/png")
    tool.page("/frame", referer=f"{HOST}/welcome")
    tool.page("/robots.txt", media_type="text/html")
    tool.page("/gone", status="404 Not Found")
    (shelf.folder / "other.warc.gz").write_bytes(tool.data)
    done = shelf.run("import", "archive", "other.warc.gz", "--json")
    assert done.code == 10
    assert [line["url"] for line in done.lines[:-1]] == [f"{HOST}/welcome"]
    assert "Nothing that it holds is cited" in done.stderr
    assert shelf.run("verify", "archive").code == 0


def test_a_revisit_brings_its_original(shelf: Shelf) -> None:
    tool = Tool()
    original = tool.page("/register", "<title>Register</title>")
    tool.revisit("/register", original)
    (shelf.folder / "again.warc.gz").write_bytes(tool.data)
    done = shelf.run("import", "archive", "again.warc.gz", "--json")
    assert done.code == 0
    assert [record["index"] for record in done.lines[0]["records"]] == [1, 3], "the revisit, and what it refers to"


def test_a_cut_file_is_kept_and_said_to_be_cut(shelf: Shelf) -> None:
    (shelf.folder / "cut.warc.gz").write_bytes(members().data[:-150])
    done = shelf.run("import", "archive", "cut.warc.gz", "--json")
    assert done.code == 10
    assert "the last gzip member is cut short" in done.lines[0]["signals"][-1]
    assert "cut short" in done.stderr
    assert shelf.run("verify", "archive", "--thorough").code == 0


@pytest.mark.long
def test_hostile_words_are_shown_not_obeyed(shelf: Shelf) -> None:
    tool = Tool(software="Crawl\x1b[31mer \u202e9")
    tool.page("/register", fields=[("Location", "\x1b]0;x\x07")])
    (shelf.folder / "bad.warc.gz").write_bytes(tool.data)
    done = shelf.run("import", "archive", "bad.warc.gz")
    assert done.code == 0, done.stderr
    shown = done.stdout + done.stderr + shelf.run("status", "archive").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    surrogate = {**SAVED, "title": "\ud800"}
    wacz(shelf.folder / "bad.wacz", {"a.warc.gz": members().data, "../../x.warc.gz": b"no record"}, [surrogate])
    done = shelf.run("import", "archive", "bad.wacz", "--json")
    assert done.code in {0, 10}, done.stderr
    assert shelf.run("verify", "archive").code == 0


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("letter.txt", b"dear reader", "not a WARC file"),
        ("empty.warc.gz", b"", "not a WARC file"),
        ("old.arc", b"filedesc://x.arc 0.0.0.0 20040101000000 text/plain 76\n", "ARC file"),
    ],
)
def test_what_is_no_capture_is_refused_and_leaves_nothing(shelf: Shelf, name: str, data: bytes, words: str) -> None:
    (shelf.folder / name).write_bytes(data)
    done = shelf.run("import", "archive", name)
    assert done.code == 20
    assert words in done.stderr
    assert len(list((shelf.folder / "archive/runs").iterdir())) == 1
    assert not (shelf.folder / "archive/journal").exists()


@pytest.mark.parametrize("kind", ["pipe", "fed", "socket", "device"])
def test_what_cannot_be_read_twice_is_refused_at_once(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    """A file is searched and then copied: no pipe is waited for, not even one that somebody writes to, and no device read without end."""
    place, writer, hole = tmp_path / "in.warc.gz", -1, socket.socket(socket.AF_UNIX)
    if kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "socket":
        hole.bind(str(place))
    else:
        os.mkfifo(place)
    if kind == "fed":
        writer = os.open(place, os.O_RDWR)
        os.write(writer, members().data[:4096])
    before = sorted((shelf.folder / "archive").rglob("*"))
    try:
        done = shelf.run("import", "archive", place)
    finally:
        hole.close()
        if writer >= 0:
            os.close(writer)
    assert done.code == 20, done.stderr
    assert f"{place}: not a plain file" in done.stderr
    assert "name .wacz, .warc or .warc.gz files" in done.stderr
    assert sorted((shelf.folder / "archive").rglob("*")) == before


def test_not_while_a_capture_is_open(shelf: Shelf) -> None:
    (shelf.folder / "members.warc.gz").write_bytes(members().data)
    script = (
        "import sys; from pathlib import Path; from preserve.adapters.archive import Archive; from preserve.adapters.journal import Journal\n"
        "from preserve.adapters.clock import SystemClock; from preserve.wiring import facts\n"
        "archive = Archive(Path('archive')); archive.make_journal(); journal = Journal(archive.journal_file)\n"
        "with journal.planning(): journal.begin(facts.identify(archive, SystemClock()), '{}')\n"
        "with journal.planning(): journal.add_target(key='k', url='http://a.example/', address='http://a.example/', host='a.example')\n"
        "journal.close()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=shelf.folder, check=True)
    done = shelf.run("import", "archive", "members.warc.gz")
    assert done.code == 30
    assert "preserve capture --resume" in done.stderr


def test_an_import_is_stamped_like_any_run(shelf: Shelf) -> None:
    (shelf.folder / "members.warc.gz").write_bytes(members().data)
    with Counter(shared("a")) as authority:
        root, fingerprint = authority.authority.root_file, authority.authority.issuer.fingerprint
        done = shelf.run("trust", "add", root, "--name", "one", "--tsa", "--fingerprint", fingerprint)
        assert done.code == 0, done.stderr
        done = shelf.run("import", "archive", "members.warc.gz", "--tsa", f"one={authority.url}")
    assert done.code == 0, done.stderr
    assert "Stamped  1 of 1 authorities" in done.stderr
    run, signed = newest(shelf)
    assert [token.authority for token in signed.start_tokens] == ["one"]
    assert shelf.run("verify", run, "--require", "not-before", "--require", "not-after").code == 0


# --------------------------------------------------------------------------------------------------------------------- kills


@pytest.mark.parametrize("step", ["signed", *(pytest.param(step, marks=pytest.mark.long) for step in ("copied", "entered"))])
def test_a_kill_leaves_nothing_half(shelf: Shelf, step: str) -> None:
    """Killed while copying nothing is left; killed after SEAL the next command that writes puts the run in its place."""
    (shelf.folder / "members.warc.gz").write_bytes(members().data)
    target = {"copied": "imports.gather", "signed": "seal.enter", "entered": "Archive.place_import"}[step]
    script = (
        "import os; from preserve.flows import imports, seal; from preserve.adapters.archive import Archive\n"
        f"{target} = lambda *_, **__: os._exit(9)\n"
        "from preserve.cli import main; import sys; sys.argv = ['preserve', 'import', 'archive', 'members.warc.gz']; main()"
    )
    env = {**shelf.env, "PATH": "/usr/bin:/bin"}
    killed = subprocess.run([sys.executable, "-c", script], cwd=shelf.folder, env=env, check=False, capture_output=True)
    assert killed.returncode == 9, killed.stderr
    assert shelf.run("verify", "archive").code == 0
    assert len(list((shelf.folder / "archive/runs").iterdir())) == 1
    done = shelf.run("custody", "add", "archive", "--action", "copy", "--reason", "a second copy")
    assert done.code == 0, done.stderr
    runs = sorted((shelf.folder / "archive/runs").iterdir())
    assert len(runs) == (1 if step == "copied" else 2)
    assert not (shelf.folder / "archive/journal").exists()
    assert shelf.run("verify", "archive").code == 0


# ------------------------------------------------------------------------------------------------------------------- attacks


@pytest.fixture
def victim(brought: Shelf, tmp_path: Path) -> Shelf:
    shutil.copytree(brought.folder, tmp_path / "victim")
    return Shelf(folder=tmp_path / "victim", env=home(tmp_path / "victim"))


def _foreign(shelf: Shelf, suffix: str = ".warc.gz") -> Path:
    return next((shelf.folder / "archive/runs").glob(f"*/data/*-foreign-0001{suffix}"))


def test_a_changed_byte_and_a_swapped_file_are_found(victim: Shelf) -> None:
    place = _foreign(victim)
    honest = place.read_bytes()
    place.write_bytes(flipped(honest))
    done = victim.run("verify", "archive", "--json")
    assert done.code == 40
    assert [row["subject"].endswith(place.name) for row in done.lines[:-1] if row["result"] == "fail"] == [True]
    rows = {row["note"]: row for row in victim.run("status", "archive", "--json").lines}
    assert rows["2"]["intact"] is True
    other = Tool()
    other.page("/register", "another register")
    place.write_bytes(other.data)
    assert victim.run("verify", "archive").code == 40
    place.unlink()
    assert victim.run("verify", "archive").code == 40


def test_an_edited_line_is_found(victim: Shelf) -> None:
    place = _foreign(victim).with_name("captures.jsonl")
    row = json.loads(place.read_bytes())
    del row["foreign"]
    place.write_bytes(json.dumps(row, separators=(",", ":"), sort_keys=True).encode() + b"\n")
    done = victim.run("verify", "archive")
    assert done.code == 40
    assert "captures.jsonl: altered" in done.stdout


def _sealed_by_an_insider(victim: Shelf, monkeypatch: pytest.MonkeyPatch, change: Callable[[CaptureLine], CaptureLine]) -> None:
    """Import once more, with the signer's own key and a line that is not honest."""
    for name, value in victim.env.items():
        monkeypatch.setenv(name, value)
    honest = rules.capture_line
    monkeypatch.setattr(seal, "capture_line", lambda *args, **more: change(honest(*args, **more)))

    options = importing.ImportOptions(record=_options(victim))
    files = (victim.folder / "members.warc.gz",)
    importing.import_files(options, files, Wanted(), lambda _: None, lambda _: b"")


def test_an_insider_who_hides_that_it_is_a_third_partys(victim: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    _sealed_by_an_insider(victim, monkeypatch, lambda line: replace(line, foreign=None))
    done = victim.run("verify", "archive")
    assert done.code == 40
    assert "a third party's file, and does not say so" in done.stdout


def test_an_insider_who_hides_it_in_a_long_list(victim: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists with imported files are taken apart, however long they are."""
    monkeypatch.setattr(verify_lines, "FEW", 0)
    _sealed_by_an_insider(victim, monkeypatch, lambda line: replace(line, foreign=None))
    report = verify.check(victim.folder / "archive", workers=1)
    assert report.exit_code == 40
    assert any("a third party's file, and does not say so" in finding.detail for finding in report.findings)


def test_a_third_partys_page_is_no_record_of_ours_and_has_no_verdict_of_ours(brought: Shelf) -> None:
    line = lines.decode_capture(_foreign(brought).with_name("captures.jsonl").read_bytes().splitlines()[0])
    row = lines.encode_capture(line)
    for said, told in (
        (b'"verdict":null', b'"verdict":"ok"'),
        (f'"warc":"{line.records[0].warc}"'.encode(), b'"warc":"data/archive-000001-0001.warc.gz"'),
    ):
        assert said in row
        with pytest.raises(FormatError, match="a third party's capture with"):
            lines.decode_capture(row.replace(said, told))


def test_an_insider_who_names_a_record_that_is_not_there(victim: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    _sealed_by_an_insider(
        victim, monkeypatch, lambda line: replace(line, records=tuple(replace(ref, index=99) for ref in line.records))
    )
    assert victim.run("verify", "archive").code == 0, "the file's own records are opened by --thorough"
    done = victim.run("verify", "archive", "--thorough")
    assert done.code == 40
    assert "record 99" in done.stdout


def test_what_changes_while_it_is_imported_is_not_signed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    (shelf.folder / "members.warc.gz").write_bytes(members().data)
    for name, value in shelf.env.items():
        monkeypatch.setenv(name, value)

    honest = imports.gather

    def meanwhile(*args: object, **more: object) -> object:
        place = next((shelf.folder / "archive/journal").glob("*/data/*-foreign-0001.warc.gz"))
        place.write_bytes(flipped(place.read_bytes()))
        return honest(*args, **more)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(imports, "gather", meanwhile)
    options = importing.ImportOptions(record=_options(shelf))
    with pytest.raises(TrustError, match="its bytes changed"):
        importing.import_files(options, (shelf.folder / "members.warc.gz",), Wanted(), lambda _: None, lambda _: b"")
    assert not (shelf.folder / "archive/journal").exists()


# ---------------------------------------------------------------------------------------------------------------- handing over


@pytest.fixture(scope="module")
def bundle(brought: Shelf) -> Path:
    return brought.bundle("all.wacz")


def test_a_bundle_holds_them_where_players_look(brought: Shelf, bundle: Path) -> None:
    entries = dict(unpack(bundle))
    files = {
        path.name: path.read_bytes() for path in (brought.folder / "archive/runs").glob("*/data/*-foreign-*") if path.is_file()
    }
    assert len(files) == 3
    for name, data in files.items():
        if name.endswith(".wacz"):
            assert entries[f"archive/{name.removesuffix('.wacz')}~0001.warc.gz"] == members().data
            assert data in entries.values(), "the WACZ itself, whose hash was signed"
        else:
            assert entries[f"archive/{name}"] == data
    pages = [json.loads(row) for row in entries[wacz_format.PAGES].splitlines()[1:]]
    theirs = [page for page in pages if page["title"].endswith(" (third-party capture)")]
    assert {(page["note"], page["url"]) for page in theirs} == {("1", f"{HOST}/register"), ("2", f"{HOST}/rules")}
    done = brought.run("verify", bundle)
    assert done.code == 0, done.stdout
    index = entries[wacz_format.INDEX].decode().splitlines()
    for row in index:
        line = json.loads(row[row.index("{") :])
        at, length = int(line["offset"]), int(line["length"])
        stored = entries[f"archive/{line['filename']}"][at : at + length]
        assert stored.startswith(b"WARC/1.0" if line["filename"].endswith(".warc") else b"\x1f\x8b")
    assert not any("urn:view" in row for row in index)


def test_a_selection_takes_an_import_whole(brought: Shelf) -> None:
    path = brought.folder / "one.wacz"
    done = brought.run("bundle", "archive", "-o", path, "--note", "2")
    assert done.code == 0, done.stderr
    assert "goes along whole" in done.stderr
    names = [name for name, _ in unpack(path)]
    assert any(name.endswith("-foreign-0001.warc") for name in names)
    assert brought.run("verify", path).code == 0


@pytest.mark.long
def test_warc_files_alone(brought: Shelf) -> None:
    done = brought.run("bundle", "archive", "--warc", "-o", "one.warc.gz")
    assert done.code == 2, "an uncompressed file cannot be joined to compressed ones"
    assert brought.run("bundle", "archive", "--warc", "-o", "folder").code == 0
    assert len(list((brought.folder / "folder").iterdir())) == 4


def test_a_packet_is_not_made_of_them(brought: Shelf) -> None:
    done = brought.run("prove", "archive", f"{HOST}/register", "-o", "p.zip", "--run", "1")
    assert done.code == 2
    assert "preserve bundle --run 1" in done.stderr
    assert not (brought.folder / "p.zip").exists()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("~0001.warc.gz", "forged: it is not the WARC file that lies in"),
        ("-foreign-0001.warc.gz", "altered: its SHA-256 is"),
        ("-foreign-0001.warc", "altered: its SHA-256 is"),
        ("-foreign-0001.wacz", "altered"),
    ],
)
def test_a_resigned_bundle_with_a_changed_import(brought: Shelf, bundle: Path, tmp_path: Path, which: str, words: str) -> None:
    """Whoever changes it can make every hash and signature of the bundle anew, but those of the run."""
    entries = changed(unpack(bundle), lambda name: name.endswith(which), lambda data: flipped(data, 0.3))
    repack(tmp_path / "bad.wacz", resigned(entries, pen=None))
    done = brought.run("verify", tmp_path / "bad.wacz")
    assert done.code == 40
    assert words in done.stdout


@pytest.mark.long
def test_a_foreign_file_that_no_run_sealed(brought: Shelf, bundle: Path, tmp_path: Path) -> None:
    entries = unpack(bundle)
    name = next(name for name, _ in entries if name.endswith("-foreign-0001.warc.gz"))
    more = [*entries, (name.replace("-0001.warc.gz", "-0002.warc.gz"), members().data)]
    assert package_of(more, dict(entries)[wacz_format.PACKAGE])
    repack(tmp_path / "bad.wacz", resigned(more, pen=None))
    done = brought.run("verify", tmp_path / "bad.wacz")
    assert done.code == 40
    assert "unlisted file: the manifest does not list it" in done.stdout


@pytest.mark.long
def test_a_report_says_whose_it_is(brought: Shelf) -> None:
    done = brought.run("report", "archive", "-o", "report", "--json", "--certificate")
    assert done.code == 0, done.stderr
    assert "2 third-party" in done.stderr
    shown = (brought.folder / "report/index.html").read_text()
    assert "a third party&#39;s capture" in shown
    rows = {row["note"]: row for row in done.lines}
    assert [rows[note]["state"] for note in ("1", "2", "3")] == ["third-party", "third-party", "captured"]
    assert "foreign" not in rows["3"]
    run = brought.folder / "archive/runs" / rows["1"]["run"]
    signed = manifest.decode((run / "manifest.json").read_bytes())
    (kept,) = (entry for entry in signed.files if entry.path == rows["1"]["foreign"]["file"])
    page = (brought.folder / "report" / rows["1"]["report"]).read_text()
    assert f"sha256sum {kept.path}   # {kept.sha256}" in page
    assert "preserve prove" not in page, "its records have no proofs of their own"
    assert "by their clock" in page
    for strings in (rows["1"]["archived_at"], rows["3"]["archived_at"]):
        theirs = strings is rows["1"]["archived_at"]
        for manual in ("bluebook", "oscola", "chicago"):
            assert ("third-party capture, imported" in strings[manual]) is theirs, manual
            assert ("archived" in strings[manual] or "accessed" in strings[manual]) is not theirs, manual
            assert "2026-03-01" not in strings[manual], "the time is their word"
        assert ("data-versiondate" in strings["robust_link"]) is not theirs
    draft = (brought.folder / "report/certificate.md").read_text()
    assert f"third-party: {rows['1']['reason']}; in runs/{run.name}/{kept.path}, SHA-256 {kept.sha256}" in draft


# ------------------------------------------------------------------------------------------------------------------ the bag


@pytest.mark.long
def test_a_bag_is_verified_with_its_bundle(brought: Shelf, tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    assert brought.run("bundle", "archive", "--bagit", "-o", bag, "--run", "0").code == 0
    done = brought.run("verify", bag)
    assert done.code == 0, done.stdout
    assert "every file is what the bag lists" in done.stdout
    (bag / "bag-info.txt").write_text("Bagging-Date: 1999-01-01\n")
    assert brought.run("verify", bag).code == 40
    (bag / "data/letter.txt").write_text("dear reader")
    assert "unlisted file" in brought.run("verify", bag).stdout
    packed = tmp_path / "bag.zip"
    assert brought.run("bundle", "archive", "--bagit", "-o", packed, "--run", "0").code == 0
    done = brought.run("verify", packed)
    assert done.code == 20
    assert "unzip it, then verify the folder" in done.stderr

"""`preserve diff` and `preserve status --history` as a person and a script see them, over a site whose pages change."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from changepairs import TEXT, page
from preserve import cli
from running import ROOT, Run, run_preserve
from sites import AnyHostSite, Handler, not_found, text

DOCUMENT = """\
The harbour was old.1 So was the lock.2 And the pier.3 And the crane.4

1 Ada Lund, "The harbour" (2 May 2019), online: <http://one.example/harbour>.
2 Bo Lund, The lock (2020) says that "What became of his ledgers nobody can say", online: <http://two.example/lock>.
3 Cy Lund, "The pier" (2021), online: <http://three.example/pier>.
4 Di Lund, "The crane" (2021), online:
"""
ONE, TWO, THREE = "http://one.example/harbour", "http://two.example/lock", "http://three.example/pier"
FOUR = "http://four.example/crane"


def html(body: str) -> Handler:
    return text(body, media_type="text/html; charset=utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an archive of three runs in it: counters, then words and a lost page; kept for all tests here, which only read it."""
    root = tmp_path_factory.mktemp("over-time")
    (root / "harbour.txt").write_text(DOCUMENT)
    with pytest.MonkeyPatch.context() as patch, AnyHostSite() as site:
        for name in [name for name in os.environ if name.startswith("PRESERVE_")]:
            patch.delenv(name)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(root / "home"))
        (root / "home").mkdir()
        for more, one, two in (
            ((), html(page(TEXT + "<p>12 views</p>")), html(page())),
            ((), html(page(TEXT + "<p>15 views</p>")), html(page(TEXT.replace("nobody can say", "Ada \x1b[31mknows\u202e")))),
            (("--url", FOUR), html(page(TEXT.replace("1911", "1912") + "<p>19 views</p>")), not_found),
        ):
            site.route("/harbour", one)
            site.route("/lock", two)
            done = run_preserve(
                root,
                "capture",
                "harbour.txt",
                *more,
                "--delay",
                "0",
                "--connect-to",
                site.connect_to,
                "--no-timestamp",
                "--no-probe",
            )
            assert done.code in {0, 10}, done.stderr
        yield root


@pytest.fixture
def diff(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / "home"))

    return partial(run_preserve, home)


def test_a_line_of_json_is_the_contract(diff: Run) -> None:
    asked = (
        (ONE, "0", "1"),
        (ONE, "1", "2"),
        (ONE, "2", "1"),
        (TWO, "0", "1"),
        (TWO, "1", "2"),
        (TWO, "2", "1"),
        (THREE, "0", "2"),
    )
    found = [diff("diff", "archive", url, "--from", one, "--to", other, "--json").lines[0] for url, one, other in asked]
    assert [line["change"] for line in found] == ["noise", "text", "text", "text", "gone", "back", "identical"]
    assert all(list(line) == ["url", "from", "to", "change", "added", "removed", "quote"] for line in found)
    assert found[1]["added"] == found[2]["removed"] == ["The harbour was dredged in 1912 and again in 1934."]
    assert found[1]["removed"] == found[2]["added"] == ["The harbour was dredged in 1911 and again in 1934."]
    assert (found[0]["added"], found[0]["removed"]) == ([], [])
    assert [line["quote"] for line in found[3:6]] == ["absent", "absent", "absent"]
    assert found[0]["from"].startswith("000000-")
    assert found[0]["to"].startswith("000001-")


def test_the_quoted_words_are_there_until_they_are_not(diff: Run) -> None:
    done = diff("diff", "archive", TWO, "--to", "1")
    assert done.code == 0
    assert "the quoted words do not stand in the later capture; they did before" in done.stdout


def test_a_person_reads_what_changed(diff: Run) -> None:
    done = diff("diff", "archive", ONE, "--from", "0")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == ONE
    assert re.fullmatch(r"from  run 0  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  status 200, ok", lines[1])
    assert lines[4] == "text: what a reader is shown differs"
    assert "  not counted: a counter" in lines
    assert (
        "- The harbour was dredged in 1911 and again in 1934. Both times the council paid, and both times the bill was late."
        in lines
    )
    assert (
        "+ The harbour was dredged in 1912 and again in 1934. Both times the council paid, and both times the bill was late."
        in lines
    )
    assert not any("views" in line for line in lines if line.startswith(("+", "-")))
    assert "\x1b" not in done.stdout


def test_what_comes_from_outside_is_shown_and_never_obeyed(diff: Run, tmp_path: Path) -> None:
    shown = diff("diff", "archive", TWO, "--to", "1", "--html", tmp_path / "side.html")
    assert "\\u{1b}[31mknows\\u{202e}" in shown.stdout
    for printed in (
        shown.stdout,
        diff("diff", "archive", TWO, "--to", "1", "--json").stdout,
        (tmp_path / "side.html").read_text(),
    ):
        assert "\x1b" not in printed
        assert "\u202e" not in printed


def test_the_page_side_by_side_needs_nothing_else(diff: Run, tmp_path: Path) -> None:
    place = tmp_path / "side.html"
    assert diff("diff", "archive", ONE, "--html", place).code == 0
    content = place.read_text(encoding="utf-8")
    assert "<del>1911</del>" in content
    assert "<ins>1912</ins>" in content
    assert 'title="not counted: a counter"' in content
    assert "prefers-color-scheme: dark" in content
    assert "default-src 'none'" in content
    assert not re.search(r"<(?:script|link|img|iframe)\b|\bsrc=|@import|url\(", content)


@pytest.mark.long
def test_captures_are_named_by_run_or_time(diff: Run) -> None:
    rows = diff("status", "archive", "--history", "--json").lines
    runs, sealed = [line["run"] for line in rows], [line["sealed"] for line in rows]

    def named(*arguments: str) -> tuple[str, str]:
        (line,) = diff("diff", "archive", ONE, "--json", *arguments).lines
        return line["from"], line["to"]

    assert named() == (runs[1], runs[2])
    assert named("--to", "1") == (runs[0], runs[1])
    assert named("--from", runs[0], "--to", runs[1]) == (runs[0], runs[1])
    assert named("--from", sealed[0], "--to", sealed[1]) == (runs[0], runs[1])
    assert named("--from", "0", "--to", "2100-01-01") == (runs[0], runs[2])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("http://nowhere.example/",), "there is no sealed capture of http://nowhere.example/"),
        ((ONE, "--from", "7"), "run 7 has no capture of it"),
        ((ONE, "--from", "yesterday"), "neither a run's number nor a time: yesterday"),
        ((ONE, "--from", "1999-01-01"), "there is no capture of it at or before 1999-01-01"),
        ((ONE, "--to", "0"), "there is no capture before that of run 0"),
        ((ONE, "--from", "1", "--to", "1"), "both are the capture of run 1"),
        ((ONE, "--from", "9" * 30), f"run {'9' * 30} has no capture of it"),
        ((ONE, "--html", "archive/side.html"), "lies in the archive, and nothing else may"),
        (("\x1b]0;x\x07",), "there is no sealed capture of \\u{1b}]0;x\\u{7}"),
    ],
)
def test_what_cannot_be_compared_is_told(
    diff: Run,
    home: Path,
    arguments: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.argv", ["preserve", "diff", "archive", *arguments])
    assert cli._run() == 2  # in this process: there are many of them, and starting one takes longer than what it does
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err


def test_one_capture_only_is_no_failure(diff: Run) -> None:
    for arguments in ((), ("--json", "--from", "2")):
        done = diff("diff", "archive", FOUR, *arguments)
        assert (done.code, done.stdout) == (0, "")
        assert f"There is one capture of {FOUR}, of run 2, " in done.stderr
    assert diff("diff", "archive", FOUR, "--from", "0").code == 2


def test_what_is_no_archive_is_told(diff: Run) -> None:
    done = diff("diff", "archive/runs", ONE)
    assert (done.code, done.stdout) == (20, "")


def test_a_read_only_archive_is_read(diff: Run, home: Path) -> None:
    paths = [home / "archive", *(home / "archive").rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    before = {path: path.stat().st_mtime_ns for path in paths}
    try:
        for path in paths:
            path.chmod(modes[path] & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
        assert diff("diff", "archive", ONE, "--json").code == 0
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert {path: path.stat().st_mtime_ns for path in [home / "archive", *(home / "archive").rglob("*")]} == before


def test_an_altered_record_is_never_shown(diff: Run, home: Path, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(home / "archive", altered)
    run = sorted((altered / "runs").iterdir())[1]
    capture = next(line for line in (run / "data" / "captures.jsonl").read_text().splitlines() if "/harbour" in line)
    index = re.search(r'\{"index":(\d+),"type":"response"', capture)
    assert index is not None
    offset = int(next(run.glob("data/*.records")).read_text().splitlines()[int(index[1])].split()[2])
    warc = next(run.glob("data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[offset + 300] ^= 1
    warc.write_bytes(data)
    done = diff("diff", altered, ONE)
    assert done.code == 40
    assert "the capture of run 1 is not what was sealed" in done.stdout
    assert "1911" not in done.stdout
    other = diff("diff", altered, TWO, "--json")
    assert other.code == 0, "what was read is what was sealed"
    assert "Checked first: seals, log and lists, not every record" in other.stderr
    other = diff("diff", altered, TWO, "--json", "--verify")
    assert other.code == 40, "the archive is not what was sealed; what is intact is shown"
    assert other.lines[0]["change"] == "gone"
    assert diff("status", altered, "--history").code == 0, "a history reads no record"
    assert diff("status", altered, "--history", "--verify").code == 40


def test_a_list_that_was_altered_is_found_by_whoever_reads_it(diff: Run, home: Path, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(home / "archive", altered)
    runs = sorted((altered / "runs").iterdir())
    listed = runs[1] / "data" / "captures.jsonl"
    listed.write_bytes(listed.read_bytes().replace(b'"verdict":"ok"', b'"verdict":"gone"', 1))
    told = diff("status", altered, "--history", "--json")
    assert told.code == 40
    assert runs[1].name not in {line["run"] for line in told.lines}, "a run that is not what was sealed is left out"
    assert diff("diff", altered, TWO).code == 40
    assert "--verify is for --history" in diff("status", altered, "--verify").stderr


# --- the history


def test_the_history_is_a_table(diff: Run) -> None:
    done = diff("status", "archive", "--history")
    assert done.code == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["run", "sealed", "cited", "ok", "doubtful", "gone", "failed", "never", "ok", "%"]
    counts = [dict(zip((*head.split()[2:8], "share"), map(float, row.split()[3:]), strict=True)) for row in rows]
    assert [(each["cited"], each["gone"], each["failed"], each["never"]) for each in counts] == [
        (3, 0, 0, 0),
        (3, 0, 0, 0),
        (4, 1, 0, 0),
    ]
    shares = [
        (line["ok"] + line["doubtful"], f"{100 * line['ok'] / line['cited']:.1f}")
        for line in diff("status", "archive", "--history", "--json").lines
    ]
    assert [(each, row.split()[-1]) for each, row in zip((3, 3, 3), rows, strict=True)] == shares
    assert "1 citation without a usable address" in done.stderr


def test_the_history_is_drawn(diff: Run, tmp_path: Path) -> None:
    assert diff("status", "archive", "--history", "--svg", tmp_path / "rot.svg").code == 0
    root = ET.parse(tmp_path / "rot.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    description = root.find(f"{name}desc")
    assert description is not None
    assert description.text is not None
    assert description.text.endswith(
        "After the last, of 4 citations with an address: 3 ok, 0 doubtful, 1 gone, 0 failed, 0 never captured."
    )
    assert diff("status", "archive", "--svg", tmp_path / "x.svg").code == 2
    assert diff("status", "archive", "--history", "--svg", "archive/rot.svg").code == 2


def test_the_guide_shows_what_is_printed() -> None:
    guide = (ROOT / "docs" / "guide" / "change.md").read_text(encoding="utf-8")
    for word in ("identical", "noise", "markup", "text", "gone", "back", "preserve diff archive", "--history --svg"):
        assert word in guide

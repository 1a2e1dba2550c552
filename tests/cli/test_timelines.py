"""Lines of time that tell what each change was: in the terminal, in a report, in a view."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

import changinglines
from changinglines import HARBOUR, LOCK, PLAN
from preserve.adapters.folder import DiskFolder
from preserve.adapters.reading.room import ReadingRoom
from preserve.adapters.trust import TrustStore
from preserve.cli import comparing
from preserve.flows import bundle, change, report_points
from preserve.flows.report import Survey
from preserve.flows.timelines import Timelines
from preserve.flows.verify import verify
from preserve.flows.view import Desk
from preserve.model.change import Change, Pair
from preserve.model.handover import Wanted
from preserve.model.viewing import Asked
from preserve.web import view
from reports import Page
from running import Run, run_preserve
from sites import wait_until
from viewing import Viewing

NOW = datetime(2030, 1, 1, tzinfo=UTC)
IDENTICAL = "identical: the same bytes both times"
NOISE = "noise: other bytes, and nothing that a reader needs to hear of"
TEXT = "text: what a reader is shown differs"
MARKUP = "markup: the main text is the same, what surrounds it is not"
GONE, BACK = "gone: there was a page, and now there is none", "back: there was none, and now there is a page"
LOST = "the quoted words do not stand in the later capture; they did before"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lines")
    changinglines.make(root)
    return root


@pytest.fixture
def run(home: Path) -> Run:
    return partial(run_preserve, home, env=changinglines.home(home))


@pytest.fixture
def viewing(home: Path) -> Iterator[Viewing]:
    with Viewing(home, changinglines.home(home), "archive") as running:
        yield running


def words(text: str) -> str:
    return " ".join(Page(text).text.split())


def flip(archive: Path, sequence: int, address: str) -> None:
    """Change a byte of the answer that a run has from an address."""
    run = sorted((archive / "runs").iterdir())[sequence]
    capture = next(line for line in (run / "data" / "captures.jsonl").read_text().splitlines() if f'"url":"{address}"' in line)
    index = re.search(r'\{"index":(\d+),"type":"(?:response|revisit)"', capture)
    assert index is not None
    offset = int(next(run.glob("data/*.records")).read_text().splitlines()[int(index[1])].split()[2])
    warc = next(run.glob("data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[offset + 200] ^= 1
    warc.write_bytes(data)


# ---------------------------------------------------------------------------------------------------------------- terminal


def test_a_line_of_time_in_the_terminal(run: Run) -> None:
    told = run("diff", "archive", HARBOUR, "--timeline", "--json").lines
    assert [line["change"] for line in told] == ["identical", "noise", "text", "gone", "back"]
    done = run("diff", "archive", LOCK, "--timeline")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == LOCK
    assert [line.split()[1] for line in lines if line.startswith("run ")] == ["0", "1", "2", "3", "4", "5"]
    assert [line.strip() for line in lines if line.startswith("    ") and line[4] != " "] == [
        IDENTICAL,
        TEXT,
        TEXT,
        MARKUP,
        IDENTICAL,
    ]
    assert f"      {LOST}" in lines


def test_a_part_of_it(run: Run) -> None:
    done = run("diff", "archive", HARBOUR, "--timeline", "--json", "--from", "2", "--to", "4")
    assert [(line["from"][:6], line["change"]) for line in done.lines] == [("000002", "text"), ("000003", "gone")]
    done = run("diff", "archive", HARBOUR, "--timeline", "--from", "3", "--to", "3")
    assert (done.code, done.stdout) == (0, "")
    assert "There is one capture of" in done.stderr
    assert run("diff", "archive", HARBOUR, "--timeline", "--from", "4", "--to", "2").code == 2
    assert run("diff", "archive", HARBOUR, "--timeline", "--html", "x.html").code == 2


# ------------------------------------------------------------------------------------------------------------------ report


def test_a_report_tells_what_each_change_was(run: Run, home: Path) -> None:
    done = run("report", "archive", "-o", "told", "--changes")
    assert done.code == 0, done.stderr
    assert "Comparing 9 captures with the one before" in done.stderr
    assert "8 changes between captures of one address; noise is not counted" in done.stderr
    out = home / "told"
    page = Page((out / "changes.html").read_text())
    rows = [" ".join(row.split()) for row in re.findall(r"<strong>(.*?)</strong>", (out / "changes.html").read_text())]
    assert rows == [TEXT, TEXT, TEXT, TEXT, TEXT, GONE, MARKUP, BACK]
    assert "harbour.txt, note 2" in page.text
    assert "now “The second plan of the pier”" in page.text, "the text of a PDF was read"
    assert "\\u{1b}[31m\\u{202e} <script>" in page.text, "shown, not obeyed"
    assert all((out / link.split("#")[0]).is_file() for link in page.links if not link.startswith(("http", "#")))
    assert "8 changes between captures" in words((out / "index.html").read_text())

    # The page of any capture of an address has the whole line.
    for sequence in (0, 5):
        told = words((out / f"captures/{sequence:06d}/0000/0000000.html").read_text())
        for sentence in (NOISE, "not counted: a counter", TEXT, GONE, BACK, LOST):
            assert sentence in told
        assert "not looked at" not in told
    drawn = (out / "captures/000005/0000/0000000.html").read_text()
    assert re.findall(r'<line class="change ?(\w*)"', drawn) == ["noise", "text", "gone", "back"]


def test_the_rows_of_a_report_tell_it_to_programs(run: Run, home: Path) -> None:
    done = run("report", "archive", "-o", "rows", "--changes", "--json")
    rows = {row["url"]: row["changes"] for row in done.lines}
    assert [change["change"] for change in rows[HARBOUR]] == ["noise", "text", "gone", "back"]
    told = [line for line in run("diff", "archive", LOCK, "--timeline", "--json").lines if line["change"] != "identical"]
    for name in ("from", "to", "change", "quote"):
        assert [line[name] for line in told] == [change[name] for change in rows[LOCK]]
    lost = rows[LOCK][0]
    assert (lost["quote_before"], lost["quote"], lost["heading"]) == ("present", "absent", TEXT)
    assert set(lost) == {"from", "to", "at", "change", "heading", "reasons", "told", "quote", "quote_before"}
    assert "not counted: a counter" in rows[HARBOUR][0]["reasons"]
    assert rows[HARBOUR][0]["told"] == ""
    assert (home / "rows" / "report.jsonl").read_text() == done.stdout


def test_programs_are_told_of_every_capture(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those that a row has no room for."""
    monkeypatch.setattr(report_points, "MOST_POINTS", 2)
    timelines = Timelines()
    with DiskFolder(home / "archive") as folder:
        trusted = TrustStore(home / "config" / "preserve").trusted_keys()
        report = verify(folder, trusted, [], NOW)
        with Survey(folder, report, trusted, Wanted(), now=NOW, software="x", steps=timelines.steps) as survey:
            comparing.compare(survey, timelines, folder, report, 1)
            (row,) = [row for row in survey.rows() if row.url == HARBOUR]
            assert (len(row.points), row.others, len(survey.history(row))) == (2, 4, 6)
            assert all(point.step is not None for point in survey.history(row)[1:])


def test_without_the_option_nothing_is_compared(run: Run, home: Path) -> None:
    done = run("report", "archive", "-o", "plain", "--json")
    assert all("changes" not in row for row in done.lines)
    assert "Comparing" not in done.stderr
    assert not (home / "plain" / "changes.html").exists()
    page = words((home / "plain" / "captures/000003/0000/0000000.html").read_text())
    assert "was not looked at for this page" in page
    assert TEXT not in page


def test_several_processes_tell_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for part, workers in ((16, 1), (1, 3), (3, 2)):
        monkeypatch.setattr(comparing, "_PART", part)
        monkeypatch.setattr(comparing, "_EVERY", 0.0)
        timelines = Timelines()
        with DiskFolder(home / "archive") as folder:
            trusted = TrustStore(home / "config" / "preserve").trusted_keys()
            report = verify(folder, trusted, [], NOW)
            with Survey(folder, report, trusted, Wanted(), now=NOW, software="x", steps=timelines.steps) as survey:
                comparing.compare(survey, timelines, folder, report, workers)
                found.append([(each.url, each.point.sequence, each.step) for each in survey.changes(0, 100)])
        assert " of 9 compared" in capsys.readouterr().err
    assert len(found[0]) == 8
    assert found[0] == found[1] == found[2]


def test_of_one_document_nothing_else_is_compared(run: Run, home: Path) -> None:
    done = run("report", "archive", "-o", "some", "--changes", "--document", "harbour.txt")
    assert done.code == 0, done.stderr
    assert "Comparing 8 captures" in done.stderr
    page = Page((home / "some" / "changes.html").read_text())
    assert "five.example" not in page.text
    assert all((home / "some" / link.split("#")[0]).is_file() for link in page.links if not link.startswith(("http", "#")))


def test_only_one_run_has_nothing_to_compare(run: Run, home: Path) -> None:
    assert run("report", "archive", "-o", "one", "--changes", "--run", "3").code == 0
    assert "No change between captures of one address" in words((home / "one" / "index.html").read_text())


def test_what_was_altered_is_not_compared(run: Run, home: Path, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(home / "archive", altered)
    flip(altered, 3, PLAN)
    done = run("report", altered, "-o", tmp_path / "out", "--changes")
    assert done.code == 40
    text = (tmp_path / "out" / "changes.html").read_text()
    assert "what changed cannot be told" in text
    assert "the capture of run 3 is not what was sealed" in text
    assert "second plan" not in text
    told = run("diff", altered, PLAN, "--timeline", "--json")
    assert told.code == 40
    assert [line.get("untold", False) for line in told.lines] == [False, False, True, True, False]


# -------------------------------------------------------------------------------------------------------------------- view


def test_a_view_tells_it_when_it_is_asked(viewing: Viewing) -> None:
    _, _, first = viewing.page("captures/000005/0000/0000000.html")
    assert "Not compared yet" in first
    assert "Compare the 4 that are not compared yet" in words(first)
    assert TEXT not in first
    code, _, whole = viewing.page("captures/000005/0000/0000000-changes.html")
    assert code == 200
    told = words(whole)
    for sentence in (NOISE, "not counted: a counter", TEXT, GONE, BACK, LOST):
        assert sentence in told
    assert "Not compared yet" not in told
    for link in (link for link in Page(whole).links if "changes/" in link):
        assert viewing.page(link.removeprefix("../../../"))[0] == 200

    # What was worked out is on every page from now on.
    _, _, again = viewing.page("captures/000001/0000/0000000.html")
    assert TEXT in again
    assert "Not compared yet" not in again
    assert "Changes: text" in words(viewing.page("index.html")[2])
    assert "2 not compared yet" not in words(viewing.page("index.html")[2])


def test_a_revisit_is_compared_by_what_it_refers_to(viewing: Viewing) -> None:
    """The capture of run 1 has its payload in run 0, and is compared with that of run 2."""
    told = words(viewing.page("changes/1-0/2-0")[2])
    assert NOISE in told
    assert "not counted: a counter" in told


def test_no_other_captures_have_such_a_page(viewing: Viewing) -> None:
    for path in ("captures/000009/0000/0000000-changes.html", "captures/000000/0000/0000099-changes.html"):
        assert viewing.page(path)[0] == 404
    assert viewing.page("captures/000005/0000/0000000-changes.html", method="POST")[0] == 405


def test_of_an_address_with_many_captures_every_one_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of them at a time, with what is known of all of them above it."""
    monkeypatch.setattr(view, "CAPTURES", 2)
    monkeypatch.setattr(report_points, "MOST_POINTS", 2)
    trusted, timelines = TrustStore(home / "config" / "preserve").trusted_keys(), Timelines()
    first = "captures/000000/0000/0000000"
    with DiskFolder(home / "archive") as folder, ReadingRoom() as reader:
        desk = Desk(
            folder, lambda one: verify(one, trusted, [], NOW), trusted, now=lambda: NOW, software="x", steps=timelines.steps
        )

        def compare_all(pairs: Sequence[Pair], seconds: float) -> None:
            shelf = change.shelf(folder, bundle.run_names(folder), reader)
            timelines.work_out(shelf, pairs[:2], desk.survey.both, None)

        means = view.Means(compare=no_comparison, compare_all=compare_all, events=lambda: ((), ()), frame=None)
        pages = view.View(desk, "archive", "archive", means)

        def text(path: str, **query: str) -> str:
            answer = pages.answer(Asked(path=path, query=query))
            assert answer is not None
            return answer.text

        try:
            desk.open(patience=10)
            wait_until(lambda: desk.checked)
            assert "All 6 captures of this address" in words(text(f"{first}.html"))
            assert f'{first}-changes.html">All 6 captures</a>' in text("index.html").replace("000005", "000000")
            around = text(f"{first}-changes.html")
            summary = re.findall(r"<li>(\d+ [a-z ]+)", around)
            assert summary == ["1 text", "1 noise", "2 not compared yet"], "time that is left goes to the rest"
            assert [link for link in Page(around).links if "?page=" in link] == [
                f"../../../{first}-changes.html?page={number}" for number in (1, 2, 3)
            ]
            whole = [text(f"{first}-changes.html", page=str(number)) for number in (1, 2, 3)]
            told = [" ".join(page.partition('id="steps"')[2].split()) for page in whole]
            for kind, here in ((NOISE, 1), (TEXT, 1), (GONE, 2), (BACK, 2)):
                assert [kind in page for page in told] == [number == here for number in range(3)]
            assert "The same bytes came each time" in told[0]
            assert all("All 6 captures" in page for page in whole)
            assert re.findall(r"<li>(\d+ [a-z ]+)", whole[2]) == ["1 gone", "1 back", "1 text", "1 noise"]
            for number in ("4", "99999999"):
                assert pages.answer(Asked(path=f"{first}-changes.html", query={"page": number})) is None
            for number in ("0", "-1", "x", ""):
                assert text(f"{first}-changes.html", page=number) == text(f"{first}-changes.html")
        finally:
            desk.close()


def no_comparison(before: object, after: object) -> Change:
    raise AssertionError((before, after))

"""What a report gathers from archives: rows, points in time, what cannot be read; and that nothing is held in memory for it."""

from __future__ import annotations

import gc
import hashlib
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from archives import Archivist, Files
from preserve.errors import ExitCode
from preserve.flows.report_points import MOST_POINTS
from preserve.model.handover import Wanted
from preserve.model.report import State
from preserve.web.report import Site, capture_page
from reports import Page, surveyed


def make(root: Path, runs: int = 1, pages: int = 3) -> Archivist:
    archivist = Archivist()
    for _ in range(runs):
        archivist.add_run(pages)
    archivist.write(root)
    return archivist


def test_a_row_for_each_citation(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        overview = survey.overview
        rows = list(survey.rows())
        assert [(row.document, row.note, row.state, row.intact) for row in rows] == [
            ("paper-0.txt", "1", State.CAPTURED, True),
            ("paper-0.txt", "2", State.CAPTURED, True),
            ("paper-0.txt", "3", State.CAPTURED, True),
            ("paper-0.txt", "4", State.NOT_CAPTURED, None),
        ]
        assert rows[3].reason == "the printed address is cut"
        assert overview.checked.exit_code is ExitCode.DONE
        assert dict(overview.states) == {
            State.CAPTURED: 3,
            State.THIRD_PARTY: 0,
            State.DOUBTFUL: 0,
            State.NOT_CAPTURED: 1,
            State.ALTERED: 0,
            State.REMOVED: 0,
        }
        assert (overview.total, overview.captures, len(survey)) == (4, 3, 4)
        assert overview.runs[0].logged
        assert overview.runs[0].signed
        # Where it lies: the slice of the file has the hash that the row shows.
        shown = rows[1].shown
        assert shown is not None
        assert shown.ref.type == "response"
        stored = (tmp_path / "a" / "runs" / rows[1].run.name / shown.ref.warc).read_bytes()
        assert hashlib.sha256(stored[shown.offset : shown.offset + shown.length]).hexdigest() == shown.sha256


def test_a_page_shows_what_crossed_the_wire(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert list(survey.captures(0)) == [0, 1, 2]
        assert list(survey.captures(0, 1, 2)) == [1]
        page = survey.page(0, 1)
        (asked,) = page.asked
        assert asked.request is not None
        assert asked.request.text == ("GET /page?run=0 HTTP/1.1", "Host: station-1.example")
        assert asked.response is not None
        assert asked.response.text == ("HTTP/1.1 200 OK", "Content-Type: text/html")
        assert [citation.note for citation in page.cited] == ["2"]
        assert page.entered == "http://station-1.example/page?run=0"


def test_files_are_let_go_before_processes_are_forked(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        survey.prepare()
        assert survey.page(0, 2).asked
        survey.close()
        assert survey.page(0, 0).asked, "they are opened again"


def same_address(files: Files, sequence: int) -> Files:
    """The run's lines with addresses that do not depend on the run."""
    return {
        path: data.replace(f"?run={sequence}".encode(), b"?run=0").replace(f"paper-{sequence}".encode(), b"paper-0")
        if path.endswith(".jsonl")
        else data
        for path, data in files.items()
    }


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Archivist]:
    """Four runs of the same addresses, each with other content."""
    from archives import data_files
    from preserve.formats import manifest

    archivist = Archivist()
    for sequence in range(4):
        files = same_address(data_files(sequence, 2), sequence)
        document = b"The register of stations, part %d.\n" % sequence
        archivist.documents[f"documents/{hashlib.sha256(document).hexdigest()}/paper-0.txt"] = document
        archivist.add_signed(files, manifest.encode(archivist.manifest(files, sequence, 2)))
    root = tmp_path_factory.mktemp("repeated") / "a"
    archivist.write(root)
    return root, archivist


def test_the_last_run_counts_and_the_others_are_points_in_time(repeated: tuple[Path, Archivist]) -> None:
    root, archivist = repeated
    with surveyed(root, archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.DONE, survey.overview.checked.failing
        rows = list(survey.rows())
        assert len(rows) == 3
        assert {row.run.sequence for row in rows} == {3}
        assert [point.sequence for point in rows[0].points] == [0, 1, 2, 3]
        assert len({point.content for point in rows[0].points}) == 4, "other content each time"
        assert rows[2].points == ()
        # The page of the first capture knows of the later ones.
        assert [point.sequence for point in survey.page(0, 0).points] == [0, 1, 2, 3]


def test_a_page_says_that_other_bytes_came_and_not_that_something_changed(repeated: tuple[Path, Archivist]) -> None:
    root, archivist = repeated
    with surveyed(root, archivist.trusted) as survey:
        site = Site(overview=survey.overview, archive="my archive")
        first, last = (Page(capture_page(site, survey.page(run, 0))).text for run in (0, 3))
        assert "Other bytes came" not in first
        assert "(run 2)" in last
        assert "only what changes by itself was not looked at for this page; this says it:" in " ".join(last.split())
        url = survey.line(3, 0).url
        assert f"preserve diff 'my archive' '{url}' --from 2 --to 3" in last
        page = survey.page(3, 0)
        same = replace(page, points=tuple(replace(point, content=page.points[0].content) for point in page.points))
        assert "Other bytes came" not in capture_page(site, same)
        theirs = replace(page, points=tuple(replace(point, state=State.THIRD_PARTY) for point in page.points))
        assert "Other bytes came" in capture_page(site, theirs)
        assert "preserve diff" not in capture_page(site, theirs), "what another tool saw is no change that we saw"


def test_only_some_runs_or_documents(repeated: tuple[Path, Archivist], tmp_path: Path) -> None:
    root, archivist = repeated
    with surveyed(root, archivist.trusted, Wanted(runs=frozenset({1}))) as survey:
        assert {row.run.sequence for row in survey.rows()} == {1}
        assert [len(row.points) for row in survey.rows()] == [1, 1, 0]
        assert survey.overview.selection == "1 of 4 sealed runs: 1"
    archivist = make(tmp_path / "b", runs=2)
    with surveyed(tmp_path / "b", archivist.trusted, Wanted(documents=frozenset({"paper-1.txt"}))) as survey:
        assert {row.document for row in survey.rows()} == {"paper-1.txt"}
        assert (list(survey.captures(0)), list(survey.captures(1))) == ([], [0, 1, 2])
    with surveyed(tmp_path / "b", archivist.trusted, Wanted(documents=frozenset({"other"}))) as survey:
        assert len(survey) == 0


def test_at_most_some_points_are_shown_and_the_one_in_question_among_them() -> None:
    from preserve.flows.report_points import Points
    from preserve.flows.report_run import NONE, Seen

    points = Points.none()
    before = NONE
    for number in range(MOST_POINTS * 3):
        seen = Seen(
            number=number, url="u", at=number, state=State.CAPTURED, status=200, content=1, citations=(), own=True, page=True
        )
        before = points.add(0, seen, before)
    for asked in (0, 1, MOST_POINTS, MOST_POINTS * 3 - 1):
        shown, others = points.around(asked)
        assert asked in shown
        assert shown == sorted(shown)
        assert (len(shown), others) == (MOST_POINTS, MOST_POINTS * 2)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_damaged_record_is_altered_and_nothing_else(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        shown = list(survey.rows())[1].shown
        assert shown is not None
    flip(next((tmp_path / "a").glob("runs/*/data/*.warc.gz")), shown.offset + 30)
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.ALTERED
        assert survey.overview.checked.failing
        assert [row.state for row in survey.rows()] == [State.CAPTURED, State.ALTERED, State.CAPTURED, State.NOT_CAPTURED]
        page = survey.page(0, 1)
        assert page.state is State.ALTERED
        (asked,) = page.asked
        assert "problem" in repr(asked)
        assert any(one is not None and one.problem for one in (asked.request, asked.response))


def test_a_line_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    captures = next((tmp_path / "a").glob("runs/*/data/captures.jsonl"))
    rows = captures.read_bytes().split(b"\n")
    rows[1] = rows[1][:-1] + b"]"
    captures.write_bytes(b"\n".join(rows))
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.ALTERED
        assert [row.state for row in survey.rows()] == [State.ALTERED] * 3 + [State.NOT_CAPTURED]
        found = list(survey.rows())[1]
        assert found.capture is None
        assert "cannot be read" in found.reason
        assert survey.overview.runs[0].unread == 1
        assert "cannot be read" in survey.overview.runs[0].problem


@pytest.mark.parametrize("name", ["manifest.json", "data/captures.jsonl", "data/citations.jsonl", "SEAL"])
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    archivist = make(tmp_path / "a")
    next((tmp_path / "a").glob("runs/*")).joinpath(name).unlink()
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.ALTERED
        assert survey.overview.runs[0].problem
        assert not survey.overview.runs[0].intact
        assert all(row.state in {State.ALTERED, State.NOT_CAPTURED} for row in survey.rows())


def test_lines_that_lie_about_numbers_do_no_harm(tmp_path: Path) -> None:
    """References out of range, of wrong types, to themselves: an altered archive may say anything."""
    archivist = make(tmp_path / "a")
    captures = next((tmp_path / "a").glob("runs/*/data/captures.jsonl"))
    good = json.loads(captures.read_bytes().split(b"\n")[0])
    odd = [
        {**good, "cited_in": [{**good["cited_in"][0], "citation": 10**9}]},
        {**good, "records": [{**good["records"][0], "index": 10**9}]},
        {**good, "records": [{**good["records"][0], "warc": "../../archive.toml"}]},
        {**{name: value for name, value in good.items() if name != "cited_in"}, "requisite_of": 10**9},
        [],
        "text",
        {**good, "url": None},
    ]
    captures.write_bytes(b"".join(json.dumps(each, sort_keys=True, separators=(",", ":")).encode() + b"\n" for each in odd))
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.ALTERED
        for row in survey.rows():
            survey.places(row)
        for capture in survey.captures(0):
            survey.page(0, capture)


def test_an_empty_archive(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.write(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert (survey.overview.total, survey.overview.runs, list(survey.rows())) == (0, (), [])
        assert not survey.overview.open_run


def test_an_open_run_is_told(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    (tmp_path / "a" / "journal").mkdir()
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.open_run


def test_the_signer_is_not_known(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a")
    with surveyed(tmp_path / "a", [archivist.log.pinned]) as survey:
        checked = survey.overview.checked
        assert checked.exit_code is ExitCode.UNESTABLISHED
        assert [one.claim.value for one in checked.lacking] == ["signer"]
        assert not survey.overview.runs[0].signed
        assert {row.state for row in survey.rows()} == {State.CAPTURED, State.NOT_CAPTURED}


def test_a_run_with_a_failed_capture(tmp_path: Path) -> None:
    from archives import data_files
    from preserve.formats import lines, manifest
    from preserve.model.web import Outcome

    archivist = Archivist()
    files = data_files(0, 2)
    first, second = [lines.decode_capture(row) for row in files["data/captures.jsonl"].splitlines()]
    failed = replace(first, outcome=Outcome.FAILED, verdict=None, status=None, reason="no such host", payload_sha256=None)
    files["data/captures.jsonl"] = b"".join(lines.encode_capture(line) + b"\n" for line in (failed, second))
    signed = archivist.manifest(files, 0, 2)
    signed = replace(signed, captures=replace(signed.captures, captured=1, failed=1))
    document = b"The register of stations, part 0.\n"
    archivist.documents[f"documents/{hashlib.sha256(document).hexdigest()}/paper-0.txt"] = document
    archivist.add_signed(files, manifest.encode(signed))
    archivist.write(tmp_path / "a")
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.checked.exit_code is ExitCode.DONE, survey.overview.checked.failing
        row = next(survey.rows())
        assert (row.state, row.reason) == (State.NOT_CAPTURED, "no such host")


def test_what_is_held_of_a_capture_is_little(tmp_path: Path) -> None:
    archivist = make(tmp_path / "a", pages=600)
    with surveyed(tmp_path / "a", archivist.trusted) as survey:
        assert survey.overview.captures == 600
    tracemalloc.start()
    try:
        with surveyed(tmp_path / "a", archivist.trusted) as survey:
            gc.collect()
            held = tracemalloc.get_traced_memory()[0]
            assert held / len(survey) < 600, "bytes a capture"
    finally:
        tracemalloc.stop()

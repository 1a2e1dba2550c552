"""Lines that people read on a terminal: how they are folded, and what they say of a dead link."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from preserve.cli.findings import wrapped
from preserve.cli.fingerprints import in_rows
from preserve.cli.progress import remark
from preserve.model.web import Capture, Memento, Outcome, Target, Verdict

_KEY = "-".join(["edf1"] * 16)
_NOW = datetime(2026, 11, 21, 17, 51, tzinfo=UTC)


def test_a_finding_is_folded_below_its_beginning_and_a_fingerprint_in_its_middle() -> None:
    line = f"  signer          runs/000000-20261121t175146z: signed by A. Archivist, key {_KEY} (and 2 more like it)"
    first, *rest = wrapped(line, 80).split("\n")
    assert first == "  signer          runs/000000-20261121t175146z: signed by A. Archivist, key"
    half = "-".join(["edf1"] * 8)
    assert rest == [f"{' ' * 18}{half}-", f"{' ' * 18}{half} (and 2 more like it)"]
    assert all(len(part) <= 80 for part in (first, *rest))
    whole = wrapped(line, 100).split("\n")
    assert f"{' ' * 18}{_KEY}" in whole, "in one piece where there is room for it"


def test_a_name_that_is_longer_than_the_line_stays_below_its_label() -> None:
    path = f"runs/000001-20261122t120000z/signatures/{'05fc' * 16}.sig:"
    for label in ("  integrity       ", " " * 18):
        assert wrapped(f"{label}{path} altered", 80).split("\n") == [f"{label}{path}", f"{' ' * 18}altered"]


@pytest.mark.parametrize("width", [0, 100])
def test_what_fits_or_goes_to_no_terminal_is_left_whole(width: int) -> None:
    line = "  log-inclusion   run: entry 0 of preserve/90a4b5c6d7e8f901/log"
    assert wrapped(line, width) == line


@pytest.mark.parametrize(
    ("memento", "said"),
    [
        (None, "status 404"),
        (
            Memento(archive="https://a.example/", requested=date(2019, 6, 15), problem="it has no copy"),
            "status 404; no archived copy: it has no copy",
        ),
        (
            Memento(archive="https://a.example/", requested=date(2019, 6, 15), url="https://a.example/1", taken=_NOW),
            "status 404; an archived copy of 2026-11-21 was kept",
        ),
        (
            Memento(
                archive="https://a.example/",
                requested=date(2019, 6, 15),
                url="https://a.example/1",
                taken=_NOW,
                problem="a loop",
            ),
            "status 404; an archived copy of 2026-11-21 was kept, but a loop",
        ),
    ],
)
def test_the_line_of_a_dead_page_says_what_the_archives_have(memento: Memento | None, said: str) -> None:
    capture = Capture(
        target=Target(id=1, url="http://tides.example/", address="http://tides.example/", host="tides.example"),
        outcome=Outcome.CAPTURED,
        verdict=Verdict.GONE,
        status=404,
        reason="status 404",
        final_url="http://tides.example/",
        requested_at=_NOW,
        finished_at=_NOW,
        memento=memento,
    )
    assert remark(capture) == f"-          gone       404  http://tides.example/: {said}"


@pytest.mark.parametrize(("columns", "rows"), [("80", 2), ("91", 2), ("92", 1), ("200", 1)])
def test_a_fingerprint_is_cut_between_its_groups(columns: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    told = in_rows("Fingerprint  ", "0123" * 16).split("\n")
    assert len(told) == rows
    assert all(len(row) <= int(columns) for row in told)
    assert "".join(row[13:] for row in told) == "-".join(["0123"] * 16)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert in_rows("Fingerprint  ", "0123" * 16) == "Fingerprint  " + "-".join(["0123"] * 16), "whole for programs"

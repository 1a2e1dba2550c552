"""Where a report is written: whole or not at all, by one at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from preserve.adapters.reportfolder import MARK, report_folder
from preserve.adapters.workers import ForkedWorkers
from preserve.errors import LockedError, StoreError

NAMES = frozenset({"index.html", "rows"})


def test_who_comes_second_is_told_and_disturbs_nobody(tmp_path: Path) -> None:
    with report_folder(tmp_path / "report", NAMES) as first:
        first.write("index.html", ["the first"])
        with pytest.raises(LockedError, match="another report"), report_folder(tmp_path / "report", NAMES):
            pass
    assert (tmp_path / "report" / "index.html").read_text() == "the first"
    with report_folder(tmp_path / "report", NAMES) as second:
        second.write("index.html", ["the second"])
    assert (tmp_path / "report" / "index.html").read_text() == "the second"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["report"]


def test_what_was_left_by_a_kill_is_not_in_the_next_report(tmp_path: Path) -> None:
    left = tmp_path / ".report.part"
    (left / "rows").mkdir(parents=True)
    (left / "rows" / "0002.html").write_text("of an earlier report")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("")
    (left / "captures").symlink_to(elsewhere)
    with report_folder(tmp_path / "report", NAMES) as folder:
        folder.write("index.html", ["whole"])
    assert sorted(item.name for item in (tmp_path / "report").iterdir()) == [MARK, "index.html"]
    assert (elsewhere / "kept").exists()


def test_a_worker_that_is_killed_leaves_no_half_report(tmp_path: Path) -> None:
    parent = os.getpid()

    def write(number: int) -> int:
        folder.write(f"rows/{number:04d}.html", ["a row"])
        if os.getpid() != parent:
            os.kill(os.getpid(), 9)
        return 1

    with pytest.raises(StoreError, match="was killed"), report_folder(tmp_path / "report", NAMES) as folder:  # noqa: PT012 -- either may raise
        for _ in range(50):  # until the other process got one of them
            ForkedWorkers(2).map(write, range(500))
    assert list(tmp_path.iterdir()) == []


def test_pieces_are_written_in_their_order(tmp_path: Path) -> None:
    pieces = [f"{number} \u00fc \udc80\n" for number in range(60_000)]
    with report_folder(tmp_path / "report", NAMES) as folder:
        folder.write("rows/0002.html", iter(pieces))
        folder.write("index.html", [])
    written = (tmp_path / "report" / "rows" / "0002.html").read_bytes()
    assert written == "".join(pieces).encode("utf-8", "backslashreplace")
    assert (tmp_path / "report" / "index.html").read_bytes() == b""

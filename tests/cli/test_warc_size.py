"""WARC files of a run follow one another by size, whoever writes them, and each can be read alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, big


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_files_follow_one_another_by_size(preserve: Run, site: AnyHostSite, tmp_path: Path, workers: str) -> None:
    for number in range(12):
        site.route(f"/{number}", big(400_000, number))
    urls = [word for number in range(12) for word in ("--url", f"http://h{number % 4}.example/{number}")]
    common = ("--connect-to", site.connect_to, "--delay", "0", "--no-probe", "--robots", "ignore", "--no-timestamp")
    done = preserve("capture", *common, "--concurrency", "2", "--warc-size", "1M", "--workers", workers, *urls)
    assert done.code == 0, done.stderr
    warcs = sorted(tmp_path.glob("archive/runs/*/data/*.warc.gz"))
    assert len(warcs) >= 3
    for warc in warcs:
        assert warc.stat().st_size < 1_000_000 + 9_000_000
        checked = subprocess.run(
            [sys.executable, "-m", "warcio.cli", "check", str(warc)], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout) == (0, "")
    assert preserve("verify", "--thorough", "archive").code == 0


def test_a_size_that_would_make_files_without_number_is_not_taken(preserve: Run) -> None:
    done = preserve("capture", "--warc-size", "999k", "--url", "http://a.example/")
    assert done.code == 2
    assert "at least 1M" in done.stderr

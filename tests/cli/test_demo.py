"""`preserve demo` is the whole walk: what it captures is sealed, verifies, and shows what is wrong on purpose."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from running import Run


def _lines(run: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "data" / name).read_text(encoding="ascii").splitlines()]


def test_the_demonstration_captures_seals_and_verifies(preserve: Run, tmp_path: Path) -> None:
    done = preserve("demo")
    assert done.code == 0, done.stderr
    archive = tmp_path / "demo-archive"
    (run,) = (archive / "runs").iterdir()
    captures = {capture["url"]: capture for capture in _lines(run, "captures.jsonl")}
    assert {url for url, capture in captures.items() if capture["outcome"] != "captured"} == set()
    assert [url for url, capture in captures.items() if capture["status"] != 200] == [
        "http://ferrymuseum.example/timetable/1968"
    ]
    final = captures["https://doi.org/10.5555/inland.1931.07"]["final_url"]
    assert final == "https://journal.inland-navigation.example/articles/12/chains-cables-and-crossings"
    assert {capture["server"]["ip"] for capture in captures.values()} == {"127.0.0.1"}  # type: ignore[index]
    assert [line["note"] for line in _lines(run, "citations.jsonl") if line["url"] is None] == ["7"]

    assert preserve("verify", archive).code == 0
    assert not list(Path(tempfile.gettempdir()).glob("preserve-demo-*/demo-ca.pem"))


@pytest.mark.long
def test_a_second_demonstration_is_a_second_run(preserve: Run, tmp_path: Path) -> None:
    archive = tmp_path / "an archive"
    assert preserve("demo", "--archive", archive).code == 0
    assert preserve("demo", "--archive", archive).code == 0
    assert sorted(run.name[:6] for run in (archive / "runs").iterdir()) == ["000000", "000001"]
    assert preserve("verify", archive).code == 0

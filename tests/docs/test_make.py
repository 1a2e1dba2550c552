"""What `make capture` does around the program: finding a Python, handing on documents and exit codes, naming the archive last."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from running import ROOT


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _python(path: Path, version: str, *, old: bool = False, venv: bool = True) -> None:
    """A Python that answers the three questions it is asked."""
    _program(
        path,
        f'case "$2" in *print*) echo {version};; *version_info*) exit {int(old)};; *ensurepip*) exit {int(not venv)};; esac',
    )


def _find(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "find-python"), *arguments],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shim_for_nothing_and_an_old_python_are_passed_over(tmp_path: Path) -> None:
    _program(tmp_path / "python3.13", "exit 127")
    _python(tmp_path / "python3.12", "3.12", venv=False)
    _python(tmp_path / "python3", "3.9", old=True)
    _python(tmp_path / "python3.11", "3.11")
    found = _find(tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "python3.11\n", "")


def test_the_python_that_was_named_is_the_one(tmp_path: Path) -> None:
    _python(tmp_path / "python3.11", "3.11")
    _python(tmp_path / "other", "3.12")
    assert _find(tmp_path, "other").stdout == "other\n"


@pytest.mark.parametrize(
    ("version", "old", "expected"),
    [
        ("3.9", True, "needs Python 3.11 or newer; found only: python3 (3.9)"),
        ("3.11", False, "sudo apt-get install python3.11-venv"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, version: str, old: bool, expected: str) -> None:
    _python(tmp_path / "python3", version, old=old, venv=old)
    found = _find(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert expected in found.stderr
    nothing = _find(tmp_path / "empty")
    assert nothing.returncode == 1
    assert "none of these runs" in nothing.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which `preserve` is a script that makes its archive, repeats its arguments and ends with $CODE."""
    checkout = tmp_path / "check out"
    _program(
        checkout / ".venv" / "bin" / "preserve",
        'test "$1" != bundle || exit ${BUNDLE:-0}\n'
        'if test "$1" = report; then test "${REPORT:-0}" = 30 || mkdir -p "$4"; exit ${REPORT:-0}; fi\nfor word in "$@"; do echo "<$word>"; done\n'
        'test -n "$NOTHING" || mkdir -p "$3"\nexit ${CODE:-0}',
    )
    shutil.copytree(ROOT / "tools", checkout / "tools")
    return checkout


def _capture(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PRESERVE_")}
    return subprocess.run(
        ["tools/capture"], cwd=checkout, env={**env, **variables}, capture_output=True, text=True, check=False
    )


def test_without_documents_it_is_the_demonstration(checkout: Path) -> None:
    done = _capture(checkout, PRESERVE_ARCHIVE="real-archive")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        *("<demo>", "<--archive>", "<demo-archive>"),
        f"archive: {checkout}/demo-archive",
        f"report: {checkout}/demo-archive-report",
        f"bundle: {checkout}/demo-archive.wacz",
    ]


def test_documents_are_handed_on(checkout: Path) -> None:
    (checkout / "my paper.txt").touch()
    one = _capture(checkout, DOCS="my paper.txt", PRESERVE_ARCHIVE="the archive")
    assert one.stdout.splitlines() == [
        *("<capture>", "<--archive>", "<the archive>", "<-->", "<my paper.txt>"),
        f"archive: {checkout}/the archive",
        f"report: {checkout}/the archive-report",
        f"bundle: {checkout}/the archive.wacz",
    ]
    several = _capture(checkout, DOCS="a.txt -b.md")
    assert several.stdout.splitlines()[-5:-2] == ["<a.txt>", "<-b.md>", f"archive: {checkout}/archive"]


@pytest.mark.parametrize(
    ("code", "said"),
    [("10", "not every citation was captured well"), ("11", "Nothing was captured"), ("130", "--resume"), ("20", "")],
)
def test_exit_codes_are_handed_on_and_explained(checkout: Path, code: str, said: str) -> None:
    done = _capture(checkout, DOCS="a.txt", CODE=code)
    assert done.returncode == int(code)
    assert said in done.stderr
    made = [f"report: {checkout}/archive-report", f"bundle: {checkout}/archive.wacz"] if code == "10" else []
    assert done.stdout.splitlines()[-1 - len(made) :] == [f"archive: {checkout}/archive", *made]


def test_no_bundle_is_named_that_could_not_be_made(checkout: Path) -> None:
    done = _capture(checkout, DOCS="a.txt", BUNDLE="40")
    assert (done.returncode, "bundle:" in done.stdout) == (0, False)


@pytest.mark.parametrize(("code", "named"), [("40", True), ("41", True), ("30", False)])
def test_a_report_is_named_when_it_was_written(checkout: Path, code: str, named: bool) -> None:
    done = _capture(checkout, DOCS="a.txt", REPORT=code)
    assert (done.returncode, "report:" in done.stdout) == (0, named)


def test_no_archive_is_named_that_is_not_there(checkout: Path) -> None:
    done = _capture(checkout, DOCS="a.txt", CODE="20", NOTHING="yes")
    assert "archive:" not in done.stdout

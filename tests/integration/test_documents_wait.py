"""The copy of a document waits in journal/ until a run that cites from it is sealed: no mistake and no kill leaves one that no run names."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from killing import Killed, Steps
from preserve.adapters.archive import Archive
from running import Run
from sites import AnyHostSite

TEXT = "Stations are counted.[^1]\n\n[^1]: The list, http://a.example/list\n"
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()

KILLED_IN = """
import os
from preserve.adapters import journal
from preserve.cli import main
from preserve.wiring import capturing
{} = lambda *_: os._exit(137)
main()
"""


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--delay", "0", "--no-requisites", "--robots", "ignore", *more)


def kill(archive: Path, where: str, *arguments: str) -> None:
    """Run `preserve` beside the archive; its process is gone when it comes to that function."""
    command = [sys.executable, "-c", KILLED_IN.format(where), *arguments]
    assert subprocess.run(command, cwd=archive.parent, check=False, capture_output=True).returncode == 137


def kept(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("**/*.md"))


@pytest.fixture
def cited(tmp_path: Path) -> Path:
    (tmp_path / "paper.md").write_text(TEXT)
    return tmp_path / "archive"


@pytest.mark.parametrize("before", [False, True])
def test_a_mistake_in_the_options_leaves_no_copy(preserve: Run, site: AnyHostSite, cited: Path, *, before: bool) -> None:
    if before:
        assert preserve(*args(site, "--url", "http://a.example/other")).code == 0
    (cited.parent / "bad.pem").write_text("no certificate\n")
    assert preserve(*args(site, "--cacert", "bad.pem", "paper.md")).code == 3
    assert kept(cited) == []
    if before:
        assert preserve("verify", "archive").code == 0
    assert preserve(*args(site, "paper.md")).code == 0
    assert kept(cited) == [f"documents/{SHA256}/paper.md"]
    assert preserve("verify", "archive").code == 0


def test_a_kill_before_anything_was_planned_leaves_no_copy(preserve: Run, site: AnyHostSite, cited: Path) -> None:
    assert preserve(*args(site, "--url", "http://a.example/other")).code == 0
    kill(cited, "journal.Journal.add_source", *args(site, "paper.md"))
    assert kept(cited) == [f"journal/documents/{SHA256}/paper.md"]
    assert preserve("verify", "archive").code == 0
    assert preserve(*args(site, "--url", "http://a.example/third")).code == 0
    assert kept(cited) == []
    assert preserve("verify", "archive").code == 0


def test_only_what_the_sealed_run_cites_from_is_put_into_its_place(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.make_journal()
    for name, data in (
        ("paper.md", TEXT.encode()),
        (".part", b"a name that anybody may give"),
        ("later.md", b"joined, and not planned"),
    ):
        archive.keep_document(hashlib.sha256(data).hexdigest(), name, data)
    other = hashlib.sha256(b"a name that anybody may give").hexdigest()
    archive.place_documents({(SHA256, "paper.md"), (other, ".part"), (SHA256, "../../elsewhere")})
    assert sorted(path.name for path in tmp_path.glob("documents/*/*")) == [".part", "paper.md"]
    assert list((tmp_path / "journal").iterdir()) == []


def test_killed_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = 0
    while True:
        archive = Archive(tmp_path / str(last))
        archive.make_journal()
        with monkeypatch.context() as patch:
            steps = Steps(patch, last)
            try:
                archive.keep_document(SHA256, "paper.md", TEXT.encode())
                archive.place_documents({(SHA256, "paper.md")})
            except Killed:
                pass
        present = [path.read_text() for path in (tmp_path / str(last)).glob("documents/*/*")]
        assert present in ([], [TEXT]), "in its place it is whole, or it is not there"
        archive.keep_document(SHA256, "paper.md", TEXT.encode())
        archive.place_documents({(SHA256, "paper.md")})
        assert (tmp_path / str(last) / "documents" / SHA256 / "paper.md").read_text() == TEXT
        assert not (tmp_path / str(last) / "journal" / "documents").exists()
        if steps.count < last:
            break
        last += 1
    assert last > 8


def test_a_run_that_a_kill_left_open_brings_its_documents(preserve: Run, site: AnyHostSite, cited: Path) -> None:
    kill(cited, "capturing._capture", *args(site, "paper.md"))
    assert kept(cited) == [f"journal/documents/{SHA256}/paper.md"]
    assert preserve(*args(site, "--resume")).code == 0
    assert kept(cited) == [f"documents/{SHA256}/paper.md"]
    assert preserve("verify", "archive").code == 0


def test_an_import_that_came_to_nothing_leaves_no_copy(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.staging("000000-20261121t175146z")
    archive.keep_document(SHA256, "paper.md", TEXT.encode())
    archive.drop_import("000000-20261121t175146z")
    assert list(tmp_path.iterdir()) == []

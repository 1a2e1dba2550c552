"""Names of files and folders that cannot be looked up: a mistake in the command, in true words, whatever the command."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import click
import pytest

from archives import Archivist
from preserve.adapters.handover import new_file
from preserve.cli.names import NAME
from preserve.errors import StoreError
from preserve.formats.note import KeyType, VerifierKey
from running import Run

LONG = "n" * 300
"""Longer than a name can be."""
LOOP = "loop"
"""A link to itself."""
WHERE_AN_ARCHIVE_IS_NAMED = {
    "verify": ("verify", "{}"),
    "verify a log": ("log", "verify", "{}"),
    "checkpoint": ("log", "checkpoint", "{}"),
    "status": ("status", "{}"),
    "diff": ("diff", "{}", "http://a.example/"),
    "bundle": ("bundle", "{}", "-o", "x.wacz"),
    "prove": ("prove", "{}", "http://a.example/", "-o", "x.zip"),
    "report": ("report", "{}", "-o", "out"),
    "view": ("view", "{}"),
    "import": ("import", "{}", "paper.txt"),
    "schedules": ("schedule", "list", "--archive", "{}"),
    "timestamp": ("timestamp", "{}"),
    "custody": ("custody", "list", "{}"),
    "redact": ("redact", "{}", "--url", "http://a.example/", "--reason", "r"),
    "sign": ("sign", "{}", "--ssh", "key"),
    "capture": ("capture", "--url", "http://a.example/", "--archive", "{}"),
    "demo": ("demo", "--archive", "{}"),
    "export of a key": ("key", "export", "--archive", "{}"),
}
WHERE_A_FILE_IS_NAMED = {
    "agree": ("key", "agree", "{}"),
    "enter": ("key", "enter", "{}", "--archive", "archive"),
    "policy": ("verify", "archive", "--policy", "{}"),
    "against": ("log", "verify", "archive", "--against", "{}"),
    "import": ("import", "archive", "{}"),
    "a citation's document": ("import", "archive", "paper.txt", "--citation", "{}:1"),
    "an SSH key": ("sign", "archive", "--ssh", "{}"),
    "anchors": ("timestamp", "archive", "--cacert", "{}"),
    "trust": ("trust", "add", "{}", "--name", "x"),
    "a log to witness": ("log", "witness", "--log", "{}"),
}
WHERE_SOMETHING_IS_TO_BE_WRITTEN = {
    "bundle": ("bundle", "archive", "-o", "{}"),
    "prove": ("prove", "archive", "http://a.example/", "-o", "{}"),
    "report": ("report", "archive", "-o", "{}"),
    "diff": ("diff", "archive", "http://a.example/", "--html", "{}"),
    "a drawing": ("status", "archive", "--history", "--svg", "{}"),
}
_ALL = {
    **{f"archive: {name}": command for name, command in WHERE_AN_ARCHIVE_IS_NAMED.items()},
    **{f"file: {name}": command for name, command in WHERE_A_FILE_IS_NAMED.items()},
    **{f"output: {name}": command for name, command in WHERE_SOMETHING_IS_TO_BE_WRITTEN.items()},
}


@pytest.mark.parametrize("command", _ALL.values(), ids=_ALL)
@pytest.mark.parametrize("name", [LONG, LOOP], ids=["too long", "a link to itself"])
def test_a_name_that_cannot_be_looked_up(preserve: Run, tmp_path: Path, command: tuple[str, ...], name: str) -> None:
    (tmp_path / LOOP).symlink_to(LOOP)
    Archivist().write(tmp_path / "archive")
    (tmp_path / "paper.txt").write_text("nothing")
    done = preserve(*(part.format(name) for part in command))
    assert (done.code, done.stdout) == (2, ""), done.stderr
    assert name in done.stderr
    assert "output cannot be written" not in done.stderr


@pytest.mark.parametrize("name", [LONG, f"{LONG}/*.txt"])
@pytest.mark.parametrize("command", [("cite",), ("capture",)], ids=["cite", "capture"])
def test_a_document_whose_name_cannot_be_looked_up(preserve: Run, command: tuple[str, ...], name: str) -> None:
    done = preserve(*command, name)
    assert done.code == 20
    assert f"{name}: File name too long" in done.stderr


def test_a_schedule_of_a_document_whose_name_cannot_be_looked_up(preserve: Run) -> None:
    done = preserve("schedule", "add", LONG, "--every", "1d")
    assert (done.code, f"{LONG}: no such file" in done.stderr) == (20, True)


def test_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is root may enter each, so that the system's answer is made up."""

    def refuses(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuses)
    with pytest.raises(click.BadParameter, match="'closed/archive': Permission denied"):
        NAME.convert("closed/archive", None, None)


def test_a_folder_in_which_no_name_can_be_looked_up(preserve: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and the names of what lies in it are longer than a path may be."""
    monkeypatch.chdir(tmp_path)
    deep = Path(*["d" * 200] * 20, "e" * 70)
    assert len(str(deep)) + len("/archive.toml") > 4096 > len(str(deep))
    deep.mkdir(parents=True)
    done = preserve("status", deep)
    shutil.rmtree("d" * 200)
    assert done.code == 30
    assert f"{deep / 'archive.toml'}: File name too long" in done.stderr
    assert "output cannot be written" not in done.stderr


def test_a_key_longer_than_a_name_can_be(preserve: Run) -> None:
    """A witness's ML-DSA-44 key is 1.8 kB of base64, often without a slash for longer than a file may be called."""
    key = VerifierKey(name="w.example/w", type=KeyType.COSIGNATURE_ML_DSA_44, public=bytes(1312))
    done = preserve("trust", "add", key.encode(), "--name", "W", "--fingerprint", key.fingerprint)
    assert done.code == 0, done.stderr
    refused = preserve("log", "witness", "--log", key.encode())
    assert (refused.code, "this is a witness's key, not a log's" in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_no_file_is_written_under_no_name(name: str) -> None:
    """What -o hands on, when it is a folder that has no name of its own."""
    with pytest.raises(StoreError, match="is a folder"), new_file(Path(name)):
        pass

"""Pipes in the place of files: waited for, as anywhere on Unix, where they are read once; refused in words where that cannot go well."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import certifi
import pytest

from running import Run


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    return place


@pytest.mark.parametrize(
    "command",
    [
        ("capture", "--url", "http://127.0.0.1:1/"),
        ("schedule", "add", "--archive", "archive", "--every", "1d", "--url", "http://127.0.0.1:1/"),
        ("timestamp", "archive"),
        ("log", "checkpoint", "archive"),
    ],
    ids=["capture", "schedule", "timestamp", "log"],
)
def test_trust_anchors_are_read_more_than_once(preserve: Run, tmp_path: Path, pipe: Path, command: tuple[str, ...]) -> None:
    """By the record of the settings, by each process, for each authority: a pipe had them for the first alone."""
    (tmp_path / "archive").mkdir()
    done = preserve(*command, "--cacert", pipe)
    assert done.code == 2, done.stderr
    assert "'--cacert': " in done.stderr
    assert "is not a plain file, and it is read more than once" in done.stderr
    assert not list((tmp_path / "archive").iterdir())


def test_what_is_signed_in_its_place_is_a_file(preserve: Run, pipe: Path) -> None:
    done = preserve("key", "agree", pipe, "--yes")
    assert done.code == 2, done.stderr
    assert "not a plain file" in done.stderr
    assert pipe.is_fifo()


def test_a_list_comes_through_a_pipe(preserve: Run, tmp_path: Path, pipe: Path) -> None:
    """What is read once may come from another program: `--url-list <(...)`."""
    writer = threading.Thread(target=pipe.write_text, args=("http://127.0.0.1:2/x\n",), daemon=True)
    writer.start()
    done = preserve("capture", "--url-list", pipe, "--no-probe", "--no-timestamp")
    writer.join(10)
    assert done.code == 11, done.stderr
    assert "http://127.0.0.1:2/x: refused" in done.stderr


def test_a_certificate_of_ones_own_choice_is_a_file(preserve: Run, tmp_path: Path) -> None:
    """A link to one is one."""
    (tmp_path / "link.pem").symlink_to(certifi.where())
    done = preserve("capture", "--url", "http://127.0.0.1:2/x", "--cacert", "link.pem", "--no-probe", "--no-timestamp")
    assert done.code == 11, done.stderr


def test_a_key_to_trust_comes_through_a_pipe(preserve: Run, tmp_path: Path, pipe: Path) -> None:
    assert preserve("key", "generate", "--name", "A. Archivist", "--no-passphrase").code == 0
    pem = preserve("key", "export").stdout
    writer = threading.Thread(target=pipe.write_text, args=(pem,), daemon=True)
    writer.start()
    done = preserve("trust", "add", pipe, "--name", "A. Archivist", "--fingerprint", "0" * 64)
    writer.join(10)
    assert done.code == 40, done.stderr
    assert "Fingerprint" in done.stderr, "it was read"

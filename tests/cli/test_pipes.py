"""Pipes in the place of files: waited for, as anywhere on Unix, where they are read once; refused in words where that cannot go well."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import certifi
import pytest

from running import Run
from sites import AnyHostSite


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


@pytest.mark.parametrize(
    "path", ["archive.toml", "log/checkpoint", "log/tile/0/000.p/1", "runs/*/SEAL", "runs/*/manifest.json"]
)
def test_nothing_in_an_archive_is_a_pipe(preserve: Run, site: AnyHostSite, tmp_path: Path, path: str) -> None:
    """Nobody writes to it: whoever opened it would wait for ever, with the archive locked."""
    web = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", "--no-probe", "--archive", "archive")
    assert preserve("capture", "--url", "http://a.example/", *web).code in {0, 10}
    (place,) = (tmp_path / "archive").glob(path)
    place.unlink()
    os.mkfifo(place)
    for command in (
        ("capture", "--url", "http://a.example/other", *web),
        ("custody", "add", "archive", "--action", "copy", "--reason", "r"),
        ("log", "checkpoint", "archive", "--offline"),
    ):
        done = preserve(*command)
        assert done.code in ({0, 20, 30, 40} if path.startswith("runs") else {20, 30, 40}), (command, done.stderr)
    assert preserve("verify", "archive").code == 40


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


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bundle", "no archive"), None),
        (("capture", "--url", "http://127.0.0.1:2/x", "--no-probe", "--no-timestamp"), 11),
        (("verify", "nothing"), None),
        (("verify",), 2),
        (("nonsense",), 2),
    ],
    ids=["told at the end", "talk on the way", "a place that is not there", "by click", "no command"],
)
def test_who_does_not_listen_changes_nothing(
    preserve: Run, tmp_path: Path, arguments: tuple[str, ...], code: int | None
) -> None:
    """The reader of standard error has gone: the exit code is that which it would have been."""
    if code is None:
        code = preserve(*arguments).code
    for mute in ("reader", "disk"):
        reading, writing = (
            os.pipe() if mute == "reader" else (os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_WRONLY))
        )
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "preserve", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=writing,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        os.close(writing)
        assert done.returncode == code, mute

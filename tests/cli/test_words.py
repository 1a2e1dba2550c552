"""Words that get signed come from a command line: what is no text is refused before anything is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite

LATIN_1 = "Müller".encode("latin-1")


def given(folder: Path, *arguments: str | bytes) -> tuple[int, str]:
    command = [sys.executable, "-W", "error", "-m", "preserve", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.decode()


@pytest.fixture
def archive(preserve: Run, site: AnyHostSite, tmp_path: Path) -> Path:
    done = preserve("capture", "--connect-to", site.connect_to, "--delay", "0", "--url", "http://a.example/page")
    assert done.code == 0, done.stderr
    return tmp_path / "archive"


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("capture", "--url", "http://a.example/other"), "--operator"),
        (("capture", "--url", "http://a.example/other"), "--case"),
        (("capture", "--url", "http://a.example/other"), "--proxy"),
        (("custody", "add", "archive", "--action", "copy"), "--reason"),
        (("custody", "add", "archive", "--action", "copy", "--reason", "r"), "--to"),
        (("custody", "add", "archive", "--action", "copy", "--reason", "r"), "--operator"),
        (("redact", "archive", "--url", "http://a.example/page", "--yes", "--by", "b"), "--reason"),
        (("redact", "archive", "--url", "http://a.example/page", "--yes", "--reason", "r"), "--by"),
        (("verify", "archive"), "--custody"),
        (("schedule", "add", "--every", "1d", "--url", "http://a.example/page"), "--operator"),
        (("key", "generate", "--no-passphrase"), "--name"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_is_no_text_is_refused(preserve: Run, archive: Path, command: tuple[str, ...], option: str) -> None:
    before = sorted(path.relative_to(archive) for path in archive.rglob("*"))
    for word, why in ((LATIN_1, "not UTF-8"), (b"long " * 1000, "4000 are the most")):
        code, said = given(archive.parent, *command, option, word)
        assert code == 2
        assert option in said
        assert why in said
    assert sorted(path.relative_to(archive) for path in archive.rglob("*")) == before
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize(("letter", "most"), [("ж", 2_500), ("𝄞", 1_250)], ids=["cyrillic", "beyond the basic plane"])
def test_what_is_longer_in_signed_text_than_it_looks(preserve: Run, archive: Path, letter: str, most: int) -> None:
    """Signed text is ASCII: such a letter takes six bytes, or twelve."""
    add = ("custody", "add", "archive", "--action", "copy", "--no-timestamp")
    for length, expected in ((4_000, 2), (most + 1, 2), (most, 0)):
        words = letter * length
        done = preserve(*add, "--reason", words, "--to", words, "--operator", words)
        assert done.code == expected, done.stderr
        assert list(archive.glob("journal/*")) == []
        assert ("bytes as it is signed, and 15000 are the most" in done.stderr) == bool(expected)
    assert preserve("verify", "archive").code == 0

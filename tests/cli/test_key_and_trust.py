"""`preserve key` and `preserve trust` as a person and a script use them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from preserve.cli.key import command as key_command
from preserve.errors import PreserveError

if TYPE_CHECKING:
    from running import Run

VKEY = "archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U"
WITNESS = "partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS"


def fingerprint(pem: str) -> str:
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.encode(), check=True, capture_output=True
    ).stdout
    return subprocess.run(["sha256sum"], input=der, check=True, capture_output=True).stdout.split()[0].decode()


def test_a_key_from_making_to_the_hands_of_a_verifier(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    empty = preserve("key", "list")
    assert (empty.code, empty.stdout) == (0, "")
    assert "no signing key yet" in empty.stderr
    assert preserve("key", "export").code == 3

    made = preserve("key", "generate", "--no-passphrase", "--name", "A. \u202eArchivist")
    assert made.code == 0
    keyid = made.stdout.strip()
    assert "-".join(keyid[place : place + 4] for place in range(0, 64, 4)) in made.stderr

    (listed,) = preserve("key", "list", "--json").lines
    assert (listed["keyid"], listed["use"], listed["default"], listed["encrypted"]) == (keyid, "manifest", True, False)
    shown = preserve("key", "list").stdout
    assert shown.startswith("* ")
    assert "A. \\u{202e}Archivist" in shown
    assert "\u202e" not in shown

    exported = preserve("key", "export")
    assert exported.stdout == preserve("key", "export", keyid[:12]).stdout
    assert fingerprint(exported.stdout) == keyid
    assert preserve("key", "export", "--vkey").code == 3
    assert preserve("key", "export", keyid, "--vkey").code == 3

    (own,) = preserve("trust", "list", "--json").lines
    assert (own["keyid"], own["role"], own["revoked_at"], own["reason"]) == (keyid, "operator", None, None)

    # The other side: another user who got the file, and the fingerprint by telephone.
    (tmp_path / "archivist.pem").write_text(exported.stdout)
    other = {"XDG_CONFIG_HOME": str(tmp_path / "other")}
    add = ("trust", "add", "archivist.pem", "--name", "The archivist")
    assert preserve(*add, env=other).code == 2  # nobody to ask
    wrong = preserve(*add, "--fingerprint", "0" * 64, env=other)
    assert wrong.code == 40
    assert "another one" in wrong.stderr
    assert preserve(*add, "--fingerprint", keyid[:32], env=other).code == 2
    assert preserve("trust", "list", "--json", env=other).lines == []
    grouped = "-".join(keyid[place : place + 4] for place in range(0, 64, 4)).upper()
    assert preserve(*add, "--fingerprint", grouped, env=other).code == 0
    assert preserve(*add, "--fingerprint", keyid, env=other).stderr.endswith("Trusted already: The archivist, operator\n")
    assert [row["name"] for row in preserve("trust", "list", "--json", env=other).lines] == ["The archivist"]
    assert preserve("trust", "remove", "The archivist", env=other).code == 0
    assert preserve("trust", "list", env=other).stdout == ""
    assert preserve("trust", "remove", "The archivist", env=other).code == 3


def test_logs_and_witnesses(preserve: Run, tmp_path: Path) -> None:
    keyid = "0" * 64
    refused = preserve("trust", "add", VKEY, "--name", "L", "--fingerprint", keyid)
    groups = refused.stderr.split("Fingerprint")[1].split()[0]
    assert refused.code == 40
    assert preserve("trust", "add", VKEY, "--name", "L", "--role", "witness", "--fingerprint", groups).code == 2
    assert preserve("trust", "add", VKEY, "--name", "L", "--role", "log", "--fingerprint", groups).code == 0
    (tmp_path / "witness.vkey").write_text(WITNESS + "\n")
    groups = (
        preserve("trust", "add", "witness.vkey", "--name", "W", "--fingerprint", keyid)
        .stderr.split("Fingerprint")[1]
        .split()[0]
    )
    assert preserve("trust", "add", "witness.vkey", "--name", "W", "--fingerprint", groups).code == 0
    rows = preserve("trust", "list", "--json").lines
    assert [(row["name"], row["role"], row["vkey"]) for row in rows] == [("L", "log", VKEY), ("W", "witness", WITNESS)]


@pytest.mark.parametrize(
    ("content", "code", "why"),
    [
        (b"-----BEGIN PRIVATE KEY-----\n", 2, "is a private key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 20, "not a public key"),
        (b"\xff\xfe", 20, "neither a public key"),
        (b"hello", 20, "vkey: not NAME+HASH+KEY"),
        (VKEY.replace("main", "other").encode(), 20, "key hash mismatch"),
    ],
)
def test_what_is_no_public_key(preserve: Run, tmp_path: Path, content: bytes, code: int, why: str) -> None:
    (tmp_path / "file").write_bytes(content)
    done = preserve("trust", "add", "file", "--name", "X", "--fingerprint", "0" * 64)
    assert (done.code, done.stdout) == (code, "")
    assert why in done.stderr


def test_a_file_that_is_not_there(preserve: Run) -> None:
    done = preserve("trust", "add", "no-such.pem", "--name", "X")
    assert done.code == 2
    assert "no such file" in done.stderr


def test_a_passphrase_from_a_file_or_the_environment(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("correct horse\nsecond line\n")
    assert preserve("key", "generate", "--passphrase-file", "passphrase").code == 0
    (key,) = (config_home / "preserve" / "keys").glob("*.pem")
    opened = ["openssl", "pkey", "-in", str(key), "-passin", "pass:correct horse", "-noout"]
    assert subprocess.run(opened, check=False, capture_output=True).returncode == 0
    assert preserve("key", "generate", env={"PRESERVE_PASSPHRASE": "correct horse"}).code == 0
    assert [row["encrypted"] for row in preserve("key", "list", "--json").lines] == [True, True]


def test_a_key_without_a_clear_word_on_its_passphrase_is_not_made(config_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, variable, why in (
        ([], None, "no terminal to ask on"),
        ([], "", "the passphrase is empty"),
        (["--passphrase-file", "missing"], None, "missing: No such file"),
        (["--passphrase-file", "missing", "--no-passphrase"], None, "exclude each other"),
        (["--no-passphrase", "--name", ""], None, "a key needs a name"),
    ):
        monkeypatch.delenv("PRESERVE_PASSPHRASE", raising=False)
        if variable is not None:
            monkeypatch.setenv("PRESERVE_PASSPHRASE", variable)
        refused = CliRunner().invoke(key_command, ["generate", *arguments])
        assert isinstance(refused.exception, PreserveError)
        assert why in refused.exception.message
    assert not (config_home / "preserve").exists()


def test_the_question_is_asked_on_a_terminal(config_home: Path, tmp_path: Path) -> None:
    for answer, code, added in (b"n\n", 41, 0), (b"\n", 41, 0), (b"y\n", 0, 1):
        master, terminal = pty.openpty()
        os.write(master, answer)
        done = subprocess.run(
            [sys.executable, "-m", "preserve", "trust", "add", VKEY, "--name", "L"],
            stdin=terminal,
            capture_output=True,
            check=False,
            timeout=30,
        )
        os.close(master)
        os.close(terminal)
        assert done.returncode == code
        assert b"told you by another way?" in done.stderr
        trust = config_home / "preserve" / "trust.toml"
        assert (trust.read_text().count("[[key]]") if trust.exists() else 0) == added


def test_a_mistake_in_the_trust_file_stops_every_command(preserve: Run, config_home: Path) -> None:
    path = config_home / "preserve" / "trust.toml"
    path.parent.mkdir(parents=True)
    path.write_text("# a comment\n[[key]]\nname = 7\n")
    for arguments in (("list",), ("add", VKEY, "--name", "L", "--fingerprint", "0" * 64), ("remove", "L")):
        done = preserve("trust", *arguments)
        assert done.code in (3, 40)
    done = preserve("trust", "list")
    assert done.code == 3
    assert "trust.toml: line 2" in done.stderr

"""`preserve key` and `preserve trust` as a person and a script use them."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from preserve.cli import trustfiles
from preserve.cli.key import command as key_command
from preserve.errors import PreserveError
from preserve.model.trust import TrustRole

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_a_passphrase_that_others_can_read_is_told_once(preserve: Run, tmp_path: Path) -> None:
    """Not refused, as a private key is: what a service manager mounts as a secret is often readable by all who are in there."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    for mode, told in ((0o644, 1), (0o640, 1), (0o600, 0), (0o400, 0)):
        (tmp_path / "passphrase").chmod(mode)
        done = preserve("key", "generate", "--passphrase-file", "passphrase")
        assert (done.code, done.stderr.count(f"others on this machine can read this passphrase (mode {mode:04o})")) == (0, told)
    assert preserve("key", "generate", "--passphrase-file", "/dev/zero").code == 0, "no device without end is read to its end"


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


def test_a_key_of_any_role_is_revoked(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    trust = config_home / "preserve" / "trust.toml"
    keyid = preserve(
        "key", "generate", "--no-passphrase", "--name", "library.example/witness", "--use", "witness"
    ).stdout.strip()
    vkey = next(row["vkey"] for row in preserve("key", "list", "--json").lines)
    pinned = {row["keyid"] for row in preserve("trust", "list", "--json").lines}
    if keyid not in pinned:
        assert preserve("trust", "add", vkey, "--name", "the library", "--fingerprint", keyid).code == 0
    gone = preserve("trust", "revoke", keyid, "--reason", "compromised", "--since", "2026-01-01")
    assert (gone.code, "witness" in gone.stderr) == (0, True), gone.stderr
    (row,) = preserve("trust", "list", "--json").lines
    assert (row["role"], row["revoked_at"], row["reason"]) == ("witness", "2026-01-01T00:00:00.000Z", "compromised")
    written = trust.read_bytes()
    for arguments, code in (
        (("nobody", "--reason", "compromised"), 3),
        ((keyid, "--reason", "lost"), 2),
        ((keyid, "--reason", "compromised", "--since", "2999-01-01"), 2),
        ((keyid,), 2),
    ):
        assert preserve("trust", "revoke", *arguments).code == code
    assert trust.read_bytes() == written


def test_a_co_worker_is_trusted_by_hand(preserve: Run, tmp_path: Path) -> None:
    preserve("key", "generate", "--no-passphrase", "--name", "Ann")
    (tmp_path / "ann.pem").write_text(preserve("key", "export").stdout)
    keyid = preserve("trust", "list", "--json").lines[0]["keyid"]
    for owner, need in (("The archivist", "2"), ("Another", "1")):
        done = preserve("trust", "add", "ann.pem", "--name", owner, "--coworker", need, "--fingerprint", keyid)
        assert (done.code, f"Trusted: {owner}, coworker" in done.stderr) == (0, True), done.stderr
    rows = [row for row in preserve("trust", "list", "--json").lines if row["role"] == "coworker"]
    assert [(row["name"], row["keyid"], row["threshold"]) for row in rows] == [
        ("The archivist", keyid, 2),
        ("Another", keyid, 1),
    ]
    assert "coworker  The archivist" in preserve("trust", "list").stdout
    for wrong in ("0", "17", "two"):
        assert preserve("trust", "add", "ann.pem", "--name", "x", "--coworker", wrong, "--fingerprint", keyid).code == 2
    (tmp_path / "handed.toml").write_text(preserve("trust", "export").stdout)
    gone = preserve("trust", "revoke", keyid, "--reason", "compromised")
    assert (gone.code, gone.stderr.count("Revoked as compromised")) == (0, 3), "in whatever role, of whomever"
    rows = preserve("trust", "list", "--json").lines
    assert {row["role"] for row in rows if row["revoked_at"]} == {"operator", "coworker"}
    assert "threshold = 2" in (tmp_path / "handed.toml").read_text()


def test_a_root_of_two_authorities_is_revoked_as_both(preserve: Run, tmp_path: Path) -> None:
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=A root")
    subprocess.run([*make, "-keyout", "ca.key", "-out", "ca.pem"], cwd=tmp_path, check=True, capture_output=True)
    asked = preserve("trust", "add", "ca.pem", "--tsa", "--name", "tsa-one", "--fingerprint", "0" * 64)
    given = asked.stderr.split("Fingerprint")[1].split()[0]
    for name in ("tsa-one", "tsa-two"):
        assert preserve("trust", "add", "ca.pem", "--tsa", "--name", name, "--fingerprint", given).code == 0
    gone = preserve("trust", "revoke", "tsa-two", "--reason", "compromised")
    assert (gone.code, gone.stderr.count("Revoked as compromised")) == (0, 2), gone.stderr
    assert "tsa-one" in gone.stderr
    assert "tsa-two" in gone.stderr
    assert all(row["revoked_at"] for row in preserve("trust", "list", "--json").lines)


def test_what_stands_otherwise_is_not_called_trusted_already(preserve: Run, tmp_path: Path) -> None:
    preserve("key", "generate", "--no-passphrase", "--name", "Ann")
    (tmp_path / "ann.pem").write_text(preserve("key", "export").stdout)
    keyid = preserve("trust", "list", "--json").lines[0]["keyid"]
    add = ("trust", "add", "ann.pem", "--name", "The archivist", "--fingerprint", keyid)
    assert preserve(*add, "--coworker", "2").code == 0
    assert "Trusted already: The archivist, coworker" in preserve(*add, "--coworker", "2").stderr
    other = preserve(*add, "--coworker", "3")
    assert other.code == 2
    assert "it stands as one of whom it takes 2" in other.stderr
    assert "trust.toml" in other.stderr
    for name in ("--valid-from", "--valid-until"):
        limited = preserve(*add, "--coworker", "2", name, "2030-01-01")
        assert (limited.code, "without that time" in limited.stderr) == (2, True), limited.stderr
    assert [row["threshold"] for row in preserve("trust", "list", "--json").lines if row["role"] == "coworker"] == [2]


def test_a_co_worker_is_handed_over(preserve: Run, tmp_path: Path) -> None:
    preserve("key", "generate", "--no-passphrase", "--name", "Ann")
    (tmp_path / "ann.pem").write_text(preserve("key", "export").stdout)
    keyid = preserve("trust", "list", "--json").lines[0]["keyid"]
    add = ("trust", "add", "ann.pem", "--name", "The archivist", "--coworker", "2", "--fingerprint", keyid)
    assert preserve(*add).code == 0
    (tmp_path / "handed.toml").write_text(preserve("trust", "export").stdout)
    other = {"XDG_CONFIG_HOME": str(tmp_path / "other")}
    done = preserve("trust", "import", "handed.toml", "--yes", env=other)
    assert done.code == 0, done.stderr
    assert "coworker  The archivist: may, together with others, revoke the keys of the signer of that name" in done.stderr
    assert "  it takes 2 of those of that name" in done.stderr
    again = preserve("trust", "import", "handed.toml", "--yes", env=other)
    assert again.stderr.count("You trust it already.") == 2
    text = (tmp_path / "handed.toml").read_text()
    (tmp_path / "handed.toml").write_text(text.replace("threshold = 2", "threshold = 1"))
    again = preserve("trust", "import", "handed.toml", "--yes", env=other)
    assert again.stderr.count("You trust it already.") == 1
    assert again.stderr.count("says something else of it") == 1


def test_every_role_can_be_shown_before_it_is_taken() -> None:
    assert set(trustfiles._DOES) == set(TrustRole)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ('role = "coworker"\n', "a coworker, and no other, has a 'threshold'"),
        ('role = "operator"\nthreshold = 1\n', "a coworker, and no other, has a 'threshold'"),
        ('role = "coworker"\nthreshold = 0\n', "no number of 1 to 16"),
        ('role = "coworker"\nthreshold = 17\n', "no number of 1 to 16"),
        ('role = "coworker"\nthreshold = true\n', "no number of 1 to 16"),
    ],
    ids=["none", "another role", "nobody", "too many", "no number"],
)
def test_a_co_worker_in_the_trust_file_that_is_refused(preserve: Run, config_home: Path, rows: str, why: str) -> None:
    place = config_home / "preserve" / "trust.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f'[[key]]\nname = "x"\nkeyid = "{"ab" * 32}"\nadded = 2026-11-21T12:00:00Z\n{rows}')
    place.chmod(0o600)
    done = preserve("trust", "list")
    assert (done.code, why in done.stderr) == (3, True), done.stderr


def test_what_is_advised_to_who_cannot_be_asked_fits_the_command(preserve: Run, tmp_path: Path) -> None:
    """A key that has a passphrase is not opened by an option that only makes keys without one."""
    secret = {"PRESERVE_PASSPHRASE": "a ferry on a river"}
    assert preserve("key", "generate", "--name", "A. Archivist", env=secret).code == 0
    done = preserve("capture", "--url", "http://127.0.0.1:9/", "--no-timestamp", "--no-probe")
    assert done.code == 2
    assert "needs its passphrase, and there is no terminal to ask on" in done.stderr
    assert "set PRESERVE_PASSPHRASE_FILE to a file that holds it" in done.stderr
    assert "--no-passphrase" not in done.stderr
    assert "or use --no-passphrase" in preserve("key", "generate", "--name", "another").stderr


@pytest.mark.parametrize("backend", ["no.such.Backend", "os.Nothing", "json.dumps", "plain"])
def test_a_keyring_that_cannot_be_loaded_is_told(preserve: Run, backend: str) -> None:
    env = {"PRESERVE_PASSPHRASE": "a ferry", "PYTHON_KEYRING_BACKEND": backend}
    done = preserve("key", "generate", "--name", "x", "--keyring", env=env)
    assert (done.code, "the keyring does not help" in done.stderr) == (3, True), done.stderr
    assert "set PRESERVE_PASSPHRASE_FILE instead" in done.stderr


def test_a_mistyped_passphrase_is_not_taken_for_a_lost_key(preserve: Run) -> None:
    assert preserve("key", "generate", env={"PRESERVE_PASSPHRASE": "a ferry"}).code == 0
    for given, why in (
        ("a fairy", "give the passphrase again; if it surely is the right one,"),
        ("", "the one that was given is empty"),
    ):
        done = preserve("key", "passphrase", "--remove", env={"PRESERVE_PASSPHRASE": given})
        assert (done.code, why in done.stderr) == (3, True), done.stderr
        assert "make a new one" not in done.stderr


def test_a_keyring_that_does_not_help_leaves_no_key_unsaid(preserve: Run) -> None:
    """The key is made by then: whoever is told of the failure is told of the key."""
    env = {"PRESERVE_PASSPHRASE": "a ferry", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    done = preserve("key", "generate", "--name", "x", "--keyring", env=env)
    assert (done.code, "the keyring does not help" in done.stderr) == (3, True), done.stderr
    (row,) = preserve("key", "list", "--json").lines
    assert f"The key {row['keyid']} was made, with the passphrase that you gave" in done.stderr


def _revoked_root(preserve: Run, tmp_path: Path) -> list[str]:
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=A root")
    subprocess.run([*make, "-keyout", "ca.key", "-out", "ca.pem"], cwd=tmp_path, check=True, capture_output=True)
    return ["ca.pem", "--tsa"]


def _revoked_pem(preserve: Run, tmp_path: Path) -> list[str]:
    preserve("key", "generate", "--no-passphrase", "--name", "Ann", env={"XDG_CONFIG_HOME": str(tmp_path / "ann")})
    (tmp_path / "ann.pem").write_text(preserve("key", "export", env={"XDG_CONFIG_HOME": str(tmp_path / "ann")}).stdout)
    return ["ann.pem"]


def _revoked_vkey(preserve: Run, tmp_path: Path) -> list[str]:
    return [VKEY]


def _revoked_witness(preserve: Run, tmp_path: Path) -> list[str]:
    return [WITNESS]


def _revoked_ssh(preserve: Run, tmp_path: Path) -> list[str]:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "pen"], cwd=tmp_path, check=True)
    return ["pen.pub"]


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (_revoked_pem, []),
        (_revoked_pem, ["--recovery"]),
        (_revoked_pem, ["--coworker", "2"]),
        (_revoked_vkey, []),
        (_revoked_witness, []),
        pytest.param(
            _revoked_ssh, [], marks=pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen makes the key")
        ),
        (_revoked_root, []),
    ],
    ids=["operator", "recovery", "coworker", "log", "witness", "cosigner", "tsa"],
)
def test_a_revoked_key_is_not_called_trusted_already(
    preserve: Run, tmp_path: Path, make: Callable[[Run, Path], list[str]], options: list[str]
) -> None:
    """Nor is it trusted again under another name."""
    given = [*make(preserve, tmp_path), *options]
    asked = preserve("trust", "add", *given, "--name", "one", "--fingerprint", "0" * 64)
    keyid = asked.stderr.split("Fingerprint")[1].split()[0]
    assert preserve("trust", "add", *given, "--name", "one", "--fingerprint", keyid).code == 0
    assert preserve("trust", "revoke", "one", "--reason", "compromised", "--since", "2026-01-02").code == 0
    listed = preserve("trust", "list").stdout
    assert "revoked as compromised since 2026-01-02T00:00:00.000Z" in listed
    told = ""
    for name in ("one", "two"):
        again = preserve("trust", "add", *given, "--name", name, "--fingerprint", keyid)
        told = again.stderr
        assert again.code == 2, again.stderr
        assert "this key is revoked as compromised since 2026-01-02T00:00:00.000Z in your trust store (one, " in again.stderr
        assert "Trusted" not in again.stderr
    assert preserve("trust", "list").stdout == listed
    # What the refusal names is the way back.
    back = told.split("by mistake: ")[1].split(",")[0].split()[1:]
    assert preserve(*back).code == 0
    assert preserve("trust", "add", *given, "--name", "two", "--fingerprint", keyid).code == 0


def test_a_revoked_key_is_not_trusted_in_another_role(preserve: Run, tmp_path: Path) -> None:
    (file,) = _revoked_pem(preserve, tmp_path)
    keyid = fingerprint((tmp_path / file).read_text())
    add = ("trust", "add", file, "--fingerprint", keyid, "--name", "Ann")
    assert preserve(*add).code == 0
    (tmp_path / "handed.toml").write_text(preserve("trust", "export").stdout.replace('"operator"', '"recovery"'))
    assert preserve("trust", "revoke", "Ann", "--reason", "superseded", "--since", "2026-01-02").code == 0
    again = preserve(*add, "--recovery")
    assert (again.code, "revoked as superseded since 2026-01-02" in again.stderr) == (2, True), again.stderr
    taken = preserve("trust", "import", "handed.toml", "--yes")
    assert "In your trust store this key is revoked as superseded since 2026-01-02T00:00:00.000Z, and stays so." in taken.stderr
    assert "Nothing was added." in taken.stderr
    assert [row["role"] for row in preserve("trust", "list", "--json").lines] == ["operator"]


def test_a_key_that_one_entry_of_a_file_revokes_is_taken_as_revoked(preserve: Run, tmp_path: Path) -> None:
    """Under another name and in another role, too."""
    (file,) = _revoked_pem(preserve, tmp_path)
    add = ("trust", "add", file, "--fingerprint", fingerprint((tmp_path / file).read_text()), "--name")
    assert preserve(*add, "Ann").code == 0
    assert preserve(*add, "Bo", "--coworker", "1").code == 0
    gone = 'role = "operator"\nrevoked_at = 2026-01-02T00:00:00.000Z\nreason = "compromised"'
    (tmp_path / "handed.toml").write_text(preserve("trust", "export").stdout.replace('role = "operator"', gone))
    other = {"XDG_CONFIG_HOME": str(tmp_path / "other")}
    taken = preserve("trust", "import", "handed.toml", "--yes", env=other)
    assert taken.code == 0, taken.stderr
    assert taken.stderr.count("revoked as compromised since 2026-01-02T00:00:00.000Z, by this file") == 2
    rows = preserve("trust", "list", "--json", env=other).lines
    assert {row["role"]: row["reason"] for row in rows} == {"operator": "compromised", "coworker": "compromised"}


def test_a_revoked_key_that_comes_back_from_a_backup_is_not_pinned_again(preserve: Run, tmp_path: Path) -> None:
    keyid = preserve("key", "generate", "--no-passphrase", "--name", "Ann").stdout.strip()
    (tmp_path / "back.pem").write_text(preserve("key", "export", "--private", "--no-passphrase").stdout)
    assert preserve("trust", "revoke", keyid, "--reason", "compromised", "--since", "2026-01-02").code == 0
    there = tmp_path / "home" / ".config" / "preserve"
    shutil.move(there / "keys", tmp_path / "keys")
    kept = preserve("key", "import", "back.pem")
    assert kept.code == 0, kept.stderr
    assert "it stays revoked as compromised since 2026-01-02T00:00:00.000Z in your trust store" in kept.stderr
    assert "pinned as your own" not in kept.stderr
    assert [row["reason"] for row in preserve("trust", "list", "--json").lines] == ["compromised"]


def test_a_list_of_revoked_keys_does_not_promise_that_a_capture_makes_one(preserve: Run) -> None:
    keyid = preserve("key", "generate", "--no-passphrase").stdout.strip()
    assert preserve("key", "revoke", keyid, "--reason", "superseded", "--no-timestamp").code == 0
    said = preserve("key", "list").stderr
    assert "every signing key here is revoked" in said.lower()
    assert "first capture" not in said


def test_a_recovery_key_in_a_file_is_not_said_to_be_on_paper(preserve: Run, tmp_path: Path) -> None:
    assert preserve("key", "generate", "--no-passphrase", "--name", "A. Archivist").code == 0
    with (tmp_path / "page.txt").open("wb") as page:
        done = subprocess.run(
            [sys.executable, "-m", "preserve", "key", "recovery"],
            cwd=tmp_path,
            check=True,
            stdout=page,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert "nowhere else" not in done.stderr
    assert "in the file that you wrote it to: print it, destroy the file," in done.stderr
    with (tmp_path / "other.txt").open("wb") as page:
        both = subprocess.run(
            [sys.executable, "-m", "preserve", "key", "recovery", "--svg", "code.svg", "--recovery", tmp_path / "page.txt"],
            cwd=tmp_path,
            check=True,
            stdout=page,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert "in code.svg and in the file that you wrote the page to: print it, destroy the files," in both.stderr

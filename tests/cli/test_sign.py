"""`preserve sign`, and trust files handed over, as people meet them; with the real ssh-keygen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from running import Finished, Run
from sites import AnyHostSite
from sshpens import NAMESPACE, make_key, needs_ssh_keygen, ssh_sign

URL = "http://one.example/ferry"


@pytest.fixture
def archive(preserve: Run, site: AnyHostSite, tmp_path: Path) -> Path:
    done = preserve(
        *("capture", "--url", URL, "--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore"),
        *("--no-timestamp", "--no-probe", "--operator", "A. Archivist"),
    )
    assert done.code in {0, 10}, done.stderr
    return tmp_path / "archive"


def _verify(preserve: Run, what: str = "archive") -> tuple[int, list[dict[str, str]]]:
    done = preserve("verify", what, "--json")
    return done.code, [line for line in done.lines if line.get("claim") == "co-signers"]


def _manifest(archive: Path) -> bytes:
    (path,) = archive.glob("runs/*/manifest.json")
    return path.read_bytes()


@needs_ssh_keygen
def test_a_second_person_signs(preserve: Run, archive: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path, "ann", "-t", "ed25519")
    done = preserve("sign", "archive", "--ssh", "ann")
    assert done.code == 0, done.stderr
    assert "Recorded  events/000001-countersignature   Log  entry 1" in done.stderr
    assert "Signed by ann@example.org, SSH key SHA256:" in done.stderr
    line = key.with_suffix(".pub").read_text().rpartition(" ")[0]
    assert f"preserve trust add '{line}' --name NAME" in done.stderr
    code, found = _verify(preserve)
    assert (code, [one["result"] for one in found]) == (0, ["not-checked"])
    assert "UNKNOWN KEY SHA256:" in found[0]["detail"]

    fingerprint = next(word for word in done.stderr.split() if word.startswith("SHA256:"))
    added = preserve("trust", "add", line, "--name", "Ann", "--fingerprint", fingerprint)
    assert added.code == 0, added.stderr
    code, found = _verify(preserve)
    assert (code, [one["result"] for one in found]) == (0, ["pass"])
    assert found[0]["detail"].startswith("also signed with SSH by Ann, key SHA256:")
    again = preserve("sign", "archive", "0", "--ssh", "ann")
    assert (again.code, "has signed run 0 already: events/000001-countersignature" in again.stderr) == (2, True)

    # What lies there is what ssh-keygen itself verifies.
    (tmp_path / "allowed_signers").write_text(f"ann {line}\n")
    checked = subprocess.run(
        [
            *("ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed_signers", "-I", "ann", "-n", NAMESPACE.decode()),
            "-s",
            archive / "events/000001-countersignature/manifest.sshsig",
        ],
        input=_manifest(archive),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr

    for name, made in (("p.zip", ("prove", "archive", URL, "-o", "p.zip")), ("b.wacz", ("bundle", "archive", "-o", "b.wacz"))):
        assert preserve(*made).code == 0
        code, found = _verify(preserve, name)
        assert (code, [one["result"] for one in found]) == (0, ["pass"]), name


@needs_ssh_keygen
def test_a_signature_made_elsewhere(preserve: Run, archive: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path, "bo", "-t", "ecdsa", "-b", "256")
    (tmp_path / "manifest.json.sig").write_bytes(ssh_sign(key, _manifest(archive)))
    nameless = preserve("sign", "archive", "--signature", "manifest.json.sig")
    assert (nameless.code, "whose signature is it?" in nameless.stderr) == (2, True)
    done = preserve("sign", "archive", "0", "--signature", "manifest.json.sig", "--name", "Bo")
    assert done.code == 0, done.stderr
    listed = preserve("custody", "list", "archive")
    assert listed.code == 0
    assert "countersignature: an SSH signature of Bo, key" in " ".join(listed.stdout.split())


@pytest.mark.long
@needs_ssh_keygen
def test_what_is_not_entered(preserve: Run, archive: Path, tmp_path: Path) -> None:
    key, document = make_key(tmp_path, "ann", "-t", "ed25519"), _manifest(archive)
    rsa = make_key(tmp_path, "rsa", "-t", "rsa", "-b", "2048")

    def take(data: bytes) -> Finished:
        (tmp_path / "sig").write_bytes(data)
        return preserve("sign", "archive", "--signature", "sig", "--name", "Ann")

    for data, code, why in (
        (ssh_sign(key, document + b" "), 41, "not over manifest.json of run 0"),
        (ssh_sign(key, document, namespace="file"), 20, "wrong namespace"),
        (ssh_sign(rsa, document), 20, "RSA keys are not accepted"),
        (b"no signature", 20, "not between its two lines"),
        (ssh_sign(key, document) * 9, 20, "too long"),
    ):
        done = take(data)
        assert why in done.stderr, done.stderr
        assert done.code in {code, 40}, (why, done.code)
    for arguments, why in (
        (("sign", "archive"), "say with what to sign"),
        (("sign", "archive", "--ssh", "ann", "--signature", "sig"), "say with what to sign"),
        (("sign", "archive", "9", "--ssh", "ann"), "there is no run '9'"),
        (("sign", "archive", "--ssh", "nowhere"), "nowhere: no such file"),
        (("sign", "archive", "--signature", "nowhere"), "nowhere: No such file"),
    ):
        done = preserve(*arguments)
        assert (done.code, why in done.stderr) == (2, True), done.stderr
    assert not (archive / "events").exists() or not list((archive / "events").iterdir())

    (path,) = archive.glob("runs/*/manifest.json")
    path.write_bytes(document.replace(b"A. Archivist", b"B. Archivist"))
    done = preserve("sign", "archive", "--ssh", "ann")
    assert "is not what was sealed, and is not signed" in done.stderr


# --------------------------------------------------------------------------------------------------------------- trust files


@needs_ssh_keygen
def test_trust_is_handed_over(preserve: Run, archive: Path, tmp_path: Path) -> None:
    make_key(tmp_path, "ann", "-t", "ed25519")
    line = (tmp_path / "ann.pub").read_text().strip()
    limits = ("--valid-until", "2030-01-01")
    fingerprint = subprocess.run(["ssh-keygen", "-lf", tmp_path / "ann"], capture_output=True, text=True, check=True).stdout
    added = preserve("trust", "add", line, "--name", "Ann", "--fingerprint", fingerprint.split()[1], *limits)
    assert added.code == 0, added.stderr
    handed = preserve("trust", "export").stdout
    (tmp_path / "handed.toml").write_text(handed)

    other = {"XDG_CONFIG_HOME": str(tmp_path / "other")}
    asked = preserve("trust", "import", "handed.toml", env=other)
    assert (asked.code, "there is no terminal to ask on" in asked.stderr) == (2, True)
    assert preserve("trust", "list", env=other).stdout == ""
    done = preserve("trust", "import", "handed.toml", "--yes", env=other)
    assert done.code == 0, done.stderr
    assert "cosigner  Ann: signs with SSH what was sealed by others" in done.stderr
    assert f"  SSH key      {fingerprint.split()[1]}" in done.stderr
    assert "  counts until 2030-01-01T" in done.stderr
    assert "Trusted from now on: 3 keys of 3." in done.stderr
    mine, theirs = (
        [{**json.loads(row), "added": None} for row in preserve("trust", "list", "--json", env=env).stdout.splitlines()]
        for env in ({}, other)
    )
    assert mine == theirs
    again = preserve("trust", "import", "handed.toml", env=other)
    assert (again.code, again.stderr.count("You trust it already."), "Nothing was added." in again.stderr) == (0, 3, True)
    assert preserve("verify", "archive", env=other).code == 0


_TWO_VKEYS = (
    "a.example/w+717f028e+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
    "b.example/w+d97e1b70+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
)
"""One witness's key, under two names."""


@needs_ssh_keygen
def test_an_import_is_logged(preserve: Run, archive: Path, tmp_path: Path) -> None:
    make_key(tmp_path, "ann", "-t", "ed25519")
    ssh = " ".join((tmp_path / "ann.pub").read_text().split()[:2])
    (tmp_path / "theirs.toml").write_text(
        f'[[key]]\nname = "Ann"\nrole = "cosigner"\nssh = "{ssh}"\nadded = 2026-01-01T00:00:00Z\n'
        f'[[key]]\nname = "A. Archivist"\nrole = "coworker"\nkeyid = "{"e" * 64}"\nthreshold = 2\nadded = 2026-01-01T00:00:00Z\n'
        + "".join(
            f'[[key]]\nname = "W"\nrole = "witness"\nvkey = "{vkey}"\nadded = 2026-01-01T00:00:00Z\n' for vkey in _TWO_VKEYS
        )
    )
    half = preserve("trust", "import", "theirs.toml", "--yes", "--archive", "archive")
    assert (half.code, "--archive and --reason go together" in half.stderr) == (2, True)
    done = preserve(
        "trust", "import", "theirs.toml", "--yes", "--archive", "archive", "--reason", "she joins us", "--no-timestamp"
    )
    assert done.code == 0, done.stderr
    assert "Recorded  events/000001-trust   Log  entry 1" in done.stderr
    (line,) = preserve("custody", "list", "archive", "--json").lines
    assert (line["kind"], line["known"], line["file"]["name"], len(line["keys"])) == ("trust", True, "theirs.toml", 3)
    assert {(taken["name"], taken.get("threshold")) for taken in line["keys"]} == {
        ("Ann", None),
        ("A. Archivist", 2),
        ("W", None),
    }
    assert preserve("verify", "archive").code == 0
    # It tells others what was done, and gives nobody else trust.
    stranger = {"XDG_CONFIG_HOME": str(tmp_path / "stranger"), "XDG_STATE_HOME": str(tmp_path / "stranger-state")}
    assert preserve("verify", "archive", env=stranger).code == 41
    assert preserve("trust", "list", env=stranger).stdout == ""


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("[[key]]\nname = 'x'\n", 3, "line 1: 'role' is missing"),
        ("what", 3, "bad.toml: "),
        ("[[key]]\nname='x'\nrole='cosigner'\nkeyid='00'\nadded=2026-01-01T00:00:00Z\n", 3, "a cosigner an 'ssh'"),
        (
            "[[key]]\nname='x'\nrole='cosigner'\nssh='ssh-rsa AAAA'\nadded=2026-01-01T00:00:00Z\n",
            3,
            "RSA keys are not accepted",
        ),
        ("\x1b[31m", 3, "bad.toml"),
        ("key = " + "[" * 9000, 3, "nested too deeply"),
    ],
    ids=["no role", "no TOML", "no key", "RSA", "escape", "nested"],
)
def test_a_trust_file_that_is_refused(preserve: Run, tmp_path: Path, text: str, code: int, why: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    done = preserve("trust", "import", "bad.toml", "--yes")
    assert (done.code, why in done.stderr, "\x1b" in done.stderr) == (code, True, False), done.stderr
    assert preserve("trust", "list").stdout == ""


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("reason", "since", "result", "says"),
    [
        ("superseded", None, "pass", "also signed with SSH by Ann"),
        ("superseded", "2020-01-01", "not-checked", "was given up at 2020-01-01"),
        ("compromised", "2020-01-01", "not-checked", "was revoked as compromised"),
    ],
    ids=["given up since", "given up before", "stolen"],
)
def test_a_co_signer_whose_key_is_revoked(
    preserve: Run, archive: Path, tmp_path: Path, reason: str, since: str | None, result: str, says: str
) -> None:
    """In the verifier's own trust store, where the trust in it comes from; nothing is written into the archive."""
    make_key(tmp_path, "ann", "-t", "ed25519")
    done = preserve("sign", "archive", "--ssh", "ann")
    fingerprint = next(word for word in done.stderr.split() if word.startswith("SHA256:"))
    assert preserve("trust", "add", "ann.pub", "--name", "Ann", "--fingerprint", fingerprint).code == 0
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    gone = preserve("trust", "revoke", "Ann", "--reason", reason, *(("--since", since) if since else ()))
    assert (gone.code, "in your trust store: Ann, cosigner" in gone.stderr) == (0, True), gone.stderr
    code, found = _verify(preserve)
    assert (code, found[0]["result"], says in found[0]["detail"]) == (0, result, True), found
    assert preserve("verify", "archive", "--require", "co-signers").code == (0 if result == "pass" else 41)
    assert before == {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

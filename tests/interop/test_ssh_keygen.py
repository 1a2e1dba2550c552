"""OpenSSH's own ssh-keygen on the other side: what it signs is accepted here, what is accepted here it verifies, and it refuses what we refuse."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from preserve.adapters import sshkeygen
from preserve.errors import ConfigError, FormatError, UsageError
from preserve.formats import sshkey, sshsig
from sshpens import NAMESPACE, P256Pen, SshPen, armor, make_key, needs_ssh_keygen, ssh_sign, strings

pytestmark = needs_ssh_keygen

DOCUMENT = b'{\n  "type": "a manifest of these tests"\n}\n'
DIGESTS = sshsig.digests_of(DOCUMENT)
KEYS = {"ed25519": ("-t", "ed25519"), "p256": ("-t", "ecdsa", "-b", "256")}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ssh")
    return {name: make_key(folder, name, *options) for name, options in KEYS.items()}


def _verify(folder: Path, line: str, data: bytes, document: bytes = DOCUMENT, options: str = "") -> bool:
    (folder / "allowed_signers").write_text(f"ann {options}{' ' if options else ''}{line}\n")
    (folder / "signature").write_bytes(data)
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "ann", "-n", NAMESPACE.decode(), "-s", "signature"]
    return subprocess.run(command, cwd=folder, input=document, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("hash_", ["sha256", "sha512"])
@pytest.mark.parametrize("name", KEYS)
def test_what_it_signs_is_accepted(keys: dict[str, Path], name: str, hash_: str) -> None:
    signature = sshsig.decode(ssh_sign(keys[name], DOCUMENT, "-O", f"hashalg={hash_}"))
    assert (signature.hash, signature.holds(DIGESTS)) == (hash_, True)
    assert not signature.holds(sshsig.digests_of(DOCUMENT[:-1]))
    handed = sshkey.parse(keys[name].with_suffix(".pub").read_text().strip())
    assert (handed.key, handed.who) == (signature.key, f"{name}@example.org")


@pytest.mark.parametrize("name", KEYS)
def test_the_fingerprint_is_the_one_that_it_prints(keys: dict[str, Path], name: str) -> None:
    said = subprocess.run(["ssh-keygen", "-lf", keys[name]], capture_output=True, text=True, check=True).stdout
    assert sshkey.parse(keys[name].with_suffix(".pub").read_text().strip()).key.fingerprint == said.split()[1]


@pytest.mark.parametrize("pen", [SshPen("Ann"), P256Pen("Ann")], ids=["Ed25519", "P-256"])
def test_what_is_accepted_it_verifies(pen: SshPen, tmp_path: Path) -> None:
    data = pen.signature(DOCUMENT)
    assert sshsig.decode(data).holds(DIGESTS)
    assert _verify(tmp_path, pen.line, sshsig.encode(sshsig.decode(data)))
    assert not _verify(tmp_path, pen.line, data, DOCUMENT + b" ")
    assert not _verify(tmp_path, type(pen)("A. Thief").line, data)


@pytest.mark.parametrize(
    "body",
    [
        SshPen("Ann").body(DOCUMENT, namespace=b"file"),
        SshPen("Ann").body(DOCUMENT, hash_=b"sha1"),
        SshPen("Ann").body(DOCUMENT, hash_=b"sha256", says=b"sha512"),
        SshPen("Ann").body(DOCUMENT, version=2),
        SshPen("Ann").body(DOCUMENT, algorithm=b"ssh-rsa"),
        SshPen("Ann").body(DOCUMENT, blob=strings(b"ssh-ed25519", SshPen("A. Thief").raw)),
        SshPen("Ann").body(DOCUMENT, signature=SshPen("Ann").sign(DOCUMENT)),
        SshPen("Ann").body(DOCUMENT) + b"\0",
    ],
    ids=["namespace", "SHA-1", "hash", "version", "type", "key", "bare", "junk"],
)
def test_what_it_refuses_is_refused(body: bytes, tmp_path: Path) -> None:
    data = armor(body)
    assert not _verify(tmp_path, SshPen("Ann").line, data)
    with suppress(FormatError):
        assert not sshsig.decode(data).holds(DIGESTS)


def test_another_namespace_is_refused(keys: dict[str, Path]) -> None:
    with pytest.raises(FormatError, match="wrong namespace: made for 'git'"):
        sshsig.decode(ssh_sign(keys["ed25519"], DOCUMENT, namespace="git"))


def test_rsa_is_refused(tmp_path: Path) -> None:
    data = ssh_sign(make_key(tmp_path, "rsa", "-t", "rsa", "-b", "2048"), DOCUMENT)
    with pytest.raises(FormatError, match="RSA keys are not accepted"):
        sshsig.decode(data)


# ------------------------------------------------------------------------------------------------------------- asking it to sign


@pytest.mark.parametrize("name", KEYS)
def test_it_is_asked_to_sign(keys: dict[str, Path], name: str) -> None:
    assert sshsig.decode(sshkeygen.sign(keys[name], DOCUMENT)).holds(DIGESTS)


def test_a_key_that_begins_like_an_option(keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(keys["ed25519"], tmp_path / "-key")
    monkeypatch.chdir(tmp_path)
    assert sshsig.decode(sshkeygen.sign(Path("-key"), DOCUMENT)).holds(DIGESTS)


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(ConfigError, match=r"ssh-keygen signed nothing: .+"):
        sshkeygen.sign(tmp_path / "key", DOCUMENT)
    with pytest.raises(UsageError, match="no such file"):
        sshkeygen.sign(tmp_path / "other", DOCUMENT)


def test_it_is_not_installed(keys: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="ssh-keygen is not installed"):
        sshkeygen.sign(keys["ed25519"], DOCUMENT)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None:
        pytest.skip("ssh-agent is the other party")
    said = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(part.strip().split("=", 1) for part in said.split(";") if "=" in part)
    monkeypatch.setenv("SSH_AUTH_SOCK", found["SSH_AUTH_SOCK"])
    yield
    os.kill(int(found["SSH_AGENT_PID"]), signal.SIGTERM)


@pytest.mark.parametrize("name", KEYS)
def test_an_agent_signs_for_a_public_key(keys: dict[str, Path], name: str, tmp_path: Path, agent: None) -> None:
    public = tmp_path / "key.pub"
    shutil.copy(keys[name].with_suffix(".pub"), public)
    with pytest.raises(ConfigError, match="signed nothing"):
        sshkeygen.sign(public, DOCUMENT)
    subprocess.run(["ssh-add", "-q", keys[name]], check=True, capture_output=True)
    assert sshsig.decode(sshkeygen.sign(public, DOCUMENT)).holds(DIGESTS)

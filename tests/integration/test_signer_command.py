"""Keys that sign through a command: with openssl as the card, and with commands that err in every way."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from preserve.adapters.signercommand import CommandSigner, split
from preserve.errors import ConfigError, UsageError
from preserve.formats import publickey
from preserve.formats.publickey import PublicKey
from running import ROOT
from sites import wait_until

MESSAGE = b'{\n  "type": "preserve-manifest/v1"\n}\n'


def _openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


@pytest.fixture
def card(tmp_path: Path) -> tuple[PublicKey, str]:
    """A P-256 key, and the command that signs with it."""
    place = tmp_path / "with a space"
    place.mkdir()
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", place / "p256.pem")
    public = _openssl("pkey", "-in", place / "p256.pem", "-pubout")
    return publickey.decode(public), f"openssl dgst -sha256 -sign {shlex.quote(str(place / 'p256.pem'))}"


def _python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


def test_openssl_signs_and_openssl_verifies(card: tuple[PublicKey, str], tmp_path: Path) -> None:
    public, command = card
    signer = CommandSigner(public, "A. Archivist", split(command))
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(signer.sign(MESSAGE))
    (tmp_path / "public.pem").write_bytes(signer.public_pem)
    files = ("-signature", tmp_path / "signature", tmp_path / "message")
    assert _openssl("dgst", "-sha256", "-verify", tmp_path / "public.pem", *files) == b"Verified OK\n"
    assert (signer.algorithm, signer.keyid) == ("ecdsa-p256-sha256", public.keyid)


def test_an_ed25519_key_that_openssl_wants_a_file_for(tmp_path: Path) -> None:
    _openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key.pem")
    public = publickey.decode(_openssl("pkey", "-in", tmp_path / "key.pem", "-pubout"))
    script = f"f=$(mktemp) && cat >$f && openssl pkeyutl -sign -rawin -inkey {tmp_path}/key.pem -in $f; r=$?; rm $f; exit $r"
    assert public.verify(MESSAGE, CommandSigner(public, "x", ("sh", "-c", script)).sign(MESSAGE))


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="ssh-agent is what this test is about")
def test_an_agent_as_the_guide_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script and the command of the guide, with a real agent that holds the only copy of the key."""
    guide = (ROOT / "docs" / "guide" / "keys.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (convert,) = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "agent-sign.py").write_text(script)
    folder = tempfile.mkdtemp(prefix="agent-")  # a socket's path is short
    monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/s")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/s"], stdout=subprocess.DEVNULL)
    try:
        wait_until(Path(folder, "s").exists)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id_ed25519"], check=True)
        command = (sys.executable, str(tmp_path / "agent-sign.py"), str(tmp_path / "id_ed25519.pub"))
        subprocess.run(["sh", "-c", convert], check=True, cwd=tmp_path)
        public = publickey.decode((tmp_path / "agent.pub").read_bytes())
        with pytest.raises(ConfigError, match="the agent does not sign with this key"):
            CommandSigner(public, "x", command).sign(MESSAGE)
        subprocess.run(["ssh-add", "-q", tmp_path / "id_ed25519"], check=True)
        (tmp_path / "id_ed25519").unlink()
        assert public.verify(MESSAGE, CommandSigner(public, "x", command).sign(MESSAGE))
    finally:
        agent.terminate()
        agent.wait()
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "cannot be run: No such file"),
        (
            _python("import sys; sys.exit('no \\x1b[31mcard\\n\\u202ehere')"),
            r"ended with 1: no \\u\{1b\}\[31mcard / \\u\{202e\}here",
        ),
        (_python("import sys; sys.exit(7)"), "ended with 7: it said nothing"),
        (_python(""), "answered 0 bytes that are no signature"),
        (_python("print('a' * 64, end='')"), "answered 64 bytes that are no signature"),
        (_python("print('a' * 10_000_000)"), "answered more than 8192 bytes, and was ended: no signature by the key"),
        (("sh", "-c", "yes"), "answered more than 8192 bytes, and was ended"),
        (("timeout", "60", "yes"), "answered more than 8192 bytes, and was ended"),
        (("sh", "-c", "yes no card >&2"), "complained without end, and was ended: no card / no card"),
        (("sh", "-c", "exec >&- 2>&-; exit 5"), "ended with 5: it said nothing"),
        (_python("import sys; print('a'); sys.stderr.write('try again')"), "no signature by the key .*: try again"),
        (("sh", "-c", "kill -9 $$"), "ended with -9"),
    ],
)
def test_a_command_that_errs(card: tuple[PublicKey, str], command: tuple[str, ...], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        CommandSigner(card[0], "x", command).sign(MESSAGE)


def test_the_signature_of_another_key_or_message_is_refused(card: tuple[PublicKey, str], tmp_path: Path) -> None:
    _, command = card
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "other.pem")
    other = publickey.decode(_openssl("pkey", "-in", tmp_path / "other.pem", "-pubout"))
    with pytest.raises(ConfigError, match="no signature by the key"):
        CommandSigner(other, "x", split(command)).sign(MESSAGE)
    with pytest.raises(ConfigError, match="no signature by the key"):
        CommandSigner(card[0], "x", ("sh", "-c", f"(cat; echo) | {command}")).sign(MESSAGE)


def test_nobody_waits_for_ever_not_even_for_a_grandchild(card: tuple[PublicKey, str]) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"did not answer within 0\.2 seconds"):
        CommandSigner(card[0], "x", ("sh", "-c", "sleep 3 & sleep 3"), timeout=0.2).sign(MESSAGE)
    assert time.monotonic() - began < 2


def test_passphrases_of_ours_are_not_handed_on(card: tuple[PublicKey, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESERVE_PASSPHRASE", "secret")
    with pytest.raises(ConfigError, match="ended with 1: nothing"):
        CommandSigner(card[0], "x", ("sh", "-c", "echo ${PRESERVE_PASSPHRASE-nothing} >&2; exit 1")).sign(MESSAGE)


def test_no_shell_reads_the_command() -> None:
    assert split("pkcs11 --pin 'a b' ; rm -rf $HOME") == ("pkcs11", "--pin", "a b", ";", "rm", "-rf", "$HOME")
    for command in ("", "   ", "sign 'x"):
        with pytest.raises(UsageError, match="--signer"):
            split(command)

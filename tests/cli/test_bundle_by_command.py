"""Bundles by an owner whose only key lies elsewhere, on P-256, as cards and key services hold them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from running import Finished, Run
from sites import AnyHostSite, text

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="a key of P-256 signs through openssl")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def signing(preserve: Run, tmp_path: Path, site: AnyHostSite) -> tuple[str, ...]:
    """An archive of one run by a P-256 key whose private half is not here; the options that sign with it."""
    _openssl(tmp_path, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "card.key")
    _openssl(tmp_path, "pkey", "-in", "card.key", "-pubout", "-out", "card.pem")
    options = ("--key", "card.pem", "--signer", f"openssl dgst -sha256 -sign {tmp_path / 'card.key'}")
    site.route("/page", text("Low water at noon.\n" * 40))
    web = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", "--no-probe", "--no-timestamp")
    assert preserve("capture", "--url", "http://tides.example/page", *web, *options).code == 0
    return options


def _signer(done: Finished) -> list[str]:
    return [f"{row['result']} {row['detail']}" for row in done.lines if row.get("claim") == "signer"]


def test_a_bundle_signed_through_a_command(preserve: Run, tmp_path: Path, signing: tuple[str, ...]) -> None:
    done = preserve("bundle", "archive", "-o", "made.wacz", *signing)
    assert done.code == 0, done.stderr
    assert "signed none of its runs" not in done.stderr
    for form in (("whole.zip", "--bagit"), ("some.wacz", "--url", "http://tides.example/page")):
        assert preserve("bundle", "archive", "-o", *form, *signing).code == 0
    checked = preserve("verify", "made.wacz", "--json")
    assert checked.code == 0, checked.stdout
    assert [row for row in _signer(checked) if row.startswith("pass bundled and signed by an unnamed operator")]
    assert preserve("verify", "some.wacz").code == 0
    stranger = preserve("verify", "made.wacz", "--json", env={"XDG_CONFIG_HOME": str(tmp_path / "stranger")})
    assert stranger.code == 41
    assert any("UNKNOWN KEY" in row for row in _signer(stranger))


def test_a_key_that_comes_through_a_pipe_is_read_once(preserve: Run, tmp_path: Path, signing: tuple[str, ...]) -> None:
    """As `--key <(…)` gives it: whoever reads it again has nothing."""
    os.mkfifo(tmp_path / "pipe")
    given = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=((tmp_path / "card.pem").read_bytes(),), daemon=True)
    given.start()
    done = preserve("bundle", "archive", "-o", "made.wacz", "--key", "pipe", *signing[2:])
    given.join()
    assert done.code == 0, done.stderr
    assert preserve("verify", "made.wacz").code == 0


def test_an_imported_key_needs_no_options(preserve: Run, signing: tuple[str, ...]) -> None:
    assert preserve("key", "import", "card.pem", "--signer", signing[-1], "--name", "The card").code == 0
    done = preserve("bundle", "archive", "-o", "made.wacz")
    assert done.code == 0, done.stderr
    assert preserve("verify", "made.wacz").code == 0


def test_one_bit_in_the_statement_of_a_p256_key(preserve: Run, tmp_path: Path, signing: tuple[str, ...]) -> None:
    assert preserve("bundle", "archive", "-o", "made.wacz", *signing).code == 0
    with zipfile.ZipFile(tmp_path / "made.wacz") as made, zipfile.ZipFile(tmp_path / "bent.wacz", "w") as bent:
        for entry in made.infolist():
            data = made.read(entry)
            if entry.filename == "datapackage-digest.json":
                at = data.rindex(b'"signature": "') + 40
                data = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
            bent.writestr(entry.filename, data)
    refused = preserve("verify", "bent.wacz")
    assert (refused.code, "is not signed by a key that lies in the bundle" in refused.stdout.replace("\n", " ")) == (40, True)


def test_what_cannot_sign_a_bundle_is_refused_before_it_is_written(
    preserve: Run, tmp_path: Path, signing: tuple[str, ...]
) -> None:
    private = MLDSA65PrivateKey.generate()
    (tmp_path / "ml.pem").write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    never = ("--signer", "false")
    ml = preserve("bundle", "archive", "-o", "made.wacz", "--key", "ml.pem", *never)
    assert (ml.code, "ML-DSA-65 is never the only one" in ml.stderr) == (3, True), ml.stderr
    assert "ml-dsa" not in preserve("trust", "list").stdout
    nothing = preserve("bundle", "archive", "-o", "made.wacz")
    assert (nothing.code, "there is no key here to sign the bundle with" in nothing.stderr) == (3, True), nothing.stderr
    alone = preserve("bundle", "archive", "-o", "made.wacz", *never)
    assert (alone.code, "--signer needs --key" in alone.stderr) == (2, True), alone.stderr
    failed = preserve("bundle", "archive", "-o", "made.wacz", "--key", "card.pem", *never)
    assert failed.code == 3, failed.stderr
    assert not (tmp_path / "made.wacz").exists()

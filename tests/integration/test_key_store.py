from __future__ import annotations

import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from preserve import durable
from preserve.adapters.keys import KeyStore, KeyUse, StoredKey
from preserve.errors import ConfigError, FormatError
from preserve.formats import note, publickey
from preserve.formats.note import Checkpoint
from preserve.model.trust import TrustedKey, TrustRole

NOW = datetime(2026, 11, 21, 17, 2, 45, 565_999, tzinfo=UTC)
LATER = datetime(2026, 11, 22, tzinfo=UTC)
ORIGIN = "archive.example/main/log"


def nobody(_: object) -> None:
    return None


def never(key: StoredKey) -> bytes:
    raise AssertionError("no passphrase is needed")


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "config")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys"


def test_there_is_no_key_at_first(store: KeyStore) -> None:
    assert store.stored_keys() == ()
    assert store.signing_key() is None
    assert store.log_key(ORIGIN) is None


def test_a_key_signs_what_openssl_verifies(store: KeyStore, tmp_path: Path) -> None:
    key = store.make(KeyUse.MANIFEST, "A. Archivist", now=NOW, pin=nobody)
    signer = store.signer(key, never)
    (tmp_path / "message").write_bytes(b"message")
    (tmp_path / "signature").write_bytes(signer.sign(b"message"))
    (tmp_path / "public.pem").write_bytes(signer.public_pem)
    verify = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        "public.pem",
        "-sigfile",
        "signature",
        "-in",
        "message",
    ]
    assert subprocess.run(verify, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    shown = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "public.pem", "-outform", "DER"], cwd=tmp_path, check=True, capture_output=True
    )
    digest = subprocess.run(["sha256sum"], input=shown.stdout, check=True, capture_output=True).stdout.split()[0].decode()
    assert digest == signer.keyid == key.keyid
    assert (signer.algorithm, signer.name) == ("ed25519", "A. Archivist")


def test_a_stored_key_reads_back_as_it_was_made(store: KeyStore) -> None:
    made = store.make(KeyUse.MANIFEST, "\u202eA. Archivist\n", now=NOW, pin=nobody)
    assert store.stored_keys() == (made,)
    assert made.created.microsecond == 565_000


def test_only_the_user_can_read_it_whatever_the_umask(store: KeyStore, folder: Path) -> None:
    before = os.umask(0)
    try:
        key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {f"{key.keyid}.pem", f"{key.keyid}.json"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_private_key_that_others_can_read_is_refused(store: KeyStore, folder: Path, mode: int) -> None:
    key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    (folder / f"{key.keyid}.pem").chmod(mode)
    with pytest.raises(ConfigError, match="others can read this private key") as refusal:
        store.signer(key, never)
    assert refusal.value.hint.startswith("chmod 600")
    with pytest.raises(ConfigError, match="others can read"):
        store.stored_keys()


def test_an_encrypted_key_asks_for_its_passphrase(store: KeyStore, folder: Path) -> None:
    key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody, passphrase=b"correct horse", rounds=10)
    assert key.encrypted
    assert store.stored_keys() == (key,)
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (folder / f"{key.keyid}.pem").read_bytes()
    assert key.public.verify(b"m", store.signer(key, lambda _: b"correct horse").sign(b"m"))
    for wrong in (b"battery staple", b""):
        with pytest.raises(ConfigError, match="passphrase"):
            store.signer(key, lambda _, wrong=wrong: wrong)  # type: ignore[misc]


def test_two_keys_never_share_salt(store: KeyStore, folder: Path) -> None:
    made = [store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody, passphrase=b"p", rounds=10) for _ in range(2)]
    first, second = ((folder / f"{key.keyid}.pem").read_bytes().splitlines()[1:3] for key in made)
    assert first != second


def test_a_key_is_pinned_before_it_exists(store: KeyStore, folder: Path) -> None:
    pinned: list[TrustedKey] = []

    def pin(key: TrustedKey) -> None:
        assert not folder.exists()
        pinned.append(key)

    key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=pin)
    assert [(entry.keyid, entry.role, entry.vkey) for entry in pinned] == [(key.keyid, TrustRole.OPERATOR, None)]

    def refuse(key: TrustedKey) -> None:
        raise ConfigError("the trust store cannot be written")

    with pytest.raises(ConfigError, match="trust store"):
        store.make(KeyUse.MANIFEST, "B", now=NOW, pin=refuse)
    assert store.stored_keys() == (key,)


def test_a_log_has_a_key_of_its_own(store: KeyStore) -> None:
    pinned: list[TrustedKey] = []
    signing = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    log = store.make(KeyUse.LOG, ORIGIN, now=NOW, pin=pinned.append)
    assert store.log_key(ORIGIN) == log
    assert store.log_key(ORIGIN, log.keyid) == log
    assert store.log_key(ORIGIN, signing.keyid) is None
    assert store.log_key("other.example/log") is None
    assert store.signing_key() == signing
    assert log.vkey is not None
    assert [(entry.role, entry.vkey, entry.keyid) for entry in pinned] == [(TrustRole.LOG, log.vkey.encode(), log.keyid)]
    assert log.vkey.fingerprint == log.keyid
    signer = store.log_signer(log, never)
    signed = note.sign(Checkpoint(origin=ORIGIN, size=0, root=bytes(32)).encode(), [signer])
    assert note.verify(signed, [log.vkey]).signed_by == (log.vkey,)
    with pytest.raises(ConfigError, match="signs manifests and no log"):
        store.log_signer(signing, never)
    with pytest.raises(ConfigError, match="signs no manifests"):
        store.signing_key(log.keyid)


def test_a_name_that_cannot_be_an_origin_makes_no_log_key(store: KeyStore) -> None:
    with pytest.raises(FormatError, match="bad name"):
        store.make(KeyUse.LOG, "has space", now=NOW, pin=nobody)
    assert store.stored_keys() == ()


def test_the_newest_key_signs_unless_another_is_named(store: KeyStore) -> None:
    new = store.make(KeyUse.MANIFEST, "new", now=LATER, pin=nobody)
    old = store.make(KeyUse.MANIFEST, "old", now=NOW, pin=nobody)
    assert store.stored_keys() == (old, new)
    assert store.signing_key() == new
    for wanted in (old.keyid, old.keyid[:16], publickey.fingerprint_groups(old.keyid), "old", old.keyid.upper()):
        assert store.signing_key(wanted) == old
    for wanted in ("nobody", "", "ffffzz"):
        with pytest.raises(ConfigError, match="no keys fit"):
            store.find(wanted)


def test_an_ambiguous_name_is_refused(store: KeyStore) -> None:
    for _ in range(2):
        store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    with pytest.raises(ConfigError, match="2 keys fit 'A'"):
        store.find("A")


def test_damage_is_told_with_the_file(store: KeyStore, folder: Path) -> None:
    key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    other = store.make(KeyUse.MANIFEST, "B", now=NOW, pin=nobody)
    pem, described = folder / f"{key.keyid}.pem", folder / f"{key.keyid}.json"
    good_pem, good_json = pem.read_bytes(), described.read_bytes()

    pem.write_bytes((folder / f"{other.keyid}.pem").read_bytes())
    with pytest.raises(ConfigError, match=r"\.pem: it is another key than its name says"):
        store.signer(key, never)
    pem.write_bytes(good_pem[:40])
    with pytest.raises(ConfigError, match=r"\.pem: private key: not a PKCS#8"):
        store.signer(key, never)
    pem.write_bytes(good_pem)

    for bad, why in (
        (good_json[:-9], "not JSON"),
        (good_json.replace(b'"use"', b'"used"'), "missing field"),
        ((folder / f"{other.keyid}.json").read_bytes(), "the public key in it has another id"),
    ):
        described.write_bytes(bad)
        with pytest.raises(ConfigError, match=why):
            store.stored_keys()
    described.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        store.stored_keys()


def test_a_key_that_was_not_finished_does_not_exist(store: KeyStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = durable.write_file

    def stop(path: Path, data: bytes, *, mode: int) -> None:
        if path.suffix == ".pem":
            raise OSError(28, "No space left on device", str(path))
        real(path, data, mode=mode)

    monkeypatch.setattr(durable, "write_file", stop)
    with pytest.raises(ConfigError, match="No space left"):
        store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    assert store.stored_keys() == ()


def test_the_private_half_shows_nowhere(store: KeyStore) -> None:
    key = store.make(KeyUse.MANIFEST, "A", now=NOW, pin=nobody)
    for shown in (repr(key), repr(store.signer(key, never)), repr(store)):
        assert "PRIVATE" not in shown

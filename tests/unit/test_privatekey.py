from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import privatekey

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def encrypted(passphrase: bytes, rounds: int = 10) -> bytes:
    return privatekey.encode_encrypted(KEY, passphrase, salt=bytes(16), iv=bytes(range(16)), rounds=rounds)


def same(key: ed25519.Ed25519PrivateKey) -> bool:
    return key.private_bytes_raw() == KEY.private_bytes_raw()


@settings(max_examples=25)
@given(st.binary(min_size=1, max_size=80))
def test_what_a_passphrase_closed_it_opens(passphrase: bytes) -> None:
    pem = encrypted(passphrase)
    assert privatekey.is_encrypted(pem)
    assert same(privatekey.decode(pem, passphrase))
    with pytest.raises(FormatError, match="wrong passphrase"):
        privatekey.decode(pem, passphrase + b"x")


def test_unencrypted() -> None:
    pem = privatekey.encode(KEY)
    assert not privatekey.is_encrypted(pem)
    assert same(privatekey.decode(pem))


def test_the_real_number_of_rounds_and_openssl_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(encrypted(b"correct horse", privatekey.ROUNDS))
    opened = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:correct horse", "-pubout"], capture_output=True, check=True
    )
    assert opened.stdout == PUBLIC
    shown = subprocess.run(["openssl", "asn1parse", "-in", path], capture_output=True, text=True, check=True).stdout
    assert ":PBES2" in shown
    assert "hmacWithSHA256" in shown
    assert "aes-256-cbc" in shown
    assert f"INTEGER           :{1_000_000:X}".replace(":F4240", ":0F4240") in shown


@pytest.mark.parametrize("rounds", [127, 128, 255, 256, 32_767, 32_768])
def test_every_length_of_the_integer_is_der(rounds: int) -> None:
    assert same(privatekey.decode(encrypted(b"p", rounds), b"p"))


def test_random_bytes_are_asked_for_in_the_right_size() -> None:
    for passphrase, salt, iv in ((b"", bytes(16), bytes(16)), (b"p", bytes(8), bytes(16)), (b"p", bytes(16), b"")):
        with pytest.raises(ValueError, match="are needed"):
            privatekey.encode_encrypted(KEY, passphrase, salt=salt, iv=iv)


def test_the_key_does_not_stand_in_messages() -> None:
    pem = privatekey.encode(KEY)
    broken = pem.replace(b"M", b"#", 1)
    with pytest.raises(FormatError) as refusal:
        privatekey.decode(broken)
    assert pem.splitlines()[1].decode()[10:] not in str(refusal.value)


def by_the_library(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@given(st.binary(min_size=32, max_size=32))
def test_a_key_in_the_clear_has_the_one_form(seed: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert privatekey.encode(key) == by_the_library(key)
    assert privatekey.decode(by_the_library(key)).private_bytes_raw() == seed


@pytest.mark.parametrize(
    "spelled",
    [
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: pem.rstrip(),
        lambda pem: b"Kept in the safe\n" + pem,
        lambda pem: pem[:40] + b"\n" + pem[40:],
    ],
    ids=["crlf", "no-last-line-end", "words-before", "shorter-lines"],
)
def test_other_spellings_are_read_by_the_library(spelled: Callable[[bytes], bytes]) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert privatekey.decode(spelled(privatekey.encode(key))).private_bytes_raw() == bytes(range(32))


@pytest.mark.parametrize("place", range(0, 16, 3))
def test_another_beginning_is_another_kind_of_key(place: int) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    der = bytearray(base64.b64decode(privatekey.encode(key).splitlines()[1]))
    der[place] ^= 1
    with pytest.raises(FormatError):
        privatekey.decode(b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % base64.b64encode(bytes(der)))

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import publickey
from preserve.formats.publickey import Algorithm, PublicKey

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = publickey.from_ed25519(KEY.public_key().public_bytes_raw())
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_good_keys_verify_what_they_signed_and_nothing_else(seed: bytes, message: bytes) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    key = publickey.decode(private.public_key().public_bytes(PEM, SPKI))
    signature = private.sign(message)
    assert key.algorithm is Algorithm.ED25519
    assert key.verify(message, signature)
    assert not key.verify(message + b"x", signature)
    assert not PUBLIC.verify(message, signature) or seed == bytes(range(32))


def test_one_flipped_bit_anywhere_in_a_signature_spoils_it() -> None:
    signature = KEY.sign(b"message")
    for place in range(512):
        flipped = bytearray(signature)
        flipped[place // 8] ^= 1 << place % 8
        assert not PUBLIC.verify(b"message", bytes(flipped))


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\x00", lambda _: b"", lambda _: bytes(64)])
def test_a_signature_has_64_bytes_and_no_second_spelling(change) -> None:  # type: ignore[no-untyped-def]
    assert not PUBLIC.verify(b"message", change(KEY.sign(b"message")))


def test_s_plus_l_and_a_non_canonical_r_are_refused() -> None:
    signature = KEY.sign(b"message")
    s = int.from_bytes(signature[32:], "little")
    assert not PUBLIC.verify(b"message", signature[:32] + (s + L).to_bytes(32, "little"))
    for r in (P, P + 1, 1 | 1 << 255, (P - 1) | 1 << 255):
        assert not PUBLIC.verify(b"message", r.to_bytes(32, "little") + signature[32:])


def test_the_identity_key_that_libraries_accept_verifies_everything_and_is_refused() -> None:
    """Why small-order keys are refused: this one signature fits every message under the identity as public key."""
    identity = (1).to_bytes(32, "little")
    loose = ed25519.Ed25519PublicKey.from_public_bytes(identity)
    for message in (b"one", b"two"):
        loose.verify(identity + bytes(32), message)  # the library raises nothing
    with pytest.raises(FormatError, match="weak key"):
        publickey.from_ed25519(identity)


def test_about_half_of_all_numbers_are_points_of_the_curve() -> None:
    """y is on the curve when (y² - 1) / (dy² + 1) is a square: no small y but the known ones may be lost or gained by the check."""
    refused = sum(isinstance(judged((y).to_bytes(32, "little")), FormatError) for y in range(2, 400))
    assert 150 < refused < 250


@given(st.integers(0, 2**256 - 1))
def test_any_32_bytes_are_judged_without_crashing(number: int) -> None:
    key = judged(number.to_bytes(32, "little"))
    assert "weak key" in key.message if isinstance(key, FormatError) else publickey.decode(key.pem) == key


def judged(raw: bytes) -> PublicKey | FormatError:
    try:
        return publickey.from_ed25519(raw)
    except FormatError as refusal:
        return refusal


def test_p256_signatures_are_strict_der_over_sha256() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = publickey.decode(private.public_key().public_bytes(PEM, SPKI))
    signature = private.sign(b"message", ec.ECDSA(hashes.SHA256()))
    assert key.algorithm is Algorithm.ECDSA_P256_SHA256
    assert key.verify(b"message", signature)
    assert not key.verify(b"other", signature)
    assert not key.verify(b"message", signature + b"\x00")
    assert not key.verify(b"message", private.sign(b"message", ec.ECDSA(hashes.SHA512())))
    r, s = utils.decode_dss_signature(signature)
    long_form = b"\x30\x81" + bytes([len(signature) - 2]) + signature[2:]
    assert utils.encode_dss_signature(r, s) == signature
    assert not key.verify(b"message", long_form)
    assert not key.verify(b"message", b"garbage")


def test_ml_dsa_65() -> None:
    mldsa = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.mldsa", reason="this version of cryptography has no ML-DSA"
    )
    private = mldsa.MLDSA65PrivateKey.generate()
    key = publickey.decode(private.public_key().public_bytes(PEM, SPKI))
    assert key.algorithm is Algorithm.ML_DSA_65
    assert key.verify(b"message", private.sign(b"message"))
    assert not key.verify(b"message", private.sign(b"message", context=b"other"))
    assert not key.verify(b"other", private.sign(b"message"))


def test_the_key_id_is_the_hash_of_the_der() -> None:
    der = KEY.public_key().public_bytes(DER, SPKI)
    assert PUBLIC.keyid == hashlib.sha256(der).hexdigest()
    assert publickey.from_der(der) == PUBLIC
    groups = publickey.fingerprint_groups(PUBLIC.keyid)
    assert groups.replace("-", "") == PUBLIC.keyid
    assert {len(group) for group in groups.split("-")} == {4}


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (b"", "not a public key"),
        (PUBLIC.der + b"\x00", "not"),
        (PUBLIC.der.replace(bytes.fromhex("2b6570"), bytes.fromhex("2b657a")), "unknown algorithm"),
        (ec.derive_private_key(5, ec.SECP384R1()).public_key().public_bytes(DER, SPKI), "unknown algorithm"),
        (PUBLIC.der.replace(bytes.fromhex("302a3005"), bytes.fromhex("30812a3005")), "not"),
    ],
)
def test_der_is_as_strict(der: bytes, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        publickey.from_der(der)

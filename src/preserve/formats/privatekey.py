"""Private keys at rest: PKCS#8 PEM (RFC 5958), encrypted with a passphrase by PBES2 (RFC 8018) when there is one.

Written by hand because the library's own encryption stops at 2,048 rounds of PBKDF2, as openssl's default does: here it is
PBKDF2-HMAC-SHA256 with 1,000,000 rounds and AES-256-CBC, which openssl and every PKCS#8 reader open again. Ed25519 only: other keys
come through a signer command and never lie in a file of ours. Salt and initialisation vector are arguments; nothing here is random.

Without a passphrase such a key has one form (RFC 8410 section 7). It is written and read as that; what reads any other form, and what
encrypts, is loaded when it is needed.
"""

from __future__ import annotations

import base64
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve.errors import FormatError

ROUNDS = 1_000_000
SALT_SIZE = 16
IV_SIZE = 16
MAX_PEM = 8192

_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_HMAC_SHA256 = "1.2.840.113549.2.9"
_AES_256_CBC = "2.16.840.1.101.3.4.1.42"
_PLAIN = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS#8 of an Ed25519 key (RFC 8410 section 7), all but the 32 bytes that follow."""
_FORM = re.compile(rb"-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64})\n-----END PRIVATE KEY-----\n")
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def encode(key: Ed25519PrivateKey) -> bytes:
    """PKCS#8 PEM without encryption."""
    return b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % base64.b64encode(_PLAIN + key.private_bytes_raw())


def encode_encrypted(key: Ed25519PrivateKey, passphrase: bytes, *, salt: bytes, iv: bytes, rounds: int = ROUNDS) -> bytes:
    """PKCS#8 PEM encrypted with `passphrase`; `salt` and `iv` (16 bytes each) are fresh random bytes."""
    if not passphrase or len(salt) != SALT_SIZE or len(iv) != IV_SIZE:
        raise ValueError("a passphrase, 16 bytes of salt and 16 bytes of IV are needed")
    from cryptography.hazmat.primitives import hashes, padding  # noqa: PLC0415 -- a run with a key in the clear starts without
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 -- as above
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC  # noqa: PLC0415 -- as above

    plain = _PLAIN + key.private_bytes_raw()
    secret = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=salt, iterations=rounds).derive(passphrase)
    pad = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(secret), modes.CBC(iv)).encryptor()
    encrypted = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
    # RFC 8018 appendix A: PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme }
    derivation = _sequence(_octets(salt), _integer(rounds), _sequence(_oid(_HMAC_SHA256), b"\x05\x00"))
    scheme = _sequence(
        _oid(_PBES2),
        _sequence(_sequence(_oid(_PBKDF2), derivation), _sequence(_oid(_AES_256_CBC), _octets(iv))),
    )
    text = base64.b64encode(_sequence(scheme, _octets(encrypted))).decode("ascii")
    body = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode("ascii")


def is_encrypted(pem: bytes) -> bool:
    """Whether a passphrase is needed to read it."""
    return _ENCRYPTED.match(pem) is not None


def decode(pem: bytes, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """The key; raises FormatError when the bytes, the passphrase or the kind of key are wrong. The key never stands in a message."""
    if len(pem) > MAX_PEM:
        raise FormatError(f"private key: too long: {len(pem)} bytes")
    if is_encrypted(pem) and not passphrase:
        raise FormatError(
            "private key: a passphrase is needed", "" if passphrase is None else "the one that was given is empty"
        )
    if (seed := _plain(pem)) is not None:
        return Ed25519PrivateKey.from_private_bytes(seed)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- a run with a key in the clear starts without

    try:
        key = serialization.load_pem_private_key(pem, passphrase if is_encrypted(pem) else None)
    except UnsupportedAlgorithm:
        raise FormatError("private key: unknown algorithm") from None
    except (ValueError, TypeError):
        if is_encrypted(pem):
            hint = "give the passphrase again; if it surely is the right one, restore the key from your backup"
            raise FormatError("private key: wrong passphrase, or a damaged file", hint) from None
        raise FormatError("private key: not a PKCS#8 private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FormatError("private key: unknown algorithm: only Ed25519 keys are kept in files")
    return key


def from_openssh(pem: bytes) -> Ed25519PrivateKey:
    """The key in a file of ssh-keygen that has no passphrase; raises FormatError for another."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- a run with a key in the clear starts without

    try:
        key = serialization.load_ssh_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        why = "an OpenSSH key with a passphrase, or a damaged one"
        raise FormatError(
            f"private key: {why}", "take the passphrase from a copy with ssh-keygen -p, and import that"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FormatError("private key: unknown algorithm: only Ed25519 keys are kept in files")
    return key


def _plain(pem: bytes) -> bytes | None:
    """The 32 bytes of a key in the one form; None for anything else."""
    if (found := _FORM.fullmatch(pem)) is None or not (der := base64.b64decode(found[1])).startswith(_PLAIN):
        return None
    return der[len(_PLAIN) :]


def _der(tag: int, content: bytes) -> bytes:
    """One DER element (X.690 section 8.1)."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _sequence(*elements: bytes) -> bytes:
    return _der(0x30, b"".join(elements))


def _octets(data: bytes) -> bytes:
    return _der(0x04, data)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray([40 * first + second])
    for arc in rest:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return _der(0x06, bytes(content))

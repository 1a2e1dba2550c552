"""Public keys and what they verify: SubjectPublicKeyInfo in PEM (RFC 5280 section 4.1.2.7, RFC 7468 section 13).

The algorithm is the key's own, by a fixed table; no header chooses it. A key has one spelling: the PEM must be what re-encoding it
gives, byte for byte. The key id is the SHA-256 of the DER, so `openssl pkey -pubin -outform DER | sha256sum` shows it too.

    id-Ed25519             ed25519             64 raw bytes (RFC 8032)
    id-ecPublicKey, P-256  ecdsa-p256-sha256   DER ECDSA-Sig-Value over SHA-256 (FIPS 186-5); for cards, tokens and key services
    id-ml-dsa-65           ml-dsa-65           3309 raw bytes, empty context (FIPS 204); only beside another signature

Ed25519 as libraries check it is too lenient for evidence: under a key of small order one signature fits every message, and a
non-canonical encoding gives one key two ids. Both are refused here, as are signatures with a second spelling (RFC 8032 section 5.1.7,
S >= L; an R that is no canonical point).

An Ed25519 key has a fixed form, which is compared here; keys of the other algorithms are read by preserve.formats.spki, loaded when there is one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from preserve.errors import FormatError
from preserve.model.noun import dataclass

MAX_PEM = 8192
"""Bytes; an ML-DSA-65 key is about 2,800."""

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of every Ed25519 key in DER (RFC 8410 section 4)."""
_RAW_SIZE = 32
_RAW_IN_PEM = slice(43, 87)
"""Where the base64 of the 32 bytes stands in PEM: the 12 bytes before them fill 16 characters."""


class Algorithm(StrEnum):
    """The signature algorithms of format version 1."""

    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ML_DSA_65 = "ml-dsa-65"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that passed every check: `der` is its SubjectPublicKeyInfo. Made by `decode`, `from_der` and `from_ed25519`."""

    algorithm: Algorithm
    der: bytes

    @property
    def keyid(self) -> str:
        """SHA-256 of the DER as 64 hex digits."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> bytes:
        """The one PEM form of this key."""
        if self.algorithm is Algorithm.ED25519:
            return _pem(self.der)
        from preserve.formats import spki  # noqa: PLC0415 -- see there

        return spki.to_pem(self.der)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` was made with this key's private half over exactly `message`."""
        if self.algorithm is Algorithm.ED25519:
            return ed25519_verify(self.der[len(_SPKI_ED25519) :], message, signature)
        from preserve.formats import spki  # noqa: PLC0415 -- see there

        return spki.verify(self.der, message, signature)


def decode(pem: bytes) -> PublicKey:
    """The key in a PEM file; raises FormatError naming what is wrong with it."""
    if len(pem) > MAX_PEM:
        raise FormatError(f"public key: too long: {len(pem)} bytes")
    try:
        raw = base64.b64decode(pem[_RAW_IN_PEM])
    except binascii.Error:
        raw = b""
    if len(raw) == _RAW_SIZE and _pem(_SPKI_ED25519 + raw) == pem:
        return from_ed25519(raw)
    from preserve.formats import spki  # noqa: PLC0415 -- see there

    return from_der(spki.to_der(pem))


def from_der(der: bytes) -> PublicKey:
    """The key in a DER SubjectPublicKeyInfo, by the same rules."""
    if len(der) == len(_SPKI_ED25519) + _RAW_SIZE and der.startswith(_SPKI_ED25519):
        return from_ed25519(der[len(_SPKI_ED25519) :])
    from preserve.formats import spki  # noqa: PLC0415 -- see there

    return PublicKey(algorithm=Algorithm(spki.algorithm(der)), der=der)


def _pem(der: bytes) -> bytes:
    """RFC 7468 section 13, for keys whose base64 fits one line."""
    return b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % base64.b64encode(der)


def from_ed25519(raw: bytes) -> PublicKey:
    """The key of 32 raw bytes (RFC 8032 section 5.1.5)."""
    check_ed25519(raw)
    return PublicKey(algorithm=Algorithm.ED25519, der=_SPKI_ED25519 + raw)


def fingerprint_groups(keyid: str) -> str:
    """`keyid` for a person to compare: all 64 digits, in groups of four."""
    return "-".join(keyid[place : place + 4] for place in range(0, len(keyid), 4))


def ed25519_verify(raw: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032 section 5.1.7 with the canonical encodings of S and R required. `raw` has passed `check_ed25519`."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= _L or not _canonical(signature[:32]):
        return False
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def check_ed25519(raw: bytes) -> None:
    """Refuse what is no good Ed25519 key: wrong length, non-canonical, not on the curve, of small order."""
    if len(raw) != 32:
        raise FormatError(f"weak key: an Ed25519 key has 32 bytes, not {len(raw)}")
    if not _canonical(raw):
        raise FormatError("weak key: not the canonical encoding of a point")
    if not _has_large_order(raw):
        raise FormatError("weak key: not a point of large order on the curve")


def _canonical(point: bytes) -> bool:
    """y below the field's prime, and no sign on x = 0 (which y = 1 and y = -1 have)."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y < _P and not (point[31] & 0x80 and y in (1, _P - 1))


@lru_cache(maxsize=256)
def _has_large_order(raw: bytes) -> bool:
    """Whether the canonical encoding `raw` is a point on edwards25519 that 8 does not send to the identity.

    Doubling 3 times needs only affine coordinates: x and y determine each other up to the sign, which does not change the order.
    """
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if x_squared and pow(x_squared, (_P - 1) // 2, _P) != 1:
        return False
    for _ in range(3):
        # 2(x, y) = (2xy / (1 + dx²y²), (y² + x²) / (1 - dx²y²)): only squares of x are needed to follow y and x².
        product = _D * x_squared * y * y % _P
        x_doubled_squared = 4 * x_squared * y * y * pow(1 + product, -2, _P) % _P
        y = (y * y + x_squared) * pow(1 - product, -1, _P) % _P
        x_squared = x_doubled_squared
    return not (x_squared == 0 and y == 1)

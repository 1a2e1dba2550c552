"""ML-DSA-44 (FIPS 204), the algorithm of the newer cosignatures of C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature).

Only verified, never signed here. The `cryptography` library has it since version 47; with an older one, or one built without, `verify`
answers None: a cosignature that could not be checked, which is neither good nor bad.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from preserve.errors import FormatError

PUBLIC_SIZE = 1312
SIGNATURE_SIZE = 2420
_SPKI = bytes.fromhex("30820532300b06096086480165030403110382052100")


def check(raw: bytes) -> None:
    """Refuse what cannot be a public key: every 1312 bytes can (FIPS 204 algorithm 23)."""
    if len(raw) != PUBLIC_SIZE:
        raise FormatError(f"weak key: an ML-DSA-44 key has {PUBLIC_SIZE} bytes, not {len(raw)}")


def fingerprint(raw: bytes) -> str:
    """SHA-256 of the SubjectPublicKeyInfo (RFC 9881), as for every key."""
    return hashlib.sha256(_SPKI + raw).hexdigest()


def verify(raw: bytes, message: bytes, signature: bytes) -> bool | None:
    """Whether `signature` was made over `message` with an empty context; None when this cannot be found out here."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # noqa: PLC0415 -- few logs have such a witness
    except ImportError:  # ML-DSA came to `cryptography` after the oldest version we accept
        return None
    try:
        MLDSA44PublicKey.from_public_bytes(raw).verify(signature, message)
    except UnsupportedAlgorithm:
        return None
    except (InvalidSignature, ValueError):
        return False
    return True

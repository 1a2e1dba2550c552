"""SubjectPublicKeyInfo of any algorithm, by way of the `cryptography` library (RFC 5280 section 4.1.2.7).

For preserve.formats.publickey alone, which loads this when a key is not of Ed25519, or not in its one spelling: an Ed25519 key has a fixed form
that is compared, and everything that reads keys of other kinds takes longer to load than most archives take to judge.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key, load_pem_public_key

from preserve.errors import FormatError

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
except ImportError:  # ML-DSA came to `cryptography` after the oldest version we accept
    _ML_DSA_65: tuple[type[MLDSA65PublicKey], ...] = ()
else:
    _ML_DSA_65 = (MLDSA65PublicKey,)


def to_der(pem: bytes) -> bytes:
    """The DER of the key in a PEM file; raises FormatError unless the PEM is what re-encoding the key gives."""
    try:
        key = load_pem_public_key(pem)
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        canonical = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except UnsupportedAlgorithm as problem:
        raise FormatError(f"public key: unknown algorithm: {problem}") from None
    except ValueError as problem:
        raise FormatError(f"public key: not a public key in PEM: {problem}") from None
    if canonical != pem:
        raise FormatError("public key: not canonical: re-encoding the key gives other bytes")
    return der


def to_pem(der: bytes) -> bytes:
    """The one PEM form of a key that was accepted."""
    return _load(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def algorithm(der: bytes) -> str:
    """The name of the key's algorithm; raises FormatError when it is none of those accepted, or the DER is not what re-encoding gives."""
    try:
        key = _load(der)
    except UnsupportedAlgorithm as problem:
        raise FormatError(f"public key: unknown algorithm: {problem}") from None
    except ValueError as problem:
        raise FormatError(f"public key: not a public key in DER: {problem}") from None
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
        raise FormatError("public key: not canonical: re-encoding the key gives other bytes")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256-sha256"
    if isinstance(key, _ML_DSA_65):
        return "ml-dsa-65"
    raise FormatError("public key: unknown algorithm: only Ed25519, ECDSA on P-256 and ML-DSA-65 are accepted")


def verify(der: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an ECDSA or ML-DSA key made `signature` over exactly `message`; an ECDSA signature counts in its one spelling only."""
    key = _load(der)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if utils.encode_dss_signature(*utils.decode_dss_signature(signature)) != signature:
                return False
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, _ML_DSA_65):
            key.verify(signature, message)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _load(der: bytes) -> PublicKeyTypes:
    return load_der_public_key(der)

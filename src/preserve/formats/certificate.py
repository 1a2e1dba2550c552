"""Certificates that a verifier pins as anchors of time-stamp authorities (RFC 5280; docs/formats/timestamps.md section 4).

Only certificates of certification authorities are taken: an authority's own certificate changes every year or two, its root stays.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preserve.errors import FormatError

MAX_SIZE = 1 << 16
"""Bytes of a certificate's file."""
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a certificate that it cannot read, or a part of one; several are no ValueError."""


def decode(data: bytes) -> x509.Certificate:
    """The one certificate in `data`, PEM or DER; raises FormatError for anything that cannot be an anchor."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"certificate: too long: {len(data)} bytes")
    try:
        if data.count(b"-----BEGIN CERTIFICATE-----") > 1:
            raise FormatError("certificate: several in one file: pin them one by one")
        found = x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)
        found.public_key()
        is_ca = any(isinstance(extension.value, x509.BasicConstraints) and extension.value.ca for extension in found.extensions)
    except UNREADABLE as problem:
        raise FormatError(f"certificate: not one: {problem}") from None
    if not is_ca:
        raise FormatError("certificate: not of a certification authority: pin the root that issued it, which lasts longer")
    if found.issuer == found.subject:
        try:
            found.verify_directly_issued_by(found)
        except (InvalidSignature, *UNREADABLE):
            raise FormatError("certificate: it calls itself a root, but is not signed by its own key") from None
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, 64 hex digits: what keys of every kind are called here."""
    return hashlib.sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def is_root(certificate: x509.Certificate) -> bool:
    """Whether a chain can end in it."""
    return certificate.issuer == certificate.subject


def subject(certificate: x509.Certificate) -> str:
    """Whom it names, for a person (RFC 4514)."""
    return certificate.subject.rfc4514_string()

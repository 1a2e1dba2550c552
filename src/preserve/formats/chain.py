"""Certificates as a server presented them, for a person to read (RFC 5280; docs/formats/warc-profile.md section 5).

What was presented was kept, whatever it is worth; so this reads leniently, and a certificate that cannot be read is known by its hash
alone. Nothing is verified here: what the verifier said when it was presented stands beside it in the record.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error
from functools import lru_cache

from cryptography import x509

from preserve.formats.certificate import UNREADABLE
from preserve.model.report import CertificateFacts

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
_NAMES = 20
"""Host names that are shown of a certificate."""


def read(pem: bytes) -> tuple[CertificateFacts, ...]:
    """The certificates in `pem`, in their order."""
    found = []
    for match in _PEM.finditer(pem):
        try:
            found.append(describe(b64decode(b"".join(match[1].split()), validate=True)))
        except Error:
            continue
    return tuple(found)


@lru_cache(maxsize=512)
def describe(der: bytes) -> CertificateFacts:
    """What one certificate says; only its hash where it cannot be read. A host presents the same one again and again."""
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        found = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            sha256=sha256,
            subject=found.subject.rfc4514_string(),
            issuer=found.issuer.rfc4514_string(),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            names=_names(found),
        )
    except UNREADABLE:
        return CertificateFacts(sha256=sha256)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in extension.value.get_values_for_type(x509.IPAddress)]
    return tuple([*names, *addresses][:_NAMES])

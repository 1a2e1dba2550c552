"""Certificates that `cryptography` ends over in errors of its own: whoever sends one gets an answer, in every place that reads them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from authorities import Issuer, name_of, shared
from preserve.errors import FormatError
from preserve.formats import certificate, chain, der, timestamp, wacz

MESSAGE = b"a list of hashes\n"


def _of_version_2() -> bytes:
    data = Issuer("Root of b").certificate.public_bytes(Encoding.DER)
    at = data.index(bytes.fromhex("a003020102")) + 4
    return data[:at] + b"\1" + data[at + 1 :]


def _with_an_address_of_x400() -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("3004a3023000"))
    made = x509.CertificateBuilder().subject_name(name_of("odd")).issuer_name(name_of("odd")).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


ODD = {"version 2": _of_version_2, "an address of X.400": _with_an_address_of_x400}


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """What a bundle says of its signature, as far as it is asked here."""

    key: bytes
    certificate: bytes
    signature: bytes


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_certificate_is_read_or_refused(odd: str) -> None:
    data = ODD[odd]()
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
    (shown,) = chain.read(pem)
    assert shown.names == ()
    with pytest.raises(FormatError, match="certificate: not one"):
        certificate.decode(pem)
    signed = _Signed(key=b"", certificate=pem, signature=b"")
    assert wacz.verifies(signed, MESSAGE)  # type: ignore[arg-type] # it has what is asked for


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_certificate_in_a_token(odd: str) -> None:
    """Put there by anybody: nobody signed it."""
    status, content = der.element(shared("a").stamp(MESSAGE)).inside(der.SEQUENCE)
    kind, wrapped = content.inside(der.SEQUENCE)
    version, digests, signed, held, infos = wrapped.inside(der.context(0))[0].inside(der.SEQUENCE)
    both = der.encode_set(der.context(0), [held.content, ODD[odd]()])
    inner = der.encode(der.SEQUENCE, version.whole, digests.whole, signed.whole, both, infos.whole)
    reply = der.encode(der.SEQUENCE, status.whole, der.encode(der.SEQUENCE, kind.whole, der.encode(der.context(0), inner)))
    try:
        token = timestamp.read(reply)
    except FormatError:
        assert odd == "version 2"
        return
    assert timestamp.verify(token, MESSAGE, [shared("a").issuer.certificate]) == ""

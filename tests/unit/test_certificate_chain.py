"""What is told of certificates that a server presented, good or odd."""

from __future__ import annotations

import hashlib

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from preserve.formats import chain


def test_a_chain_is_read_in_its_order() -> None:
    authority = trustme.CA(organization_name="Harbour Authority")
    leaf = authority.issue_cert("harbour.example", "127.0.0.1")
    pem = b"".join(part.bytes() for part in leaf.cert_chain_pems) + authority.cert_pem.bytes()
    found = chain.read(pem)
    assert len(found) == 2
    der = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    assert found[0].sha256 == hashlib.sha256(der).hexdigest()
    assert found[0].names == ("harbour.example", "127.0.0.1")
    assert "Harbour Authority" in found[0].issuer
    assert found[0].issuer == found[1].subject
    assert found[0].not_before is not None
    assert found[0].not_after is not None
    assert found[0].not_before < found[0].not_after


def test_what_is_no_certificate_is_known_by_its_hash() -> None:
    assert chain.describe(b"\x30\x03\x02\x01\x05").subject == ""
    assert chain.describe(b"junk").sha256 == hashlib.sha256(b"junk").hexdigest()
    assert chain.read(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\nand text") == ()

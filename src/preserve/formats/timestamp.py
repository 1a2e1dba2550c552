"""Time-stamps: RFC 3161 requests and replies, and what must hold of a token (docs/formats/timestamps.md).

A token is read here by itself, without any trust; `verify` then holds it against certificates that the verifier pinned. The library
that checks signature and chain (rfc3161-client over OpenSSL) is used with care:

* a certificate that came with the token never becomes an anchor: it would put what is called an intermediate beside the roots;
* the message is given, never its digest: of the digest it would not know the algorithm;
* it matches the signer's certificate by issuer and serial alone: here it must also be the only such certificate, and the one whose
  hash stands in the signed attributes (ESSCertID, RFC 5816);
* it reads strict DER, and some authorities do not sort the certificates of a token: they are sorted in memory, for they are not signed;
* it takes the chain at the time of the token, so that a token outlives the certificate that signed it, and that is wanted.

What is stored is always the reply as it came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import der
from preserve.formats.der import Element
from preserve.model.noun import dataclass

if TYPE_CHECKING:
    from cryptography import x509

REQUEST_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"

_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_SIGNATURES = {
    "1.2.840.113549.1.1.1": "",  # rsaEncryption: the digest algorithm says the hash
    "1.2.840.113549.1.1.10": "",  # RSASSA-PSS: its parameters do
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.2.1": "",  # id-ecPublicKey, as old programs write it
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "1.3.101.112": "",  # Ed25519
}
"""Signature algorithms, and the hash that is part of their name. The library follows the key; nobody signs what stands here."""
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_SHA256 = der.encode(der.SEQUENCE, der.encode_oid("2.16.840.1.101.3.4.2.1"), der.encode(der.NULL))
_STATUS = ("granted", "granted with changes", "rejected", "waiting", "revocation warning", "revocation notification")
_FAILURES = {
    0: "unknown algorithm",
    2: "bad request",
    5: "bad data format",
    14: "its time source is not available",
    15: "it does not stamp under that policy",
    16: "unaccepted extension",
    17: "additional information not available",
    25: "system failure",
}
_OPENSSL = re.compile(r'(?:Verify error: |reason: ")([^"]+)"')
"""What OpenSSL says in the middle of how the library repeats it."""
_TIME = re.compile(rb"([0-9]{14})(?:\.([0-9]*[1-9]))?Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a granted reply says, whoever signed it.

    `time` is aware UTC, `hash` a name of hashlib, `imprint` the digest that was stamped. `reply` is the reply in DER that strict
    readers take; `signer` the certificate (DER) that its signature names, of which there is exactly one.
    """

    time: datetime
    hash: str
    imprint: bytes
    policy: str
    serial: int
    nonce: int | None
    signer: bytes
    reply: bytes

    def over(self, message: bytes) -> bool:
        """Whether it was `message` that was stamped."""
        return hashlib.new(self.hash, message).digest() == self.imprint


def request(message: bytes, nonce: int, policy: str | None = None) -> bytes:
    """A TimeStampReq over the SHA-256 of `message` that wants the certificates back (RFC 3161 section 2.4.1)."""
    return der.encode(
        der.SEQUENCE,
        der.encode_integer(1),
        der.encode(der.SEQUENCE, _SHA256, der.encode(der.OCTET_STRING, hashlib.sha256(message).digest())),
        der.encode_oid(policy) if policy else b"",
        der.encode_integer(nonce),
        der.encode(der.BOOLEAN, b"\xff"),
    )


def read(reply: bytes) -> Token:
    """The token in a TimeStampResp; raises FormatError naming what is wrong, a refusal by the authority included."""
    try:
        return _read(reply)
    except (ValueError, IndexError) as problem:  # an unpacking that does not fit, nothing in a sequence, no such date
        raise FormatError(f"not a time-stamp reply: {problem}") from None
    except FormatError as problem:
        raise FormatError(f"not a time-stamp: {problem.message}") from None


def verify(token: Token, message: bytes, pinned: Sequence[x509.Certificate]) -> str:
    """Why `token` is not a time-stamp over `message` under one of the `pinned` certificates; "" when it is.

    `pinned` are the verifier's own: a chain must end in a self-signed one, the others may stand in the middle of it.
    """
    if not token.over(message):
        return "it is over other bytes"
    roots = [certificate for certificate in pinned if certificate.issuer == certificate.subject]
    others = [certificate for certificate in pinned if certificate.issuer != certificate.subject]
    if not roots:
        return "no root is pinned, only certificates below one"
    # It brings all of X.509 with it, which is needed where there is a token alone.
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415 - as above

    try:
        response = decode_timestamp_response(token.reply)
        told = response.tst_info
        if (told.gen_time, told.message_imprint.message) != (token.time.replace(microsecond=0), token.imprint):
            return "two readers of it disagree"
        VerifierBuilder(roots=roots, intermediates=others).build().verify_message(response, message)
    except (ValueError, VerificationError) as problem:
        said = str(problem)
        reason = _OPENSSL.findall(said)
        return reason[-1] if reason else said.partition("\n")[0]
    return ""


# ------------------------------------------------------------------------------------------------------------------- reading


def _read(reply: bytes) -> Token:
    der.check_nested(reply)
    status, *rest = der.element(reply).inside(der.SEQUENCE)
    _check_granted(status.inside(der.SEQUENCE))
    (content,) = rest
    kind, wrapped = content.inside(der.SEQUENCE)
    if kind.oid() != _SIGNED_DATA:
        raise FormatError("not signed data")
    (signed,) = wrapped.inside(der.context(0))
    version, digests, encapsulated, *sets = signed.inside(der.SEQUENCE)
    by_tag = {part.tag: part for part in sets}
    if not 3 <= version.integer() <= 5:
        raise FormatError(f"signed data of version {version.integer()}")
    if len(by_tag) != len(sets) or der.SET not in by_tag or der.context(0) not in by_tag:
        raise FormatError("it holds no certificate of its signer")
    tst_type, tst_wrapped = encapsulated.inside(der.SEQUENCE)
    if tst_type.oid() != _TST_INFO:
        raise FormatError("what is signed is no time-stamp")
    (tst,) = tst_wrapped.inside(der.context(0))
    (signer_info,) = by_tag[der.SET].inside(der.SET)
    signer = _signer(signer_info, by_tag[der.context(0)].inside(der.context(0)))
    # Certificates and revocation lists are sets of which nothing is signed: any order means the same, DER allows one.
    ordered = [
        der.encode_set(part.tag, (member.whole for member in part.inside(part.tag))) if part.tag != der.SET else part.whole
        for part in sets
    ]
    repaired = der.encode(
        der.SEQUENCE,
        status.whole,
        der.encode(
            der.SEQUENCE,
            kind.whole,
            der.encode(der.context(0), der.encode(der.SEQUENCE, version.whole, digests.whole, encapsulated.whole, *ordered)),
        ),
    )
    return _tst_info(der.element(tst.expect(der.OCTET_STRING).content), signer, repaired)


def _check_granted(info: list[Element]) -> None:
    status = info[0].integer()
    if status == 0:
        return
    words = [_STATUS[status] if 0 <= status < len(_STATUS) else f"status {status}"]
    for part in info[1:]:
        if part.tag == der.SEQUENCE:
            words += [text.expect(der.UTF8_STRING).content.decode("utf-8", "replace") for text in part.inside(der.SEQUENCE)]
        elif part.tag == der.BIT_STRING:
            bits = part.content[1:]
            words += [why for bit, why in _FAILURES.items() if bit < 8 * len(bits) and bits[bit // 8] & 0x80 >> bit % 8]
    raise FormatError("not granted: " + "; ".join(words))


def _tst_info(info: Element, signer: bytes, reply: bytes) -> Token:
    version, policy, imprint, serial, moment, *options = info.inside(der.SEQUENCE)
    if version.integer() != 1:
        raise FormatError(f"version {version.integer()}")
    algorithm, digest = imprint.inside(der.SEQUENCE)
    oid = algorithm.inside(der.SEQUENCE)[0].oid()
    if oid not in _HASHES:
        raise FormatError(f"it stamps a hash of the algorithm {oid}: only SHA-256, SHA-384 and SHA-512 count")
    written = _TIME.fullmatch(moment.expect(der.GENERALIZED_TIME).content)
    if written is None:
        raise FormatError("its time is not written as RFC 3161 section 2.4.2 wants it")
    fraction = (written[2] or b"").decode().ljust(6, "0")[:6]
    return Token(
        time=datetime.strptime(f"{written[1].decode()}{fraction}", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC),
        hash=_HASHES[oid],
        imprint=digest.expect(der.OCTET_STRING).content,
        policy=policy.oid(),
        serial=serial.integer(),
        nonce=next((part.integer() for part in options if part.tag == der.INTEGER), None),
        signer=signer,
        reply=reply,
    )


def _signer(info: Element, certificates: list[Element]) -> bytes:
    """The one certificate that the signature names by issuer and serial, and by hash in what is signed."""
    version, who, digest, *rest = info.inside(der.SEQUENCE)
    if (oid := digest.inside(der.SEQUENCE)[0].oid()) not in _HASHES:
        raise FormatError(f"it is signed over a hash of the algorithm {oid}: only SHA-256, SHA-384 and SHA-512 count")
    algorithm = next((part.inside(der.SEQUENCE)[0].oid() for part in rest if part.tag == der.SEQUENCE), "")
    if version.integer() != 1 or _SIGNATURES.get(algorithm) not in {"", _HASHES[oid]}:
        raise FormatError(f"it is signed in a way that is not known: version {version.integer()}, algorithm {algorithm}")
    issuer, serial = who.inside(der.SEQUENCE)
    fits = [certificate.whole for certificate in certificates if _issued(certificate) == (issuer.whole, serial.whole)]
    if len(fits) != 1:
        raise FormatError(f"{len(fits) or 'no'} certificates in it are its signer's")
    signed = next((part for part in rest if part.tag == der.context(0)), None)
    if signed is None:
        raise FormatError("its signature has no signed attributes")
    bound = {}
    for attribute in signed.inside(der.context(0)):
        kind, values = attribute.inside(der.SEQUENCE)
        if (name := kind.oid()) in {_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2}:
            (value,) = values.inside(der.SET)
            bound[name] = value.inside(der.SEQUENCE)[0].inside(der.SEQUENCE)[0].inside(der.SEQUENCE)
    if not bound:
        raise FormatError("its signature does not bind the signer's certificate (ESSCertID)")
    for name, parts in bound.items():
        algorithm = "sha1" if name == _SIGNING_CERTIFICATE else "sha256"
        if name == _SIGNING_CERTIFICATE_V2 and parts[0].tag == der.SEQUENCE:
            algorithm = _HASHES.get(parts.pop(0).inside(der.SEQUENCE)[0].oid(), "")
        if not algorithm:
            raise FormatError("its signature binds the signer's certificate by a hash that does not count")
        # SHA-1 stands in tokens of the first form of RFC 3161; what is needed here is that no second certificate can be found.
        if hashlib.new(algorithm, fits[0], usedforsecurity=False).digest() != parts[0].expect(der.OCTET_STRING).content:
            raise FormatError("its signature was made with another certificate than the one in it (ESSCertID)")
    return fits[0]


def _issued(certificate: Element) -> tuple[bytes, bytes]:
    """(issuer, serial number) of a certificate (RFC 5280 section 4.1)."""
    fields = certificate.inside(der.SEQUENCE)[0].inside(der.SEQUENCE)
    at = 1 if fields[0].tag == der.context(0) else 0
    return fields[at + 2].whole, fields[at].whole

"""Time-stamps: RFC 3161 requests and replies, and what must hold of a token (docs/formats/timestamps.md).

A token is read here by itself, without any trust; `verify` then holds it against certificates that the verifier pinned. The library
that checks signature and chain (rfc3161-client over OpenSSL) is used with care:

* a certificate that came with the token never becomes an anchor: it would put what is called an intermediate beside the roots;
* the message is given, never its digest: of the digest it would not know the algorithm;
* it matches the signer's certificate by issuer and serial alone: here it must also be the only such certificate, and the one whose
  hash stands in the signed attributes (ESSCertID, RFC 5816); and the authority's name in the token must be the one in there;
* it reads strict DER, and some authorities do not sort the certificates of a token; it reads all that comes with a token, and some of
  that ends in an error of its own: the form of the whole is checked here (tokenform.py), and it gets, sorted, what bears on the signature;
* it takes the chain at the time of the token, so that a token outlives the certificate that signed it, and that is wanted.

What is stored is always the reply as it came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import der, tokenform
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
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_SIGNATURES = {
    _RSA: (_RSA, ""),  # rsaEncryption: the digest algorithm says the hash
    "1.2.840.113549.1.1.11": (_RSA, "sha256"),
    "1.2.840.113549.1.1.12": (_RSA, "sha384"),
    "1.2.840.113549.1.1.13": (_RSA, "sha512"),
    _EC: (_EC, ""),  # id-ecPublicKey, as old programs write it
    "1.2.840.10045.4.3.2": (_EC, "sha256"),
    "1.2.840.10045.4.3.3": (_EC, "sha384"),
    "1.2.840.10045.4.3.4": (_EC, "sha512"),
}
"""Signature algorithms: that of the key, and the hash that is part of the name. The library follows the key; nobody signs what stands here."""
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
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
COARSE = timedelta(days=1)
"""An accuracy beyond which a time-stamp is held to prove no time."""
_OPENSSL = re.compile(r'(?:Verify error: |reason: ")([^"]+)"')
"""What OpenSSL says in the middle of how the library repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a granted reply says, whoever signed it.

    `time` is aware UTC and right within `accuracy` (nought where it says none; what is beyond COARSE is as much), `hash` a name of hashlib, `imprint` the digest that was stamped. `signer` is the certificate (DER) that its
    signature names, of which there is exactly one; `others` are the hashes (algorithm, digest) of further certificates that it binds.
    `named` says whether the authority's name in the token, if there is one, is that of the signer.
    `reply` is the reply reduced to what bears on its signature, in the DER that strict readers take.
    """

    time: datetime
    accuracy: timedelta
    hash: str
    imprint: bytes
    policy: str
    serial: int
    nonce: int | None
    signer: bytes
    others: tuple[tuple[str, bytes], ...]
    named: bool
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
    except (ValueError, IndexError) as problem:  # an unpacking that does not fit, nothing in a sequence
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
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response  # noqa: PLC0415 - as above

    from preserve.formats.certificate import UNREADABLE  # noqa: PLC0415 - as above

    if not _binds(token, [certificate.public_bytes(Encoding.DER) for certificate in pinned]):
        return "its signature binds a certificate that is neither in it nor pinned (ESSCertID)"
    if not token.named:
        return "it names another authority than its signer's certificate does"
    try:
        response = decode_timestamp_response(token.reply)
        told = response.tst_info
        if (told.gen_time, told.message_imprint.message) != (token.time.replace(microsecond=0), token.imprint):
            return "two readers of it disagree"
        VerifierBuilder(roots=roots, intermediates=others).build().verify_message(response, message)
    except (VerificationError, *UNREADABLE) as problem:
        said = str(problem)
        reason = _OPENSSL.findall(said)
        return reason[-1] if reason else said.partition("\n")[0] or type(problem).__name__
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
    if version.integer() != 3:
        raise FormatError(f"signed data of version {version.integer()}")
    if len(by_tag) != len(sets) or der.SET not in by_tag or der.context(0) not in by_tag:
        raise FormatError("it holds no certificate of its signer")
    tst_type, tst_wrapped = encapsulated.inside(der.SEQUENCE)
    if tst_type.oid() != _TST_INFO:
        raise FormatError("what is signed is no time-stamp")
    (tst,) = tst_wrapped.inside(der.context(0))
    (info,) = by_tag[der.SET].inside(der.SET)
    held = by_tag[der.context(0)].inside(der.context(0))
    if any(one.tag != der.SEQUENCE for one in held):
        raise FormatError("among its certificates are others than those of X.509, which openssl does not read")
    signer, others = _signer(info, held)
    tokenform.check_reply(reply)
    hashed = {_HASHES.get(digest.inside(der.SEQUENCE)[0].oid(), "") for digest in digests.inside(der.SET)}
    if "" in hashed or _HASHES[info.inside(der.SEQUENCE)[2].inside(der.SEQUENCE)[0].oid()] not in hashed:
        raise FormatError("the hashes that it names are not that of its signature")
    told = tst.expect(der.OCTET_STRING).content
    tokenform.check_stamped(told)
    return _tst_info(der.element(told), signer, others, _reduced(encapsulated, tokenform.above(signer, held), info))


def _reduced(encapsulated: Element, certificates: list[Element], info: Element) -> bytes:
    """A reply of what bears on the signature: without what nobody signed, and the certificates in the one order that DER allows."""
    version, who, digest, attributes, algorithm, signature, *_ = info.inside(der.SEQUENCE)
    key, _ = _SIGNATURES[algorithm.inside(der.SEQUENCE)[0].oid()]
    hashed = _HASHES[digest.inside(der.SEQUENCE)[0].oid()]
    plainly = next(oid for oid, meant in _SIGNATURES.items() if meant == (key, hashed))
    signed = (version.whole, who.whole, digest.whole, attributes.whole, _algorithm(plainly), signature.whole)
    parts = (
        der.encode_integer(3),
        der.encode(der.SET, digest.whole),
        encapsulated.whole,
        der.encode_set(der.context(0), (certificate.whole for certificate in certificates)),
        der.encode(der.SET, der.encode(der.SEQUENCE, *signed)),
    )
    token = der.encode(der.SEQUENCE, der.encode_oid(_SIGNED_DATA), der.encode(der.context(0), der.encode(der.SEQUENCE, *parts)))
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode_integer(0)), token)


def _algorithm(oid: str) -> bytes:
    """A signature algorithm, with the parameters that RFC 4055 and RFC 5758 give it."""
    return der.encode(der.SEQUENCE, der.encode_oid(oid), der.encode(der.NULL) if _SIGNATURES[oid][0] == _RSA else b"")


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


def _tst_info(info: Element, signer: Element, others: tuple[tuple[str, bytes], ...], reply: bytes) -> Token:
    _, policy, imprint, serial, moment, *options = info.inside(der.SEQUENCE)
    algorithm, digest = imprint.inside(der.SEQUENCE)
    oid = algorithm.inside(der.SEQUENCE)[0].oid()
    if oid not in _HASHES:
        raise FormatError(f"it stamps a hash of the algorithm {oid}: only SHA-256, SHA-384 and SHA-512 count")
    names = [part.inside(der.context(0))[0] for part in options if part.tag == der.context(0)]
    return Token(
        time=der.time(moment).replace(tzinfo=UTC),
        accuracy=next((_accuracy(part) for part in options if part.tag == der.SEQUENCE), timedelta()),
        hash=_HASHES[oid],
        imprint=digest.content,
        policy=policy.oid(),
        serial=serial.integer(),
        nonce=next((part.integer() for part in options if part.tag == der.INTEGER), None),
        signer=signer.whole,
        others=others,
        named=all(tokenform.is_called(signer, name) for name in names),
        reply=reply,
    )


def _accuracy(said: Element) -> timedelta:
    """Seconds, thousandths and millionths of a second, each of which may be missing."""
    parts = {part.tag: int.from_bytes(part.content, "big") for part in said.inside(der.SEQUENCE)}
    seconds = min(parts.get(der.INTEGER, 0), COARSE // timedelta(seconds=1) + 1)
    return timedelta(seconds=seconds, milliseconds=parts.get(0x80, 0), microseconds=parts.get(0x81, 0))


def _signer(info: Element, certificates: list[Element]) -> tuple[Element, tuple[tuple[str, bytes], ...]]:
    """The one certificate that the signature names by issuer and serial, and by hash in what is signed; what other hashes stand there."""
    version, who, digest, *rest = info.inside(der.SEQUENCE)
    if (oid := digest.inside(der.SEQUENCE)[0].oid()) not in _HASHES:
        raise FormatError(f"it is signed over a hash of the algorithm {oid}: only SHA-256, SHA-384 and SHA-512 count")
    issuer, serial = who.inside(der.SEQUENCE)
    fits = [one for one in certificates if tokenform.issued(one) == (issuer.whole, serial.whole)]
    if len(fits) != 1:
        raise FormatError(f"{len(fits) or 'no'} certificates in it are its signer's")
    algorithm = next((part.inside(der.SEQUENCE)[0].oid() for part in rest if part.tag == der.SEQUENCE), "")
    key, hashed = _SIGNATURES.get(algorithm, ("", ""))
    if version.integer() != 1 or key != tokenform.key_algorithm(fits[0]) or hashed not in {"", _HASHES[oid]}:
        raise FormatError(f"it is signed in a way that is not known: version {version.integer()}, algorithm {algorithm}")
    signed = next((part for part in rest if part.tag == der.context(0)), None)
    if signed is None:
        raise FormatError("its signature has no signed attributes")
    return fits[0], _bound(_attributes(signed), fits[0])


def _attributes(signed: Element) -> dict[str, Element]:
    """The signed attributes, each of which stands there once, with one value."""
    found = {}
    for attribute in signed.inside(der.context(0)):
        kind, values = attribute.inside(der.SEQUENCE)
        (found[kind.oid()],) = values.inside(der.SET)
    if len(found) != len(signed.inside(der.context(0))):
        raise FormatError("an attribute of its signature stands there twice")
    about, digest = found.get(_CONTENT_TYPE), found.get(_MESSAGE_DIGEST)
    if about is None or digest is None or about.oid() != _TST_INFO or digest.tag != der.OCTET_STRING:
        raise FormatError("its signature is not said to be over a time-stamp")
    return found


def _bound(attributes: dict[str, Element], certificate: Element) -> tuple[tuple[str, bytes], ...]:
    """That the signature binds its certificate by each hash that stands first; the hashes (algorithm, digest) that follow."""
    others = []
    bindings = {name: attributes[name] for name in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2) if name in attributes}
    if not bindings:
        raise FormatError("its signature does not bind the signer's certificate (ESSCertID)")
    for name, binding in bindings.items():
        for place, one in enumerate(binding.inside(der.SEQUENCE)[0].inside(der.SEQUENCE)):
            parts = one.inside(der.SEQUENCE)
            algorithm = "sha1" if name == _SIGNING_CERTIFICATE else "sha256"
            if name == _SIGNING_CERTIFICATE_V2 and parts[0].tag == der.SEQUENCE:
                algorithm = _HASHES.get(parts.pop(0).inside(der.SEQUENCE)[0].oid(), "")
            if not algorithm:
                raise FormatError("its signature binds the signer's certificate by a hash that does not count")
            digest = parts[0].expect(der.OCTET_STRING).content
            # SHA-1 stands in tokens of the first form of RFC 3161; what is needed here is that no second certificate can be found.
            if place:
                others.append((algorithm, digest))
            elif hashlib.new(algorithm, certificate.whole, usedforsecurity=False).digest() != digest:
                raise FormatError("its signature was made with another certificate than the one in it (ESSCertID)")
            elif parts[1:] and not tokenform.is_of(parts[1], certificate):
                raise FormatError("its signature names another certificate than the one in it (ESSCertID)")
        tokenform.check_binding(binding)
    return tuple(others)


def _binds(token: Token, pinned: Sequence[bytes]) -> bool:
    """Whether each further certificate that the signature binds can be one of its chain."""
    content = der.element(token.reply).inside(der.SEQUENCE)[1].inside(der.SEQUENCE)[1]
    held = content.inside(der.context(0))[0].inside(der.SEQUENCE)[3].inside(der.context(0))
    known = [*pinned, *(one.whole for one in held if one.whole != token.signer)]
    hashes = {
        algorithm: {hashlib.new(algorithm, one, usedforsecurity=False).digest() for one in known}
        for algorithm in {algorithm for algorithm, _ in token.others}
    }
    return all(digest in hashes[algorithm] for algorithm, digest in token.others)

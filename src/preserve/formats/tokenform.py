"""The one form of a time-stamp token, and what of it proves something (RFC 3161 section 2.4, RFC 5652, RFC 5816, RFC 5280).

Of a reply a part is signed, and the rest is read by every program in its own way: one takes a tag for another, one skips what it does
not know, one ends in an error. So the form is written down here, for the whole of it, and what is not made so is no time-stamp; and
the program that checks the signature gets only what bears on it. docs/formats/timestamps.md sections 2 and 5 say the same to people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from preserve.errors import FormatError
from preserve.formats import der
from preserve.formats.der import Element
from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an element is to be: its tag one of `tags` (none: any), its content `value` if said; made of `parts`, in this order, or of
    at least `least` that are each `each`, sorted as a SET OF is where `ordered`. An `optional` one may be missing.
    """

    tags: tuple[int, ...] = ()
    value: bytes | None = None
    parts: tuple[Form, ...] | None = None
    each: Form | None = None
    least: int = 1
    ordered: bool = False
    optional: bool = False

    def fits(self, found: Element) -> bool:
        """Whether `found` is made so. It is DER, however deep (der.check_nested)."""
        if (self.tags and found.tag not in self.tags) or (self.value is not None and found.content != self.value):
            return False
        if self.parts is None and self.each is None:
            return True
        inside = der.elements(found.content)
        if self.each is not None:
            whole = [part.whole for part in inside]
            in_order = not self.ordered or whole == sorted(whole)
            return len(inside) >= self.least and in_order and all(map(self.each.fits, inside))
        for part in self.parts or ():
            if inside and part.fits(inside[0]):
                inside.pop(0)
            elif not part.optional:
                return False
        return not inside


def _one(tag: int, value: bytes | None = None, *, optional: bool = False) -> Form:
    return Form(tags=(tag,), value=value, optional=optional)


def _made(tag: int, *parts: Form, optional: bool = False) -> Form:
    return Form(tags=(tag,), parts=parts, optional=optional)


def _many(tag: int, each: Form, *, least: int = 1, ordered: bool = False, optional: bool = False) -> Form:
    return Form(tags=(tag,), each=each, least=least, ordered=ordered, optional=optional)


def _oid(dotted: str) -> Form:
    return _one(der.OID, der.element(der.encode_oid(dotted)).content)


_IMPLICIT = 0x80
"""A primitive element [0] of its context."""
_SIGNED_DATA = _oid("1.2.840.113549.1.7.2")
_TST_INFO = _oid("1.2.840.113549.1.9.16.1.4")
_HASH = _made(der.SEQUENCE, _one(der.OID), _one(der.NULL, optional=True))
"""A hash, or a signature: without parameters, or with those that say nothing."""
_ALGORITHM = _made(der.SEQUENCE, _one(der.OID), Form(tags=(der.NULL, der.OID, der.SEQUENCE), optional=True))
_NAME = _many(
    der.SEQUENCE,
    _many(der.SET, _made(der.SEQUENCE, _one(der.OID), Form(tags=tuple(der.STRINGS))), ordered=True),
    least=0,
)
_EXTENSIONS = _many(
    der.SEQUENCE, _made(der.SEQUENCE, _one(der.OID), _one(der.BOOLEAN, b"\xff", optional=True), _one(der.OCTET_STRING))
)
_TIME = Form(tags=(der.UTC_TIME, der.GENERALIZED_TIME))
_CERTIFICATE = _made(
    der.SEQUENCE,
    _made(
        der.SEQUENCE,
        _made(der.context(0), _one(der.INTEGER, b"\x02"), optional=True),
        _one(der.INTEGER),
        _ALGORITHM,
        _NAME,
        _made(der.SEQUENCE, _TIME, _TIME),
        _NAME,
        _made(der.SEQUENCE, _ALGORITHM, _one(der.BIT_STRING)),
        _made(der.context(3), _EXTENSIONS, optional=True),
    ),
    _ALGORITHM,
    _one(der.BIT_STRING),
)
_ATTRIBUTES = _made(der.SEQUENCE, _one(der.OID), _many(der.SET, Form(), ordered=True))
_SIGNER = _made(
    der.SEQUENCE,
    _one(der.INTEGER, b"\x01"),
    _made(der.SEQUENCE, _NAME, _one(der.INTEGER)),
    _HASH,
    _many(der.context(0), _ATTRIBUTES, ordered=True),
    _HASH,
    _one(der.OCTET_STRING),
    _many(der.context(1), _ATTRIBUTES, optional=True),
)
_REPLY = _made(
    der.SEQUENCE,
    _made(
        der.SEQUENCE,
        _one(der.INTEGER, b"\x00"),
        _many(der.SEQUENCE, _one(der.UTF8_STRING), optional=True),
        _one(der.BIT_STRING, optional=True),
    ),
    _made(
        der.SEQUENCE,
        _SIGNED_DATA,
        _made(
            der.context(0),
            _made(
                der.SEQUENCE,
                _one(der.INTEGER, b"\x03"),
                _many(der.SET, _HASH, ordered=True),
                _made(der.SEQUENCE, _TST_INFO, _made(der.context(0), _one(der.OCTET_STRING))),
                _many(der.context(0), _CERTIFICATE),
                _many(der.context(1), _one(der.SEQUENCE), optional=True),
                _made(der.SET, _SIGNER),
            ),
        ),
    ),
)
_STAMPED = _made(
    der.SEQUENCE,
    _one(der.INTEGER, b"\x01"),
    _one(der.OID),
    _made(der.SEQUENCE, _HASH, _one(der.OCTET_STRING)),
    _one(der.INTEGER),
    _one(der.GENERALIZED_TIME),
    _made(
        der.SEQUENCE,
        _one(der.INTEGER, optional=True),
        _one(_IMPLICIT, optional=True),
        _one(_IMPLICIT | 1, optional=True),
        optional=True,
    ),
    _one(der.BOOLEAN, b"\xff", optional=True),
    _one(der.INTEGER, optional=True),
    _made(der.context(0), Form(), optional=True),
    Form(tags=(der.context(1),), each=_EXTENSIONS.each, optional=True),
)
"""TSTInfo: what is signed."""
_ISSUED_BY = _made(der.SEQUENCE, _many(der.SEQUENCE, _made(der.context(4), _NAME)), _one(der.INTEGER))
_BOUND = _made(
    der.SEQUENCE,
    Form(tags=(der.SEQUENCE,), parts=_HASH.parts, optional=True),
    _one(der.OCTET_STRING),
    Form(tags=(der.SEQUENCE,), parts=_ISSUED_BY.parts, optional=True),
)
_BINDING = _made(
    der.SEQUENCE, _many(der.SEQUENCE, _BOUND), _many(der.SEQUENCE, _made(der.SEQUENCE, _one(der.OID)), optional=True)
)
"""SigningCertificate and SigningCertificateV2: the certificates by their hashes, and policies without qualifiers."""


_PSS = _made(
    der.SEQUENCE,
    _made(der.context(0), _HASH, optional=True),
    _made(der.context(1), _made(der.SEQUENCE, _one(der.OID), _HASH), optional=True),
    _made(der.context(2), _one(der.INTEGER), optional=True),
    _made(der.context(3), _one(der.INTEGER), optional=True),
)
_PARAMETERS = {
    **{f"1.2.840.113549.1.1.{number}": (True, _one(der.NULL)) for number in (1, 5, 11, 12, 13)},  # RSA
    "1.2.840.113549.1.1.10": (False, _PSS),
    "1.2.840.10045.2.1": (False, _one(der.OID)),  # a key on a named curve
    **{f"1.2.840.10045.4.{number}": (True, None) for number in ("1", "3.2", "3.3", "3.4")},  # ECDSA
    **{f"1.3.101.{number}": (True, None) for number in (112, 113)},  # EdDSA
}
"""Algorithms of certificates: whether they can do without parameters, and of what form these are."""


def check_reply(reply: bytes) -> None:
    """FormatError when it is not a granted reply of this form."""
    _check(_REPLY, reply)


def check_stamped(info: bytes) -> None:
    """FormatError when it is not what is signed in a time-stamp (TSTInfo)."""
    der.check_nested(info)
    _check(_STAMPED, info)
    for number in der.element(info).inside(der.SEQUENCE)[5:]:
        if number.tag == der.context(0) and der.elements(number.content)[0].tag == der.context(4):
            _check(_NAME, number.inside(der.context(0))[0].content)
        parts = der.elements(number.content) if number.tag == der.SEQUENCE else [number]
        if any(part.tag == der.INTEGER and part.integer() < 0 for part in parts):
            raise FormatError("not of the form of a time-stamp: a number below nought")
        if any(part.tag & _IMPLICIT and number.tag == der.SEQUENCE and not _is_thousandth(part.content) for part in parts):
            raise FormatError("not of the form of a time-stamp: an accuracy that is none")


def check_binding(binding: Element) -> None:
    """FormatError when it is not the attribute by which a signature binds its certificates."""
    if not _BINDING.fits(binding):
        raise FormatError("not of the form of a time-stamp: how it binds the signer's certificate (ESSCertID)")


def _check(form: Form, data: bytes) -> None:
    if not form.fits(der.element(data)):
        raise FormatError("not of the form of a time-stamp (docs/formats/timestamps.md section 2)")


def _is_thousandth(data: bytes) -> bool:
    return der.is_integer(data) and 0 < int.from_bytes(data, "big", signed=True) < 1000


# -------------------------------------------------------------------------------------------------------------- certificates


def issued(certificate: Element) -> tuple[bytes, bytes]:
    """(issuer, serial number) of a certificate (RFC 5280 section 4.1), as they are written."""
    fields = _fields(certificate)
    return fields[2].whole, fields[0].whole


def is_of(named: Element, certificate: Element) -> bool:
    """Whether an IssuerSerial (RFC 5035 section 5) is that of a certificate."""
    if not _ISSUED_BY.fits(named):
        return False
    names, serial = named.inside(der.SEQUENCE)
    issuer, own = issued(certificate)
    said = names.inside(der.SEQUENCE)
    return len(said) == 1 and same_name(said[0].content, issuer) and serial.whole == own


def subject(certificate: Element) -> bytes:
    """Whom it names, as it is written."""
    return _fields(certificate)[4].whole


def other_names(certificate: Element) -> list[Element]:
    """The other names that it gives (subjectAltName, RFC 5280 section 4.2.1.6)."""
    names = list[Element]()
    for block in (part for part in _fields(certificate) if part.tag == der.context(3)):
        for extension in block.inside(der.context(3))[0].inside(der.SEQUENCE):
            kind, *_, value = extension.inside(der.SEQUENCE)
            if kind.oid() == "2.5.29.17":
                names += der.element(value.content).inside(der.SEQUENCE)
    return names


def key_algorithm(certificate: Element) -> str:
    """The algorithm of its key."""
    return _fields(certificate)[5].inside(der.SEQUENCE)[0].inside(der.SEQUENCE)[0].oid()


def _is_plain(certificate: Element) -> bool:
    """Whether every program reads it alike: a number above nought, names without anything twice at one level, times without fractions,
    and algorithms that certificates have, with their parameters.
    """
    number, inner, issuer, validity, owner, key, *_ = _fields(certificate)
    algorithms = (inner, key.inside(der.SEQUENCE)[0], certificate.inside(der.SEQUENCE)[1])
    whole = not any(b"." in moment.content for moment in validity.inside(der.SEQUENCE))
    levels = [level.inside(der.SET) for name in (issuer, owner) for level in name.inside(der.SEQUENCE)]
    whole = whole and all(len({one.inside(der.SEQUENCE)[0].content for one in level}) == len(level) for level in levels)
    return number.integer() > 0 and whole and all(map(_is_usual, algorithms))


def _is_usual(algorithm: Element) -> bool:
    kind, *parameters = algorithm.inside(der.SEQUENCE)
    bare, form = _PARAMETERS.get(kind.oid(), (False, None))
    if not parameters:
        return bare
    return len(parameters) == 1 and form is not None and form.fits(parameters[0])


def above(signer: Element, held: Sequence[Element]) -> list[Element]:
    """The signer's certificate, and those of `held` that can lie between it and a root, by their names. What not every program can
    read is left out; a chain that needs it ends there.
    """
    named = dict[bytes, list[Element]]()
    for one in filter(_is_plain, held):
        named.setdefault(subject(one), []).append(one)
    kept, wanted = {signer.whole: signer}, [issued(signer)[0]]
    for name in wanted:  # it grows; no name is looked for twice, for others choose how many certificates there are
        for one in named.pop(name, ()):
            kept.setdefault(one.whole, one)
            wanted.append(issued(one)[0])
    return [*kept.values()]


def is_called(certificate: Element, name: Element) -> bool:
    """Whether a GeneralName is one that a certificate gives its owner."""
    if name.tag != der.context(4):
        return name.whole in (other.whole for other in other_names(certificate))
    return same_name(name.content, subject(certificate)) or any(
        other.tag == name.tag and same_name(name.content, other.content) for other in other_names(certificate)
    )


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two names are the same to OpenSSL: letters of ASCII in either case, white space of any length (RFC 5280 section 7.1)."""
    return one == other or (all(map(_NAME.fits, map(der.element, (one, other)))) and _folded(one) == _folded(other))


def _folded(name: bytes) -> list[list[tuple[bytes, bytes]]]:
    """Each attribute of a name of this form: its type, and its text."""
    return [
        sorted(
            (kind.content, _text(value))
            for kind, value in (attribute.inside(der.SEQUENCE) for attribute in rdn.inside(der.SET))
        )
        for rdn in der.element(name).inside(der.SEQUENCE)
    ]


def _text(value: Element) -> bytes:
    if value.tag == der.NUMERIC_STRING:  # which OpenSSL compares as it is
        return value.whole
    text = value.content.decode(der.STRINGS[value.tag]).encode("utf-8", "surrogatepass")
    return re.sub(rb"[ \t\n\v\f\r]+", b" ", text.strip(b" \t\n\v\f\r")).lower()


def _fields(certificate: Element) -> list[Element]:
    """From the serial number on."""
    fields = certificate.inside(der.SEQUENCE)[0].inside(der.SEQUENCE)
    return fields[1:] if fields[0].tag == der.context(0) else fields

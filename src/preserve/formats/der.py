"""DER, as far as time-stamp tokens and certificates need it (ITU-T X.690 sections 8 and 10): elements apart, elements together.

Strict: one tag byte, definite lengths in their shortest form, nothing left over. What a value means is for its reader; here are
only the few types that tokens are made of. Nothing recurses, so no nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from preserve.errors import FormatError
from preserve.model.noun import dataclass

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED, UTF8_STRING = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C
NUMERIC_STRING, PRINTABLE_STRING, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x12, 0x13, 0x17, 0x18, 0x30, 0x31
STRINGS = {
    UTF8_STRING: "utf-8",
    PRINTABLE_STRING: "ascii",
    NUMERIC_STRING: "ascii",
    0x14: "utf-8",  # TeletexString, whose letters beyond ASCII no two programs read alike
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
"""Tags of text, and how it is written."""
_CONSTRUCTED, _CONTEXT, _CLASS = 0x20, 0x80, 0xC0
"""The bit of a tag by which an element is made of others; the class that means what its place says."""
_LONGEST_OID = 63
_OID = re.compile(rb"(?:(?!\x80)[\x80-\xff]{0,17}[\x00-\x7f])+")
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
_TIMES = {UTC_TIME: re.compile(rb"[0-9]{12}Z"), GENERALIZED_TIME: re.compile(rb"[0-9]{14}(?:\.[0-9]*[1-9])?Z")}
_DEEPEST = 64
"""Elements in one another; certificates have some ten."""


def context(number: int) -> int:
    """The tag of a constructed element [number] of its context."""
    return 0xA0 | number


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte, its content, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes

    def expect(self, tag: int) -> Element:
        """Itself, when it has this tag; else FormatError."""
        if self.tag != tag:
            raise FormatError(f"DER: tag {self.tag:#04x} where {tag:#04x} belongs")
        return self

    def inside(self, tag: int) -> list[Element]:
        """What a constructed element with this tag holds."""
        return elements(self.expect(tag).content)

    def integer(self) -> int:
        """An INTEGER in its shortest form."""
        data = self.expect(INTEGER).content
        if not is_integer(data):
            raise FormatError("DER: not an integer in its shortest form")
        return int.from_bytes(data, "big", signed=True)

    def oid(self) -> str:
        """An OBJECT IDENTIFIER in dotted decimals."""
        arcs, value, data = list[int](), 0, self.expect(OID).content
        if not data or data[-1] >= 0x80:
            raise FormatError("DER: not an object identifier")
        for byte in data:
            if (byte == 0x80 and value == 0) or value >> 128:
                raise FormatError("DER: not an object identifier")
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def element(data: bytes) -> Element:
    """The one element that `data` is."""
    found = elements(data)
    if len(found) != 1:
        raise FormatError(f"DER: {len(found)} elements where there should be one")
    return found[0]


def elements(data: bytes) -> list[Element]:
    """The elements that `data` is made of, one after the other."""
    found, place = [], 0
    while place < len(data):
        end = place + 2
        if end > len(data) or data[place] & 0x1F == 0x1F:
            raise FormatError("DER: cut short, or a tag of several bytes")
        length = data[place + 1]
        if length >= 0x80:
            start, end = end, end + length - 0x80
            length = int.from_bytes(data[start:end], "big")
            if end > min(start + 4, len(data)) or length < 0x80 or data[start] == 0:
                raise FormatError("DER: not a length in its shortest form")
        if end + length > len(data):
            raise FormatError("DER: cut short")
        found.append(Element(data[place], data[end : end + length], data[place : end + length]))
        place = end + length
    return found


def check_nested(data: bytes) -> None:
    """FormatError when anything that `data` is made of, however deep, is not DER: two readers of it may not agree on what it says."""
    left = [(data, _DEEPEST)]
    while left:
        inside, deeper = left.pop()
        if not deeper:
            raise FormatError("DER: nested too deep")
        for part in elements(inside):
            if part.tag & _CONSTRUCTED:
                left.append((part.content, deeper - 1))
            if not _is_spelled(part):
                raise FormatError(f"DER: not a value of tag {part.tag:#04x} in its one spelling")


def time(found: Element) -> datetime:
    """The moment that a UTCTime (of 1950 to 2049) or a GeneralizedTime says, naive, in UTC, to the microsecond."""
    pattern = _TIMES.get(found.tag)
    if pattern is None or pattern.fullmatch(found.content) is None:
        raise FormatError("DER: not a time in its one spelling")
    written, _, fraction = found.content[:-1].decode("ascii").partition(".")
    if found.tag == UTC_TIME:
        written = ("20" if written < "50" else "19") + written
    try:
        return datetime.strptime(written + fraction.ljust(6, "0")[:6], "%Y%m%d%H%M%S%f")  # noqa: DTZ007 its caller knows that it is UTC
    except ValueError:
        raise FormatError("DER: a time that is none") from None


def _is_spelled(part: Element) -> bool:
    """Whether an element of a type that everybody knows has a value of it, spelled as DER wants it."""
    data = part.content
    if part.tag & _CLASS:
        return part.tag & _CLASS == _CONTEXT  # of what type it is, its place says
    try:
        match part.tag:
            case 0x30 | 0x31 | 0x04:  # SEQUENCE, SET, OCTET STRING
                return True
            case 0x01:  # BOOLEAN
                return data in {b"\x00", b"\xff"}
            case 0x02 | 0x0A:  # INTEGER, ENUMERATED
                return is_integer(data)
            case 0x03:  # BIT STRING
                unused = data[0] if data else 8
                return unused < 8 and (len(data) > 1 or not unused) and not data[-1] & (1 << unused) - 1
            case 0x05:  # NULL
                return not data
            case 0x06:  # OBJECT IDENTIFIER
                return len(data) <= _LONGEST_OID and _OID.fullmatch(data) is not None
            case 0x17 | 0x18:  # UTCTime, GeneralizedTime
                return bool(time(part))
            case _:
                data.decode(STRINGS[part.tag])
                return part.tag != PRINTABLE_STRING or _PRINTABLE.fullmatch(data) is not None
    except (FormatError, UnicodeDecodeError, KeyError):
        return False


def is_integer(data: bytes) -> bool:
    """Whether these are the bytes of an INTEGER, in its shortest form."""
    return bool(data) and not (len(data) > 1 and data[0] in {0x00, 0xFF} and (data[0] ^ data[1]) < 0x80)


def encode(tag: int, *content: bytes) -> bytes:
    """The element of `tag` around `content`."""
    inner = b"".join(content)
    size = len(inner)
    if size < 0x80:
        return bytes((tag, size)) + inner
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + inner


def encode_integer(value: int) -> bytes:
    """An INTEGER."""
    digits = value if value >= 0 else ~value  # -128 takes one byte, 128 takes two
    return encode(INTEGER, value.to_bytes(digits.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from dotted decimals; raises FormatError for what is none."""
    parts = dotted.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and len(part) < 39 for part in parts):
        raise FormatError(f"not an object identifier: {dotted[:80]!r}")
    first, second, *rest = map(int, parts)
    if first > 2 or (first < 2 and second > 39):
        raise FormatError(f"not an object identifier: {dotted[:80]!r}")
    return encode(OID, *(_base128(arc) for arc in (40 * first + second, *rest)))


def encode_set(tag: int, members: Iterable[bytes]) -> bytes:
    """A SET OF, its members in the one order that DER allows (X.690 section 11.6)."""
    return encode(tag, *sorted(members))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))

"""JSON for signed documents: two readers of the same bytes must see the same thing.

Python's `json` accepts duplicate keys (last one wins), NaN, byte order marks, UTF-16 and numbers that lose digits elsewhere.
None of that may pass under a signature. Written is ASCII with `\\u` escapes, so that no look-alike or bidirectional text stands
in the signed view; numbers are integers within ±(2^53 - 1), which every JSON reader keeps exactly (RFC 8259 section 6,
RFC 7493 sections 2.2 and 2.3).

Two forms are written: `encode` for a document that people read (manifest.json) and `encode_line` for the lines of a .jsonl file.
Decoders take an object apart with `Fields`, which knows each member's exact type and refuses the members nobody asked for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias, TypeVar

from preserve.errors import FormatError
from preserve.formats import times

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"

MAX_DEPTH = 16
"""How deep arrays and objects may lie in each other."""
MAX_INTEGER = 2**53 - 1

HASH = re.compile(r"[0-9a-f]{64}")
WORDS = re.compile(r".*\S.*", re.DOTALL)
"""Text in which something is said."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(rb"[\[\]{}]")
_HALF = re.compile(rb"\\ud[89a-f]")
"""How half of a surrogate pair begins in the one spelling."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE = json.JSONEncoder(ensure_ascii=True, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
"""Of values whose depth was looked at: none of them goes round in a circle."""
_MISSING = object()
_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


def encode(value: Json) -> bytes:
    """`value` for people: two spaces of indentation, members in the order given, a newline at the end."""
    _check(value, MAX_DEPTH)
    return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2).encode("ascii") + b"\n"


def encode_line(value: Json) -> bytes:
    """`value` on one line: no spaces, members sorted by name, no newline at the end."""
    _check(value, MAX_DEPTH)
    return _LINE.encode(value).encode("ascii")


def decode(data: bytes) -> Json:
    """The one value that `data` holds; raises FormatError naming what two readers could understand differently."""
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise FormatError("byte order mark: JSON here is plain ASCII")
    if not data.isascii():
        raise FormatError("not ASCII: JSON here writes other characters as \\u and four hexadecimal digits")
    _check_depth(data)
    try:
        value: Json = json.loads(
            data.decode("ascii"),
            object_pairs_hook=_members,
            parse_float=_no_float,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except json.JSONDecodeError as problem:
        raise FormatError(f"not JSON: {problem}") from None
    if b"\\u" in data:
        _check(value, MAX_DEPTH)
    return value


def decode_line(data: bytes) -> Json:
    """What `encode_line` wrote: as `decode`, and refused when it has another spelling (spaces, order, escapes)."""
    # Of what comes back in the same spelling, no member stood there twice: that is not looked for by itself.
    value: Json
    try:
        _check_depth(data)
        value = _READER.decode(data.decode("ascii"))
        same = _LINE.encode(value).encode("ascii") == data
    except ValueError:  # not ASCII, not JSON
        same = False
    if not same:
        decode(data)  # which says what is wrong with it, where it is more than the spelling
        raise FormatError("not canonical: the same content has another spelling")
    if _HALF.search(data):  # else none stands alone; everything else was looked at when it was read
        _check(value, MAX_DEPTH)
    return value


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise FormatError(f"nested too deeply: more than {MAX_DEPTH} levels")


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FormatError(f"duplicate key: {twice[:80]!r}")
    return members


def _no_float(text: str) -> NoReturn:
    raise FormatError(f"not an integer: {text[:40]}")


def _no_constant(text: str) -> NoReturn:
    raise FormatError(f"not JSON: {text}")


def _integer(text: str) -> int:
    if text == "-0":
        raise FormatError("negative zero: -0")
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise FormatError(f"integer too large: {text[:40]}")
    return int(text)


_READER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_constant, parse_int=_integer)


def _check(value: Any, room: int) -> None:
    """Refuse what may not be written: floats, large integers, lone surrogates, keys that are no strings, deep nesting.

    By exact type and not by `isinstance`: this runs for every value that is ever written.
    """
    kind = type(value)
    if kind is str:
        if not value.isascii() and _SURROGATE.search(value):
            raise FormatError(f"lone surrogate: {value!r:.80}")
    elif kind is dict or kind is list or kind is tuple:
        if room == 0:
            raise FormatError(f"nested too deeply: more than {MAX_DEPTH} levels")
        for member in value:  # of an object: its members' names
            plain = type(member)
            if (plain is str and member.isascii()) or (kind is not dict and (member is None or plain is bool)):
                continue  # nearly all there is; the rest is looked at one by one
            if kind is dict and plain is not str:
                raise FormatError(f"not a string: the member name {member!r}")
            _check(member, room - 1)
        if kind is dict:
            _check(tuple(value.values()), room)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise FormatError(f"integer too large: {value}")
    elif kind is float:
        raise FormatError(f"not an integer: {value}")
    elif value is not None and kind is not bool:
        raise FormatError(f"not JSON: a {kind.__name__}")


class Fields:
    """The members of one JSON object, taken one by one by name and exact type; `end` refuses what nobody took.

    `where` names the object in messages ("manifest.json: archive"). Every method raises FormatError.
    """

    __slots__ = ("_members", "_where")

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise FormatError(f"{where}: wrong type: not an object")
        self._members: dict[str, Any] = dict(value)
        self._where = where

    def end(self) -> None:
        """Nothing is left over."""
        if self._members:
            raise FormatError(f"{self._where}: unknown field: {min(self._members)!r}")

    def refuse(self, why: str) -> NoReturn:
        """Raise FormatError saying `why` of this object."""
        raise FormatError(f"{self._where}: {why}")

    def text(self, name: str, form: re.Pattern[str] | None = None) -> str:
        """A string, matching `form` as a whole."""
        value = self._members.pop(name, _MISSING)
        if type(value) is not str:
            if value is _MISSING:
                self.refuse(f"missing field: {name!r}")
            self.refuse(f"wrong type: {name!r} is not a string")
        if form is not None and not form.fullmatch(value):
            self.refuse(f"bad value: {name!r} is {value[:80]!r}")
        return value

    def hash(self, name: str) -> str:
        """A SHA-256 as 64 lower-case hex digits."""
        return self.text(name, HASH)

    def constant(self, name: str, expected: str) -> None:
        """Exactly this string."""
        if (value := self.text(name)) != expected:
            self.refuse(f"bad value: {name!r} is {value[:80]!r}, not {expected!r}")

    def time(self, name: str) -> datetime:
        """A time as `times.parse` reads it."""
        try:
            return times.parse(self.text(name))
        except FormatError as problem:
            self.refuse(f"{problem.message} ({name!r})")

    def choice(self, name: str, kind: type[_E]) -> _E:
        """A member of a string enumeration."""
        value = self.text(name)
        try:
            return kind(value)
        except ValueError:
            self.refuse(f"bad value: {name!r} is {value[:80]!r}")

    def integer(self, name: str, minimum: int = 0) -> int:
        """An integer, never a boolean, not below `minimum`."""
        value = self._take(name)
        if type(value) is not int:
            self.refuse(f"wrong type: {name!r} is not an integer")
        if value < minimum:
            self.refuse(f"bad value: {name!r} is {value}")
        return value

    def boolean(self, name: str) -> bool:
        value = self._take(name)
        if type(value) is not bool:
            self.refuse(f"wrong type: {name!r} is not true or false")
        return value

    def array(self, name: str, each: Callable[[Json, str], _T]) -> tuple[_T, ...]:
        """An array, each member read by `each(value, where)`."""
        value = self._take(name)
        if type(value) is not list:
            self.refuse(f"wrong type: {name!r} is not an array")
        return tuple(each(member, f"{self._where}: {name}[{place}]") for place, member in enumerate(value))

    def object(self, name: str) -> Fields:
        return Fields(self._take(name), f"{self._where}: {name}")

    def or_null(self, name: str, take: Callable[..., _T], *rest: Any) -> _T | None:
        """null, or what `take(name, *rest)` reads: `fields.or_null("date", fields.text)`."""
        if self._members.get(name, _MISSING) is None:
            del self._members[name]
            return None
        return take(name, *rest)

    def has(self, name: str) -> bool:
        """Whether an optional member is there at all."""
        return name in self._members

    def names(self) -> tuple[str, ...]:
        """The members not yet taken, in their order."""
        return tuple(self._members)

    def _take(self, name: str) -> Any:
        value = self._members.pop(name, _MISSING)
        if value is _MISSING:
            self.refuse(f"missing field: {name!r}")
        return value


def text(value: Json, where: str) -> str:
    """A string in an array, for `Fields.array`."""
    if type(value) is not str:
        raise FormatError(f"{where}: wrong type: not a string")
    return value


def integer(value: Json, where: str) -> int:
    """An integer in an array, for `Fields.array`."""
    if type(value) is not int:
        raise FormatError(f"{where}: wrong type: not an integer")
    return value

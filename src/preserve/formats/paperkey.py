"""A key as text that survives paper and typing (docs/formats/keys.md section 8).

    1: 8G4M-2KJX-R0TQ
    …                     seven lines of a number, eight letters that carry the key, two more, and two that check the line
    7: 5WDA-Z1CP-0E3H

The letters are Crockford's base 32, which has no I, L, O and U: typed all the same, I and L are read as 1, O as 0, and small letters as
large ones. A line is five bytes: the seven hold the 32 bytes of an Ed25519 key and three of its SHA-256. The two
are such that the line's number and its ten letters, read as one number in base 32, are divisible by 1021: so a wrong letter is always
noticed, and so are two letters or two lines in each other's place.
"""

from __future__ import annotations

import hashlib
import re

from preserve.errors import FormatError

LINES = 7
SEED_SIZE = 32
_BYTES = 5
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)} | {"O": 0, "I": 1, "L": 1}
_PRIME = 1021
"""The largest prime below 32²; no power of 32 up to the tenth is 1 modulo it."""
_LINE = re.compile(r"\s*(?:([0-9])\s*[:.)]\s*)?(\S.*?)\s*", re.ASCII)
_ROW = re.compile(r"\s*[0-9]\s*[:.)]", re.ASCII)


def encode(seed: bytes) -> tuple[str, ...]:
    """The lines to print for a key of 32 bytes."""
    if len(seed) != SEED_SIZE:
        raise ValueError("a key of 32 bytes is needed")
    data = seed + hashlib.sha256(seed).digest()[: LINES * _BYTES - SEED_SIZE]
    return tuple(_line(number, data[_BYTES * number : _BYTES * (number + 1)]) for number in range(LINES))


def decode(text: str) -> bytes:
    """The key in what was typed; raises FormatError naming every line that is not right.

    Lines that do not begin with a number are passed over when there are seven that do: a whole printed page may be read.
    """
    rows = [row for row in text.splitlines() if row.strip()]
    if sum(bool(_ROW.match(row)) for row in rows) >= LINES:
        rows = [row for row in rows if _ROW.match(row)]
    if len(rows) != LINES:
        raise FormatError(f"recovery key: {len(rows)} lines; it has {LINES}", "type it as it is printed, line by line")
    data, problems = b"", []
    for number, row in enumerate(rows):
        try:
            data += _read(number, row)
        except FormatError as problem:
            problems.append(problem.message)
    if problems:
        raise FormatError(f"recovery key: {'; '.join(problems)}", "compare these lines with the paper, letter by letter")
    seed = data[:SEED_SIZE]
    if hashlib.sha256(seed).digest()[: LINES * _BYTES - SEED_SIZE] != data[SEED_SIZE:]:
        raise FormatError("recovery key: the lines are not those of one key", "do they come from the same paper?")
    return seed


def check_line(number: int, row: str) -> None:
    """Whether `row` is line `number` (from 0); raises FormatError saying what is wrong with it."""
    _read(number, row)


def _line(number: int, data: bytes) -> str:
    value = int.from_bytes(data, "big")
    letters = "".join(_LETTERS[value >> shift & 31] for shift in range(35, -1, -5))
    check = _check(number, value)
    letters += _LETTERS[check >> 5] + _LETTERS[check & 31]
    return f"{number + 1}: {letters[:4]}-{letters[4:8]}-{letters[8:]}"


def _check(number: int, value: int) -> int:
    return -((number + 1 << 40 | value) << 10) % _PRIME


def _read(number: int, row: str) -> bytes:
    match = _LINE.fullmatch(row)
    typed = re.sub(r"[\s-]", "", match[2] if match else row).upper()
    if strange := next((letter for letter in typed if letter not in _VALUES), ""):
        raise FormatError(f"line {number + 1} has {strange!a}, which no line has")
    if len(typed) != 10:
        raise FormatError(f"line {number + 1} has {len(typed)} letters, not 10")
    value = 0
    for letter in typed[:8]:
        value = value << 5 | _VALUES[letter]
    check = _VALUES[typed[8]] << 5 | _VALUES[typed[9]]
    if check != _check(number, value):
        belongs = next((other + 1 for other in range(LINES) if check == _check(other, value)), None)
        if belongs is not None:
            raise FormatError(f"line {number + 1} is the line that belongs at {belongs}")
        raise FormatError(f"line {number + 1} is mistyped: its check letters do not fit")
    return value.to_bytes(_BYTES, "big")

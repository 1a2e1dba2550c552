"""Printed numbers: how a count is written, as word processors do it (ISO/IEC 29500-1 section 17.18.59, ISO/IEC 26300-3 19.500)."""

from __future__ import annotations

_ROMAN = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
_SIGNS = "*†‡§"
_NAMES = {"decimal": "1", "lowerRoman": "i", "upperRoman": "I", "lowerLetter": "a", "upperLetter": "A", "chicago": "*"}


def printed(count: int, form: str) -> str:
    """`count` from 1 in `form`: "1", "i", "I", "a", "A", "*" or the OOXML name of one; decimal in any other."""
    form = _NAMES.get(form, form)
    if form in {"i", "I"} and count < 4000:
        return _roman(count) if form == "i" else _roman(count).upper()
    if form in {"a", "A"}:
        return chr(ord(form) + (count - 1) % 26) * ((count - 1) // 26 + 1)
    if form == "*":
        return _SIGNS[(count - 1) % 4] * ((count - 1) // 4 + 1)
    return str(count)


def _roman(count: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        text += letters * (count // value)
        count %= value
    return text

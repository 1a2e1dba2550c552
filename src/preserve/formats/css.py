"""What a style sheet refers to: the addresses in `url()`, `@import`, `@font-face` and `image-set()`.

CSS Syntax Module Level 3 (https://www.w3.org/TR/css-syntax-3/), sections 4.3.4 to 4.3.7, as far as it takes to tell a reference from
what only looks like one: comments, strings and escapes are seen for what they are, a namespace is no address. Nothing is built
from the rest. Time and memory are linear in the sheet, whatever it holds, and nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preserve.model.pattern import pattern

_STRING = r'"(?:[^"\\\n\r\f]|\\[\s\S])*+(?:"|\Z)|\'(?:[^\'\\\n\r\f]|\\[\s\S])*+(?:\'|\Z)'
_COMMENT = r"/\*[\s\S]*?(?:\*/|\Z)"
_ESCAPED = r"\\(?:[0-9A-Fa-f]{1,6}\s?|[^\n\r\f])"
_GAP = rf"(?:\s|{_COMMENT})*+"
_URL = rf"url\(\s*+(?:(?:{_STRING})|(?:[^\"'()\\\s]|{_ESCAPED})*+)\s*+(?:\)|\Z)"
_TOKEN = pattern(
    rf"{_COMMENT}|\\[\s\S]"
    rf"|(?P<url>(?<![\w-]){_URL})"
    rf"|@import{_GAP}(?P<imported>{_URL}|{_STRING})"
    rf"|@namespace{_GAP}(?:[\w-]++{_GAP})?+(?:{_URL}|{_STRING})"
    rf"|image-set\((?P<set>(?:[^;}}\"']|{_STRING})*+)"
    rf"|(?<![\w-])url\([^)]*+"  # a bad url: up to its end it is nothing
    rf"|{_STRING}",
    re.IGNORECASE,
)
_CHOICE = pattern(rf"type\(\s*+(?:{_STRING})|{_COMMENT}|(?P<choice>{_URL}|{_STRING})", re.IGNORECASE)
_ESCAPE = pattern(r"\\(?:([0-9A-Fa-f]{1,6})(?:\r\n|\s)?|(\r\n|[\n\r\f])|([\s\S]))")
_SIGNS = ("url(", "@import", "image-set(")


def references(sheet: str) -> Iterator[str]:
    """The addresses that a sheet (or the value of a style attribute) names, as written, in order; the empty ones are left out."""
    # Most inline styles name nothing. (A sheet that spells `url` with escapes in every place is overlooked.)
    lowered = sheet.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return
    for token in _TOKEN.finditer(sheet):
        if token["set"] is not None:
            found = [choice["choice"] for choice in _CHOICE.finditer(token["set"])]
        else:
            found = [token["url"] or token["imported"]]
        for text in found:
            if text and (address := _address(text)):
                yield address


def _address(token: str) -> str:
    """What a url token or a string says."""
    if token[:4].lower() == "url(":
        token = token[4:].removesuffix(")").strip()
    if token[:1] in {'"', "'"}:
        quote = token[0]
        token = token[1:].removesuffix(quote)
    return _ESCAPE.sub(_unescaped, token).strip()


def _unescaped(escape: re.Match[str]) -> str:
    number, line_end, character = escape.groups()
    if number:
        code = int(number, 16)
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "" if line_end else str(character)

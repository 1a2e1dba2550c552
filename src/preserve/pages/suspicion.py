"""Whether a page that nobody quotes is worth reading at all: a look at its bytes, at a hundredth of the cost.

Nothing is cited to compare it with, so all that reading could find is a wall in front of it, an empty shell, or a parked domain. These
have words of their own or hardly any text. A false alarm costs some milliseconds; nothing is decided here.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    b"password",
    b"captcha",
    b"challenge",
    b"cf-",
    b"verif",
    b"robot",
    b"blocked",
    b"denied",
    b"login",
    b"log in",
    b"signin",
    b"sign in",
    b"consent",
    b"cookie",
    b"gdpr",
    b"javascript",
    b"noscript",
    b"refresh",
    b"parked",
    b"parking",
    b"for sale",
    b"sedo",
)
_BLOCKS: Final = 5
"""Paragraphs, items and lines from which on a page has text of its own."""


def suspicious(data: bytes) -> bool:
    """Whether the page in `data` may be something else than what it was asked for."""
    lower = data.lower()
    if sum(lower.count(tag) for tag in (b"<p", b"<br", b"<li", b"<td")) < _BLOCKS and b"<" in data:
        return True
    return any(word in lower for word in _WORDS)

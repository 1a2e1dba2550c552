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
_TAGS: Final = (b"<p", b"<br", b"<li", b"<td")
_BLOCKS: Final = 5
"""Paragraphs, items and lines from which on a page has text of its own."""


def suspicious(data: bytes) -> bool:
    """Whether the page in `data` may be something else than what it was asked for."""
    lower = data.lower()
    if b"<" in lower and _bare(lower):
        return True
    return any(word in lower for word in _WORDS)


def _bare(lower: bytes) -> bool:
    """Whether the page has too few blocks to have text of its own."""
    found = 0
    for tag in _TAGS:
        at = lower.find(tag)
        while at >= 0:
            found += 1
            if found == _BLOCKS:
                return False
            at = lower.find(tag, at + 1)
    return True

"""HTML into a tree, within bounds: a page of unclosed elements costs the tree builder the square of its length.

The depth is reckoned beforehand from the tags alone. A document that people read is never so deep; one that is gets named.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from preserve.errors import FormatError

MAX_DEPTH = 10_000
"""Elements open at once; browsers stop at a few hundred."""

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_NO_DEPTH = frozenset(
    # Void elements (HTML Standard 13.1.2) and those whose end tag may be left out (13.1.2.4).
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "html",
        "head",
        "body",
        "p",
        "li",
        "dt",
        "dd",
        "rt",
        "rp",
        "optgroup",
        "option",
        "colgroup",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
    ]
)


def tree(html: str) -> LexborHTMLParser:
    """The parsed document; raises FormatError when it is nested beyond reason."""
    depth = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() not in _NO_DEPTH:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            if depth > MAX_DEPTH:
                raise FormatError(
                    f"this HTML is nested more than {MAX_DEPTH} elements deep",
                    "it was made by a program that went wrong, or to do harm",
                )
    return LexborHTMLParser(html)

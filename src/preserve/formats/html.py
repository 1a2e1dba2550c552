"""The start tags of a page, in order, with their attributes; and, for those who read it, its end tags and text between them.

The tokenizer of the HTML Living Standard (section 13.2.5), without the tree: whoever wants to know which images a page names needs
no tree, and a hostile page can make a tree builder take time that grows with the square of its size (docs/adr/0024). Comments and the
text of scripts are passed over, so that what stands in them is no tag. Time is linear in the page, memory constant; nothing is
raised for what the page holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from typing import NamedTuple

from preserve.model.pattern import pattern

_ATTRIBUTE = r"(?:=[^\s/>=]*+|[^\s/>=]++)(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|(?![\"'])[^\s>]*+))?+"
_MARKUP = pattern(
    rf"<(?:([A-Za-z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)(>?)|/([A-Za-z][^\s/>]*+)(?:[\s/]++|{_ATTRIBUTE})*+(>?)|(!--|[!?/]))"
)
"""Of a start tag: name, attributes, ">"; of an end tag: name, ">"; else how something begins that is neither."""
_COMMENT_END = pattern(r"-?>|[\s\S]*?--!?>")
_PAIR = pattern(
    r"(?P<name>=[^\s/>=]*+|[^\s/>=]++)(?:\s*+=\s*+(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<bare>(?![\"'])[^\s>]*+)))?+"
)
_REFERENCE = pattern(
    r"&(?:#(?:[xX](?P<hex>[0-9A-Fa-f]+)|(?P<decimal>[0-9]+));?|(?P<name>[A-Za-z][A-Za-z0-9]*;?)(?P<equals>=?))"
)
_RAW_TEXT = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
_RAW_END = {name: pattern(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW_TEXT}
_FOREIGN = frozenset({"svg", "math"})
_SPECIAL = _RAW_TEXT | _FOREIGN | {"plaintext"}


class Tag(NamedTuple):
    """A start tag: its name in lower case, its attributes as written, and for `style` the text up to its end tag."""

    name: str
    raw: str
    text: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """Names in lower case, values with their character references resolved; of two alike the first counts."""
        found: dict[str, str] = {}
        for pair in _PAIR.finditer(self.raw):
            value = pair["double"] or pair["single"] or pair["bare"] or ""
            found.setdefault(pair["name"].lower(), _REFERENCE.sub(_resolved, value) if "&" in value else value)
        return found


def tags(text: str, *, xml: bool = False) -> Iterator[Tag]:
    """Every start tag that a browser would see. In XML, and inside `svg` and `math`, a tag that ends in `/>` has no content."""
    place, foreign = 0, 0
    while markup := _MARKUP.search(text, place):
        name, raw, closed, ended, end_closed, other = markup.groups()
        place = markup.end()
        if other:
            if not (place := _past(text, place, other)):
                return
            continue
        if not (closed or end_closed):
            return  # the page ends inside a tag, which is none then
        if ended:
            if foreign and ended.lower() in _FOREIGN:
                foreign -= 1
            continue
        name = name.lower()
        empty = raw[-1:] == "/" and (xml or foreign > 0 or name in _FOREIGN)
        if name not in _SPECIAL or empty:
            yield Tag(name, raw)
        elif name in _FOREIGN:
            foreign += 1
            yield Tag(name, raw)
        elif name == "plaintext":
            return
        else:
            ending = _RAW_END[name].search(text, place)
            inside, place = place, ending.start() if ending else len(text)
            yield Tag(name, raw, text[inside:place] if name == "style" else "")


class EndTag(NamedTuple):
    """An end tag: its name in lower case."""

    name: str


def pieces(text: str) -> Iterator[Tag | EndTag | str]:
    """A page as a reader without scripts gets it: start tags, end tags, and the text between, its references unresolved.

    What stands inside a raw text element (`script`, `style`, `title`, `textarea`) is its start tag's `text`. A page that ends inside a
    tag ends before it.
    """
    place = said = foreign = 0
    while markup := _MARKUP.search(text, place):
        name, raw, closed, ended, end_closed, other = markup.groups()
        if markup.start() > said:
            yield text[said : markup.start()]
        place = said = markup.end()
        if other:
            if not (place := _past(text, place, other)):
                return
            said = place
        elif not (closed or end_closed):
            return
        elif ended:
            foreign -= foreign > 0 and ended.lower() in _FOREIGN
            yield EndTag(ended.lower())
        elif (name := name.lower()) in _RAW_TEXT and not (foreign and raw[-1:] == "/"):
            ending = _RAW_END[name].search(text, place)
            inside, place = place, ending.start() if ending else len(text)
            said = place
            yield Tag(name, raw, text[inside:place])
        else:
            foreign += name in _FOREIGN and raw[-1:] != "/"
            yield Tag(name, raw)
            if name == "plaintext":
                break
    if said < len(text):
        yield text[said:]


def resolve(text: str) -> str:
    """Text with its character references resolved."""
    return unescape(text) if "&" in text else text


def _past(text: str, place: int, other: str) -> int:
    """Where a comment, or what counts as one, is over; 0 when it never is."""
    if other == "!--":
        closing = _COMMENT_END.match(text, place)
        return closing.end() if closing else 0
    return text.find(">", place) + 1


def _resolved(reference: re.Match[str]) -> str:
    """A character reference in an attribute (section 13.2.5.72 and on): one without its semicolon, before "=", is none."""
    number = reference["hex"] or reference["decimal"]
    if number:
        code = int(number[:8], 16 if reference["hex"] else 10)
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 and len(number) <= 8 else "\ufffd"
    name = reference["name"]
    if name not in html5 or (reference["equals"] and not name.endswith(";")):
        return reference[0]
    return html5[name] + reference["equals"]

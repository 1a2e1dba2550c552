"""A passage as one string, with the way back to its lines; and what a document's other lines say about its layout."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from preserve.model.document import Document, Line, Passage, Where

_ADDRESS = re.compile(r"://|www\.|\w/\w+/|%[0-9A-F]{2}")
_WORD = re.compile(r"[^\W_]+")


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Flat:
    """The lines of a passage joined by newlines, white space at line ends dropped; offsets lead back to lines."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self.texts = [line.text.rstrip() for line in passage.lines]
        self.text = "\n".join(self.texts)
        self.offsets: list[int] = []
        offset = 0
        for text in self.texts:
            self.offsets.append(offset)
            offset += len(text) + 1

    @property
    def lead(self) -> int:
        """Where the text begins after the note's own mark, which some readers leave in the line."""
        mark = self.passage.mark
        if mark is None:
            return 0
        forms = "|".join(map(re.escape, {mark, mark.translate(_SUPERSCRIPTS)}))
        match = re.match(rf"\s*[\[(^]?(?:(?:foot|end)?note\s+)?(?:{forms})(?![\w-])[\])]?[.:)]?\s*|\s*(?:{forms})(?=[^\W\d_])", self.text, re.I)
        return match.end() if match else 0

    def index(self, offset: int) -> int:
        """The index of the line that holds `offset`."""
        return bisect_right(self.offsets, offset) - 1

    def line(self, offset: int) -> Line:
        """The line that holds `offset`."""
        return self.passage.lines[self.index(offset)]

    def column(self, offset: int) -> int:
        """How many characters stand before `offset` on its line."""
        return offset - self.offsets[self.index(offset)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """How long the lines of one part of a document are when the next word no longer fits: from `least` to `most` characters."""

    least: int
    most: int

    @property
    def too_long(self) -> int:
        """From how many characters on a line must hold more than was printed on it."""
        return self.most + max(2, self.most // 33) + 1


class Layout:
    """What a whole document tells about each of its lines: how wide they run, and which words and hyphens it uses."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.breaks_addresses = False
        """Whether some address of the document runs over a line end: only then an unbroken long one is odd."""
        self._widths = {where: _width(document, where) for where in Where} if document.media_type == "text/plain" else {}

    def width(self, where: Where) -> Width | None:
        """The width of wrapped lines there, or None where lines are not wrapped by a typesetter."""
        return self._widths.get(where) or self._widths.get(Where.BODY if where is Where.NOTES else Where.NOTES)

    @cached_property
    def words(self) -> Counter[str]:
        """Every word of the document in lower case; those of addresses count too, they are in the same language."""
        return Counter(
            word.lower() for passage in self._document.passages for line in passage.lines for word in _WORD.findall(line.text)
        )

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Words that the document joins with a hyphen somewhere: ("year", "old"), within addresses as well."""
        return frozenset(
            pair
            for passage in self._document.passages
            for line in passage.lines
            if "-" in line.text
            for match in re.findall(r"[^\W_]+(?:-[^\W_]+)+", line.text)
            for words in [match.lower().split("-")]
            for pair in zip(words, words[1:], strict=False)
        )


def _width(document: Document, where: Where) -> Width | None:
    """From the lines that are followed by another of their passage; only those were broken because they were full.

    Prose alone is measured where there is enough of it: addresses are what makes lines longer or shorter than the page.
    """
    lines = [line.text for passage in document.passages if passage.where is where for line in passage.lines[:-1] if len(line.text) >= 20]
    prose = [text for text in lines if not _ADDRESS.search(text)]
    lengths = sorted(map(len, prose if len(prose) >= 6 else lines))
    if len(lengths) < 8 or lengths[len(lengths) // 2] > 250:
        return None
    return Width(least=lengths[len(lengths) // 4], most=lengths[int((len(lengths) - 1) * 0.96) if len(lengths) >= 25 else -1])

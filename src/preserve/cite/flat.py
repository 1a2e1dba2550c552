"""A passage as one string, with the way back to its lines; and what a document's other lines say about its layout."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

from preserve.model.document import Document, Line, Passage, Where
from preserve.model.noun import dataclass

_ADDRESS = re.compile(r"://|www\.|\w/\w+/|%[0-9A-F]{2}")
_WORD = re.compile(r"[^\W_]+")


class Spans:
    """Ranges of a text that are spoken for, kept in order so that asking stays quick however many there are."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._spans = sorted(spans)

    def add(self, start: int, end: int) -> None:
        """Take `start` to `end` (exclusive)."""
        insort(self._spans, (start, end))

    def meets(self, start: int, end: int) -> bool:
        """Whether any of them shares a character with `start` to `end`; an empty range counts as its first character."""
        end = max(end, start + 1)
        at = bisect_left(self._spans, (end, 0))
        return at > 0 and any(first < end and start < last for first, last in self._spans[max(0, at - 3) : at])

    def after(self, offset: int) -> int:
        """Where the next of them starts at or after `offset`."""
        at = bisect_left(self._spans, (offset, 0))
        return self._spans[at][0] if at < len(self._spans) else 1 << 60


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LEAD = re.compile(
    r"\s*(?:\[?(?:foot|end)?note\s+)?[\[(^]?(?P<mark>\d{1,4}|[⁰¹²³⁴-⁹]{1,4}|[*†‡§¶]{1,4}|(?<=\[)[^\]\n]{1,30}(?=\]))(?![\w-]*-)[\])]?[.:)]?\s*",
    re.IGNORECASE,
)


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

    @cached_property
    def lead(self) -> int:
        """Where the text begins after the note's own mark, which some readers leave in the line."""
        mark = self.passage.mark
        if mark is None or (match := _LEAD.match(self.text)) is None:
            return 0
        return match.end() if match["mark"].translate(_SUPERSCRIPTS) == mark else 0

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

    def own_width(self, where: Where) -> Width | None:
        """The width measured there alone: notes are set in another size than the body, so one says nothing of the other."""
        return self._widths.get(where)

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
            for pair in pairwise(words)
        )


def _width(document: Document, where: Where) -> Width | None:
    """From the lines that are followed by another of their passage; only those were broken because they were full.

    Prose alone is measured where there is enough of it: addresses are what makes lines longer or shorter than the page.
    """
    lines = [
        line.text
        for passage in document.passages
        if passage.where is where
        for line in passage.lines[:-1]
        if len(line.text) >= 20
    ]
    prose = [text for text in lines if not _ADDRESS.search(text)]
    lengths = sorted(map(len, prose if len(prose) >= 6 else lines))
    if len(lengths) < 8 or lengths[len(lengths) // 2] > 250:
        return None
    return Width(least=lengths[len(lengths) // 4], most=lengths[int((len(lengths) - 1) * 0.96) if len(lengths) >= 25 else -1])

"""Looking for words in many short texts: all of them stand one behind the other in one piece of memory, folded.

Folding takes away case, accents and compatibility forms (Unicode TR15, NFKD), so that what a reader types finds what was printed.
Every word must stand in the text somewhere; parts of words count. A hundred thousand citations take some 40 MB and some ten
milliseconds; only a word that stands nearly everywhere takes longer.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from preserve.rules.words import calm

MOST_WORDS = 12
LONGEST = 400
"""Characters of a query that are looked at."""
_TEXT = 4000
"""Characters of one text that are searched."""


def fold(text: str) -> str:
    """`text` without case and accents, its blanks made one space each."""
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", calm(text).casefold())
        text = "".join(char for char in parts if not unicodedata.combining(char))
    return " ".join(text.casefold().split())


def note(mark: str) -> str:
    """How the mark of a note stands in a text that is searched: `note:1` is not to find note 12."""
    return f"|note:{mark}|"


def words(query: str) -> tuple[str, ...]:
    """The words that are asked for, folded, each once; `note:12` asks for the note with that mark."""
    asked = (note(word[5:]) if word.startswith("note:") and word[5:] else word for word in fold(query[:LONGEST]).split())
    return tuple(dict.fromkeys(asked))[:MOST_WORDS]


class Haystack:
    """Texts in their order, each with a `state` and a `group`, small numbers that can be asked for too."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._starts = array("Q")
        self._states = bytearray()
        self._groups = array("L")

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, text: str, state: int, group: int) -> None:
        """One more."""
        start = len(self._text)
        self._text += fold(text[:_TEXT]).encode("utf-8", "replace") + b"\n"
        self._groups.append(group)
        self._states.append(state)
        self._starts.append(start)

    def find(self, wanted: Sequence[str], state: int | None = None, group: int | None = None) -> Iterator[int]:
        """The numbers of the texts that hold every one of these folded words, in order."""
        for number in self._holding(wanted):
            if (state is None or self._states[number] == state) and (group is None or self._groups[number] == group):
                yield number

    def _holding(self, wanted: Sequence[str]) -> Iterator[int]:
        if not wanted:
            yield from range(len(self._starts))
            return
        first, *others = sorted((word.encode("utf-8", "replace") for word in wanted), key=len, reverse=True)
        place = self._text.find(first)
        while place >= 0:
            number = bisect_right(self._starts, place) - 1
            if number < 0:
                return
            start = self._starts[number]
            end = self._text.find(b"\n", place)
            if all(self._text.find(word, start, end) >= 0 for word in others):
                yield number
            place = self._text.find(first, end)

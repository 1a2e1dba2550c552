"""Words of any language made comparable, and how much of one text is in another.

Comparable means: compatibility forms, letter case, accents and vowel points, quotation marks, dashes and white space do not count
(Unicode NFKC and case folding). Scripts that write no spaces are compared by pairs of characters. Nothing is translated or transliterated:
where two texts share no script, or are in two languages, the answer is that they cannot be compared. Which language a text is in is told by its
smallest words, which is enough to know when *not* to compare.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

from preserve.model.pattern import pattern
from preserve.rules.tongues import LETTERS, OF_ONE, SMALL

_MARKS = pattern(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0]"
)
_CROWD = pattern(r"([^\w\s\x00-\x7f]{30})[^\w\s\x00-\x7f]+")
_DROPPED = pattern("['\u2019\u2018\u02bc\u02b9\u00b4`\u0640\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u05f3\u05f4]")
_GROUPED = pattern("(?<=\\d)[,.\u066c\u00a0\u202f](?=\\d{3}(?!\\d))")
_DANDA = pattern("[\u0964\u0965\u0970\u0df4\u0e2f\u0e4f\u0e5a\u0e5b\u104a-\u104f\u17d4-\u17da_]+")
_BETWEEN = pattern("[^\\w\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]+")
_LETTERS = str.maketrans("\u0131\u0649\u06cc\u06a9\u0629", "i\u064a\u064a\u0643\u0647")
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_RUN_OF_SPACELESS = pattern(f"[{_SPACELESS}]")
_DENSE = pattern("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+")
_RUN = pattern(f"[{_SPACELESS}]+|[^{_SPACELESS} ]+")
_SCRIPTS = {
    "latin": "a-z\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff",
    "hebrew": "\u0590-\u05ff",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "tamil": "\u0b80-\u0bff",
    "thai": "\u0e00-\u0e7f",
    "georgian": "\u10a0-\u10ff",
    "armenian": "\u0530-\u058f",
    "hangul": "\uac00-\ud7af\u1100-\u11ff",
    "kana": "\u3040-\u30ff",
    "han": "\u3400-\u4dbf\u4e00-\u9fff",
}
_OF_SCRIPT = {name: pattern(f"[{letters}]") for name, letters in _SCRIPTS.items()}


_Answer = TypeVar("_Answer")


def _remembered(function: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """The last answers kept: many for what is short, few for whole pages, so that memory stays flat."""
    short, long = lru_cache(maxsize=128)(function), lru_cache(maxsize=4)(function)

    @wraps(function)
    def ask(text: str) -> _Answer:
        return short(text) if len(text) < 4000 else long(text)

    return ask


def calm(text: str) -> str:
    """`text` with no more than 30 marks on one letter, as Unicode's stream-safe text format has it (UAX #15 section 13).

    To put marks in their order takes time that grows with the square of their number, and a page may hold a million on one letter.
    """
    return text if text.isascii() else _CROWD.sub(r"\1", text)


@_remembered
def normal(text: str) -> str:
    """`text` folded to words with one space between, in the form that is compared."""
    text = unicodedata.normalize("NFKC", _GROUPED.sub("", calm(text))).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text))).translate(_LETTERS)
        text = _DANDA.sub(" ", text)
    return _BETWEEN.sub(" ", _DROPPED.sub("", text).replace("_", " ")).strip()


_LANGUAGES = {name: frozenset(normal(words).split()) for name, words in SMALL.items()}


@_remembered
def tokens(text: str) -> tuple[str, ...]:
    """The words of `text`; where a script writes no spaces, each pair of neighbouring characters."""
    return tuple(_split(normal(text)))


def _split(folded: str) -> list[str]:
    if folded.isascii() or not _RUN_OF_SPACELESS.search(folded):
        return folded.split()
    found: list[str] = []
    for run in _RUN.findall(folded):
        if len(run) > 2 and _RUN_OF_SPACELESS.match(run):
            found += [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            found.append(run)
    return found


@_remembered
def telling(text: str) -> tuple[str, ...]:
    """The words that tell something: without the small words of any language, unless nothing else is left."""
    words = tokens(text)
    kept = tuple(word for word in words if word not in _ALL_SMALL and (len(word) > 2 or not word.isascii() or word.isdigit()))
    return kept or words


_ALL_SMALL = frozenset().union(*_LANGUAGES.values())


@_remembered
def vocabulary(folded: str) -> frozenset[str]:
    """Every word, once, of a text that `normal` gave."""
    return frozenset(_split(folded))


def coverage(words: tuple[str, ...], where: frozenset[str]) -> float:
    """Which share of `words` stands in `where`: 0 to 1."""
    return sum(word in where for word in words) / len(words) if words else 0.0


def shorter(text: str, limit: int) -> bool:
    """Whether `text` says less than `limit` characters of a script of letters would: one of Han, kana, or Hangul says as much as three."""
    return len(text) < limit and len(text) + 2 * sum(map(len, _DENSE.findall(text))) < limit


@_remembered
def _written(text: str) -> list[tuple[str, int]]:
    """How many letters of each script are in the first 6,000 characters, most first; those with less than a tenth left out."""
    text = text[:6_000].lower()
    counts = Counter({name: len(letters.findall(text)) for name, letters in _OF_SCRIPT.items()})
    whole = counts.total()
    return [(name, count) for name, count in counts.most_common() if count and count * 10 >= whole]


def scripts(text: str) -> frozenset[str]:
    """The scripts that hold a tenth or more of the letters of `text`."""
    return frozenset(name for name, _ in _written(text))


@_remembered
def language(text: str) -> str:
    """The language that the small words of `text` speak for (ISO 639-1), "" when they do not decide."""
    found = _spoken(text)
    if len(found) > 1 and found[0][1] < 1.3 * found[1][1]:
        return ""
    return found[0][0] if found else ""


def foreign(words: str, tongue: str) -> bool | None:
    """Whether `words` are in another language than `tongue`: None when they do not tell."""
    found = dict(_spoken(words))
    # One letter is a word in many languages.
    if not found or (words.isascii() and not any(len(word) > 1 for word in tokens(words) if word in _ALL_SMALL)):
        return None
    # A title in Han characters alone may be Japanese as well as Chinese.
    return tongue not in found and not (tongue == "ja" and "zh" in found)


@_remembered
def _spoken(text: str) -> list[tuple[str, int]]:
    """Languages and how much speaks for each, most first: the script where only one great language writes it, else words and letters."""
    written = _written(text)
    if written and written[0][0] in OF_ONE:
        return [(OF_ONE["kana" if written[0][0] == "han" and "kana" in scripts(text) else written[0][0]], 1)]
    counts = Counter[str]()
    for word, count in Counter(normal(text[:6_000]).split()).items():
        for name, small in _LANGUAGES.items():
            if word in small:
                counts[name] += count
    present = Counter(text[:6_000].casefold())
    for name, letters in LETTERS.items():
        counts[name] += sum(present[letter] for letter in letters)
    return [(name, count) for name, count in counts.most_common() if count]

"""A text cut into rows and pages, with running heads and page numbers set apart.

Programs that make text from a PDF put a form feed before each page. Some texts went through a program that turned it into a
space: then a row that starts with one single space, among rows that are not indented at all, is where something was torn out
(a page's start, a lost note number). That is a break too, but gives no page number.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n|\x85|\u2028|\u2029")
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?:page|seite|p\.|s\.|стр\.?|página|էջ)\s*)?(\d{1,4})(?:\s*(?:of|/|von|de|из|sur)\s*\d{1,4})?\W*\Z", re.IGNORECASE
)
_ROMAN = re.compile(r"\W*[ivxlc]{1,7}\W*\Z")
_DIGITS = re.compile(r"\d+")
_REFERS = re.compile(r"\b(?:ibid|id\b|supra|ebd|ebenda|там же|նույն)", re.IGNORECASE)
_ADDRESS = re.compile(r"://|www\.")
_CITED = re.compile(r"://|www\.|\w/\w|[“”\"«»„(]|\bpp?\.|\b(?:1[6-9]|20)\d\d\b|, \d")
_PIECE = re.compile(r"(?:head|foot) (?=\S*[^\W_]\S*[-/%=_#.\d]\S)\S+\Z")
"""One word with digits or marks inside: the rest of an address rather than a running head."""


@dataclass(slots=True)
class Row:
    """One printed row while a text is being read; `furniture` is a running head, a foot or a page number."""

    text: str
    number: int
    page: int | None
    torn: bool = False
    """A page may start here, or something was lost before it."""
    furniture: bool = False

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())


def rows(text: str) -> list[Row]:
    """The rows of `text`, numbered from 1 as an editor counts them, with their pages when the text has form feeds."""
    found: list[Row] = []
    paged = "\f" in text.strip("\f\r\n \t")
    page = 1
    for number, line in enumerate(_LINE_END.split(text), 1):
        pieces = line.split("\f")
        for at, piece in enumerate(pieces):
            if at and paged:
                page += 1
            if len(pieces) == 1 or piece or at == len(pieces) - 1:
                row = piece.expandtabs().rstrip().replace("\v", "")
                found.append(Row(text=row, number=number, page=page if paged else None, torn=bool(at)))
    if paged:
        _find_furniture(found)
        _tear_at_text(found)
    else:
        _find_tears(found)
    return found


def _tear_at_text(found: list[Row]) -> None:
    """Let a page begin at its first row of text rather than at its running head."""
    torn = False
    for row in found:
        torn |= row.torn
        row.torn = torn and not row.blank and not row.furniture
        torn = torn and not row.torn


def _find_tears(found: list[Row]) -> None:
    filled = [row for row in found if not row.blank]
    single = [row for row in filled if row.indent == 1]
    deeper = sum(row.indent > 1 for row in filled)
    if single and len(single) * 8 <= len(filled) and deeper * 40 <= len(filled):
        for row in single:
            row.torn = True


def _find_furniture(found: list[Row]) -> None:
    """Mark what stands at the same edge of many pages: the same text, or the same but for a number that counts with the pages."""
    pages: dict[int, list[Row]] = {}
    for row in found:
        if not row.blank:
            pages.setdefault(row.page or 0, []).append(row)
    groups: dict[str, list[Row]] = {}
    for page in pages.values():
        for side, part in (("head", page[:3]), ("foot", page[-3:])):
            for row in part:
                groups.setdefault(f"{side} {' '.join(row.text.lower().split())}", []).append(row)
                if _DIGITS.search(row.text) and not _REFERS.search(row.text):
                    groups.setdefault(f"{side} {_DIGITS.sub('#', ' '.join(row.text.lower().split()))}", []).append(row)
    often = max(2, round(0.3 * len(pages)))
    for shape, members in groups.items():
        # A citation may end several pages by chance, and begin none; a running foot that cites ends most of them.
        doubtful = _CITED.search(shape) if shape.startswith("foot") else _ADDRESS.search(shape)
        needed = max(3, round(0.6 * len(pages))) if doubtful else often
        if (
            len({row.page for row in members}) < needed
            or len(shape) <= 8
            or _REFERS.search(shape)
            or _PIECE.match(shape)
            or "<" in shape
            or ">" in shape
        ):
            continue
        if "#" not in shape or (not _ADDRESS.search(shape) and _counts_along(members)):
            for row in members:
                row.furniture = True
    _find_page_numbers(pages)


def _counts_along(members: list[Row]) -> bool:
    """Whether a number in these rows grows as the page does."""
    distances = Counter(
        (at, int(number) - (row.page or 0)) for row in members for at, number in enumerate(re.findall(r"\d{1,6}", row.text))
    )
    return bool(distances) and distances.most_common(1)[0][1] * 2 > len(members)


def _find_page_numbers(pages: dict[int, list[Row]]) -> None:
    """A number alone at a page's edge is the page number when it keeps the same distance to the count of pages."""
    distances: Counter[int] = Counter()
    at_edge: list[tuple[Row, int | None]] = []
    for number, page in pages.items():
        rest = [row for row in page if not row.furniture]
        for row in {id(row): row for row in (*rest[:1], *rest[-1:])}.values():
            if found := _PAGE_NUMBER.match(row.text):
                distance = int(found[1]) - number
                distances[distance] += 1
                at_edge.append((row, distance))
            elif _ROMAN.match(row.text):
                at_edge.append((row, None))
    steady = {distance for distance, times in distances.items() if times >= 2 or len(pages) == 1}
    for row, steady_distance in at_edge:
        if steady_distance is None or steady_distance in steady:
            row.furniture = True

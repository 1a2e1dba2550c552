"""Notes that go on at the foot of the next page: from which row, when nothing marks it.

Two signs, in this order. Notes are set smaller than the body, so their full rows hold more characters: what stands before a page's
first mark and is wider than any body row belongs to the note before. And a note that stopped inside an address, or without a stop,
goes on where the page's lower rows take up an address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from preserve.documents.marks import is_strongly_citing
from preserve.documents.pages import Row
from preserve.model.noun import dataclass

_TAKES_UP = re.compile(r"\s*(?:\[?https?://|\[?www\.|\[?perma\.cc)", re.IGNORECASE)
_REST = re.compile(
    r"\s*(?:[^\s<>\"]*(?:/|%[0-9A-F]{2}|[=&?_]|\.(?:html?|pdf|php|aspx?)\b)[^\s<>]*>?|[\w-]{3,}\]|\S*\d\S*[\])>]|\d{5,}\b)",
    re.IGNORECASE,
)
_PROSE = re.compile(r"\s*[^\W\d_]+,?\s+[^\W\d_]+\b")
_REACH = 14
"""Rows above a page's first mark that are looked at where width tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Characters of a full row: the widest of the body but a few, and the middle one of notes."""

    body: int
    notes: int

    @property
    def tell(self) -> bool:
        """Whether notes are so much wider that width alone tells them from body."""
        return self.notes > self.body + max(3, self.body // 25)

    def is_note(self, row: Row) -> bool:
        """Whether this row is too wide for the body."""
        return len(row.text.strip()) > self.body + 1


def widths(found: Sequence[Row], starts: Sequence[int]) -> Widths | None:
    """Measured on pages that have a mark: above the first one is body, below it are notes. None without pages."""
    body: list[int] = []
    notes: list[int] = []
    marks = set(starts)
    below = True
    for at, row in enumerate(found):
        if row.torn:
            below = False
        if at in marks:
            below = True
        if not row.blank and not row.furniture and at + 1 < len(found) and not found[at + 1].blank and at + 1 not in marks:
            (notes if below else body).append(len(row.text.strip()))
    if len(body) < 20 or len(notes) < 20:
        return None
    body.sort()
    notes.sort()
    # A tenth of what stands above the first mark may itself be the rest of a note.
    return Widths(body=body[int(len(body) * 0.88)], notes=notes[len(notes) // 2])


def carried(rows: Sequence[Row], measured: Widths | None, *, inside: bool, finished: bool) -> int | None:
    """The index of the row, among those before a page's first mark, where the note before goes on; None when it does not.

    `inside`: it stopped within an address. `finished`: it ended with a full stop or the like.
    """
    if measured is not None and measured.tell:
        first = _by_width(rows, measured)
        if first is not None and inside and _PROSE.match(rows[first].text):
            # The rest of an address looks like one; a wide row of body before it does not.
            first = next((index for index in range(first, len(rows)) if _REST.match(rows[index].text)), first)
        if first is not None or finished:
            return first
    if inside:
        for index in range(max(0, len(rows) - _REACH), len(rows)):
            if _REST.match(rows[index].text) and not rows[index].text.lstrip()[:1].isupper():
                return index
        for index in range(max(0, len(rows) - _REACH), len(rows)):
            if _REST.match(rows[index].text):
                return index
    if finished and not inside:
        return None
    return next((index for index in range(max(0, len(rows) - _REACH), len(rows)) if _TAKES_UP.match(rows[index].text)), None)


def _by_width(rows: Sequence[Row], measured: Widths) -> int | None:
    """The start of the wide rows at the end; the very last may be short, and one in six may be (an address broken early)."""
    first, short = len(rows), 0
    for index in range(len(rows) - 1, -1, -1):
        if measured.is_note(rows[index]):
            first = index
        elif index < len(rows) - 1:
            short += 1
            if short > max(1, (len(rows) - index) // 6):
                break
    if first >= len(rows):
        # All in one short row: only an address can tell.
        if not rows or not is_strongly_citing(rows[-1].text) or not _TAKES_UP.match(rows[-1].text):
            return None
        first = len(rows) - 1
    while first > 0 and _TAKES_UP.match(rows[first - 1].text):
        first -= 1  # an address that broke early made its row short
    wide = sum(measured.is_note(row) or bool(_TAKES_UP.match(row.text)) for row in rows[first:])
    return first if wide * 2 > len(rows) - first else None

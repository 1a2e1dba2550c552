"""Two pages side by side: their main text in rows, what is alike beside what differs, and within a row the words that do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from preserve.model.change import Change, Piece, Place, Row, Span
from preserve.rules import noise
from preserve.rules.change import compared, hunks

CONTEXT = 2
"""Rows alike that are shown before and after a difference."""
_MAX_ROWS = 2000
_MAX_WORDS = 600
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def rows(change: Change) -> tuple[Row, ...]:
    """The main text of both captures where it differs, with a little around it; at most some thousand rows.

    A row whose difference does not count says why. `skipped` is how many rows alike were left out before a row. None where one of them
    cannot be read: what the other one holds was neither removed nor added.
    """
    if change.untold:
        return ()
    old, new = _main(change.before.outline), _main(change.after.outline)
    found: list[Row] = []
    skipped = 0
    for row in _all(old, new, change):
        if not row.alike or len(found) < _MAX_ROWS:
            found.append(row)
        if len(found) >= _MAX_ROWS:
            break
    near = _near(found)
    kept: list[Row] = []
    for place, row in enumerate(found):
        if place not in near:
            skipped += 1
            continue
        kept.append(Row(left=row.left, right=row.right, why=row.why, skipped=skipped))
        skipped = 0
    return tuple(kept)


def _main(outline: object) -> list[Piece]:
    pieces: Sequence[Piece] = getattr(outline, "pieces", ())
    return [piece for piece in pieces if piece.place is Place.MAIN]


def _all(old: list[Piece], new: list[Piece], change: Change) -> Iterator[Row]:
    at = (change.before.at, change.after.at)
    mine, theirs = [compared(piece.text) for piece in old], [compared(piece.text) for piece in new]
    left = 0
    for here, there in hunks(mine, theirs):
        yield from (_alike(piece.text) for piece in old[left : here.start])
        for a, b in zip_longest(old[here.start : here.stop], new[there.start : there.stop]):
            why = noise.reason(a, b, *at) if a is not None and b is not None else ""
            yield _row(a.text if a is not None else "", b.text if b is not None else "", why)
        left = here.stop
    yield from (_alike(piece.text) for piece in old[left:])


def _alike(text: str) -> Row:
    span = (Span(text=text),)
    return Row(left=span, right=span)


def _row(left: str, right: str, why: str) -> Row:
    a, b = _WORD.findall(left), _WORD.findall(right)
    if not a or not b or len(a) > _MAX_WORDS or len(b) > _MAX_WORDS:
        return Row(left=_spans([(left, True)]), right=_spans([(right, True)]), why=why)
    here, there = list[tuple[str, bool]](), list[tuple[str, bool]]()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        here.append(("".join(a[i1:i2]), tag != "equal"))
        there.append(("".join(b[j1:j2]), tag != "equal"))
    return Row(left=_spans(here), right=_spans(there), why=why)


def _spans(parts: Sequence[tuple[str, bool]]) -> tuple[Span, ...]:
    return tuple(Span(text=text, differs=differs) for text, differs in parts if text)


def _near(found: Sequence[Row]) -> frozenset[int]:
    near: set[int] = set()
    for place, row in enumerate(found):
        if not row.alike:
            near.update(range(max(0, place - CONTEXT), min(len(found), place + CONTEXT + 1)))
    return frozenset(near)

"""The entries of schedules.toml, each cut out by its header and read for itself (docs/formats/schedules.md section 1).

A mistake in the spelling of one, whatever TOML makes of the rest of the file, costs that one. Three ways lead to the same members: the
fast one for what `schedule add` writes, one TOML text for each entry, and one for the file where entries cannot be told apart by rows.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from preserve.formats import _plainschedules, toml
from preserve.model.schedule import Mistake

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
HEADER = re.compile(r"[ \t]*\[\[[ \t]*([\"']?)schedule\1[ \t]*\]\][ \t]*(?:#.*)?\r?")
MARK = "\ufeff"
"""What some editors put before the first character."""
_NAMED = re.compile(rf"""[ \t]*["']?id["']?[ \t]*=[ \t]*(["'])({ID.pattern})\1[ \t]*(?:#.*)?\r?""")
_MANY = 100
"""Entries of another spelling than `add`'s from which on it pays to read them by one call."""
_HEADED = "a schedule begins with [[schedule]]"


class Wrong(Exception):
    """Something cannot be read: in which row, counted from 0, and why."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(why)
        self.row = row
        self.why = why


def entries(
    text: str, rows: Sequence[str], mistakes: list[Mistake], seen: set[str | None]
) -> Iterator[tuple[dict[str, Any], int]]:
    """The members of each entry that can be read, and the row, from 0, in which it begins; `rows` are those of `text`.

    What cannot be read is added to `mistakes`, and what it calls itself to `seen`.
    """
    plain = _plainschedules.entries(text) if _is_utf8(text) else None
    if plain is not None:
        yield from zip(*plain, strict=True)
    elif '"""' in text or "'''" in text:
        yield from _whole(rows, mistakes)  # a text of several lines may hold what looks like a header
    else:
        yield from _each(rows, mistakes, seen)


def _each(rows: Sequence[str], mistakes: list[Mistake], seen: set[str | None]) -> Iterator[tuple[dict[str, Any], int]]:
    """The members of each entry that can be read, and the row in which it begins; what cannot be is added to `mistakes`, its id to `seen`.

    Without texts of several lines a row that looks like a header is one, in whatever TOML these rows are meant to be.
    """
    heads = [number for number, row in enumerate(rows) if "[[" in row and HEADER.fullmatch(row)]
    starts = [with_comment(rows, head) for head in heads]
    opening = rows[: starts[0]] if starts else rows
    above: Wrong | None = None
    try:
        document = _document(opening, 0)
        if unknown := document.keys() - {"schedule"}:
            raise Wrong(_where(opening, min(unknown)), f"unknown: {min(unknown)!r}")
        if heads and "schedule" in document:
            raise Wrong(_where(opening, "schedule"), _HEADED)
        yield from ((entry, _begin(rows, entry)) for entry in _entries(document, opening))
    except Wrong as wrong:
        if heads:
            above = wrong
        else:
            mistakes.append(Mistake(line=wrong.row + 1, why=wrong.why))
    pieces = [rows[start:end] for start, end in zip(starts, (*starts, len(rows))[1:], strict=True)]
    for head, start, piece, read in zip(heads, starts, pieces, _at_once(pieces), strict=True):
        try:
            if above is not None:  # its options, perhaps: without them it might ask by another way than was chosen
                problem, above = above, None
                raise problem
            yield _one(piece, start) if read is None else read, head
        except Wrong as wrong:
            ids = _ids_in(piece)
            mistakes.append(Mistake(line=wrong.row + 1, why=wrong.why, id=min(ids) if len(ids) == 1 else None, begin=head + 1))
            seen.update(ids)


def _at_once(pieces: Sequence[Sequence[str]]) -> list[dict[str, Any] | None]:
    """The members of each entry; None where it has to be read for itself. To read many by one call takes a fraction of the time."""
    found: list[dict[str, Any] | None] = []
    for piece in pieces:
        plain = _plainschedules.entries("\n".join(piece) + "\n")
        found.append(plain[0][0] if plain is not None and _is_utf8("".join(piece)) else None)
    odd = [number for number, entry in enumerate(found) if entry is None]
    if len(odd) >= _MANY:
        with contextlib.suppress(Wrong):
            together = [row for number in odd for row in pieces[number]]
            document = _document(together, 0)
            if document.keys() == {"schedule"} and len(entries := _entries(document, together)) == len(odd):
                for number, entry in zip(odd, entries, strict=True):
                    found[number] = entry
    return found


def _one(rows: Sequence[str], first: int) -> dict[str, Any]:
    """The members of the entry that these rows are, the first of which has the number `first` in the file."""
    document = _document(rows, first)
    if unknown := document.keys() - {"schedule"}:
        # Perhaps its options: they would be missing.
        raise Wrong(first + _where(rows, min(unknown)), f"unknown: {min(unknown)!r}")
    entry, *more = _entries(document, rows)
    if more:  # headed in a spelling that no row shows
        raise Wrong(first, _HEADED)
    return entry


def _whole(rows: Sequence[str], mistakes: list[Mistake]) -> Iterator[tuple[dict[str, Any], int]]:
    """As `_each`, of a file that can only be read whole: one that is no TOML, or holds something else, gives nothing."""
    try:
        document = _document(rows, 0)
        if unknown := document.keys() - {"schedule"}:
            raise Wrong(_where(rows, min(unknown)), f"unknown: {min(unknown)!r}")
        entries = _entries(document, rows)
    except Wrong as wrong:
        mistakes.append(Mistake(line=wrong.row + 1, why=wrong.why))
        return
    begins = [number for number, row in enumerate(rows) if "[[" in row and HEADER.fullmatch(row)]
    yield from zip(entries, begins if len(begins) == len(entries) else [_begin(rows, each) for each in entries], strict=True)


def _document(rows: Sequence[str], first: int) -> dict[str, Any]:
    """What the rows say, the first of which has the number `first` in the file."""
    text = "\n".join(rows) + "\n"
    if not _is_utf8(text):
        raise Wrong(first + next(number for number, row in enumerate(rows) if not _is_utf8(row)), "not UTF-8 text")
    try:
        return toml.loads(text)
    except tomllib.TOMLDecodeError as problem:
        where = re.search(r"\(at line (\d+), column \d+\)", str(problem))
        last = max((number for number, row in enumerate(rows) if row.strip()), default=0)
        at = min(int(where[1]) - 1, last) if where else last
        raise Wrong(first + at, str(problem).partition(" (at ")[0]) from None


def _entries(document: Mapping[str, Any], rows: Sequence[str]) -> list[dict[str, Any]]:
    entries = document.get("schedule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Wrong(_where(rows, "schedule"), _HEADED)
    return entries


def with_comment(rows: Sequence[str], head: int) -> int:
    """The row in which the comment right above an entry begins; the entry's own where there is none."""
    while head and rows[head - 1].lstrip().startswith("#"):
        head -= 1
    return head


def _begin(rows: Sequence[str], values: Mapping[str, Any]) -> int:
    """Where an entry without a header of its own is most likely written."""
    written = re.compile(rf"""\bid["']?[ \t]*=[ \t]*["']{re.escape(str(values.get("id")))}["']""")
    return next((number for number, row in enumerate(rows) if written.search(row)), _where(rows, "schedule"))


def as_id(value: object) -> str | None:
    return value if isinstance(value, str) and ID.fullmatch(value) else None


def _ids_in(rows: Sequence[str]) -> frozenset[str]:
    """What an entry that cannot be read calls itself; several where the header of the next one is what is wrong."""
    return frozenset(match[2] for row in rows if (match := _NAMED.fullmatch(row)) is not None)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _where(rows: Sequence[str], name: str) -> int:
    """The row in which something is called `name`; the first one where none is."""
    pattern = re.compile(rf"[ \t]*\[*[ \t]*[\"']?{re.escape(name)}(?!\w)")
    return next((number for number, row in enumerate(rows) if pattern.match(row)), 0)

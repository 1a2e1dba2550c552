"""Markup that people write by hand: its text gathered piece by piece, each with its line in the source and where it leads.

A line of the source stays a line, so that a citation is found again in an editor.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from preserve.documents.source import Source
from preserve.model.document import Document, Line, Link, Passage, Where

_WEB = re.compile(r"(?:https?|ftp):/{1,2}[^\s<>\"/][^\s<>\"]*\Z", re.IGNORECASE)


class Places:
    """Which line, from 1, an offset of a text stands on."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def line(self, offset: int) -> int:
        """The number of the line that holds `offset`."""
        return bisect_right(self._starts, offset)


@dataclass(slots=True)
class Writing:
    """A paragraph or a note while it is read."""

    _pieces: list[tuple[int, str, str | None]] = field(default_factory=list)

    def add(self, text: str, number: int) -> None:
        """Append `text`, whose first character stands on line `number` of the source."""
        self._pieces.extend((number + at, part, None) for at, part in enumerate(text.split("\n")) if part)

    def link(self, href: str, text: str, number: int) -> None:
        """Append `text` as a link to `href`; what is no whole address of the web is printed, for the reader of text to judge."""
        href = href.strip()
        if _WEB.match(href):
            self._pieces.extend((number + at, part, href) for at, part in enumerate((text or href).split("\n")) if part)
        elif text and text.strip() != href and re.match(r"www\.", href, re.IGNORECASE):
            self.add(f"{text} <{href}>", number)
        else:
            self.add(text or href, number)

    def weave(self, other: Writing, href: str | None = None) -> None:
        """Append what `other` holds, all of it as a link when `href` is given."""
        if href is not None and not _WEB.match(href):
            href = None
        self._pieces.extend((number, part, href or own) for number, part, own in other._pieces)

    def clear(self) -> None:
        """Begin again."""
        self._pieces.clear()

    @property
    def text(self) -> str:
        """All of it, without line ends."""
        return " ".join(line.text for line in self.lines())

    def lines(self) -> tuple[Line, ...]:
        """The lines that hold something, white space at their ends dropped."""
        found = []
        for number, group in groupby(self._pieces, key=lambda piece: piece[0]):
            pieces = list(group)
            whole = "".join(part for _, part, _ in pieces)
            text, lead = whole.strip(), len(whole) - len(whole.lstrip())
            links, at = [], -lead
            for _, part, href in pieces:
                start, end = max(at, 0), min(at + len(part), len(text))
                at += len(part)
                if href is not None and start < end:
                    links.append(Link(start=start, end=end, href=href))
            if text:
                found.append(Line(text=text, number=number, links=tuple(links)))
        return tuple(found)


@dataclass(slots=True)
class Book:
    """A document while it is read: its passages in order, each note after the paragraph that has its mark."""

    passages: list[Passage] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def body(self, writing: Writing) -> None:
        """A paragraph."""
        if lines := writing.lines():
            self.passages.append(Passage(where=Where.BODY, lines=lines))

    def note(self, mark: str, writing: Writing, *, order: int | None = None) -> None:
        """A note with its printed mark; one without text leaves the mark alone."""
        self.marks.append(mark)
        if lines := writing.lines():
            self.passages.append(Passage(where=Where.NOTES, lines=lines, mark=mark, order=order))

    def document(self, source: Source, media_type: str) -> Document:
        """The whole."""
        return document(source, media_type, self.passages, self.marks, self.remarks)


def document(
    source: Source, media_type: str, passages: Iterable[Passage], marks: Iterable[str] = (), remarks: Iterable[str] = ()
) -> Document:
    """The document that `source` is."""
    return Document(
        name=source.name,
        media_type=media_type,
        size=source.size,
        sha256=source.sha256,
        encoding=source.encoding,
        passages=tuple(passages),
        marks=tuple(dict.fromkeys(marks)),
        remarks=(*source.remarks, *remarks),
    )


def unified(text: str) -> str:
    """`text` with line ends of one kind."""
    return text.replace("\r\n", "\n").replace("\r", "\n")

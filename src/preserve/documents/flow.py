"""A document that flows: paragraphs gathered piece by piece, notes known by their anchors, and the rest read as a text is.

Word processors say what is a note; what they do not say (endnotes typed by hand, a numbered list of sources under a heading) is
found in their paragraphs as in the rows of a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from preserve.documents.pages import Row
from preserve.documents.text import passages_of
from preserve.model.document import Line, Link, Passage, Where

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
RAISED_MARKS = re.compile(r"[⁰¹²³⁴-⁹]+")
_WEB = re.compile(r"(?:https?|ftp)://", re.IGNORECASE)


@dataclass(slots=True)
class Gathered:
    """A paragraph while it is read: its lines, the links over them. A link that is still open at a line's end goes on after it."""

    _lines: list[list[str]] = field(default_factory=lambda: [[]])
    _links: list[list[Link]] = field(default_factory=lambda: [[]])
    _open: tuple[str, int] | None = None

    def text(self, text: str) -> None:
        """Append `text`; its own line breaks are white space."""
        if text:
            self._lines[-1].append(re.sub(r"[\t\r\n]", " ", text))

    def end_line(self) -> None:
        """Begin another line."""
        href = self._open[0] if self._open else None
        self.close_link()
        self._lines.append([])
        self._links.append([])
        if href is not None:
            self.open_link(href)

    def open_link(self, href: str) -> None:
        """What follows, up to `close_link`, leads to `href`; only addresses of the web are kept."""
        self.close_link()
        # Some programs write the spaces of an address as such.
        self._open = (re.sub(r"\s", "%20", href.strip()), self._column())

    def close_link(self) -> None:
        """End the link that is open, if one is."""
        if self._open is None:
            return
        href, start = self._open
        self._open = None
        if _WEB.match(href) and start < self._column():
            self._links[-1].append(Link(start=start, end=self._column(), href=href))

    def _column(self) -> int:
        return sum(map(len, self._lines[-1]))

    def lines(self) -> list[Line]:
        """The lines that hold something, white space at their ends dropped."""
        self.close_link()
        found = []
        for pieces, links in zip(self._lines, self._links, strict=True):
            text = "".join(pieces).rstrip()
            if text.strip():
                kept = tuple(
                    Link(start=link.start, end=min(link.end, len(text)), href=link.href)
                    for link in links
                    if link.start < len(text)
                )
                found.append(Line(text=text, links=kept))
        return found


@dataclass(slots=True)
class Note:
    """A note that its anchor names: `mark` as printed, `order` its place in the numbering where it has one."""

    mark: str
    order: int | None
    lines: list[Line]


@dataclass(slots=True)
class Flow:
    """The paragraphs of a document with the notes whose marks stand in them, in reading order; and its endnotes."""

    paragraphs: list[tuple[list[Line], list[Note]]] = field(default_factory=list)
    endnotes: list[Note] = field(default_factory=list)

    def passages(self) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
        """Its passages, each note after the paragraph that has its mark, and the marks."""
        notes = [note for _, own in self.paragraphs for note in own] + self.endnotes
        body, marks = passages_in([lines for lines, _ in self.paragraphs], noted=bool(notes))
        ends: dict[int, Passage] = {}
        for passage in body:
            ends[id(passage.lines[-1])] = passage
        passages: list[Passage] = []
        waiting = iter(body)
        for lines, own in self.paragraphs:
            for line in lines:
                if id(line) in ends:
                    passages.extend(_until(waiting, ends[id(line)]))
            passages.extend(_passage(note) for note in own if note.lines)
        passages.extend(waiting)
        passages.extend(_passage(note) for note in self.endnotes if note.lines)
        return tuple(passages), (*(note.mark for note in notes), *marks)


def _until(waiting: Iterable[Passage], last: Passage) -> list[Passage]:
    found = []
    for passage in waiting:
        found.append(passage)
        if passage is last:
            break
    return found


def _passage(note: Note) -> Passage:
    return Passage(where=Where.NOTES, lines=tuple(note.lines), mark=note.mark, order=note.order)


def passages_in(paragraphs: Sequence[Sequence[Line]], *, noted: bool) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """The passages of paragraphs, read as the rows of a text with empty rows between, and the marks found in them.

    With `noted` their raised numbers are marks of notes that are known already: they say nothing about other numbering.
    """
    found: list[Row] = []
    lines: list[Line] = []
    for paragraph in paragraphs:
        for line in paragraph:
            text = RAISED_MARKS.sub("", line.text) if noted else line.text
            # The row's number is its place, so that a passage finds its lines again.
            found.append(Row(text=text, number=len(lines) + 1, page=None))
            lines.append(line)
        found.append(Row(text="", number=0, page=None))
    passages, marks = passages_of(found)
    return (
        tuple(
            Passage(
                where=passage.where,
                lines=tuple(lines[(line.number or 1) - 1] for line in passage.lines),
                mark=passage.mark,
                inferred=passage.inferred,
                order=passage.order,
            )
            for passage in passages
        ),
        marks,
    )

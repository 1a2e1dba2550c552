"""Plain text: pages, the notes at their feet or at the end, and the body around them.

A note runs from its mark to the next mark, to where its page ends, or to the empty row after which the body goes on. What a
reader of the text cannot know for sure is not asserted: a note whose number was lost keeps `mark` None, and `inferred` has the
number which its neighbours and the marks in the body leave for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preserve.documents.marks import (
    HEADING,
    Chain,
    Start,
    Style,
    body_marks,
    heaviest,
    is_citing,
    is_strongly_citing,
    ordered_marks,
    possible_starts,
    weigh,
)
from preserve.documents.pages import Row, rows
from preserve.documents.source import Source
from preserve.model.document import Document, Line, Passage, Where

_LABEL = re.compile(r"\s*\[([A-Za-z][\w.+:/ -]{0,24}|\w{1,20}\d{2,4}[a-z]?)\](?::|\s)\s*(?=\S|\Z)")
_SYMBOL = re.compile(r"\s*(\*{1,4}|[†‡§¶]{1,3})\s*(?=[^\W_]|[\"“«<(])")
_OPEN = re.compile(r"(?:<[^<>\s]{4,}|(?:https?:|www\.)\S*[/=&?%_-]|%[0-9A-F]{0,2})\Z", re.IGNORECASE)
_ADDRESS_END = re.compile(r"(?:https?://|www\.)\S*[\w)]\Z|\b(?:1[5-9]|20)\d\d\Z", re.IGNORECASE)
_CLOSED = re.compile(r"[.>!?;\])”\"»/]\Z")
_REFERS_AT_START = re.compile(r"\s*(?:ibid|id\.|idem\b|supra note|ebd\.|ebenda|там же|նույն տեղում)", re.IGNORECASE)
_MORE_URL = re.compile(r"\s*[^\s<>\"]*(?:/|%[0-9A-F]{2}|[=&?_]|\.(?:html?|pdf|php|aspx?)\b)[^\s<>]*>?", re.IGNORECASE)
_SECTION = re.compile(
    r"\s*(?:\d{1,2}\.?\s+|[IVX]{1,5}\.\s+|annex\b|appendix\b|chapter\b)?[^\W\d_][^.!?<>]{2,70}\Z", re.IGNORECASE
)


@dataclass(slots=True)
class _Draft:
    """A passage while it grows."""

    where: Where
    rows: list[Row] = field(default_factory=list)
    mark: str | None = None
    number: int | None = None
    inferred: int | None = None
    at: int = 0

    @property
    def text(self) -> str:
        return "\n".join(row.text for row in self.rows)

    @property
    def open(self) -> bool:
        """Whether it stops inside an address."""
        return bool(self.rows and _OPEN.search(self.rows[-1].text))

    @property
    def closed(self) -> bool:
        return bool(self.rows and (_CLOSED.search(self.rows[-1].text) or _ADDRESS_END.search(self.rows[-1].text)))


def read_text(source: Source) -> Document:
    """A plain-text document."""
    found = rows(source.text)
    passages, marks = passages_of(found)
    return Document(
        name=source.name,
        media_type="text/plain",
        size=source.size,
        sha256=source.sha256,
        encoding=source.encoding,
        pages=max((row.page or 0 for row in found), default=0) or None,
        passages=passages,
        marks=marks,
        remarks=source.remarks,
    )


def passages_of(found: list[Row]) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """The passages of these rows in their order, and the note marks seen in the body."""
    headings = [at for at, row in enumerate(found) if row.text and HEADING.match(row.text) and not row.furniture]
    chains = _accepted(found, headings)
    drafts = _Segmenter(found, headings, chains).run()
    marks: tuple[str, ...] = ()
    if chains and (main := chains[0]).marks:
        marks = tuple(dict.fromkeys(str(number) for number, _ in main.marks))
    return tuple(_passage(draft) for draft in drafts if draft.rows), marks


def _passage(draft: _Draft) -> Passage:
    return Passage(
        where=draft.where,
        lines=tuple(Line(text=row.text, number=row.number, page=row.page) for row in draft.rows),
        mark=draft.mark,
        inferred=str(draft.inferred) if draft.inferred is not None else None,
        order=draft.number if draft.number is not None else draft.inferred,
    )


def _accepted(found: list[Row], headings: list[int]) -> list[Chain]:
    """The numberings that are notes, the strongest first."""
    chains: list[Chain] = []
    by_style = possible_starts(found)
    for style, starts in by_style.items():
        if not starts:
            continue
        marks = body_marks(found, style, starts)
        weigh(found, starts, marks, headings)
        chain = heaviest(style, starts, marks, headings)
        chain.headed = _is_headed(found, chain, headings)
        chain.marks = ordered_marks(found, marks, _last(chain))
        chains.append(chain)
    chains.sort(key=lambda chain: -chain.score)
    accepted: list[Chain] = []
    for chain in chains:
        # Within the notes of a stronger numbering, what looks like a mark is part of their text.
        chain.starts = [start for start in chain.starts if not any(other.spans(start.at) for other in accepted)]
        if chain.starts and _is_notes(found, chain, accepted):
            accepted.append(chain)
    return accepted


def _last(chain: Chain) -> int:
    """The highest number up to which marks in the body are believed."""
    return max(start.number for start in chain.starts)


def _is_headed(found: list[Row], chain: Chain, headings: list[int]) -> bool:
    first = chain.starts[0].at
    before = [at for at in headings if at < first]
    return bool(before) and not any(row.text.strip() and not row.furniture for row in found[before[-1] + 1 : first])


def _is_notes(found: list[Row], chain: Chain, accepted: list[Chain]) -> bool:
    """Whether a numbering is one of notes rather than of list items, sections or table rows."""
    starts = chain.starts
    count = len(starts)
    cites = sum(start.cites for start in starts) / count
    strong = sum(start.strong for start in starts) / count
    taken = {start.number for other in accepted for start in other.starts}
    taken_marks = bool(accepted) and chain.style in {Style.DOT, Style.PAREN, Style.PLAIN}
    marked = (
        0.0 if taken_marks and {start.number for start in starts} <= taken else sum(start.marked for start in starts) / count
    )
    if chain.headed:
        return cites >= 0.3 or marked >= 0.5
    if chain.style in {Style.BRACKET, Style.WORD}:
        return cites >= 0.4 or marked >= 0.5
    if chain.style is Style.PLAIN:
        return (marked >= 0.5 and (cites >= 0.2 or count > 2)) or (count >= 3 and strong >= 0.5)
    at_end = starts[-1].at > 0.5 * len(found)
    return (marked >= 0.6 and cites >= 0.4) or (
        count >= 2 and at_end and strong >= 0.8 and not accepted and _reads_as_list_of_sources(found, chain)
    )


def _reads_as_list_of_sources(found: list[Row], chain: Chain) -> bool:
    """A closing numbered list whose items hold addresses, and nothing but a little text after it."""
    rest = [row for row in found[chain.starts[-1].at + 1 :] if not row.blank and not row.furniture]
    return len(rest) <= 8


class _Segmenter:
    """Walks over the rows once and deals them out to notes and paragraphs."""

    def __init__(self, found: list[Row], headings: list[int], chains: list[Chain]) -> None:
        self.found = found
        self.headings = set(headings)
        self.chains = chains
        self.starts = {start.at: start for chain in reversed(chains) for start in chain.starts}
        self.chain_of = {start.at: chain for chain in reversed(chains) for start in chain.starts}
        self.at_end = {id(chain): self._is_at_end(chain) for chain in chains}
        self.drafts: list[_Draft] = []
        self.note: _Draft | None = None
        self.chain: Chain | None = None
        self.dangling: _Draft | None = None
        self.in_references = False

    def _is_at_end(self, chain: Chain) -> bool:
        """Endnotes stand together after the body; footnotes among it."""
        if chain.headed:
            return True
        first, last = chain.starts[0].at, chain.starts[-1].at
        marks = [at for number, at in chain.marks if number in {start.number for start in chain.starts}]
        if len(marks) >= 2 and len(chain.starts) >= 2:
            return sum(at < first for at in marks) >= 0.8 * len(marks)
        between = self.found[first:last]
        return not any(row.torn for row in between) and sum(row.blank for row in between) <= 2 * len(chain.starts)

    def run(self) -> list[_Draft]:
        for first, last in self._blocks():
            self._block(first, last)
        _split_swallowed(self.drafts)
        if self.chains and self.chains[0].style is not Style.DOT:
            _name_lost(self.drafts, self.chains[0])
        return self.drafts

    def _blocks(self) -> list[tuple[int, int]]:
        """Runs of rows without an empty one between; also cut before a note, at a tear, around headings."""
        blocks: list[tuple[int, int]] = []
        first: int | None = None
        for at, row in enumerate(self.found):
            cut = (
                row.blank
                or row.torn
                or at in self.starts
                or bool(_SYMBOL.match(row.text))
                or at in self.headings
                or (at - 1) in self.headings
                or row.furniture
            )
            if first is not None and cut:
                blocks.append((first, at))
                first = None
            if not row.blank and first is None and not row.furniture:
                first = at
        if first is not None:
            blocks.append((first, len(self.found)))
        return blocks

    def _block(self, first: int, last: int) -> None:
        block = self.found[first:last]
        if first in self.headings and last - first == 1:
            self.note, self.chain, self.in_references = None, None, True
            self._body(first, block)
        elif (start := self.starts.get(first)) is not None:
            self._open_note(start, block)
        elif self.in_references and (label := _LABEL.match(block[0].text)):
            self._add(_Draft(where=Where.NOTES, rows=list(block), mark=label[1].strip(), at=first))
        elif (symbol := self._symbol(first, block)) is not None:
            self._reattach()
            self._add(_Draft(where=Where.NOTES, rows=list(block), mark=symbol, at=first))
        elif self.note is not None and self._goes_on(first, block):
            self.note.rows.extend(row for row in block if not self._is_stray(row))
        elif self._is_unmarked_note(first, block):
            self._add(_Draft(where=Where.NOTES, rows=list(block), at=first))
        else:
            if self.note is not None and self.note.open:
                self.dangling = self.note
            self.note = None
            self._body(first, block)

    def _open_note(self, start: Start, block: list[Row]) -> None:
        chain = self.chain_of[start.at]
        self._reattach()
        if (
            self.chain is not None
            and chain is not self.chain
            and chain.style in {Style.DOT, Style.PAREN}
            and self.note is not None
        ):
            self.note.rows.extend(block)  # a numbered list inside a note
            return
        self.chain = chain
        self._add(_Draft(where=Where.NOTES, rows=list(block), mark=str(start.number), number=start.number, at=start.at))

    def _symbol(self, first: int, block: list[Row]) -> str | None:
        """The sign that opens this block as a note's mark does, when the body before it has that sign after a word."""
        match = _SYMBOL.match(block[0].text)
        if match is None:
            return None
        mark = re.compile(rf"[^\W_][.,;:!?”\"’»)]{{0,3}}{re.escape(match[1])}(?![{re.escape(match[1][0])}\w])")
        return match[1] if any(mark.search(row.text) for row in self.found[max(0, first - 80) : first]) else None

    def _add(self, draft: _Draft) -> None:
        self.drafts.append(draft)
        self.note = draft

    def _body(self, first: int, block: list[Row]) -> None:
        if self.in_references and len(block) > 1:
            for entry_first, entry in _entries(first, block):
                self.drafts.append(_Draft(where=Where.BODY, rows=entry, at=entry_first))
            return
        self.drafts.append(_Draft(where=Where.BODY, rows=list(block), at=first))

    def _is_stray(self, row: Row) -> bool:
        """A number alone on its row that belongs to no chain: a page number, or a mark that lost its place."""
        at = row.text.strip()
        return at.isdecimal() and len(at) <= 4 and not (self.note and self.note.open)

    def _goes_on(self, first: int, block: list[Row]) -> bool:
        """Whether a block without a mark belongs to the note before it."""
        note, row = self.note, block[0]
        assert note is not None
        if all(self._is_stray(row) for row in block):
            return True
        before = self.found[first - 1] if first else None
        if before is not None and not before.blank and not row.torn and not before.furniture:
            return True  # cut only by a heading or by a mark of another kind
        if len(note.rows) == 1 and (start := self.starts.get(note.at)) is not None and start.alone:
            return not row.torn
        if self.chain is None:
            return False
        if self.at_end[id(self.chain)]:
            return self._goes_on_at_end(first, block)
        if row.torn:
            return note.open and bool(_MORE_URL.match(row.text)) and not self._mark_after(block)
        if note.open:
            return True
        if self._mark_after(block):
            return False
        return row.page is not None and (not note.closed or is_citing(_joined(block))) and not _is_caption(block)

    def _goes_on_at_end(self, first: int, block: list[Row]) -> bool:
        note, chain = self.note, self.chain
        assert note is not None
        assert chain is not None
        more = any(start.at > first for start in chain.starts)
        if note.open or not note.closed:
            return more or note.open or block[0].torn
        if block[0].indent > note.rows[0].indent:
            return True
        if len(block) == 1 and _SECTION.match(block[0].text) and not is_strongly_citing(block[0].text):
            return False
        return more

    def _mark_after(self, block: list[Row]) -> bool:
        """Whether the block holds the body's mark of a later note: then it is body."""
        if self.chain is None or self.note is None:
            return False
        number = self.note.number or self.note.inferred or 0
        numbers = {row.number for row in block}
        return any(number < mark <= number + 30 and self.found[at].number in numbers for mark, at in self.chain.marks)

    def _is_unmarked_note(self, first: int, block: list[Row]) -> bool:
        """Whether a block at a tear or after an empty row is a note whose number was lost."""
        if not self.chains or (chain := self.chains[0]).style is Style.DOT or self.at_end[id(chain)] or self.in_references:
            return False
        if first < chain.starts[0].at or not any(start.at > first for start in chain.starts):
            return False
        before = next((start for start in reversed(chain.starts) if start.at < first), chain.starts[0])
        after = next(start for start in chain.starts if start.at > first)
        numbers = {start.number for start in chain.starts}
        near = [mark for mark, at in chain.marks if before.at < at < first and mark not in numbers]
        if after.number - before.number <= 1 and not near:
            return False
        text = _joined(block)
        if not (is_strongly_citing(text) or re.search(r"\bonline\b[^.]{0,12}:\s*\Z", text)):
            return False
        rows_of = {row.number for row in block}
        return not any(self.found[at].number in rows_of and mark > before.number for mark, at in chain.marks)

    def _reattach(self) -> None:
        """A note that stopped inside an address goes on at the foot of the next page, before that page's first mark."""
        note, self.dangling = self.dangling, None
        if note is None or not self.drafts or self.drafts[-1].where is not Where.BODY:
            return
        last = self.drafts[-1]
        for index, row in enumerate(last.rows):
            if (
                _MORE_URL.match(row.text)
                and not row.text.lstrip()[:1].isupper()
                and (index == 0 or len(last.rows) - index <= 4)
            ):
                note.rows.extend(last.rows[index:])
                del last.rows[index:]
                return


def _joined(block: list[Row]) -> str:
    return " ".join(row.text.strip() for row in block)


def _is_caption(block: list[Row]) -> bool:
    return bool(
        re.match(r"\s*(?:figure|fig\.|table|abbildung|abb\.|tabelle|рис\.|табл\.|source:)\s", block[0].text, re.IGNORECASE)
    )


def _entries(first: int, block: list[Row]) -> list[tuple[int, list[Row]]]:
    """A block of an unnumbered list of references, cut where an entry starts: at the outer margin, or after a finished row."""
    left = min(row.indent for row in block)
    hanging = any(row.indent > left for row in block)
    width = max(len(row.text) for row in block)
    entries: list[tuple[int, list[Row]]] = []
    for at, row in enumerate(block):
        previous = block[at - 1] if at else None
        starts = previous is None or (
            row.indent == left
            if hanging
            else row.text[:1].isupper() and bool(_CLOSED.search(previous.text)) and len(previous.text) < 0.9 * width
        )
        if starts:
            entries.append((first + at, [row]))
        else:
            entries[-1][1].append(row)
    return entries


def _split_swallowed(drafts: list[_Draft]) -> None:
    """Where a number is missing, a cross reference at the start of a row within the note before it is the lost note."""
    numbers = {draft.number for draft in drafts if draft.number is not None}
    index = 0
    while index < len(drafts):
        draft = drafts[index]
        index += 1
        if draft.number is None or draft.number + 1 in numbers or draft.number >= max(numbers):
            continue
        for at in range(1, len(draft.rows)):
            before, row = draft.rows[at - 1].text, draft.rows[at].text
            if _REFERS_AT_START.match(row) and _CLOSED.search(before) and not before.strip().isdecimal():
                lost = _Draft(where=Where.NOTES, rows=draft.rows[at:], inferred=draft.number + 1, at=draft.at + at)
                del draft.rows[at:]
                drafts.insert(index, lost)
                break


def _name_lost(drafts: list[_Draft], chain: Chain) -> None:
    """Give each note without a number the one that its neighbours and the marks in the body leave for it."""
    known = {draft.number for draft in drafts if draft.number is not None} | {draft.inferred for draft in drafts}
    index = 0
    while index < len(drafts):
        if not _is_lost(drafts[index]):
            index += 1
            continue
        last = index
        group: list[_Draft] = []
        while last < len(drafts) and (_is_lost(drafts[last]) or not drafts[last].rows):
            group.append(drafts[last])
            last += 1
        since = next((draft.at for draft in reversed(drafts[:index]) if draft.where is Where.NOTES), 0)
        before = next((draft.number for draft in reversed(drafts[:index]) if draft.number is not None), 0)
        after = next((draft.number for draft in drafts[last:] if draft.number is not None), before + len(group) + 1)
        free = [n for n, at in chain.marks if since < at < group[0].at and n not in known] or [
            n for n in range(before + 1, after) if n not in known
        ]
        free = sorted(set(free))
        if len(group) == 1 and after - 1 in free and not any(n < after - 1 for n in free):
            free = [after - 1]
        for draft, number in zip(group, free, strict=False):
            draft.inferred = number
            known.add(number)
        index = last


def _is_lost(draft: _Draft) -> bool:
    return draft.where is Where.NOTES and draft.mark is None and draft.inferred is None

"""Rows dealt out to notes and paragraphs, once the numberings are known.

A note runs from its mark to the next, to the end of its page, or to the empty row after which the body goes on; where it goes on
over a page, `carry` says from which row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preserve.documents.carry import carried, widths
from preserve.documents.marks import Chain, Start, Style, is_citing, is_strongly_citing
from preserve.documents.pages import Row
from preserve.model.document import Where

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
class Draft:
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


class Segmenter:
    """Walks over the rows once and deals them out to notes and paragraphs."""

    def __init__(self, found: list[Row], headings: list[int], chains: list[Chain]) -> None:
        self.found = found
        self.headings = set(headings)
        self.chains = chains
        self.starts = {start.at: start for chain in reversed(chains) for start in chain.starts}
        self.chain_of = {start.at: chain for chain in reversed(chains) for start in chain.starts}
        self.at_end = {id(chain): self._is_at_end(chain) for chain in chains}
        self.drafts: list[Draft] = []
        self.note: Draft | None = None
        self.chain: Chain | None = None
        self.dangling: Draft | None = None
        self.in_references = False
        self.widths = widths(found, sorted(start.at for start in chains[0].starts)) if chains else None

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

    def run(self) -> list[Draft]:
        for first, last in self._blocks():
            self._block(first, last)
        _split_swallowed(self.drafts)
        if self.chains:
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
            self._add(Draft(where=Where.NOTES, rows=list(block), mark=label[1].strip(), at=first))
        elif (symbol := self._symbol(first, block)) is not None:
            self._reattach()
            self._add(Draft(where=Where.NOTES, rows=list(block), mark=symbol, at=first))
        elif self.note is not None and self._goes_on(first, block):
            self.note.rows.extend(row for row in block if not self._is_stray(row))
        elif self._is_unmarked_note(first, block):
            self._add(Draft(where=Where.NOTES, rows=list(block), at=first))
        else:
            if block[0].torn:
                self._turn_page()
            elif self.note is not None and self.note.open:
                self.dangling = self.note
            self.note = None
            self._body(first, block)

    def _turn_page(self) -> None:
        """At the first row of a page that is body: the note before may go on further down."""
        if self.note is None:
            self._reattach()  # the page before had no mark of its own
        last = next((draft for draft in reversed(self.drafts) if draft.where is Where.NOTES), None)
        chain = self.chain
        self.dangling = last if chain is not None and not self.at_end[id(chain)] else self.note

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
        self._add(Draft(where=Where.NOTES, rows=list(block), mark=str(start.number), number=start.number, at=start.at))

    def _symbol(self, first: int, block: list[Row]) -> str | None:
        """The sign that opens this block as a note's mark does, when the body before it has that sign after a word."""
        match = _SYMBOL.match(block[0].text)
        if match is None:
            return None
        mark = re.compile(rf"[^\W_][.,;:!?”\"’»)]{{0,3}}{re.escape(match[1])}(?![{re.escape(match[1][0])}\w])")
        return match[1] if any(mark.search(row.text) for row in self.found[max(0, first - 80) : first]) else None

    def _add(self, draft: Draft) -> None:
        self.drafts.append(draft)
        self.note = draft

    def _body(self, first: int, block: list[Row]) -> None:
        if self.in_references and len(block) > 1:
            for entry_first, entry in _entries(first, block):
                self.drafts.append(Draft(where=Where.BODY, rows=entry, at=entry_first))
            return
        self.drafts.append(Draft(where=Where.BODY, rows=list(block), at=first))

    def _is_stray(self, row: Row) -> bool:
        """A number alone on its row that belongs to no chain: a page number, or a mark that lost its place."""
        at = row.text.strip()
        return at.isdecimal() and len(at) <= 4 and not (self.note and self.note.open)

    def _goes_on(self, first: int, block: list[Row]) -> bool:
        """Whether a block without a mark belongs to the note before it."""
        note, row = self.note, block[0]
        assert note is not None
        if all(self._is_stray(row) for row in block):
            if row.torn:
                self._tear_after(first + len(block))  # a page number: the page's text begins below it
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

    def _tear_after(self, at: int) -> None:
        row = next((row for row in self.found[at:] if not row.blank and not row.furniture), None)
        if row is not None:
            row.torn = True

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
        if not self.chains or self.at_end[id(chain := self.chains[0])] or self.in_references:
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
        """Give the last note of an earlier page the rows at the foot of this one that belong to it."""
        note, self.dangling = self.dangling, None
        if note is None:
            return
        here: list[Draft] = []
        for draft in reversed(self.drafts):
            if draft.where is not Where.BODY:
                break
            here.insert(0, draft)
            if draft.rows and draft.rows[0].torn:
                break
        rows = [row for draft in here for row in draft.rows]
        first = carried(rows, self.widths, inside=note.open, finished=note.closed and not note.open)
        if first is None and not note.closed and len(here) > 1 and is_strongly_citing(_joined(here[-1].rows)):
            first = len(rows) - len(here[-1].rows)  # set apart by an empty row, and it cites
        if first is None or (any(row.torn for row in rows[first : first + 1]) and len(here) == 1 and len(rows) > 30):
            return
        note.rows.extend(rows[first:])
        for draft in reversed(here):
            keep = max(0, len(draft.rows) - (len(rows) - first))
            first += len(draft.rows) - keep
            del draft.rows[keep:]


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


def _split_swallowed(drafts: list[Draft]) -> None:
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
                lost = Draft(where=Where.NOTES, rows=draft.rows[at:], inferred=draft.number + 1, at=draft.at + at)
                del draft.rows[at:]
                drafts.insert(index, lost)
                break


def _name_lost(drafts: list[Draft], chain: Chain) -> None:
    """Give each note without a number the one that its neighbours and the marks in the body leave for it."""
    known = {draft.number for draft in drafts if draft.number is not None} | {draft.inferred for draft in drafts}
    index = 0
    while index < len(drafts):
        if not _is_lost(drafts[index]):
            index += 1
            continue
        last = index
        group: list[Draft] = []
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


def _is_lost(draft: Draft) -> bool:
    return draft.where is Where.NOTES and draft.mark is None and draft.inferred is None

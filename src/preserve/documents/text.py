"""Plain text: pages, the notes at their feet or at the end, and the body around them.

A note runs from its mark to the next mark, to where its page ends, or to the empty row after which the body goes on. What a
reader of the text cannot know for sure is not asserted: a note whose number was lost keeps `mark` None, and `inferred` has the
number which its neighbours and the marks in the body leave for it.
"""

from __future__ import annotations

from preserve.documents.marks import (
    HEADING,
    Chain,
    Style,
    body_marks,
    heaviest,
    ordered_marks,
    possible_starts,
    weigh,
)
from preserve.documents.pages import Row, rows
from preserve.documents.segments import Draft, Segmenter
from preserve.documents.source import Source
from preserve.model.document import Document, Line, Passage


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
    drafts = Segmenter(found, headings, chains).run()
    marks: tuple[str, ...] = ()
    if chains and (main := chains[0]).marks:
        marks = tuple(dict.fromkeys(str(number) for number, _ in main.marks))
    return tuple(_passage(draft) for draft in drafts if draft.rows), marks


def _passage(draft: Draft) -> Passage:
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

"""HTML: notes are what marks point to, whatever generator wrote the page.

A mark is a link within the page whose text is a number, a sign or a letter; the element that it points to, further down, is the
note, and the mark's text its number. That holds for MediaWiki, Word, pandoc, LibreOffice, Substack, EPUB and hand-made pages alike.
Lists of references that nothing points to are numbered as a browser numbers them. Where a page has no such links at all, its blocks
are read as the rows of a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preserve.documents.blocks import Anchor, Aside, Block, Page, page_of
from preserve.documents.marks import HEADING
from preserve.documents.pages import Row
from preserve.documents.source import Source
from preserve.documents.text import passages_of
from preserve.model.document import Document, Line, Link, Passage, Where

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"})
_BLANK = re.compile(r"[\s\[\]().,:^↑↩⤴]*\Z")
_LEAD = re.compile(
    r"\s*(?:\[\d{1,4}\]\s*[.:]?|\(\d{1,4}\)|\d{1,4}\s*[.):]|\d{1,4}\s+(?=[^\W\d_])|[⁰¹²³⁴⁵⁶⁷⁸⁹]+\.?|[\^↑]|\[\s*\]|\(\s*\)|[*†‡§]+|[.:)\]](?=\s))?\s*"
)


@dataclass(slots=True)
class _Note:
    first: int
    mark: str
    blocks: list[int] = field(default_factory=list)


def read_html(source: Source) -> Document:
    """A page."""
    return document_of(source, source.text, "text/html")


def document_of(source: Source, html: str, media_type: str) -> Document:
    """The document whose text is `html`; `source` is the file that it came from."""
    page = page_of(html)
    notes = _linked(page)
    _add_listed(page, notes)
    if notes or page.asides:
        passages, marks = _passages(page, notes)
    else:
        passages, marks = _as_text(page)
    return Document(
        name=source.name,
        media_type=media_type,
        size=source.size,
        sha256=source.sha256,
        encoding=source.encoding,
        passages=passages,
        marks=marks,
        remarks=source.remarks,
    )


def _linked(page: Page) -> dict[int, _Note]:
    """The notes that marks point to, by their first block."""
    notes: dict[int, _Note] = {}
    for at, block in enumerate(page.blocks):
        for anchor in block.anchors:
            target = page.ids.get(anchor.target)
            mark = anchor.mark
            if target is None or mark is None or target[0] <= at or target[0] in notes:
                continue
            if page.blocks[target[0]].tag in _HEADINGS - {"dt"} or not _may_be_note(page, target[0], at, anchor):
                continue
            notes[target[0]] = _Note(first=target[0], mark=mark)
    _extents(page, notes)
    return notes


def _may_be_note(page: Page, target: int, source: int, anchor: Anchor) -> bool:
    """A table of contents points to sections, a mark to a block of text; letters count only where the note points back."""
    block = page.blocks[target]
    back = any(_points(page, other, source) for near in page.blocks[target : target + 3] for other in near.anchors)
    if anchor.mark and anchor.mark.isalpha():
        return back or block.noted
    return (
        back
        or block.noted
        or (_looks_like_mark(page.blocks[source], anchor) and (block.tag not in _HEADINGS or block.tag == "dt"))
    )


def _looks_like_mark(block: Block, anchor: Anchor) -> bool:
    """Raised, in brackets, or glued to the word before it; the page numbers of a table of contents are none of these."""
    before = block.texts()[anchor.line][: anchor.start]
    return (
        anchor.raised
        or not anchor.text.strip().isalnum()
        or (bool(before) and not before[-1].isspace() and before[-1] not in ".…")
    )


def _points(page: Page, anchor: Anchor, block: int) -> bool:
    target = page.ids.get(anchor.target)
    return target is not None and abs(target[0] - block) <= 1


def _extents(page: Page, notes: dict[int, _Note]) -> None:
    """Find the blocks of each note: the widest element around it that begins with it and holds no other."""
    starts = sorted(notes)
    depths: list[int] = []
    for place, first in enumerate(starts):
        following = starts[place + 1] if place + 1 < len(starts) else len(page.blocks)
        last = place + 1 == len(starts)
        # Around the last note nothing says where its element stops being its own; its neighbours do.
        limit = max(depths, default=len(page.blocks[first].path) - 2) if last else 0
        notes[first].blocks, depth = _extent(page, first, following, limit)
        depths.append(depth)


def _extent(page: Page, first: int, following: int, limit: int) -> tuple[list[int], int]:
    """The blocks from `first` on that belong to one note, and how deep their element lies."""
    path = page.blocks[first].path
    before = set(page.blocks[first - 1].path) if first else set()
    end, depth = first + 1, len(path)
    for level, element in enumerate(path):
        if element in before or level < limit:
            continue
        stop = first + 1
        while stop < len(page.blocks) and element in page.blocks[stop].path:
            stop += 1
        if stop <= following:
            end, depth = stop, level
            break
    while end < following and _is_blank(page, list(range(first, end))):
        end += 1
    if following < len(page.blocks) and page.blocks[first].tag in {"p", "div"} and depth >= len(path) - 1:
        parent = path[:-1]
        while end < following and page.blocks[end].path[: len(parent)] == parent and page.blocks[end].tag not in _HEADINGS:
            end += 1
    return list(range(first, end)), depth


def _list_item(page: Page, at: int) -> int | None:
    """The list item that this block begins: the element just inside its list."""
    block = page.blocks[at]
    if block.item is None or block.item[0] not in block.path:
        return None
    depth = block.path.index(block.item[0]) + 1
    return block.path[depth] if depth < len(block.path) else None


def _is_blank(page: Page, blocks: list[int]) -> bool:
    """Whether these blocks hold a mark and no text."""
    text = ""
    for at in blocks:
        block = page.blocks[at]
        if any(block.links):
            return False
        for number, line in enumerate(block.texts()):
            chars = list(line)
            for anchor in block.anchors:
                if anchor.line == number:
                    chars[anchor.start : anchor.end] = " " * len(chars[anchor.start : anchor.end])
            text += "".join(chars)
    return bool(_BLANK.match(text)) or bool(re.fullmatch(r"\W*\d{0,4}\W*", text))


def _add_listed(page: Page, notes: dict[int, _Note]) -> None:
    """Items of ordered lists that hold references: under such a heading, or in an element that says so."""
    known = {at for note in notes.values() for at in note.blocks}
    headed, returning = _headed(page), _returning(page)
    for at, block in enumerate(page.blocks):
        if block.item is None or at in known or not (block.noted or headed[at] or block.item[0] in returning):
            continue
        end = at + 1
        item = _list_item(page, at)
        while end < len(page.blocks) and item is not None and item in page.blocks[end].path and page.blocks[end].item is None:
            end += 1
        notes[at] = _Note(first=at, mark=str(block.item[1]), blocks=list(range(at, end)))


def _returning(page: Page) -> set[int]:
    """Lists most of whose items end with a way back: lists of notes, even where the ways lead nowhere."""
    items: dict[int, list[bool]] = {}
    for block in page.blocks:
        if block.item is not None:
            last = block.anchors[-1] if block.anchors else None
            items.setdefault(block.item[0], []).append(last is not None and bool(re.match(r"\s*[↑↩⤴^]", last.text)))
    return {element for element, ways in items.items() if len(ways) > 1 and sum(ways) * 2 > len(ways)}


def _headed(page: Page) -> list[bool]:
    """For each block whether the last heading before it is one of notes or references."""
    inside, result = False, []
    for block in page.blocks:
        if block.tag in _HEADINGS or (block.tag in {"p", "div"} and len(block.text) < 30 and HEADING.match(block.text)):
            inside = bool(HEADING.match(block.text))
        result.append(inside)
    return result


def _passages(page: Page, notes: dict[int, _Note]) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    first_of = {note.first: note for note in notes.values()}
    within = {at for note in notes.values() for at in note.blocks}
    passages: list[Passage] = []
    asides = list(page.asides)
    for at, block in enumerate(page.blocks):
        while asides and asides[0].at < at:
            passages.extend(_aside(asides.pop(0)))
        if (note := first_of.get(at)) is not None:
            lines = tuple(line for index in note.blocks for line in _note_lines(page.blocks[index], first=index == at))
            order = int(note.mark) if note.mark.isdecimal() else None
            if lines:
                passages.append(Passage(where=Where.NOTES, lines=lines, mark=note.mark, order=order))
        elif at not in within and (lines := block.passage_lines()):
            passages.append(Passage(where=Where.BODY, lines=lines))
    for aside in asides:
        passages.extend(_aside(aside))
    marks = [*(note.mark for _, note in sorted(notes.items())), *(aside.mark for aside in page.asides)]
    return tuple(passages), tuple(dict.fromkeys(marks))


def _aside(aside: Aside) -> list[Passage]:
    """The passage of a note in the midst of the text; none when it repeats nothing but its mark."""
    lines = tuple(line for index, block in enumerate(aside.blocks) for line in _note_lines(block, first=index == 0))
    order = int(aside.mark) if aside.mark.isdecimal() else None
    return [Passage(where=Where.NOTES, lines=lines, mark=aside.mark, order=order)] if lines else []


def _note_lines(block: Block, *, first: bool) -> list[Line]:
    """The lines of a note without its mark and without the ways back."""
    lines: list[Line] = []
    for number, whole in enumerate(block.texts()):
        cuts = sorted((a.start, min(a.end, len(whole))) for a in block.anchors if a.line == number and a.leads_back)
        text, links = _without(whole, block.links[number], cuts)
        if first and not lines:
            lead = _LEAD.match(text)
            text, links = _without(text, links, [(0, lead.end() if lead else 0)])
        if text.strip():
            lines.append(Line(text=text, number=block.number, links=tuple(links)))
    return lines


def _without(text: str, links: list[Link], cuts: list[tuple[int, int]]) -> tuple[str, list[Link]]:
    for start, end in reversed(cuts):
        if end <= start:
            continue
        gone = end - start

        def move(place: int, start: int = start, end: int = end, gone: int = gone) -> int:
            return place if place <= start else start if place <= end else place - gone

        text = text[:start] + text[end:]
        links = [Link(start=move(link.start), end=move(link.end), href=link.href) for link in links]
    return text.rstrip(), [Link(start=min(k.start, len(text)), end=min(k.end, len(text)), href=k.href) for k in links]


def _as_text(page: Page) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """A page without linked notes: its blocks as rows with empty rows between, read as a text is."""
    found: list[Row] = []
    lines_of: dict[int, Line] = {}
    for block in page.blocks:
        for line in block.passage_lines():
            # The row's number is its place, so that a passage finds its links again.
            found.append(Row(text=line.text, number=len(lines_of) + 1, page=None))
            lines_of[len(lines_of) + 1] = line
        found.append(Row(text="", number=0, page=None))
    passages, marks = passages_of(found)
    return (
        tuple(
            Passage(
                where=passage.where,
                lines=tuple(lines_of[line.number or 0] for line in passage.lines),
                mark=passage.mark,
                inferred=passage.inferred,
                order=passage.order,
            )
            for passage in passages
        ),
        marks,
    )

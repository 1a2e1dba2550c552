"""ODT: notes with the mark that was printed, links, lists with their numbers (ISO/IEC 26300-1, OpenDocument text).

The file holds each note's printed mark (`text:note-citation`), so nothing is counted. Deleted text lies in `text:tracked-changes`
and is left out with comments and hidden text. Headers and footers are in another part, which is not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from preserve.documents.flow import RAISED, Flow, Gathered, Note
from preserve.documents.numbering import printed
from preserve.documents.package import Package, attribute, local
from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.model.document import Document, Line

_PARAGRAPHS = frozenset({"p", "h"})
_SKIPPED = frozenset(
    [
        "tracked-changes",
        "annotation",
        "annotation-end",
        "note-citation",
        "hidden-text",
        "hidden-paragraph",
        "forms",
        "sequence-decls",
        "variable-decls",
        "user-field-decls",
        "ruby-text",
        "table-of-content-source",
        "desc",
        "title",
        "event-listeners",
    ]
)


def read_odt(source: Source) -> Document:
    """An ODT document; raises FormatError for a package that is none."""
    package = Package(source.name, source.data)
    if "META-INF/manifest.xml" in package and any(
        local(each) == "encryption-data" for each in package.xml("META-INF/manifest.xml").iter()
    ):
        raise FormatError(f"{source.name}: this is an encrypted ODT file", "open it with its password and save it without one")
    reader = _Reader(package)
    reader.read()
    passages, marks = reader.flow.passages()
    return Document(
        name=source.name,
        media_type="application/vnd.oasis.opendocument.text",
        size=source.size,
        sha256=source.sha256,
        passages=passages,
        marks=marks,
    )


@dataclass(slots=True)
class _Numbered:
    """A list that is open: the form of its numbers with what stands before and after; None where it has none."""

    style: str | None
    form: str
    before: str
    after: str
    count: int
    label: str = ""


@dataclass(slots=True, kw_only=True)
class _Place:
    paragraphs: list[tuple[list[Line], list[Note]]] = field(default_factory=list)
    lists: list[_Numbered] = field(default_factory=list)
    within_note: bool = False


class _Reader:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.flow = Flow()
        self.root = package.xml("content.xml")
        styles = [self.root, package.xml("styles.xml")] if "styles.xml" in package else [self.root]
        self.raised = {
            attribute(style, "name") or ""
            for tree in styles
            for style in tree.iter("{*}style")
            for properties in style.iterfind("./{*}text-properties")
            if _is_raised(attribute(properties, "text-position") or "")
        }
        self.levels = {
            (attribute(style, "name") or "", attribute(level, "level") or "1"): level
            for tree in styles
            for style in tree.iter("{*}list-style")
            for level in style
            if local(level) == "list-level-style-number"
        }
        self.counts: dict[tuple[str, int], int] = {}

    def read(self) -> None:
        text = self.root.find("./{*}body/{*}text")
        if text is None:
            raise FormatError(
                f"{self.package.name}: the part content.xml holds no text document",
                "open it in a word processor and save it again",
            )
        place = _Place()
        self._blocks(place, text)
        self.flow.paragraphs = place.paragraphs

    def _blocks(self, place: _Place, top: etree._Element) -> None:
        stack = [(top, iter(top))]
        while stack:
            element, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                if local(element) == "list":
                    place.lists.pop()
                continue
            name = local(child)
            if name in _SKIPPED:
                continue
            if name in _PARAGRAPHS:
                self._paragraph(place, child)
                continue
            if name == "list":
                place.lists.append(self._list(place, child))
            elif name == "list-item" and place.lists:
                self._item(place.lists[-1], child, len(place.lists))
            stack.append((child, iter(child)))

    def _list(self, place: _Place, element: etree._Element) -> _Numbered:
        style = attribute(element, "style-name") or (place.lists[-1].style if place.lists else None)
        depth = len(place.lists) + 1
        level = self.levels.get((style or "", str(depth)))
        if level is None:
            return _Numbered(style, "", "", "", 0)
        start = attribute(level, "start-value") or "1"
        first = int(start[:6]) - 1 if start.isdecimal() else 0
        if attribute(element, "continue-numbering") == "true" or attribute(element, "continue-list"):
            first = self.counts.get((style or "", depth), first)
        return _Numbered(
            style,
            attribute(level, "num-format") or "",
            attribute(level, "num-prefix") or "",
            attribute(level, "num-suffix") or "",
            first,
        )

    def _item(self, numbered: _Numbered, item: etree._Element, depth: int) -> None:
        if numbered.form:
            start = attribute(item, "start-value") or ""
            numbered.count = int(start[:6]) if start.isdecimal() else numbered.count + 1
            numbered.label = f"{numbered.before}{printed(numbered.count, numbered.form)}{numbered.after} "
            self.counts[numbered.style or "", depth] = numbered.count

    def _paragraph(self, place: _Place, paragraph: etree._Element) -> None:
        """Gather a paragraph, walking over its tree with the tails of its elements; text boxes in it follow it."""
        gathered, notes = Gathered(), list[Note]()
        boxes: list[etree._Element] = []
        if place.lists:
            gathered.text(place.lists[-1].label)
            place.lists[-1].label = ""
        gathered.text(paragraph.text or "")
        stack = [(paragraph, iter(paragraph), False)]
        while stack:
            element, children, raised = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                if stack:
                    if local(element) == "a":
                        gathered.close_link()
                    _put(gathered, element.tail, raised=stack[-1][2])
                continue
            name = local(child)
            entered = self._inline(gathered, child, name, place, notes)
            if name == "text-box":
                boxes.append(child)
            elif entered:
                inner = raised or (name == "span" and (attribute(child, "style-name") or "") in self.raised)
                _put(gathered, child.text, raised=inner)
                stack.append((child, iter(child), inner))
                continue
            _put(gathered, child.tail, raised=raised)
        place.paragraphs.append((gathered.lines(), notes))
        for box in boxes:
            inside = _Place(within_note=place.within_note)
            self._blocks(inside, box)
            place.paragraphs.extend(inside.paragraphs)

    def _inline(self, gathered: Gathered, element: etree._Element, name: str, place: _Place, notes: list[Note]) -> bool:
        """What an element within a paragraph prints itself; returns whether its content is to be read as well."""
        if name == "s":
            count = attribute(element, "c") or "1"
            gathered.text(" " * min(int(count[:6]) if count.isdecimal() else 1, 1000))
        elif name == "tab":
            gathered.text(" ")
        elif name == "line-break":
            gathered.end_line()
        elif name == "a":
            gathered.open_link(attribute(element, "href") or "")
            return True
        elif name == "note" and not place.within_note:
            self._note(gathered, element, notes)
        else:
            return name not in _SKIPPED and name not in {"note", "text-box"}
        return False

    def _note(self, gathered: Gathered, element: etree._Element, notes: list[Note]) -> None:
        citation, body = element.find("./{*}note-citation"), element.find("./{*}note-body")
        mark = "".join(str(piece) for piece in citation.itertext()).strip() if citation is not None else ""
        note = Note(mark, int(mark) if mark.isdecimal() and len(mark) < 7 else None, [])
        gathered.text(mark.translate(RAISED))
        if body is not None:
            inside = _Place(within_note=True)
            self._blocks(inside, body)
            note.lines = [line for lines, _ in inside.paragraphs for line in lines]
        if attribute(element, "note-class") == "endnote":
            self.flow.endnotes.append(note)
        else:
            notes.append(note)


def _put(gathered: Gathered, text: str | None, *, raised: bool) -> None:
    if text:
        gathered.text(text.translate(RAISED) if raised and text.strip().isdigit() else text)


def _is_raised(position: str) -> bool:
    """Whether a `style:text-position` ("super 58%", "33% 58%") lies above the line."""
    first, _, _ = position.strip().partition(" ")
    return first == "super" or (first.endswith("%") and not first.startswith("-") and first != "0%")

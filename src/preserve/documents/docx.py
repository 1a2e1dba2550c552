"""DOCX: notes, links and revisions as a printed page shows them (ISO/IEC 29500-1, WordprocessingML).

A note's printed number is the order of its mark, in the form its section asks for; a mark of the author's own stands as it is.
Inserted text counts, deleted text does not, hidden text is not printed. Links are relationships or HYPERLINK fields. Headers,
footers and comments are left out: what they cite is not cited by the text. Elements are told by their names without namespace, so
that strict and transitional documents read alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from preserve.documents.flow import RAISED, Flow, Gathered, Note
from preserve.documents.numbering import printed
from preserve.documents.package import Package, attribute, local, resolved
from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.model.document import Document, Line

_FIELD = re.compile(r'\s*HYPERLINK\b(?P<switches>(?:\s+\\[a-km-z])*)(?:\s+"(?P<quoted>[^"]*)"|\s+(?P<bare>[^\s\\"]\S*))?(?P<rest>.*)\Z', re.IGNORECASE | re.DOTALL)
_ANCHOR = re.compile(r'\\l\s+"?([^"\s]+)', re.IGNORECASE)
_SKIPPED = frozenset({"del", "moveFrom", "Fallback", "pPr", "sectPr", "tblPr", "trPr", "tcPr", "sdtPr", "instrText", "delText", "delInstrText", "annotationRef"})
_SYMBOLS = {0x2A: "∗", 0x2D: "−", 0x22: "∀", 0x24: "∃", 0x27: "∋", 0xA7: "♣"}
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
_DAMAGED = "open it in a word processor and save it again"


def read_docx(source: Source) -> Document:
    """A DOCX document; raises FormatError for a package that is none."""
    reader = _Reader(Package(source.name, source.data))
    reader.read()
    passages, marks = reader.flow.passages()
    return Document(
        name=source.name,
        media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        size=source.size,
        sha256=source.sha256,
        passages=passages,
        marks=marks,
        remarks=tuple(reader.remarks),
    )


@dataclass(slots=True)
class _Part:
    """A part of the document: its root, and where its links lead."""

    root: etree._Element
    links: dict[str, str]


@dataclass(slots=True)
class _Field:
    """A field whose begin was read: its instruction so far, and whether its result is being read."""

    instruction: str = ""
    result: bool = False


@dataclass(slots=True)
class _Count:
    """The running number of footnotes or endnotes."""

    form: str
    start: int = 1
    restart: str = "continuous"
    next: int = 1


@dataclass(slots=True)
class _Place:
    """Where the walk is: the part, the paragraph being gathered, the fields that are open, the notes of this paragraph."""

    part: _Part
    paragraphs: list[tuple[list[Line], list[Note]]] = field(default_factory=list)
    gathered: Gathered = field(default_factory=Gathered)
    notes: list[Note] = field(default_factory=list)
    fields: list[_Field] = field(default_factory=list)
    within_note: bool = False


class _Reader:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.flow = Flow()
        self.remarks: list[str] = []
        self.main = self._main_part()
        self.document = self._part(self.main)
        self.stories = {kind: self._story(kind) for kind in ("footnote", "endnote")}
        self.lists = _Lists(self._related_root("numbering"))
        self.styles = _styles(self._related_root("styles"))
        settings = self._related_root("settings")
        self.counts = {kind: _count(settings, kind) for kind in ("footnote", "endnote")}

    def read(self) -> None:
        body = next((child for child in self.document.root if local(child) == "body"), None)
        if body is None:
            raise FormatError(f"{self.package.name}: the part {self.main} has no body", _DAMAGED)
        self.sections = [section for section in body.iter() if local(section) == "sectPr" and not _within(section, "sectPrChange")]
        self._begin_section(first=True)
        place = _Place(self.document)
        self._blocks(place, body)
        self.flow.paragraphs = place.paragraphs
        if any(count.restart == "eachPage" for count in self.counts.values()):
            self.remarks.append("its notes are numbered anew on each page, which a DOCX does not tell: they are counted through")

    def _main_part(self) -> str:
        for kind, target in self._relations("_rels/.rels", "x"):
            if kind == "officeDocument":
                return target
        return "word/document.xml"

    def _relations(self, part: str, base: str) -> list[tuple[str, str]]:
        """The kind and the target part of each relationship within the package."""
        if part not in self.package:
            return []
        return [
            ((attribute(rel, "Type") or "").rpartition("/")[2], resolved(base, attribute(rel, "Target") or ""))
            for rel in self.package.xml(part)
            if attribute(rel, "TargetMode") != "External"
        ]

    def _part(self, part: str) -> _Part:
        rels = _rels_of(part)
        links: dict[str, str] = {}
        if rels in self.package:
            for rel in self.package.xml(rels):
                if attribute(rel, "TargetMode") == "External" and (name := attribute(rel, "Id")):
                    links[name] = attribute(rel, "Target") or ""
        return _Part(self.package.xml(part), links)

    def _related(self, kind: str) -> str | None:
        found = next((target for of, target in self._relations(_rels_of(self.main), self.main) if of == kind), None)
        return found if found is not None and found in self.package else None

    def _related_root(self, kind: str) -> etree._Element | None:
        part = self._related(kind)
        return self.package.xml(part) if part else None

    def _story(self, kind: str) -> tuple[_Part, dict[str, etree._Element]] | None:
        """The part that holds the footnotes or endnotes, and each of them by its id; separators left out."""
        name = self._related(kind + "s")
        if name is None:
            return None
        part = self._part(name)
        notes = {}
        for note in part.root:
            if local(note) == kind and attribute(note, "type") in {None, "normal"} and (number := attribute(note, "id")) is not None:
                notes.setdefault(number, note)
        return part, notes

    def _begin_section(self, *, first: bool = False) -> None:
        """Take over what the next section says about the form and the start of note numbers."""
        section = self.sections.pop(0) if self.sections else None
        for kind, count in self.counts.items():
            properties = next((child for child in section if local(child) == kind + "Pr"), None) if section is not None else None
            _adopt(count, properties)
            if first or count.restart == "eachSect":
                count.next = count.start

    def _blocks(self, place: _Place, top: etree._Element) -> None:
        """Walk without recursion over block-level elements; paragraphs are gathered one by one, those of text boxes after their own."""
        stack = [iter(top)]
        while stack:
            element = next(stack[-1], None)
            if element is None:
                stack.pop()
                continue
            name = local(element)
            if name in _SKIPPED:
                continue
            if name == "p":
                boxes = self._paragraph(place, element)
                stack.extend(iter(box) for box in reversed(boxes))
                if not place.within_note and any(local(part) == "sectPr" for part in element.iterfind("./{*}pPr/{*}sectPr")):
                    self._begin_section()
            else:
                stack.append(iter(element))

    def _paragraph(self, place: _Place, paragraph: etree._Element) -> list[etree._Element]:
        """Gather one paragraph; returns the text boxes that are anchored in it."""
        gathered = place.gathered = Gathered()
        place.notes = []
        boxes: list[etree._Element] = []
        gathered.text(self.lists.label(paragraph, self.styles))
        if (href := _result_link(place)) is not None:
            gathered.open_link(href)
        self._inline(place, paragraph, boxes)
        place.paragraphs.append((gathered.lines(), place.notes))
        return boxes

    def _inline(self, place: _Place, top: etree._Element, boxes: list[etree._Element]) -> None:
        stack = [(top, iter(top))]
        while stack:
            element, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                if local(element) in {"hyperlink", "fldSimple"}:
                    place.gathered.close_link()
                continue
            name = local(child)
            if name in _SKIPPED:
                if name == "instrText" and place.fields and not place.fields[-1].result:
                    place.fields[-1].instruction += child.text or ""
                continue
            if name == "txbxContent":
                boxes.append(child)
            elif name == "r":
                self._run(place, child, stack)
            else:
                self._link(place, child, name)
                stack.append((child, iter(child)))

    def _link(self, place: _Place, element: etree._Element, name: str) -> None:
        if name == "hyperlink":
            target = place.part.links.get(_relation_id(element) or "")
            if target:
                place.gathered.open_link(_with_anchor(target, attribute(element, "anchor")))
        elif name == "fldSimple" and (href := _field_target(attribute(element, "instr") or "")) is not None:
            place.gathered.open_link(href)

    def _run(self, place: _Place, run: etree._Element, stack: list[tuple[etree._Element, object]]) -> None:
        properties = next((child for child in run if local(child) == "rPr"), None)
        shown = {local(each): attribute(each, "val") for each in properties} if properties is not None else {}
        if "vanish" in shown and shown["vanish"] not in {"0", "false", "off"}:
            return
        raised = shown.get("vertAlign") == "superscript"
        custom = False
        for child in run:
            name = local(child)
            if name in _NOTES:
                custom = self._mark(place, child, _NOTES[name])
            elif name == "fldChar":
                self._field(place, attribute(child, "fldCharType"))
            elif name == "instrText":
                if place.fields and not place.fields[-1].result:
                    place.fields[-1].instruction += child.text or ""
            elif (text := _text(child, name)) is not None:
                if custom:
                    place.notes[-1].mark += text.strip()
                if any(not each.result for each in place.fields):
                    continue  # between a field's begin and its result
                place.gathered.text(text.translate(RAISED) if raised and text.strip().isdigit() else text)
            elif name in {"br", "cr"}:
                place.gathered.end_line()
            elif name not in _SKIPPED and name != "rPr" and len(child):
                self._nested(place, child)

    def _nested(self, place: _Place, element: etree._Element) -> None:
        """Drawings and alternates within a run: their text boxes follow as paragraphs of their own."""
        for box in element.iter():
            if local(box) == "txbxContent" and not _within(box, "Fallback") and not _within_box(box, element):
                inner = _Place(place.part, within_note=True)
                self._blocks(inner, box)
                place.paragraphs.extend(inner.paragraphs)

    def _mark(self, place: _Place, reference: etree._Element, kind: str) -> bool:
        """Print a note's mark and read the note; returns whether the author's own mark follows in this run."""
        if place.within_note:
            return False
        custom = attribute(reference, "customMarkFollows") in {"1", "true", "on"}
        count = self.counts[kind]
        order: int | None = None
        mark = ""
        if not custom:
            order, mark = count.next, printed(count.next, count.form)
            count.next += 1
            place.gathered.text(mark.translate(RAISED))
        story = self.stories[kind]
        element = story[1].get(attribute(reference, "id") or "") if story else None
        note = Note(mark, order, [])
        if story is None or element is None:
            self.remarks.append(f"{kind} {mark} has no text")
        else:
            inside = _Place(story[0], within_note=True)
            self._blocks(inside, element)
            note.lines = _trimmed([line for lines, _ in inside.paragraphs for line in lines])
        place.notes.append(note)
        if kind == "endnote":
            self.flow.endnotes.append(note)
            if not custom:
                place.notes.pop()
        return custom

    def _field(self, place: _Place, kind: str | None) -> None:
        if kind == "begin":
            place.fields.append(_Field())
        elif kind == "separate" and place.fields:
            place.fields[-1].result = True
            if (href := _result_link(place)) is not None:
                place.gathered.open_link(href)
        elif kind == "end" and place.fields:
            ended = place.fields.pop()
            if _field_target(ended.instruction) is not None:
                place.gathered.close_link()

"""DOCX: notes, links and revisions as a printed page shows them (ISO/IEC 29500-1, WordprocessingML).

A note's printed number is the order of its mark, in the form its section asks for; a mark of the author's own stands as it is.
Inserted text counts, deleted text does not, hidden text is not printed. Links are relationships or HYPERLINK fields. Headers,
footers and comments are left out: what they cite is not cited by the text. Elements are told by their names without namespace, so
that strict and transitional documents read alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from preserve.documents.flow import RAISED, Flow, Gathered, Note
from preserve.documents.numbering import printed
from preserve.documents.ooxml import Count, Lists, field_target, relations_of, text_of
from preserve.documents.package import Package, attribute, local, resolved
from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.model.document import Document, Line, Link

_SKIPPED = frozenset(
    [
        "del",
        "moveFrom",
        "Fallback",
        "pPr",
        "rPr",
        "sectPr",
        "tblPr",
        "tblGrid",
        "trPr",
        "tcPr",
        "sdtPr",
        "sdtEndPr",
        "delText",
        "delInstrText",
    ]
)
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


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where the walk is: the part, the paragraph being gathered with its notes and text boxes, the fields that are open."""

    part: _Part
    paragraphs: list[tuple[list[Line], list[Note]]] = field(default_factory=list)
    gathered: Gathered = field(default_factory=Gathered)
    notes: list[Note] = field(default_factory=list)
    boxes: list[etree._Element] = field(default_factory=list)
    fields: list[_Field] = field(default_factory=list)
    within_note: bool = False
    within_box: bool = False

    @property
    def target(self) -> str | None:
        """Where the innermost field leads whose result is being read."""
        targets = (field_target(each.instruction) for each in reversed(self.fields) if each.result)
        return next((target for target in targets if target is not None), None)


class _Reader:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.flow = Flow()
        self.remarks: list[str] = []
        self.main = self._main_part()
        self.document = self._part(self.main)
        self.stories = {kind: self._story(kind) for kind in ("footnote", "endnote")}
        self.lists = Lists(self._related_root("numbering"), self._related_root("styles"))
        settings = self._related_root("settings")
        self.counts = {"footnote": Count(form="decimal"), "endnote": Count(form="lowerRoman")}
        for kind, count in self.counts.items():
            count.adopt(settings, kind)

    def read(self) -> None:
        body = next((child for child in self.document.root if local(child) == "body"), None)
        if body is None:
            raise FormatError(f"{self.package.name}: the part {self.main} has no body", _DAMAGED)
        self.sections = [
            section
            for section in body.iter("{*}sectPr")
            if (parent := section.getparent()) is not None and local(parent) != "sectPrChange"
        ]
        self._begin_section(first=True)
        place = _Place(part=self.document)
        self._blocks(place, body)
        self.flow.paragraphs = place.paragraphs
        if any(count.restart == "eachPage" for count in self.counts.values()):
            self.remarks.append(
                "its notes are numbered anew on each page, which a DOCX does not tell: they are counted through"
            )

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
        rels = relations_of(part)
        links: dict[str, str] = {}
        if rels in self.package:
            for rel in self.package.xml(rels):
                if attribute(rel, "TargetMode") == "External" and (name := attribute(rel, "Id")):
                    links[name] = attribute(rel, "Target") or ""
        return _Part(self.package.xml(part), links)

    def _related(self, kind: str) -> str | None:
        found = next((target for of, target in self._relations(relations_of(self.main), self.main) if of == kind), None)
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
        notes: dict[str, etree._Element] = {}
        for note in part.root:
            if (
                local(note) == kind
                and attribute(note, "type") in {None, "normal"}
                and (number := attribute(note, "id")) is not None
            ):
                notes.setdefault(number, note)
        return part, notes

    def _begin_section(self, *, first: bool = False) -> None:
        """Take over what the next section says about the form and the start of note numbers."""
        section = self.sections.pop(0) if self.sections else None
        for kind, count in self.counts.items():
            count.adopt(section, kind)
            if first or count.restart == "eachSect":
                count.next = count.start

    def _blocks(self, place: _Place, top: etree._Element) -> None:
        """Walk over block-level elements; the text boxes of a paragraph follow it."""
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
                self._paragraph(place, element)
                if not place.within_note and element.find("./{*}pPr/{*}sectPr") is not None:
                    self._begin_section()
            else:
                stack.append(iter(element))

    def _paragraph(self, place: _Place, paragraph: etree._Element) -> None:
        gathered = place.gathered = Gathered()
        place.notes, place.boxes = [], []
        gathered.text(self.lists.label(paragraph))
        if (href := place.target) is not None:
            gathered.open_link(href)  # a field goes on over paragraphs
        self._inline(place, paragraph)
        place.paragraphs.append((gathered.lines(), place.notes))
        for box in place.boxes:
            inner = _Place(part=place.part, within_note=place.within_note, within_box=True)
            self._blocks(inner, box)
            place.paragraphs.extend(inner.paragraphs)

    def _inline(self, place: _Place, paragraph: etree._Element) -> None:
        stack = [(paragraph, iter(paragraph))]
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
                continue
            if name == "r":
                self._run(place, child)
                continue
            if name == "hyperlink" and (target := place.part.links.get(_relation_id(child))):
                anchor = attribute(child, "anchor")
                place.gathered.open_link(f"{target}#{anchor}" if anchor and "#" not in target else target)
            elif name == "fldSimple" and (href := field_target(attribute(child, "instr") or "")) is not None:
                place.gathered.open_link(href)
            stack.append((child, iter(child)))

    def _run(self, place: _Place, run: etree._Element) -> None:
        properties = next((child for child in run if local(child) == "rPr"), None)
        shown = {local(each): attribute(each, "val") for each in properties} if properties is not None else {}
        if "vanish" in shown and shown["vanish"] not in {"0", "false", "off"}:
            return
        raised = shown.get("vertAlign") == "superscript"
        own: Note | None = None
        for child in run:
            name = local(child)
            if name in _NOTES:
                own = self._mark(place, child, _NOTES[name])
            elif name == "fldChar":
                _field(place, attribute(child, "fldCharType"))
            elif name == "instrText":
                if place.fields and not place.fields[-1].result:
                    place.fields[-1].instruction += child.text or ""
            elif any(not each.result for each in place.fields):
                continue  # what stands between a field's begin and its result is not printed
            elif (text := text_of(child, name)) is not None:
                if own is not None:
                    own.mark += text.strip()
                place.gathered.text(text.translate(RAISED) if raised and text.strip().isdigit() else text)
            elif name in {"br", "cr"}:
                place.gathered.end_line()
            elif name not in _SKIPPED and len(child) and not place.within_box:
                place.boxes.extend(_boxes(child))

    def _mark(self, place: _Place, reference: etree._Element, kind: str) -> Note | None:
        """Print a note's mark and read the note; returns it when the author's own mark follows in this run."""
        if place.within_note:
            return None
        note = Note("", None, [])
        own = attribute(reference, "customMarkFollows") in {"1", "true", "on"}
        if not own:
            count = self.counts[kind]
            note.order, note.mark = count.next, printed(count.next, count.form)
            count.next += 1
            place.gathered.text(note.mark.translate(RAISED))
        story = self.stories[kind]
        element = story[1].get(attribute(reference, "id") or "") if story else None
        if story is None or element is None:
            self.remarks.append(f"{kind} {note.mark or '(with a mark of its own)'} has no text")
        else:
            inside = _Place(part=story[0], within_note=True)
            self._blocks(inside, element)
            note.lines = _begun([line for lines, _ in inside.paragraphs for line in lines])
        (place.notes if kind == "footnote" else self.flow.endnotes).append(note)
        return note if own else None


def _field(place: _Place, kind: str | None) -> None:
    """A field begins, its result begins, or it ends."""
    if kind == "begin":
        place.fields.append(_Field())
    elif kind == "separate" and place.fields:
        place.fields[-1].result = True
        if (href := field_target(place.fields[-1].instruction)) is not None:
            place.gathered.open_link(href)
    elif kind == "end" and place.fields and field_target(place.fields.pop().instruction) is not None:
        place.gathered.close_link()


def _boxes(element: etree._Element) -> list[etree._Element]:
    """The outermost text boxes of a drawing; an alternate for programs that cannot draw it is the same box again."""
    found: list[etree._Element] = []
    stack = [element]
    while stack:
        each = stack.pop()
        if local(each) == "txbxContent":
            found.append(each)
        elif local(each) != "Fallback":
            stack.extend(reversed(each))
    return found


def _begun(lines: list[Line]) -> list[Line]:
    """The lines of a note without the space that follows its mark."""
    if not lines or not (lead := len(lines[0].text) - len(lines[0].text.lstrip())):
        return lines
    first = lines[0]
    links = tuple(Link(start=max(link.start - lead, 0), end=max(link.end - lead, 0), href=link.href) for link in first.links)
    return [Line(text=first.text[lead:], links=links), *lines[1:]]


def _relation_id(element: etree._Element) -> str:
    """The relationship of a hyperlink: `r:id`, which is not `w:id`."""
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("relationships}id")), "")

"""DocBook 4 and 5: footnotes, links and bibliographies.

A footnote's number is its order, or its own `label`; a bibliography's entry is marked by its `abbrev`, its `xreflabel` or its id,
as the DocBook stylesheets print them. A document type is cut off before parsing: nothing that it names is read, and one with
declarations of its own is refused. Source: DocBook 5.1, The Definitive Guide.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from lxml import etree

from preserve.documents.package import attribute, local, parse
from preserve.documents.source import Source
from preserve.documents.written import Book, Writing, unified
from preserve.model.document import Document

_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE\s[^\[>]{0,500}(?:\[\s*\])?\s*>")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_OWN = frozenset({"amp", "lt", "gt", "quot", "apos"})
_BLOCKS = frozenset({
    "para", "simpara", "formalpara", "title", "subtitle", "titleabbrev", "listitem", "entry", "term", "programlisting", "screen",
    "literallayout", "synopsis", "blockquote", "epigraph", "td", "th", "row", "tr", "member", "abstract", "legalnotice", "info", "indexterm",
    "remark", "caption", "question", "answer", "step", "note", "tip", "warning", "caution", "important", "bibliodiv", "bibliography",
})  # fmt: skip
_ENTRIES = frozenset({"biblioentry", "bibliomixed"})
_UNPRINTED = frozenset({"indexterm", "remark", "footnoteref", "imagedata"})


def read_docbook(source: Source) -> Document:
    """A DocBook document; raises FormatError for XML that is not well-formed or not safe."""
    text = _DECLARATION.sub(lambda match: "\n" * match[0].count("\n"), unified(source.text), count=1)
    text = _DOCTYPE.sub(lambda match: "\n" * match[0].count("\n"), text, count=1)
    text = _ENTITY.sub(lambda match: match[0] if match[1] in _OWN else html.unescape(match[0]), text)
    reader = _Reader()
    reader.block(parse(source.name, "document", text.encode("utf-8", "replace")))
    return reader.book.document(source, "application/docbook+xml")


@dataclass(slots=True)
class _Reader:
    book: Book = field(default_factory=Book)
    _notes: list[tuple[str, Writing]] = field(default_factory=list)
    _count: int = 0
    _line: int = 1

    def block(self, root: etree._Element) -> None:
        """The root with all below it."""
        out = Writing()
        self._element(root, out)
        self._end(out)

    def _end(self, out: Writing) -> None:
        self.book.body(out)
        out.clear()
        for mark, note in self._notes:
            self.book.note(mark, note, order=int(mark) if mark.isdecimal() else None)
        self._notes.clear()

    def _element(self, element: etree._Element, out: Writing, *, within: bool = False) -> None:
        """Write what `element` prints; `within` a note or an entry, blocks do not end the paragraph."""
        name = local(element)
        self._reach(element)
        if name == "footnote":
            self._footnote(element)
        elif name in _ENTRIES and not within:
            self._entry(element, out)
        elif name not in _UNPRINTED:
            href = (attribute(element, "url") or "") if name == "ulink" else (attribute(element, "href") or "")
            if name in {"ulink", "link", "uri"} and href:
                shown = Writing()
                self._children(element, shown, within=True)
                out.link(href, shown.text or href, self._line)
            elif name == "quote":
                out.add("“", self._line)
                self._children(element, out, within=within)
                out.add("”", self._line)
            elif name in _BLOCKS and not within:
                self._end(out)
                self._children(element, out, within=within)
                self._end(out)
            else:
                self._children(element, out, within=within)
                if name in _BLOCKS:
                    out.add(" ", self._line)

    def _children(self, element: etree._Element, out: Writing, *, within: bool) -> None:
        self._text(element.text, out)
        for child in element:
            self._element(child, out, within=within)
            self._text(child.tail, out)

    def _reach(self, element: etree._Element) -> None:
        line: int | None = element.sourceline  # type: ignore[assignment]  # the stubs do not know its type
        self._line = max(self._line, line or 0)

    def _text(self, text: str | None, out: Writing) -> None:
        if text:
            out.add(text, self._line)
            self._line += text.count("\n")

    def _footnote(self, element: etree._Element) -> None:
        mark = (attribute(element, "label") or "").strip()
        if not mark:
            self._count += 1
            mark = str(self._count)
        note = Writing()
        self._notes.append((mark, note))
        self._children(element, note, within=True)

    def _entry(self, element: etree._Element, out: Writing) -> None:
        """An entry of a bibliography: mixed text as it stands, or elements, one after the other as a stylesheet prints them."""
        self._end(out)
        entry = Writing()
        abbrev = next((child for child in element if local(child) == "abbrev"), None)
        mark = (
            "".join(map(str, abbrev.itertext()))
            if abbrev is not None
            else attribute(element, "xreflabel") or attribute(element, "id")
        )
        if local(element) == "bibliomixed":
            self._text(element.text, entry)
        for child in element:
            if child is not abbrev:
                self._part(child, entry, element)
            if local(element) == "bibliomixed":
                self._text(child.tail, entry)
        mark = (mark or "").strip().strip("[]")
        if mark:
            self.book.note(mark, entry)
        else:
            self.book.body(entry)

    def _part(self, child: etree._Element, entry: Writing, parent: etree._Element) -> None:
        name, mixed = local(child), local(parent) == "bibliomixed"
        around = {"title": ("“", "”"), "pubdate": ("(", ")"), "date": ("(", ")")}.get(name, ("", ""))
        if name == "biblioid" and (attribute(child, "class") or "").lower() == "doi":
            around = ("doi:", "")
        if mixed and name != "biblioid":
            around = ("", "") if name != "title" else around
        self._reach(child)
        entry.add(around[0], self._line)
        self._element(child, entry, within=True)
        entry.add(around[1] + ("" if mixed else " "), self._line)

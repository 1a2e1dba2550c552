"""AsciiDoc: footnote macros, links and bibliography entries, numbered as Asciidoctor numbers them.

A footnote's number is the order of the macros; one that is used again by its name is no other note. Attributes of the document
(`:base: https://…`, `{base}`) are put in; other files are not read. Source: the AsciiDoc language documentation, "Footnotes",
"Links" and "Bibliography".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preserve.documents.source import Source
from preserve.documents.written import Book, Writing, unified
from preserve.model.document import Document

_ATTRIBUTE = re.compile(r":(?P<name>\w[\w-]*):(?:[ \t]+(?P<value>.*))?\Z")
_CONDITION = re.compile(r"(?P<kind>ifn?def|endif)::(?P<names>[\w,+-]*)\[(?P<text>.*)\]\Z")
_USE = re.compile(r"(?<!\\)\{(\w[\w-]*)\}")
_FENCE = re.compile(r"(?P<fence>-{4,}|\.{4,}|\+{4,}|`{3}|/{4,})[\w,]*\s*\Z")
_EDGE = re.compile(r"(?:={4,}|\*{4,}|_{4,}|--|[|,:!]={3,}|'{3}|<<<)\s*\Z")
_BLOCK_LINE = re.compile(r"\[[^\[\]]*\]\s*\Z|\[\[[\w:-]+(?:,[^\]]*)?\]\]\s*\Z")
_HEADING = re.compile(r"={1,6}\s+|#{1,6}\s+|\.(?=[\w\"])")
_ITEM = re.compile(r"\s*(?:[*.-]{1,6}|\d{1,3}\.|<\.>)\s+|.{1,60}?::\s+")
_ENTRY = re.compile(r"\[\[\[(?P<key>[^\[\],]{1,80})(?:,\s*(?P<label>[^\[\]]{1,80}))?\]\]\]\s*")
_MACRO = re.compile(
    r"footnote(?P<old>ref)?:(?P<name>[\w-]*)\["
    r"|(?P<escaped>\\)(?=https?://|footnote|link:)"
    r"|link:(?:\+\+(?P<passed>[^+\n]+)\+\+|(?P<target>[^\s\[\]]{1,4000}))\[|<(?P<angled>https?://[^\s<>]+)>"
    r"|(?P<url>(?:https?|ftp)://[^\s\[\]<>\"]{1,4000})\[|<<[^<>\n]{1,120}>>|(?P<quote>\"`|`\"|'`|`')|(?P<pass>\+\+|\+?`\+?)|image::?(?P<picture>[^\s\[\]]{1,4000})\[",
    re.IGNORECASE,
)
_QUOTES = {'"`': "“", '`"': "”", "'`": "‘", "`'": "’"}
_BRACKET = re.compile(
    r"\\.|(?:https?://|link:|mailto:|footnote(?:ref)?:|image:)[^\s\[\]]{0,4000}\[|\]", re.IGNORECASE | re.DOTALL
)
_DEEP = 4


def read_asciidoc(source: Source) -> Document:
    """An AsciiDoc document."""
    reader = _Reader()
    for number, line in enumerate(unified(source.text).split("\n"), 1):
        reader.line(number, line.rstrip())
    reader.end()
    return reader.book.document(source, "text/asciidoc")


@dataclass(slots=True)
class _Reader:
    book: Book = field(default_factory=Book)
    _attributes: dict[str, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _notes: list[tuple[int, Writing]] = field(default_factory=list)
    _count: int = 0
    _first: int = 0
    _lines: list[str] = field(default_factory=list)
    _fence: str = ""
    _open: list[bool] = field(default_factory=list)
    _skipped: int = 0

    def line(self, number: int, line: str) -> None:
        """Take the next line."""
        if (condition := _CONDITION.match(line)) is not None and not self._fence:
            self._conditional(condition, number)
        elif self._skipped:
            return
        elif self._fence:
            self._fenced(number, line)
        elif (fence := _FENCE.match(line)) is not None:
            self.end()
            self._fence = fence["fence"]
        elif not line or _EDGE.match(line) or _BLOCK_LINE.match(line) or line == "+":
            self.end()
        elif line.startswith("//") and not line.startswith("///"):
            if self._lines:
                self._lines.append("")  # the numbers of the lines after it stay
        elif (attribute := _ATTRIBUTE.match(line)) is not None:
            self._attributes[attribute["name"].lower()] = self._used(attribute["value"] or "")
        elif (heading := _HEADING.match(line)) is not None and not self._lines:
            self._lines, self._first = [line[heading.end() :]], number
            self.end()
        else:
            if (item := _ITEM.match(line)) is not None:
                self.end()
                line = line[item.end() :] if not item[0].rstrip().endswith("::") else line
            if not self._lines:
                self._first = number
            self._lines.append(self._used(line))

    def end(self) -> None:
        """End the paragraph with its notes."""
        text, self._lines = "\n".join(self._lines), []
        out = Writing()
        entry = _ENTRY.match(text)
        self._inline(out, text[entry.end() :] if entry else text, self._first, 0)
        if entry is not None:
            self.book.note((entry["label"] or entry["key"]).strip(), out)
        else:
            self.book.body(out)
        for number, note in self._notes:
            self.book.note(str(number), note, order=number)
        self._notes.clear()

    def _conditional(self, condition: re.Match[str], number: int) -> None:
        """`ifdef::name[]` up to `endif::[]`, or the text in its brackets; attributes of a converter are not set here."""
        if condition["kind"] == "endif":
            if self._open and not self._open.pop():
                self._skipped -= 1
            return
        known = any(name.lower() in self._attributes for name in re.split("[,+]", condition["names"]))
        wanted = known == (condition["kind"] == "ifdef") and not self._skipped
        if not condition["text"]:
            self._open.append(wanted)
            self._skipped += not wanted
        elif wanted:
            self.line(number, condition["text"])

    def _fenced(self, number: int, line: str) -> None:
        if line == self._fence:
            self._fence = ""
        elif not self._fence.startswith("/"):
            out = Writing()
            out.add(line, number)
            self.book.body(out)

    def _used(self, text: str) -> str:
        return _USE.sub(lambda use: self._attributes.get(use[1].lower(), use[0]), text)

    def _inline(self, out: Writing, text: str, number: int, deep: int) -> None:
        """Write to `out` what `text` prints, whose first line is `number`; its footnotes go to the reader."""
        at, closes = 0, _pairs(text)
        while (macro := _MACRO.search(text, at)) is not None:
            here = number + text.count("\n", 0, macro.start())
            out.add(text[at : macro.start()], number + text.count("\n", 0, at))
            at = macro.end()
            if macro["escaped"]:
                following = re.compile(r"\S*").match(text, at)
                out.add(following[0] if following else "", here)
                at = following.end() if following else at
            elif macro["quote"]:
                out.add(_QUOTES[macro["quote"]], here)
            elif macro["angled"]:
                out.link(macro["angled"], macro["angled"], here)
            elif macro[0].endswith("["):
                end = closes.get(at, -1)
                if end < 0:
                    out.add(macro[0], here)
                    continue
                inner, at = text[at:end].replace("\\]", "]"), end + 1
                if macro["picture"]:
                    out.add(inner, here)
                elif macro[0].lower().startswith("footnote"):
                    self._footnote(macro, inner, here, deep)
                else:
                    href = macro["url"] or macro["passed"] or macro["target"]
                    out.link(href, _label(inner) or href, here)
        out.add(text[at:], number + text.count("\n", 0, at))

    def _footnote(self, macro: re.Match[str], inner: str, number: int, deep: int) -> None:
        name = macro["name"]
        if macro["old"]:
            name, _, inner = inner.partition(",")
        if deep >= _DEEP or (name in self._names and not inner.strip()):
            return
        if name:
            self._names.add(name)
        self._count += 1
        note = Writing()
        self._notes.append((self._count, note))
        self._inline(note, inner, number, deep + 1)


def _pairs(text: str) -> dict[int, int]:
    """Where the text of each macro ends, by its opening bracket: at the first one that is not escaped and closes no macro within."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACKET.finditer(text):
        if match[0].endswith("["):
            opened.append(match.end())
        elif match[0] == "]" and opened:
            found[opened.pop()] = match.start()
    return found


def _label(inner: str) -> str:
    """The text of a link without its attributes (`[text,window=_blank]`, `[text^]`)."""
    if re.match(r"\s*\w+=", inner):
        return ""
    quoted = re.match(r"\s*\"(?P<text>[^\"]*)\"\s*(?:,|\Z)", inner)
    text = quoted["text"] if quoted else re.sub(r",\s*\w+=.*\Z", "", inner, flags=re.DOTALL)
    return text.strip().removesuffix("^")

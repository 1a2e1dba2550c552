"""reStructuredText: footnotes, citations and hyperlink targets, numbered as Docutils numbers them.

`[#]` takes the next number that no footnote has by itself, in the order of the texts; `[*]` the next sign. A target that no
reference uses stands in the file, though no reader sees it: body. Source: the reStructuredText Markup Specification, "Footnotes",
"Citations", "Hyperlink Targets" and "Inline Markup".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from preserve.documents.source import Source
from preserve.documents.written import Book, Writing, unified
from preserve.model.document import Document

_NOTE = re.compile(r"\.\. \[(?P<label>\d{1,6}|#[\w.:+-]*|\*|[\w][\w.:+-]{0,80})\](?:[ \t]+(?P<text>.*))?\Z")
_TARGET = re.compile(
    r"\.\. (?:_(?P<name>`[^`]+`|(?:\\.|[^:`\\])+):|(?P<anonymous>__):)(?:[ \t]+(?P<url>.*))?\Z|__[ \t]+(?P<short>\S.*)\Z"
)
_DIRECTIVE = re.compile(r"\.\. (?:\|(?P<stands>[^|]+)\|\s+)?(?P<name>[\w:.+-]+)::(?:[ \t]+(?P<argument>.*))?\Z")
_COMMENT = re.compile(r"\.\.(?:\s|\Z)")
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|\(\d{1,3}\)|#\.|:[\w -]{1,40}:)\s+(?=\S)")
_RAW = frozenset(
    {"code", "code-block", "sourcecode", "literalinclude", "parsed-literal", "raw", "math", "highlight", "csv-table"}
)
_UNREAD = frozenset({"image", "include", "contents", "toctree", "unicode", "date", "meta"})
_NAMED = frozenset(
    {"figure", "class", "container", "role", "default-role", "index", "list-table", "table", "math", "module", "currentmodule"}
)
"""Directives whose argument is a name; their content is text."""
_INLINE = re.compile(
    r"``(?P<literal>[^`\n][^`]*?)``|`(?P<text>[^`<>]{0,500}?)\s*<(?P<url>[^`<>]{1,4000})>`(?P<under>__?)"
    r"|`(?P<phrase>[^`]{1,200})`(?P<phrased>__?)(?!\w)|(?P<mark>\s?\[(?:\d{1,6}|#[\w.:+-]*|\*|[\w][\w.:+-]{0,80})\]_)(?!\w)"
    r"|(?<![\w/:.])(?P<word>[^\W_][\w.+-]{0,80}?)(?P<worded>__?)(?![\w/])|(?P<role>:[\w:-]{1,40}:(?=`))|\|(?P<stands>[^|\s][^|\n]{0,80})\|(?:__?)?|\\(?P<escaped>\s|.)",
    re.DOTALL,
)
_SIGNS = ("*", "†", "‡", "§", "¶", "#", "♠", "♥", "♦", "♣")


def read_rst(source: Source) -> Document:
    """A reStructuredText document."""
    blocks = list(_blocks(unified(source.text).expandtabs(8).split("\n")))
    reader = _Reader(blocks)
    reader.read()
    return reader.book.document(source, "text/x-rst")


@dataclass(slots=True)
class _Block:
    """Lines that belong together; `kind` is "text", "raw", "note" or "target", `label` the note's or the target's own."""

    kind: str
    number: int
    lines: list[str] = field(default_factory=list)
    label: str = ""


def _blocks(lines: list[str]) -> Iterator[_Block]:
    current: _Block | None = None
    literal, at = -1, 0
    while at < len(lines):
        line, number = lines[at].rstrip(), at + 1
        bare = line.lstrip()
        indent = len(line) - len(bare)
        at += 1
        if literal >= 0 and (not bare or indent > literal):
            if bare:
                yield _Block("raw", number, [bare])
            continue
        literal = -1
        explicit, current_ends = _explicit(bare, number), not bare or bool(_RULE.match(bare))
        if explicit is not None or _COMMENT.match(bare) or current_ends or _ITEM.match(line):
            if current is not None:
                yield current
                if current_ends and current.lines[-1].endswith("::"):
                    literal = len(lines[current.number - 1]) - len(lines[current.number - 1].lstrip())
            current = None
        if current_ends:
            continue
        if explicit is not None:
            at = _gather(lines, at, indent, explicit)
            if explicit.kind:
                yield explicit
            elif explicit.lines[0]:  # what a directive begins with; its content is read as what follows
                current = _Block("text", number, [explicit.lines[0]])
        elif _COMMENT.match(bare):
            at = _gather(lines, at, indent, _Block("", number))
        elif current is None:
            current = _Block("text", number, [bare])
        else:
            current.lines.append(bare)
    if current is not None:
        yield current


def _explicit(line: str, number: int) -> _Block | None:
    """The block that an explicit markup start begins; None where it is none."""
    if (note := _NOTE.match(line)) is not None:
        return _Block("note", number, [note["text"] or ""], note["label"])
    if (target := _TARGET.match(line)) is not None:
        name = (target["name"] or "__").strip("`")
        return _Block("target", number, [target["url"] or target["short"] or ""], re.sub(r"\\(.)", r"\1", name))
    if (directive := _DIRECTIVE.match(line)) is not None:
        name = directive["name"].lower()
        if name in _RAW:
            return _Block("raw", number, [""])
        if name == "replace" and directive["stands"]:
            return _Block("stands", number, [directive["argument"] or ""], directive["stands"])
        argument = "" if name in _NAMED or name in _UNREAD else directive["argument"] or ""
        return _Block("", number, [argument], "" if name in _UNREAD else name)
    return None


def _gather(lines: list[str], at: int, indent: int, block: _Block) -> int:
    """Give `block` the indented lines from `at` on, unless they are a directive's own text; where they end."""
    if block.label and not block.kind:
        return at
    while at < len(lines):
        line = lines[at]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        block.lines.append(line.strip())
        at += 1
    return at


class _Reader:
    def __init__(self, blocks: list[_Block]) -> None:
        self.book = Book()
        self._blocks = blocks
        self._targets: dict[str, str] = {}
        self._anonymous: list[str] = []
        self._used: set[str] = set()
        self._stands = {block.label: " ".join(block.lines).strip() for block in blocks if block.kind == "stands"}
        for block in blocks:
            if block.kind == "target":
                url = re.sub(r"\\(.)", r"\1", "".join(part.strip() for part in block.lines))
                if block.label == "__":
                    self._anonymous.append(url)
                else:
                    self._targets[_name(block.label)] = url
        self._next_anonymous = iter(self._anonymous)

    def read(self) -> None:
        """Every block in its order, then the targets that nothing uses."""
        marks = self._marks()
        for block in self._blocks:
            if block.kind in {"target", "stands"}:
                continue
            out = Writing()
            if block.kind == "raw":
                out.add("\n".join(block.lines), block.number)
            else:
                self._inline(out, "\n".join(block.lines), block.number)
            if block.kind == "note":
                mark = marks[id(block)]
                self.book.note(mark, out, order=int(mark) if mark.isdecimal() else None)
            else:
                self.book.body(out)
        for block in self._blocks:
            url = self._targets.get(_name(block.label), "") if block.kind == "target" else ""
            if url and url not in self._used and re.match(r"(?:https?:|www\.)", url, re.IGNORECASE):
                out = Writing()
                out.add(f"{block.label}: ", block.number)
                out.link(url, url, block.number)
                self.book.body(out)

    def _marks(self) -> dict[int, str]:
        notes = [block for block in self._blocks if block.kind == "note"]
        taken = {int(note.label) for note in notes if note.label.isdecimal()}
        found: dict[int, str] = {}
        number, sign = 1, 0
        for note in notes:
            if note.label == "*":
                found[id(note)] = _SIGNS[sign % len(_SIGNS)] * (sign // len(_SIGNS) + 1)
                sign += 1
            elif note.label.startswith("#"):
                while number in taken:
                    number += 1
                taken.add(number)
                found[id(note)] = str(number)
            else:
                found[id(note)] = note.label
        return found

    def _inline(self, out: Writing, text: str, number: int) -> None:
        at = 0
        for found in _INLINE.finditer(text):
            here = number + text.count("\n", 0, found.start())
            out.add(text[at : found.start()], number + text.count("\n", 0, at))
            at = found.end()
            if found["literal"] is not None:
                out.add(found["literal"], here)
            elif found["url"] is not None:
                self._embedded(out, found, here)
            elif found["phrase"] is not None or found["word"] is not None:
                self._reference(out, found, here)
            elif found["escaped"] is not None:
                out.add(found["escaped"] if not found["escaped"].isspace() else "", here)
            elif found["stands"] is not None:
                out.add(self._stands.get(found["stands"], found[0]), here)
            elif found["role"] is not None:
                out.add(" ", here)
        out.add(text[at:], number + text.count("\n", 0, at))

    def _embedded(self, out: Writing, found: re.Match[str], number: int) -> None:
        """A link that brings its address: `text <address>`_."""
        url = re.sub(r"\\(.)", r"\1", re.sub(r"\s+", "", found["url"]))
        if url.endswith("_") and not found["url"].endswith("\\_") and _name(url[:-1]) in self._targets:
            url = self._targets[_name(url[:-1])]
        self._used.add(url)
        label = re.sub(r"\\(.)", r"\1", found["text"]).strip()
        if label and found["under"] == "_":
            self._targets.setdefault(_name(label), url)
        out.link(url, label or url, number)

    def _reference(self, out: Writing, found: re.Match[str], number: int) -> None:
        """A link to a target elsewhere in the file: name_ or `a phrase`_, with two underscores to the next one without a name."""
        label, under = found["phrase"] or found["word"], found["phrased"] or found["worded"]
        url = next(self._next_anonymous, "") if under == "__" else self._followed(label)
        if re.match(r"(?:https?|ftp):|www\.", url, re.IGNORECASE):
            self._used.add(url)
            out.link(url, label, number)
        else:
            out.add(label if found["phrase"] else found[0], number)

    def _followed(self, label: str) -> str:
        url = self._targets.get(_name(label), "")
        for _ in range(4):  # a target may name another one
            if not url.endswith("_") or _name(url[:-1]) not in self._targets:
                break
            url = self._targets[_name(url[:-1])]
        return url


def _name(label: str) -> str:
    return " ".join(label.strip("`").lower().split())

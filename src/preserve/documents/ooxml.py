"""WordprocessingML in small: fields, symbols, numbers of notes and of lists (ISO/IEC 29500-1 chapter 17)."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict

from lxml import etree

from preserve.documents.numbering import printed
from preserve.documents.package import attribute, local
from preserve.model.noun import dataclass

_FIELD = re.compile(r"\s*HYPERLINK\b(?P<rest>.*)\Z", re.IGNORECASE | re.DOTALL)
_ARGUMENT = re.compile(r'(?P<switch>\\[a-z])?\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"\\]\S*))?\s*', re.IGNORECASE)
_SYMBOLS = {0x22: "∀", 0x24: "∃", 0x27: "∋", 0x2A: "∗", 0x2D: "−", 0xA7: "♣", 0xB7: "•"}
_TEXTS = {"tab": " ", "ptab": " ", "noBreakHyphen": "-", "softHyphen": "\u00ad"}


def relations_of(part: str) -> str:
    """The name of the part that holds the relationships of `part` (ISO/IEC 29500-2 section 8.3.4)."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", name + ".rels")


def text_of(element: etree._Element, name: str) -> str | None:
    """The text that an element of a run prints; None when it is no text."""
    if name == "t":
        return element.text or ""
    if name == "sym":
        return _symbol(attribute(element, "char") or "", (attribute(element, "font") or "").lower())
    return _TEXTS.get(name)


def _symbol(code: str, font: str) -> str:
    try:
        point = int(code, 16)
    except ValueError:
        return ""
    if 0xF000 <= point <= 0xF0FF and not font.startswith(("wingdings", "webdings")):
        point -= 0xF000  # section 17.3.3.30: the code of a symbol font, shifted
        return _SYMBOLS.get(point, chr(point) if point >= 0x20 else "")
    return chr(point) if 0x20 <= point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else ""


def field_target(instruction: str) -> str | None:
    """The address of a HYPERLINK field (section 17.16.5.25); None for any other field and for a place in the document."""
    match = _FIELD.match(instruction)
    if match is None:
        return None
    target, anchor = "", ""
    for argument in _ARGUMENT.finditer(match["rest"].strip()):
        value = argument["quoted"] if argument["quoted"] is not None else argument["bare"] or ""
        switch = (argument["switch"] or "").lower()
        if switch == "\\l":
            anchor = value
        elif switch not in {"\\o", "\\t"} and value and not target:
            target = value  # \n, \m and \h have no value of their own
    if not target:
        return None
    return f"{target}#{anchor}" if anchor and "#" not in target else target


@dataclass(slots=True)
class Count:
    """The running number of the footnotes or the endnotes: its form, where it starts, where it starts over (section 17.11)."""

    form: str
    start: int = 1
    restart: str = "continuous"
    next: int = 1

    def adopt(self, properties: etree._Element | None, kind: str) -> None:
        """Take over what a section or the settings say about notes of this kind ("footnote" or "endnote")."""
        of_kind = properties.find(f"./{{*}}{kind}Pr") if properties is not None else None
        for each in of_kind if of_kind is not None else ():
            value = attribute(each, "val") or ""
            if local(each) == "numFmt":
                self.form = value
            elif local(each) == "numStart" and value.isdecimal():
                self.start = int(value[:6])
            elif local(each) == "numRestart":
                self.restart = value


@dataclass(frozen=True, slots=True)
class _Level:
    form: str
    start: int
    text: str


class Lists:
    """The numbers that paragraphs of numbered lists are printed with, counted as they come (section 17.9)."""

    def __init__(self, numbering: etree._Element | None, styles: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        self._abstract: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._styled: dict[str, tuple[str, int]] = {}
        for element in numbering if numbering is not None else ():
            if local(element) == "abstractNum":
                self._levels[attribute(element, "abstractNumId") or ""] = {
                    _integer(attribute(level, "ilvl"), 0): _level(level) for level in element if local(level) == "lvl"
                }
            elif local(element) == "num":
                of = element.find("./{*}abstractNumId")
                self._abstract[attribute(element, "numId") or ""] = (attribute(of, "val") or "") if of is not None else ""
        for style in styles if styles is not None else ():
            if local(style) == "style" and (numbered := _numbered(style)) is not None:
                self._styled[attribute(style, "styleId") or ""] = numbered

    def label(self, paragraph: etree._Element) -> str:
        """What is printed before this paragraph ("[3] ", "3. "); "" when it is in no numbered list."""
        numbered = _numbered(paragraph)
        if numbered is None and (style := paragraph.find("./{*}pPr/{*}pStyle")) is not None:
            numbered = self._styled.get(attribute(style, "val") or "")
        if numbered is None:
            return ""
        abstract, depth = self._abstract.get(numbered[0], ""), numbered[1]
        levels = self._levels.get(abstract, {})
        level = levels.get(depth)
        if level is None or level.form in {"bullet", "none"}:
            return ""
        counts = self._counts[abstract]
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]
        text = level.text
        for each in range(depth + 1):
            of = levels.get(each)
            text = text.replace(f"%{each + 1}", printed(counts.get(each, of.start if of else 1), of.form if of else "decimal"))
        return text + " " if text else ""


def _numbered(element: etree._Element) -> tuple[str, int] | None:
    """The list and the depth that a paragraph's or a style's properties name; list 0 is none (section 17.9.18)."""
    properties = element.find("./{*}pPr/{*}numPr")
    if properties is None:
        return None
    number, depth = properties.find("./{*}numId"), properties.find("./{*}ilvl")
    if number is None:
        return None
    return attribute(number, "val") or "0", _integer(attribute(depth, "val") if depth is not None else None, 0)


def _level(element: etree._Element) -> _Level:
    values = {local(child): attribute(child, "val") or "" for child in element}
    return _Level(form=values.get("numFmt", "decimal"), start=_integer(values.get("start"), 1), text=values.get("lvlText", ""))


def _integer(text: str | None, default: int) -> int:
    return int(text[:6]) if text and text.isdecimal() else default

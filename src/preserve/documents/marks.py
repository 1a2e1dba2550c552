"""Where notes start: the rows whose first characters are the next number of a numbering.

A number at a row's start may be a note's mark, a page number, an item of a list, or a wrapped "27 December". What tells them
apart is the numbering itself: marks go up by one, each stands in the body before, and what follows reads like a citation. So
every possible start is collected with its weight, and the heaviest ascending chain wins. The chain may skip (a lost number),
and start over (chapters).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from preserve.documents.pages import Row

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SUPER = "⁰¹²³⁴-⁹"


class Style(Enum):
    """How a mark is printed at the start of its note; members of one family may mix within a document."""

    PLAIN = "12 Text, or 12 alone on its row, or 12Text, or ¹² Text"
    BRACKET = "[12] Text"
    DOT = "12. Text"
    PAREN = "(12) Text, or 12) Text"
    WORD = "[Footnote 12: Text], Note 12: Text"


_STARTS = (
    (Style.PLAIN, re.compile(r"\s*(\d{1,4})\Z")),
    (Style.PLAIN, re.compile(rf"\s*([{_SUPER}]{{1,4}})(?![{_SUPER}])\s*(?=\S|\Z)")),
    (Style.PLAIN, re.compile(r"\s*\^?(\d{1,4})\s+(?=[^\W\d_]|[\"“”„«»‘’'‹(\[<*_]|\d{4}\b|https?:)")),
    (Style.PLAIN, re.compile(r"\s*(\d{1,4})(?=[A-ZÀ-ÞА-ЯԱ-Ֆ\"“„«‘<][\w.]|https?:|www\.)")),
    (Style.BRACKET, re.compile(r"\s*\[(\d{1,4})\][:.]?(?:\s+|\Z|(?=\S))")),
    (Style.DOT, re.compile(r"\s*(\d{1,4})\.(?:\s+(?=\S)|\Z|(?=[^\W\d_\"“«<]|https?:))")),
    (Style.PAREN, re.compile(r"\s*\(?(\d{1,4})\)(?:\s+(?=\S)|\Z)")),
    (
        Style.WORD,
        re.compile(
            r"\s*\[?(?:footnote|endnote|fn\.?|note|anm(?:erkung)?\.?|сноска|nota|tanoterung)\s+(\d{1,4})\s*[:.\]]\s*",
            re.IGNORECASE,
        ),
    ),
)
_CITES = re.compile(
    r"https?:|\bwww\.|<[\w.-]+\.[a-z]{2,}/|\bdoi[:.]|\barxiv:|\b(?:ibid|id\.|idem|supra|infra|op\.? ?cit|loc\.? ?cit|cf\.|"
    r"ebd|ebenda|a\.a\.O|vgl\.|siehe|voir|véase|ver |там же|указ\. соч|см\.|նույն|տե՛ս|see\b|available at|online\b|retrieved|"
    r"accessed|visited|abgerufen|consulté|consultado|дата обращения)|[“«„]|\bpp?\.\s?\d|\bvol\.|\bno\.\s?\d|\b(?:1[6-9]|20)\d\d\b",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"https?:|\bwww\.|<[\w.-]+\.[a-z]{2,}/|\bdoi[:.]|\b(?:ibid|supra note|ebd\.|ebenda|op\. ?cit|там же|accessed|retrieved|last visited)\b",
    re.IGNORECASE,
)
HEADING = re.compile(
    r"\s*(?:\d{1,2}\.?\s+|[IVX]{1,5}\.?\s+|#+\s*|=+\s*)?(?:(?:end|foot)?notes?|references?(?: and notes)?|notes and references|bibliography|"
    r"works cited|literature(?: cited)?|cited works|sources?(?: cited)?|citations|(?:normative|informative) references|links|"
    r"anmerkungen|fu(?:ß|ss)noten|endnoten|literatur(?:verzeichnis|hinweise)?|quellen(?:verzeichnis|angaben)?|einzelnachweise|"
    r"belege|internetquellen|notes de (?:bas de page|fin)|références|bibliographie|sources|notas(?: al (?:pie|final))?|referencias|"
    r"bibliograf[ií]a|fuentes|note|riferimenti|примечания|сноски|источники|список (?:использованн\w+ )?(?:литературы|источников)|"
    r"литература|библиография|ծանոթագրություն(?:ներ)?|գրականություն|աղբյուրներ|հղումներ)\s*[:.]?\s*=*\Z",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Start:
    """A row that may open a note: its index, the number, where the text begins, and how much speaks for it."""

    at: int
    number: int
    style: Style
    offset: int
    alone: bool
    weight: float = 0.0
    marked: bool = False
    """Its mark stands in the body before."""
    cites: bool = False
    """What follows reads like a citation."""
    strong: bool = False


@dataclass(slots=True)
class Chain:
    """An ascending run of starts of one style."""

    style: Style
    starts: list[Start]
    score: float
    headed: bool = False
    """A heading such as "Notes" or "References" stands before it."""
    marks: list[tuple[int, int]] = field(default_factory=list)

    def spans(self, at: int) -> bool:
        """Whether row `at` lies between its first and its last start."""
        return self.starts[0].at < at < self.starts[-1].at


def is_citing(text: str) -> bool:
    """Whether `text` reads like a citation: an address, a quotation, a year, "see", "ibid."."""
    return bool(_CITES.search(text))


def is_strongly_citing(text: str) -> bool:
    """Whether `text` holds an address or a cross reference."""
    return bool(_STRONG.search(text))


def possible_starts(found: list[Row]) -> dict[Style, list[Start]]:
    """Every row that begins like a note, by style; rows of the page's furniture are left out."""
    starts: dict[Style, list[Start]] = {style: [] for style in Style}
    for at, row in enumerate(found):
        head = row.text[:14].lstrip()
        if not head or row.furniture or not (head[0] in "0123456789[(^⁰¹²³⁴⁵⁶⁷⁸⁹" or head[:1].lower() in "fneas"):
            continue
        for style, pattern in _STARTS:
            if match := pattern.match(row.text):
                number = int(match[1].translate(SUPERSCRIPTS))
                if number and not (style is Style.PLAIN and number > 1500 and match.end() < len(row.text)):
                    alone = match.end() >= len(row.text)
                    starts[style].append(Start(at=at, number=number, style=style, offset=match.end(), alone=alone))
                break
    return starts


_BODY_MARKS = {
    Style.PLAIN: re.compile(
        rf"(?:(?:[^\W\d_]|[)\]”\"’»%…])[.,;:!?]?[”\"’»)]{{0,2}}|[.,;:!?”\"»)] (?=\d{{1,4}}(?:\s+[^\Wa-z\d_]|\Z)))(\d{{1,4}})(?![\w/%°@-]|[.,:]\d)"
        rf"|(?<![{_SUPER}])([{_SUPER}]{{1,4}})(?![{_SUPER}])"
    ),
    Style.BRACKET: re.compile(r"\[(\d{1,4}(?:\s*[,;–-]\s*\d{1,4})*)\]"),
    Style.PAREN: re.compile(r"\((\d{1,4})\)"),
    Style.WORD: re.compile(r"\[(?:footnote |fn\.? ?)?(\d{1,4})\]", re.IGNORECASE),
}
_ANY_DIGIT = re.compile(rf"[\d{_SUPER}]")


def body_marks(found: list[Row], style: Style, starts: list[Start]) -> dict[int, list[int]]:
    """Rows on which a mark may stand in the body, by number. A start's own mark does not count."""
    own = {start.at: start.offset for start in starts}
    patterns = [_BODY_MARKS[Style.PLAIN], _BODY_MARKS[Style.BRACKET]] if style is Style.DOT else [_BODY_MARKS[style]]
    if style is Style.PAREN:
        patterns.append(_BODY_MARKS[Style.PLAIN])
    marks: dict[int, list[int]] = {}
    for at, row in enumerate(found):
        if row.furniture or not _ANY_DIGIT.search(row.text):
            continue
        for pattern in patterns:
            for match in pattern.finditer(row.text, own.get(at, 0)):
                for number in _numbers(match[match.lastindex or 1]):
                    marks.setdefault(number, []).append(at)
    return marks


def _numbers(text: str) -> list[int]:
    """The numbers of "12", "¹²", "3, 5" and "3–6"."""
    numbers: list[int] = []
    for piece in re.split(r"[,;]", text.translate(SUPERSCRIPTS)):
        ends = [int(end) for end in re.split(r"[–-]", piece) if end.strip()]
        if len(ends) == 2 and 0 < ends[1] - ends[0] < 30:
            numbers.extend(range(ends[0], ends[1] + 1))
        else:
            numbers.extend(ends)
    return numbers


def weigh(found: list[Row], starts: list[Start], marks: dict[int, list[int]], headings: list[int]) -> None:
    """Give each start the weight of its evidence."""
    edges = [start.at for start in starts]
    for index, start in enumerate(starts):
        last = min(edges[index + 1] if index + 1 < len(edges) else len(found), start.at + 8)
        rows_of = [row.text for row in found[start.at + 1 : last] if not row.furniture]
        text = " ".join([found[start.at].text[start.offset :], *rows_of[:5]]).strip()
        start.cites, start.strong = is_citing(text), is_strongly_citing(text)
        known = marks.get(start.number, [])
        start.marked = bisect_left(known, start.at) > 0
        start.weight = 0.3 + (0.7 if start.cites else 0) + (0.3 if start.strong else 0) + (0.9 if start.marked else 0)
        before = found[start.at - 1] if start.at else None
        if start.alone and not _text_follows(found, start.at):
            start.weight -= 3
        if before and not before.blank and not before.torn and start.style is not Style.BRACKET:
            # In mid-sentence a number that opens a row is part of the sentence.
            ends = before.text.rstrip()[-1:]
            start.weight -= 0.0 if ends in '.>!?)”"»’/0123456789' else 0.5 if start.alone or start.marked else 1.2
        if headings and bisect_left(headings, start.at) > 0:
            start.weight += 0.5


def _text_follows(found: list[Row], at: int) -> bool:
    """Whether a number alone on its row has a text: on the next row, or after one empty row, on the same page."""
    for row in found[at + 1 : at + 3]:
        if row.blank or row.furniture:
            continue
        return not (row.torn or row.text.strip().isdigit())
    return False


def heaviest(style: Style, starts: list[Start], marks: dict[int, list[int]], headings: list[int], *, reach: int = 100) -> Chain:
    """The ascending chain of most weight. A step of one is free, a gap costs little, starting over at 1 costs more.

    Starting over costs most where the body has no new mark 1 since, and no heading stands between: page 1 is no note 1.
    """
    fresh = sorted([*marks.get(1, []), *headings])
    best: list[float] = []
    back: list[int] = []
    ending: dict[int, int] = {}
    top = -1
    for index, start in enumerate(starts):
        score, link = start.weight - (0 if start.number == 1 else 0.4 + 0.02 * min(start.number, 100)), -1
        for step in range(1, min(reach, start.number) + 1):
            if (known := ending.get(start.number - step)) is not None and starts[known].at < start.at:
                total = best[known] + start.weight + (0.5 if step == 1 else -0.3 - 0.04 * step)
                if total > score:
                    score, link = total, known
        if start.number == 1 and top >= 0 and starts[top].at < start.at:
            again = bisect_left(fresh, start.at) > bisect_left(fresh, starts[top].at)
            total = best[top] + start.weight - (1.6 if again else 4.0)
            if total > score:
                score, link = total, top
        best.append(score)
        back.append(link)
        known = ending.get(start.number)
        if known is None or score >= best[known]:
            ending[start.number] = index
        if top < 0 or score > best[top]:
            top = index
    chosen: list[Start] = []
    index = top
    while index >= 0:
        chosen.append(starts[index])
        index = back[index]
    return Chain(style=style, starts=chosen[::-1], score=best[top] if top >= 0 else 0.0)


def ordered_marks(found: list[Row], marks: dict[int, list[int]], last: int) -> list[tuple[int, int]]:
    """The body's marks up to number `last` as (number, row), in the order of the rows.

    First the longest ascending chain, then marks that only their place gives away (after a year or an article number: "of 1988,9"),
    then those out of order.
    """
    seen = [
        Start(at=at, number=number, style=Style.PLAIN, offset=0, alone=False, weight=1.0)
        for number, rows_of in marks.items()
        if number <= last
        for at in rows_of[:50]
    ]
    seen.sort(key=lambda start: (start.at, start.number))
    for place, start in enumerate(seen):
        start.offset, start.at = start.at, place  # two marks may share a row: order them by place
    chain = {start.number: start.offset for start in heaviest(Style.PLAIN, seen, {}, []).starts}
    known = sorted(chain)
    for before, after in pairwise(known):
        at = chain[before]
        for number in range(before + 1, after):
            hidden = re.compile(rf"\d[.,;:)\]]*[\"”]?{number}(?!\w|[.,]\d)")
            row = next((row for row in range(at, chain[after] + 1) if hidden.search(found[row].text)), None)
            if row is not None:
                chain[number] = at = row
    for number, rows_of in marks.items():
        if number <= last:
            chain.setdefault(number, rows_of[0])
    return sorted(chain.items(), key=lambda mark: (mark[1], mark[0]))

"""A small typesetter: the same notes in many layouts, with the answer known. The texts are neutral and made up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PROSE = (
    "The ferry at the lower crossing has run since the spring of the year in which the old bridge was closed",
    "and the council of the eastern bank has kept its minutes in a cupboard behind the toll house ever since",
    "Visitors who come by the river path see first the winch and then the long shed in which the chains lie",
    "A second boat was ordered from the yard upstream but it proved too broad for the landing and was sold on",
    "In dry summers the gauge at the mill shows less than a man's height and the crossing is made on foot",
    "The almanac of the valley lists every flood since records began and adds a remark on the price of rope",
    "Whoever keeps the light at the point also keeps the book in which each passage after dark is written",
)


@dataclass(frozen=True)
class Note:
    """A note: its text with each address between braces; `urls` are what a careful reader finds."""

    text: str

    @property
    def urls(self) -> list[str]:
        return re.findall(r"\{([^}]*)\}", self.text)

    @property
    def plain(self) -> str:
        return self.text.replace("{", "").replace("}", "")


@dataclass(frozen=True)
class Style:
    """A layout. `breaks` is a pattern of places where an address may break."""

    name: str
    mark: str = "bare"  # bare | alone | super | glued | bracket | dot | indent | raised
    width: int = 88
    lines: int = 42
    feeds: bool = True
    endnotes: str = ""
    head: str = ""
    numbers: str = "foot"  # foot | head | none
    hanging: int = 0
    breaks: str = r"(?<=[/])|(?<=-)"
    drop_hyphens: bool = False
    body_mark: str = ""
    heading_blank: bool = True


@dataclass
class Typeset:
    text: str
    rows: list[dict[str, object]] = field(default_factory=list)


def wrap(text: str, width: int, breaks: str, first: str = "", rest: str = "") -> list[str]:
    """Fill lines; a word that looks like an address may break where `breaks` allows."""
    lines, line = [], first
    for word in text.split(" "):
        pieces = [word]
        if ("/" in word and "." in word) or word.startswith("http"):
            pieces = [piece for piece in re.split(breaks, word) if piece]
        for at, piece in enumerate(pieces):
            gap = "" if at or not line.strip() or line in (first, rest) else " "
            if len(line) + len(gap) + len(piece) > width and line.strip() and line not in (first, rest):
                lines.append(line)
                line = rest + piece
            else:
                line += gap + piece
    return [*lines, line]


def _marked(number: int, style: Style) -> str:
    if style.body_mark:
        return style.body_mark.format(number)
    if style.mark == "super":
        return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if style.mark == "bracket":
        return f" [{number}]"
    return str(number)


def _note_lines(number: int, note: Note, style: Style) -> list[str]:
    pad = " " * style.hanging
    body = note.plain
    if style.mark in {"alone", "raised"}:
        lead = "  " if style.mark == "raised" else ""
        return [
            f"{lead}{number}",
            *([""] if style.mark == "alone" and number % 3 == 0 and style.heading_blank else []),
            *wrap(body, style.width, style.breaks, pad, pad),
        ]
    label = {
        "bare": f"{number} ",
        "indent": f"    {number} ",
        "super": str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")) + " ",
        "glued": f"{number}",
        "bracket": f"[{number}] ",
        "dot": f"{number}. ",
    }[style.mark]
    return wrap(body, style.width, style.breaks, label, pad)


def _drop(lines: list[str]) -> list[str]:
    """What pdftotext does: a hyphen at a line end is dropped and the next word joined on."""
    out: list[str] = []
    pending = list(lines)
    while pending:
        line = pending.pop(0)
        while line.endswith("-") and len(line) > 1 and line[-2].isalnum() and pending and pending[0][:1].isalnum():
            word, _, tail = pending.pop(0).partition(" ")
            line = line[:-1] + word
            if tail:
                pending.insert(0, tail)
        out.append(line)
    return out


def typeset(notes: list[Note], style: Style, start: int = 1) -> Typeset:
    """A document with these notes."""
    result = Typeset("")
    for number, note in enumerate(notes, start):
        result.rows.extend({"note": str(number), "url": url if "://" in url else "https://" + url} for url in note.urls)
    pages: list[str] = []
    body: list[str] = []
    foot: list[str] = []
    fix = _drop if style.drop_hyphens else list

    def page() -> None:
        nonlocal body, foot
        number = len(pages) + 1
        lines = []
        if style.head:
            lines += [style.head.format(number), ""]
        elif style.numbers == "head":
            lines += [f"{number:>{style.width // 2}}", ""]
        lines += fix(body)
        if foot:
            lines += ["", *fix(foot)]
        if style.numbers == "foot":
            lines += ["", str(number)]
        pages.append("\n".join(lines) + "\n")
        body, foot = [], []

    later: list[str] = []
    for number, note in enumerate(notes, start):
        sentences = [PROSE[(number + k) % len(PROSE)] for k in range(1 + number % 3)]
        paragraph = ". ".join(sentences) + "." + _marked(number, style) + " " + PROSE[number % len(PROSE)] + "."
        lines = wrap(paragraph, style.width, r"(?!)")
        own = _note_lines(number, note, style)
        if style.endnotes:
            if len(body) + len(lines) > style.lines:
                page()
            body += [*lines, ""]
            later += own
            continue
        if len(body) + len(foot) + len(lines) + len(own) > style.lines and body:
            page()
        body += [*lines, ""]
        foot += own
    page()
    text = ("\f" if style.feeds else "").join(pages)
    if style.endnotes:
        text += ("\f" if style.feeds else "") + style.endnotes + "\n\n" + "\n".join(fix(later)) + "\n"
    result.text = text
    return result


NOTES = [
    Note(
        "Anna Weir, “The Winch at the Lower Crossing” (12 May 2019), online: <{https://www.ferrymuseum.example.org/exhibits/2019/05/the-winch-at-the-lower-crossing}>."
    ),
    Note("River Almanac, “Places: Ferry (Lower)”, {https://en.wikipedia.org/wiki/Ferry_(Lower)} (last visited 3 June 2020)."),
    Note(
        "See Council of the Eastern Bank, Minutes of 1931, available at {https://records.eastbank.example.org/council/minutes/1931/session-07.pdf}; {https://records.eastbank.example.org/council/minutes/index.html}."
    ),
    Note("Ibid."),
    Note("J. Holm, “Rope and its Price”, 12 Valley Studies 45 (2011), pp. 47–49."),
    Note("Weir, supra note 1, at 4."),
    Note(
        "“Chains of the valley shed”, Museum Journal (March 2016), online: <{www.museum-journal.com/articles/2016/chains-of-the-valley-shed-and-their-makers.html}>."
    ),
    Note(
        "Report of the Water Office, {http://www.wateroffice.gov/gauge/search.asp?station=mill&year=1998&unit=cm} (accessed 12 July 2017)."
    ),
    Note(
        "Archived at {https://web.archive.org/web/20160412083000/http://www.oldferry.com/history/timeline.htm}, see also the page on the yard, {https://www.yard-upstream.net/boats/2b7c-broad-ferry/}."
    ),
    Note("K. Lund, “A Light at the Point”, {https://perma.cc/AB12-CD34}."),
    Note(
        "Valley Gazette, “Flood Remarks Since Records Began” (2 January 2008) <{https://gazette.valley.co.uk/news/flood-remarks-since-records-began-and-the-price-of-rope-in-dry-summers}>."
    ),
    Note("The toll house keeps no copy."),
    Note(
        "M. Ruiz, “Two Boats”, {https://journals.valleypress.edu/index.php/studies/article/view/1123/2045}, accessed 5 May 2018."
    ),
    Note("{https://twitter.com/lowerferry/status/1343307208218574848}."),
    Note(
        "See, e.g., {https://www.eastbank.gov/documents/10180/24531/toll%20house%20inventory%202012.pdf/5f1c2a9e-33aa-4e0d-9a41-4cf0f2b4e0aa}."
    ),
]
STYLES = [
    Style("law review, number alone", mark="alone", breaks=r"(?<=[/-])"),
    Style("law review, no feeds", mark="alone", feeds=False),
    Style("report with running head", mark="bare", head="Report of the Ferry Commission                    {}", numbers="none"),
    Style("layout mode, indented", mark="indent", width=76, hanging=0),
    Style("superscript digits", mark="super", width=72),
    Style("glued numbers", mark="glued", width=90, numbers="head"),
    Style("endnotes", mark="dot", endnotes="Notes", width=80),
    Style("endnotes german", mark="bare", endnotes="Anmerkungen", width=80, feeds=False),
    Style("numbered references", mark="bracket", endnotes="References", width=70, hanging=4),
    Style("bracket footnotes", mark="bracket", width=84),
    Style("breaks before marks", mark="bare", breaks=r"(?=[/.\-?&=_%])", width=78),
    Style("tex breaks", mark="bare", breaks=r"(?<=[/\-?&=_])|(?=[.%])", width=64, lines=50),
    Style("raised numbers", mark="raised", width=80),
    Style("narrow column", mark="bare", width=46, lines=60, breaks=r"(?<=[/\-.?&=_])"),
    Style("long page", mark="bare", width=100, lines=400, feeds=False),
    Style("hanging", mark="dot", hanging=4, endnotes="Endnotes", width=74, feeds=False),
]

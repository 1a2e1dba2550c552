"""Makes the documents in this folder and their answers: one neutral text with notes, typeset by programs that people use.

Needs LibreOffice, XeLaTeX, WeasyPrint and qpdf; the tests need none of them, they read what lies here. Run: python make_documents.py
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from flatodt import Sheet, convert, flat  # noqa: E402 - its folder is put on the path above

from typesetting import NOTES, PROSE  # noqa: E402

MORE = (
    "E. Brandt, *Levels of the Lower River* (1974), scan at {https://archive.eastbank.example.org/scans/8f3bc61d9e7745a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6.pdf}.",
    (
        "The book of the light was kept without a gap from the year in which the point was fenced until the lamp was taken down, and the "
        "keepers wrote into it not only the passages after dark but also the state of the ropes, the names of those who asked for the boat "
        "and were refused, and the price of lamp oil, which rose in every dry summer. The older volumes lie in the toll house, the later "
        "ones with the council; a list of both was printed once, in few copies, and is now to be read at "
        "<{https://records.eastbank.example.org/light/keepers-book/volumes-and-where-they-lie.html}>. The council has announced that the "
        "pictures of all pages will follow, and the first two volumes stand already at {https://pictures.eastbank.example.org/light/volume-01/}."
    ),
    "Holm, supra note 5, at 48; see also {www.ropewalk.example.net/prices/1911_to_1931_by_month.csv}.",
    "Mill gauge, readings 1998–2003, {https://data.valley.example.org/gauge/mill?from=1998-01-01&to=2003-12-31&step=day&format=csv} (accessed 2 May 2022).",
    "P. Osei, “The Point Seen from the Water” (2015), doi:10.5555/valley.2015.0417.",
    "Ibid., at 12.",
    "T. Novak, “Eleven Ferries”, {https://ferries.example.com/en/2018/11/eleven-ferries-of-the-lower-river-and-their-captains,-a-list.html?lang=en#part-2}.",
    "Photographs: {https://pictures.eastbank.example.org/winch/1931_07_winch_house_north_side.jpg} and {https://pictures.eastbank.example.org/winch/1931_07_winch_house_south_side.jpg}.",
    "12 November 1931 is the date in the minutes; 14 November in the Gazette, <{https://gazette.valley.co.uk/1931/11/14/the-second-boat-and-the-landing}>.",
)
PLAIN = [note.text for note in NOTES] + list(MORE)
ITALIC = re.compile(r"\*([^*]+)\*")


def blocks() -> list[str]:
    """The body: a paragraph for each note, with its mark in it, and some headings."""
    found = []
    for number in range(1, len(PLAIN) + 1):
        if number % 8 == 1:
            found.append(f"# {('The Crossing', 'The Boats', 'The Light', 'The Gauge')[number // 8 % 4]}")
        first, second, third = (PROSE[(number + step) % len(PROSE)] for step in range(3))
        found.append(f"{first}.{{{number}}} {second}, {third[0].lower()}{third[1:]}.")
    return found


def notes(*, linked: bool) -> dict[int, str]:
    """The notes by number; with `linked` their addresses are hyperlinks."""
    return {number: re.sub(r"\{([^}]*)\}", r"[[\1]]" if linked else r"\1", text) for number, text in enumerate(PLAIN, 1)}


def answers(marks: list[str] | None = None) -> str:
    """What a careful reader finds, as JSON Lines."""
    rows: list[dict[str, str]] = []
    for number, text in enumerate(PLAIN, 1):
        mark = marks[number - 1] if marks else str(number)
        rows.extend(
            {"note": mark, "url": url if "://" in url else f"https://{url}"} for url in re.findall(r"\{([^}]*)\}", text)
        )
        rows.extend(
            {"note": mark, "url": f"https://doi.org/{doi}", "kind": "doi"}
            for doi in re.findall(r"doi:(10\.\S+?)\.(?:\s|$)", text)
        )
    return "".join(json.dumps(row) + "\n" for row in rows)


def office() -> None:
    """The LibreOffice documents: page designs as PDF, one of them in the other formats."""
    plain, linked = notes(linked=False), notes(linked=True)
    convert(
        flat(blocks(), linked, Sheet(head="Proceedings of the Ferry Commission")),
        "letter",
        ["pdf", "docx", "odt", "epub"],
        HERE,
    )
    small = Sheet(
        width="148mm",
        height="210mm",
        margin="17mm",
        body=10,
        notes=7.5,
        head="The Ferry at the Lower Crossing",
        font="Liberation Sans",
    )
    convert(flat(blocks(), plain, small), "a5", ["pdf"], HERE)
    convert(
        flat(blocks(), plain, Sheet(columns=2, body=10, notes=8, margin="0.8in", head="Valley Studies 12")),
        "columns",
        ["pdf"],
        HERE,
    )
    convert(flat(blocks(), plain, Sheet(kind="endnote", body=11, notes=11)), "endnotes", ["pdf", "docx"], HERE)
    convert(flat(blocks(), plain, Sheet(body=11, notes=11, align="left", separator=True)), "samesize", ["pdf"], HERE)


def tex() -> None:
    """XeLaTeX: raised marks, addresses that break anywhere, underscores that are drawn as rules and stand only in the link."""

    def inline(text: str) -> str:
        text = re.sub(r"([%&#$])", r"\\\1", text).replace("“", "``").replace("”", "''").replace("–", "--")
        text = re.sub(r"\{([^}]*)\}", address, text)
        return ITALIC.sub(r"\\emph{\1}", text)

    def address(match: re.Match[str]) -> str:
        url = match[1]
        target = url if "://" in url.replace("\\", "") else f"https://{url}"
        shown = re.sub(r"(?<=[/.=?-])(?!/)|(?=\\&)", r"\\allowbreak{}", url).replace("_", r"\rule{.5em}{.4pt}")
        return rf"\href{{{target}}}{{{shown}}}"

    body = []
    for block in blocks():
        if block.startswith("# "):
            body.append(rf"\section*{{{block[2:]}}}")
        else:
            body.append(re.sub(r"\{(\d+)\}", lambda match: rf"\footnote{{{inline(PLAIN[int(match[1]) - 1])}}}", block))
    source = "\n\n".join(
        [
            r"\documentclass[11pt]{article}\usepackage[a5paper,margin=18mm]{geometry}\usepackage[hidelinks]{hyperref}",
            r"\hyphenpenalty=10000\sloppy\begin{document}",
            *body,
            r"\end{document}",
        ]
    )
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "tex.tex").write_text(source, encoding="utf-8")
        for _ in range(2):
            subprocess.run(["xelatex", "-interaction=batchmode", "tex.tex"], cwd=scratch, check=True, capture_output=True)
        (HERE / "tex.pdf").write_bytes(Path(scratch, "tex.pdf").read_bytes())


def web() -> None:
    """WeasyPrint: a page of the web with footnotes as CSS has them."""

    def inline(text: str) -> str:
        return ITALIC.sub(r"<i>\1</i>", re.sub(r"\{([^}]*)\}", r"\1", escape(text, quote=False)))

    body = "".join(
        f"<h2>{block[2:]}</h2>"
        if block.startswith("# ")
        else "<p>"
        + re.sub(r"\{(\d+)\}", lambda match: f'<span class="note">{inline(PLAIN[int(match[1]) - 1])}</span>', block)
        + "</p>"
        for block in blocks()
    )
    style = (
        '@page { size: 170mm 240mm; margin: 20mm; @bottom-right { content: counter(page) } @top-left { content: "The Ferry" } }'
        "body { font: 10.5pt 'DejaVu Serif'; text-align: justify } .note { float: footnote; font-size: 8pt; overflow-wrap: anywhere }"
    )
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch, "web.html")
        page.write_text(
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><style>{style}</style><body>{body}", encoding="utf-8"
        )
        subprocess.run(["weasyprint", str(page), str(HERE / "web.pdf")], check=True, capture_output=True)


def encrypted() -> None:
    """A PDF that opens only with a password."""
    command = [
        "qpdf",
        "--encrypt",
        "secret",
        "secret",
        "256",
        "--",
        str(HERE / "letter.pdf"),
        "--pages",
        ".",
        "1",
        "--",
        str(HERE / "encrypted.pdf"),
    ]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    office()
    tex()
    web()
    encrypted()
    (HERE / "answers.jsonl").write_text(answers(), encoding="utf-8")
    for made in sorted(HERE.glob("*.*")):
        print(made.name, made.stat().st_size)

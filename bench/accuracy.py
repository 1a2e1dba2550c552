"""How well citations are read: recall, precision and note numbers over tests/golden, by format and by class, with other tools beside.

    python bench/accuracy.py                          print the tables of this project's own scores
    python bench/accuracy.py --write                  weave them into docs/accuracy.md
    python bench/accuracy.py --write --peers PYTHON   the table of other tools too: a Python that has urlextract, linkify-it-py,
                                                      pdfx and pypdfium2

An address counts as reached when it differs at most in `http` or `https`, `www.` and a slash at its end; as exact when every character
agrees. Cross references have no address of their own: they are scored as a class, each with the address that it leads to.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pypdfium2

from preserve.cite import citations
from preserve.documents import read
from preserve.documents.encoding import decode

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
PAGE = ROOT / "docs" / "accuracy.md"
TEXT = frozenset({".txt", ".md", ".html", ".tex", ".bib", ".adoc", ".rst", ".xml", ".dbk", ".csv", ".tsv", ".ris", ".json"})
FORMATS = {
    "text/plain": "text",
    "text/uri-list": "list",
    "text/markdown": "Markdown",
    "text/html": "HTML",
    "text/x-tex": "LaTeX",
    "application/x-bibtex": "BibTeX",
    "text/asciidoc": "AsciiDoc",
    "text/x-rst": "reStructuredText",
    "application/docbook+xml": "DocBook",
    "text/csv": "tables",
    "text/tab-separated-values": "tables",
    "application/x-research-info-systems": "RIS",
    "application/vnd.citationstyles.csl+json": "CSL-JSON, Zotero",
    "application/json": "CSL-JSON, Zotero",
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
    "application/vnd.oasis.opendocument.text": "ODT",
    "application/epub+zip": "EPUB",
}
PEER = r"""
import json, logging, sys
import pypdfium2
from linkify_it import LinkifyIt
from urlextract import URLExtract
logging.disable(logging.CRITICAL)
linkify, extract = LinkifyIt(), URLExtract()
def pdfx(path):
    import pdfx as reader
    try:
        found = reader.PDFx(path).get_references_as_dict()
    except Exception as problem:
        print(path, repr(problem), file=sys.stderr)
        return []
    return [url for kind in ("url", "pdf", "doi", "arxiv") for url in found.get(kind, [])]
def pdfium(path):
    return [link for page in pypdfium2.PdfDocument(path) for link in _links(page)]
def _links(page):
    import pypdfium2.raw as c, ctypes
    links = c.FPDFLink_LoadWebLinks(page.get_textpage())
    for at in range(c.FPDFLink_CountWebLinks(links)):
        size = c.FPDFLink_GetURL(links, at, None, 0)
        buffer = (ctypes.c_ushort * size)()
        c.FPDFLink_GetURL(links, at, buffer, size)
        yield bytes(buffer).decode("utf-16-le").rstrip("\0")
answers = {}
for name, (text, path) in json.load(sys.stdin).items():
    answers[name] = {"urlextract": extract.find_urls(text), "linkify-it-py": [m.url for m in linkify.match(text) or []]}
    if path:
        answers[name] |= {"pdfx": pdfx(path), "pdfium": pdfium(path)}
json.dump(answers, sys.stdout)
"""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A document and the answer of a careful reader: rows with at least `note` and `url`."""

    path: Path
    rows: tuple[dict[str, Any], ...]
    hard: bool = False
    body: bool = True
    """Whether the answer holds what the body cites too."""


@dataclass(slots=True)
class Score:
    """Counts over several documents."""

    wanted: int = 0
    found: int = 0
    reached: int = 0
    exact: int = 0
    noted: int = 0

    def add(self, wanted: Sequence[tuple[str | None, str]], found: Sequence[tuple[str | None, str]]) -> None:
        """Score pairs of note and address that were found against those that were wanted."""
        self.wanted += len(wanted)
        self.found += len(found)
        self.reached += _common((_plain(url) for _, url in wanted), (_plain(url) for _, url in found))
        self.exact += _common((url for _, url in wanted), (url for _, url in found))
        self.noted += _common(wanted, found)

    def cells(self, *, notes: bool = True) -> list[str]:
        """Citations, recall, precision, exact, note accuracy."""
        shares = [(self.reached, self.wanted), (self.reached, self.found), (self.exact, self.wanted)]
        shares += [(self.noted, self.exact)] if notes else []
        return [str(self.wanted), *(_share(part, whole) for part, whole in shares), *([] if notes else ["-"])]


def _share(part: int, whole: int) -> str:
    return "-" if not whole else "1" if part == whole else f"{int(part / whole * 1000) / 1000:.3f}".removeprefix("0")


def _common(wanted: Iterable[object], found: Iterable[object]) -> int:
    return sum((Counter(wanted) & Counter(found)).values())


def _plain(url: str) -> str:
    return re.sub(r"\A(?:https?://)?(?:www\.)?|/\Z", "", url)


def corpus() -> list[Golden]:
    """Every document of tests/golden that has an answer."""
    found = []
    for folder in (GOLDEN, GOLDEN / "hard"):
        answers = sorted(folder.glob("*.*.jsonl"))
        found += [Golden(path=each.with_suffix(""), rows=_rows(each), hard=folder != GOLDEN) for each in answers]
    typeset = GOLDEN / "typeset"
    if (answers := typeset / "answers.jsonl").is_file():
        made = [path for path in sorted(typeset.glob("*.*")) if path.suffix in {".pdf", ".docx", ".odt", ".epub"}]
        found += [Golden(path=path, rows=_rows(answers), body=False) for path in made if path.stem != "encrypted"]
    return found


def _rows(path: Path) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in path.read_text("utf-8").splitlines() if line)


def kind_of(row: dict[str, Any], alone: bool) -> str:
    """The class of a citation, the rarest that fits."""
    url, kind = row["url"] or "", row.get("kind", "url")
    tests: tuple[tuple[str, bool], ...] = (
        ("ibid, supra, see note", kind in {"ibid", "supra"}),
        ("DOI, arXiv, handle, URN without a resolver", kind != "url"),
        ("hyphen lost, or line end in doubt", "means" in row),
        ("archived copy", bool(re.search(r"//(?:web\.archive\.org|perma\.cc|archive\.\w+)/", url))),
        ("percent escapes", "%" in url),
        ("parameters, fragments", bool(re.search(r"[?#]", url))),
        ("brackets in the address", "(" in url),
        ("in the body", row.get("where") == "body"),
        ("one of several in its note", not alone),
    )
    return next((name for name, fits in tests if fits), "the only one in its note")


def scores() -> tuple[dict[str, Score], dict[str, Score], dict[str, Score]]:
    """This project's own: by format, by class, and of the hard documents."""
    formats: dict[str, Score] = {}
    classes: dict[str, Score] = {}
    hard: dict[str, Score] = {}
    for golden in corpus():
        document = read(golden.path.name, golden.path.read_bytes())
        rows = [row for row in citations(document) if row.url and (golden.body or row.where == "notes")]
        own = [(row.note if row.note is not None else row.note_inferred, row.url or "") for row in rows if not row.kind.refers]
        led = [(row.note if row.note is not None else row.note_inferred, row.url or "") for row in rows if row.kind.refers]
        wanted = [row for row in golden.rows if row["url"]]
        pairs = _pairs(wanted)
        if golden.hard:
            hard.setdefault(golden.path.name, Score()).add(pairs, own)
        else:
            formats.setdefault(FORMATS[document.media_type], Score()).add(pairs, own)
        notes = Counter(row["note"] for row in wanted if row["note"])
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in wanted:
            groups.setdefault(kind_of(row, alone=notes[row["note"]] == 1), []).append(row)
        for name, group in groups.items():
            refers = name.startswith("ibid")
            asked = [(row["note"], row["url"]) for row in group]
            # What was found beyond the answer belongs to no class: a class has no precision of its own.
            classes.setdefault(name, Score()).add(asked, _of(asked, led if refers else own))
    return formats, classes, hard


def _pairs(rows: Iterable[dict[str, Any]]) -> list[tuple[str | None, str]]:
    return [(row["note"], row["url"]) for row in rows if row.get("kind") not in {"ibid", "supra"}]


def _of(asked: Sequence[tuple[str | None, str]], found: Sequence[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
    """Of what was found, what answers one of these."""
    urls = {_plain(url) for _, url in asked}
    return [pair for pair in found if _plain(pair[1]) in urls]


def own_tables() -> str:
    """The tables of this project's own scores, in Markdown."""
    formats, classes, hard = scores()
    head = ["citations", "recall", "precision", "exact", "note"]
    order = list(dict.fromkeys(FORMATS.values()))
    by_format = [[name, *formats[name].cells()] for name in sorted(formats, key=order.index)]
    by_class = [
        [name, *_without_precision(score.cells())] for name, score in sorted(classes.items(), key=lambda item: -item[1].wanted)
    ]
    by_hard = [[f"`{name}`", *score.cells()] for name, score in sorted(hard.items())]
    return "\n\n".join(
        (
            "By format:\n\n" + table(["format", *head], by_format),
            "By class, all formats together, the hard documents included:\n\n"
            + table(["class", *_without_precision(head)], by_class),
            "The hard documents, each by itself:\n\n" + table(["document", *head], by_hard),
        )
    )


def _without_precision(cells: list[str]) -> list[str]:
    return [*cells[:2], *cells[3:]]


def peer_tables(python: str) -> str:
    """What other tools reach on the same documents, in Markdown."""
    golden = corpus()
    asked = {str(each.path): (_text(each.path), str(each.path) if each.path.suffix == ".pdf" else "") for each in golden}
    done = subprocess.run([python, "-c", PEER], input=json.dumps(asked), capture_output=True, text=True, check=True)
    answers: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    groups: dict[str, Callable[[Golden], bool]] = {
        "text and lists": lambda each: each.path.suffix == ".txt",
        "Markdown, HTML": lambda each: each.path.suffix in {".md", ".html"},
        "LaTeX, AsciiDoc, reStructuredText, DocBook": lambda each: (
            each.path.suffix in {".tex", ".adoc", ".rst", ".xml", ".dbk"}
        ),
        "BibTeX, RIS, JSON, tables": lambda each: each.path.suffix in {".bib", ".ris", ".json", ".csv", ".tsv"},
        "DOCX, ODT, EPUB": lambda each: each.path.suffix in {".docx", ".odt", ".epub"},
        "PDF": lambda each: each.path.suffix == ".pdf",
    }
    rows = []
    for name, belongs in groups.items():
        tools: dict[str, Score] = {}
        for each in filter(belongs, golden):
            wanted = _pairs(row for row in each.rows if row["url"])
            document = read(each.path.name, each.path.read_bytes())
            ours = [
                row for row in citations(document) if row.url and not row.kind.refers and (each.body or row.where == "notes")
            ]
            tools.setdefault("preserve", Score()).add(
                wanted, [(row.note if row.note is not None else row.note_inferred, row.url or "") for row in ours]
            )
            for tool, urls in answers[str(each.path)].items():
                tools.setdefault(tool, Score()).add(wanted, [(None, url) for url in urls])
        rows += [[name, tool, *score.cells(notes=tool == "preserve")] for tool, score in tools.items()]
    return table(["documents", "tool", "citations", "recall", "precision", "exact", "note"], rows)


def _text(path: Path) -> str:
    """The text that the other tools get: what stands in the file; of a package its parts without tags, of a PDF what pdfium prints."""
    if path.suffix == ".pdf":
        return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))
    if path.suffix in TEXT:
        decoded = decode(path.read_bytes())
        return decoded.text if decoded else ""
    with zipfile.ZipFile(path) as package:
        parts = [
            name for name in package.namelist() if name.endswith((".xml", ".xhtml", ".html", ".rels")) and "style" not in name
        ]
        pieces = [package.read(name).decode("utf-8", "replace") for name in parts]
    return unescape(re.sub(r"<[^>]*>", " ", re.sub(r"</(?:w:p|text:p|p)>", "\n", "\n".join(pieces))))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def woven(page: str, name: str, tables: str) -> str:
    """`page` with `tables` between the marks of `name`."""
    begin, end = f"<!-- {name}: written by bench/accuracy.py -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{tables}\n\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="weave the tables into docs/accuracy.md")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python with the other tools")
    options = parser.parse_args()
    made = {"own": own_tables()}
    if options.peers:
        made["peers"] = peer_tables(options.peers)
    for name, tables in made.items():
        print(tables, end="\n\n")
        if options.write:
            PAGE.write_text(woven(PAGE.read_text("utf-8"), name, tables), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Which files a report consists of, and what stands in each: paths and text, for somebody else to write.

    index.html  preserve.css        the overview with the first rows; the one style sheet
    rows/0002.html …                further rows, 500 to a page
    captures/RUN/THOUSAND/N.html    a page for each capture, at most a thousand to a folder
    notes/N.html  notes/N.md        the notes of each document, annotated
    changes.html  changes/N.html    what changed from capture to capture, where it was compared
    certificate.html  .md           the draft declaration, where it is wanted

The work is cut into parts that can be drawn in any order and by several processes; no part holds more than a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from preserve.model.noun import dataclass
from preserve.model.report import CapturePage, Changed, Overview, Place, Row, State
from preserve.web import certificate, render
from preserve.web.notes import annotated, notes_markdown, notes_page
from preserve.web.report import Site, capture_page, capture_path, changes_page, notes_path, rows_page

CAPTURES = 200
"""Captures of one part."""
NAMES = frozenset(
    {
        "index.html", "preserve.css", "rows", "captures", "notes", "changes.html", "changes",
        "certificate.html", "certificate.md", "report.jsonl", "report.csv",
    }
)  # fmt: skip
"""What lies directly in a report's folder."""


class Source(Protocol):
    """What the pages are drawn from; `flows.report.Survey` is one."""

    @property
    def overview(self) -> Overview: ...

    def rows(self, first: int = 0, end: int | None = None) -> Iterator[Row]: ...

    def places(self, row: Row) -> tuple[Place, ...]: ...

    def lines(self, run: int) -> int: ...

    def captures(self, run: int, first: int = 0, end: int | None = None, *, alone: bool = False) -> Iterator[int]: ...

    def changes(self, first: int, end: int) -> Iterator[Changed]: ...

    def leading(self, row: Row) -> tuple[int, CapturePage] | None: ...

    def page(self, run: int, capture: int) -> CapturePage: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the files: page `first` of the rows and their notes, or of the changes, or of run `of` capture `first`, or captures `first` to `end`.

    `leading`: with the rows come the pages of the captures that they are the first to show, for what was read for a row serves both.
    Then "captures" are those that no row shows (older ones).
    """

    kind: str
    of: int = 0
    first: int = 0
    end: int = 0
    leading: bool = False


def parts(site: Site, source: Source, *, declaration: bool) -> list[Part]:
    """All the parts of a report."""
    overview = source.overview
    found = [Part("style")]
    found += [Part("rows", 0, page, leading=True) for page in range(1, _pages(overview.total, site) + 1)]
    for run in range(len(overview.runs)):
        for first in range(0, source.lines(run), CAPTURES):
            if any(True for _ in source.captures(run, first, first + CAPTURES, alone=True)):
                found.append(Part("captures", run, first, first + CAPTURES))
    if overview.changes is not None:
        found += [Part("changes", 0, page) for page in range(1, max(1, -(-overview.changes // site.rows_on_page)) + 1)]
    if declaration:
        found += [Part("certificate"), Part("certificate text")]
    return found


def draw(site: Site, source: Source, part: Part, command: str = "") -> Iterator[tuple[str, Iterable[str]]]:
    """The files of a part: the path and the text of each. `command` is what was typed to verify."""
    match part.kind:
        case "style":
            yield render.STYLE, [render.asset(render.STYLE)]
        case "rows":
            first = (part.first - 1) * site.rows_on_page
            rows = list(source.rows(first, first + site.rows_on_page))
            yield site.page(part.first), [rows_page(site if part.first == 1 else site.below("../"), part.first, rows)]
            yield from _notes(site, part.first, rows)
            if part.leading:
                yield from _leading(site, source, rows)
        case "captures":
            for capture in source.captures(part.of, part.first, part.end, alone=True):
                yield from draw(site, source, Part("capture", part.of, capture))
        case "capture":
            path = capture_path(source.overview.runs[part.of].sequence, part.first)
            yield path, [capture_page(site.below("../../../"), source.page(part.of, part.first))]
        case "changes":
            first = (part.first - 1) * site.rows_on_page
            below = site if part.first == 1 else site.below("../")
            changed = source.changes(first, first + site.rows_on_page)
            yield site.changes(part.first), [changes_page(below, part.first, changed)]
        case "certificate":
            yield "certificate.html", certificate.certificate_page(site, command, *_lists(source))
        case "certificate text":
            yield "certificate.md", certificate.certificate_text(site, command, *_lists(source))


def _leading(site: Site, source: Source, rows: Iterable[Row]) -> Iterator[tuple[str, Iterable[str]]]:
    below = site.below("../../../")
    for row in rows:
        if (found := source.leading(row)) is not None:
            yield capture_path(row.run.sequence, found[0]), [capture_page(below, found[1])]


def _notes(site: Site, page: int, rows: list[Row]) -> Iterator[tuple[str, Iterable[str]]]:
    """The annotated notes of the same rows: a document goes on to another page where the rows do."""
    for index, document in enumerate(site.overview.documents):
        own = [row for row in rows if document.first <= row.number < document.first + document.total]
        if own:
            annotations = annotated(site, own)
            begin = document.first // site.rows_on_page
            number, last = page - begin, (document.first + document.total - 1) // site.rows_on_page - begin + 1
            path = notes_path(index, number)
            yield path, [notes_page(site.below("../"), index, number, last, annotations)]
            yield path.removesuffix(".html") + ".md", notes_markdown(site, document, number, last, annotations)


def _lists(source: Source) -> tuple[certificate.Exhibits, certificate.Gaps]:
    def exhibits() -> Iterator[tuple[Row, tuple[Place, ...]]]:
        seen: set[tuple[int, int]] = set()
        for row in source.rows():
            if row.capture is None or row.shown is None or (row.run.sequence, row.capture.capture) in seen:
                continue
            seen.add((row.run.sequence, row.capture.capture))  # one exhibit, however many notes cite it
            yield row, source.places(row)

    def gaps() -> Iterator[Row]:
        return (row for row in source.rows() if row.state is not State.CAPTURED)

    return exhibits, gaps


def _pages(rows: int, site: Site) -> int:
    return max(1, -(-rows // site.rows_on_page))

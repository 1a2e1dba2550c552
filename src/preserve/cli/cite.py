"""preserve cite: what do these documents cite? No network.

Data goes to stdout (a table, plain lines where stdout is no terminal, JSON Lines, CSV), the summary of each document to stderr.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click

from preserve.cli.captureoptions import DOCUMENT_TIMEOUT, SECONDS
from preserve.errors import ExitCode, FormatError
from preserve.formats.counted import counted
from preserve.formats.printable import printable
from preserve.model.document import Citation, CitationKind, Document, Where
from preserve.model.noun import dataclass


@click.command()
@click.argument("paths", metavar="DOC...", nargs=-1, required=True)
@click.option(
    "--where", type=click.Choice(["notes", "body", "all"]), default="all", show_default=True, help="Which part to read."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines: a plan that capture accepts.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header row.")
@click.option("--show", metavar="NOTE", help="Print one note as it stands, its addresses marked, with every doubt about them.")
@click.option(
    "--document-timeout",
    "seconds",
    type=SECONDS,
    default=DOCUMENT_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Give up reading a document after so many seconds.",
)
def command(paths: tuple[str, ...], where: str, as_json: bool, as_csv: bool, show: str | None, seconds: float) -> ExitCode:
    """List the citations of documents: footnotes, endnotes, references, links. No network.

    DOC is a document (PDF, DOCX, ODT, EPUB, HTML, Markdown, LaTeX, AsciiDoc, reStructuredText, DocBook, text), a bibliography (BibTeX,
    RIS, CSL-JSON, a table), a list of addresses, a plan (the output of --json), a folder, a pattern, or - for stdin.

    \b
    preserve cite paper.txt                     a table to read
    preserve cite paper.txt --show 12           note 12, and what is doubtful
    preserve cite paper.txt --json > plan.jsonl a plan to edit and capture
    """
    from preserve.adapters.workers import ForkedWorkers, processors
    from preserve.cli.documents import each, exit_code

    if sum((as_json, as_csv, show is not None)) > 1:
        raise click.UsageError("--json, --csv and --show exclude each other")
    printer = _printer(as_json=as_json, as_csv=as_csv, show=show)
    said: list[str] = []
    problems: list[FormatError] = []
    names: list[str] = []
    shown = 0
    for cited in each(paths, partial(_cited, where=where, show=show), ForkedWorkers(processors()), seconds):
        if isinstance(cited, FormatError):
            problems.append(cited)
            continue
        names.append(cited.name)
        said += cited.said
        shown += len(cited.shown)
        printer(cited)
    if show is not None and names and not shown:
        raise click.UsageError(f"no note {show} with a text in {', '.join(names)}")
    for line in said:
        click.echo(printable(line), err=True)
    for problem in problems:
        click.echo(f"preserve: {printable(problem.message)}", err=True)
        if problem.hint:
            click.echo(f"  {printable(problem.hint)}", err=True)
    return exit_code(read=len(names), failed=len(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cited:
    """What is printed of a document: its citations to stdout, or the lines of the note that was asked for, and what to say about it."""

    name: str
    rows: tuple[Citation, ...]
    shown: tuple[str, ...]
    said: tuple[str, ...]


def _cited(document: Document, *, where: str, show: str | None) -> _Cited:
    from preserve.cite import citations

    rows = _part(citations(document), where)
    return _Cited(
        name=document.name,
        rows=rows if show is None else (),
        shown=tuple(_shown(document, show)) if show is not None else (),
        said=(summary(document, rows), *(f"  {remark}" for remark in document.remarks)),
    )


def _printer(*, as_json: bool, as_csv: bool, show: str | None) -> Callable[[_Cited], None]:
    """How a document is printed as soon as it and those before it are read."""
    if show is not None:
        return _print_lines
    if as_csv:
        _print_csv_header()
        return _print_csv
    if as_json:
        return _print_json
    return _print_table if sys.stdout.isatty() else _print_plain


def _part(rows: tuple[Citation, ...], where: str) -> tuple[Citation, ...]:
    return rows if where == "all" else tuple(row for row in rows if row.where is Where(where))


def summary(document: Document, rows: Iterable[Citation]) -> str:
    """One line about a document: "paper.txt: 132 notes, 43 cited URLs, 20 doubtful, 2 citations without an address"."""
    own = [row for row in rows if not row.kind.refers]
    parts = [
        counted(document.note_count, "note"),
        counted(sum(row.url is not None or row.url_as_printed is not None for row in own), "cited URL"),
    ]
    if doubtful := sum(row.uncertain for row in own):
        parts.append(f"{doubtful} doubtful")
    if missing := sum(row.url is None and row.url_as_printed is None for row in own):
        parts.append(f"{counted(missing, 'citation')} without an address")
    return f"{document.name}: {', '.join(parts)}"


def _print_lines(cited: _Cited) -> None:
    for line in cited.shown:
        click.echo(line)


def _print_json(cited: _Cited) -> None:
    from preserve.formats.citations import encode

    for row in cited.rows:
        click.echo(encode(row))


def _print_csv_header() -> None:
    from preserve.formats.citations import FIELDS

    click.echo(",".join(FIELDS))


def _print_csv(cited: _Cited) -> None:
    from preserve.formats.citations import FIELDS, row

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for citation in cited.rows:
        values = row(citation)
        values["candidates"] = " ".join(candidate.url for candidate in citation.candidates)
        writer.writerow(_cell(values[name]) for name in FIELDS)
    click.echo(text.getvalue(), nl=False)


def _cell(value: object) -> object:
    """A value as a spreadsheet may safely open it: what could be taken for a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    text = " ".join(printable(line) for line in value.splitlines())
    return "'" + text if text[:1] in tuple("=+-@") else text


def _print_plain(cited: _Cited) -> None:
    for row in cited.rows:
        click.echo("  ".join(part for part in (printable(cited.name), *_columns(row)) if part))


def _print_table(cited: _Cited) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not cited.rows:
        return
    table = Table(title=printable(cited.name), title_justify="left", box=None, header_style="dim", pad_edge=False)
    table.add_column("note", no_wrap=True)
    table.add_column("cites", overflow="fold", ratio=3)
    table.add_column("remarks", overflow="fold", ratio=2, style="yellow")
    for row in cited.rows:
        note, cites, *remarks = _columns(row)
        table.add_row(Text(note), Text(cites, style="" if row.fetchable else "dim"), Text("; ".join(filter(None, remarks))))
    Console().print(table)


def _columns(row: Citation) -> tuple[str, str, str, str]:
    """Note, address, title and date, doubts; each safe to print."""
    note = (
        row.note
        if row.note is not None
        else f"{row.note_inferred}?"
        if row.note_inferred is not None
        else "body"
        if row.where is Where.BODY
        else "?"
    )
    note = printable(f"note {note}" if note != "body" else note)
    address = row.url or row.url_as_printed or "(no address)"
    if row.kind.refers:
        address = (
            f"{row.kind} note {row.refers_to}: {row.url or 'unresolved'}"
            if row.refers_to
            else f"{row.kind}: {row.url or 'unresolved'}"
        )
    elif row.kind is not CitationKind.URL:
        address = f"{address} ({row.url_as_printed})"
    about = f"“{row.title}” {row.date or ''}".strip() if row.title else row.date or ""
    doubts = row.problem or (
        f"doubtful: {len(row.candidates)} forms, --show {row.note or row.note_inferred or ''}".strip() if row.uncertain else ""
    )
    return note, printable(address), printable(about), printable(doubts)


def _shown(document: Document, note: str) -> Iterator[str]:
    """The passages of one note, line by line; nothing when there is none."""
    from preserve.cite import locate

    places = locate(document)
    for index, passage in enumerate(document.passages):
        if passage.note != note:
            continue
        here = [place for place in places if place.passage == index]
        inferred = "" if passage.mark is not None else " (its number is lost; this one is inferred)"
        yield click.style(printable(f"{document.name}, note {note}{inferred}"), bold=True)
        yield from _marked(document, index, [(place.start, place.end) for place in here])
        for place in here:
            yield from _explained(place.citation)
        yield ""


def _marked(document: Document, index: int, spans: list[tuple[int, int]]) -> Iterator[str]:
    """The lines of a passage with their numbers; what an address covers is marked."""
    offset = 0
    for line in document.passages[index].lines:
        text = line.text.rstrip()
        pieces, at = [], 0
        for start, end in sorted({(max(start - offset, 0), min(end - offset, len(text))) for start, end in spans}):
            if start >= end or start < at:
                continue
            pieces += [printable(text[at:start]), click.style(f"⟦{printable(text[start:end])}⟧", fg="cyan")]
            at = end
        pieces.append(printable(text[at:]))
        yield f"{line.number or '':>6}  {''.join(pieces)}"
        offset += len(text) + 1


def _explained(citation: Citation) -> Iterator[str]:
    if citation.problem:
        yield click.style(f"        {citation.kind}: {printable(citation.problem)}", fg="yellow")
    for place, candidate in enumerate(citation.candidates):
        sign = "→" if place == 0 else "or"
        yield f"     {sign:>2} {printable(candidate.url)}"
        yield click.style(f"        {printable(candidate.why)}", dim=True)

"""preserve cite: what do these documents cite? No network.

Data goes to stdout (a table, plain lines where stdout is no terminal, JSON Lines, CSV), the summary of each document to stderr.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator

import click

from preserve.errors import ExitCode
from preserve.formats.printable import printable
from preserve.model.document import Citation, CitationKind, Document, Where


@click.command()
@click.argument("paths", metavar="DOC...", nargs=-1, required=True)
@click.option(
    "--where", type=click.Choice(["notes", "body", "all"]), default="all", show_default=True, help="Which part to read."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines: a plan that capture accepts.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header row.")
@click.option("--show", metavar="NOTE", help="Print one note as it stands, its addresses marked, with every doubt about them.")
def command(paths: tuple[str, ...], where: str, as_json: bool, as_csv: bool, show: str | None) -> ExitCode:
    """List the citations of documents: footnotes, endnotes, references, links. No network.

    DOC is a document (PDF, DOCX, ODT, EPUB, HTML, Markdown, text), a list of addresses, a plan (the output of --json), a folder, a
    pattern, or - for stdin.

    \b
    preserve cite paper.txt                     a table to read
    preserve cite paper.txt --show 12           note 12 as it stands, and why an address is doubtful
    preserve cite paper.txt --json > plan.jsonl a plan to edit and capture
    """
    from preserve.cite import citations
    from preserve.cli.documents import load

    if sum((as_json, as_csv, show is not None)) > 1:
        raise click.UsageError("--json, --csv and --show exclude each other")
    loaded = load(paths)
    found = [(opened.document, _part(citations(opened.document), where)) for opened in loaded.documents]
    if show is not None:
        shown = sum(_show(document, show) for document, _ in found)
        if not shown and found:
            raise click.UsageError(f"no note {show} with a text in {', '.join(document.name for document, _ in found)}")
    elif as_json:
        _print_json(rows for _, rows in found)
    elif as_csv:
        _print_csv(rows for _, rows in found)
    else:
        _print_table(found)
    for document, rows in found:
        click.echo(printable(summary(document, rows)), err=True)
        for remark in document.remarks:
            click.echo(f"  {printable(remark)}", err=True)
    for problem in loaded.problems:
        click.echo(f"preserve: {printable(problem.message)}", err=True)
        if problem.hint:
            click.echo(f"  {printable(problem.hint)}", err=True)
    return loaded.exit_code


def _part(rows: tuple[Citation, ...], where: str) -> tuple[Citation, ...]:
    return rows if where == "all" else tuple(row for row in rows if row.where is Where(where))


def summary(document: Document, rows: Iterable[Citation]) -> str:
    """One line about a document: "paper.txt: 132 notes, 43 cited URLs, 20 doubtful, 2 citations without an address"."""
    own = [row for row in rows if not row.kind.refers]
    parts = [
        _many(document.note_count, "note"),
        _many(sum(row.url is not None or row.url_as_printed is not None for row in own), "cited URL"),
    ]
    if doubtful := sum(row.uncertain for row in own):
        parts.append(f"{doubtful} doubtful")
    if missing := sum(row.url is None and row.url_as_printed is None for row in own):
        parts.append(f"{_many(missing, 'citation')} without an address")
    return f"{document.name}: {', '.join(parts)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _print_json(documents: Iterable[Iterable[Citation]]) -> None:
    from preserve.formats.citations import encode

    for rows in documents:
        for row in rows:
            click.echo(encode(row))


def _print_csv(documents: Iterable[Iterable[Citation]]) -> None:
    from preserve.formats.citations import FIELDS, row

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for citations in documents:
        for citation in citations:
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


def _print_table(found: list[tuple[Document, tuple[Citation, ...]]]) -> None:
    if not sys.stdout.isatty():
        for document, rows in found:
            for row in rows:
                click.echo("  ".join(part for part in (printable(document.name), *_columns(row)) if part))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for document, rows in found:
        if not rows:
            continue
        table = Table(title=printable(document.name), title_justify="left", box=None, header_style="dim", pad_edge=False)
        table.add_column("note", no_wrap=True)
        table.add_column("cites", overflow="fold", ratio=3)
        table.add_column("remarks", overflow="fold", ratio=2, style="yellow")
        for row in rows:
            note, cites, *remarks = _columns(row)
            table.add_row(Text(note), Text(cites, style="" if row.fetchable else "dim"), Text("; ".join(filter(None, remarks))))
        console.print(table)


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


def _show(document: Document, note: str) -> bool:
    """Print the passages of one note; False when there is none."""
    from preserve.cite import locate

    places = locate(document)
    shown = False
    for index, passage in enumerate(document.passages):
        if passage.note != note:
            continue
        shown = True
        here = [place for place in places if place.passage == index]
        inferred = "" if passage.mark is not None else " (its number is lost; this one is inferred)"
        click.echo(click.style(printable(f"{document.name}, note {note}{inferred}"), bold=True))
        for line in _marked(document, index, [(place.start, place.end) for place in here]):
            click.echo(line)
        for place in here:
            for line in _explained(place.citation):
                click.echo(line)
        click.echo()
    return shown


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

"""The annotated notes of a document: each of them with how its address stands and its "archived at" strings. Nouns in, HTML or Markdown out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from preserve.model.report import DocumentCount, Row, State
from preserve.web import render
from preserve.web.render import code, plain
from preserve.web.report import Site, environment, notes_path

Annotated = Sequence[tuple[Row, tuple[tuple[str, str], ...]]]
"""Rows, each with its "archived at" strings as (manual, string)."""


def annotated(site: Site, rows: Iterable[Row]) -> Annotated:
    """What the notes of a document say of each."""
    return [(row, _strings(site, row)) for row in rows]


def notes_page(site: Site, document: int, number: int, last: int, rows: Annotated) -> str:
    """The notes of one document, each with its state and its "archived at" strings."""
    count = site.overview.documents[document]

    def pages(page: int) -> str:
        return site.notes(document, page)

    return (
        environment()
        .get_template("notes.html")
        .render(
            site=site,
            document=count,
            rows=rows,
            here=number,
            last=last,
            pages=pages,
            markdown=notes_path(document, number).removesuffix(".html") + ".md",
        )
    )


def _strings(site: Site, row: Row) -> tuple[tuple[str, str], ...]:
    if row.capture is None or row.state in {State.ALTERED, State.REMOVED}:
        return ()
    title = row.citation.title if row.citation is not None else None
    found = site.strings(row.url, row.capture, row.run, title)
    return () if found is None else found.items()


def notes_markdown(site: Site, document: DocumentCount, number: int, last: int, rows: Annotated) -> Iterator[str]:
    """The same as Markdown, piece by piece."""
    yield f"# Notes of {plain(document.name or 'addresses given by themselves')}, annotated{f', page {number} of {last}' if last > 1 else ''}\n\n"
    yield f"From {plain(site.overview.id)}, by {site.overview.software}, {site.overview.checked.at:%Y-%m-%d}.\n"
    if site.overview.checked.exit_code == 40:
        yield "\n**The archive is altered. Do not rely on this page; `preserve verify` says what is wrong.**\n"
    for row, strings in rows:
        mark = f"Note {plain(row.note)}" if row.note else "In the text" if row.citation else "Address"
        yield f"\n## {mark}: {render.word(row.state)}\n\n"
        text = render.flat(row.citation.text) if row.citation is not None else ""
        url = row.url or ""
        yield plain(text or url) + "\n"
        if url and url not in text:
            yield f"\n{plain(url)}\n"
        if row.reason and row.state is not State.CAPTURED:
            yield f"\n{plain(row.reason)}\n"
        for name, value in strings:
            yield f"\n- {name}: {code(value) if name == 'Robust Link' else plain(value)}"
        yield "\n"

"""`preserve import`: captures made with other tools, kept byte for byte as what they are: a third party's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import signing
from preserve.cli.names import FILE_THERE, FOLDER
from preserve.cli.words import WORDS
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preserve.flows.imports import Imported, Tie
    from preserve.flows.run import Input
    from preserve.model.web import Capture


@click.command("import")
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.argument("files", nargs=-1, required=True, type=FILE_THERE, metavar="FILE...")
@click.option(
    "--citation",
    "ties",
    multiple=True,
    metavar="DOC:NOTE",
    help="It answers the footnote with this mark; repeatable. DOC is a file, or the name of a document in ARCHIVE."
    "  [default: every citation whose address is in it]",
)
@click.option(
    "--url", metavar="U", help="With --citation: the page in it that answers, where the footnote cites another address."
)
@click.option(
    "--document", "documents", multiple=True, metavar="DOC", help="Also look for what this document cites; repeatable."
)
@click.option("--case", type=WORDS, metavar="TEXT", help="What it belongs to; signed.")
@signing
@click.option("--json", "as_json", is_flag=True, help="A line for each page, then one for the run, as JSON.")
def command(
    archive: Path,
    files: tuple[Path, ...],
    ties: tuple[str, ...],
    url: str | None,
    documents: tuple[str, ...],
    case: str | None,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
    as_json: bool,
) -> ExitCode:
    """Import WARC and WACZ files that other tools made, a page behind a login for one, as a sealed run of ARCHIVE.

    The files are kept byte for byte and signed for by you: that you had them, now, and what they say. What they say is a third party's
    testimony, and is shown as that everywhere. A citation is tied to a page by its address, after redirections in the file. Where
    nothing is cited, each page of the file gets a line all the same.

    \b
    Exit codes: 0 imported, and something in it is tied to a citation
                10 imported, but nothing in it is cited, or some of it cannot be read
                20 no WARC or WACZ file
    """
    from preserve.cli.custodyoptions import settle
    from preserve.cli.passphrase import opener
    from preserve.flows.imports import Wanted
    from preserve.wiring.importing import ImportOptions, import_files

    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    if url is not None and not ties:
        raise UsageError("--url says which page answers a footnote", "name the footnote with --citation DOC:NOTE")
    wanted, named = _documents(archive, ties, documents)
    options = ImportOptions(record=settle(archive, key, operator, tsa, no_timestamp=no_timestamp), case=case)
    imported = import_files(options, files, Wanted(documents=wanted, ties=named, url=url), _say, opener())
    for capture in imported.captures:
        if as_json:
            click.echo(json.dumps(_line(capture)))
        elif capture.target.cited_by:
            for words in _told(capture):
                click.echo(words)
    if as_json:
        click.echo(json.dumps(_last(imported)))
    _conclude(archive, imported)
    unread = any(one.facts.unread for one in imported.kept)
    return ExitCode.DONE if imported.tied and not unread else ExitCode.PARTIAL


def _documents(archive: Path, ties: tuple[str, ...], more: tuple[str, ...]) -> tuple[tuple[Input, ...], tuple[Tie, ...]]:
    """The documents to look in, and the footnotes that were named in them. Raises UsageError, FormatError."""
    from preserve.cli.capture import cited
    from preserve.cli.captureoptions import DOCUMENT_TIMEOUT
    from preserve.cli.documents import load
    from preserve.flows.imports import Tie

    places: dict[Path, int] = {}
    named = []
    for tie in ties:
        document, colon, note = tie.rpartition(":")
        if not colon or not document or not note:
            raise UsageError(f"--citation {tie!r} is not DOC:NOTE", "for example paper.pdf:13")
        named.append(Tie(document=places.setdefault(_place(archive, document), len(places)), note=note))
    for document in more:
        places.setdefault(_place(archive, document), len(places))
    if not ties:
        for copy in sorted((archive / "documents").glob("*/*")):
            places.setdefault(copy, len(places))
    loaded = load(map(str, places), DOCUMENT_TIMEOUT)
    if loaded.problems:
        raise loaded.problems[0]
    return tuple(cited(entry.document, entry.data, quiet=True) for entry in loaded.documents), tuple(named)


def _place(archive: Path, document: str) -> Path:
    """Where a document lies: a file, or the archive's own copy of that name."""
    try:
        if Path(document).is_file():
            return Path(document)
    except OSError as problem:
        raise UsageError(f"{document}: {problem.strerror}") from None
    copies = [path for path in (archive / "documents").glob("*/*") if path.name == document]
    if not copies:
        raise UsageError(f"{document}: no such file, and no document of that name in {archive}", "preserve status names them")
    if len(copies) > 1:
        raise UsageError(
            f"{document}: {len(copies)} documents of that name are in {archive}", "name the file itself, by its path"
        )
    return copies[0]


def _line(capture: Capture) -> dict[str, object]:
    from preserve.formats.lines import write_foreign
    from preserve.formats.times import rfc3339
    from preserve.rules.seal import foreign_line

    assert capture.foreign is not None, "it was imported"
    return {
        "url": capture.target.url,
        "final_url": capture.final_url,
        "outcome": capture.outcome,
        "reason": capture.reason,
        "status": capture.status,
        "verdict": capture.verdict,
        "captured": rfc3339(capture.finished_at),
        "signals": list(capture.signals),
        "records": [{"file": record.warc, "index": record.index, "type": record.type} for record in capture.records],
        "cited_by": [{"document": cited.document, "note": cited.note} for cited in capture.target.cited_by],
        "foreign": write_foreign(foreign_line(capture.foreign)),
    }


def _last(imported: Imported) -> dict[str, object]:
    sealed = imported.sealed
    return {
        "run": sealed.name,
        "manifest": str((Path(sealed.folder) / "manifest.json").resolve()),
        "seal_sha256": sealed.seal_sha256,
        "files": [
            {
                "file": one.path,
                "name": one.name,
                "sha256": one.sha256,
                "records": one.facts.records,
                "pages": len(one.facts.pages),
                "doubts": list(one.facts.doubts),
            }
            for one in imported.kept
        ],
        "counts": {"pages": len(imported.captures), "tied": imported.tied},
    }


def _told(capture: Capture) -> Iterator[str]:
    for cited in capture.target.cited_by:
        status = "" if capture.status is None else f"status {capture.status}   "
        where = f"note {cited.note}" if cited.note else "text"
        yield printable(
            f"{cited.document}, {where}   {status}{capture.final_url}   {capture.finished_at:%Y-%m-%d} by their clock"
        )


def _conclude(archive: Path, imported: Imported) -> None:
    from preserve.rules.foreign import MOST_PAGES

    sealed = imported.sealed
    for one in imported.kept:
        facts = one.facts
        signed = f"; signed by their {facts.signed}, not checked by us as an identity" if facts.signed else ""
        _say(
            f"Kept     {one.name}   {counted(facts.records, 'record')}, made with {facts.software or 'a tool that it does not name'}{signed}"
        )
        for doubt in facts.doubts:
            _say(f"  {doubt}")
    if imported.tied:
        _say(f"Tied     {counted(imported.tied, 'citation')} to {counted(len(imported.captures), 'page')}")
    else:
        _say(
            f"Nothing that it holds is cited. It is kept all the same, with its {counted(len(imported.captures), 'page')};"
            " tie one with --citation DOC:NOTE --url U"
        )
    if len(imported.captures) >= MOST_PAGES and not imported.tied:
        _say(f"Of each file the first {MOST_PAGES} pages got a line; the others are in it all the same.")
    stamped = sealed.stamped
    time = f"Stamped  {len(stamped.there)} of {len(stamped.named)} authorities" if stamped.named else "Time  self-asserted"
    _say(f"Sealed   {sealed.folder}   {time}   Log  entry {sealed.log_index}")
    if stamped.missing:
        _say(f"No time-stamp came from {', '.join(stamped.missing)}; fetch it later with: preserve timestamp {archive}")
    _say("It is a third party's testimony, and is shown as that everywhere.")


def _say(words: str) -> None:
    click.echo(printable(words), err=True)

"""`preserve diff`: what became of an address between two captures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preserve.model.change import Change, Span, Version


@click.command("diff")
@click.argument("archive", type=click.Path(path_type=Path, file_okay=False), metavar="ARCHIVE")
@click.argument("url", metavar="URL")
@click.option("--from", "earlier", metavar="RUN|TIME", help="The earlier capture [default: the one before --to].")
@click.option("--to", "later", metavar="RUN|TIME", help="The later capture [default: the last].")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write both side by side as a page."
)
@click.option("--verify", "whole", is_flag=True, help="Verify the whole archive first, every stored byte of it.")
def command(
    archive: Path, url: str, earlier: str | None, later: str | None, as_json: bool, html: Path | None, *, whole: bool
) -> int:
    """Say what changed at URL between two captures, and whether the words that a footnote quotes still stand there.

    RUN is a run's number, TIME is ISO 8601 (2026-11-21T12:00Z): then the last capture at or before it. URL is taken as it was cited or
    asked for, else as an address that a capture went by.

    identical: the same bytes. noise: counters, clocks, tokens, adverts. markup: what surrounds the main text, or is not seen. text: the
    main text, the title, author or dates, or something that is no text. gone, back: there was a page on one side only.

    What is read is verified first: seals, log, lists, and the records of the two captures; the rest only with --verify. Nothing altered
    is shown as if it were intact, and nothing is written to the archive.

    Exit code: 0, also when there is one capture only; 2 when there is none; 40 when something that was verified is altered.
    """
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.reading.room import ReadingRoom
    from preserve.cli.verify import check, check_lists
    from preserve.flows import change as flow
    from preserve.flows.bundle import run_names
    from preserve.rules.damage import Damage

    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    if html is not None and html.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{html} lies in the archive, and nothing else may", "name a place outside it")
    report = check(archive) if whole else check_lists(archive)
    with DiskFolder(archive) as folder, ReadingRoom() as reader:
        shelf = flow.shelf(folder, run_names(folder), reader)
        seen = flow.captures_of(shelf, url)
        if not seen:
            raise UsageError(f"there is no sealed capture of {url}", "preserve status lists what there is")
        chosen = flow.choose(seen, earlier, later)
        found = None if chosen is None else flow.difference(shelf, *chosen, Damage(report.findings))
    if found is None:
        only = seen[0]
        click.echo(
            f"There is one capture of {printable(url)}, of run {only.sequence}, {only.at:%Y-%m-%d %H:%M} UTC: nothing to compare it with.",
            err=True,
        )
    else:
        _tell(found, as_json=as_json)
        if html is not None:
            _write(html, found)
    if report.exit_code is ExitCode.ALTERED:
        click.echo(f"Not all is well: preserve verify {printable(str(archive))} says what.", err=True)
        return ExitCode.ALTERED
    return ExitCode.ALTERED if found is not None and found.altered else ExitCode.DONE


def line(change: Change) -> dict[str, object]:
    """The change as `--json` prints it."""
    return {
        "url": change.url,
        "from": change.before.run,
        "to": change.after.run,
        "change": change.kind,
        "added": list(change.added),
        "removed": list(change.removed),
        "quote": change.quote,
        **({"neither": True} if change.neither else {}),
    }


def _tell(change: Change, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(line(change)))
        return
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for text in _text(change):
        click.echo(text, color=color)


def _text(change: Change) -> Iterator[str]:
    """The change for a person."""
    from preserve.model.page import Presence

    yield click.style(printable(change.url), bold=True)
    for name, version in (("from", change.before), ("to", change.after)):
        yield f"{name:<5} run {version.sequence}  {version.at:%Y-%m-%d %H:%M:%S} UTC  {printable(_ending(version))}"
    yield ""
    yield change.heading
    for reason in change.reasons:
        yield f"  {printable(reason)}"
    words = {Presence.PRESENT: "stand", Presence.ABSENT: "do not stand"}
    if change.quote in words:
        before = {
            Presence.PRESENT: "; they did before",
            Presence.ABSENT: "; nor before" if change.quote is Presence.ABSENT else "; not before",
        }
        same = change.quote is change.quote_before is Presence.PRESENT
        yield f"  the quoted words {words[change.quote]} in the later capture{'; as before' if same else before.get(change.quote_before, '')}"
    yield from _lines(change)


def _ending(version: Version) -> str:
    from preserve.rules.change import ending

    moved = f", from {version.final_url}" if version.final_url != version.url else ""
    return f"{ending(version)}{moved}"


def _lines(change: Change) -> Iterator[str]:
    from preserve.model.change import ChangeKind
    from preserve.rules.sidebyside import rows

    shown = rows(change) if change.kind is ChangeKind.TEXT else ()
    told = [(sign, text) for sign, texts in (("-", change.removed), ("+", change.added)) for text in texts]
    if any(not row.alike for row in shown):
        yield ""
        names = ("title: ", "author: ", "published: ", "modified: ")
        yield from (_signed(sign, text) for sign, text in told if text.startswith(names))
        for row in shown:
            if row.skipped:
                yield click.style("  … one line alike" if row.skipped == 1 else f"  … {row.skipped} lines alike", dim=True)
            if row.alike or row.why:
                yield click.style(f"  {printable(_plain(row.right))}", dim=True)
            else:
                yield from (_signed(sign, _plain(side)) for sign, side in (("-", row.left), ("+", row.right)) if side)
        return
    if told:
        yield ""
        yield from (_signed(sign, text) for sign, text in told)
    if change.more:
        yield click.style(f"  … {change.more} more", dim=True)


def _signed(sign: str, text: str) -> str:
    return click.style(f"{sign} {printable(text)}", fg="red" if sign == "-" else "green")


def _plain(spans: tuple[Span, ...]) -> str:
    return "".join(span.text for span in spans)


def _write(path: Path, change: Change) -> None:
    from preserve.errors import StoreError
    from preserve.web.difference import difference

    try:
        path.write_text(difference(change), encoding="utf-8")
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from problem
    click.echo(f"Side by side: {printable(str(path))}", err=True)

"""`preserve diff`: what became of an address between two captures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.names import FILE, FOLDER
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preserve.flows.change import Seen
    from preserve.model.change import Change, Span, Version
    from preserve.model.finding import Report


@click.command("diff")
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.argument("url", metavar="URL")
@click.option("--from", "earlier", metavar="RUN|TIME", help="The earlier capture [default: the one before --to].")
@click.option("--to", "later", metavar="RUN|TIME", help="The later capture [default: the last].")
@click.option(
    "--timeline", "whole_line", is_flag=True, help="Compare every capture with the one before it, from --from to --to."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, with --timeline one for each two captures.")
@click.option("--html", type=FILE, metavar="FILE", help="Write both side by side as a page.")
@click.option("--verify", "whole", is_flag=True, help="Verify the whole archive first, every stored byte of it.")
def command(
    archive: Path,
    url: str,
    earlier: str | None,
    later: str | None,
    as_json: bool,
    html: Path | None,
    *,
    whole: bool,
    whole_line: bool,
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
    if html is not None and whole_line:
        raise UsageError(
            "--html shows two captures side by side, and --timeline compares all of them", "leave one of the two out"
        )
    report = check(archive) if whole else check_lists(archive)
    with DiskFolder(archive) as folder, ReadingRoom() as reader:
        shelf = flow.shelf(folder, run_names(folder), reader)
        seen = flow.captures_of(shelf, url)
        if not seen:
            raise UsageError(f"there is no sealed capture of {url}", "preserve status lists what there is")
        damage = Damage(report.findings)
        if whole_line:
            part = flow.between(seen, earlier, later)
            altered = _tell_all(part, flow.timeline(shelf, part, damage), as_json=as_json)
            return _conclude(report, archive, altered=altered)
        chosen = flow.choose(seen, earlier, later)
        found = None if chosen is None else flow.difference(shelf, *chosen, damage)
    if found is None:
        _alone(seen[0])
    else:
        _tell(found, as_json=as_json)
        if html is not None:
            _write(html, found)
    return _conclude(report, archive, altered=found is not None and found.altered)


def _conclude(report: Report, archive: Path, *, altered: bool) -> ExitCode:
    if report.exit_code is ExitCode.ALTERED:
        click.echo(f"Not all is well: preserve verify {printable(str(archive))} says what.", err=True)
        return ExitCode.ALTERED
    return ExitCode.ALTERED if altered else ExitCode.DONE


def _tell_all(seen: Sequence[Seen], changes: Iterator[Change], *, as_json: bool) -> bool:
    """Print a line of time, each change as it is worked out; whether anything of it is altered."""
    altered, told = False, False
    for change in changes:
        altered = altered or change.altered
        if as_json:
            click.echo(json.dumps(line(change)))
            continue
        if not told:
            click.echo(printable(change.url))
        for version in (change.after,) if told else (change.before, change.after):
            click.echo(f"run {version.sequence}  {version.at:%Y-%m-%d %H:%M:%S} UTC  {printable(_ending(version))}")
        for text in _judged(change):
            click.echo(f"    {text}")
        told = True
    if len(seen) == 1:
        _alone(seen[0])
    return altered


def _alone(only: Seen) -> None:
    click.echo(
        f"There is one capture of {printable(only.line.url)}, of run {only.sequence}, {only.at:%Y-%m-%d %H:%M} UTC: nothing to compare it with.",
        err=True,
    )


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
        **({"untold": True} if change.untold else {}),
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
    yield click.style(printable(change.url), bold=True)
    for name, version in (("from", change.before), ("to", change.after)):
        yield f"{name:<5} run {version.sequence}  {version.at:%Y-%m-%d %H:%M:%S} UTC  {printable(_ending(version))}"
    yield ""
    yield from _judged(change)
    yield from _lines(change)


def _judged(change: Change) -> Iterator[str]:
    """What it comes to, and what that rests on."""
    from preserve.rules.change import quoted_words

    yield change.heading
    for reason in change.reasons:
        yield f"  {printable(reason)}"
    if words := quoted_words(change):
        yield f"  {words}"


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

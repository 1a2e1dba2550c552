"""`preserve status`: a table by document and footnote."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli import whicharchive
from preserve.cli.names import FILE
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preserve.flows.schedule import Upcoming
    from preserve.flows.status import Standing
    from preserve.model.finding import Report


@click.command()
@whicharchive.argument
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each citation, with --history for each run.")
@click.option("--history", is_flag=True, help="Say run by run how many citations stood well: the link rot of the collection.")
@click.option("--svg", type=FILE, metavar="FILE", help="With --history: draw it.")
@click.option("--verify", "whole", is_flag=True, help="With --history: verify every stored byte too, not what it reads alone.")
def command(archive: Path, as_json: bool, history: bool, svg: Path | None, *, whole: bool) -> int:
    """Say of every document and footnote what was captured, whether it is worth something, and whether it is intact.

    ARCHIVE is $PRESERVE_ARCHIVE, else ./archive. Intact means what `preserve verify` means by it: every stored byte is read and
    held against what was signed; --history reads seals, log and lists, and verifies these. Nothing is written.

    Exit code: 0, or 40 when something was altered; `preserve verify` tells what.
    """
    from preserve.adapters.folder import DiskFolder
    from preserve.cli import upcoming as upcoming_in
    from preserve.cli.verify import check, check_lists
    from preserve.flows.status import status

    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    if svg is not None and not history:
        raise UsageError("--svg draws the history", "add --history")
    if whole and not history:
        raise UsageError("--verify is for --history: without it, everything is verified", "leave it out, or add --history")
    report = check_lists(archive) if history and not whole else check(archive)
    if history:
        from preserve.cli.history import show

        show(archive, report, as_json=as_json, svg=svg)
        return ExitCode.ALTERED if report.exit_code is ExitCode.ALTERED else ExitCode.DONE
    with DiskFolder(archive) as folder:
        standings = status(folder, report)
    upcoming, schedules, mistakes = upcoming_in.look(archive)
    if as_json:
        for standing in standings:
            click.echo(json.dumps(_line(standing, upcoming)))
    else:
        _show(standings)
    _conclude(archive, report, standings)
    upcoming_in.tell(archive, schedules, mistakes)
    return ExitCode.ALTERED if report.exit_code is ExitCode.ALTERED else ExitCode.DONE


def _line(standing: Standing, upcoming: Upcoming) -> dict[str, object]:
    from preserve.formats.lines import write_foreign, write_memento
    from preserve.formats.times import rfc3339

    return {
        "document": standing.document,
        "note": standing.note,
        "url": standing.url,
        "outcome": standing.outcome,
        "verdict": standing.verdict,
        "captured": None if standing.captured is None else rfc3339(standing.captured),
        "run": standing.run,
        "intact": standing.intact,
        **({"removed": True} if standing.removed else {}),
        "chosen": standing.chosen,
        "memento": None if standing.memento is None else write_memento(standing.memento),
        "next": None if (due := upcoming.of(standing.url)) is None else rfc3339(due),
        **({"requisites_listed": standing.unchanged} if standing.unchanged else {}),
        **({} if standing.foreign is None else {"foreign": write_foreign(standing.foreign)}),
    }


def _show(standings: Iterable[Standing]) -> None:
    """A table on a terminal; plain lines elsewhere, where nothing may be wrapped."""
    for document, group in groupby(standings, key=lambda standing: standing.document):
        title = printable(document or "Addresses given by themselves")
        rows = [_cells(row) for row in group]
        if sys.stdout.isatty():
            _show_table(title, rows)
        else:
            click.echo(title)
            for note, state, captured, intact, address in rows:
                click.echo(f"{note[0]:<6} {state[0]:<22} {captured[0]:<16} {intact[0]:<7} {address[0]}")
            click.echo()


def _show_table(title: str, rows: Iterable[Iterable[tuple[str, str]]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("note", "state", "captured", "intact"):
        table.add_column(name, no_wrap=True)
    table.add_column("address", overflow="fold")
    for cells in rows:
        table.add_row(*(Text(cell, style=style) for cell, style in cells))
    console = Console(highlight=False)
    console.print(Text(title, style="bold"), table, Text(), sep="\n")


def _cells(row: Standing) -> tuple[tuple[str, str], ...]:
    """The cells of one citation, each with its style."""
    from preserve.model.web import Outcome

    fine = row.fine
    if row.outcome is None:
        state = "not captured"
    elif row.foreign is not None:
        state = f"third-party{'' if row.outcome is Outcome.CAPTURED else f', {row.outcome}'}"
    elif row.outcome is Outcome.CAPTURED:
        state = "captured" if fine else f"captured, {row.verdict}"
    else:
        state = row.outcome.value
    intact = {None: ("-", "dim"), True: ("intact", "green"), False: ("ALTERED", "bold red")}[row.intact]
    if row.removed:
        intact = ("removed", "yellow")
    address = row.url or ""
    if row.chosen is not None and row.chosen != row.url:
        address = f"{address}  (chosen: {row.chosen})"
    if row.reason and not fine:
        address = f"{address}  ({row.reason})" if address else f"({row.reason})"
    return (
        (printable(row.note or "-"), ""),
        (state, "" if fine else "yellow"),
        (f"{row.captured:%Y-%m-%d %H:%M}" if row.captured else "-", "" if row.captured else "dim"),
        intact,
        (printable(address), ""),
    )


def _conclude(archive: Path, report: Report, standings: Sequence[Standing]) -> None:
    fine = sum(row.fine and row.intact is True for row in standings)
    theirs = sum(row.foreign is not None and row.intact is True for row in standings)
    more = f"; {theirs} more with a third party's capture" if theirs else ""
    click.echo(f"{fine} of {counted(len(standings), 'citation')} captured and intact{more}. Time: {report.time}.", err=True)
    if report.exit_code is not ExitCode.DONE:
        click.echo(f"Not all is well: preserve verify {printable(str(archive))} says what.", err=True)
    if (archive / "journal").is_dir():
        click.echo("A run is open: finish it with preserve capture --resume.", err=True)

"""`preserve status --history`: the link rot of a collection, as a table, as JSON and as a drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ExitCode, StoreError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.model.change import Tally
    from preserve.model.finding import Report

_COLUMNS = ("cited", "ok", "doubtful", "gone", "failed", "never")


def show(archive: Path, report: Report, *, as_json: bool, svg: Path | None) -> None:
    """Print the history of an archive that was just verified, and draw it into `svg`."""
    from preserve.adapters.folder import DiskFolder
    from preserve.flows.bundle import run_names
    from preserve.flows.history import history
    from preserve.rules.damage import Damage

    if svg is not None and svg.resolve().is_relative_to(archive.resolve()):
        raise UsageError(f"{svg} lies in the archive, and nothing else may", "name a place outside it")
    with DiskFolder(archive) as folder:
        names = run_names(folder)
        tallies = history(folder, names, Damage(report.findings))
    if as_json:
        for tally in tallies:
            click.echo(json.dumps(_line(tally)))
    else:
        _table(tallies)
    if svg is not None:
        _draw(svg, tallies, archive.resolve().name)
    if len(tallies) < len(names):
        click.echo(f"{len(names) - len(tallies)} of {len(names)} runs are not what was sealed, and are left out.", err=True)
    if report.exit_code is not ExitCode.DONE:
        click.echo(f"Not all is well: preserve verify {printable(str(archive))} says what.", err=True)


def _line(tally: Tally) -> dict[str, object]:
    from preserve.formats.times import rfc3339

    counts = {name: getattr(tally, name) for name in (*_COLUMNS, "unaddressed")}
    return {"run": tally.run, "sealed": rfc3339(tally.at), **counts}


def _table(tallies: tuple[Tally, ...]) -> None:
    click.echo(f"{'run':>6}  {'sealed':<16}  " + "  ".join(f"{name:>8}" for name in _COLUMNS) + "     ok %")
    for tally in tallies:
        share = f"{100 * tally.ok / tally.cited:>7.1f}" if tally.cited else f"{'-':>7}"
        counts = "  ".join(f"{getattr(tally, name):>8}" for name in _COLUMNS)
        click.echo(f"{tally.sequence:>6}  {tally.at:%Y-%m-%d %H:%M}  {counts}  {share}")
    if tallies and tallies[-1].unaddressed:
        click.echo(f"Not counted: {counted(tallies[-1].unaddressed, 'citation')} without a usable address.", err=True)


def _draw(path: Path, tallies: tuple[Tally, ...], name: str) -> None:
    from preserve.web.linkrot import drawing

    try:
        path.write_text(drawing(tallies, name), encoding="utf-8")
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from problem
    click.echo(f"Drawn: {printable(str(path))}", err=True)

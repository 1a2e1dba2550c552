"""`preserve report`: an archive as pages that open from the disk, for people; as rows, for programs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve import __version__
from preserve.cli.custodyoptions import check_custody, custody, leave_event
from preserve.cli.names import FILE_THERE, FOLDER, NAME
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.reportfolder import ReportFolder
    from preserve.flows.report import Survey
    from preserve.model.finding import Report
    from preserve.web.report import Site

_MANY = 2000
"""Captures from which on it is said that pages are being written."""


@click.command()
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.option("-o", "--output", required=True, type=NAME, metavar="DIR", help="The folder to write.")
@click.option("--run", "runs", multiple=True, type=click.IntRange(min=0), metavar="N", help="Only this run; repeatable.")
@click.option("--document", "documents", multiple=True, metavar="NAME", help="Only what this document cites; repeatable.")
@click.option("--certificate", is_flag=True, help="A draft declaration too, filled from the record (certificate.html, .md).")
@click.option("--changes", is_flag=True, help="Compare each capture with the one before it, and list what changed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each citation, and write them into report.jsonl.")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Write report.csv too; cells that spreadsheets would run get an apostrophe."
)
@click.option(
    "--bundle",
    type=FILE_THERE,
    metavar="X.wacz",
    help="A bundle of these captures, for the replay links to name.",
)
@click.option("--archived-at", metavar="PREFIX", help="Where the archive is served: the time and the address follow it.")
@custody
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes that work [default: one for each processor]."
)
def command(
    archive: Path,
    output: Path,
    runs: tuple[int, ...],
    documents: tuple[str, ...],
    bundle: Path | None,
    archived_at: str | None,
    custody: str | None,
    workers: int | None,
    *,
    certificate: bool,
    changes: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Write what became of every citation in ARCHIVE as pages that open from the disk, without network.

    A row for each footnote: state, times, hash, where in the WARC; a page for each capture with what crossed the wire, the proofs
    and the commands to check them; the notes of each document with "archived at" strings. The archive is verified first, and the
    first page begins with what that says. Without --custody, ARCHIVE is not written to. DIR is made, or replaced when it is a report.

    With --changes, lines of time, a list and the JSON say in the words of preserve diff what each change was; that takes 3 to 60 ms for
    each capture that differs, by its size.

    \b
    Exit codes: 0 nothing altered and every needed claim established
                40 something altered, missing or forged; the pages say so
                41 unaltered, but a claim is not established; the pages say which
    """
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.reportfolder import report_folder
    from preserve.adapters.trust import TrustStore
    from preserve.cli.comparing import compare
    from preserve.cli.verify import FOUND, check
    from preserve.flows.report import Survey
    from preserve.flows.timelines import Timelines
    from preserve.model.event import RunRef
    from preserve.model.handover import Wanted
    from preserve.places import config_folder
    from preserve.web.folder import NAMES

    _refuse(archive, output)
    check_custody(archive, custody)
    prefix = None if archived_at is None else _prefix(archived_at)
    wanted = Wanted(runs=frozenset(runs), documents=frozenset(documents))
    with report_folder(output, NAMES) as folder:
        report = check(archive, workers=workers)
        trusted = TrustStore(config_folder()).trusted_keys()
        now, software = datetime.now(UTC), f"preserve/{__version__}"
        timelines = Timelines() if changes else None
        steps = None if timelines is None else timelines.steps
        with (
            DiskFolder(archive) as source,
            Survey(source, report, trusted, wanted, now=now, software=software, steps=steps) as survey,
        ):
            if not len(survey) and (runs or documents):
                raise UsageError("nothing in the archive fits what was asked for", "preserve status lists what there is")
            if timelines is not None:
                compare(survey, timelines, source, report, workers)
            site = _site(survey, archive, output, bundle, prefix, certificate=certificate, as_json=as_json, as_csv=as_csv)
            _write(survey, site, folder, workers, certificate=certificate)
            _tables(survey, site, folder, as_json=as_json, as_csv=as_csv, changes=changes)
    if as_json:  # only now: a reader who goes away takes no report with him
        with (output / "report.jsonl").open(encoding="ascii") as lines:
            for line in lines:
                click.echo(line, nl=False)
    _conclude(report, survey, output)
    asked = tuple(
        RunRef(sequence=run.sequence, seal_sha256=run.seal_sha256) for run in survey.overview.runs if runs and run.seal_sha256
    )
    said = f"{output.name}; {FOUND[report.exit_code]}"  # of an altered archive, too: somebody looked
    left = leave_event(archive, custody, action="report", result=said, runs=asked)
    return report.exit_code or left


def _refuse(archive: Path, output: Path) -> None:
    """Nothing is written where it must not be, and nothing looked for where it cannot be."""
    if not archive.is_dir() or not any((archive / name).exists() for name in ("archive.toml", "runs")):
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")
    here, there = archive.resolve(), output.resolve()
    if there.is_relative_to(here):
        raise UsageError(f"{output} lies in the archive, and nothing else may", "name a place outside it")
    if here.is_relative_to(there):
        raise UsageError(f"the archive lies in {output}", "name another folder")


def _prefix(text: str) -> str:
    """The address before each capture's, with a slash at its end."""
    from preserve.formats.url import BadUrl, parse

    parsed = parse(text)
    if isinstance(parsed, BadUrl):
        raise UsageError(f"--archived-at {text}: {parsed.problem}", "name an address, https://archive.example.org/collection/")
    return parsed.address if parsed.address.endswith("/") else parsed.address + "/"


def _site(
    survey: Survey,
    archive: Path,
    output: Path,
    bundle: Path | None,
    prefix: str | None,
    *,
    certificate: bool,
    as_json: bool,
    as_csv: bool,
) -> Site:
    from preserve.web.report import Site

    files = [
        ("certificate.html", "a draft declaration") if certificate else None,
        ("report.jsonl", "the rows as JSON Lines") if as_json else None,
        ("report.csv", "the rows for spreadsheets") if as_csv else None,
    ]
    return Site(
        overview=survey.overview,
        archive=archive.resolve().name,
        bundle=None if bundle is None else Path(os.path.relpath(bundle.resolve(), output.resolve())).as_posix(),
        prefix=prefix,
        files=tuple(file for file in files if file is not None),
    )


def _write(survey: Survey, site: Site, folder: ReportFolder, workers: int | None, *, certificate: bool) -> None:
    """Draw every page, in several processes where there is enough to do."""
    from preserve.adapters.workers import ForkedWorkers, processors
    from preserve.web.folder import Part, draw, parts
    from preserve.web.report import environment

    todo = parts(site, survey, declaration=certificate)
    typed = f"preserve verify {shlex.quote(site.archive)}"

    def write(part: Part) -> int:
        drawn = 0
        for path, pieces in draw(site, survey, part, typed):
            folder.write(path, pieces)
            drawn += 1
        return drawn

    if survey.overview.captures > _MANY:
        _say(f"Checked. Writing the pages of {survey.overview.captures} captures")
    environment()  # made once, before it is needed by each
    survey.prepare()
    few = survey.overview.captures < _MANY // 4
    ForkedWorkers(1 if few else workers or processors()).map(write, todo)


def _tables(survey: Survey, site: Site, folder: ReportFolder, *, as_json: bool, as_csv: bool, changes: bool) -> None:
    from preserve.web.table import csv_head, csv_line, fields, json_line

    if not as_json and not as_csv:
        return

    def rows() -> Iterator[dict[str, object]]:
        return (fields(site, row, survey.places(row), survey.history(row) if changes else None) for row in survey.rows())

    if as_csv:
        folder.write("report.csv", chain([csv_head()], map(csv_line, rows())))
    if as_json:
        folder.write("report.jsonl", (f"{json_line(row)}\n" for row in rows()))


def _conclude(report: Report, survey: Survey, output: Path) -> None:
    from preserve.web.render import word

    overview = survey.overview
    said = ", ".join(f"{count} {word(state)}" for state, count in overview.states if count)
    _say(f"Report   {output / 'index.html'}   {counted(overview.total, 'citation')}" + (f": {said}" if said else ""))
    if overview.changes is not None:
        _say(f"Changes  {counted(overview.changes, 'change')} between captures of one address; noise is not counted")
    if overview.open_run:
        _say("A run is open and not sealed yet: it is left out. preserve capture --resume finishes it.")
    if report.exit_code is ExitCode.ALTERED:
        _say("The archive is altered, and the report says so. preserve verify says everything that is wrong.")
    elif report.exit_code is ExitCode.UNESTABLISHED:
        _say("Not everything is established, and the report says what. See preserve verify.")


def _say(text: str) -> None:
    click.echo(printable(text), err=True)

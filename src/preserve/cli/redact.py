"""`preserve redact`: remove records that may not be kept, and say so where nobody can take it back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import said, say, settle, signing, tell_of
from preserve.cli.names import FOLDER
from preserve.cli.words import WORDS
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.flows.redact import Choice, Wanted

_RECORD = re.compile(r"([^:]+):(0|[1-9][0-9]{0,14})")
_SHOWN = 20


@click.command("redact")
@click.argument("archive", type=FOLDER, metavar="ARCHIVE")
@click.option(
    "--run", type=click.IntRange(min=0), metavar="N", help="In this run.  [default with --url: the newest that has it]"
)
@click.option(
    "--record", "records", multiple=True, metavar="FILE:INDEX", help="This record of a WARC file of the run; repeatable."
)
@click.option("--url", metavar="URL", help="Every record of the capture of this address: response, request, notes.")
@click.option("--all-copies", is_flag=True, help="With --url: in every run, and every capture with the same content.")
@click.option("--requisites", is_flag=True, help="With --url: what the page needed (images, styles, scripts) as well.")
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why; signed.")
@click.option("--by", "authority", type=WORDS, metavar="WHO", help="On whose order: a court, a person who asked; signed.")
@click.option("--finish", is_flag=True, help="Only carry out what was stated and, because of a kill, not done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@signing
def command(
    archive: Path,
    run: int | None,
    records: tuple[str, ...],
    url: str | None,
    reason: str | None,
    authority: str | None,
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    all_copies: bool,
    requisites: bool,
    finish: bool,
    yes: bool,
    no_timestamp: bool,
) -> ExitCode:
    """Remove records from sealed runs, because a court or a person's privacy requires it. This cannot be undone.

    First a statement is signed and entered in the archive's log: which records, why, on whose order. Then their bytes are overwritten in
    place, at equal length. Everything else stays verifiable; preserve verify says what was removed and exits 41.

    The address, the footnote and the SHA-256 of what was removed stay in the signed lists. Copies elsewhere (backups, bundles, packets)
    are yours to find.

    \b
    Exit codes: 0 removed, or nothing was left to remove
                40 a record or its run is not what was sealed: nothing was removed
    """
    from preserve.adapters.archive import Archive
    from preserve.cli.passphrase import opener
    from preserve.wiring import redacting

    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "name the archive's folder")
    options = settle(archive, key, operator, tsa, no_timestamp=no_timestamp)
    if finish:
        done = redacting.carry_out(options, None, "", "", say, opener())
        say(
            f"Removed  {counted(done.finished, 'record')} stated before"
            if done.finished
            else "Nothing is left to be carried out."
        )
        return ExitCode.DONE
    wanted = _wanted(run, records, url, all_copies=all_copies, requisites=requisites)
    if reason is None or authority is None:
        raise UsageError("a removal has a reason and somebody who ordered it", "give --reason TEXT and --by WHO")
    why, who = said(reason), said(authority)
    place = Archive(archive)
    choice = redacting.choose(place, wanted)
    _show(choice)
    if choice.records and not yes and not _agreed(len(choice.records)):
        say("Nothing was removed.")
        return ExitCode.DONE
    done = redacting.carry_out(options, choice, why, who, say, opener())
    if done.finished:
        say(f"Removed  {counted(done.finished, 'record')} stated before")
    for recorded in done.recorded:
        tell_of(recorded)
    if done.recorded:
        say(f"Removed  {counted(done.removed, 'record')}. preserve verify says so from now on, and exits 41.")
    elif not done.finished:
        say("Nothing was left to remove: all of it was removed before.")
    _remind(place.has_journal)
    return ExitCode.DONE


def _wanted(run: int | None, records: tuple[str, ...], url: str | None, *, all_copies: bool, requisites: bool) -> Wanted:
    from preserve.flows.redact import Wanted

    if (url is None) is (not records):
        raise UsageError("what is to be removed?", "name records of a run with --run and --record, or an address with --url")
    if records and (run is None or all_copies or requisites):
        raise UsageError("--record needs --run, and goes with neither --all-copies nor --requisites")
    if url is not None and all_copies and run is not None:
        raise UsageError("--all-copies means every run, --run one of them")
    places = []
    for text in records:
        match = _RECORD.fullmatch(text)
        if match is None:
            raise UsageError(f"--record {text!r} is not FILE:INDEX", "such as a-000000-0001.warc.gz:5")
        places.append((match[1], int(match[2])))
    return Wanted(run=run, records=tuple(places), url=url, all_copies=all_copies, requisites=requisites)


def _show(choice: Choice) -> None:
    for record in choice.records[:_SHOWN]:
        what = f", the {record.what}" if record.what else ""
        click.echo(printable(f"runs/{record.run}/{record.file}: record {record.line.index}, {record.line.length} bytes{what}"))
    if len(choice.records) > _SHOWN:
        click.echo(f"and {len(choice.records) - _SHOWN} more records")
    for stays in choice.stays:
        say(stays)


def _agreed(count: int) -> bool:
    import sys

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", "give --yes")
    return click.confirm(f"Overwrite {counted(count, 'record')}? This cannot be undone.", default=False, err=True)


def _remind(open_run: bool) -> None:
    if open_run:
        say("A run is still open, and was not looked at: what it captured is sealed with it. Remove that when it is.")
    say(
        "Its address, its footnote and its SHA-256 stay in the signed lists. Backups, bundles and packets made before still hold it."
    )

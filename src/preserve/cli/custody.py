"""`preserve custody`: what was done with an archive beside capturing, signed and entered in its log."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import record, run_ref, said, settle, signing, tell_of
from preserve.cli.findings import wrapped
from preserve.cli.names import FOLDER
from preserve.cli.words import WORDS
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preserve.flows.verify_events import EventCheck

_ARCHIVE = click.argument("archive", type=FOLDER, metavar="ARCHIVE")


@click.group("custody")
def command() -> None:
    """Who did what with an archive, to whom it went, and why.

    Each event is a statement, signed with your key and entered in the archive's log: it cannot be changed, taken away or put in
    between later. Only `custody add`, and `--custody REASON` with other commands, record one.
    """


@command.command()
@_ARCHIVE
@click.option(
    "--action",
    required=True,
    metavar="WORD",
    help="What was done: import, copy, verify, transfer, export, or another word of a-z, 0-9 and -.",
)
@click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="Why.")
@click.option("--to", type=WORDS, metavar="WHO", help="Who received it.")
@click.option("--result", type=WORDS, metavar="TEXT", help="What came of it.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="It concerns this run; repeatable.  [default: everything so far]",
)
@signing
def add(
    archive: Path,
    action: str,
    reason: str,
    to: str | None,
    result: str | None,
    runs: tuple[int, ...],
    key: str | None,
    operator: str | None,
    tsa: tuple[str, ...],
    *,
    no_timestamp: bool,
) -> ExitCode:
    """Record that something was done with ARCHIVE, or with some runs of it.

    The archive is not read through for this: verify it first, and say so with --action verify --result.
    """
    from preserve.formats.bodies.custody import ACTION
    from preserve.model.event import Custody

    if not ACTION.fullmatch(action):
        raise UsageError(f"--action {action!r} is not one plain word", "such as import, copy, verify, transfer, export")
    _require(archive)
    names = [_run(archive, number) for number in sorted(set(runs))]
    body = Custody(
        action=action,
        reason=said(reason),
        to=to if to is None else said(to),
        result=result if result is None else said(result),
        runs=tuple(run_ref(archive, name) for name in names),
    )
    tell_of(record(settle(archive, key, operator, tsa, no_timestamp=no_timestamp), body))
    return ExitCode.DONE


@command.command("list")
@_ARCHIVE
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
def list_(archive: Path, *, as_json: bool) -> ExitCode:
    """Show what was done with ARCHIVE, oldest first; each event is verified as it is shown. Nothing is written.

    What the runs hold is not read: that is for preserve verify.

    \b
    Exit codes: 0 every event is what was signed, by keys you trust
                40 an event or the log is altered, missing or forged
                41 unaltered, but a signature is by a key you do not know
    """
    from datetime import UTC, datetime

    from preserve.adapters.checkpoints import CheckpointMemory
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.trust import TrustStore
    from preserve.flows.custody import check_events
    from preserve.model.finding import Result
    from preserve.places import config_folder, state_folder

    _require(archive)
    memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
    with DiskFolder(archive) as folder:
        checks, report = check_events(folder, TrustStore(config_folder()).trusted_keys(), memories, datetime.now(UTC))
    width = 0 if as_json or not sys.stdout.isatty() else shutil.get_terminal_size().columns
    for check in checks:
        for line in [_json(check)] if as_json else _text(check):
            click.echo(wrapped(line, width, 8))
    shown = {check.subject for check in checks}
    for finding in report.findings:
        if finding.result is Result.FAIL or finding.needed or finding.subject not in shown:
            word = {Result.FAIL: "FAILS", Result.NOT_CHECKED: "NOT ESTABLISHED" if finding.needed else "note"}[finding.result]
            click.echo(f"{word}: {printable(finding.subject)}: {printable(finding.detail)}", err=True)
    if not checks:
        click.echo("No events.", err=True)
    return report.exit_code


def _text(check: EventCheck) -> Iterator[str]:
    from preserve.rules.events import describe

    if check.statement is None:
        yield f"{check.subject}: FAILS: cannot be read as what was signed"
        return
    where = f"{check.statement.log.size_before:>6}"
    yield f"{where}  {printable(describe(check.statement))}"
    if check.altered:
        yield "        FAILS: not what was signed or logged"
    elif check.known:
        yield f"        {printable(check.signed)}{_stamped(check)}"
    else:
        names = ", ".join(f"{signer.name} ({signer.keyid[:16]}…)" for signer in check.statement.signers)
        yield f"        NOT ESTABLISHED: signed by a key you do not know, of {printable(names)} by its own word"


def _stamped(check: EventCheck) -> str:
    from preserve.formats.times import rfc3339

    return f"; stamped, existed by {rfc3339(check.existed_by)}" if check.existed_by else "; its time is self-asserted"


def _json(check: EventCheck) -> str:
    from preserve.formats import statement as format_
    from preserve.formats.times import rfc3339
    from preserve.model.finding import Result

    problems = [f.detail for f in check.findings if f.result is Result.FAIL or f.needed]
    state = {"altered": check.altered, "known": check.known, "problems": problems}
    if check.statement is None:
        return json.dumps({"entry": None, "kind": None, "folder": check.subject, **state})
    stated, actor = check.statement, check.statement.actor
    return json.dumps(
        {
            "entry": stated.log.size_before,
            "kind": stated.kind,
            "folder": check.subject,
            **dict(format_.members(stated.body)),
            "created": rfc3339(stated.created),
            "by": {"name": actor.name, "organisation": actor.organisation, "role": actor.role},
            "signers": [{"keyid": key.keyid, "name": key.name} for key in stated.signers],
            "existed_by": rfc3339(check.existed_by) if check.existed_by else None,
            **state,
        }
    )


def _run(archive: Path, number: int) -> str:
    """The name of run `number`."""
    from preserve.adapters.archive import Archive

    name = next((name for name in Archive(archive).run_names() if int(name.partition("-")[0]) == number), None)
    if name is None:
        raise UsageError(f"there is no run {number} in {archive}", "the number is the first part of the run's name in runs/")
    return name


def _require(archive: Path) -> None:
    if not (archive / "archive.toml").is_file():
        raise FormatError(f"{archive} is not an archive", "capture into it first, or name another folder")

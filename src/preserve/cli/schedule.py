"""`preserve schedule`: captures that are made again and again."""

from __future__ import annotations

import json
import shlex
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preserve.cli import captureoptions, whicharchive
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from preserve.flows.schedule import Standing
    from preserve.model.schedule import Mistake, Schedule

_ARCHIVE = whicharchive.option("Whose schedules.")


@click.group()
def command() -> None:
    """Capture again and again: what, and when.

    Schedules stand in DIR/schedules.toml, which you may edit. Something has to run them: `schedule install` sets up a timer, or
    `schedule run` stays and waits.
    """


@command.command()
@click.option("--every", metavar="SPAN", help="Again after so long: 30m, 12h, 1d, 2w; the first time at once.")
@click.option("--cron", metavar="EXPR", help='At these times: "0 3 * * *" is every day at three.')
@click.option("--timezone", metavar="ZONE", help="Whose clock --cron means.  [default: this machine's]")
@click.option(
    "--jitter", metavar="SPAN", help="How late `schedule run` may come, to spread the load; at most 10m, 0 is not at all."
)
@click.option("--notify", multiple=True, metavar="NAME", help="Tell this receiver of config.toml; repeatable.  [default: all]")
@captureoptions.inputs
@captureoptions.options
@click.pass_context
def add(
    context: click.Context,
    /,
    every: str | None,
    cron: str | None,
    timezone: str | None,
    jitter: str | None,
    notify: tuple[str, ...],
    documents: tuple[str, ...],
    archive: Path,
    urls: tuple[str, ...],
    lists: tuple[str, ...],
    **given: Any,
) -> int:
    """Add a schedule, and print its id.

    DOC, --url and --url-list are what `preserve capture` takes. Documents and lists are read anew each time, so that what is added to
    them joins. Options of a capture that are given here hold for each capture of this schedule.
    """
    from preserve.adapters.schedules import ScheduleFile, local_zone, zone

    seconds, spread = _span(every, "--every"), _span(jitter, "--jitter")
    if (seconds is None) is (cron is None):
        raise UsageError("a schedule needs either --every or --cron", 'for example --every 1d, or --cron "0 3 * * *"')
    if not (documents or urls or lists):
        raise UsageError("nothing to capture", "name a document, or give --url or --url-list")
    _check_rhythm(cron)
    _check_inputs(documents, urls, lists)
    captureoptions.Given(**given).settle(archive)
    _check_receivers(notify)
    named = timezone or local_zone()
    zone(named)
    schedule = _schedule(
        every=seconds,
        cron=cron,
        timezone=named,
        documents=tuple(_absolute(document) for document in documents),
        urls=urls,
        lists=tuple(_absolute(name) for name in lists),
        options=tuple(captureoptions.to_store(context).items()),
        jitter=spread,
        notify=notify or None,
    )
    ScheduleFile(archive).add(schedule)
    click.echo(schedule.id)
    return ExitCode.DONE


@command.command("list")
@_ARCHIVE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each schedule.")
def list_(archive: Path, as_json: bool) -> int:
    """Show the schedules: what they capture, when they last did, when they are due next, and what stands in their way.

    Exit code: 0, or 3 when something in schedules.toml cannot be read; what is wrong is told with its line.
    """
    from preserve.cli.schedulerun import say_mistakes

    stand, mistakes = _standings(archive)
    code = ExitCode.CONFIG if mistakes else ExitCode.DONE
    if not stand and not mistakes:
        click.echo("No schedules. `preserve schedule add` makes one.", err=True)
    say_mistakes(mistakes, others=bool(stand))
    if as_json:
        lines = chain((_line(archive, each) for each in stand), map(_mistaken, mistakes))
        click.echo("".join(f"{json.dumps(line)}\n" for line in lines), nl=False)
        return code
    for each in stand:
        schedule = each.schedule
        when = f"every {_every(schedule)}" if schedule.cron is None else f"cron {schedule.cron} ({schedule.timezone})"
        click.echo(f"{schedule.id}  {printable(when)}  last {_time(each.last)}  next {_time(each.due)}")
        for given in schedule.inputs:
            click.echo(f"    {printable(given)}")
        if why := problem(archive, each):
            click.echo(f"    problem: {printable(why)}")
    for mistake in mistakes:
        click.echo(f"{mistake.id or 'an entry without a name'}  is not run: schedules.toml line {mistake.line}")
    return code


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_ARCHIVE
def remove(ids: tuple[str, ...], archive: Path) -> int:
    """Remove schedules. What they captured stays."""
    from preserve.adapters.schedules import ScheduleFile

    for id_ in ids:
        ScheduleFile(archive).remove(id_)
    return ExitCode.DONE


@command.command()
@_ARCHIVE
@click.option("--once", is_flag=True, help="Capture what is due, then end.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def run(archive: Path, once: bool, quiet: bool) -> int:
    """Capture what is due, each schedule in a sealed run of its own; without --once stay, and go on until stopped.

    Times that were missed are caught up by one capture. An address that failed is left alone for longer each time, up to 30 days.
    Receivers in config.toml are told what changed and what needs a person; when nothing did, they hear nothing.

    A mistake in schedules.toml keeps only the schedule in which it stands from running, and is told with its line.

    Exit code: 0 when nothing was due or all was captured, else the worst that `preserve capture` gave; 3 when schedules.toml has a
    mistake and nothing worse happened.
    """
    from preserve.cli import schedulerun

    return schedulerun.once(archive, quiet=quiet) if once else schedulerun.stay(archive, quiet=quiet)


@command.command()
@_ARCHIVE
@click.option("--systemd", "way", flag_value="systemd", default=True, help="A systemd timer and its service.  [default]")
@click.option("--cron", "way", flag_value="cron", help="A line for cron.")
@click.option("--user", "own", is_flag=True, help="Only for you, not for the whole machine.")
@click.option(
    "--output", metavar="DIR", help="Write the files into this folder instead of where the system looks; - prints them."
)
def install(archive: Path, way: str, own: bool, output: str | None) -> int:
    """Let the system look every five minutes what is due.

    Writes a systemd timer with its service, or a file for cron, to where the system looks for it: yours with --user, else the
    machine's, which takes an administrator. Nothing is switched on; the command for that is printed.
    """
    import getpass
    import os
    import sys

    from preserve.formats import units

    place = archive.absolute()
    if not place.is_dir():
        raise FormatError(f"{place}: there is no such folder", "add a schedule first")
    kept = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "PRESERVE_PASSPHRASE_FILE")
    service = units.Service(
        name=_unit_name(place),
        archive=str(place),
        command=(sys.executable, "-m", "preserve", "schedule", "run", "--once", "--quiet", "--archive", str(place)),
        environment={name: os.environ[name] for name in kept if os.environ.get(name)},
        user=None if own else getpass.getuser(),
    )
    files = units.systemd(service) if way == "systemd" else {service.name: units.cron(service)}
    if output == "-" or (way == "cron" and own and output is None):
        click.echo("\n".join(files.values()), nl=False)
        if output is None:
            click.echo("Add these lines with: crontab -e", err=True)
        return ExitCode.DONE
    folder = Path(output) if output else _system_folder(way, own=own)
    for name, text in files.items():
        _write(folder / name, text)
        click.echo(printable(str(folder / name)))
    if way == "systemd":
        click.echo(f"Switch it on with: systemctl {'--user ' if own else ''}enable --now {service.name}.timer", err=True)
    return ExitCode.DONE


# --------------------------------------------------------------------------------------------------------------- showing


def _standings(archive: Path) -> tuple[tuple[Standing, ...], tuple[Mistake, ...]]:
    from datetime import UTC, datetime

    from preserve.adapters.schedulememory import ScheduleMemory
    from preserve.adapters.schedules import ScheduleFile, zone
    from preserve.flows.schedule import standings

    if not archive.is_dir():
        raise FormatError(f"{archive}: there is no such folder", "name an archive with --archive, or add a schedule first")
    timetable = ScheduleFile(archive).read()
    with ScheduleMemory(archive / "index", readonly=True) as memory:
        stand = standings(timetable.schedules, memory.progress(), zone, datetime.now(UTC), memory.failing())
    return stand, timetable.mistakes


def _line(archive: Path, each: Standing) -> dict[str, object]:
    from preserve.formats.times import rfc3339

    schedule = each.schedule
    return {
        "id": schedule.id,
        "every": None if schedule.every is None else _every(schedule),
        "cron": schedule.cron,
        "inputs": list(schedule.inputs),
        "last": None if each.last is None else rfc3339(each.last),
        "next": rfc3339(each.due),
        "problem": problem(archive, each) or None,
    }


def _mistaken(mistake: Mistake) -> dict[str, object]:
    """The line of an entry that cannot be run: what it says of itself is not to be relied on, but for its id."""
    nothing = dict.fromkeys(("every", "cron", "inputs", "last", "next"))
    return {"id": mistake.id, **nothing, "inputs": [], "problem": mistake.message}


def problem(archive: Path, each: Standing) -> str:
    """What stands in a schedule's way: as its last run found it, a document that is gone by now, addresses that do not answer."""
    problems = [each.problem] if each.problem else []
    paths = [path for path in (*each.schedule.documents, *each.schedule.lists) if path not in each.problem]
    if gone := [path for path in paths if not _is_there(archive / path)]:
        problems += [f"{path}: no such file (schedules.toml line {each.schedule.line})" for path in gone]
    if each.failing:
        more = f" and {each.failing - 1} more" if each.failing > 1 else ""
        problems.append(f"no answer from {each.example}{more}")
    return "; ".join(problems)


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or any(char in str(path) for char in "*?[")
    except OSError:  # a name that cannot even be looked up
        return False


def _every(schedule: Schedule) -> str:
    from preserve.formats.schedules import span

    assert schedule.every is not None, "asked of those that have one"
    return span(schedule.every)


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"


# ---------------------------------------------------------------------------------------------------------------- adding


def _schedule(**members: Any) -> Schedule:
    import secrets
    from datetime import UTC, datetime

    from preserve.model.schedule import Schedule

    return Schedule(id=secrets.token_hex(4), created=datetime.now(UTC), **members)


def _span(text: str | None, option: str) -> int | None:
    from preserve.formats.schedules import parse_span

    if text is None:
        return None
    seconds = 0 if text == "0" and option == "--jitter" else parse_span(text)
    if seconds is None:
        raise UsageError(
            f"{option} {text}: not a number and a unit, or longer than a hundred years", "write for example 30m, 12h, 1d or 2w"
        )
    return seconds


def _check_rhythm(cron: str | None) -> None:
    from preserve.rules.due import check_cron

    if cron is not None and (why := check_cron(cron)):
        raise UsageError(f"--cron {cron!r}: {why}", 'for example "0 3 * * *", every day at three')


def _check_inputs(documents: tuple[str, ...], urls: tuple[str, ...], lists: tuple[str, ...]) -> None:
    """What cannot be captured now will not be later: say so while somebody looks."""
    from preserve.formats.url import BadUrl, parse

    for path in (*documents, *lists):
        if path == "-":
            raise UsageError("stdin is not there when the schedule runs", "name a file")
        if not _is_there(Path(path)):
            raise FormatError(f"{path}: no such file", "check the path")
        try:
            path.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{path!r}: not UTF-8, so it cannot stand in schedules.toml", "rename it") from None
    for url in captureoptions.addresses(urls, lists):
        parsed = parse(url)
        if isinstance(parsed, BadUrl):
            raise UsageError(f"{url!r} cannot be captured: {parsed.problem}")


def _check_receivers(names: tuple[str, ...]) -> None:
    from preserve.adapters.settings import read_config
    from preserve.places import config_folder

    known = {receiver.name for receiver in read_config(config_folder()).receivers}
    for name in names:
        if name not in known:
            raise UsageError(f"--notify {name}: config.toml has no receiver of that name", "it needs an entry [[notify]] there")


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


# ------------------------------------------------------------------------------------------------------------ installing


def _unit_name(archive: Path) -> str:
    """A name that differs for archives that differ, and can be read."""
    import hashlib
    import re

    slug = re.sub(r"[^a-z0-9]+", "-", archive.name.lower()).strip("-")[:40] or "archive"
    return f"preserve-{slug}-{hashlib.sha256(str(archive).encode()).hexdigest()[:8]}"


def _system_folder(way: str, *, own: bool) -> Path:
    from preserve.places import config_folder

    if way == "cron":
        return Path("/etc/cron.d")
    return config_folder().parent / "systemd" / "user" if own else Path("/etc/systemd/system")


def _write(path: Path, text: str) -> None:
    from preserve import durable
    from preserve.errors import StoreError

    try:
        durable.make_folders(path.parent)
        durable.write_file(path, text.encode())
    except OSError as problem:
        raise StoreError(
            f"{path}: {problem.strerror}", f"without an administrator's rights: --user, or {shlex.join(['--output', 'DIR'])}"
        ) from problem

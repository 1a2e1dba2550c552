"""What `preserve status` says of schedules: when each citation is captured next, and what needs a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ConfigError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.flows.schedule import Standing, Upcoming
    from preserve.model.schedule import Mistake


def look(archive: Path) -> tuple[Upcoming, tuple[Standing, ...], tuple[Mistake, ...]]:
    """When the addresses of an archive are captured next, how its schedules stand, and what is wrong in their file."""
    from preserve.adapters.schedulememory import ScheduleMemory
    from preserve.adapters.schedules import ScheduleFile, zone
    from preserve.flows.schedule import Upcoming, standings, upcoming

    try:
        timetable = ScheduleFile(archive).read()
    except ConfigError as problem:
        _say(f"Nothing can be said of the schedules. {problem.message}")
        return Upcoming(addresses={}), (), ()
    if not timetable.schedules:
        return Upcoming(addresses={}), (), timetable.mistakes
    with ScheduleMemory(archive / "index", readonly=True) as memory:
        stand = standings(timetable.schedules, memory.progress(), zone, datetime.now(UTC), memory.failing())
        return upcoming(stand, memory), stand, timetable.mistakes


def tell(archive: Path, stand: tuple[Standing, ...], mistakes: tuple[Mistake, ...]) -> None:
    """Sum the schedules up on stderr: how many, the last run and the next, and each that needs a person."""
    from preserve.cli.schedule import problem

    if stand:
        _sum_up(stand)
    for each in stand:
        if why := problem(archive, each):
            _say(f"Schedule {each.schedule.id} needs a look: {why}")
    for mistake in mistakes:
        entry = (
            f"Schedule {mistake.id}" if mistake.id else "An entry without a name" if mistake.begin else "The list of schedules"
        )
        run = "" if stand and not mistake.begin else ", and is not run"  # what stands before the first entry stops none
        _say(f"{entry} needs a look{run}: {mistake.message}")


def _sum_up(stand: tuple[Standing, ...]) -> None:
    lasts = [each.last for each in stand if each.last is not None]
    last = f"{max(lasts):%Y-%m-%d %H:%M}Z" if lasts else "never"
    due = min(each.due for each in stand)
    next_ = "due now" if due <= datetime.now(UTC) else f"{due:%Y-%m-%d %H:%M}Z"
    _say(f"{counted(len(stand), 'schedule')}: last {last}, next {next_}.")


def _say(words: str) -> None:
    click.echo(printable(words), err=True)

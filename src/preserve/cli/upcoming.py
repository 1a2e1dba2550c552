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


def look(archive: Path) -> tuple[Upcoming, tuple[Standing, ...]]:
    """When the addresses of an archive are captured next, and how its schedules stand. A file that cannot be read is told."""
    from preserve.adapters.schedulememory import ScheduleMemory
    from preserve.adapters.schedules import ScheduleFile, zone
    from preserve.flows.schedule import Upcoming, standings, upcoming

    try:
        schedules = ScheduleFile(archive).read()
    except ConfigError as problem:
        _say(f"Nothing can be said of the schedules. {problem.message}")
        return Upcoming(addresses={}), ()
    if not schedules:
        return Upcoming(addresses={}), ()
    with ScheduleMemory(archive / "index", readonly=True) as memory:
        stand = standings(schedules, memory.progress(), zone, datetime.now(UTC), memory.failing())
        return upcoming(stand, memory), stand


def tell(archive: Path, stand: tuple[Standing, ...]) -> None:
    """Sum the schedules up on stderr: how many, the last run and the next, and each that needs a person."""
    from preserve.cli.schedule import problem

    if not stand:
        return
    lasts = [each.last for each in stand if each.last is not None]
    last = f"{max(lasts):%Y-%m-%d %H:%M}Z" if lasts else "never"
    due = min(each.due for each in stand)
    next_ = "due now" if due <= datetime.now(UTC) else f"{due:%Y-%m-%d %H:%M}Z"
    _say(f"{counted(len(stand), 'schedule')}: last {last}, next {next_}.")
    for each in stand:
        if why := problem(archive, each):
            _say(f"Schedule {each.schedule.id} needs a look: {why}")


def _say(words: str) -> None:
    click.echo(printable(words), err=True)

"""Running schedules: once, or until stopped. The world of one cycle is put together here, and loaded only when something is due."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from preserve.errors import ConfigError, ExitCode, LockedError
from preserve.formats.printable import printable
from preserve.model.schedule import Timetable

if TYPE_CHECKING:
    from preserve.model.schedule import Mistake

_MOST = 20
"""Mistakes that are named one by one."""


def once(archive: Path, *, quiet: bool) -> int:
    from preserve.adapters.schedules import ScheduleFile

    said = _Said()
    timetable = ScheduleFile(archive).read()
    said.say(timetable)
    if not _anything_to_do(archive, timetable):
        return ExitCode.CONFIG if timetable.mistakes else ExitCode.DONE
    from preserve.flows.schedule import worse

    with _Runner(archive, quiet=quiet) as runner:
        worst: int = ExitCode.DONE
        while True:
            timetable = runner.timetable()
            said.say(timetable)
            code = runner.cycle(timetable, late=False, stop=lambda: runner.changed)
            worst = worse(worst, code)
            if code == ExitCode.INTERRUPTED or runner.stopped or not runner.changed:
                return worst


def stay(archive: Path, *, quiet: bool) -> int:
    """Wait for what is due and capture it, until SIGTERM or SIGINT."""
    with _Ending() as ending, _Runner(archive, quiet=quiet, ending=ending) as runner:
        timetable, told = Timetable(), _Said()
        said = ""
        while True:
            problem = ""
            code: int = ExitCode.DONE
            try:
                timetable = runner.timetable()
                told.say(timetable)
                code = runner.cycle(timetable, late=True, stop=lambda: ending.came or runner.changed)
            except (ConfigError, LockedError) as trouble:
                # Somebody captures by hand: what is due waits until that is over.
                problem = trouble.message
            if problem and problem != said:
                _say(f"preserve: {problem}")
            said = problem
            if code == ExitCode.INTERRUPTED or runner.stopped:
                return code
            if ending.wait(60.0 if problem else runner.pause(timetable)):
                return ExitCode.DONE


class _Ending:
    """SIGTERM and SIGINT as a wish: it ends a wait at once, a capture as `preserve capture` does, and nothing in between halfway.

    A capture puts its own handlers in place of these while it asks the web, and these back.
    """

    def __init__(self) -> None:
        self.came = False
        self._capturing = False

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def _hear(self, number: int, frame: object) -> None:
        self.came = True
        if self._capturing:
            raise KeyboardInterrupt

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """For as long as a capture is under way."""
        self._capturing = True
        try:
            yield
        finally:
            self._capturing = False

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until somebody asks for an end; whether somebody did."""
        # Whatever thread a signal reaches, it writes here; so one that comes just before `select` is not missed.
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        if not self.came:
            select.select([self._read], [], [], seconds)
        signal.set_wakeup_fd(-1)
        return self.came


class _Runner:
    """An archive's schedules, ready to be run; a context manager."""

    def __init__(self, archive: Path, *, quiet: bool, ending: _Ending | None = None) -> None:
        self._archive = archive
        self._quiet = quiet
        self._ending = ending

    def __enter__(self) -> Self:
        from preserve.adapters.archive import Archive
        from preserve.adapters.clock import SystemClock
        from preserve.adapters.folder import DiskFolder
        from preserve.adapters.reading.room import ReadingRoom
        from preserve.adapters.schedulememory import ScheduleMemory
        from preserve.adapters.schedules import ScheduleFile, zone
        from preserve.adapters.settings import read_config
        from preserve.cli.scheduled import Scheduled, differs, notifiers
        from preserve.flows.schedule import Cycle
        from preserve.places import config_folder

        store = Archive(self._archive)
        self._file = ScheduleFile(self._archive)
        self._clock = SystemClock()
        self._notifiers = notifiers(read_config(config_folder()))
        memory = ScheduleMemory(store.index)
        self._memory = memory
        self._close = memory.__exit__
        self._store = store
        self._reader = reader = ReadingRoom()
        self._cycle = Cycle(
            memory=memory,
            archive=store,
            folder=lambda: DiskFolder(self._archive),
            is_open=lambda: store.has_journal,
            capture=Scheduled(self._archive, quiet=self._quiet, during=self._ending.capturing if self._ending else nullcontext),
            zones=zone,
            clock=self._clock,
            tell=_say,
            differs=lambda folder, run: differs(folder, run, store.run_names, reader),
        )
        return self

    def __exit__(self, *details: object) -> None:
        self._reader.close()
        self._close(*details)

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for an end while a capture was under way."""
        return self._cycle.stopped

    @property
    def changed(self) -> bool:
        """Whether somebody edited the file since it was read."""
        return self._file.changed

    def timetable(self) -> Timetable:
        return self._file.read()

    def cycle(self, timetable: Timetable, *, late: bool, stop: Callable[[], bool]) -> int:
        """Capture what is due, and tell who is to be told; the exit code."""
        from preserve.flows.notify import deliver

        schedules = timetable.schedules
        self._memory.subscribe(self._notifiers)
        owed = bool(due := self._cycle.due(schedules, late=late))
        for each in due:
            for name in set(each.schedule.notify or ()) - self._notifiers.keys():
                _say(f"Nobody is told of schedule {each.schedule.id} as {name}: config.toml has no receiver of that name.")
        try:
            return self._cycle.run(schedules, timetable.mistakes, late=late, stop=stop)
        finally:
            self._reader.rest()  # a watch that waits for days needs no desk meanwhile
            deliver(
                self._memory,
                self._notifiers,
                schedules,
                archive=self._archive.absolute().name,
                archive_id=self._store.describe().id if self._store.exists else None,
                clock=self._clock,
                tell=_say,
                fresh=owed or self._cycle.noted,
            )

    def pause(self, timetable: Timetable) -> float:
        """Seconds until something is due; a minute at most, for clocks jump."""
        due = self._cycle.next(timetable.schedules)
        if due is None:
            return 60.0
        return min(max((due - self._clock.now()).total_seconds(), 0.05), 60.0)


def _anything_to_do(archive: Path, timetable: Timetable) -> bool:
    """Whether something is due, or waits to be told; found out without loading what captures."""
    from datetime import UTC, datetime

    from preserve.adapters.schedulememory import ScheduleMemory
    from preserve.adapters.schedules import zone
    from preserve.flows.schedule import standings
    from preserve.rules import happened
    from preserve.rules.due import set_back

    schedules, now = timetable.schedules, datetime.now(UTC)
    with ScheduleMemory(archive / "index", readonly=True) as memory:
        progress = memory.progress()
        if memory.undelivered() or happened.at_file(timetable.mistakes, progress):
            return True
        if any(each.due <= now for each in standings(schedules, progress, zone, now)):
            return True
        known = {schedule.id: schedule for schedule in schedules}
        return any(set_back(known[id_], at.satisfied, now) for id_, at in progress.items() if id_ in known)


class _Said:
    """Tells the mistakes of the file on stderr, each once for as long as it stays."""

    def __init__(self) -> None:
        self._before: frozenset[str] = frozenset()

    def say(self, timetable: Timetable) -> None:
        new = tuple(mistake for mistake in timetable.mistakes if mistake.message not in self._before)
        say_mistakes(new, others=bool(timetable.schedules))
        self._before = frozenset(mistake.message for mistake in timetable.mistakes)


def say_mistakes(mistakes: Sequence[Mistake], *, others: bool) -> None:
    """Name the mistakes of the file on stderr, and say once what to do. `others`: there are schedules without any."""
    for mistake in mistakes[:_MOST]:
        _say(f"preserve: {mistake.message}")
    if len(mistakes) > _MOST:
        _say(f"preserve: schedules.toml has {len(mistakes) - _MOST} more mistakes")
    if mistakes:
        _say(f"  correct that by hand; {'the other schedules are run as always' if others else 'until then nothing is run'}")


def _say(words: str) -> None:
    click.echo(printable(words), err=True)

"""ARCHIVE/schedules.toml on the disk, and the time zones of this machine (docs/formats/schedules.md).

A change is written beside the file and renamed, by one writer at a time, so that a reader sees the old file or the new one. It waits
for no capture: a run that is under way goes on with what it began with.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from preserve import durable
from preserve.errors import ConfigError, StoreError
from preserve.formats import schedules as schedules_format
from preserve.formats.schedules import NAME
from preserve.formats.url import BadUrl, parse
from preserve.model.schedule import Mistake, Schedule, Timetable
from preserve.rules.due import check_cron

_PLAIN = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[!-~]*)?")
"""Addresses that need no second look: there may be ten thousand."""


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ConfigError when this machine does not know it."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ConfigError(
            f"unknown time zone {name!r}", "write a name like Europe/Berlin, or UTC; the system's package tzdata holds them"
        ) from problem


def local_zone() -> str:
    """The name of this machine's time zone; UTC where it has none that means the same elsewhere."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    place = os.path.realpath("/etc/localtime")
    names.append(place.partition("/zoneinfo/")[2].removeprefix("posix/").removeprefix("right/"))
    for name in names:
        try:
            if name and (name == "UTC" or "/" in name.strip("/")):
                zone(name)
                return name
        except ConfigError:
            continue
    return "UTC"


class ScheduleFile:
    """The schedules of the archive at `root`, which need not be an archive yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / NAME
        self._read: tuple[int, int, int] | None = None

    @property
    def exists(self) -> bool:
        return self._path.is_file()

    def read(self) -> Timetable:
        """The schedules and the mistakes; neither when there is no file. Raises ConfigError when it is too large, StoreError."""
        return self._checked(self._text())

    @property
    def changed(self) -> bool:
        """Whether the file is another one than when it was read last."""
        try:
            return _stamp(self._path.stat()) != self._read
        except OSError:
            return self._read is not None

    def add(self, schedule: Schedule) -> None:
        """Add one at the end of the file. Raises ConfigError."""
        with self._changing():
            self._write(schedules_format.add(self._text(), schedule))

    def remove(self, id_: str) -> None:
        """Take one out. Raises ConfigError when there is none of that id, or the file is not as it should be."""
        with self._changing():
            self._write(schedules_format.remove(self._text(), id_))

    def _text(self) -> str:
        try:
            self._read = None
            with self._path.open("rb") as file:
                self._read = _stamp(os.fstat(file.fileno()))
                data = file.read(schedules_format.MAX_SIZE + 1)
        except FileNotFoundError:
            return ""
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem
        if len(data) > schedules_format.MAX_SIZE:
            raise ConfigError(f"{self._path}: larger than {schedules_format.MAX_SIZE // 1024 // 1024} MiB")
        return data.decode(errors="surrogateescape")

    def _checked(self, text: str) -> Timetable:
        """What is written, less what only this machine and the rules of time find wrong with it."""
        written = schedules_format.parse(text)
        right: list[Schedule] = []
        mistakes = list(written.mistakes)
        rows = text.split("\n")
        for schedule in written.schedules:
            if wrong := _wrong(schedule):
                name, why = wrong
                line = schedules_format.line_of(rows, schedule, name)
                mistakes.append(Mistake(line=line, why=why, id=schedule.id, begin=schedule.line))
            else:
                right.append(schedule)
        return Timetable(schedules=tuple(right), mistakes=tuple(sorted(mistakes, key=lambda mistake: mistake.line)))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Be the one who changes the file: a lock on the folder itself, which leaves nothing behind."""
        try:
            durable.make_folders(self._root)
            handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise StoreError(f"{self._root}: {problem.strerror}") from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, text: str) -> None:
        waiting = self._root / "index" / "schedules.part"  # what a kill leaves must not lie where nothing unlisted belongs
        try:
            durable.make_folders(waiting.parent)
            durable.write_file(self._path, text.encode(errors="surrogateescape"), beside=waiting)
            durable.sync_folder(self._root)
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem


def _stamp(known: os.stat_result) -> tuple[int, int, int]:
    return known.st_ino, known.st_size, known.st_mtime_ns


@lru_cache(maxsize=1024)
def _check_zone(name: str) -> str:
    """Why this machine knows no such time zone; "" when it does."""
    try:
        zone(name)
    except ConfigError as problem:
        return problem.message
    return ""


def _wrong(schedule: Schedule) -> tuple[str, str] | None:
    """The member that cannot be, and why; None when all can."""
    if schedule.cron is not None and (why := check_cron(schedule.cron)):
        return "cron", f"cron = {schedule.cron!r}: {why}"
    if why := _check_zone(schedule.timezone):
        return "timezone", why
    for url in schedule.urls:
        if not _PLAIN.fullmatch(url) and isinstance(parsed := parse(url), BadUrl):
            return "urls", f"{url!r} cannot be captured: {parsed.problem}"
    return None

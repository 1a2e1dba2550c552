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
from preserve.model.schedule import Schedule
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

    @property
    def exists(self) -> bool:
        return self._path.is_file()

    def read(self) -> tuple[Schedule, ...]:
        """The schedules; none when there is no file. Raises ConfigError naming the line, StoreError when it cannot be read."""
        return self._checked(self._text())

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
            with self._path.open("rb") as file:
                data = file.read(schedules_format.MAX_SIZE + 1)
        except FileNotFoundError:
            return ""
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem
        if len(data) > schedules_format.MAX_SIZE:
            raise ConfigError(f"{self._path}: larger than {schedules_format.MAX_SIZE // 1024 // 1024} MiB")
        try:
            return data.decode()
        except UnicodeDecodeError as problem:
            line = data.count(b"\n", 0, problem.start) + 1
            raise ConfigError(f"{NAME} line {line}: not UTF-8 text", "correct that line by hand") from problem

    def _checked(self, text: str) -> tuple[Schedule, ...]:
        found = schedules_format.parse(text)
        for schedule in found:
            if schedule.cron is not None and (why := check_cron(schedule.cron)):
                raise _at(text, schedule, "cron", f"cron = {schedule.cron!r}: {why}")
            try:
                zone(schedule.timezone)
            except ConfigError as problem:
                raise _at(text, schedule, "timezone", problem.message) from problem
            for url in schedule.urls:
                if not _PLAIN.fullmatch(url) and isinstance(parsed := parse(url), BadUrl):
                    raise _at(text, schedule, "urls", f"{url!r} cannot be captured: {parsed.problem}")
        return found

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
            durable.write_file(self._path, text.encode(), beside=waiting)
            durable.sync_folder(self._root)
        except OSError as problem:
            raise StoreError(f"{self._path}: {problem.strerror}") from problem


def _at(text: str, schedule: Schedule, name: str, why: str) -> ConfigError:
    return ConfigError(f"{NAME} line {schedules_format.line_of(text, schedule, name)}: {why}", "correct that line by hand")

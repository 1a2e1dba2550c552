"""ARCHIVE/schedules.toml: text to schedules and back (docs/formats/schedules.md).

People write in this file, so it is read strictly and told with the line, and changed by lines: an entry is added at the end or taken
out, and every other byte stays, comments too. What a change made of it is read again and must be what was meant; else it is refused.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from preserve.errors import ConfigError
from preserve.formats import _plainschedules, toml
from preserve.formats.times import rfc3339, to_milliseconds
from preserve.model.schedule import Schedule, Value

NAME = "schedules.toml"
MAX_SIZE = 64 * 1024 * 1024
"""Bytes."""

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_HEADER = re.compile(r"[ \t]*\[\[[ \t]*schedule[ \t]*\]\][ \t]*(?:#.*)?\r?")
_TABLE = re.compile(r"[ \t]*\[")
_INNER = re.compile(r"[ \t]*\[[ \t]*schedule[ \t]*\.")
_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 100 * 366 * 86400
MEMBERS = frozenset(
    {"id", "every", "cron", "timezone", "documents", "urls", "url_lists", "jitter", "notify", "created", "options"}
)
_HINT = "correct that line by hand"
_BEGINNING = """\
# What is captured again and again; see `preserve schedule --help`. Edit it as you like: mistakes are told with their line.
"""


def parse_span(text: str) -> int | None:
    """Seconds of `90s`, `30m`, `12h`, `1d` or `2w`; None when it is no such text, or longer than a hundred years."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS[match[2]]
    return seconds if seconds <= _LONGEST else None


def span(seconds: int) -> str:
    """`seconds` in the largest unit that is whole; none is "0"."""
    if not seconds:
        return "0"
    unit = next((unit for unit in "wdhm" if seconds % _UNITS[unit] == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def parse(text: str) -> tuple[Schedule, ...]:
    """The schedules in the order of the file. Raises ConfigError naming the line."""
    rows = text.split("\n")
    plain = _plainschedules.entries(text)
    entries, begins = _any(text, rows) if plain is None else plain
    seen: set[str] = set()
    schedules = []
    for entry, begin in zip(entries, begins, strict=True):
        schedule = _schedule(_Entry(entry, rows, begin))
        if schedule.id in seen:
            _Entry(entry, rows, begin).refuse(f"a second schedule {schedule.id!r}", "id")
        seen.add(schedule.id)
        schedules.append(schedule)
    return tuple(schedules)


def _any(text: str, rows: Sequence[str]) -> tuple[list[dict[str, Any]], list[int]]:
    """The members of each [[schedule]] however it is written, and the row in which each begins."""
    try:
        document = toml.loads(text)
    except tomllib.TOMLDecodeError as problem:
        where = re.search(r"\(at line (\d+), column \d+\)", str(problem))
        line = int(where[1]) if where else text.rstrip().count("\n") + 1
        raise ConfigError(f"{NAME} line {line}: {str(problem).partition(' (at ')[0]}", _HINT) from problem
    if unknown := document.keys() - {"schedule"}:
        _refuse(rows, min(unknown), f"unknown: {min(unknown)!r}")
    entries = document.get("schedule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        _refuse(rows, "schedule", "a schedule begins with [[schedule]]")
    begins = [number for number, row in enumerate(rows) if "[[" in row and _HEADER.fullmatch(row)]
    return entries, begins if len(begins) == len(entries) else [0] * len(entries)


def add(text: str, schedule: Schedule) -> str:
    """The text with one more schedule at its end. Raises ConfigError when it cannot be read, or has that id already."""
    before = parse(text)
    grown = text or _BEGINNING
    grown += ("" if grown.endswith("\n") else "\n") + "\n" + encode(schedule)
    return _as_meant(grown, (*before, _written(schedule)))


def remove(text: str, id_: str) -> str:
    """The text without the schedule of that id, and without the comment right above it. Raises ConfigError when that cannot be."""
    before = parse(text)
    gone = next((schedule for schedule in before if schedule.id == id_), None)
    if gone is None:
        raise ConfigError(f"there is no schedule {id_!r}", "`preserve schedule list` shows them")
    rows = re.findall(r"[^\n]*\n|[^\n]+", text)
    start = end = gone.line - 1
    while start and rows[start - 1].lstrip().startswith("#"):
        start -= 1
    if start == 0:
        start = gone.line - 1  # a comment that opens the file speaks of all of it
    end += 1
    while end < len(rows) and (not _TABLE.match(rows[end]) or _INNER.match(rows[end])):
        end += 1
    while end > gone.line and end < len(rows) and rows[end - 1].lstrip().startswith("#"):
        end -= 1  # right above the next entry: that one's
    while end == len(rows) and start and not rows[start - 1].strip():
        start -= 1
    return _as_meant("".join(rows[:start] + rows[end:]), tuple(schedule for schedule in before if schedule.id != id_))


def encode(schedule: Schedule) -> str:
    """One entry in the spelling that `schedule add` writes."""
    members: list[tuple[str, Value | None]] = [
        ("id", schedule.id),
        ("every", None if schedule.every is None else span(schedule.every)),
        ("cron", schedule.cron),
        ("timezone", schedule.timezone),
        ("documents", schedule.documents or None),
        ("urls", schedule.urls or None),
        ("url_lists", schedule.lists or None),
        ("jitter", None if schedule.jitter is None else span(schedule.jitter)),
        ("notify", schedule.notify),
    ]
    lines = ["[[schedule]]", *(f"{name} = {_value(value)}" for name, value in members if value is not None)]
    lines.append(f"created = {rfc3339(schedule.created)}")
    if schedule.options:
        lines += ["[schedule.options]", *(f"{name} = {_value(value)}" for name, value in schedule.options)]
    return "\n".join(lines) + "\n"


def line_of(text: str, schedule: Schedule, name: str) -> int:
    """The line, from 1, in which `name` is set for a schedule; where the schedule begins when it is not found."""
    return _line(text.split("\n"), max(schedule.line - 1, 0), name) + 1


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _written(schedule: Schedule) -> Schedule:
    """As it reads once it was written."""
    return replace(schedule, created=to_milliseconds(schedule.created), line=0)


def _as_meant(text: str, meant: Sequence[Schedule]) -> str:
    try:
        found = parse(text)
    except ConfigError as problem:
        raise ConfigError(f"{NAME} cannot be changed safely: {problem.message}", "change it by hand") from problem
    if tuple(map(_written, found)) != tuple(map(_written, meant)):
        raise ConfigError(f"{NAME} is written in a way that cannot be changed safely", "change it by hand")
    return text


# ------------------------------------------------------------------------------------------------------------------- reading


def _line(rows: Sequence[str], begin: int, name: str) -> int:
    """Where `name` is set in the entry that begins at row `begin`, counted from 0."""
    setting = re.compile(rf"[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*[=.]|[ \t]*\[schedule\.{re.escape(name)}\]")
    for number in range(begin, len(rows)):
        if number > begin and _HEADER.fullmatch(rows[number]):
            break
        if setting.match(rows[number]):
            return number
    return begin


def _refuse(rows: Sequence[str], name: str, why: str) -> NoReturn:
    pattern = re.compile(rf"[ \t]*\[*[ \t]*[\"']?{re.escape(name)}\b")
    line = next((number for number, row in enumerate(rows) if pattern.match(row)), 0)
    raise ConfigError(f"{NAME} line {line + 1}: {why}", _HINT)


class _Entry:
    """The members of one [[schedule]], each taken with its type."""

    def __init__(self, values: Mapping[str, Any], rows: Sequence[str], begin: int) -> None:
        self._values, self._rows, self.begin = values, rows, begin
        for name in values:
            if name not in MEMBERS:
                self.refuse(f"unknown: {name!r}", name)

    def refuse(self, why: str, name: str) -> NoReturn:
        raise ConfigError(f"{NAME} line {_line(self._rows, self.begin, name) + 1}: {why}", _HINT)

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip() or not value.isprintable()):
            self.refuse(f"{name!r} is not a text of printable characters", name)
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        values = self._values.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(one, str) and one.strip() for one in values):
            self.refuse(f'{name!r} is not a list of texts, like ["…"]', name)
        return tuple(values)

    def span(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        seconds = 0 if text == "0" else parse_span(text)
        if seconds is None:
            self.refuse(f"{name} = {text!r}: write a number and a unit: 30m, 12h, 1d, 2w", name)
        return seconds

    def time(self, name: str) -> datetime | None:
        value = self._values.get(name)
        if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
            self.refuse(f"{name!r} is not a time like 2026-11-21T17:02:45.565Z", name)
        return None if value is None else value.astimezone(UTC)

    def options(self) -> tuple[tuple[str, Value], ...]:
        table = self._values.get("options", {})
        if not isinstance(table, dict):
            self.refuse("'options' is not a table", "options")
        return tuple((name, self._option(name, value)) for name, value in table.items())

    def _option(self, name: str, value: object) -> Value:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        if not isinstance(value, (bool, int, float, str)):
            self.refuse(f"option {name!r} is no text, number, true, false or list of texts", name)
        return value


def _schedule(entry: _Entry) -> Schedule:
    id_ = entry.text("id")
    if id_ is None or not ID.fullmatch(id_):
        entry.refuse("'id' is missing" if id_ is None else f"bad id {id_!r}: letters a-z, digits and hyphens", "id")
    every, cron = entry.span("every"), entry.text("cron")
    if every == 0:
        entry.refuse("every = '0' is no interval", "every")
    if (every is None) is (cron is None):
        entry.refuse("a schedule has either 'every' or 'cron'", "cron" if cron else "id")
    created = entry.time("created")
    try:
        return Schedule(
            id=id_,
            every=every,
            cron=cron,
            timezone=entry.text("timezone") or "UTC",
            created=created or datetime(1970, 1, 1, tzinfo=UTC),
            documents=entry.texts("documents") or (),
            urls=entry.texts("urls") or (),
            lists=entry.texts("url_lists") or (),
            options=entry.options(),
            jitter=entry.span("jitter"),
            notify=entry.texts("notify"),
            line=entry.begin + 1,
        )
    except ValueError as problem:
        entry.refuse(str(problem), "id")

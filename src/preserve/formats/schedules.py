"""ARCHIVE/schedules.toml: text to schedules and back (docs/formats/schedules.md).

People write in this file, so it is read strictly and told with the line, and a mistake costs the entry that it stands in alone: each is
read for itself, from its header to the next, also where the file as a whole is no TOML (docs/adr/0275). It is changed by lines: an entry
is added at the end or taken out, and every other byte stays, comments too. What a change made of it is read again and must be what was
meant; else it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from preserve.errors import ConfigError
from preserve.formats._scheduleentries import HEADER, ID, MARK, Wrong, as_id, entries, with_comment
from preserve.formats.times import rfc3339, to_milliseconds
from preserve.model.schedule import Mistake, Schedule, Timetable, Value

__all__ = ["ID", "MEMBERS", "NAME", "add", "encode", "line_of", "parse", "parse_span", "remove", "span"]

NAME = "schedules.toml"
MAX_SIZE = 64 * 1024 * 1024
"""Bytes."""

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


def parse(text: str) -> Timetable:
    """The schedules in the order of the file, and its mistakes. A byte that is no UTF-8 is in `text` as `surrogateescape` has it."""
    text = text.removeprefix(MARK)
    rows = text.split("\n")
    mistakes: list[Mistake] = []
    seen: set[str | None] = set()
    schedules: list[Schedule] = []
    for values, begin in entries(text, rows, mistakes, seen):
        id_ = as_id(values.get("id"))
        try:
            entry = _Entry(values, rows, begin)
            if id_ is not None and id_ in seen:
                raise Wrong(_line(rows, begin, "id"), f"a second schedule {id_!r}")
            seen.add(id_)
            schedules.append(_schedule(entry))
        except _Lost as lost:
            seen |= {id_, as_id(lost.id)}
            mistakes.append(Mistake(line=lost.row + 1, why=lost.why, begin=begin + 1))
        except Wrong as wrong:
            mistakes.append(Mistake(line=wrong.row + 1, why=wrong.why, id=id_, begin=begin + 1))
    return Timetable(schedules=tuple(schedules), mistakes=tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


def add(text: str, schedule: Schedule) -> str:
    """The text with one more schedule at its end. Raises ConfigError when that cannot be, or it has that id already."""
    before = parse(text)
    if schedule.id in {each.id for each in before.schedules} | {mistake.id for mistake in before.mistakes}:
        raise ConfigError(f"{NAME}: a second schedule {schedule.id!r}")
    grown = text or _BEGINNING
    entry = encode(schedule)
    if "\r\n" in text:
        entry, end = entry.replace("\n", "\r\n"), "\r\n"
    else:
        end = "\n"
    grown += ("" if grown.endswith("\n") else end) + end + entry
    return _as_meant(grown, (*before.schedules, _written(schedule)), before.mistakes)


def remove(text: str, id_: str) -> str:
    """The text without the schedule of that id, and without the comment right above it. Raises ConfigError when that cannot be."""
    before = parse(text)
    begins = {each.line for each in before.schedules if each.id == id_}
    begins |= {mistake.begin for mistake in before.mistakes if mistake.id == id_}
    if not begins:
        if not before.names_all:
            raise ConfigError(f"there is no schedule {id_!r} that can be read; {before.mistakes[0].message}", _HINT)
        raise ConfigError(f"there is no schedule {id_!r}", "`preserve schedule list` shows them")
    if len(begins) > 1:
        where = " and ".join(map(str, sorted(begins)))
        raise ConfigError(f"{NAME}: several schedules are called {id_!r}, at lines {where}", "take one out by hand")
    (line,) = begins
    mark = text[: len(MARK)] if text.startswith(MARK) else ""
    rows = re.findall(r"[^\n]*\n|[^\n]+", text.removeprefix(mark))
    start = with_comment(rows, line - 1) or line - 1  # a comment that opens the file speaks of all of it
    end = line
    while end < len(rows) and (not _TABLE.match(rows[end]) or _INNER.match(rows[end])):
        end += 1
    while end > line and end < len(rows) and rows[end - 1].lstrip().startswith("#"):
        end -= 1  # right above the next entry: that one's
    while end == len(rows) and start and not rows[start - 1].strip():
        start -= 1
    return _as_meant(
        mark + "".join(rows[:start] + rows[end:]),
        tuple(schedule for schedule in before.schedules if schedule.id != id_),
        tuple(mistake for mistake in before.mistakes if mistake.id != id_),
    )


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


def line_of(rows: Sequence[str], schedule: Schedule, name: str) -> int:
    """The line, from 1, in which `name` is set for a schedule; where the schedule begins when it is not found. `rows` is the whole file."""
    return _line(rows, max(schedule.line - 1, 0), name) + 1


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


def _as_meant(text: str, schedules: Sequence[Schedule], mistakes: Sequence[Mistake]) -> str:
    found = parse(text)
    if tuple(map(_written, found.schedules)) == tuple(map(_written, schedules)) and (
        [(mistake.id, mistake.why) for mistake in found.mistakes] == [(mistake.id, mistake.why) for mistake in mistakes]
    ):
        return text
    if mistakes:
        raise ConfigError(f"{NAME} cannot be changed safely: {mistakes[0].message}", "change it by hand")
    raise ConfigError(f"{NAME} is written in a way that cannot be changed safely", "change it by hand")


# ------------------------------------------------------------------------------------------------------------------- reading


class _Lost(Wrong):
    """What may be another schedule than the one in which it stands; `id` is what it calls itself, if it does."""

    def __init__(self, row: int, why: str, id_: object) -> None:
        super().__init__(row, why)
        self.id = id_


def _line(rows: Sequence[str], begin: int, name: str) -> int:
    """Where `name` is set in the entry that begins at row `begin`, counted from 0."""
    called = rf"[\"']?{re.escape(name)}[\"']?[ \t]*"
    setting = re.compile(
        rf"[ \t]*(?:options[ \t]*\.[ \t]*)?{called}[=.]|[ \t]*\[+[ \t]*[\"']?schedule[\"']?[ \t]*\.[ \t]*{called}[\].]"
    )
    for number in range(begin, len(rows)):
        if number > begin and HEADER.fullmatch(rows[number]):
            break
        if setting.match(rows[number]):
            return number
    return begin


class _Entry:
    """The members of one [[schedule]], each taken with its type."""

    def __init__(self, values: Mapping[str, Any], rows: Sequence[str], begin: int) -> None:
        """Raises _Lost when another entry may have got into its options: no option is called as a member is."""
        self._values, self._rows, self.begin = values, rows, begin
        table = values.get("options")
        if isinstance(table, dict) and (astray := [name for name in table if name in MEMBERS]):
            why = f"{astray[0]!r} stands among the options: a header [[schedule]] may be missing above it"
            raise _Lost(self._option_line(astray[0]), why, table.get("id"))

    def known(self) -> None:
        for name in self._values:
            if name not in MEMBERS:
                self.refuse(f"unknown: {name!r}", name)

    def refuse(self, why: str, name: str) -> NoReturn:
        raise Wrong(_line(self._rows, self.begin, name), why)

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
        if isinstance(table, list) and table and all(isinstance(one, dict) for one in table):
            self.refuse("options are headed [schedule.options], in single brackets", "options")
        if not isinstance(table, dict):
            self.refuse("'options' is not a table", "options")
        return tuple((name, self._option(name, value)) for name, value in table.items())

    def _option_line(self, name: str) -> int:
        return _line(self._rows, _line(self._rows, self.begin, "options"), name)

    def _option(self, name: str, value: object) -> Value:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        if not isinstance(value, (bool, int, float, str)):
            why = f"option {name!r} is no text, number, true, false or list of texts"
            raise Wrong(self._option_line(name), why)
        return value


def _schedule(entry: _Entry) -> Schedule:
    entry.known()
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

"""The nouns of capturing again and again: a Schedule as its owner wrote it, and what is remembered of how it went.

Times are timezone-aware, intervals seconds. Nothing here is signed: a schedule is configuration, its memory can be lost
(docs/formats/schedules.md).
"""

from __future__ import annotations

from datetime import datetime

from preserve.model.noun import dataclass
from preserve.model.web import Outcome, Verdict

Value = bool | int | float | str | tuple[str, ...]
"""What an option of a capture can be told, as it is kept with a schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What to capture, and when: after every so many seconds, or at the times of a cron expression in a time zone.

    `documents` and `lists` are paths; relative ones start from the archive's folder. `options` are those of `preserve capture` by their
    long names. `jitter` is the most seconds that the daemon may come late (None: as it likes), `notify` the names of the receivers that
    are told (None: all). `line` is where it begins in schedules.toml, from 1.
    """

    id: str
    every: int | None
    cron: str | None
    timezone: str
    created: datetime
    documents: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()
    jitter: int | None = None
    notify: tuple[str, ...] | None = None
    line: int = 0

    def __post_init__(self) -> None:
        if (self.every is None) is (self.cron is None):
            raise ValueError("a schedule has either `every` or `cron`")
        if not (self.documents or self.urls or self.lists):
            raise ValueError("nothing to capture: no document, no address, no list")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Everything that is to be captured from, as it was written."""
        return (*self.documents, *self.urls, *self.lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with schedules.toml, at `line`, from 1. It keeps the entry that begins at line `begin` from running, and no other.

    `id` is what the entry calls itself, None where that cannot be told; without an entry `begin` is 0.
    """

    line: int
    why: str
    id: str | None = None
    begin: int = 0

    @property
    def message(self) -> str:
        return f"schedules.toml line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """What schedules.toml says: the schedules that can be run, in its order, and what is wrong with the rest."""

    schedules: tuple[Schedule, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def names_all(self) -> bool:
        """Whether the id of every entry is known: only then is it known too which schedules are there no more."""
        return all(mistake.id is not None for mistake in self.mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a schedule is. `satisfied` is the latest due time that needs no capture any more; `last` when its last run began.

    `run` names that run (None when none was sealed), `problem` is what stood in the way, empty when nothing did.
    """

    satisfied: datetime | None = None
    last: datetime | None = None
    run: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A capture that was begun and of which nothing more is known: `before` names the archive's newest run at that time."""

    due: datetime
    at: datetime
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a scheduled run last found at one address. `key` is what duplicates are found by.

    `failures` counts the runs in a row in which it failed; it is left alone until `held` (None: asked each time).
    """

    key: str
    url: str
    outcome: Outcome
    verdict: Verdict | None
    status: int | None
    payload_sha256: str | None
    reason: str
    run: str
    failures: int = 0
    held: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document as it was last read for a schedule: `path` as the schedule has it, the rest as the archive keeps it."""

    path: str
    name: str
    sha256: str
    notes: int

"""The nouns of `preserve view`: what a browser asks for, what it gets, how far a verification has come.

They know nothing of sockets, so that everything that decides what is shown can be tried without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from preserve.model.noun import dataclass

HTML = "text/html; charset=utf-8"
POLICY = "Content-Security-Policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came through the door: with the token, under the right Host. `path` is what follows the token.

    `query` holds the first value of each name. `name` is the host name that the browser went by.
    """

    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    name: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back: `text`, or `pieces` one by one, or a `file` of which parts may be asked for. `fields` are of its header."""

    status: int = 200
    media_type: str = HTML
    text: str = ""
    pieces: Iterable[str] | None = None
    file: Path | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: {POLICY: "default-src 'none'"})
    location: str | None = None


class Stage(StrEnum):
    """How a verification stands."""

    WAITING = "waiting"
    READING = "reading"
    DONE = "done"
    FAILED = "failed"
    """It could not look; what was known before still stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a verification has come: `done` of `total` bytes. `problem` says why it could not look."""

    stage: Stage = Stage.WAITING
    done: int = 0
    total: int = 0
    started: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One event as a page shows it: its entry in the log, what it says, who signed it. Text is as it was found."""

    entry: int | None
    text: str
    signed: str
    altered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is to be replayed: a capture, by its run and number, entered at `url` as of `at`. `run` is the run's name."""

    run: str
    sequence: int
    capture: int
    url: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows that a search gave: their numbers, how many there are in all, and of how many rows it knew (`rows` of `all_rows`)."""

    numbers: tuple[int, ...]
    total: int
    rows: int
    all_rows: int

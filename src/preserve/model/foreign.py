"""The nouns of an import: a file that another tool made, what it says of itself, the records in it that a page may be made of."""

from __future__ import annotations

from datetime import datetime

from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPage:
    """A page that a WACZ lists: its address, and when it was captured by their clock (None where it is not said)."""

    url: str
    moment: datetime | None
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of itself. `doubts` are what a reader of it should know: cut short, packed so that no player reads it.

    `unread`: there is more in it that cannot be read.
    """

    records: int
    unread: bool
    software: str | None
    operator: str | None
    signed: str | None
    pages: tuple[ForeignPage, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A record that a player shows: what is held of an address. `index` counts the records of the file from 0.

    `location` is where a redirection leads, as it stands there; `concurrent` the ids of the records that it says to be of one exchange;
    `refers_to` the id of a revisit's original; `truncated` why it was cut, in the words of WARC.
    """

    index: int
    type: str
    id: str
    url: str
    date: datetime
    status: int | None = None
    mime: str = ""
    location: str = ""
    payload_sha256: str | None = None
    payload_size: int = 0
    http_date: str | None = None
    truncated: str = ""
    concurrent: tuple[str, ...] = ()
    refers_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request record: `concurrent` are the ids of its responses, `referred` says that another page had it asked."""

    index: int
    id: str
    concurrent: tuple[str, ...]
    referred: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An imported file in its place: `path` in the run, `name` as it was called, what it says, and what lies in it."""

    path: str
    name: str
    size: int
    sha256: str
    facts: Facts
    sightings: tuple[Sighting, ...]
    requests: tuple[Asking, ...]

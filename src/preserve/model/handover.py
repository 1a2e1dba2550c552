"""The nouns of handing captures over: what was asked for, and what of each run goes along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.unchanged import Unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to hand over. Empty sets ask for nothing in particular; those that are not empty must all be met.

    `runs` are sequence numbers, `notes` printed marks, `urls` addresses in the form that goes on the wire.
    """

    runs: frozenset[int] = frozenset()
    documents: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    @property
    def by_capture(self) -> bool:
        """Whether single captures are asked for, rather than whole runs."""
        return bool(self.documents or self.notes or self.urls)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """One run, or what of it goes along. `name` is its folder's; `records` are indexes by the WARC's path in the run.

    A whole run goes along byte for byte, and then the numbers are not looked at. Of another, each record and line goes with a proof.
    `lent` is what its captures need and only lists of other pages have, which do not go along.
    """

    name: str
    manifest: Manifest
    whole: bool
    records: Mapping[str, frozenset[int]] = field(default_factory=dict)
    captures: frozenset[int] = frozenset()
    citations: frozenset[int] = frozenset()
    sources: frozenset[int] = frozenset()
    lent: frozenset[Unchanged] = frozenset()

    @property
    def at(self) -> str:
        """Its folder in the archive, as a prefix of paths."""
        return f"runs/{self.name}/"


class Gone(StrEnum):
    """Why players cannot show something."""

    ORIGINAL = "original"
    """It was as the archive had it, and the record that has it was removed."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What is handed over, and players cannot show. `run` is the name of its run's folder, `capture` None for what was only listed as unchanged."""

    run: str
    capture: int | None
    url: str
    at: datetime
    why: Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A page for players in the place of what they cannot show: `uri` and `date` are those of what it stands for."""

    uri: str
    date: datetime
    why: Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """What players cannot show of what is handed over.

    `hidden` are, by run, the (WARC file, index) of revisits that are in no index, because players would show something else for them.
    """

    hidden: Mapping[str, frozenset[tuple[str, int]]] = field(default_factory=dict)
    lost: tuple[Lost, ...] = ()
    notices: tuple[Notice, ...] = ()

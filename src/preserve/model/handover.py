"""The nouns of handing captures over: what was asked for, and what of each run goes along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass


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
    """

    name: str
    manifest: Manifest
    whole: bool
    records: Mapping[str, frozenset[int]] = field(default_factory=dict)
    captures: frozenset[int] = frozenset()
    citations: frozenset[int] = frozenset()
    sources: frozenset[int] = frozenset()

    @property
    def at(self) -> str:
        """Its folder in the archive, as a prefix of paths."""
        return f"runs/{self.name}/"

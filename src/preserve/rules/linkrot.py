"""How the citations of a collection stand, run after run. Pure: what runs say of citations goes in, tallies come out.

Each citation is counted once, by the latest that is known of it: a run that did not ask for it changes nothing. Where a document was
written anew, its old citations are counted no longer. Nothing is left out of the denominator for having failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from preserve.model.change import Tally
from preserve.model.noun import dataclass
from preserve.model.web import Outcome, Verdict


class Health(StrEnum):
    """How a citation stands."""

    OK = "ok"
    GONE = "gone"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    NEVER = "never"
    UNADDRESSED = "unaddressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a run says of one citation. `document` is None for an address given by itself; `key` tells citations of one document apart."""

    document: str | None
    sha256: str
    key: tuple[str, ...]
    health: Health


def health(outcome: Outcome | None, verdict: Verdict | None, *, addressed: bool) -> Health:
    """How a citation stands by what came of asking."""
    if not addressed:
        return Health.UNADDRESSED
    if outcome is None or outcome is Outcome.REFUSED:
        return Health.NEVER
    if outcome is Outcome.FAILED:
        return Health.FAILED
    if outcome is Outcome.CAPTURED and verdict is Verdict.OK:
        return Health.OK
    return Health.GONE if verdict is Verdict.GONE else Health.DOUBTFUL


@dataclass(slots=True)
class History:
    """The state of a collection as its runs are taken in, oldest first."""

    _known: dict[str | None, dict[tuple[str, ...], Health]] = field(default_factory=dict)
    _version: dict[str | None, str] = field(default_factory=dict)

    def take(self, run: str, sequence: int, at: datetime, told: Iterable[Told]) -> Tally:
        """Take in what one more run says, and give the tally once it was sealed."""
        for each in told:
            known = self._known.setdefault(each.document, {})
            if each.document is not None and self._version.setdefault(each.document, each.sha256) != each.sha256:
                known.clear()
                self._version[each.document] = each.sha256
            if each.health is not Health.NEVER or each.key not in known:
                known[each.key] = each.health
        counts = Counter(health for known in self._known.values() for health in known.values())
        return Tally(run=run, sequence=sequence, at=at, **{each.value: counts[each] for each in Health})

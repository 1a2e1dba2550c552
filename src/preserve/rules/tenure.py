"""How long a key of a log signs its checkpoints (docs/formats/events.md section 10): nearly always from the first to the last.

What ends a key's time, and how that is judged, is in `rules.succession`, which a log with one key needs nothing of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preserve.formats.note import VerifierKey
from preserve.model.noun import dataclass

if TYPE_CHECKING:
    from preserve.rules.succession import Rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """The time of one key: it signs checkpoints of `first` to `last` entries (None: up to now). `ended` is the rotation that ended it."""

    key: VerifierKey
    first: int = 0
    ended: Rotated | None = None

    @property
    def last(self) -> int | None:
        return None if self.ended is None else self.ended.index

    def covers(self, size: int) -> bool:
        return self.first <= size and (self.last is None or size <= self.last)

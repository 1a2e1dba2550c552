"""The order of the log, in which runs and events meet, against the times that they claim (docs/formats/events.md section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, unchecked
from preserve.model.noun import dataclass
from preserve.rules.verify_signed import SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry of the log as far as its order matters: its index, when its signer says it was made, what findings call it."""

    index: int
    created: datetime
    subject: str
    event: bool


def judge_order(entries: Sequence[Logged]) -> Iterator[Finding]:
    """What the log has after something else cannot have been made before it. (A run and the one before it are judged as runs.)

    Each entry is held against the latest before it, so that many small steps back are seen as well as one large one. After a finding
    the next are held against that entry: one wrong clock is told once.
    """
    latest: Logged | None = None
    run: Logged | None = None
    for later in sorted(entries, key=lambda entry: entry.index):
        if latest is not None and later.created < latest.created - SKEW:
            if later.event or latest is not run:
                yield unchecked(
                    Claim.EVENTS if later.event else Claim.CREATED,
                    later.subject,
                    f"not borne out: it claims {rfc3339(later.created)}, but the log has it after {latest.subject},"
                    f" which claims {rfc3339(latest.created)}",
                    needed=True,
                )
            latest = later
        elif latest is None or later.created > latest.created:
            latest = later
        run = run if later.event else later

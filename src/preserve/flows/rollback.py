"""`preserve trust accept-rollback`: going on from a log that is older than, or other than, the one that was seen here before.

What a verifier remembers of a log is its only means, without witnesses, to see that entries were taken away. So the memory gives way
only to a statement in the log itself, by a trusted signer, that says from what to what the log was rolled back and why. Who keeps the log
makes that statement; whoever else saw the longer log accepts it by the same command, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from preserve.errors import TrustError
from preserve.formats.note import Checkpoint
from preserve.model.event import EventKind, Rollback, Statement
from preserve.model.finding import Report, Result
from preserve.rules.verify_log import History, Remembered, acceptance

if TYPE_CHECKING:
    from preserve.flows.verify_events import EventCheck


def require_sound(report: Report) -> None:
    """Raise TrustError when what is to be accepted does not hold in itself. `report`: verified as if never seen before."""
    for finding in report.findings:
        if finding.result is Result.FAIL:
            raise TrustError(
                f"this archive does not verify even by itself: {finding.subject}: {finding.detail}",
                "look at preserve verify; only an archive that holds in itself can be accepted",
            )


def given_up(remembered: Iterable[Remembered], entries: Iterable[bytes]) -> tuple[Remembered, ...]:
    """Those of the logs seen before that the log of these entries does not continue, the longest first."""
    history = History(entries)
    lost = {old for old in remembered if not history.holds(old.head.size, old.head.root)}
    return tuple(sorted(lost, key=lambda old: (old.head.size, old.head.root), reverse=True))


def accepted(checks: Iterable[EventCheck]) -> tuple[Statement, ...]:
    """The rollbacks that a trusted signer has stated in the log."""
    return tuple(
        check.statement
        for check in checks
        if check.established and check.statement is not None and check.statement.kind is EventKind.ROLLBACK
    )


def uncovered(lost: Sequence[Remembered], statements: Sequence[Statement]) -> tuple[Remembered, ...]:
    """Those of `lost` that no statement gives up."""
    return tuple(old for old in lost if acceptance(old, statements) is None)


def body(old: Checkpoint, head: tuple[int, bytes], reason: str) -> Rollback:
    """What is stated when a log with the head (size, root) goes on in the place of `old`."""
    size, root = head
    return Rollback(
        reason=reason,
        remembered_size=old.size,
        remembered_root=old.root.hex(),
        accepted_size=size,
        accepted_root=root.hex(),
    )

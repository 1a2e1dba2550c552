"""Telling people what scheduled captures found: one digest to each receiver that has something new to hear.

Events wait in the schedules' memory until they were delivered, so that neither a kill nor a mail server that is down swallows one. What
could not be delivered is said, joins the next digest, and is tried again after an hour at the earliest. Captures do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from preserve.model.digest import Digest, Undelivered
from preserve.model.schedule import Schedule
from preserve.ports import Clock, Notifier, ScheduleMemory

_PATIENCE = timedelta(hours=1)


def deliver(
    memory: ScheduleMemory,
    receivers: Mapping[str, Notifier],
    schedules: Sequence[Schedule],
    *,
    archive: str,
    archive_id: str | None,
    clock: Clock,
    tell: Callable[[str], None],
    fresh: bool,
) -> None:
    """Tell every receiver what it was not told yet. `fresh`: a capture was just made, so that a failed delivery is tried again at once."""
    chosen = {schedule.id: schedule.notify for schedule in schedules}
    missed = {each.receiver: each for each in memory.undelivered()}
    for name, notifier in receivers.items():
        before = missed.get(name)
        now = clock.now()
        if before is not None and not fresh and before.at <= now < before.at + _PATIENCE:
            continue
        upto, events = memory.untold(name)
        wanted = tuple(event for event in events if (names := chosen.get(event.schedule)) is None or name in names)
        if not wanted:
            if events:
                memory.told(name, upto)
            continue
        digest = Digest(archive=archive, archive_id=archive_id, at=now, events=wanted, undelivered=tuple(missed.values()))
        why = notifier.send(digest)
        if why:
            tell(f"{name} could not be told what happened: {why}. It is tried again with the next digest.")
            memory.not_told(name, Undelivered(receiver=name, at=now, reason=why))
        else:
            memory.told(name, upto)

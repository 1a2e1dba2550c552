"""When a schedule is due: pure; the time, the zone and what is remembered are arguments (docs/formats/schedules.md section 3).

Two kinds of rhythm, one rule each:

* `every`: an interval after the due time that was satisfied last, the first at once. Counted in elapsed seconds, so clocks put forward
  or back by law do not matter.
* `cron`: the times of an expression in a time zone. A time that the spring gap swallows comes right after the gap, one that autumn
  repeats comes once (cronsim does as Debian's cron does; so does a wildcard hour, which comes in both of the repeated hours).

Times that were missed are caught up by one capture, however many they were: what counts is whether there is any due time between the
last one satisfied and now. A clock that was set back repeats no due time; one that was set back by more than a day is taken at its
word, for else a capture in a wrong year would silence the schedule until that year comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from cronsim import CronSim, CronSimError

from preserve.model.schedule import Schedule

MAX_JITTER = 600
"""Seconds; the longest that the daemon comes late on purpose."""
LONGEST_HOLD = timedelta(days=30)
"""A target that fails is asked again after so long, however often it failed."""
_TRANSITION = timedelta(hours=3)
"""Longer than any zone's clock was ever put forward or back by for summer."""
_PATIENCE = timedelta(days=1)


def check_cron(expression: str) -> str:
    """Why this is no cron expression with five fields that ever comes, in a few words; "" when it is one."""
    return _check_cron(" ".join(expression.split()))


@lru_cache(maxsize=4096)
def _check_cron(expression: str) -> str:
    if len(expression.split()) != 5:
        return "it takes five fields: minute, hour, day of the month, month, day of the week"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as problem:
        return str(problem)[:1].lower() + str(problem)[1:]
    except StopIteration:
        return "there is no such day"
    return ""


def around(expression: str, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
    """The last time of a cron expression that is not after `now`, and the first that is; both in UTC."""
    if now.microsecond or now.tzinfo is not UTC:
        now = now.astimezone(UTC).replace(microsecond=0)
    return _around(expression, zone, now)


@lru_cache(maxsize=16384)
def _around(expression: str, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
    here = now.astimezone(zone)
    if (here + _TRANSITION).utcoffset() == here.utcoffset() == (here - _TRANSITION).utcoffset():
        behind, ahead = now, now
    else:
        # Around a transition a step over the clock's face may go past times that come twice, or never: begin further away.
        behind, ahead = now + _TRANSITION, now - _TRANSITION
    last = next(time for time in _times(expression, (behind + timedelta(seconds=1)).astimezone(zone), back=True) if time <= now)
    first = next(time for time in _times(expression, ahead.astimezone(zone), back=False) if time > now)
    return last, first


def _times(expression: str, start: datetime, *, back: bool) -> Iterator[datetime]:
    for time in CronSim(expression, start, reverse=back):
        yield time.astimezone(UTC)


def anchor(schedule: Schedule, satisfied: datetime | None) -> datetime:
    """The time up to which nothing is owed."""
    return schedule.created if satisfied is None else satisfied


def set_back(schedule: Schedule, satisfied: datetime | None, now: datetime) -> bool:
    """Whether the clock stands so far before what it said earlier that this is to be told, and the schedule to start from `now`."""
    return anchor(schedule, satisfied) > now + _PATIENCE


def next_due(schedule: Schedule, zone: tzinfo, satisfied: datetime | None, now: datetime) -> datetime:
    """When the schedule is due next: a time that is not after `now` when it is due already."""
    if set_back(schedule, satisfied, now):
        satisfied = now
    if schedule.every is not None:
        return schedule.created if satisfied is None else satisfied + timedelta(seconds=schedule.every)
    assert schedule.cron is not None, "a schedule has either"
    owed_from = anchor(schedule, satisfied)
    last, first = around(schedule.cron, zone, now)
    if last > owed_from:
        return last
    return first if first > owed_from else around(schedule.cron, zone, owed_from)[1]


def satisfied_by(schedule: Schedule, due: datetime, began: datetime) -> datetime:
    """Up to when nothing is owed after a capture for `due` that began at `began`.

    An interval counts on from the due time, so that coming a little late does not add up; from the capture when it came so late that
    the next would follow within half the interval.
    """
    if schedule.every is not None and began - due < timedelta(seconds=schedule.every) / 2:
        return due
    return began


def interval(schedule: Schedule, zone: tzinfo, now: datetime) -> timedelta:
    """How far apart two due times are, at this time."""
    if schedule.every is not None:
        return timedelta(seconds=schedule.every)
    assert schedule.cron is not None, "a schedule has either"
    last, first = around(schedule.cron, zone, now)
    return first - last


def held_until(failures: int, began: datetime, apart: timedelta) -> datetime:
    """Until when a target is left alone that has now failed `failures` times in a row, in runs that are `apart`.

    After the first failure it is asked at the next due time, then at every second, fourth, eighth, and after 30 days at the latest. Half
    an interval is taken off, so that a run that comes a little early does not skip it once more.
    """
    apart = min(apart, LONGEST_HOLD)
    wait = LONGEST_HOLD if failures > 24 else min(apart * (1 << (failures - 1)), LONGEST_HOLD)
    return began + wait - apart / 2


def jitter(schedule: Schedule, due: datetime, apart: timedelta) -> timedelta:
    """How late the daemon comes to this due time: the same for the same schedule and time, spread evenly over schedules.

    At most ten minutes, and a tenth of the interval.
    """
    most = MAX_JITTER if schedule.jitter is None else min(schedule.jitter, MAX_JITTER)
    digest = hashlib.sha256(f"{schedule.id} {due.astimezone(UTC).isoformat()}".encode()).digest()
    return min(timedelta(seconds=most), apart / 10) * (int.from_bytes(digest[:6]) / (1 << 48))

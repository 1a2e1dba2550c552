"""Whatever the clock does: each due time is captured at most once, and none is missed for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.model.schedule import Schedule
from preserve.rules import due

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tehran",
    "Africa/Casablanca",
]
EXPRESSIONS = [
    "30 2 * * *",
    "0 3 * * *",
    "*/20 * * * *",
    "0 * * * *",
    "0 0,2,3 * * *",
    "15 1-3 * * SUN",
    "0 0 1 * *",
    "59 23 L * *",
]
MOMENTS = st.integers(1_735_700_000, 1_798_800_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def _true_times(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """What the expression gives when it is followed forward from long before, each time once."""
    found: set[datetime] = set()
    for time in CronSim(expression, start.astimezone(zone)):
        moment = time.astimezone(UTC)
        if moment > end:
            return sorted(found)
        found.add(moment)
    return sorted(found)


@pytest.mark.long
@given(expression=st.sampled_from(EXPRESSIONS), name=st.sampled_from(ZONES), now=MOMENTS)
@settings(max_examples=150)
def test_last_and_first_are_neighbours_among_all_times(expression: str, name: str, now: datetime) -> None:
    zone, now = ZoneInfo(name), now.replace(microsecond=0)
    last, first = due.around(expression, zone, now)
    assert last <= now < first
    times = _true_times(expression, zone, now - timedelta(days=40), now + timedelta(days=40))
    assert [time for time in times if last < time < first] == []
    assert last in times
    assert first in times


JUMPS = st.one_of(
    st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(1, 60).map(lambda days: timedelta(days=days)),
    st.integers(1, 20 * 3600).map(lambda seconds: timedelta(seconds=-seconds)),
)


@given(
    rhythm=st.one_of(st.sampled_from(EXPRESSIONS), st.integers(60, 7 * 86400)),
    name=st.sampled_from(ZONES),
    created=MOMENTS,
    jumps=st.lists(JUMPS, max_size=40),
)
@settings(max_examples=150)
def test_a_schedule_is_never_captured_twice_for_one_time(
    rhythm: str | int, name: str, created: datetime, jumps: list[timedelta]
) -> None:
    zone = ZoneInfo(name)
    schedule = Schedule(
        id="s",
        every=rhythm if isinstance(rhythm, int) else None,
        cron=rhythm if isinstance(rhythm, str) else None,
        timezone=name,
        created=created,
        urls=("http://a.example/",),
    )
    satisfied: datetime | None = None
    now = created
    captured: list[datetime] = []
    for jump in jumps:
        now += jump
        if due.set_back(schedule, satisfied, now):
            satisfied = now
            captured.clear()  # the times before were those of a wrong clock
        owed = due.next_due(schedule, zone, satisfied, now)
        if owed > now:
            continue
        captured.append(owed)
        satisfied = due.satisfied_by(schedule, owed, now)
        # Right after a capture nothing is owed, however much was missed before.
        assert due.next_due(schedule, zone, satisfied, now) > now
    assert len(set(captured)) == len(captured)

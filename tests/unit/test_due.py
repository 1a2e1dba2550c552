"""When schedules are due: across daylight-saving changes, long absences, and clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from preserve.model.schedule import Schedule
from preserve.rules import due

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def schedule(**members: object) -> Schedule:
    given = {"id": "one", "every": None, "cron": None, "timezone": "UTC", "created": START, "urls": ("http://a.example/",)}
    return Schedule(**{**given, **members})  # type: ignore[arg-type]


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


# ------------------------------------------------------------------------------------------------------------------- every


def test_an_interval_is_due_at_once_and_then_an_interval_after_what_was_due() -> None:
    daily = schedule(every=86400)
    assert due.next_due(daily, UTC, None, START) == START
    assert due.next_due(daily, UTC, START, START + DAY / 2) == START + DAY


def test_coming_a_little_late_does_not_add_up() -> None:
    daily = schedule(every=86400)
    assert due.satisfied_by(daily, START, START + timedelta(minutes=9)) == START


def test_coming_very_late_counts_from_the_capture() -> None:
    daily = schedule(every=86400)
    late = START + timedelta(days=30, hours=7)
    assert due.satisfied_by(daily, START + DAY, late) == late
    assert due.next_due(daily, UTC, late, late) == late + DAY


# -------------------------------------------------------------------------------------------------------------------- cron


@pytest.mark.parametrize(
    ("zone", "expression", "now", "last", "first"),
    [
        # Spring: 02:30 does not exist on 29 March 2026 in Berlin, and comes right after the gap.
        ("Europe/Berlin", "30 2 * * *", "2026-03-29T01:59", "2026-03-28T02:30", "2026-03-29T03:00"),
        ("Europe/Berlin", "30 2 * * *", "2026-03-29T03:00", "2026-03-29T03:00", "2026-03-30T02:30"),
        # New York, 8 March 2026, and Lord Howe, where the clock moves by half an hour.
        ("America/New_York", "15 2 * * *", "2026-03-08T12:00", "2026-03-08T03:00", "2026-03-09T02:15"),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04T12:00", "2026-10-04T02:30", "2026-10-05T02:15"),
        # Santiago loses midnight itself.
        ("America/Santiago", "0 0 * * *", "2026-09-06T12:00", "2026-09-06T01:00", "2026-09-07T00:00"),
        ("Asia/Kathmandu", "0 3 * * *", "2026-06-01T12:00", "2026-06-01T03:00", "2026-06-02T03:00"),
        ("UTC", "0 0 29 2 *", "2026-06-01T12:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("Europe/Berlin", "0 9 * * MON-FRI", "2026-06-06T12:00", "2026-06-05T09:00", "2026-06-08T09:00"),
    ],
)
def test_the_times_around_now(zone: str, expression: str, now: str, last: str, first: str) -> None:
    assert due.around(expression, ZoneInfo(zone), at(now, zone)) == (at(last, zone), at(first, zone))


def test_autumn_repeats_an_hour_but_not_the_due_time_in_it() -> None:
    zone, nightly = ZoneInfo("Europe/Berlin"), schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    once = at("2026-10-25T02:30", "Europe/Berlin", fold=0)
    for minutes in (0, 1, 29, 30, 50, 60, 61, 90, 150):
        now = once + timedelta(minutes=minutes)
        assert due.around("30 2 * * *", zone, now) == (once, at("2026-10-26T02:30", "Europe/Berlin")), minutes
        assert due.next_due(nightly, zone, once, now) > now, minutes


def test_an_hourly_expression_comes_in_both_of_the_repeated_hours() -> None:
    zone = ZoneInfo("Europe/Berlin")
    now = at("2026-10-25T00:30", "Europe/Berlin")
    seen = []
    for _ in range(4):
        now = due.around("0 * * * *", zone, now)[1]
        seen.append(now)
    assert [later - sooner for sooner, later in pairwise(seen)] == [timedelta(hours=1)] * 3


def test_a_new_cron_schedule_waits_for_its_first_time() -> None:
    nightly = schedule(cron="0 3 * * *")
    assert due.next_due(nightly, UTC, None, START) == datetime(2026, 1, 6, 3, tzinfo=UTC)


def test_a_month_off_is_caught_up_by_one_capture() -> None:
    nightly = schedule(cron="0 3 * * *")
    back = START + timedelta(days=31)
    owed = due.next_due(nightly, UTC, START, back)
    assert owed == datetime(2026, 2, 5, 3, tzinfo=UTC)
    assert due.next_due(nightly, UTC, due.satisfied_by(nightly, owed, back), back) > back


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("60 3 * * *", "bad minute"),
        ("0 3 31 2 *", "bad day-of-month"),
        ("0 0 31 2 MON#5,TUE", ""),
        ("x", "five fields"),
        ("", "five fields"),
    ],
)
def test_what_is_no_expression_is_told(expression: str, why: str) -> None:
    assert why in due.check_cron(expression)
    assert bool(due.check_cron(expression)) is bool(why)


# ------------------------------------------------------------------------------------------------------------ clocks that jump


def test_a_clock_set_back_repeats_nothing() -> None:
    nightly = schedule(cron="0 3 * * *")
    satisfied = datetime(2026, 2, 5, 3, 0, 1, tzinfo=UTC)
    for back in (timedelta(seconds=1), timedelta(minutes=20), timedelta(hours=20)):
        now = satisfied - back
        assert due.next_due(nightly, UTC, satisfied, now) > satisfied


def test_a_clock_that_was_years_ahead_does_not_silence_the_schedule() -> None:
    for watched in (schedule(cron="0 3 * * *"), schedule(every=3600)):
        wrong = START + timedelta(days=20_000)
        assert due.set_back(watched, wrong, START)
        assert START < due.next_due(watched, UTC, wrong, START) <= START + DAY


# ----------------------------------------------------------------------------------------------------------- backing off


def test_a_target_that_keeps_failing_is_asked_less_and_less_and_never_given_up() -> None:
    asked, failures, held = [], 0, None
    for number in range(200):
        now = START + number * DAY
        if held is not None and held > now:
            continue
        asked.append(number)
        failures += 1
        held = due.held_until(failures, now, DAY)
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert set(gaps[5:]) == {30}


@pytest.mark.parametrize("apart", [timedelta(seconds=1), DAY, timedelta(days=36_000)])
@pytest.mark.parametrize("failures", [1, 2, 24, 25, 10**9])
def test_no_hold_is_longer_than_its_limit(apart: timedelta, failures: int) -> None:
    assert START < due.held_until(failures, START, apart) <= START + due.LONGEST_HOLD


def test_jitter_is_the_same_each_time_and_spread_over_schedules() -> None:
    many = [due.jitter(schedule(id=f"s{number}", every=86400), START, DAY) for number in range(500)]
    assert many[7] == due.jitter(schedule(id="s7", every=86400), START, DAY)
    assert max(many) <= timedelta(minutes=10)
    assert min(many) < timedelta(minutes=1)
    assert max(many) > timedelta(minutes=9)
    assert due.jitter(schedule(every=10), START, timedelta(seconds=10)) <= timedelta(seconds=1)
    assert due.jitter(schedule(every=86400, jitter=0), START, DAY) == timedelta(0)

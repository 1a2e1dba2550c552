from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import times


def test_written_in_utc_and_cut_to_milliseconds() -> None:
    moment = datetime(2026, 11, 21, 19, 2, 45, 565_999, tzinfo=timezone(timedelta(hours=2)))
    assert times.rfc3339(moment) == "2026-11-21T17:02:45.565Z"
    assert times.rfc3339(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_a_time_without_zone_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="zone"):
        times.rfc3339(datetime(2026, 1, 1))  # noqa: DTZ001 -- the point of the test


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001 -- hypothesis wants it naive
def test_round_trip(moment: datetime) -> None:
    text = times.rfc3339(moment)
    assert timedelta(0) <= moment - times.parse(text) < timedelta(milliseconds=1)
    assert times.rfc3339(times.to_milliseconds(moment)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T17:02:45Z",
        "2026-11-21T17:02:45.5Z",
        "2026-11-21T17:02:45.565999Z",
        "2026-11-21t17:02:45.565Z",
        "2026-11-21 17:02:45.565Z",
        "2026-11-21T17:02:45.565+00:00",
        "2026-11-21T17:02:60.000Z",
        "2026-13-21T17:02:45.565Z",
        "2026-11-21T17:02:45.565Z\n",
        "٢٠٢٦-11-21T17:02:45.565Z",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(FormatError, match="bad time"):
        times.parse(text)

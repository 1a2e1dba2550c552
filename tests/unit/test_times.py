from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

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


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 -- the zone is added below
def test_an_http_date_is_read_as_the_library_of_mail_reads_it(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    text = format_datetime(moment, usegmt=True)
    assert times.http_date(text) == parsedate_to_datetime(text) == moment
    assert times.http_date(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0500",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 0068 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
    ],
)
def test_other_dates_are_read_as_well(text: str) -> None:
    found = times.http_date(text)
    assert (found, found.tzinfo) == (parsedate_to_datetime(text), parsedate_to_datetime(text).tzinfo)


@pytest.mark.parametrize(
    "text",
    ["", "0", "tomorrow", "Sun, 31 Feb 2026 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:60 GMT"],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        times.http_date(text)


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_none(text: str) -> None:
    try:
        expected = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        with pytest.raises(ValueError, match=r".*"):
            times.http_date(text)
    else:
        assert times.http_date(text) == expected

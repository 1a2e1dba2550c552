"""Whether an address is asked again, when, and how often."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from exchanges import NOON, exchange, failure
from preserve.model.web import Exchange, Outcome, Trouble, Truncation
from preserve.rules import retry
from preserve.rules.retry import Again


def _busy(status: int, *headers: tuple[bytes, bytes], retries: int = 0) -> Exchange:
    return exchange(status=status, headers=headers, retries=retries)


def test_a_closed_connection_is_asked_once_more_and_at_once() -> None:
    assert retry.again(failure(trouble=Trouble.CLOSED), 0.9) == Again(seconds=0.0)
    assert retry.again(failure(trouble=Trouble.CLOSED, retries=1), 0.9) is None


def test_waits_double_and_the_last_is_for_the_end() -> None:
    waits = [retry.again(failure(trouble=Trouble.UNREACHABLE, retries=done), 0.0) for done in range(4)]
    assert waits == [Again(seconds=1.0), Again(seconds=2.0), Again(seconds=4.0, later=True), None]


def test_chance_spreads_a_wait_and_never_shortens_it() -> None:
    for chance in (0.0, 0.3, 1.0):
        again = retry.again(failure(trouble=Trouble.UNREACHABLE, retries=1), chance)
        assert again is not None
        assert 2.0 <= again.seconds <= 2.5


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_host_is_asked_again(status: int) -> None:
    assert retry.again(_busy(status), 0.0) == Again(seconds=1.0)


@pytest.mark.parametrize(
    "answer",
    [
        exchange(),
        exchange(status=404),
        exchange(status=500),
        exchange(outcome=Outcome.TRUNCATED, truncated=Truncation.DISCONNECT),
        failure(problem="no such host"),
        failure(problem="the reply is not HTTP", garbage=b"220 mail"),
        failure(outcome=Outcome.REFUSED),
    ],
    ids=lambda answer: f"{answer.status} {answer.problem} {answer.truncated}",
)
def test_an_answer_stands_whatever_it_is(answer: Exchange) -> None:
    assert retry.again(answer, 0.0) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"7", 7.0),
        (b"0", 0.0),
        (b"00000000030", 30.0),
        (b"Wed, 04 Mar 2026 12:00:31 GMT", 30.0),
        (b"Wednesday, 04-Mar-26 12:00:31 GMT", 30.0),
        (b"Wed Mar  4 12:00:31 2026", 30.0),
        (b"Wed, 04 Mar 2026 11:00:00 GMT", 0.0),
        (b"soon", None),
        (b"", None),
        (b"-5", None),
        (b"7.5", None),
        (b"9" * 30, math.inf),
        (b"\xff\xfe", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: bytes, seconds: float | None) -> None:
    answer = _busy(503, (b"Retry-After", value), (b"Date", b"Wed, 04 Mar 2026 12:00:01 GMT"))
    assert retry.retry_after(answer) == seconds


def test_a_date_is_read_against_the_hosts_own_clock() -> None:
    """A host whose clock is an hour off still means thirty seconds; one that tells no time is taken at ours."""
    date = (b"Retry-After", b"Wed, 04 Mar 2026 13:00:31 GMT")
    assert retry.retry_after(_busy(503, date, (b"Date", b"Wed, 04 Mar 2026 13:00:01 GMT"))) == 30.0
    bare = exchange(status=503, headers=(date,), ended=NOON + timedelta(hours=1))
    assert retry.retry_after(bare) == pytest.approx(31.0, abs=1)


def test_retry_after_is_waited_for_within_reason() -> None:
    again = retry.again(_busy(503, (b"Retry-After", b"20")), 0.0)
    assert again is not None
    assert 20.0 < again.seconds < 21.0
    assert retry.again(_busy(429, (b"Retry-After", b"3600")), 0.0) is None
    assert retry.remark(_busy(429, (b"Retry-After", b"3600"))) == "the host asks to be asked again in 3600 s"


def test_a_number_beyond_all_reason_is_no_invitation() -> None:
    for value in (b"9" * 10, b"1" * 5000):
        endless = _busy(429, (b"Retry-After", value))
        assert retry.again(endless, 0.0) is None, "the host asked to be left alone, not for seven seconds"
        assert retry.asks_for_rest(endless)
        assert retry.remark(endless) == "the host asks to be asked again in more than 30 years"


def test_only_a_busy_host_is_listened_to() -> None:
    moved = exchange(status=301, headers=((b"Retry-After", b"30"),))
    assert (retry.again(moved, 0.0), retry.remark(moved)) == (None, "")


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (302, b"5", 5.05),
        (301, b"Sat, 21 Nov 2026 12:00:05 GMT", 5.05),
        (308, b"0", None),
        (302, b"121", None),
        (302, b"soon", None),
        (302, None, None),
        (200, b"5", None),
        (429, b"5", None),
        (503, b"5", None),
    ],
)
def test_a_redirect_may_ask_to_be_followed_later(status: int, value: bytes | None, seconds: float | None) -> None:
    headers = ((b"Date", b"Sat, 21 Nov 2026 12:00:00 GMT"), *(((b"Retry-After", value),) if value is not None else ()))
    wait = retry.before_redirect(exchange(status=status, headers=headers))
    assert wait == (None if seconds is None else Again(seconds=seconds))

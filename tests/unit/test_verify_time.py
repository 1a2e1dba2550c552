"""When was it? Every case of what tokens say beside the manifest's claim, and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from archives import NOW, Archivist, Pen, data_files
from preserve.formats.times import rfc3339
from preserve.model.finding import Claim, Finding, Result
from preserve.model.manifest import Manifest, StartToken, TimestampEntry
from preserve.model.trust import Revocation, Stamp
from preserve.rules.verify_signed import distrust, judge_trust
from preserve.rules.verify_time import Times, judge_times

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
_PLAIN = Archivist().manifest(data_files(0, 3), 0, 3)
CREATED = _PLAIN.created


def _manifest(*ends: str, starts: tuple[str, ...] = ()) -> Manifest:
    return replace(
        _PLAIN,
        timestamps=tuple(TimestampEntry(authority=name) for name in ends),
        start_tokens=tuple(StartToken(authority=name, file=f"timestamps/start-{name}.tsr", sha256="0" * 64) for name in starts),
    )


def _good(name: str, time: datetime, accuracy: timedelta = timedelta()) -> Stamp:
    return Stamp(authority=name, time=time, accuracy=accuracy, under="root 0123")


def _judge(manifest: Manifest, /, *, at: datetime = NOW, **stamps: Any) -> Times:
    found = {f"timestamps/{name.replace('_', '-')}.tsr": stamp for name, stamp in stamps.items()}
    return judge_times(manifest, found, at, "runs/x/", "runs/x")


def _told(times: Times, claim: Claim) -> list[Finding]:
    return [finding for finding in times.findings if finding.claim is claim]


def _one(times: Times, claim: Claim) -> Finding:
    (finding,) = _told(times, claim)
    return finding


def test_two_authorities_bear_it_out() -> None:
    times = _judge(
        _manifest("a", "b", starts=("a",)),
        a=_good("a", CREATED + MINUTE),
        b=_good("b", CREATED + HOUR),
        start_a=_good("a", CREATED - HOUR),
    )
    assert {finding.result for finding in times.findings} == {Result.PASS}
    assert [finding.subject for finding in _told(times, Claim.NOT_AFTER)] == [
        "runs/x/timestamps/a.tsr",
        "runs/x/timestamps/b.tsr",
    ]
    assert "borne out within 24 hours by a, b" in _one(times, Claim.CREATED).detail
    assert times.existed_by == CREATED + MINUTE


def test_nobody_was_asked() -> None:
    times = _judge(_manifest())
    assert all(finding.result is Result.NOT_CHECKED and not finding.needed for finding in times.findings)
    assert {finding.claim for finding in times.findings} == {Claim.CREATED, Claim.NOT_AFTER, Claim.NOT_BEFORE}
    assert times.existed_by is None


@pytest.mark.parametrize(
    ("away", "result", "borne_out"),
    [
        (-5 * MINUTE, Result.PASS, Result.PASS),
        (-5 * MINUTE - timedelta(milliseconds=1), Result.FAIL, Result.NOT_CHECKED),
        (24 * HOUR, Result.PASS, Result.PASS),
        (24 * HOUR + timedelta(milliseconds=1), Result.PASS, Result.NOT_CHECKED),
        (timedelta(days=4000), Result.PASS, Result.NOT_CHECKED),
    ],
)
def test_the_window(away: timedelta, result: Result, borne_out: Result) -> None:
    times = _judge(_manifest("a"), a=_good("a", CREATED + away))
    assert _one(times, Claim.NOT_AFTER).result is result
    created = _one(times, Claim.CREATED)
    assert created.result is borne_out
    assert created.needed is (result is Result.PASS and borne_out is Result.NOT_CHECKED)
    assert (times.existed_by is None) is (result is Result.FAIL)


@pytest.mark.parametrize(
    ("away", "result", "borne_out"),
    [
        (-15 * MINUTE, Result.PASS, Result.PASS),
        (-15 * MINUTE - timedelta(milliseconds=1), Result.FAIL, Result.NOT_CHECKED),
        (24 * HOUR - 10 * MINUTE, Result.PASS, Result.PASS),
        (24 * HOUR - 10 * MINUTE + timedelta(milliseconds=1), Result.PASS, Result.NOT_CHECKED),
    ],
)
def test_the_window_of_an_authority_that_is_sure_to_ten_minutes(away: timedelta, result: Result, borne_out: Result) -> None:
    times = _judge(_manifest("a"), a=_good("a", CREATED + away, 10 * MINUTE))
    assert _one(times, Claim.NOT_AFTER).result is result
    assert _one(times, Claim.CREATED).result is borne_out
    assert times.existed_by == (CREATED + away + 10 * MINUTE if result is Result.PASS else None)


def test_an_authority_vouches_for_no_more_than_its_clock() -> None:
    """Its token over SEAL for the latest moment that it can mean, its start token for the earliest."""
    vague = timedelta(seconds=1, milliseconds=500)
    times = _judge(_manifest("a", starts=("a",)), a=_good("a", CREATED, vague), start_a=_good("a", CREATED, vague))
    said = f"says a (it was {rfc3339(CREATED)}, give or take 1.5 s) under root 0123"
    assert _one(times, Claim.NOT_AFTER).detail == f"the seal existed by {rfc3339(CREATED + vague)}, {said}"
    assert _one(times, Claim.NOT_BEFORE).detail == f"sealed after {rfc3339(CREATED - vague)}, {said}"
    assert times.existed_by == CREATED + vague


@pytest.mark.parametrize(("away", "result"), [(15 * MINUTE, Result.PASS), (16 * MINUTE, Result.FAIL)])
def test_a_start_token_of_an_authority_that_is_sure_to_ten_minutes(away: timedelta, result: Result) -> None:
    assert (
        _one(_judge(_manifest(starts=("a",)), start_a=_good("a", CREATED + away, 10 * MINUTE)), Claim.NOT_BEFORE).result
        is result
    )


def test_what_lies_between_two_milliseconds_is_never_said_too_early() -> None:
    for micro, accuracy, existed, after in ((0, 600, 1000, -1000), (400, 0, 1000, 0), (1000, 1000, 2000, 0), (0, 0, 0, 0)):
        time = CREATED + timedelta(microseconds=micro)
        stamp = _good("a", time, timedelta(microseconds=accuracy))
        times = _judge(_manifest("a", starts=("a",)), a=stamp, start_a=stamp)
        assert f"existed by {rfc3339(CREATED + timedelta(microseconds=existed))}," in _one(times, Claim.NOT_AFTER).detail
        assert f"sealed after {rfc3339(CREATED + timedelta(microseconds=after))}," in _one(times, Claim.NOT_BEFORE).detail


def test_the_ends_of_time() -> None:
    for time in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
        stamp = _good("a", time, HOUR)
        assert stamp.earliest is not None
        assert stamp.latest is not None
        assert stamp.earliest <= time <= stamp.latest


def test_one_late_token_among_the_named_is_enough_of_a_doubt() -> None:
    """Else a single authority would do for whoever wants to back-date."""
    times = _judge(_manifest("a", "b"), a=_good("a", CREATED), b=_good("b", CREATED + 25 * HOUR))
    created = _one(times, Claim.CREATED)
    assert (created.result, created.needed) == (Result.NOT_CHECKED, True)
    assert "stamped by b at" in created.detail


def test_a_late_token_that_was_added_takes_nothing_away() -> None:
    times = _judge(_manifest("a"), a=_good("a", CREATED), later=_good("later", CREATED + timedelta(days=900)))
    assert _one(times, Claim.CREATED).result is Result.PASS
    assert "added later" in _told(times, Claim.NOT_AFTER)[1].detail


def test_an_added_token_stamps_a_run_that_names_none() -> None:
    times = _judge(_manifest(), later=_good("later", CREATED + timedelta(days=900)))
    assert [finding.result for finding in _told(times, Claim.NOT_AFTER)] == [Result.PASS]
    assert _one(times, Claim.CREATED).result is Result.NOT_CHECKED
    assert not _one(times, Claim.CREATED).needed


@pytest.mark.parametrize(
    ("stamp", "claim", "result", "needed"),
    [
        (Stamp(authority="x", time=CREATED, problem="it is over other bytes"), Claim.COMPLETENESS, Result.FAIL, False),
        (Stamp(authority="x", time=CREATED, doubt="no root is pinned"), Claim.NOT_AFTER, Result.NOT_CHECKED, False),
        (_good("x", CREATED - HOUR), Claim.NOT_AFTER, Result.FAIL, False),
    ],
)
def test_an_added_token_that_is_none(stamp: Stamp, claim: Claim, result: Result, needed: bool) -> None:
    finding = _one(_judge(_manifest(), x=stamp), claim)
    assert (finding.result, finding.needed) == (result, needed)


@pytest.mark.parametrize(
    ("stamp", "result"),
    [
        (Stamp(authority="a", time=CREATED, problem="wrong root"), Result.FAIL),
        (Stamp(authority="a", problem="not a time-stamp"), Result.FAIL),
        (Stamp(authority="a", time=CREATED, doubt="no root is pinned"), Result.NOT_CHECKED),
        (None, Result.NOT_CHECKED),
    ],
)
def test_a_named_token_that_proves_nothing(stamp: Stamp | None, result: Result) -> None:
    stamps: dict[str, Any] = {} if stamp is None else {"a": stamp}
    finding = _one(_judge(_manifest("a"), **stamps), Claim.NOT_AFTER)
    assert (finding.result, finding.needed) == (result, result is Result.NOT_CHECKED)
    created = _one(_judge(_manifest("a"), **stamps), Claim.CREATED)
    assert (created.result, created.needed) == (Result.NOT_CHECKED, False)

    starts: dict[str, Any] = {} if stamp is None else {"start_a": stamp}
    finding = _one(_judge(_manifest(starts=("a",)), **starts), Claim.NOT_BEFORE)
    assert (finding.result, finding.needed) == (result, result is Result.NOT_CHECKED)


@pytest.mark.parametrize(("away", "result"), [(5 * MINUTE, Result.PASS), (5 * MINUTE + MINUTE, Result.FAIL)])
def test_a_start_token_from_after_the_end(away: timedelta, result: Result) -> None:
    times = _judge(_manifest(starts=("a",)), start_a=_good("a", CREATED + away))
    assert _one(times, Claim.NOT_BEFORE).result is result
    assert times.existed_by is None, "a start token says nothing of the SEAL"


def test_a_time_that_has_not_come() -> None:
    created = _one(_judge(_manifest("a"), at=CREATED - HOUR, a=_good("a", CREATED)), Claim.CREATED)
    assert (created.result, created.needed) == (Result.NOT_CHECKED, True)
    assert "has not reached" in created.detail


def test_a_stolen_key_keeps_what_was_stamped_before() -> None:
    pen = Pen("A. Archivist")
    stolen = replace(pen.pinned, revoked_at=CREATED + 10 * HOUR, reason=Revocation.COMPROMISED)
    for existed_by, result in (
        (None, Result.NOT_CHECKED),
        (CREATED + HOUR, Result.PASS),
        (CREATED + 10 * HOUR, Result.NOT_CHECKED),
    ):
        findings = judge_trust(_manifest(), [pen.public], [stolen], "run", existed_by=existed_by)
        assert [finding.result for finding in findings] == [result]
    given_up = replace(stolen, reason=Revocation.SUPERSEDED)
    assert distrust(given_up, CREATED) == ""
    assert "given up" in distrust(given_up, CREATED + 11 * HOUR, CREATED)

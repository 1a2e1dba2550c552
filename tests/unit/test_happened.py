"""What is told of a run, and what is not; and the digest that tells it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from preserve.formats import digest as digest_format
from preserve.model.digest import Digest, Event, Kind, Undelivered
from preserve.model.lines import CaptureLine, CitedInLine
from preserve.model.schedule import Reading, Schedule, Seen
from preserve.model.web import Outcome, Verdict
from preserve.rules import happened

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAILY = timedelta(days=1)
SCHEDULE = Schedule(id="s", every=86400, cron=None, timezone="UTC", created=NOW, urls=("http://a.example/",))


def line(outcome: Outcome = Outcome.CAPTURED, verdict: Verdict | None = Verdict.OK, payload: str = "a") -> CaptureLine:
    fine = outcome is Outcome.CAPTURED
    return CaptureLine(
        capture=0,
        url="http://a.example/",
        final_url="http://a.example/",
        outcome=outcome,
        reason="" if fine else "no such host",
        status=200 if fine else None,
        verdict=verdict if fine else None,
        signals=(),
        requested_at=NOW,
        finished_at=NOW,
        payload_sha256=payload * 64,
        payload_bytes=1,
        truncated=None,
        hops=(),
        records=(),
        server=None,
        http_date=None,
        retries=0,
        cited_in=(CitedInLine(citation=0, as_written="x", document_sha256="0" * 64, locator="footnote 13", name="paper.txt"),),
        requisite_of=None,
        salt="0" * 32,
    )


FINE, GONE, DEAD = line(), line(verdict=Verdict.GONE), line(Outcome.FAILED)
OTHER, CUT, REFUSED = line(payload="b"), line(Outcome.TRUNCATED), line(Outcome.REFUSED)


def tell(*runs: CaptureLine) -> list[Event | None]:
    """What is told after each of these runs, one a day."""
    before: Seen | None = None
    told = []
    for number, found in enumerate(runs):
        now = happened.seen(found, f"run-{number}", before, NOW + number * DAILY, DAILY)
        told.append(happened.at_target(SCHEDULE, before, now, found, happened.other_bytes))
        before = now
    return told


@pytest.mark.parametrize(
    ("runs", "kinds"),
    [
        ((FINE, FINE, FINE), [None, None, None]),
        ((FINE, OTHER, OTHER), [None, Kind.CHANGED, None]),
        ((FINE, DEAD, DEAD, DEAD, FINE), [None, Kind.FAILED, None, None, Kind.RECOVERED]),
        ((DEAD, DEAD), [Kind.FAILED, None]),
        ((FINE, GONE, GONE, FINE), [None, Kind.VERDICT, None, Kind.VERDICT]),
        ((GONE,), [Kind.VERDICT]),
        ((DEAD, GONE), [Kind.FAILED, Kind.RECOVERED]),
        ((FINE, REFUSED, DEAD), [None, Kind.FAILED, None]),
        ((FINE, CUT, CUT), [None, Kind.VERDICT, None]),
        ((GONE, line(verdict=Verdict.GONE, payload="b")), [Kind.VERDICT, None]),
    ],
)
def test_only_differences_are_told(runs: tuple[CaptureLine, ...], kinds: list[Kind | None]) -> None:
    assert [event and event.kind for event in tell(*runs)] == kinds


def test_what_needs_a_person_says_so() -> None:
    assert [event and event.attention for event in tell(FINE, OTHER, DEAD, GONE, FINE)] == [None, False, True, True, False]


def test_an_event_names_who_cites_the_page() -> None:
    event = tell(FINE, DEAD)[1]
    assert event is not None
    assert (event.cited_by, event.reason, event.before, event.after) == (
        (("paper.txt", "footnote 13"),),
        "no such host",
        "ok",
        "failed",
    )


def test_a_page_that_is_not_the_cited_one_is_watched_too() -> None:
    one, other = line(verdict=Verdict.MISMATCH), line(verdict=Verdict.MISMATCH, payload="b")
    assert [event and event.kind for event in tell(one, one, other)] == [Kind.VERDICT, None, Kind.CHANGED]


@pytest.mark.parametrize("away", [GONE, DEAD])
def test_a_page_that_is_back_is_held_against_what_it_was(away: CaptureLine) -> None:
    before = happened.seen(away, "r", None, NOW, DAILY)
    now = happened.seen(FINE, "s", before, NOW + DAILY, DAILY)
    event = happened.at_target(SCHEDULE, before, now, FINE, lambda _before, _line: "not as it was in run 7")
    assert event is not None
    assert event.reason == "not as it was in run 7"


def test_only_a_failure_makes_a_target_wait() -> None:
    seen = happened.seen(GONE, "r", None, NOW, DAILY)
    assert (seen.failures, seen.held) == (0, None)
    assert happened.seen(REFUSED, "r", None, NOW, DAILY).held is None
    first = happened.seen(DEAD, "r", None, NOW, DAILY)
    second = happened.seen(DEAD, "r", first, NOW + DAILY, DAILY)
    assert (first.failures, second.failures) == (1, 2)
    assert first.held is not None
    assert first.held < NOW + DAILY
    assert second.held is not None
    assert second.held > NOW + 2 * DAILY
    assert happened.seen(FINE, "r", second, NOW, DAILY).failures == 0


def test_a_document_that_changed_and_a_problem_that_came_and_went() -> None:
    was = Reading(path="p.txt", name="p.txt", sha256="0" * 64, notes=3)
    assert happened.at_documents(SCHEDULE, (was,), (was,)) == ()
    (event,) = happened.at_documents(SCHEDULE, (was,), (replace(was, sha256="1" * 64, notes=4),))
    assert (event.before, event.after) == ("3 citations", "4 citations")
    assert happened.at_documents(SCHEDULE, (), (was,)) == ()
    kinds = [
        [event.kind for event in happened.at_schedule(SCHEDULE, before, after)]
        for before, after in (("", ""), ("", "gone"), ("gone", "gone"), ("gone", ""))
    ]
    assert kinds == [[], [Kind.PROBLEM], [], [Kind.SOLVED]]


# -------------------------------------------------------------------------------------------------------------- the digest

NASTY = "http://a.example/\x1b[2J\u202e\r\nBcc: x@evil.example"
EVENT = Event(
    kind=Kind.FAILED, schedule="s", subject=NASTY, before="ok", after="failed", reason="\x07bell", run="r",
    cited_by=(("paper\u200b.txt", "footnote 13"),), attention=True,
)  # fmt: skip
DIGEST = Digest(
    archive="arch\nive\u202e",
    archive_id="preserve/1",
    at=NOW,
    events=(EVENT, replace(EVENT, kind=Kind.CHANGED, attention=False)),
    undelivered=(Undelivered(receiver="hook", at=NOW, reason="status 500"),),
)


def test_the_json_says_all_in_ascii() -> None:
    data = digest_format.encode(DIGEST)
    assert data.isascii()
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    said = json.loads(data)
    assert (said["type"], said["version"], said["needs_a_person"], said["archive_id"]) == (
        "preserve-digest",
        1,
        True,
        "preserve/1",
    )
    assert said["events"][0]["subject"] == NASTY
    assert said["events"][0]["cited_by"] == [{"document": "paper\u200b.txt", "locator": "footnote 13"}]
    assert said["undelivered"] == [{"receiver": "hook", "at": "2026-03-01T12:00:00.000Z", "reason": "status 500"}]


def test_the_letter_shows_what_it_must_not_obey() -> None:
    text = digest_format.text(DIGEST)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "\\u{1b}[2J\\u{202e}\\u{d}\\u{a}Bcc" in text
    assert "This needs a person" in text
    assert "hook, 2026-03-01T12:00:00.000Z: status 500" in text
    subject = digest_format.subject(DIGEST)
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.endswith("1 to look at, 1 changed")


def test_a_letter_of_many_events_ends_somewhere() -> None:
    text = digest_format.text(replace(DIGEST, events=(EVENT,) * 2000))
    assert "and 1500 more" in text


@pytest.mark.parametrize("kind", list(Kind))
def test_events_read_back(kind: Kind) -> None:
    event = replace(EVENT, kind=kind)
    assert digest_format.decode_event(digest_format.encode_event(event)) == event

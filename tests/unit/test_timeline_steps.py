"""What a line of time tells of changes: which captures are told together, and which by themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from preserve.errors import FormatError
from preserve.flows.readback import Shelf
from preserve.flows.timelines import Timelines
from preserve.model.change import NEITHER, UNTOLD, ChangeKind, Pair, Step
from preserve.model.lines import CaptureLine
from preserve.model.report import Point, State
from preserve.web import steps
from preserve.web.timeline import timeline


def step(kind: ChangeKind | None, *, heading: str = "", quoted: str = "", reasons: tuple[str, ...] = ()) -> Step:
    said = heading or (UNTOLD if kind is None else kind.heading)
    return Step(since=0, kind=kind, heading=said, quoted=quoted, reasons=reasons)


SAME, NOISE, TEXT, MARKUP, GONE = (
    step(kind) for kind in (ChangeKind.IDENTICAL, ChangeKind.NOISE, ChangeKind.TEXT, ChangeKind.MARKUP, ChangeKind.GONE)
)
LOST = step(None, reasons=("the capture of run 3 is not what was sealed",))
NONE = step(ChangeKind.NOISE, heading=NEITHER)


def points(*found: Step | None, days: int = 30) -> list[Point]:
    """A first capture, and one for each step; None has not been compared yet."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Point(
            run=f"{n:06d}-x",
            sequence=n,
            capture=0,
            at=start + timedelta(days=n * days),
            state=State.CAPTURED,
            status=200,
            content=n + 1,
            step=each,
            pair=None if n == 0 else Pair(before=(f"{n - 1:06d}-x", 0, n), after=(f"{n:06d}-x", 0, n + 1)),
        )
        for n, each in enumerate((None, *found))
    ]


def told(*found: Step | None) -> list[tuple[int, int, str]]:
    """(first run, how many, kind) of each line."""
    return [(one.first.sequence, one.count, one.kind) for one in steps.told(points(*found))]


def test_each_change_has_its_line_and_noise_in_a_row_has_one() -> None:
    assert told(TEXT, TEXT, GONE) == [(1, 1, "text"), (2, 1, "text"), (3, 1, "gone")]
    assert told(NOISE, NOISE, NOISE, TEXT, NOISE) == [(1, 3, "noise"), (4, 1, "text"), (5, 1, "noise")]
    assert told(SAME, SAME) == []
    assert told(NOISE, SAME, NOISE) == [(1, 1, "noise"), (3, 1, "noise")], "not in a row"
    assert told(NOISE, NONE) == [(1, 1, "noise"), (2, 1, "noise")], "other words"
    assert told(LOST, LOST) == [(1, 1, "untold"), (2, 1, "untold")]
    assert told(None, None, TEXT, None) == [(1, 2, ""), (3, 1, "text"), (4, 1, "")]


def test_noise_that_is_told_together_keeps_every_reason_and_the_quotation() -> None:
    counter, clock = (step(ChangeKind.NOISE, reasons=(f"not counted: {what}",)) for what in ("a counter", "a clock"))
    (one,) = steps.told(points(counter, clock, counter))
    assert one.step is not None
    assert one.step.reasons == ("not counted: a counter", "not counted: a clock")
    kept = step(ChangeKind.NOISE, quoted="the quoted words stand in the later capture")
    assert [each.count for each in steps.told(points(kept, NOISE))] == [1, 1]


def test_only_what_was_compared_leads_to_a_comparison() -> None:
    assert [one.links for one in steps.told(points(TEXT, LOST, NONE, None))] == [True, False, False, False]


def test_what_is_counted() -> None:
    found = points(SAME, NOISE, NOISE, TEXT, LOST, None)
    assert [point.sequence for point in steps.real(found)] == [4, 5]
    assert (steps.noises(found), steps.waiting(found), steps.compared(found), steps.compared(found[:1])) == (2, 1, True, False)


def test_captures_are_counted_by_what_they_changed() -> None:
    found = steps.by_kind(points(SAME, NOISE, TEXT, None, LOST, GONE, NOISE, TEXT, NONE))
    assert [(kind, [point.sequence for point in those]) for kind, those in found] == [
        ("gone", [6]),
        ("not to be compared", [5]),
        ("text", [3, 8]),
        ("noise", [2, 7, 9]),
        ("not compared yet", [4]),
    ]


def test_a_line_of_time_says_it_in_words_and_draws_it() -> None:
    drawn = str(timeline(points(SAME, NOISE, MARKUP, TEXT, None, LOST)))
    assert re.findall(r'<line class="(change[^"]*)" x1="[\d.]+" x2="[\d.]+" y1="(\d+)"', drawn) == [
        ("change noise", "2"),
        ("change markup", "0"),
        ("change text", "0"),
        ("change", "0"),
        ("change untold", "0"),
    ]
    titles = re.findall(r"<title>(.*?)</title>", drawn)
    assert titles[1] == "2026-01-31 00:00 UTC, run 1: captured, status 200", "the same bytes, whatever stands in the point"
    assert titles[2].endswith("status 200; noise: other bytes, and nothing that a reader needs to hear of")
    assert titles[5].endswith("status 200, other bytes than before")
    assert titles[6].endswith("status 200; what changed cannot be told")


def test_points_that_cover_each_other_tell_how_many_of_each() -> None:
    (mark,) = re.findall(r"<title>(.*?)</title>", str(timeline(points(TEXT, NOISE, NOISE, None, GONE, SAME, days=0))))
    assert mark == ("2026-01-01, runs 0 to 6: 7 captured; gone once; text once; other bytes than before once; noise 2 times")


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\u202eevil", '"><img src=x>'])
def test_words_are_shown_and_never_obeyed(words: str) -> None:
    drawn = str(timeline(points(step(ChangeKind.TEXT, heading=words, quoted=words))))
    assert words not in drawn
    assert "<script>" not in drawn


# --------------------------------------------------------------------------------------------------------- working them out


def pairs(count: int) -> list[Pair]:
    return [Pair(before=("000000-x", n, 1), after=("000001-x", n, 2)) for n in range(count)]


def unreadable(pair: Pair) -> tuple[CaptureLine, CaptureLine]:
    raise FormatError(f"line {pair.after[1]} cannot be read")


def test_what_cannot_be_read_has_a_step_that_says_so() -> None:
    timelines = Timelines()
    timelines.work_out(Shelf(()), pairs(1), unreadable, None)
    assert timelines.steps == {pairs(1)[0]: step(None, reasons=("line 0 cannot be read",))}


def test_what_could_not_be_compared_is_looked_at_again() -> None:
    timelines = Timelines()
    one, other = pairs(2)
    timelines.steps.update({one: LOST, other: TEXT})
    timelines.look_again()
    assert timelines.steps == {other: TEXT}


def test_it_stops_when_it_is_enough_and_goes_on_where_it_was() -> None:
    timelines, asked = Timelines(), list[int]()

    def lines(pair: Pair) -> tuple[CaptureLine, CaptureLine]:
        asked.append(pair.after[1])
        return unreadable(pair)

    for most in (2, 4, 9):
        timelines.work_out(Shelf(()), pairs(5), lines, None, lambda most=most: len(asked) >= most)  # type: ignore[misc]
        assert len(timelines.steps) == min(most, 5)
    assert asked == [0, 1, 2, 3, 4], "none is compared twice"


def test_who_comes_while_another_compares_does_not_wait() -> None:
    timelines = Timelines()

    def meanwhile(pair: Pair) -> tuple[CaptureLine, CaptureLine]:
        timelines.work_out(Shelf(()), pairs(5), unreadable, None)
        assert timelines.steps == {}
        return unreadable(pair)

    timelines.work_out(Shelf(()), pairs(1), meanwhile, None)
    assert len(timelines.steps) == 1

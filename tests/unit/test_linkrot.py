"""How citations are counted over time, and the drawing of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from preserve.model.change import Tally
from preserve.model.web import Outcome, Verdict
from preserve.rules.linkrot import Health, History, Told, health
from preserve.web.linkrot import PARTS, drawing

AT = datetime(2026, 1, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("outcome", "verdict", "counted"),
    [
        (Outcome.CAPTURED, Verdict.OK, Health.OK),
        (Outcome.CAPTURED, Verdict.GONE, Health.GONE),
        (Outcome.CAPTURED, Verdict.SOFT_404, Health.DOUBTFUL),
        (Outcome.CAPTURED, Verdict.CHALLENGE, Health.DOUBTFUL),
        (Outcome.CAPTURED, Verdict.MISMATCH, Health.DOUBTFUL),
        (Outcome.CAPTURED, None, Health.DOUBTFUL),
        (Outcome.TRUNCATED, None, Health.DOUBTFUL),
        (Outcome.FAILED, None, Health.FAILED),
        (Outcome.REFUSED, None, Health.NEVER),
        (None, None, Health.NEVER),
    ],
)
def test_what_each_end_counts_as(outcome: Outcome | None, verdict: Verdict | None, counted: Health) -> None:
    assert health(outcome, verdict, addressed=True) is counted
    assert health(outcome, verdict, addressed=False) is Health.UNADDRESSED


def told(document: str | None, key: str, state: Health, sha256: str = "a") -> Told:
    return Told(document=document, sha256=sha256, key=(key,), health=state)


def test_each_citation_is_counted_once_by_what_is_known_last() -> None:
    history = History()
    first = history.take("0", 0, AT, [told("d", "1", Health.OK), told("d", "2", Health.FAILED), told(None, "u", Health.NEVER)])
    assert (first.cited, first.ok, first.failed, first.never) == (3, 1, 1, 1)
    second = history.take("1", 1, AT, [told("d", "2", Health.OK)])  # the others were not asked for
    assert (second.cited, second.ok, second.never) == (3, 2, 1)
    third = history.take("2", 2, AT, [told("d", "1", Health.NEVER), told(None, "u", Health.GONE)])
    assert (third.cited, third.ok, third.gone, third.never) == (
        3,
        2,
        1,
        0,
    )  # that it was not asked now does not undo what is known


def test_a_document_written_anew_is_counted_anew() -> None:
    history = History()
    history.take("0", 0, AT, [told("d", "1", Health.OK), told("d", "2", Health.OK), told("e", "1", Health.OK)])
    after = history.take("1", 1, AT, [told("d", "1", Health.GONE, "b"), told("d", "3", Health.UNADDRESSED, "b")])
    assert (after.cited, after.ok, after.gone, after.unaddressed) == (2, 1, 1, 1)


def tallies(count: int) -> list[Tally]:
    return [
        Tally(run=str(n), sequence=n, at=AT + timedelta(days=n), ok=10, gone=n % 4, never=1, failed=2, doubtful=3)
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
def test_the_drawing_says_what_it_shows(count: int) -> None:
    root = ET.fromstring(drawing(tallies(count), "harbour"))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "Link rot of harbour"
    bars = [rect for rect in root.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert bool(bars) == bool(count)
    assert len(bars) <= 130 * len(PARTS)
    if count:
        told = bars[-1].find(f"{SVG}title")
        assert told is not None
        assert (told.text or "").startswith(f"run {count - 1}, ")  # the last run is never passed over
        assert f"10 ok, 3 doubtful, {(count - 1) % 4} gone, 2 failed, 1 never captured" in (description.text or "")


def test_a_bar_is_as_high_as_its_count() -> None:
    root = ET.fromstring(drawing([Tally(run="0", sequence=0, at=AT, ok=3, gone=1)]))
    heights = {
        rect.get("class"): float(rect.get("height") or 0)
        for rect in root.iter(f"{SVG}rect")
        if rect.find(f"{SVG}title") is not None
    }
    assert heights["ok"] == pytest.approx(3 * heights["gone"])


def test_a_name_from_outside_is_text() -> None:
    text = drawing(tallies(1), "<script>\x1b\u202e")
    ET.fromstring(text)
    assert "<script>" not in text
    assert "\\u{1b}\\u{202e}" in text


def test_the_drawing_says_which_runs_it_shows_and_brings_its_ground() -> None:
    few, many = drawing(tallies(3)), drawing(tallies(1000))
    assert "after each run<" in few
    assert "after 112 of 1,000 runs, the last among them<" in many
    assert "each run" not in many
    ground = ET.fromstring(few).find(f"{SVG}rect")
    assert ground is not None
    assert (ground.get("class"), ground.get("width"), ground.get("height")) == ("paper", "720", "336")

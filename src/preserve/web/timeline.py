"""The captures of one address on a line of time, as SVG. Shape and colour say the same, and words say it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup, escape

from preserve.formats.printable import printable
from preserve.model.change import UNTOLD, ChangeKind
from preserve.model.report import Point, State
from preserve.web.steps import word

_WIDTH, _HEIGHT, _EDGE, _LINE = 320, 40, 9, 13
_APART = 12
"""How far apart marks stand at least: none is wider."""
_GRAVEST = (State.ALTERED, State.REMOVED, State.NOT_CAPTURED, State.DOUBTFUL, State.THIRD_PARTY, State.CAPTURED)
_OTHER = "other"
_STRONGEST = ("gone", "back", "untold", "text", _OTHER, "markup", "noise")
_CHANGES = {_OTHER: "other bytes than before", "untold": UNTOLD}
_WORDS = {
    State.CAPTURED: "captured",
    State.THIRD_PARTY: "a third party\u2019s",
    State.DOUBTFUL: "doubtful",
    State.NOT_CAPTURED: "not captured",
    State.ALTERED: "altered",
    State.REMOVED: "removed",
}


def timeline(points: Sequence[Point], here: tuple[str, int] | None = None, *, whole: bool = False) -> Markup:
    """The points in their order, oldest first; `here` is the (run, capture) that the page is about. Empty for less than two.

    `whole`: it stands above those of its parts, and scripts leave it alone.

    A mark above the line says that other bytes came than the time before, and where the two were compared, what that comes to: a short one is
    noise, one with gaps markup. Points that would cover each other are one mark, which tells of all of them.
    """
    if len(points) < 2:
        return Markup("")
    first, last = points[0].at, points[-1].at
    span = max((last - first) / timedelta(seconds=1), 1e-3)
    placed, before = [], 0
    for point in points:
        x = round(_EDGE + (_WIDTH - 2 * _EDGE) * max(0.0, min(1.0, (point.at - first) / timedelta(seconds=1) / span)), 1)
        changed = bool(before and point.content and point.content != before)
        before = point.content or before
        if point.step is not None:
            mark = "" if point.step.kind is ChangeKind.IDENTICAL else word(point.step)
        else:
            mark = _OTHER if changed else ""
        placed.append(_Placed(point, x, mark, here == (point.run, point.capture)))
    marks = [_mark(group[0]) if len(group) == 1 else _several(group) for group in _gathered(placed)]
    end, text = _WIDTH - _EDGE, _HEIGHT - 4
    drawn = (
        f'<svg class="timeline{" whole" if whole else ""}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{_label(points)}">'
        f'<line class="axis" x1="{_EDGE}" x2="{end}" y1="{_LINE}" y2="{_LINE}"/>{"".join(marks)}'
        f'<text x="0" y="{text}">{first:%Y-%m-%d}</text><text x="{_WIDTH}" y="{text}" text-anchor="end">{last:%Y-%m-%d}</text></svg>'
    )
    return Markup(drawn)  # noqa: S704 -- numbers, dates and our own words


class _Placed(NamedTuple):
    """A point, its place on the line, what kind of change came with it ("" for none), and whether the page is about it."""

    point: Point
    x: float
    change: str
    here: bool


def _gathered(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """The points, those together that would cover each other: each group has its own stretch of the line."""
    group: list[_Placed] = []
    for each in placed:
        if group and each.x - group[0].x >= _APART:
            yield group
            group = []
        group.append(each)
    yield group


def _several(group: Sequence[_Placed]) -> str:
    """One mark for several points: the gravest state among them, and in words how many there are of each."""
    points = [each.point for each in group]
    state = min((point.state for point in points), key=_GRAVEST.index)
    first, last = f"{points[0].at:%Y-%m-%d}", f"{points[-1].at:%Y-%m-%d}"
    counts = ", ".join(
        f"{count} {_WORDS[each]}" for each in _GRAVEST[::-1] if (count := sum(point.state is each for point in points))
    )
    changes = Counter(each.change for each in group if each.change)
    title = f"{first if first == last else f'{first} to {last}'}, {_runs(points)}: {counts}" + "".join(
        f"; {_CHANGES.get(each, each)} {_times(changes[each])}" for each in _STRONGEST if changes[each]
    )
    middle = round((group[0].x + group[-1].x) / 2, 1)
    strongest = next((each for each in _STRONGEST if changes[each]), "")
    return _drawn(state, middle, title, change=strongest, here=any(each.here for each in group))


def _runs(points: Sequence[Point]) -> str:
    """Which runs they are of: in time, a third party's stand before runs that are older than their import."""
    numbers = [point.sequence for point in points]
    return f"runs {min(numbers)} to {max(numbers)}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _mark(placed: _Placed) -> str:
    point = placed.point
    title = (
        f"{point.at:%Y-%m-%d %H:%M} UTC, run {point.sequence}: {_WORDS[point.state]}"
        + (f", status {point.status}" if point.status else "")
        + _words(placed)
    )
    return _drawn(point.state, placed.x, title, change=placed.change, here=placed.here)


def _words(placed: _Placed) -> str:
    step = placed.point.step
    if step is None or not placed.change:
        return ", other bytes than before" if placed.change else ""
    return str(escape(printable("".join(f"; {part}" for part in (step.heading, step.quoted) if part))))


def _drawn(state: State, x: float, title: str, *, change: str, here: bool) -> str:
    y = _LINE
    shape = {
        State.CAPTURED: f'<circle cx="{x}" cy="{y}" r="5"/>',
        State.THIRD_PARTY: f'<path d="M{x} {y - 5}L{x + 5} {y + 4}L{x - 5} {y + 4}Z"/>',
        State.DOUBTFUL: f'<circle cx="{x}" cy="{y}" r="4"/>',
        State.NOT_CAPTURED: f'<path d="M{x - 4} {y - 4}L{x + 4} {y + 4}M{x - 4} {y + 4}L{x + 4} {y - 4}"/>',
        State.ALTERED: f'<path d="M{x} {y - 6}L{x + 6} {y}L{x} {y + 6}L{x - 6} {y}Z"/>',
        State.REMOVED: f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8"/>',
    }[state]
    top = y - 11 if change == ChangeKind.NOISE else 0
    kind = "change" if change == _OTHER else f"change {change}"
    mark = f'<line class="{kind}" x1="{x}" x2="{x}" y1="{top}" y2="{y - 7}"/>' if change else ""
    ring = f'<circle class="here" cx="{x}" cy="{y}" r="8"/>' if here else ""
    return f'<g class="{state.value}"><title>{title}</title>{mark}{ring}{shape}</g>'


def _label(points: Sequence[Point]) -> str:
    counts = {state: sum(point.state is state for point in points) for state in State}
    said = ", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items() if count)
    return f"Asked {len(points)} times from {points[0].at:%Y-%m-%d} to {points[-1].at:%Y-%m-%d}: {said}"

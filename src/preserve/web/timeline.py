"""The captures of one address on a line of time, as SVG. Shape and colour say the same, and words say it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from markupsafe import Markup

from preserve.model.report import Point, State

_WIDTH, _HEIGHT, _EDGE, _LINE = 320, 40, 9, 13
_WORDS = {
    State.CAPTURED: "captured",
    State.DOUBTFUL: "doubtful",
    State.NOT_CAPTURED: "not captured",
    State.ALTERED: "altered",
    State.REMOVED: "removed",
}


def timeline(points: Sequence[Point], here: tuple[str, int] | None = None) -> Markup:
    """The points in their order, oldest first; `here` is the (run, capture) that the page is about. Empty for less than two.

    A mark above the line says that other bytes came than the time before; what that comes to, `preserve diff` says.
    """
    if len(points) < 2:
        return Markup("")
    first, last = points[0].at, points[-1].at
    span = max((last - first) / timedelta(seconds=1), 1e-3)
    marks, before = [], 0
    for point in points:
        x = round(_EDGE + (_WIDTH - 2 * _EDGE) * max(0.0, min(1.0, (point.at - first) / timedelta(seconds=1) / span)), 1)
        changed = bool(before and point.content and point.content != before)
        before = point.content or before
        marks.append(_mark(point, x, changed=changed, here=here == (point.run, point.capture)))
    end, text = _WIDTH - _EDGE, _HEIGHT - 4
    drawn = (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{_label(points)}">'
        f'<line class="axis" x1="{_EDGE}" x2="{end}" y1="{_LINE}" y2="{_LINE}"/>{"".join(marks)}'
        f'<text x="0" y="{text}">{first:%Y-%m-%d}</text><text x="{_WIDTH}" y="{text}" text-anchor="end">{last:%Y-%m-%d}</text></svg>'
    )
    return Markup(drawn)  # noqa: S704 -- numbers, dates and our own words


def _mark(point: Point, x: float, *, changed: bool, here: bool) -> str:
    y = _LINE
    shape = {
        State.CAPTURED: f'<circle cx="{x}" cy="{y}" r="5"/>',
        State.DOUBTFUL: f'<circle cx="{x}" cy="{y}" r="4"/>',
        State.NOT_CAPTURED: f'<path d="M{x - 4} {y - 4}L{x + 4} {y + 4}M{x - 4} {y + 4}L{x + 4} {y - 4}"/>',
        State.ALTERED: f'<path d="M{x} {y - 6}L{x + 6} {y}L{x} {y + 6}L{x - 6} {y}Z"/>',
        State.REMOVED: f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8"/>',
    }[point.state]
    title = (
        f"{point.at:%Y-%m-%d %H:%M} UTC, run {point.sequence}: {_WORDS[point.state]}"
        + (f", status {point.status}" if point.status else "")
        + (", other bytes than before" if changed else "")
    )
    change = f'<line class="change" x1="{x}" x2="{x}" y1="0" y2="{y - 7}"/>' if changed else ""
    ring = f'<circle class="here" cx="{x}" cy="{y}" r="8"/>' if here else ""
    return f'<g class="{point.state.value}"><title>{title}</title>{change}{ring}{shape}</g>'


def _label(points: Sequence[Point]) -> str:
    counts = {state: sum(point.state is state for point in points) for state in State}
    said = ", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items() if count)
    return f"Asked {len(points)} times from {points[0].at:%Y-%m-%d} to {points[-1].at:%Y-%m-%d}: {said}"

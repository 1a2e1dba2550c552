"""What became of addresses from capture to capture, as far as a report knows it: some of it without reading what was captured.

Each capture of ours is held against the one of ours before it, by runs, as `preserve diff` does (docs/adr/0270).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from preserve.flows.report_points import PAGE, Points
from preserve.flows.report_run import NONE, STATES
from preserve.model.change import NEITHER, UNTOLD, ChangeKind, Pair, Step
from preserve.model.report import SealedRun, State

_LOST = {
    State.ALTERED: "the capture of run {} is not what was sealed",
    State.REMOVED: "the capture of run {} was removed from the archive; preserve verify says by whom and why",
}
"""Captures that are not compared."""


class Steps:
    """The steps between points, by their numbers. `known` is where whoever compares captures puts what they come to."""

    def __init__(self, points: Points, runs: Sequence[SealedRun], known: Mapping[Pair, Step]) -> None:
        self._points = points
        self._runs = runs
        self._known = known

    def of(self, point: int) -> tuple[Step | None, Pair | None]:
        """What became of the address since the capture before, None where that takes reading; and the two captures, None without one before."""
        points, before = self._points, self._points.since(point)
        if before == NONE:
            return None, None
        pair = Pair(before=self._place(before), after=self._place(point))
        since = self._runs[points.run[before]].sequence
        for one in (before, point):
            if (state := STATES[points.state[one]]) in _LOST:
                why = _LOST[state].format(self._runs[points.run[one]].sequence)
                return Step(since=since, kind=None, heading=UNTOLD, reasons=(why,)), pair
        if not (points.flags[before] ^ points.flags[point]) & PAGE:
            if points.content[before] == points.content[point] != 0:
                return Step(since=since, kind=ChangeKind.IDENTICAL, heading=ChangeKind.IDENTICAL.heading), pair
            if not points.flags[point] & PAGE:
                return Step(since=since, kind=ChangeKind.NOISE, heading=NEITHER), pair
        return self._known.get(pair), pair

    def _place(self, point: int) -> tuple[str, int, int]:
        points = self._points
        return self._runs[points.run[point]].name, points.capture[point], points.content[point]

    def unknown(self, paged: Callable[[int], bool]) -> Iterator[Pair]:
        """What is still to be compared, of addresses of which a capture is `paged`: address by address, each in its order."""
        points = self._points
        for last in range(len(points.run)):
            if points.after[last] != NONE:
                continue
            line, point = [], last
            while point != NONE:
                line.append(point)
                point = points.before[point]
            for point in reversed(line) if any(map(paged, line)) else ():
                step, pair = self.of(point)
                if step is None and pair is not None:
                    yield pair

    def real(self, paged: Callable[[int], bool]) -> Iterator[int]:
        """The points that brought a change which somebody needs to hear of, of those that are `paged`."""
        for point in filter(paged, range(len(self._points.run))):
            step, _ = self.of(point)
            if step is not None and step.real:
                yield point

"""The captures of cited addresses over all runs, as a report remembers them: some numbers each, and where the one before it is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from preserve.flows.report_run import NONE, STATES, Seen

MOST_POINTS = 60
"""Captures of one address that a row or a page shows; the others are counted."""
OWN, PAGE = 1, 2
"""Of a capture: whether we asked for it ourselves, and whether it holds a page."""
NUMBERS = {state: number for number, state in enumerate(STATES)}


@dataclass(slots=True, kw_only=True)
class Points:
    """The captures of cited addresses over all runs, each with the one of the same address before it."""

    run: array[int]
    capture: array[int]
    at: array[float]
    state: bytearray
    status: array[int]
    content: array[int]
    before: array[int]
    after: array[int]
    flags: bytearray

    @classmethod
    def none(cls) -> Points:
        return cls(
            run=array("L"),
            capture=array("L"),
            at=array("d"),
            state=bytearray(),
            status=array("h"),
            content=array("Q"),
            before=array("q"),
            after=array("q"),
            flags=bytearray(),
        )

    def add(self, run: int, seen: Seen, before: int) -> int:
        self.run.append(run)
        self.capture.append(seen.number)
        self.at.append(seen.at)
        self.state.append(NUMBERS[seen.state])
        self.status.append(max(0, min(seen.status, 999)))
        self.content.append(seen.content)
        self.before.append(before)
        self.after.append(NONE)
        self.flags.append(seen.own * OWN | seen.page * PAGE)
        point = len(self.run) - 1
        if before != NONE:
            self.after[before] = point
        return point

    def since(self, point: int) -> int:
        """The last capture of ours before this one of ours; NONE where there is none."""
        before = self.before[point] if self.flags[point] & OWN else NONE
        while before != NONE and not self.flags[before] & OWN:
            before = self.before[before]
        return before

    def all(self, point: int) -> list[int]:
        """The captures of one address, oldest first, this one among them."""
        return self._line(point)[0]

    def around(self, point: int) -> tuple[list[int], int]:
        """As `all`, at most some; and how many more there are."""
        found, here = self._line(point)
        first = max(0, min(here - MOST_POINTS // 2, len(found) - MOST_POINTS))
        shown = found[first : first + MOST_POINTS]
        return shown, len(found) - len(shown)

    def _line(self, point: int) -> tuple[list[int], int]:
        """The captures of one address, and the place of this one among them."""
        found, before = [point], self.before[point]
        while before != NONE:
            found.append(before)
            before = self.before[before]
        found.reverse()
        here, after = len(found) - 1, self.after[point]
        while after != NONE:
            found.append(after)
            after = self.after[after]
        return found, here

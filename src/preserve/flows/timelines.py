"""Lines of time that tell what each change was: every capture of an address compared with the one before it, and remembered.

The judgement is that of `preserve diff`. It stands in no signed line (docs/adr/0151), so it lives as long as whoever asked: a view, or the
writing of one report. Each capture is read once for the two comparisons that it takes part in (docs/adr/0270).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from preserve.errors import FormatError, StoreError
from preserve.flows.change import Kept, Seen, difference
from preserve.flows.readback import Shelf
from preserve.flows.select import SealedRun
from preserve.model.change import UNTOLD, Pair, Step
from preserve.model.lines import CaptureLine
from preserve.rules.change import step
from preserve.rules.damage import Damage

Lines = Callable[[Pair], tuple[CaptureLine, CaptureLine]]
"""Gives what was sealed of both captures of a pair. Raises FormatError where that cannot be read."""


class Timelines:
    """What was compared so far, in `steps`. Safe to call from several threads; one of them compares at a time."""

    def __init__(self) -> None:
        self.steps: dict[Pair, Step] = {}
        self._comparing = threading.Lock()

    def work_out(
        self,
        shelf: Shelf,
        pairs: Iterable[Pair],
        lines: Lines,
        damage: Damage | None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compare the pairs that nobody compared yet, one after the other, until it is `enough`; nothing when another thread does.

        A pair whose captures cannot be read gets a step that says so. `damage` is what a verification of the archive found.
        """
        if not self._comparing.acquire(blocking=False):
            return
        try:
            runs, kept = {run.name: run for run in shelf.runs}, Kept()
            for pair in pairs:
                if enough():
                    return
                if pair not in self.steps:
                    self.steps[pair] = _compared(shelf, runs, pair, lines, damage, kept)
        finally:
            self._comparing.release()

    def look_again(self) -> None:
        """Forget what could not be compared: whoever verifies the archive anew may find it mended."""
        for pair in [pair for pair, known in list(self.steps.items()) if known.kind is None]:
            self.steps.pop(pair, None)


def _compared(shelf: Shelf, runs: dict[str, SealedRun], pair: Pair, lines: Lines, damage: Damage | None, kept: Kept) -> Step:
    try:
        one, other = lines(pair)
        before, after = Seen(run=runs[pair.before[0]], line=one), Seen(run=runs[pair.after[0]], line=other)
        return step(difference(shelf, before, after, damage, kept))
    except FileNotFoundError:
        why = "a file of the archive is missing; preserve verify says which"
    except (FormatError, StoreError) as problem:
        why = problem.message
    return Step(since=int(pair.before[0].partition("-")[0]), kind=None, heading=UNTOLD, reasons=(why,))

"""Every capture compared with the one before it, for a report: in several processes where there is enough to do, with progress on stderr."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from preserve.formats.counted import counted

if TYPE_CHECKING:
    from preserve.flows.report import Survey
    from preserve.flows.timelines import Timelines
    from preserve.model.change import Step
    from preserve.model.finding import Report
    from preserve.ports import Folder

_PART = 16
"""Comparisons that are handed out at a time: of one address, as far as it has so many, so that each page is read once for two of them."""
_EVERY = 5.0
"""Seconds between two lines about how far it is."""


def compare(survey: Survey, timelines: Timelines, folder: Folder, report: Report, workers: int | None) -> None:
    """Fill the lines of time of a survey that was made with the steps of `timelines`."""
    from preserve.adapters.reading.room import ReadingRoom
    from preserve.adapters.workers import ForkedWorkers, processors
    from preserve.flows import bundle, change
    from preserve.rules.damage import Damage

    pairs = list(survey.pairs())
    parts = [pairs[start : start + _PART] for start in range(0, len(pairs), _PART)]
    if pairs:
        _say(f"Comparing {counted(len(pairs), 'capture')} with the one before")
    damage, progress = Damage(report.findings), _Progress(len(pairs))
    survey.close()  # no file is shared with the processes that are forked
    with ReadingRoom() as reader:
        shelf = change.shelf(folder, bundle.run_names(folder), reader, unread=True)

        def work(number: int) -> list[Step]:
            progress.tell(number * _PART)
            timelines.work_out(shelf, parts[number], survey.both, damage)
            survey.close()
            return [timelines.steps[pair] for pair in parts[number]]

        count = workers or processors() if len(parts) > 1 else 1
        found = ForkedWorkers(count).map(work, range(len(parts)))
    for part, steps in zip(parts, found, strict=True):
        timelines.steps.update(zip(part, steps, strict=True))
    survey.count_changes()


class _Progress:
    """A line now and then, by the process that began: parts are handed out in their order, so the number of one tells how far all are."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._owner = os.getpid()
        self._next = time.monotonic() + _EVERY

    def tell(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next and os.getpid() == self._owner:
            self._next = now + _EVERY
            _say(f"{done} of {self._total} compared")


def _say(text: str) -> None:
    click.echo(text, err=True)

"""The bar of a capture on a terminal. Apart, because drawing costs a start that a pipe is spared."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from preserve.cli.progress import Emit, Quiet, duration, remark, requisites, size, waiting
from preserve.formats.printable import printable
from preserve.model.run import Counts
from preserve.model.web import Capture, Outcome, Verdict


class Bar(Quiet):
    """A bar that stays at the bottom of the terminal while the lines that need a look pass above it."""

    def __init__(self, emit: Emit, *, verbose: bool) -> None:
        super().__init__(emit)
        self._verbose = verbose
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            BarColumn(bar_width=28),
            TextColumn("{task.completed:.0f} of {task.total:.0f}{task.fields[requisites]}"),
            TextColumn("{task.fields[stored]}"),
            TextColumn("{task.fields[waiting]}"),
            _Elapsed(),
            console=self._console,
            transient=True,
            refresh_per_second=8,
        )
        self._task = self._bar.add_task("", total=0, requisites="", stored=size(0), waiting=waiting(0))

    def begun(self, counts: Counts) -> None:
        self._bar.start()
        self._bar.update(self._task, total=counts.total, completed=counts.done)

    def ended(self, capture: Capture, counts: Counts) -> None:
        super().ended(capture, counts)
        self._bar.update(self._task, completed=counts.done)
        line = remark(capture)
        if line is not None:
            fine = capture.outcome is Outcome.CAPTURED and capture.verdict is Verdict.OK
            self._bar.print(Text(line, style="" if fine else "yellow"))
        elif self._verbose:
            self._bar.print(Text(f"{'':<10} {'captured':<10} {capture.status}  {printable(capture.target.url)}", style="dim"))

    def progress(self, counts: Counts, stored: int, hosts: int) -> None:
        self._bar.update(self._task, requisites=requisites(counts), stored=size(stored), waiting=waiting(hosts))

    def close(self) -> None:
        self._bar.stop()


class _Elapsed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(duration(task.elapsed or 0))

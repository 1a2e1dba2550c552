"""What a person sees of a capture, on stderr: a bar on a terminal (bar.py), plain lines anywhere else.

What went well passes by in the count; what a person should look at (a failure, a page that is gone) stays as a line of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from preserve.formats.counted import counted
from preserve.formats.printable import printable
from preserve.model.run import Counts
from preserve.model.web import Capture, Memento, Outcome, Verdict

Emit = Callable[[Capture], None]

_AS_CITED = ("the cited title “", "the quoted words “", "the page is dated ", "the note names “")
"""How the reasons of `rules.fit` begin: of a page that is well they say only that it is the one that is cited."""


def size(number: float) -> str:
    """Bytes for people: "12.4 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours when there are any: "0:21"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def remark(capture: Capture) -> str | None:
    """The line of a target that a person should look at; None when all is well."""
    fine = capture.outcome is Outcome.CAPTURED and capture.verdict is Verdict.OK
    signals = tuple(signal for signal in capture.signals if not (fine and signal.startswith(_AS_CITED)))
    if fine and not signals:
        return None
    notes = ", ".join(dict.fromkeys(cited.note for cited in capture.target.cited_by if cited.note))
    where = f"note {printable(notes)}" if notes else "-"
    status = f"{capture.status}  " if capture.status is not None else ""
    what = "; ".join(filter(None, (capture.reason, *signals, _copy(capture.memento))))
    word = capture.outcome.value if fine or capture.outcome is not Outcome.CAPTURED else (capture.verdict or Verdict.OK).value
    return f"{where:<10} {word:<10} {status}{printable(capture.target.url)}: {printable(what)}"


def _copy(memento: Memento | None) -> str:
    """What a web archive that was asked had to say."""
    if memento is None:
        return ""
    if memento.url is None or memento.taken is None:
        return f"no archived copy: {memento.problem}"
    return f"an archived copy of {memento.taken:%Y-%m-%d} was kept" + (f", but {memento.problem}" if memento.problem else "")


class Quiet:
    """Says nothing of the progress; passes each capture on to `emit` (the JSON lines)."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def begun(self, counts: Counts) -> None:
        return None

    def ended(self, capture: Capture, counts: Counts) -> None:
        self._emit(capture)

    def progress(self, counts: Counts, stored: int, hosts: int) -> None:
        return None

    def close(self) -> None:
        return None


class Plain(Quiet):
    """One line for what needs a look (all of them when `verbose`), and a line of counts every ten seconds."""

    def __init__(self, emit: Emit, *, verbose: bool) -> None:
        super().__init__(emit)
        self._verbose = verbose
        self._next = time.monotonic() + 10

    def begun(self, counts: Counts) -> None:
        done = f", {counts.done} done already" if counts.done else ""
        _say(f"{counted(counts.total, 'address')} to capture{done}")

    def ended(self, capture: Capture, counts: Counts) -> None:
        super().ended(capture, counts)
        line = remark(capture)
        if line is None and self._verbose:
            line = f"{'':<10} {'captured':<10} {capture.status}  {printable(capture.target.url)}"
        if line is not None:
            _say(line)

    def progress(self, counts: Counts, stored: int, hosts: int) -> None:
        if time.monotonic() >= self._next:
            self._next += 10
            _say(f"{counts.done} of {counts.total}{requisites(counts)}   {size(stored)}   {waiting(hosts)}".rstrip())


def requisites(counts: Counts) -> str:
    """How far the images, styles and scripts of the pages are; nothing where there are none."""
    return f", {counts.fetched} of {counts.requisites} requisites" if counts.requisites else ""


def waiting(hosts: int) -> str:
    """For how many hosts it waits; nothing before the first was asked, and when all have answered."""
    return f"waiting for {counted(hosts, 'host')}" if hosts else ""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the face that talks

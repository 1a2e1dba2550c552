"""`preserve report`: everything that a page about an archive shows, gathered row by row from what was sealed.

The runs are read once, in order, for where their lines lie and how their captures stand; what is held of each is a few numbers. Then
rows and capture pages are read again one at a time, by number, in whatever order they are drawn. As in `preserve status`, what a later
run says of a citation counts; earlier captures of its address stand beside it as points in time. Whether something is intact comes
from a full verification that was made just before, never from what a line claims.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from preserve.errors import FormatError, StoreError
from preserve.flows.report_capture import Pages, answer_place
from preserve.flows.report_lines import Slices
from preserve.flows.report_overview import overview, selected
from preserve.flows.report_points import NUMBERS, Points
from preserve.flows.report_run import NONE, STATES, Run, Seen, Verified
from preserve.flows.report_steps import Steps
from preserve.model.change import Pair, Step
from preserve.model.handover import Wanted
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.manifest import Role
from preserve.model.report import CapturePage, Changed, Checked, Overview, Place, Point, Row, State
from preserve.model.trust import TrustedKey
from preserve.rules import selection, standing

if TYPE_CHECKING:
    from preserve.model.finding import Report
    from preserve.model.tree import Entry
    from preserve.ports import Folder

_ALONE, _WITH_A_ROW = 1, 2
"""Of a capture that has a page: whether it is drawn by itself, or with the first row that shows it."""
_NOBODY = "what was captured for it cannot be read: the run is altered"


class Survey:
    """An archive, read for a report; a context manager that holds its files open. `overview` says how it stands; `rows` and `page` are drawn from it one by one."""

    def __init__(
        self,
        folder: Folder,
        report: Report,
        trusted: Sequence[TrustedKey],
        wanted: Wanted,
        *,
        now: datetime,
        software: str,
        steps: Mapping[Pair, Step] | None = None,
    ) -> None:
        """Reads every sealed run once. `report` is the verification of the same archive, made `now`.

        Of `wanted`, runs and documents are looked at. `steps` is where whoever compares captures puts what they come to.
        """
        self._wanted = wanted
        self._slices = Slices(folder)
        self._points = Points.none()
        self._latest: dict[bytes, int] = {}
        self._point_of: list[array[int]] = []
        self._row_run, self._row_citation, self._row_capture = array("L"), array("q"), array("q")
        self._row_document: array[int] = array("L")
        self._row_state = bytearray()
        self._keys: dict[bytes, int] = {}
        self._documents: dict[str | None, int] = {}
        self._cited: list[bytearray] = []
        names, entries = _sealed(folder)
        verified = Verified.of(report)
        runs = [name for name in names if not wanted.runs or int(name.partition("-")[0]) in wanted.runs]
        self._runs = [Run(folder, self._slices, name, entries.get(name, ()), verified, trusted) for name in runs]
        with ExitStack() as ending:
            ending.callback(self.close)
            for number, run in enumerate(self._runs):
                self._read(number, run)
            ending.pop_all()
        self._facts = tuple(
            replace(
                run.facts,
                unread=run.unread,
                problem=run.facts.problem or ("" if not run.unread else f"{run.unread} lines of it cannot be read"),
            )
            for run in self._runs
        )
        self._steps = None if steps is None else Steps(self._points, self._facts, steps)
        self._numbers = {run.name: number for number, run in enumerate(self._facts)}
        self._order = array("L", sorted(range(len(self._row_run)), key=lambda row: (self._row_document[row], row)))
        self._changed: array[int] = array("L")
        self._led = bytes(self._leads(row) for row in self._order)
        self._latest.clear()
        self._keys.clear()
        self._pages = Pages(self._runs)
        self.overview = self._overview(folder, standing.checked(report, now), software, everything=len(names))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------------------ reading

    def _read(self, number: int, run: Run) -> None:
        points = array("q")
        bare: list[Seen] = []
        for seen in run.scan():
            key = hashlib.sha256(seen.url.encode("utf-8", "replace")).digest()[:16]
            point = self._points.add(number, seen, self._latest.get(key, NONE))
            self._latest[key] = point
            points.extend([NONE] * (seen.number + 1 - len(points)))
            points[seen.number] = point
            if not seen.citations and not self._wanted.documents:
                bare.append(seen)
        self._point_of.append(points)
        cited = bytearray(len(points))
        self._cited.append(cited)
        for seen in bare:
            cited[seen.number] = _ALONE
            self._put((None, None, seen.url, ""), number, NONE, seen.number, seen.state)
        for citation in range(len(run.answers)):
            self._read_citation(number, run, citation)

    def _read_citation(self, number: int, run: Run, citation: int) -> None:
        try:
            line = run.about(citation)
        except (FormatError, StoreError):
            run.unread += 1
            return
        if self._wanted.documents and line.document not in self._wanted.documents:
            return
        capture = run.answers[citation]
        if capture != NONE:
            self._cited[number][capture] = _ALONE
            state = STATES[self._points.state[self._point_of[number][capture]]]
        else:
            state = State.ALTERED if line.not_captured is None else State.NOT_CAPTURED
        note = line.note if line.note is not None else line.note_inferred
        url = line.url if line.url is not None else line.url_as_printed
        self._put((line.document, note, url, line.text or ""), number, citation, capture, state)

    def _put(
        self, about: tuple[str | None, str | None, str | None, str], run: int, citation: int, capture: int, state: State
    ) -> None:
        """Enter a citation, or what a later run says of one that is there."""
        key = hashlib.sha256(repr(about).encode("utf-8", "surrogatepass")).digest()[:16]
        row = self._keys.setdefault(key, len(self._row_run))
        if row == len(self._row_run):
            self._row_document.append(self._documents.setdefault(about[0], len(self._documents)))
            for column in (self._row_run, self._row_citation, self._row_capture):
                column.append(0)
            self._row_state.append(0)
        elif STATES[self._row_state[row]] is State.CAPTURED and self._imported(run):
            return  # what we saw ourselves stands before a third party's word, as in `preserve status`
        self._row_run[row], self._row_citation[row], self._row_capture[row] = run, citation, capture
        self._row_state[row] = NUMBERS[state]

    def _leads(self, row: int) -> bool:
        """Whether a row is the first of those that show its capture: the capture's page is drawn with it."""
        run, capture = self._row_run[row], self._row_capture[row]
        if capture == NONE or self._cited[run][capture] != _ALONE:
            return False
        self._cited[run][capture] = _WITH_A_ROW
        return True

    def _imported(self, run: int) -> bool:
        """Whether the captures of a run are other tools'."""
        signed = self._runs[run].facts.manifest
        return signed is not None and any(entry.role is Role.FOREIGN for entry in signed.files)

    def _overview(self, folder: Folder, checked: Checked, software: str, *, everything: int) -> Overview:
        return overview(
            folder,
            checked,
            software,
            runs=self._facts,
            documents=tuple(self._documents),
            rows=((self._row_document[row], self._row_state[row]) for row in self._order),
            captures=sum(len(cited) - cited.count(0) for cited in self._cited),
            selection=selected(self._wanted, len(self._runs), everything),
        )

    # --------------------------------------------------------------------------------------------------------------- rows

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._order)

    def rows(self, first: int = 0, end: int | None = None) -> Iterator[Row]:
        """The rows from `first` on, before `end`: documents in the order they were first cited from, notes in theirs."""
        for place in range(first, len(self._order) if end is None else min(end, len(self._order))):
            yield self._row(place, self._order[place])

    def _row(self, place: int, row: int) -> Row:
        number, citation, capture = self._row_run[row], self._row_citation[row], self._row_capture[row]
        run = self._runs[number]
        state = STATES[self._row_state[row]]
        cited, line, why = None, None, ""
        try:
            cited = None if citation == NONE else run.citation(citation)
            line = None if capture == NONE else run.capture(capture)
            why = standing.reason(cited, line)
        except FormatError:  # of an archive that nobody has checked yet
            state = State.ALTERED
        points, others = ((), 0) if line is None else self.points(number, capture)
        if line is None and state is State.ALTERED:
            why = _NOBODY
        return Row(
            number=place,
            citation=cited,
            run=self._facts[number],
            capture=line,
            state=state,
            intact=None if line is None else run.intact(line),
            reason=why,
            shown=None if line is None else answer_place(run, line),
            points=points,
            others=others,
        )

    def places(self, row: Row) -> tuple[Place, ...]:
        """Where every record of the row's capture lies; those of a damaged list are left out."""
        if row.capture is None:
            return ()
        run = self._runs[self._numbers[row.run.name]]
        found = []
        for ref in row.capture.records:
            try:
                found.append(run.place(ref))
            except FormatError:
                continue
        return tuple(found)

    def points(self, run: int, capture: int) -> tuple[tuple[Point, ...], int]:
        """The captures of one capture's address, oldest first, and how many more there are.

        By their times, not by their runs: what was imported is often older than what was captured before.
        """
        shown, more = self._points.around(self._point_of[run][capture])
        shown.sort(key=self._points.at.__getitem__)
        return tuple(self._point(point) for point in shown), more

    def every_point(self, run: int, capture: int) -> tuple[Point, ...]:
        """All captures of one capture's address, oldest first."""
        every = sorted(self._points.all(self._point_of[run][capture]), key=self._points.at.__getitem__)
        return tuple(self._point(point) for point in every)

    def history(self, row: Row) -> tuple[Point, ...]:
        """All captures of a row's address, oldest first; none where it shows no capture."""
        place = self._order[row.number]
        return () if row.capture is None else self.every_point(self._row_run[place], self._row_capture[place])

    def _point(self, point: int) -> Point:
        points = self._points
        run = self._facts[points.run[point]]
        step, pair = (None, None) if self._steps is None else self._steps.of(point)
        return Point(
            run=run.name,
            sequence=run.sequence,
            capture=points.capture[point],
            at=datetime.fromtimestamp(points.at[point], UTC),
            state=STATES[points.state[point]],
            status=points.status[point] or None,
            content=points.content[point],
            step=step,
            pair=pair,
        )

    # ------------------------------------------------------------------------------------------------------------- changes

    def pairs(self) -> Iterator[Pair]:
        """The captures to be read and compared, so that every line of time on a page tells what became of its address: address by address."""
        return iter(()) if self._steps is None else self._steps.unknown(self._paged)

    def _paged(self, point: int) -> bool:
        """Whether a capture has a page."""
        return bool(self._cited[self._points.run[point]][self._points.capture[point]])

    def both(self, pair: Pair) -> tuple[CaptureLine, CaptureLine]:
        """What was sealed of the two captures of a pair. Raises FormatError when it cannot be read."""
        (before, one, _), (after, other, _) = pair.before, pair.after
        if not {before, after} <= self._numbers.keys():
            raise FormatError("a run is not there any more", "preserve verify says what is wrong")
        return self.line(self._numbers[before], one), self.line(self._numbers[after], other)

    def count_changes(self) -> None:
        """Now that they were compared: `changes` gives the real ones, and the overview says how many there are."""
        self._changed = array("L") if self._steps is None else array("L", self._steps.real(self._paged))
        self.overview = replace(self.overview, changes=len(self._changed))

    def changes(self, first: int, end: int) -> Iterator[Changed]:
        """The real changes from `first` on, before `end`, in the order of the captures that brought them."""
        for point in self._changed[first:end]:
            run, shown = self._points.run[point], self._point(point)
            assert shown.step is not None, "it was counted"
            try:
                line = self._runs[run].capture(shown.capture)
            except FormatError:  # of an altered archive
                yield Changed(point=shown, step=shown.step, url="", cited=())
                continue
            yield Changed(point=shown, step=shown.step, url=line.url, cited=self._answered(run, line, None))

    # -------------------------------------------------------------------------------------------------------------- pages

    def lines(self, run: int) -> int:
        """How many numbers of captures a run (by its place in the overview) has, whether they have a page or not."""
        return len(self._cited[run])

    def captures(self, run: int, first: int = 0, end: int | None = None, *, alone: bool = False) -> Iterator[int]:
        """The numbers of the captures of a run that have a page, from `first` on, before `end`.

        `alone`: only those that no row shows, for `leading` gives the others.
        """
        cited = self._cited[run]
        stop = len(cited) if end is None else min(end, len(cited))
        if not alone:
            yield from (number for number in range(first, stop) if cited[number])
            return
        start = cited.find(_ALONE, first, stop)
        while start >= 0:
            yield start
            start = cited.find(_ALONE, start + 1, stop)

    def line(self, run: int, capture: int) -> CaptureLine:
        """What was sealed of one capture. Raises FormatError when it cannot be read."""
        return self._runs[run].capture(capture)

    def page(self, run: int, capture: int) -> CapturePage:
        """One capture with everything that was kept of it. Raises FormatError when its line cannot be read."""
        line = self._runs[run].capture(capture)
        points, others = self.points(run, capture)
        return self._pages.page(
            run,
            line,
            facts=self._facts[run],
            state=STATES[self._points.state[self._point_of[run][capture]]],
            cited=self._answered(run, line, None),
            points=points,
            others=others,
        )

    def leading(self, row: Row) -> tuple[int, CapturePage] | None:
        """The capture that a row shows, and its page; None where it shows none, and where an earlier row shows the same."""
        if row.capture is None or not self._led[row.number]:
            return None
        run = self._row_run[self._order[row.number]]
        page = self._pages.page(
            run,
            row.capture,
            facts=row.run,
            state=row.state,
            cited=self._answered(run, row.capture, row.citation),
            points=row.points,
            others=row.others,
        )
        return self._row_capture[self._order[row.number]], page

    def _answered(self, run: int, line: CaptureLine, known: CitationLine | None) -> tuple[CitationLine, ...]:
        """The citations that a capture answers; one of them is `known` already."""
        found = []
        for cited in line.cited_in:
            try:
                if known is not None and known.citation == cited.citation:
                    citation = known
                else:
                    citation = self._runs[run].citation(cited.citation)
            except FormatError:
                continue
            if selection.asked(citation, self._wanted):
                found.append(citation)
        return tuple(found)

    def prepare(self) -> None:
        """Find what is known of hosts, which pages need; then let go of every file, so that processes may be forked."""
        self._pages.find_hosts()
        self.close()

    def close(self) -> None:
        self._slices.close()


def _sealed(folder: Folder) -> tuple[list[str], dict[str, list[Entry]]]:
    """The names of the runs in their order, and what lies in each."""
    found: dict[str, list[Entry]] = {}
    for entry in folder.walk():
        parts = entry.path.split("/")
        if parts[0] == "runs" and len(parts) > 1 and parts[1].partition("-")[0].isdecimal():
            found.setdefault(parts[1], []).append(entry)
    return sorted(found, key=lambda name: (int(name.partition("-")[0]), name)), found

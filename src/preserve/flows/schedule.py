"""Scheduled captures, one cycle: what is due is captured, each schedule in a run of its own, and remembered.

due ──► begin (remembered) ──► capture, seal ──► what the sealed run says ──► compare ──► remember it, with what is to be told

A kill at any place is made good by the next cycle: a run that was left open is finished, one that was sealed is read and not made again.
Whom a cycle concerns is told afterwards, by flows/notify.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Protocol

from preserve.errors import ExitCode, FormatError, LockedError, PreserveError, StoreError
from preserve.formats import lines, manifest
from preserve.formats.times import rfc3339
from preserve.model.digest import Event
from preserve.model.lines import CaptureLine
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.schedule import Begun, Mistake, Progress, Reading, Schedule, Seen
from preserve.ports import ArchiveStore, Clock, Folder, ScheduleMemory
from preserve.rules import due, happened, plan

Zones = Callable[[str], tzinfo]

_WORST = (
    ExitCode.DONE,
    ExitCode.PARTIAL,
    ExitCode.NOTHING,
    ExitCode.FORMAT,
    ExitCode.CONFIG,
    ExitCode.USAGE,
    ExitCode.STORE,
    ExitCode.ALTERED,
    ExitCode.INTERRUPTED,
)
"""Exit codes from good to bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one capture: its exit code, the run that it sealed, the documents it read, and what stood in its way.

    `interrupted`: the run is left open. `stopped`: somebody asked for an end, so that nothing else is begun.
    """

    code: int
    run: str | None = None
    interrupted: bool = False
    stopped: bool = False
    readings: tuple[Reading, ...] = ()
    problems: tuple[str, ...] = ()


class Capturer(Protocol):
    """Whoever captures for a schedule."""

    def __call__(
        self, schedule: Schedule, *, held: Mapping[str, str], readings: Sequence[Reading], known: Iterator[Seen], resume: bool
    ) -> Attempt:
        """Capture what `schedule` names, but for what is `held` (the reason, by key).

        `readings` are its documents as they were read last, `known` its targets as they were found last: for when something of it can
        be read no more. `resume`: finish the open run, which is this schedule's. Raises PreserveError when nothing could be captured.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a schedule stands: when it is due (not after now when it is), and when its last run began.

    `failing` is how many of its addresses do not answer, `example` one of them.
    """

    schedule: Schedule
    due: datetime
    last: datetime | None
    problem: str
    failing: int = 0
    example: str = ""


def standings(
    schedules: Iterable[Schedule],
    progress: Mapping[str, Progress],
    zones: Zones,
    now: datetime,
    failing: Mapping[str, tuple[int, str]] = MappingProxyType({}),
) -> tuple[Standing, ...]:
    """How each schedule stands, in their order; `failing` as the schedules' memory has it."""
    nothing = Progress()
    return tuple(
        Standing(
            schedule=schedule,
            due=due.next_due(schedule, zones(schedule.timezone), (at := progress.get(schedule.id, nothing)).satisfied, now),
            last=at.last,
            problem=at.problem,
            failing=failing.get(schedule.id, (0, ""))[0],
            example=failing.get(schedule.id, (0, ""))[1],
        )
        for schedule in schedules
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """When things are captured next; by the key of an address, and by the name of a document."""

    addresses: Mapping[str, datetime]

    def of(self, url: str | None) -> datetime | None:
        """When an address is captured next; None when no schedule captures it."""
        return None if url is None else self.addresses.get(plan.key(url))


def upcoming(stand: Iterable[Standing], memory: ScheduleMemory) -> Upcoming:
    """When each address is captured next that a schedule names or was seen to lead to."""
    found: dict[str, datetime] = {}

    def enter(key: str, at: datetime) -> None:
        if key not in found or at < found[key]:
            found[key] = at

    for each in stand:
        held = {}
        for target in memory.targets(each.schedule.id):
            held[target.key] = at = each.due if target.held is None else max(each.due, target.held)
            enter(target.key, at)
        for url in each.schedule.urls:
            key = plan.key(url)
            if key not in held:
                enter(key, each.due)
    return Upcoming(addresses=found)


class Cycle:
    """One archive's schedules, captured by `capture` as they fall due."""

    def __init__(
        self,
        *,
        memory: ScheduleMemory,
        archive: ArchiveStore,
        folder: Callable[[], AbstractContextManager[Folder]],
        is_open: Callable[[], bool],
        capture: Capturer,
        zones: Zones,
        clock: Clock,
        tell: Callable[[str], None],
        differs: Callable[[Folder, str], happened.Differs] = lambda _folder, _run: happened.other_bytes,
    ) -> None:
        """`folder` opens the archive for reading, `is_open` says whether a run is open. `differs` gives, for the archive
        opened for reading and a run, what tells a changed page of that run from the same one.
        """
        self._memory = memory
        self._archive = archive
        self._folder = folder
        self._is_open = is_open
        self._capture = capture
        self._zones = zones
        self._clock = clock
        self._tell = tell
        self._differs = differs
        self.stopped = False
        """Whether somebody asked for an end while a capture was under way."""
        self.noted = False
        """Whether the last cycle found something new about the mistakes in the file."""

    def due(self, schedules: Iterable[Schedule], *, late: bool = False) -> tuple[Standing, ...]:
        """What is due now, the longest due first. `late`: only what is due for as long as its jitter asks."""
        now = self._clock.now()
        owed = (
            each for each in standings(schedules, self._memory.progress(), self._zones, now) if self._wanted(each, late) <= now
        )
        return tuple(sorted(owed, key=lambda each: (each.due, each.schedule.id)))

    def next(self, schedules: Iterable[Schedule]) -> datetime | None:
        """When the daemon has something to do next; None when there is no schedule."""
        now = self._clock.now()
        stand = standings(schedules, self._memory.progress(), self._zones, now)
        return min((self._wanted(each, late=True) for each in stand), default=None)

    def run(
        self,
        schedules: Sequence[Schedule],
        mistakes: Sequence[Mistake] = (),
        *,
        late: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> int:
        """Capture what is due; the worst exit code of it, 0 when nothing is. `stop` is asked before each schedule.

        `mistakes` are those of the file that `schedules` stand in: they are remembered and told, and the code is that of a configuration
        that needs a person, but where a capture gave a worse one. Raises LockedError when another process captures into this archive,
        StoreError when it cannot be written.
        """
        self._note(mistakes)
        self._set_right(schedules)
        worst: int = ExitCode.CONFIG if mistakes else ExitCode.DONE
        if not self.due(schedules, late=late):
            return worst
        with self._memory.exclusive():
            self._forget(schedules, mistakes)
            for each in self.due(schedules, late=late):
                if self.stopped or stop():
                    break
                code = self._one(each)
                worst = worse(worst, code)
                if code == ExitCode.INTERRUPTED:
                    break
        return worst

    def _wanted(self, each: Standing, late: bool) -> datetime:
        if not late:
            return each.due
        apart = due.interval(each.schedule, self._zones(each.schedule.timezone), each.due)
        return each.due + due.jitter(each.schedule, each.due, apart)

    def _note(self, mistakes: Sequence[Mistake]) -> None:
        """Remember what is wrong with the file, and let it be told when it is new, or over."""
        self.noted = bool(happened.at_file(mistakes, self._memory.progress()))
        if not self.noted:
            return
        try:
            with self._memory.exclusive():
                self._memory.note(happened.at_file(mistakes, self._memory.progress()))
        except LockedError:
            self.noted = False  # whoever runs the schedules reads the file too

    def _forget(self, schedules: Iterable[Schedule], mistakes: Iterable[Mistake]) -> None:
        """Forget the schedules that are there no more. One whose entry has a mistake is; so may any be, while an entry has no id."""
        kept = {schedule.id for schedule in schedules} | {name for name in self._memory.progress() if happened.is_file(name)}
        for mistake in mistakes:
            if mistake.id is None:
                return
            kept.add(mistake.id)
        self._memory.keep(kept)

    def _set_right(self, schedules: Iterable[Schedule]) -> None:
        """Let schedules whose last time lies far ahead start from now, and tell it: this clock was wrong then, or is now."""
        now, progress = self._clock.now(), self._memory.progress()
        for schedule in schedules:
            at = progress.get(schedule.id, Progress())
            if not due.set_back(schedule, at.satisfied, now):
                continue
            ahead = due.anchor(schedule, at.satisfied)
            problem = f"the clock says {rfc3339(now)}, but this schedule was at {rfc3339(ahead)} already; it goes on from now"
            self._tell(f"{schedule.id}: {problem}")
            self._memory.finish(
                schedule.id,
                replace(at, satisfied=now, problem=problem),
                events=happened.at_schedule(schedule, at.problem, problem),
            )

    def _one(self, each: Standing) -> int:
        schedule, began = each.schedule, self._clock.now()
        left = self._memory.begun(schedule.id)
        newer = self._newer(left)
        if left is not None and newer and self._answers(schedule, newer[0], left):
            self._remember(each, left.at, Attempt(code=ExitCode.DONE, run=newer[0]))
            return ExitCode.DONE
        resume = left is not None and not newer and self._is_open()
        if not resume:
            names = self._archive.run_names()
            begun = Begun(due=each.due, at=began, before=names[-1] if names else None)
            self._memory.begin(schedule.id, begun)
        else:
            assert left is not None, "only what was begun is resumed"
            begun = left
        try:
            attempt = self._capture(
                schedule,
                held=dict(self._held(schedule, began)),
                readings=self._memory.readings(schedule.id),
                known=self._memory.targets(schedule.id),
                resume=resume,
            )
        except StoreError as problem:
            if isinstance(problem, LockedError) and not resume:
                self._memory.abandon(schedule.id)
            raise
        except PreserveError as problem:
            self._tell(f"preserve: schedule {schedule.id}: {problem.message}")
            if problem.hint:
                self._tell(f"  {problem.hint}")
            attempt = Attempt(code=problem.exit_code, problems=(problem.message,))
        self.stopped = attempt.stopped
        if attempt.interrupted:
            return ExitCode.INTERRUPTED
        if attempt.run is None and resume and (newer := self._newer(begun)):
            attempt = replace(attempt, run=newer[0])
        self._remember(each, begun.at, attempt)
        return attempt.code

    def _held(self, schedule: Schedule, now: datetime) -> Iterator[tuple[str, str]]:
        for target in self._memory.targets(schedule.id):
            if target.held is not None and target.held > now:
                often = "once" if target.failures == 1 else f"{target.failures} times in a row"
                yield target.key, f"failed {often}, left alone until {rfc3339(target.held)}: {target.reason}"

    def _newer(self, begun: Begun | None) -> tuple[str, ...]:
        """The runs that were sealed since."""
        if begun is None:
            return ()
        names = self._archive.run_names()
        if begun.before is None:
            return names
        return names[names.index(begun.before) + 1 :] if begun.before in names else ()

    def _answers(self, schedule: Schedule, run: str, begun: Begun) -> bool:
        """Whether a sealed run is the one that was begun, and whole: then only its result was not remembered."""
        try:
            with self._folder() as folder:
                signed = _manifest(folder, run)
                if signed.interrupted or signed.created < begun.at:
                    return False
                wanted = {plan.key(url) for url in schedule.urls} - {key for key, _ in self._held(schedule, begun.at)}
                wanted -= {plan.key(line.url) for line in _captures(folder, run, signed)}
                with folder.open(f"runs/{run}/{signed.sources.file}") as file:
                    names = {lines.decode_source(row).name for row in lines.rows(file)}
                return not wanted and all(document.rpartition("/")[2] in names for document in schedule.documents)
        except (FormatError, StoreError, FileNotFoundError):
            return False

    def _remember(self, each: Standing, began: datetime, attempt: Attempt) -> None:
        """Enter what came of a capture, and what is to be told of it."""
        schedule = each.schedule
        apart = due.interval(schedule, self._zones(schedule.timezone), began)
        problem = "; ".join(attempt.problems)
        progress = Progress(satisfied=due.satisfied_by(schedule, each.due, began), last=began, run=attempt.run, problem=problem)
        events = (
            *happened.at_schedule(schedule, each.problem, problem),
            *happened.at_documents(schedule, self._memory.readings(schedule.id), attempt.readings),
        )
        if attempt.run is None:
            self._memory.finish(schedule.id, progress, readings=attempt.readings, events=events)
            return
        with self._folder() as folder:
            differs = self._differs(folder, attempt.run)
            found = self._found(folder, schedule, attempt.run, began, apart, differs)
            self._memory.finish(schedule.id, progress, found=found, readings=attempt.readings, events=events)

    def _found(
        self, folder: Folder, schedule: Schedule, run: str, began: datetime, apart: timedelta, differs: happened.Differs
    ) -> Iterator[tuple[Seen, Event | None]]:
        for line in _captures(folder, run, _manifest(folder, run)):
            if line.requisite_of is not None:
                continue
            before = self._memory.target(schedule.id, plan.key(line.url))
            now = happened.seen(line, run, before, began, apart)
            yield now, happened.at_target(schedule, before, now, line, differs)


def _manifest(folder: Folder, run: str) -> Manifest:
    return manifest.decode(folder.read(f"runs/{run}/manifest.json", manifest.MAX_SIZE))


def _captures(folder: Folder, run: str, signed: Manifest) -> Iterator[CaptureLine]:
    with folder.open(f"runs/{run}/{signed.captures.file}") as file:
        for row in lines.rows(file):
            yield lines.decode_capture(row)


def worse(one: int, other: int) -> int:
    """The worse of two exit codes."""
    return max(one, other, key=lambda code: _WORST.index(ExitCode(code)))

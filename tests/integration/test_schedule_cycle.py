"""One cycle of scheduled captures over a real memory and sealed runs; kills in between, and who is told what."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from preserve.adapters.archive import Archive
from preserve.adapters.folder import DiskFolder
from preserve.adapters.schedulememory import ScheduleMemory
from preserve.adapters.schedules import zone
from preserve.errors import ConfigError, ExitCode, LockedError, StoreError
from preserve.flows.notify import deliver
from preserve.flows.schedule import Attempt, Cycle, worse
from preserve.model.digest import Digest, Event, Kind
from preserve.model.schedule import Begun, Mistake, Progress, Reading, Schedule, Seen
from preserve.model.web import Outcome, Verdict
from running import Run
from sites import AnyHostSite, raw

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


def daily(id_: str = "one", **members: object) -> Schedule:
    given = {"id": id_, "every": 86400, "cron": None, "timezone": "UTC", "created": START, "urls": ("http://a.example/",)}
    return Schedule(**{**given, **members})  # type: ignore[arg-type]


class Captures:
    """A Capturer that answers as it is told, and keeps what it was asked."""

    def __init__(self, *answers: Attempt | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], bool]] = []

    def __call__(
        self, schedule: Schedule, *, held: Mapping[str, str], readings: Sequence[Reading], known: Iterator[Seen], resume: bool
    ) -> Attempt:
        self.asked.append((schedule.id, dict(held), resume))
        answer = self.answers.pop(0) if self.answers else Attempt(code=0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[ScheduleMemory]:
    with ScheduleMemory(tmp_path / "archive" / "index") as opened:
        opened.subscribe(["desk"])
        yield opened


def cycle(memory: ScheduleMemory, folder: Path, captures: Captures, clock: Clock, *, is_open: bool = False) -> Cycle:
    return Cycle(
        memory=memory,
        archive=Archive(folder),
        folder=lambda: DiskFolder(folder),
        is_open=lambda: is_open,
        capture=captures,
        zones=zone,
        clock=clock,
        tell=lambda words: None,
    )


def kinds(memory: ScheduleMemory) -> list[Kind]:
    return [event.kind for event in memory.untold("desk")[1]]


# ------------------------------------------------------------------------------------------------------------------- when


def test_a_month_off_is_one_capture(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures()
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    assert turn.run([daily()]) == 0
    clock.at += 30 * DAY
    assert turn.run([daily()]) == 0
    assert turn.run([daily()]) == 0
    assert len(captures.asked) == 2


@pytest.mark.parametrize(
    ("zone_name", "month"),
    [
        ("Europe/Berlin", 3),
        ("Europe/Berlin", 10),
        ("America/New_York", 11),
        ("Australia/Lord_Howe", 4),
        ("America/Santiago", 9),
        ("UTC", 2),
    ],
)
def test_every_night_is_captured_once_in_months_in_which_clocks_change(
    memory: ScheduleMemory, tmp_path: Path, clock: Clock, zone_name: str, month: int
) -> None:
    there = zone(zone_name)
    clock.at = datetime(2026, month, 1, 12, tzinfo=there).astimezone(UTC)
    nightly = daily(every=None, cron="30 2 * * *", timezone=zone_name, created=clock.at)
    captures, nights = Captures(), list[date]()
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    while clock.at.astimezone(there).month == month:
        turn.run([nightly])
        if len(captures.asked) > len(nights):
            nights.append(clock.at.astimezone(there).date())
        clock.at += timedelta(minutes=30)
    assert [night.day for night in nights] == list(range(2, monthrange(2026, month)[1] + 1))


def test_the_worst_of_several_is_the_answer_and_the_longest_due_goes_first(
    memory: ScheduleMemory, tmp_path: Path, clock: Clock
) -> None:
    captures = Captures(Attempt(code=10), Attempt(code=0), Attempt(code=11))
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    sooner = daily("sooner", created=START - DAY)
    assert turn.run([daily("b"), daily("a"), sooner]) == ExitCode.NOTHING
    assert [id_ for id_, _, _ in captures.asked] == ["sooner", "a", "b"]
    assert turn.run([daily("b"), daily("a"), sooner]) == 0


def test_the_daemon_comes_a_little_late(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures()
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    wanted = turn.next([daily()])
    assert wanted is not None
    assert START < wanted <= START + timedelta(minutes=10)
    assert turn.run([daily()], late=True) == 0
    assert captures.asked == []
    clock.at = wanted
    turn.run([daily()], late=True)
    assert len(captures.asked) == 1
    assert turn.next([]) is None


def test_a_clock_that_was_far_ahead_is_told_and_got_over(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures()
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    clock.at = START + timedelta(days=9000)
    turn.run([daily()])
    clock.at = START + timedelta(hours=1)
    for _ in range(5):  # nothing hammers
        assert turn.run([daily()]) == 0
    assert len(captures.asked) == 1
    assert "the clock says" in memory.progress()["one"].problem
    clock.at += DAY
    turn.run([daily()])
    assert len(captures.asked) == 2
    assert kinds(memory) == [Kind.PROBLEM, Kind.SOLVED]


# ------------------------------------------------------------------------------------------------------- what goes wrong


def test_a_schedule_that_cannot_be_used_does_not_stop_the_others(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures(ConfigError("unknown option 'dely'"), Attempt(code=0))
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    assert turn.run([daily("a"), daily("b")]) == ExitCode.CONFIG
    assert [id_ for id_, _, _ in captures.asked] == ["a", "b"]
    assert memory.progress()["a"].problem == "unknown option 'dely'"
    clock.at += DAY
    captures.answers = [ConfigError("unknown option 'dely'")]
    turn.run([daily("a")])
    assert kinds(memory) == [Kind.PROBLEM]  # told once


def wrong(id_: str | None, line: int, why: str = "bad cron") -> Mistake:
    return Mistake(line=line, why=why, id=id_, begin=line)


def test_a_mistake_in_the_file_is_told_once_and_stops_no_other_schedule(
    memory: ScheduleMemory, tmp_path: Path, clock: Clock
) -> None:
    captures = Captures()
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    assert turn.run([daily()], [wrong("b", 7), wrong(None, 12), wrong(None, 20)]) == 3
    assert len(captures.asked) == 1
    events = memory.untold("desk")[1]
    assert [(event.kind, event.subject, event.attention) for event in events] == [
        (Kind.PROBLEM, "b", True),
        (Kind.PROBLEM, "schedules.toml", True),
    ]
    assert events[0].after == "schedules.toml line 7: bad cron"
    assert events[1].after == "schedules.toml line 12: bad cron; schedules.toml line 20: bad cron"
    clock.at += DAY
    assert turn.run([daily()], [wrong("b", 9), wrong(None, 12), wrong(None, 20)]) == 3
    assert not turn.noted
    assert len(memory.untold("desk")[1]) == 2, "that it moved to another line is no news"
    assert turn.run([daily()], [wrong("b", 9, "bad minute")]) == 3
    assert [event.kind for event in memory.untold("desk")[1][2:]] == [Kind.SOLVED, Kind.PROBLEM]
    assert turn.run([daily()]) == 0
    assert [event.subject for event in memory.untold("desk")[1][4:]] == ["b"]
    assert not [name for name in memory.progress() if name.startswith("schedules.toml")]


def test_a_mistake_does_not_make_it_forget_the_schedule(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    """Nor does one that leaves an entry without a name: it may be any's."""
    turn = cycle(memory, tmp_path / "archive", Captures(), clock)
    assert turn.run([daily("a"), daily("b")]) == 0
    for mistake in (wrong("b", 7), wrong(None, 7)):
        clock.at += DAY
        assert turn.run([daily("a")], [mistake]) == 3
        assert "b" in memory.progress()
    clock.at += DAY
    assert turn.run([daily("a")]) == 0
    assert "b" not in memory.progress()


def test_a_worse_outcome_is_the_answer(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    turn = cycle(memory, tmp_path / "archive", Captures(Attempt(code=40)), clock)
    assert turn.run([daily()], [wrong("b", 7)]) == 40
    assert worse(3, 10) == 3


def test_whoever_runs_the_schedules_tells_of_the_file(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    turn = cycle(memory, tmp_path / "archive", Captures(), clock)
    with ScheduleMemory(tmp_path / "archive" / "index") as other, other.exclusive():
        assert turn.run([], [wrong("b", 7)]) == 3
    assert (turn.noted, kinds(memory)) == (False, [])


def test_a_locked_archive_leaves_the_due_time_owed(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures(LockedError("busy"))
    turn = cycle(memory, tmp_path / "archive", captures, clock)
    with pytest.raises(LockedError):
        turn.run([daily()])
    assert memory.begun("one") is None
    assert turn.run([daily()]) == 0
    assert len(captures.asked) == 2


def test_two_processes_do_not_run_schedules_at_once(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    turn = cycle(memory, tmp_path / "archive", Captures(), clock)
    with (
        ScheduleMemory(tmp_path / "archive" / "index") as other,
        other.exclusive(),
        pytest.raises(LockedError, match="another process"),
    ):
        turn.run([daily()])
    assert turn.run([daily()]) == 0


def test_an_interrupted_capture_is_gone_on_with(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures(Attempt(code=130, interrupted=True))
    assert cycle(memory, tmp_path / "archive", captures, clock).run([daily("a"), daily("b")]) == ExitCode.INTERRUPTED
    assert [id_ for id_, _, _ in captures.asked] == ["a"]
    assert cycle(memory, tmp_path / "archive", captures, clock, is_open=True).run([daily("a")]) == 0
    assert captures.asked[-1] == ("a", {}, True)
    assert memory.begun("a") is None


def test_an_open_run_of_somebody_else_is_not_gone_on_with(memory: ScheduleMemory, tmp_path: Path, clock: Clock) -> None:
    captures = Captures()
    cycle(memory, tmp_path / "archive", captures, clock, is_open=True).run([daily()])
    assert captures.asked == [("one", {}, False)]


# ---------------------------------------------------------------------------------------------- sealed runs, and being killed


@pytest.fixture
def sealed(preserve: Run, tmp_path: Path, site: AnyHostSite) -> Path:
    """An archive with one run, as a schedule's capture seals it: one address is fine, one does not answer."""
    site.route("/dead", raw())
    done = preserve(
        "capture", "--url", "http://a.example/", "--url", "http://a.example/dead", "--delay", "0", "--connect-to", site.connect_to,
        "--no-requisites",
    )  # fmt: skip
    assert done.code == 10, done.stderr
    return tmp_path / "archive"


BOTH = ("http://a.example/", "http://a.example/dead")


def test_a_kill_after_sealing_is_made_good_without_another_capture(memory: ScheduleMemory, sealed: Path, clock: Clock) -> None:
    memory.begin("one", Begun(due=START, at=START, before=None))
    clock.at = START + timedelta(minutes=1)
    captures = Captures()
    assert cycle(memory, sealed, captures, clock).run([daily(urls=BOTH)]) == 0
    assert captures.asked == []
    progress = memory.progress()["one"]
    assert (progress.run, progress.last) == (Archive(sealed).run_names()[0], START)
    assert {seen.url: seen.outcome for seen in memory.targets("one")} == {
        "http://a.example/": Outcome.CAPTURED,
        "http://a.example/dead": Outcome.FAILED,
    }
    assert kinds(memory) == [Kind.FAILED]
    assert memory.failing() == {"one": (1, "http://a.example/dead")}


@pytest.mark.parametrize(
    ("schedule", "begun"),
    [
        (daily(urls=(*BOTH, "http://b.example/")), START),  # that run did not ask for everything
        (daily(urls=BOTH, documents=("paper.txt",)), START),
        (daily(urls=BOTH), datetime(2100, 1, 1, tzinfo=UTC)),  # it is older than what was begun
    ],
)
def test_a_run_of_somebody_else_is_not_taken_for_ours(
    memory: ScheduleMemory, sealed: Path, clock: Clock, schedule: Schedule, begun: datetime
) -> None:
    memory.begin("one", Begun(due=START, at=begun, before=None))
    captures = Captures()
    cycle(memory, sealed, captures, clock, is_open=True).run([schedule])
    assert captures.asked == [("one", {}, False)]


def test_a_failing_target_is_left_alone_for_longer_each_time(memory: ScheduleMemory, sealed: Path, clock: Clock) -> None:
    run = Archive(sealed).run_names()[0]
    schedule, left_alone = daily(urls=BOTH), []
    for number in range(8):
        clock.at = START + number * DAY
        captures = Captures(Attempt(code=10, run=run))
        cycle(memory, sealed, captures, clock).run([schedule])
        ((_, held, _),) = captures.asked
        assert "http://a.example/" not in held
        if "http://a.example/dead" in held:
            left_alone.append(number)
            # A target that was held is not in the run; here it is, so put its count back as it was.
            assert "in a row, left alone until" in held["http://a.example/dead"]
    assert left_alone[0] == 2
    assert kinds(memory) == [Kind.FAILED]  # one event, however often it fails


def test_what_is_cited_no_more_is_forgotten(memory: ScheduleMemory, sealed: Path, clock: Clock) -> None:
    old = Seen(
        key="http://old.example/", url="http://old.example/", outcome=Outcome.CAPTURED, verdict=Verdict.OK, status=200,
        payload_sha256=None, reason="", run="000000-20200101t000000z",
    )  # fmt: skip
    memory.finish("one", Progress(), found=[(old, None)])
    cycle(memory, sealed, Captures(Attempt(code=10, run=Archive(sealed).run_names()[0])), clock).run([daily(urls=BOTH)])
    assert {seen.url for seen in memory.targets("one")} == set(BOTH)


def test_a_step_is_remembered_whole_or_not_at_all(memory: ScheduleMemory) -> None:
    def broken() -> Iterator[tuple[Seen, Event | None]]:
        yield (
            Seen(key="k", url="u", outcome=Outcome.FAILED, verdict=None, status=None, payload_sha256=None, reason="", run="r"),
            None,
        )
        raise StoreError("the disk went away")

    memory.begin("one", Begun(due=START, at=START, before=None))
    with pytest.raises(StoreError):
        memory.finish("one", Progress(satisfied=START), found=broken())
    assert memory.progress() == {}
    assert memory.target("one", "k") is None
    assert memory.begun("one") is not None


def test_a_memory_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "schedules.sqlite").write_bytes(b"not a database" * 100)
    with ScheduleMemory(tmp_path, readonly=True) as memory:
        assert memory.progress() == {}
    assert (tmp_path / "schedules.sqlite").read_bytes().startswith(b"not")
    with ScheduleMemory(tmp_path) as memory:
        memory.finish("one", Progress(satisfied=START))
    with ScheduleMemory(tmp_path, readonly=True) as memory:
        assert memory.progress() == {"one": Progress(satisfied=START)}


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    with ScheduleMemory(tmp_path / "index", readonly=True) as memory:
        assert memory.progress() == {}
    assert not (tmp_path / "index").exists()


# ------------------------------------------------------------------------------------------------------------------ telling


class Box:
    def __init__(self, why: str = "") -> None:
        self.got: list[Digest] = []
        self.why = why

    def send(self, digest: Digest) -> str:
        if not self.why:
            self.got.append(digest)
        return self.why


def told(memory: ScheduleMemory, clock: Clock, schedules: Sequence[Schedule], **boxes: Box) -> list[str]:
    said: list[str] = []
    deliver(
        memory, boxes, schedules, archive="news", archive_id="preserve/1", clock=clock, tell=said.append, fresh=False
    )  # fmt: skip
    return said


def happen(memory: ScheduleMemory, schedule: str = "one", subject: str = "http://a.example/") -> None:
    event = Event(kind=Kind.FAILED, schedule=schedule, subject=subject, after="failed", attention=True)
    memory.finish(schedule, Progress(satisfied=START), events=[event])


def test_one_digest_holds_all_and_nothing_is_told_twice(memory: ScheduleMemory, clock: Clock) -> None:
    desk = Box()
    happen(memory)
    happen(memory, "two")
    assert told(memory, clock, [daily(), daily("two")], desk=desk) == []
    assert [len(digest.events) for digest in desk.got] == [2]
    told(memory, clock, [daily()], desk=desk)
    assert len(desk.got) == 1


def test_nobody_hears_anything_when_nothing_happened(memory: ScheduleMemory, clock: Clock) -> None:
    desk = Box()
    memory.finish("one", Progress(satisfied=START))
    assert told(memory, clock, [daily()], desk=desk) == []
    assert desk.got == []


def test_what_could_not_be_told_waits_is_said_and_is_tried_again(memory: ScheduleMemory, clock: Clock) -> None:
    memory.subscribe(["desk", "hook"])
    desk, hook = Box(), Box("status 500")
    happen(memory)
    (said,) = told(memory, clock, [daily()], desk=desk, hook=hook)
    assert said == "hook could not be told what happened: status 500. It is tried again with the next digest."
    clock.at += timedelta(minutes=5)
    assert told(memory, clock, [daily()], desk=desk, hook=hook) == []  # not every five minutes
    happen(memory, subject="http://b.example/")
    clock.at += timedelta(hours=1)
    hook.why = ""
    told(memory, clock, [daily()], desk=desk, hook=hook)
    assert [event.subject for event in hook.got[0].events] == ["http://a.example/", "http://b.example/"]
    assert [missed.receiver for missed in desk.got[-1].undelivered] == ["hook"]
    assert memory.undelivered() == ()


def test_a_schedule_picks_who_is_told(memory: ScheduleMemory, clock: Clock) -> None:
    memory.subscribe(["desk", "hook"])
    desk, hook = Box(), Box()
    happen(memory, "for-desk")
    happen(memory, "for-nobody")
    told(memory, clock, [daily("for-desk", notify=("desk",)), daily("for-nobody", notify=())], desk=desk, hook=hook)
    assert [[event.schedule for event in digest.events] for digest in desk.got] == [["for-desk"]]
    assert hook.got == []
    assert memory.untold("hook") == (0, ())


def test_a_new_receiver_is_not_told_old_tales(memory: ScheduleMemory, clock: Clock) -> None:
    happen(memory)
    memory.subscribe(["desk", "late"])
    late = Box()
    told(memory, clock, [daily()], late=late)
    assert late.got == []
    happen(memory)
    told(memory, clock, [daily()], late=late)
    assert len(late.got[0].events) == 1

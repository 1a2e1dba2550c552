"""One run captured by several processes, each with its part of the hosts (docs/adr/0040-several-processes-and-machines.md).

The process that holds the archive's lock begins the run and seals it, and meanwhile looks on: the others tell it what came of each
target after their journal entry is made, so nothing rests on what it hears. They are started anew, not forked: what reads the web has
no signing key in its memory. They hold the lock as well, and end at once when the one that started them is gone, so a run that lost
it can be finished as soon as the last of them has let go.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from typing import Protocol

from preserve.adapters.archive import Archive
from preserve.adapters.journal import Journal
from preserve.adapters.turnstile import SharedTurnstile, shared_file
from preserve.errors import PreserveError, StoreError
from preserve.flows.capture import CaptureRun
from preserve.flows.watching import Watcher
from preserve.model.noun import dataclass
from preserve.model.run import Counts
from preserve.model.web import Capture
from preserve.wiring.engine import Engine

_ENDS = (signal.SIGINT, signal.SIGTERM)
_LOOK = 0.2
"""Seconds after which a signal is noticed at the latest."""


class _Inherited(Protocol):
    """A handle on its way to another process."""

    def detach(self) -> int: ...


# What a part says, and what it is told.


@dataclass(frozen=True, slots=True)
class _Ended:
    capture: Capture


@dataclass(frozen=True, slots=True)
class _Progress:
    added: int
    stored: int
    hosts: int


@dataclass(frozen=True, slots=True)
class _Idle:
    now: bool


@dataclass(frozen=True, slots=True)
class _Problem:
    problem: PreserveError


@dataclass(frozen=True, slots=True)
class _Done:
    pass


_STOP, _CANCEL = "stop", "cancel"


def capture_in_parts(engine: Engine, journal: Journal, watcher: Watcher, count: int, lock: int) -> tuple[Counts, bool]:
    """Capture the open run with `count` processes. How it stands then, and whether a signal asked for its end.

    `lock` is the handle of the archive's lock. Raises the first PreserveError of a part, StoreError when one was lost.
    """
    # One that may ask nobody is of no use; the others share what may be asked at once.
    count = min(count, engine.manners.concurrency)
    file = shared_file()
    try:
        with _signals() as came:
            _Parts(engine, journal, watcher, count, lock, file).follow(came)
    finally:
        os.close(file)
    return journal.counts(), bool(came)


class _Part:
    """One of the processes, as its starter sees it."""

    def __init__(self, process: BaseProcess, heard: Connection, told: Connection) -> None:
        self.process = process
        self.heard = heard
        self.told = told
        self.idle = False
        self.done = False
        self.last = _Progress(0, 0, 0)

    def tell(self, word: str) -> None:
        with suppress(OSError):  # it is gone: its end of the other pipe will say so
            self.told.send(word)


class _Parts:
    """All of them, from start to end."""

    def __init__(self, engine: Engine, journal: Journal, watcher: Watcher, count: int, lock: int, file: int) -> None:
        self._journal = journal
        self._watcher = watcher
        self._problem: PreserveError | None = None
        self._counts = self._begun = journal.counts()
        journal.divide(count)
        with _held():
            self._parts = [_start(_with_share(engine, number, count), number, lock, file) for number in range(count)]

    def follow(self, came: Sequence[int]) -> None:
        """Pass on what they say until the last one has ended."""
        self._watcher.begun(self._counts)
        told = 0
        try:
            while alive := [part for part in self._parts if not part.done]:
                for pipe in wait([part.heard for part in alive], _LOOK):
                    self._hear(next(part for part in alive if part.heard is pipe))
                if told < len(came) or (self._problem is not None and not told):
                    told = max(1, len(came))
                    self._tell(_STOP if told == 1 else _CANCEL)
                elif not told and all(part.idle for part in alive) and not self._journal.waiting:
                    self._tell(_STOP)
                    told = 1
        finally:
            for part in self._parts:
                part.told.close()  # at which a part that still runs ends
                part.heard.close()
                part.process.join()
        if self._problem is not None:
            raise self._problem

    def _tell(self, word: str) -> None:
        for part in self._parts:
            part.tell(word)

    def _hear(self, part: _Part) -> None:
        try:
            said = part.heard.recv()
        except (EOFError, OSError):
            part.done = True
            self._fail(
                StoreError("one of the processes that capture was lost", "is there enough memory? finish the run with --resume")
            )
            return
        match said:
            case _Ended(capture):
                self._counts = self._counts.plus(capture)
                if capture.target.need is None:
                    self._watcher.ended(capture, self._counts)
            case _Progress():
                part.last = said
                added = sum(one.last.added for one in self._parts)
                self._counts = replace(self._counts, requisites=self._begun.requisites + added)
                stored, hosts = (sum(getattr(one.last, what) for one in self._parts) for what in ("stored", "hosts"))
                self._watcher.progress(self._counts, stored, hosts)
            case _Idle(now):
                part.idle = now
            case _Problem(problem):
                self._fail(problem)
            case _Done():
                part.done = True

    def _fail(self, problem: PreserveError) -> None:
        self._problem = self._problem or problem


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are counted, and nothing more, while it lasts."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _frame: came.append(got)) for number in _ENDS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _held() -> Iterator[None]:
    """SIGINT and SIGTERM wait. A process that is started meanwhile has them wait too, until it says what it does with them."""
    resource_tracker.ensure_running()  # at which it lets them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ------------------------------------------------------------------------------------------------------- in the part's process


def _with_share(engine: Engine, number: int, count: int) -> Engine:
    """The same, with the part's share of what may be asked at once."""
    share, more = divmod(engine.manners.concurrency, count)
    return replace(engine, manners=replace(engine.manners, concurrency=share + (number < more)))


def _start(engine: Engine, number: int, lock: int, file: int) -> _Part:
    context = multiprocessing.get_context("spawn")
    heard, say = context.Pipe(duplex=False)
    listen, told = context.Pipe(duplex=False)
    process = context.Process(target=_Share(engine, number, lock, file), args=(say, listen), name=f"part {number}", daemon=True)
    process.start()
    say.close()
    listen.close()
    return _Part(process, heard, told)


class _Share:
    """What a part's process is started with; the handles of the lock and of the turnstile's file go along."""

    def __init__(self, engine: Engine, number: int, lock: int, file: int) -> None:
        self._engine = engine
        self._number = number
        self._lock = lock
        self._file = file

    def __getstate__(self) -> tuple[Engine, int, _Inherited, _Inherited]:
        return self._engine, self._number, DupFd(self._lock), DupFd(self._file)

    def __setstate__(self, state: tuple[Engine, int, _Inherited, _Inherited]) -> None:
        self._engine, self._number, lock, file = state
        self._lock = lock.detach()  # held until this process ends, whatever its end is
        self._file = file.detach()

    def __call__(self, say: Connection, listen: Connection) -> None:
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)  # a terminal sends them to everybody; we are told what to do
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
        teller = _Teller(say, listen)
        manners = self._engine.manners
        turnstile = SharedTurnstile(self._file, per_host=manners.per_host, delay=manners.delay, number=self._number)
        journal = Journal(Archive(self._engine.archive).journal_file, self._number)
        try:
            try:
                earlier = self._engine.earlier()
            except StoreError:
                earlier = None  # it was said once, by the process that started us
            try:
                self._engine.run(journal, teller, teller.attend, earlier=earlier, company=teller, turnstile=turnstile)
            finally:
                if earlier is not None:
                    earlier.close()
        except asyncio.CancelledError:
            teller.say(_Done())
        except PreserveError as problem:
            teller.say(_Problem(problem))
            teller.say(_Done())
        else:
            teller.say(_Done())
        finally:
            journal.close()


class _Teller:
    """Watcher and Company of a part: says everything to the process that started it, and does as it is told.

    It speaks and listens on two pipes: an event loop may make the one that it listens on non-blocking, and what is said has to
    wait when it is not heard.
    """

    def __init__(self, say: Connection, listen: Connection) -> None:
        self._say = say
        self._listen = listen
        self._began = 0

    def say(self, what: object) -> None:
        try:
            self._say.send(what)
        except OSError:
            os._exit(1)  # nobody is left to hear it; the journal and the files are as after a kill, which they survive

    def attend(self, work: CaptureRun, task: asyncio.Task[Counts]) -> None:
        """Listen while the run goes."""

        def told() -> None:
            try:
                word = self._listen.recv()
            except (EOFError, OSError):
                os._exit(1)
            work.stop()
            if word == _CANCEL:
                task.cancel()

        asyncio.get_running_loop().add_reader(self._listen.fileno(), told)

    def begun(self, counts: Counts) -> None:
        self._began = counts.requisites

    def ended(self, capture: Capture, counts: Counts) -> None:
        self.say(_Ended(capture))

    def progress(self, counts: Counts, stored: int, hosts: int) -> None:
        self.say(_Progress(counts.requisites - self._began, stored, hosts))

    def idle(self) -> None:
        self.say(_Idle(True))

    def busy(self) -> None:
        self.say(_Idle(False))

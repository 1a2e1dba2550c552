"""What is remembered of scheduled captures: ARCHIVE/index/schedules.sqlite (ports.ScheduleMemory).

Promises. It is derived: who deletes it has each schedule's last capture made again, and hears anew of what is already broken; nothing
else is lost. One transaction a step, on the disk when the call returns, so that a kill leaves the step done or undone. A file that is no
database, or an older one's, is begun anew. Read-only use writes nothing at all.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from preserve.errors import FormatError, LockedError, StoreError
from preserve.formats import digest as digest_format
from preserve.formats.times import parse, rfc3339
from preserve.model.digest import Event, Undelivered
from preserve.model.schedule import Begun, Progress, Reading, Seen
from preserve.model.web import Outcome, Verdict

_VERSION = 1
_SCHEMA = """
CREATE TABLE progress(schedule TEXT PRIMARY KEY, satisfied TEXT, last TEXT, run TEXT, problem TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE begun(schedule TEXT PRIMARY KEY, due TEXT NOT NULL, at TEXT NOT NULL, before TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE targets(schedule TEXT NOT NULL, key TEXT NOT NULL, url TEXT NOT NULL, outcome TEXT NOT NULL, verdict TEXT, status INTEGER,
  payload TEXT, reason TEXT NOT NULL, run TEXT NOT NULL, failures INTEGER NOT NULL, held TEXT, PRIMARY KEY(schedule, key)) STRICT, WITHOUT ROWID;
CREATE TABLE readings(schedule TEXT NOT NULL, path TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, notes INTEGER NOT NULL,
  PRIMARY KEY(schedule, path, name)) STRICT, WITHOUT ROWID;
CREATE TABLE events(number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL) STRICT;
CREATE TABLE receivers(name TEXT PRIMARY KEY, upto INTEGER NOT NULL, tried TEXT, reason TEXT) STRICT, WITHOUT ROWID;
"""
_TARGET = "key,url,outcome,verdict,status,payload,reason,run,failures,held"
_MOST_EVENTS = 10_000
"""That are kept for a receiver who cannot be told; older ones go."""


class ScheduleMemory:
    """The memory of one archive's schedules; a context manager."""

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        """Open it in the archive's index/ `folder`, or begin it. Raises StoreError when that cannot be."""
        self._path = folder / "schedules.sqlite"
        self._lock = folder / "schedules.lock"
        try:
            if readonly:
                self._db = self._look()
                return
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as problem:
                if isinstance(problem, sqlite3.OperationalError) and "locked" in str(problem):
                    raise
                self._path.unlink(missing_ok=True)
                self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
                self._db = self._open()
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(f"{self._path}: {problem}", "what is remembered of schedules must be writable") from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the one who runs this archive's schedules; the lock ends with the process, however that ends."""
        try:
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as problem:
            raise StoreError(f"{self._lock}: {problem.strerror}") from problem
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                raise LockedError(
                    f"the schedules of {self._lock.parent.parent} are being run by another process",
                    "wait for it to end, or stop it",
                ) from problem
            yield
        finally:
            os.close(handle)

    # ------------------------------------------------------------------------------------------------------ how far it is

    def progress(self) -> Mapping[str, Progress]:
        rows = self._rows("SELECT schedule,satisfied,last,run,problem FROM progress")
        return {
            schedule: Progress(satisfied=_time(satisfied), last=_time(last), run=run, problem=problem)
            for schedule, satisfied, last, run, problem in rows
        }

    def begun(self, schedule: str) -> Begun | None:
        for due, at, before in self._rows("SELECT due,at,before FROM begun WHERE schedule=?", schedule):
            return Begun(due=parse(due), at=parse(at), before=before)
        return None

    def begin(self, schedule: str, begun: Begun) -> None:
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO begun VALUES(?,?,?,?)", (schedule, rfc3339(begun.due), rfc3339(begun.at), begun.before)
            )

    def abandon(self, schedule: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM begun WHERE schedule=?", (schedule,))

    def target(self, schedule: str, key: str) -> Seen | None:
        rows = self._rows(f"SELECT {_TARGET} FROM targets WHERE schedule=? AND key=?", schedule, key)  # noqa: S608 - our own columns
        return next(map(_seen, rows), None)

    def targets(self, schedule: str) -> Iterator[Seen]:
        yield from map(_seen, self._rows(f"SELECT {_TARGET} FROM targets WHERE schedule=?", schedule))  # noqa: S608 - our own columns

    def failing(self) -> Mapping[str, tuple[int, str]]:
        """How many targets failed in each schedule's last run that asked them, and one of them."""
        rows = self._rows("SELECT schedule,count(*),min(url) FROM targets WHERE outcome='failed' GROUP BY schedule")
        return {schedule: (count, url) for schedule, count, url in rows}

    def readings(self, schedule: str) -> tuple[Reading, ...]:
        rows = self._rows("SELECT path,name,sha256,notes FROM readings WHERE schedule=?", schedule)
        return tuple(Reading(path=path, name=name, sha256=sha256, notes=notes) for path, name, sha256, notes in rows)

    def finish(
        self,
        schedule: str,
        progress: Progress,
        *,
        found: Iterable[tuple[Seen, Event | None]] = (),
        readings: Iterable[Reading] = (),
        events: Iterable[Event] = (),
    ) -> None:
        with self._writing() as db:
            for event in events:
                self._tell(event)
            for seen, at_target in found:
                db.execute(
                    f"INSERT OR REPLACE INTO targets(schedule,{_TARGET}) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        schedule,
                        seen.key,
                        seen.url,
                        seen.outcome.value,
                        None if seen.verdict is None else seen.verdict.value,
                        seen.status,
                        seen.payload_sha256,
                        seen.reason,
                        seen.run,
                        seen.failures,
                        None if seen.held is None else rfc3339(seen.held),
                    ),
                )
                if at_target is not None:
                    self._tell(at_target)
            if progress.run is not None and progress.last is not None:
                # What neither was captured nor is held back is cited no more.
                db.execute(
                    "DELETE FROM targets WHERE schedule=? AND run<>? AND (held IS NULL OR held<=?)",
                    (schedule, progress.run, rfc3339(progress.last)),
                )
            for reading in readings:
                db.execute(
                    "INSERT OR REPLACE INTO readings VALUES(?,?,?,?,?)",
                    (schedule, reading.path, reading.name, reading.sha256, reading.notes),
                )
            satisfied = None if progress.satisfied is None else rfc3339(progress.satisfied)
            last = None if progress.last is None else rfc3339(progress.last)
            db.execute(
                "INSERT OR REPLACE INTO progress VALUES(?,?,?,?,?)", (schedule, satisfied, last, progress.run, progress.problem)
            )
            db.execute("DELETE FROM begun WHERE schedule=?", (schedule,))

    def note(self, problems: Iterable[tuple[str, Event]]) -> None:
        with self._writing() as db:
            for name, event in problems:
                db.execute("DELETE FROM progress WHERE schedule=?", (name,))
                if event.after:
                    db.execute("INSERT INTO progress VALUES(?,NULL,NULL,NULL,?)", (name, event.after))
                self._tell(event)

    def keep(self, schedules: Iterable[str]) -> None:
        known = {row[0] for table in ("progress", "begun") for row in self._rows(f"SELECT schedule FROM {table}")}  # noqa: S608 - our own tables
        gone = [(schedule,) for schedule in known - set(schedules)]
        if gone:
            with self._writing() as db:
                for table in ("progress", "begun", "targets", "readings"):
                    db.executemany(f"DELETE FROM {table} WHERE schedule=?", gone)  # noqa: S608 - our own tables

    # ------------------------------------------------------------------------------------------------------ who was told what

    def subscribe(self, receivers: Iterable[str]) -> None:
        names = set(receivers)
        known = {row[0] for row in self._rows("SELECT name FROM receivers")}
        if names == known:
            return
        with self._writing() as db:
            (newest,) = db.execute("SELECT coalesce(max(seq),0) FROM sqlite_sequence WHERE name='events'").fetchone()
            db.executemany("INSERT INTO receivers VALUES(?,?,NULL,NULL)", [(name, newest) for name in sorted(names - known)])
            db.executemany("DELETE FROM receivers WHERE name=?", [(name,) for name in known - names])

    def untold(self, receiver: str) -> tuple[int, tuple[Event, ...]]:
        rows = self._rows(
            "SELECT number,event FROM events WHERE number>(SELECT upto FROM receivers WHERE name=?) ORDER BY number", receiver
        )
        events, upto = [], 0
        for number, event in rows:
            upto = number
            try:
                events.append(digest_format.decode_event(event))
            except FormatError as problem:
                raise StoreError(f"{self._path}: {problem.message}", "delete the file: it is derived") from problem
        return upto, tuple(events)

    def told(self, receiver: str, upto: int) -> None:
        with self._writing() as db:
            db.execute("UPDATE receivers SET upto=max(upto,?),tried=NULL,reason=NULL WHERE name=?", (upto, receiver))
            db.execute("DELETE FROM events WHERE number<=(SELECT min(upto) FROM receivers)")

    def not_told(self, receiver: str, missed: Undelivered) -> None:
        with self._writing() as db:
            db.execute("UPDATE receivers SET tried=?,reason=? WHERE name=?", (rfc3339(missed.at), missed.reason, receiver))
            db.execute("DELETE FROM events WHERE number<=(SELECT max(number) FROM events)-?", (_MOST_EVENTS,))

    def undelivered(self) -> tuple[Undelivered, ...]:
        rows = self._rows("SELECT name,tried,reason FROM receivers WHERE reason IS NOT NULL ORDER BY name")
        return tuple(Undelivered(receiver=name, at=parse(tried), reason=reason) for name, tried, reason in rows)

    # ------------------------------------------------------------------------------------------------------------- the file

    def _tell(self, event: Event) -> None:
        """Keep an event for those who are told; nobody is, nothing is kept."""
        self._db.execute(
            "INSERT INTO events(event) SELECT ? WHERE EXISTS(SELECT 1 FROM receivers)", (digest_format.encode_event(event),)
        )

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in {0, _VERSION}:
                raise sqlite3.DatabaseError(f"version {version}")
            if version == 0:
                db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _look(self) -> sqlite3.Connection:
        """For reading alone; an empty one in memory where there is none, or none that can be read."""
        with suppress(sqlite3.Error):  # not there, or not ours: then nothing is remembered
            db = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
            try:
                known = db.execute("PRAGMA user_version").fetchone() == (_VERSION,)
            except BaseException:
                db.close()
                raise
            if known:
                return db
            db.close()
        db = sqlite3.connect(":memory:")
        db.executescript(_SCHEMA)
        return db

    def _rows(self, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(query, values).fetchall()
        except sqlite3.Error as problem:
            raise StoreError(f"{self._path}: {problem}", "delete the file: it is derived") from problem

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise StoreError(f"{self._path}: {problem}") from problem


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse(text)


def _seen(row: tuple[Any, ...]) -> Seen:
    key, url, outcome, verdict, status, payload, reason, run, failures, held = row
    return Seen(
        key=key,
        url=url,
        outcome=Outcome(outcome),
        verdict=None if verdict is None else Verdict(verdict),
        status=status,
        payload_sha256=payload,
        reason=reason,
        run=run,
        failures=failures,
        held=_time(held),
    )

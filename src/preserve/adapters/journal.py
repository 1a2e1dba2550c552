"""The journal of the open run: what was asked for, what is done, where each record lies. SQLite in WAL mode.

Promises. A target is done here only after its records are in the WARC file, in one transaction with them, so that after a kill
the file may hold more than the journal (a torn tail, cut off and kept aside) but never less. Commits reach the file at once
and the disk at the next `sync`; a power cut loses at most what came since, and `records()` lets the recovery notice it.
The frontier lives in the table `targets`, handed out in windows and ordered by turn: the n-th target of every host comes before
the (n+1)-th of any, which is fair to hosts and keeps memory flat for any number of addresses.
Several processes may share a run: each writes WARC files of its own, and takes the targets of its part of the hosts alone. SQLite
lets one write at a time, and the order of the entries of one file is the order in it, whoever else writes in between.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from preserve.errors import FormatError, StoreError
from preserve.formats import journalrows
from preserve.model.document import Citation
from preserve.model.run import CitationRow, Counts, RunIdentity, Source
from preserve.model.unchanged import PageList, Unchanged
from preserve.model.web import (
    Capture,
    Original,
    Payload,
    Requisite,
    Stored,
    Target,
)
from preserve.rules.partition import part_of

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sources(id INTEGER PRIMARY KEY, name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
  sha256 TEXT NOT NULL, UNIQUE(sha256, name)) STRICT;
CREATE TABLE hosts(name TEXT PRIMARY KEY, targets INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE targets(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, url TEXT NOT NULL, address TEXT, host TEXT NOT NULL,
  part INTEGER NOT NULL, turn INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, result TEXT,
  needed_by INTEGER, page INTEGER, level INTEGER NOT NULL DEFAULT 0, requisites INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX frontier ON targets(part, turn, id) WHERE state = 0;
CREATE TABLE citations(id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources(id), citation TEXT NOT NULL,
  target INTEGER REFERENCES targets(id), not_captured TEXT) STRICT;
CREATE INDEX answers ON citations(target);
CREATE TABLE records(warc TEXT NOT NULL, idx INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  sha256 TEXT NOT NULL, crc32 INTEGER NOT NULL, type TEXT NOT NULL, record_id TEXT NOT NULL, target INTEGER, PRIMARY KEY(warc, idx)) STRICT, WITHOUT ROWID;
CREATE INDEX evidence ON records(target);
CREATE TABLE payloads(sha256 BLOB PRIMARY KEY, url TEXT NOT NULL, date TEXT NOT NULL, warc TEXT NOT NULL,
  idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX unchanged ON targets(page, id) WHERE state = 3;
CREATE TABLE lists(page INTEGER PRIMARY KEY, warc TEXT NOT NULL, idx INTEGER NOT NULL, count INTEGER NOT NULL) STRICT;
CREATE TABLE circumstances(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_VERSION = 5
_WAITING, _TAKEN, _DONE, _LISTED = 0, 1, 2, 3  # the last is done too: it has a line in its page's list
_WAL_PAGES = 4000
"""Pages (16 MB) that the log may have before they are brought into the file, which holds up the run for some milliseconds."""
_PATIENCE = 10.0
"""Seconds to wait for somebody who reads the file. We alone write it, so nothing else can be in the way."""


class Journal:
    """ports.Journal in one SQLite file. Not thread-safe: it belongs to the flow that opened it."""

    def __init__(self, path: Path, part: int | None = None) -> None:
        """Open, or make, the journal at `path`; with `part`, join the process that opened it and divided its targets.

        Raises StoreError when that cannot be, FormatError when it is something else.
        """
        self._path = path
        self._part = part or 0
        with _translated(path):
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE, cached_statements=64)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
            elif version != _VERSION:
                raise FormatError(
                    f"{path}: a journal of version {version}, not {_VERSION}", "finish it with the release that began it"
                )
            if part is None:
                self._db.execute("UPDATE targets SET state=? WHERE state=?", (_WAITING, _TAKEN))
            self._parts = int(self._meta("parts") or 1)

    def divide(self, parts: int) -> None:
        """Divide what waits among so many processes; each joins with its number, from 0."""
        if parts == self._parts:
            return
        with self.planning():
            self._parts = parts
            self._db.execute("INSERT OR REPLACE INTO meta VALUES('parts',?)", (str(parts),))
            self._db.create_function("part_of", 1, lambda host: part_of(host, parts), deterministic=True)
            self._db.execute("UPDATE targets SET part=part_of(host) WHERE state=?", (_WAITING,))

    @property
    def waiting(self) -> bool:
        """Whether a target of any part waits, or is under way."""
        with _translated(self._path):
            return self._db.execute("SELECT 1 FROM targets WHERE state<? LIMIT 1", (_DONE,)).fetchone() is not None

    def close(self) -> None:
        self._db.close()

    def sync(self) -> None:
        """Bring every commit so far to the disk."""
        wal = self._path.with_name(self._path.name + "-wal")
        for path in (wal, self._path):
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    # What is asked for

    @contextmanager
    def planning(self) -> Iterator[None]:
        """One transaction around many additions: all of them count, or none, and nobody else's come between. One inside another is part of it."""
        within = self._db.in_transaction
        if within:
            yield
            return
        with _translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a disk that is full may have ended it already
                    self._db.execute("ROLLBACK")
                raise

    def begin(self, identity: RunIdentity, settings: str) -> None:
        """Name the run; `settings` is its signed JSON."""
        for key, value in (("identity", journalrows.pack_identity(identity)), ("settings", settings)):
            self._db.execute("INSERT INTO meta VALUES(?,?)", (key, value))

    def amend(self, settings: str) -> None:
        """Put the settings anew: the run goes on with others than it began with, and says both."""
        with _translated(self._path):
            self._db.execute("UPDATE meta SET value=? WHERE key='settings'", (settings,))

    def identity(self) -> RunIdentity | None:
        """The run that is open, or None when nothing was begun."""
        value = self._meta("identity")
        return None if value is None else journalrows.identity(value)

    def settings(self) -> str:
        return self._meta("settings") or "{}"

    def add_source(self, source: Source) -> int | None:
        """The number of a newly added document, or None when the run has it already."""
        values = (source.name, source.media_type, source.size, source.sha256)
        number = self._next("sources")
        row = self._db.execute("INSERT INTO sources VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING", (number, *values))
        return number if row.rowcount else None

    def add_target(self, *, key: str, url: str, address: str | None, host: str) -> int:
        """The number of the target with this key; `address` is None when it will not be asked (the flow says why).

        What was a requisite so far is asked for in its own right now, as a page.
        """
        found = self._db.execute("SELECT id,needed_by FROM targets WHERE key=?", (key,)).fetchone()
        if found is not None:
            if found[1] is not None:
                self._db.execute("UPDATE targets SET url=?,needed_by=NULL,page=NULL,level=0 WHERE id=?", (url, found[0]))
                self.forget(found[0])
            return int(found[0])
        return self._add(key, url, address, host)

    def _add(self, key: str, url: str, address: str | None, host: str, *need: int) -> int:
        turn = self._db.execute(
            "INSERT INTO hosts VALUES(?,1) ON CONFLICT(name) DO UPDATE SET targets=targets+1 RETURNING targets", (host,)
        ).fetchone()[0]
        number = self._next("targets")
        self._db.execute(
            "INSERT INTO targets(id,key,url,address,host,part,turn,state,needed_by,page,level) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
            (number, key, url, address, host, part_of(host, self._parts), turn, _WAITING, *(need or (None, None, 0))),
        )
        return number

    def add_citation(self, source: int, citation: Citation, *, target: int | None, not_captured: str | None) -> None:
        self._db.execute(
            "INSERT INTO citations VALUES(?,?,?,?,?)",
            (self._next("citations"), source, journalrows.pack_citation(citation), target, not_captured),
        )

    # What is done

    def take(self, limit: int) -> tuple[Target, ...]:
        """Up to `limit` waiting targets in fair order; they are not handed out again while this journal is open."""
        with _translated(self._path):
            rows = self._db.execute(
                "UPDATE targets SET state=? WHERE id IN (SELECT id FROM targets WHERE part=? AND state=0 ORDER BY turn,id LIMIT ?)"  # noqa: S608 - our own words
                f" RETURNING turn,id,url,address,host,{_NEED}",
                (_TAKEN, self._part, limit),
            ).fetchall()
            asked = json.dumps([row[1] for row in rows])
            of_these = f"{_CITED} WHERE c.target IN (SELECT value FROM json_each(?)) ORDER BY 1,2"  # noqa: S608 - our own words
            cited = _Groups(self._db.execute(of_these, (asked,)))
            cited_by = {number: journalrows.cited_by(cited.of(number)) for number in sorted(row[1] for row in rows)}
            return tuple(
                Target(
                    id=number,
                    url=url,
                    address=address or "",
                    host=host,
                    cited_by=cited_by[number],
                    need=journalrows.need(*need),
                )
                for _turn, number, url, address, host, *need in sorted(rows)
            )

    def finish(self, capture: Capture, records: Iterable[Stored]) -> None:
        """A target is done: the result, and every record written for it, at once. One that is listed has none of its own."""
        number, listed = capture.target.id, capture.listed is not None
        with self.planning():
            self._insert(records, None if listed else number)
            state = _LISTED if listed else _DONE
            self._db.execute(
                "UPDATE targets SET state=?, result=? WHERE id=?", (state, journalrows.pack_capture(capture), number)
            )

    def unlisted(self, most: int, after: int = -1) -> tuple[PageList, ...]:
        """Pages `after` that target of which something unchanged is known and not yet in a list that was written, in their order.

        At least one, where there is one, and others while all of them together have fewer than `most` answers.
        """
        found: list[PageList] = []
        with _translated(self._path):
            for page, url in self._db.execute(
                "SELECT DISTINCT t.page, p.result ->> '$.final_url' FROM targets t JOIN targets p ON p.id=t.page AND p.state=?"
                " WHERE t.state=3 AND t.page>? AND t.page NOT IN (SELECT page FROM lists) ORDER BY t.page",
                (_DONE, after),
            ):
                found.append(PageList(page=page, url=url, answers=tuple(self._unchanged(page))))
                if sum(len(each.answers) for each in found) >= most:
                    break
        return tuple(found)

    def _unchanged(self, page: int) -> Iterator[Unchanged]:
        for (result,) in self._db.execute("SELECT result FROM targets WHERE state=3 AND page=? ORDER BY id", (page,)):
            fields = json.loads(result)
            yield Unchanged(
                url=fields["final_url"],
                at=datetime.fromisoformat(fields["requested_at"]),
                status=fields["status"],
                payload_sha256=fields["payload_sha256"],
                refers_to_date=datetime.fromisoformat(fields["listed"]),
                signals=tuple(fields["signals"]),
            )

    def list_unchanged(self, lists: Sequence[PageList], records: Sequence[Stored]) -> None:
        """The lists of these pages are written, each as the record in its place; what else was written on the way stands before them."""
        before = len(records) - len(lists)
        with self.planning():
            self._insert(records[:before], None)
            for each, record in zip(lists, records[before:], strict=True):
                self._insert((record,), each.page)
                self._db.execute("INSERT INTO lists VALUES(?,?,?,?)", (each.page, record.warc, record.index, len(each.answers)))

    def need(self, target: Target, needed: Iterable[Requisite], most: int) -> tuple[int, int]:
        """Enter what a target needs, as far as the run lacks it and its page, with all its sheets, has no more than `most`.

        Returns how many were added and how many there was no room for; an address that the run has already stays what it is.
        """
        page = target.id if target.need is None else target.need.page
        level = 1 if target.need is None else target.need.level + 1
        added = left = 0
        with self.planning():
            room = most - self.requisites(page)
            for one in needed:
                if self._db.execute("SELECT 1 FROM targets WHERE key=?", (one.address,)).fetchone() is not None:
                    continue
                if added >= room:
                    left += 1
                    continue
                self._add(one.address, one.address, one.address, one.host, target.id, page, level)
                added += 1
            self._db.execute("UPDATE targets SET requisites=requisites+? WHERE id=?", (added, page))
        return added, left

    def requisites(self, page: int) -> int:
        """How many targets were entered because of this page."""
        row = self._db.execute("SELECT requisites FROM targets WHERE id=?", (page,)).fetchone()
        return int(row[0])

    def remember(self, payloads: Iterable[Payload]) -> None:
        """Bodies that lie whole in the run's files; their records are in the journal already. The first of two alike stays."""
        rows = (
            (
                journalrows.body(p.original.body_sha256, p.original.framed),
                p.original.url,
                p.original.date.isoformat(),
                p.stored.warc,
                p.stored.index,
            )
            for p in sorted(payloads, key=lambda p: p.original.body_sha256)  # in the tree's order they touch fewer pages
        )
        with self.planning():
            self._db.executemany("INSERT OR IGNORE INTO payloads VALUES(?,?,?,?,?)", rows)

    def original(self, body_sha256: str, *, framed: bool = False) -> Original | None:
        """The record of this run that holds this body, chunk-framed or not."""
        row = self._db.execute(
            "SELECT r.record_id,p.url,p.date FROM payloads p JOIN records r ON r.warc=p.warc AND r.idx=p.idx WHERE p.sha256=?",
            (journalrows.body(body_sha256, framed),),
        ).fetchone()
        if row is None:
            return None
        date = datetime.fromisoformat(row[2])
        return Original(record_id=row[0], url=row[1], date=date, body_sha256=body_sha256, framed=framed)

    def note(self, name: str, value: str, records: Iterable[Stored]) -> None:
        """A circumstance of the run (an answer of robots.txt, a file's warcinfo) and the records that show it."""
        with self.planning():
            self._insert(records, None)
            self._db.execute("INSERT OR REPLACE INTO circumstances VALUES(?,?)", (name, value))

    def noted(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM circumstances WHERE name=?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def forget(self, target: int) -> None:
        """A target that lost records waits again; those it kept stay in the file, and answer nobody."""
        self._db.execute("UPDATE records SET target=NULL WHERE target=?", (target,))
        self._db.execute("DELETE FROM lists WHERE page=?", (target,))
        self._db.execute("UPDATE targets SET state=?, result=NULL WHERE id=?", (_WAITING, target))

    def strike(self, warc: str, index: int) -> tuple[int, ...]:
        """Strike every record of `warc` from `index` on; returns the targets that lost one. Lists are not lost: they are written again."""
        lists = self._db.execute("DELETE FROM lists WHERE warc=? AND idx>=? RETURNING idx", (warc, index)).fetchall()
        again = json.dumps([number for (number,) in lists])
        self._db.execute("DELETE FROM records WHERE warc=? AND idx IN (SELECT value FROM json_each(?))", (warc, again))
        rows = self._db.execute("DELETE FROM records WHERE warc=? AND idx>=? RETURNING target", (warc, index)).fetchall()
        self._db.execute("DELETE FROM payloads WHERE warc=? AND idx>=?", (warc, index))
        if any(row[0] is None for row in rows):
            self._db.execute("DELETE FROM circumstances")  # what they showed may be lost: it is asked again
        return tuple(sorted({row[0] for row in rows if row[0] is not None}))

    # What there is

    def cited(self, target: int) -> tuple[Citation, ...]:
        """The citations that this target answers, in their order."""
        rows = self._db.execute("SELECT citation FROM citations WHERE target=? ORDER BY id", (target,))
        return tuple(journalrows.citation(row[0]) for row in rows)

    def counts(self) -> Counts:
        """How the run stands."""
        rows = dict(
            self._db.execute(
                "SELECT result ->> '$.outcome', count(*) FROM targets WHERE state=2 AND needed_by IS NULL GROUP BY 1"
            ).fetchall()
        )
        worthless = self._db.execute(
            "SELECT count(*) FROM targets WHERE state=2 AND needed_by IS NULL"
            " AND result ->> '$.outcome'='captured' AND result ->> '$.verdict'<>'ok'"
        ).fetchone()[0]
        total = self._db.execute("SELECT count(*) FROM targets WHERE needed_by IS NULL").fetchone()[0]
        requisites, fetched, lacking, listed = self._db.execute(
            "SELECT count(*), coalesce(sum(state>=2),0), coalesce(sum(state=2 AND result ->> '$.outcome'<>'captured'),0),"
            " coalesce(sum(state=3),0) FROM targets WHERE needed_by NOT NULL"
        ).fetchone()
        return Counts(
            total=total,
            worthless=worthless,
            requisites=requisites,
            fetched=fetched,
            lacking=lacking,
            listed=listed,
            **{str(name): int(number) for name, number in rows.items()},
        )

    def sources(self) -> Iterator[tuple[int, Source]]:
        for number, name, media_type, size, sha256 in self._db.execute("SELECT * FROM sources ORDER BY id"):
            yield number, Source(name=name, media_type=media_type, size=size, sha256=sha256)

    def citations(self) -> Iterator[CitationRow]:
        """Every citation in order. One whose target was never finished says so instead of naming it."""
        rows = self._db.execute(
            "SELECT c.id,c.source,c.citation,c.target,c.not_captured,t.state FROM citations c LEFT JOIN targets t ON t.id=c.target"
            " ORDER BY c.id"
        )
        for number, source, citation, target, why, state in rows:
            unfinished = target is not None and state != _DONE
            yield CitationRow(
                number=number,
                source=source,
                citation=journalrows.citation(citation),
                target=None if unfinished else target,
                not_captured="the run was interrupted before it was asked" if unfinished else why,
            )

    def captures(self) -> Iterator[Capture]:
        """What came of every finished target, in the order of the targets; a requisite of a page that is not finished is left out.

        So is what has its line in the list of its page.
        """
        lists = _Groups(self._db.execute("SELECT page,count FROM lists ORDER BY page"))
        records = _Groups(self._db.execute("SELECT target,* FROM records WHERE target NOT NULL ORDER BY target,warc,idx"))
        cited = _Groups(self._db.execute(f"{_CITED} WHERE c.target NOT NULL ORDER BY 1,2"))
        for number, url, address, host, result, *need in self._db.execute(
            f"SELECT id,url,address,host,result,{_NEED} FROM targets WHERE state=?"  # noqa: S608 - our own words
            " AND (page IS NULL OR (SELECT state FROM targets p WHERE p.id=targets.page)=?) ORDER BY id",
            (_DONE, _DONE),
        ):
            by = journalrows.cited_by(cited.of(number))
            target = Target(id=number, url=url, address=address or "", host=host, cited_by=by, need=journalrows.need(*need))
            unchanged = sum(count for (count,) in lists.of(number))
            yield journalrows.capture(result, target, tuple(journalrows.stored(row) for row in records.of(number)), unchanged)

    def records(self, warc: str) -> Iterator[Stored]:
        """The records of one file, in order."""
        for row in self._db.execute("SELECT * FROM records WHERE warc=? ORDER BY idx", (warc,)):
            yield journalrows.stored(row)

    def warcs(self) -> tuple[str, ...]:
        """The files that hold records, in the order they were begun."""
        return tuple(str(row[0]) for row in self._db.execute("SELECT DISTINCT warc FROM records ORDER BY warc"))

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _next(self, table: str) -> int:
        return int(self._db.execute(f"SELECT coalesce(max(id)+1,0) FROM {table}").fetchone()[0])  # noqa: S608 - our own table names

    def _insert(self, records: Iterable[Stored], target: int | None) -> None:
        self._db.executemany(
            "INSERT INTO records VALUES(?,?,?,?,?,?,?,?,?)",
            (
                (
                    r.warc,
                    r.index,
                    r.offset,
                    r.length,
                    r.sha256,
                    r.crc32,
                    r.type,
                    r.record_id,
                    None if r.type == "warcinfo" else target,
                )
                for r in records
            ),
        )


class _Groups:
    """Rows sorted by their first column, handed out without it, group by group, to one who asks in the same order."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, key: int) -> list[Any]:
        found = []
        while self._next is not None and self._next[0] <= key:
            if self._next[0] == key:
                found.append(self._next[1:])
            self._next = next(self._rows, None)
        return found


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as problem:
        if isinstance(problem, sqlite3.OperationalError):
            raise StoreError(
                f"{path}: {problem}", "free some space or check the folder's permissions, then use --resume"
            ) from problem
        raise StoreError(
            f"{path}: the journal is damaged: {problem}", "keep the folder: the captured records in it are whole WARC files"
        ) from problem


_NEED = "needed_by,page,level,(SELECT n.result ->> '$.final_url' FROM targets n WHERE n.id=targets.needed_by)"
_CITED = "SELECT c.target, c.id, s.name, s.sha256, c.citation FROM citations c JOIN sources s ON s.id=c.source"

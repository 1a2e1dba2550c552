"""The journal as it is written: what is asked for, and what is done. Its promises stand in the package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from preserve.adapters.journal.contents import CITED, NEED, Contents, Groups
from preserve.adapters.journal.file import DONE, LISTED, TAKEN, WAITING, opened, translated
from preserve.formats import journalrows
from preserve.model.document import Citation
from preserve.model.run import RunIdentity, Source
from preserve.model.unchanged import PageList
from preserve.model.web import Capture, Payload, Requisite, Stored, Target
from preserve.rules.partition import part_of


class Journal(Contents):
    """ports.Journal in one SQLite file. Not thread-safe: it belongs to the flow that opened it."""

    def __init__(self, path: Path, part: int | None = None) -> None:
        """Open, or make, the journal at `path`; with `part`, join the process that opened it and divided its targets.

        Raises StoreError when that cannot be, FormatError when it is something else.
        """
        super().__init__(path, opened(path))
        self._part = part or 0
        with translated(path):
            if part is None:
                self._db.execute("UPDATE targets SET state=? WHERE state=?", (WAITING, TAKEN))
            self._parts = int(self._meta("parts") or 1)

    def divide(self, parts: int) -> None:
        """Divide what waits among so many processes; each joins with its number, from 0."""
        if parts == self._parts:
            return
        with self.planning():
            self._parts = parts
            self._db.execute("INSERT OR REPLACE INTO meta VALUES('parts',?)", (str(parts),))
            self._db.create_function("part_of", 1, lambda host: part_of(host, parts), deterministic=True)
            self._db.execute("UPDATE targets SET part=part_of(host) WHERE state=?", (WAITING,))

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
        with translated(self._path):
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
        with translated(self._path):
            self._db.execute("UPDATE meta SET value=? WHERE key='settings'", (settings,))

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
            (number, key, url, address, host, part_of(host, self._parts), turn, WAITING, *(need or (None, None, 0))),
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
        with translated(self._path):
            rows = self._db.execute(
                "UPDATE targets SET state=? WHERE id IN (SELECT id FROM targets WHERE part=? AND state=0 ORDER BY turn,id LIMIT ?)"  # noqa: S608 - our own words
                f" RETURNING turn,id,url,address,host,{NEED}",
                (TAKEN, self._part, limit),
            ).fetchall()
            asked = json.dumps([row[1] for row in rows])
            of_these = f"{CITED} WHERE c.target IN (SELECT value FROM json_each(?)) ORDER BY 1,2"  # noqa: S608 - our own words
            cited = Groups(self._db.execute(of_these, (asked,)))
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
            state = LISTED if listed else DONE
            self._db.execute(
                "UPDATE targets SET state=?, result=? WHERE id=?", (state, journalrows.pack_capture(capture), number)
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

    def note(self, name: str, value: str, records: Iterable[Stored]) -> None:
        """A circumstance of the run (an answer of robots.txt, a file's warcinfo) and the records that show it."""
        with self.planning():
            self._insert(records, None)
            self._db.execute("INSERT OR REPLACE INTO circumstances VALUES(?,?)", (name, value))

    def forget(self, target: int) -> None:
        """A target that lost records waits again; those it kept stay in the file, and answer nobody."""
        self._db.execute("UPDATE records SET target=NULL WHERE target=?", (target,))
        self._db.execute("DELETE FROM lists WHERE page=?", (target,))
        self._db.execute("UPDATE targets SET state=?, result=NULL WHERE id=?", (WAITING, target))

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

"""What a journal holds, read: the run, what was asked for, what came of it, where each record lies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from preserve.adapters.journal.file import DONE, translated
from preserve.formats import journalrows
from preserve.model.document import Citation
from preserve.model.run import CitationRow, Counts, RunIdentity, Source
from preserve.model.unchanged import PageList, Unchanged
from preserve.model.web import Capture, Original, Stored, Target

NEED: Final = "needed_by,page,level,(SELECT n.result ->> '$.final_url' FROM targets n WHERE n.id=targets.needed_by)"
CITED: Final = "SELECT c.target, c.id, s.name, s.sha256, c.citation FROM citations c JOIN sources s ON s.id=c.source"


class Contents:
    """The half of a journal that changes nothing."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._db = db

    @property
    def waiting(self) -> bool:
        """Whether a target of any part waits, or is under way."""
        with translated(self._path):
            return self._db.execute("SELECT 1 FROM targets WHERE state<? LIMIT 1", (DONE,)).fetchone() is not None

    def identity(self) -> RunIdentity | None:
        """The run that is open, or None when nothing was begun."""
        value = self._meta("identity")
        return None if value is None else journalrows.identity(value)

    def settings(self) -> str:
        return self._meta("settings") or "{}"

    def noted(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM circumstances WHERE name=?", (name,)).fetchone()
        return None if row is None else str(row[0])

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
            unfinished = target is not None and state != DONE
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
        lists = Groups(self._db.execute("SELECT page,count FROM lists ORDER BY page"))
        records = Groups(self._db.execute("SELECT target,* FROM records WHERE target NOT NULL ORDER BY target,warc,idx"))
        cited = Groups(self._db.execute(f"{CITED} WHERE c.target NOT NULL ORDER BY 1,2"))
        for number, url, address, host, result, *need in self._db.execute(
            f"SELECT id,url,address,host,result,{NEED} FROM targets WHERE state=?"  # noqa: S608 - our own words
            " AND (page IS NULL OR (SELECT state FROM targets p WHERE p.id=targets.page)=?) ORDER BY id",
            (DONE, DONE),
        ):
            by = journalrows.cited_by(cited.of(number))
            target = Target(id=number, url=url, address=address or "", host=host, cited_by=by, need=journalrows.need(*need))
            unchanged = sum(count for (count,) in lists.of(number))
            yield journalrows.capture(result, target, tuple(journalrows.stored(row) for row in records.of(number)), unchanged)

    def requisites(self, page: int) -> int:
        """How many targets were entered because of this page."""
        row = self._db.execute("SELECT requisites FROM targets WHERE id=?", (page,)).fetchone()
        return int(row[0])

    def unlisted(self, most: int, after: int = -1) -> tuple[PageList, ...]:
        """Pages `after` that target of which something unchanged is known and not yet in a list that was written, in their order.

        At least one, where there is one, and others while all of them together have fewer than `most` answers.
        """
        found: list[PageList] = []
        with translated(self._path):
            for page, url in self._db.execute(
                "SELECT DISTINCT t.page, p.result ->> '$.final_url' FROM targets t JOIN targets p ON p.id=t.page AND p.state=?"
                " WHERE t.state=3 AND t.page>? AND t.page NOT IN (SELECT page FROM lists) ORDER BY t.page",
                (DONE, after),
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


class Groups:
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

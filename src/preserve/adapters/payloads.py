"""Which bodies the archive's sealed runs hold, and where: ARCHIVE/index/payloads.sqlite. Derived: it may be deleted at any time.

Promises. What it says is never believed: `find` reads the record itself, whole, and gives it only when its digests hold and it bears the
body that was asked for. So an index that is old, damaged or forged costs space, never a capture, and never makes a revisit whose
original is not there. It is brought up to date from the lists that the runs carry (data/captures.jsonl and the record indexes), run by
run, and begun anew when a run that it knows is gone or has another SEAL.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from preserve.errors import StoreError
from preserve.formats.warc import MemberCheck
from preserve.model.web import Original

_SCHEMA = """
CREATE TABLE runs(number INTEGER PRIMARY KEY, name TEXT NOT NULL, seal TEXT NOT NULL) STRICT;
CREATE TABLE payloads(sha256 TEXT NOT NULL, url BLOB NOT NULL, run INTEGER NOT NULL, warc TEXT NOT NULL, offset INTEGER NOT NULL,
  length INTEGER NOT NULL, PRIMARY KEY(sha256, url)) STRICT, WITHOUT ROWID;
"""
_VERSION = 2
_PLACE = "SELECT r.name,p.warc,p.offset,p.length FROM payloads p JOIN runs r ON r.number=p.run WHERE p.sha256=?"
_CAPTURES = "data/captures.jsonl"
_WARC = re.compile(r"data/[a-z0-9][a-z0-9._-]*\.warc\.gz")
_PIECE = 1 << 16


class PayloadIndex:
    """ports.Originals over the sealed runs below `runs`."""

    def __init__(self, folder: Path, runs: Path) -> None:
        """Open the index in `folder`, or begin it.

        Raises StoreError when nothing can be kept there; then a capture goes on without.
        """
        self._path = folder / "payloads.sqlite"
        self._runs = runs
        try:
            folder.mkdir(exist_ok=True)
            try:
                self._db = self._open()
            except sqlite3.DatabaseError:
                self._db = self._anew()
        except (OSError, sqlite3.DatabaseError) as problem:
            raise StoreError(f"{self._path}: {problem}") from problem

    def close(self) -> None:
        self._db.close()

    def update(self, names: Sequence[str]) -> None:
        """Take in the runs of these names that are not known yet. Raises StoreError when that cannot be."""
        try:
            seals = {name: hashlib.sha256((self._runs / name / "SEAL").read_bytes()).hexdigest() for name in names}
            try:
                self._update(seals)
            except sqlite3.DatabaseError:
                self._db.close()
                self._db = self._anew()
                self._update(seals)
        except (OSError, sqlite3.DatabaseError) as problem:
            raise StoreError(f"{self._path}: {problem}") from problem

    def find(self, entity_sha256: str, body_sha256: str, url: str) -> Original | None:
        """A response record that was just read whole and holds this body behind its head, that of `url` first; None when there is none.

        Runs list bodies by their entity, without chunk framing. Where the record of `url` does not hold it (any more), its place is
        forgotten: the record that is written now takes it.
        """
        try:
            own = self._db.execute(f"{_PLACE} AND p.url=?", (entity_sha256, _name(url))).fetchone()
            row = own or self._db.execute(f"{_PLACE} LIMIT 1", (entity_sha256,)).fetchone()
            if row is None or not _WARC.fullmatch(row[1]):
                return None
            found = _read(self._runs / row[0] / row[1], row[2], row[3], body_sha256)
            if found is None and own is not None:
                self._db.execute("DELETE FROM payloads WHERE sha256=? AND url=?", (entity_sha256, _name(url)))
        except (OSError, sqlite3.DatabaseError):
            return None
        return found

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA journal_mode=MEMORY")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
            elif version != _VERSION:
                raise sqlite3.DatabaseError(f"an index of version {version}")
        except BaseException:
            db.close()
            raise
        return db

    def _anew(self) -> sqlite3.Connection:
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        return self._open()

    def _update(self, seals: dict[str, str]) -> None:
        known = dict(self._db.execute("SELECT name,seal FROM runs").fetchall())
        if any(seals.get(name) != seal for name, seal in known.items()):
            self._db.close()
            self._db = self._anew()
            known = {}
        for name, seal in seals.items():
            if name in known:
                continue
            self._db.execute("BEGIN")
            try:
                number = self._db.execute("INSERT INTO runs(name,seal) VALUES(?,?)", (name, seal)).lastrowid
                rows = ((sha256, url, number, *place) for sha256, url, *place in _payloads(self._runs / name))
                self._db.executemany("INSERT OR IGNORE INTO payloads VALUES(?,?,?,?,?,?)", rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _name(url: str) -> bytes:
    """What an address is known by here: whatever is found by it is looked at."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()[:8]


def _payloads(run: Path) -> Iterator[tuple[str, bytes, str, int, int]]:
    """(body, address, file, offset, length) of each final response of a run; what cannot be read is passed over: `find` looks itself."""
    places: dict[str, array[int]] = {}
    with suppress(ValueError, KeyError, TypeError, IndexError, FileNotFoundError), (run / _CAPTURES).open("rb") as file:
        for row in file:
            line = json.loads(row)
            responses = [record for record in line["records"] if record["type"] == "response"]
            if line["outcome"] != "captured" or line["payload_bytes"] <= 0 or not responses:
                continue
            warc, index = responses[-1]["warc"], responses[-1]["index"]
            if not _WARC.fullmatch(warc):
                continue
            if warc not in places:
                places = {warc: _offsets(run / (warc.removesuffix(".warc.gz") + ".records"))}  # lines go file by file, mostly
            offsets = places[warc]
            yield line["payload_sha256"], _name(line["final_url"]), warc, offsets[index], offsets[index + 1] - offsets[index]


def _offsets(path: Path) -> array[int]:
    """Where each record begins, and where the last one ends (docs/formats/records.md)."""
    offsets = array("q", [0])
    with path.open("rb") as file:
        for line in file:
            offsets.append(offsets[-1] + int(line.split()[3]))
    return offsets


def _read(path: Path, offset: int, length: int, body_sha256: str) -> Original | None:
    begins: list[bytes] = []

    def keep(piece: bytes) -> None:
        if not begins:
            begins.append(piece[:_PIECE])

    check = MemberCheck(keep, payload="sha256")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        end = offset + length
        while offset < end and (piece := os.pread(handle, min(_PIECE, end - offset), offset)):
            offset += len(piece)
            check.feed(piece)
    finally:
        os.close(handle)
    member = check.result()
    header = member.header
    if offset < end or member.problem or header is None or header.type != "response" or header.target_uri is None:
        return None
    if member.payload.hex() != body_sha256:
        return None
    framed = header.payload_digest is None  # docs/formats/warc-profile.md section 4
    return Original(
        record_id=header.id,
        url=header.target_uri,
        date=header.date,
        body_sha256=body_sha256,
        framed=framed,
        answer=begins[0] if begins else b"",
    )

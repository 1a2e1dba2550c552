"""The file of a journal: its tables, how it is opened, and what goes wrong with it. SQLite in WAL mode."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preserve.errors import FormatError, StoreError

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
WAITING, TAKEN, DONE, LISTED = 0, 1, 2, 3  # the last is done too: it has a line in its page's list
_WAL_PAGES = 4000
"""Pages (16 MB) that the log may have before they are brought into the file, which holds up the run for some milliseconds."""
_PATIENCE = 10.0
"""Seconds to wait for somebody who reads the file. We alone write it, so nothing else can be in the way."""


def opened(path: Path) -> sqlite3.Connection:
    """The database at `path`, made when there is none. Raises StoreError when that cannot be, FormatError when it is something else."""
    with translated(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE, cached_statements=64)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
            elif version != _VERSION:
                raise FormatError(
                    f"{path}: a journal of version {version}, not {_VERSION}", "finish it with the release that began it"
                )
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What SQLite raises, in our words: StoreError."""
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

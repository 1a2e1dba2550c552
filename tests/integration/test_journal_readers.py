"""Somebody who looks into the journal of a running capture (a backup, a curious person) does not end it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from preserve.adapters.journal import Journal


def test_a_reader_at_the_wrong_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader.execute("CREATE TABLE other(x)")
    reader.execute("DROP TABLE other")
    reader.execute("BEGIN EXCLUSIVE")

    def leave() -> None:
        reader.execute("ROLLBACK")
        reader.close()

    timer = threading.Timer(0.3, leave)
    timer.start()
    try:
        journal = Journal(path)
        journal.close()
    finally:
        timer.join()

"""A run that was left open, made sound again: the files hold exactly what the journal says, or less is believed.

After a kill the files may hold more than the journal: the tail is moved aside, its targets wait in the journal anyway. After a power
cut they may hold less, or other bytes: then everything from the first record that is not as it was is struck, and its targets are
asked again. A revisit whose original was struck goes the same way, with all that follows it in its file. What is struck is struck in
one step, and only then are files cut, so that a kill in between is recovered like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import PurePath

from preserve.formats.counted import counted
from preserve.formats.warc import MemberCheck
from preserve.model.web import Stored
from preserve.ports import Journal, Staging

_CHUNK = 1 << 20


def recover(journal: Journal, staging: Staging, cut: Callable[[str, int], PurePath | None]) -> tuple[str, ...]:
    """Bring journal and files to agree; `cut(warc, length)` cuts a file back and keeps the rest aside.

    Returns what was done, in words, for a person to read.
    """
    told = []
    known = journal.warcs()
    there = {path for path in staging.files() if path.startswith("data/") and path.endswith(".warc.gz")}
    bad: dict[str, int] = {}
    lost: set[str] = set()
    before = -1
    while before < len(lost):  # the original of a revisit may lie in any file: what one loses, another may refer to
        before = len(lost)
        for warc in known:
            first = _first_bad(journal, staging, warc, lost) if warc in there else 0
            if first is not None:
                bad[warc] = first
                lost.update(record.record_id for record in journal.records(warc) if record.index >= first)
    with journal.planning():
        for warc, first in bad.items():
            targets = journal.strike(warc, first)
            for target in targets:
                journal.forget(target)
            what = f"from record {first} on the disk lost what was written" if warc in there else "the disk lost the file"
            told.append(f"{warc}: {what}; {counted(len(targets), 'address')} to be asked again")
    sound = {warc: sum(record.length for record in journal.records(warc)) for warc in sorted(there)}
    torn = ((warc, cut(warc, length)) for warc, length in sound.items())
    told += [f"{warc}: a torn tail was moved aside to data/{aside.name}" for warc, aside in torn if aside is not None]
    return tuple(told)


def _first_bad(journal: Journal, staging: Staging, warc: str, lost: Collection[str]) -> int | None:
    """The index of the first record that is not what was written, or that refers to one that is lost; None: all are sound."""
    end = 0
    with staging.open(warc) as file:
        for record in journal.records(warc):
            digest, check, left = hashlib.sha256(), MemberCheck(), record.length
            refers = bool(lost) and record.type == "revisit"
            while left and (piece := file.read(min(left, _CHUNK))):
                left -= len(piece)
                digest.update(piece)
                if refers:
                    check.feed(piece)
            if left or digest.hexdigest() != record.sha256 or record.offset != end:
                return record.index
            if refers and _original(check, record) in lost:
                return record.index
            end += record.length
    return None


def _original(check: MemberCheck, record: Stored) -> str:
    header = check.result().header
    assert header is not None, f"record {record.index} is what was written"
    return (header.get("WARC-Refers-To") or "").strip("<>")

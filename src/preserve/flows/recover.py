"""Making an open run sound again after a kill or a power cut, before anything is added to it.

After a kill the WARC files may hold more than the journal: a torn tail, cut off and kept aside. After a power cut they may hold
less, or other bytes than were written: from the first such record on nothing of that file counts, the targets it answered wait
again, and the bytes are kept aside. Nothing is thrown away, nothing that is sound is asked twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import PurePath

from preserve.ports import Journal, Staging

_CHUNK = 1 << 20


def recover(journal: Journal, staging: Staging, cut: Callable[[str, int], PurePath | None]) -> tuple[str, ...]:
    """Bring journal and files to agree; `cut(warc, length)` cuts a file back and keeps the rest aside.

    Returns what was done, in words, for a person to read.
    """
    told = []
    known = set(journal.warcs())
    for warc in sorted(path for path in staging.files() if path.startswith("data/") and path.endswith(".warc.gz")):
        good, first_bad = (0, None) if warc not in known else _sound(journal, staging, warc)
        if first_bad is not None:
            lost = journal.strike(warc, first_bad)
            for target in lost:
                journal.forget(target)
            told.append(
                f"{warc}: from record {first_bad} on the disk lost what was written; {len(lost)} addresses are asked again"
            )
        if (torn := cut(warc, good)) is not None:
            told.append(f"{warc}: a torn tail was moved aside to data/{torn.name}")
    for warc in sorted(known - set(staging.files())):
        lost = journal.strike(warc, 0)
        for target in lost:
            journal.forget(target)
        told.append(f"{warc}: the disk lost the file; {len(lost)} addresses are asked again")
    return tuple(told)


def _sound(journal: Journal, staging: Staging, warc: str) -> tuple[int, int | None]:
    """The length up to which the file is what was written, and the index of the first record that is not (None: all are)."""
    end = 0
    with staging.open(warc) as file:
        for record in journal.records(warc):
            digest, left = hashlib.sha256(), record.length
            while left and (piece := file.read(min(left, _CHUNK))):
                left -= len(piece)
                digest.update(piece)
            if left or digest.hexdigest() != record.sha256 or record.offset != end:
                return end, record.index
            end += record.length
    return end, None

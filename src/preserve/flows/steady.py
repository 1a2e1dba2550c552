"""An archive that is the same however often it is asked: what is judged is what was read, also where two parts of a check read it.

Keys are followed by the events before runs and events are judged by them, and the log's entries are gone through for its tiles, its order
and its renewals. A file that somebody changed in between would be believed for what it no longer says. So it is read once; of what is too
much to keep, its hash is, and a second reading that differs is no reading (the check is begun anew, as with any archive that is written to).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from preserve.errors import FormatError, StoreError
from preserve.flows.measure import VanishedError
from preserve.formats import note, tlog

if TYPE_CHECKING:
    from preserve.model.tree import Entry
    from preserve.ports import Folder

_ASKED_AGAIN = ("events/", "journal/", "log/")
"""A run's own files are read once as it is; of thousands of runs not even hashes are kept."""
KEPT = 4 << 20
"""Bytes that are kept whole."""
_ATTEMPTS = 3
_T = TypeVar("_T")


def settled(folder: Folder, check: Callable[[Folder], _T], what: str = "the archive") -> _T:
    """What `check` finds in an archive that may be written to meanwhile: what was read around a new log entry is read again.

    Raises StoreError when another process keeps changing it; `what` was read.
    """
    for _ in range(_ATTEMPTS):
        before = _head(folder)
        try:
            found = check(Steady(folder))
        except (FileNotFoundError, VanishedError):
            continue
        if _head(folder) == before:
            return found
    raise StoreError(f"{what} keeps changing while it is read", "try again when the command that writes to it has ended")


def _head(folder: Folder) -> bytes:
    try:
        return folder.read(f"log/{tlog.CHECKPOINT}", note.MAX_NOTE)
    except (FileNotFoundError, StoreError, FormatError):
        return b""  # what is wrong with it is for the check to say


class Steady:
    """A folder (ports.Folder) as it is seen during one check. Raises VanishedError when a file is another one than before."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}
        self._hashes: dict[str, bytes] = {}
        self._room = KEPT

    def names(self) -> frozenset[str]:
        return self._folder.names()

    def walk(self) -> Iterator[Entry]:
        return self._folder.walk()

    def open(self, path: str) -> BinaryIO:
        return self._folder.open(path)

    def read(self, path: str, limit: int) -> bytes:
        kept = self._kept.get(path)
        if kept is not None and len(kept) <= limit:
            return kept
        data = self._folder.read(path, limit)
        if not path.startswith(_ASKED_AGAIN):
            return data
        found = hashlib.sha256(data).digest()
        if self._hashes.setdefault(path, found) != found:
            raise VanishedError(path)
        if len(data) <= self._room:
            self._room -= len(data)
            self._kept[path] = data
        return data

"""An archive that is the same however often it is asked: what is judged is what was read, also where two parts of a check read it.

Keys are followed by the events before runs and events are judged by them, and the log's entries are gone through for its tiles, its order
and its renewals. A file that somebody changed in between would be believed for what it no longer says. So it is read once; of what is too
much to keep, its hash is, and a second reading that differs is no reading (the check is begun anew, as with any archive that is written to).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from preserve.flows.measure import VanishedError

if TYPE_CHECKING:
    from preserve.model.tree import Entry
    from preserve.ports import Folder

_ASKED_AGAIN = ("events/", "journal/", "log/")
"""A run's own files are read once as it is; of thousands of runs not even hashes are kept."""
KEPT = 4 << 20
"""Bytes that are kept whole."""


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

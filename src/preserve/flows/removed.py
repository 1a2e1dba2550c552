"""What was removed from an archive, for whoever hands the rest of it over (docs/formats/events.md section 11).

Its bytes stand in the WARC file as the statement left them, and go along as they are, with the statement. What a statement removes and
what is nevertheless still there does not go along at all: somebody ordered that it goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from preserve.errors import TrustError
from preserve.flows import carried
from preserve.formats.seal import MAX_SIZE
from preserve.model.event import Redaction
from preserve.model.handover import RunPart

if TYPE_CHECKING:
    from preserve.flows.select import SealedRun
    from preserve.ports import Folder


class Removed:
    """The records of an archive whose removal is stated, by run, WARC file and index, each with the hashes of what may stand there."""

    def __init__(self, folder: Folder) -> None:
        """Raises FormatError when a statement cannot be read; the archive was verified before."""
        self._folder = folder
        self._stated: dict[str, list[Redaction]] = {}
        self._seals: dict[str, str] = {}
        for body in carried.redactions(folder):
            self._stated.setdefault(body.run.seal_sha256, []).append(body)

    def of(self, at: str, file: str) -> Mapping[int, frozenset[str]]:
        """Those of a WARC file of the run in the folder `at`."""
        found: dict[int, frozenset[str]] = {}
        for body in self._stated.get(self._seal(at), ()):
            for record in body.records:
                if record.file == file:
                    found[record.index] = found.get(record.index, frozenset()) | {record.replacement_sha256}
        return found

    def concerning(self, parts: Iterable[RunPart]) -> Callable[[Redaction], bool]:
        """Whether a statement removes a record of what is handed over."""
        places = {self._seal(part.at): part for part in parts}

        def concerned(body: Redaction) -> bool:
            part = places.get(body.run.seal_sha256)
            if part is None:
                return False
            return part.whole or any(one.index in part.records.get(one.file, frozenset()) for one in body.records)

        return concerned

    def count(self, parts: Iterable[RunPart]) -> int:
        """How many records of what is handed over were removed."""
        total = 0
        for part in parts:
            for entry in part.manifest.files:
                gone = self.of(part.at, entry.path)
                total += len(gone if part.whole else gone.keys() & part.records.get(entry.path, frozenset()))
        return total

    def _seal(self, at: str) -> str:
        if at not in self._seals:
            self._seals[at] = hashlib.sha256(self._folder.read(f"{at}SEAL", MAX_SIZE)).hexdigest()
        return self._seals[at]


def stored(run: SealedRun, file: str, numbers: Iterable[int], gone: Mapping[int, frozenset[str]]) -> Iterator[bytes]:
    """These records of a WARC file, each held against what was sealed or what a statement left in its place.

    Raises TrustError when one of them is neither, or is still there although its removal is stated.
    """
    for number in numbers:
        place, digest = run.place(file, number), hashlib.sha256()
        for piece in run.stored_at(file, place):
            digest.update(piece)
            yield piece
        found = digest.hexdigest()
        if found not in gone.get(number, {place.sha256}):
            if found == place.sha256:
                raise TrustError(
                    f"record {number} of {run.at}{file} is still, or again, there, although its removal is stated",
                    "preserve redact --finish carries the removal out",
                )
            raise TrustError(f"record {number} of {run.at}{file} is not what was signed", "preserve verify says what is wrong")

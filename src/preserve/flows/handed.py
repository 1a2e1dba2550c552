"""What is handed over of a run, read alike where it lies in the archive and where it lies in a bundle.

Of a whole run that is the run itself (`SealedRun`). Of another, in the archive, its lines and records are those that were chosen
(`ChosenRun`); in a bundle, those that proofs are there for (`ProvenRun`). So what is made for players follows on both sides from the same
lines and records, and can be made again by whoever verifies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from preserve.errors import FormatError
from preserve.flows.select import SealedRun
from preserve.formats import proof, recordindex
from preserve.formats.proof import Kind, Proof
from preserve.model.lines import RecordLine
from preserve.rules import handover

if TYPE_CHECKING:
    from preserve.model.handover import RunPart
    from preserve.model.manifest import FileEntry
    from preserve.ports import Folder

MAX_PROOFS: Final = 1 << 30
"""Bytes of a file of proofs that are read."""


def of_archive(folder: Folder, part: RunPart) -> SealedRun:
    """What is handed over of a run, as it lies in the archive."""
    return SealedRun(folder, part.name) if part.whole else ChosenRun(folder, part)


def of_bundle(folder: Folder, name: str) -> SealedRun:
    """The same, as it lies in a bundle; `folder` has its entries under the paths of an archive."""
    at = f"runs/{name}/{handover.PROOFS}"
    return ProvenRun(folder, name) if any(entry.path.startswith(at) for entry in folder.walk()) else SealedRun(folder, name)


class ChosenRun(SealedRun):
    """Some captures of a run and the records that go with them."""

    whole = False

    def __init__(self, folder: Folder, part: RunPart) -> None:
        super().__init__(folder, part.name)
        self._part = part
        self.lent = part.lent

    def rows(self, file: str) -> Iterator[bytes]:
        rows = super().rows(file)
        if file != self.manifest.captures.file:
            return rows
        return (row for number, row in enumerate(rows) if number in self._part.captures)

    def numbers(self, warc: FileEntry) -> Iterator[int]:
        return iter(sorted(self._part.records.get(warc.path, ())))


class ProvenRun(SealedRun):
    """The same in a bundle: nothing of it is believed here, and `flows.verify_selected` judges every proof."""

    whole = False

    @cached_property
    def _places(self) -> dict[str, dict[int, RecordLine]]:
        """By WARC file: where each record lies in the file of those that were selected."""
        found: dict[str, dict[int, RecordLine]] = {}
        for warc in self.warcs:
            offset = 0
            for shown in self._proofs(handover.record_proofs(warc.path), Kind.RECORD):
                line = recordindex.parse_leaf(shown.leaf)
                place = RecordLine(index=line.index, offset=offset, length=line.length, sha256=line.sha256)
                found.setdefault(warc.path, {})[line.index] = place
                offset += line.length
        return found

    def _proofs(self, path: str, kind: Kind) -> Iterator[Proof]:
        try:
            data = self._folder.read(self.at + path, MAX_PROOFS)
        except FileNotFoundError:
            return
        for shown in proof.decode(data):
            if shown.kind is kind:
                yield shown

    def rows(self, file: str) -> Iterator[bytes]:
        if file != self.manifest.captures.file:
            return super().rows(file)
        return (shown.leaf for shown in self._proofs(handover.line_proofs(file), Kind.LINE))

    def numbers(self, warc: FileEntry) -> Iterator[int]:
        return iter(self._places.get(warc.path, ()))

    def place(self, warc: str, index: int) -> RecordLine:
        try:
            return self._places[warc][index]
        except KeyError:
            raise FormatError(f"{self.at}{warc}: record {index} is not in this bundle") from None

    def path(self, warc: str) -> str:
        return handover.warc_path(warc, whole=False)

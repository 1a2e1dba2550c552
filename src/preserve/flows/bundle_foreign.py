"""What other tools captured, in a bundle: where players find it, and whether it is what was imported (docs/formats/wacz-profile.md).

A WARC file goes into archive/ as it is. Of a WACZ the WARC files in it go there, byte for byte, for players do not look into a WACZ
inside a WACZ; it goes along itself too, for its hash is what was signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from preserve.errors import FormatError
from preserve.flows.foreign import ForeignFile, Part
from preserve.formats import cdxj, foreignwarc, wacz
from preserve.formats.foreignwarc import Item
from preserve.formats.warcscan import Found
from preserve.model.finding import Claim, Finding, failed
from preserve.model.manifest import FileEntry, Manifest, Role
from preserve.model.noun import dataclass
from preserve.rules import handover
from preserve.rules.verify_bundle import Measured

if TYPE_CHECKING:
    from preserve.ports import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A WARC file on its way into archive/. `whole` is the signed entry when it is that file itself."""

    path: str
    file: ForeignFile
    part: Part
    size: int
    whole: FileEntry | None

    def pieces(self) -> Iterator[bytes]:
        return self.file.pieces(self.part)

    def rows(self) -> Iterator[bytes | None]:
        """The index's line of each record, None for those that are not indexed."""
        filename = self.path.removeprefix(wacz.ARCHIVE)
        for item in self.file.items(self.part):
            if item.header is None:
                continue
            if not item.framed or not cdxj.is_indexed(item.header):
                yield None
                continue
            line = cdxj.line(
                item.header,
                item.block,
                filename=filename,
                offset=item.offset,
                length=item.length,
                sha256=item.sha256,
                imported=True,
            )
            yield line.encode()


def foreign_files(manifest: Manifest) -> tuple[FileEntry, ...]:
    return tuple(entry for entry in manifest.files if entry.role is Role.FOREIGN)


def in_archive(entry: FileEntry) -> bool:
    """Whether the file itself goes into archive/."""
    return handover.is_imported(wacz.ARCHIVE + entry.path.rpartition("/")[2])


def extracts(folder: Folder, at: str, manifest: Manifest) -> Iterator[Extract]:
    """The WARC files of a run's imports, in order; each is to be read before the next is asked for."""
    for entry in foreign_files(manifest):
        with folder.open(at + entry.path) as file:
            foreign = ForeignFile(file)
            for number, part in enumerate(foreign.parts, start=1):
                if part.entry is None:
                    yield Extract(
                        path=handover.warc_path(entry.path, whole=True), file=foreign, part=part, size=entry.bytes, whole=entry
                    )
                else:
                    path = handover.extract_path(entry.path, number, part.suffix)
                    yield Extract(path=path, file=foreign, part=part, size=part.entry.size, whole=None)


# ------------------------------------------------------------------------------------------------------------------ checking


def found(stream: Iterable[bytes]) -> Iterator[Found]:
    """The records of an imported WARC file that lie in members of their own; what cannot be read ends it, as it did when it came."""
    try:
        for item in foreignwarc.read(stream):
            if item.framed and item.header is not None:
                yield _found(item)
    except FormatError:
        return


def _found(item: Item) -> Found:
    return Found(offset=item.offset, length=item.length, sha256=item.sha256, header=item.header, block=item.block, problem="")


def judge_extracts(folder: Folder, names: Collection[str], measured: Mapping[str, Measured]) -> Iterator[Finding]:
    """Whether the WARC files taken out of imported WACZ files are those that lie in them, all of them; `names` are the bundle's entries."""
    of: dict[str, dict[str, int]] = {}
    for name in names:
        if (place := handover.extracted(name)) is not None:
            of.setdefault(place[0], {})[name] = place[1]
    for name in names:
        if handover.is_imported_wacz(name):
            of.setdefault(name, {})
    for whole, taken in of.items():
        if whole not in names:
            for name in taken:
                yield failed(Claim.COMPLETENESS, name, f"forged: the imported file it is said to be of, {whole}, is not here")
            continue
        with folder.open(whole) as file:
            yield from _judge(file, whole, taken, measured)


def _judge(file: BinaryIO, whole: str, taken: Mapping[str, int], measured: Mapping[str, Measured]) -> Iterator[Finding]:
    try:
        foreign = ForeignFile(file)
    except FormatError as problem:
        yield failed(Claim.INTEGRITY, whole, f"altered: {problem.message}")
        return
    for name, number in taken.items():
        part = foreign.parts[number - 1] if 0 < number <= len(foreign.parts) else None
        digest = hashlib.sha256()
        for piece in () if part is None else foreign.pieces(part):
            digest.update(piece)
        if part is None or digest.hexdigest() != measured[name].sha256:
            yield failed(Claim.INTEGRITY, name, f"forged: it is not the WARC file that lies in {whole}")
    for number in sorted(set(range(1, len(foreign.parts) + 1)) - set(taken.values())):
        yield failed(Claim.COMPLETENESS, whole, f"missing: WARC file {number} of it, for players to find")

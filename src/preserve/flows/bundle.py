"""`preserve bundle`: what was sealed, as a WACZ that players open and `preserve verify` checks (docs/formats/wacz-profile.md).

Whole runs go along byte for byte; of others the records asked for, each stored member unchanged, with the proofs that they are of
the sealed run. Everything streams: a WARC file is read once, hashed on the way and held against what was signed, so that nothing
altered is handed over in silence. A record that was removed goes along as what stands in its place, with the statement that removed it.
Nothing is written below the archive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Protocol

from preserve.errors import FormatError, TrustError, UsageError
from preserve.flows import bundle_foreign, bundle_pages, carried, countersigned, handed, players
from preserve.flows.bundle_pages import Shown
from preserve.flows.removed import Removed, stored
from preserve.flows.select import SealedRun
from preserve.formats import cdxj, proof, recordindex, wacz, warcscan
from preserve.formats.seal import MANIFEST, MAX_SIZE
from preserve.formats.wacz import Resource
from preserve.model.finding import Report, Result
from preserve.model.handover import Absent, Lost, RunPart
from preserve.model.manifest import FileEntry, Role
from preserve.model.noun import dataclass
from preserve.model.tree import Kind
from preserve.rules import handover

if TYPE_CHECKING:
    from preserve.ports import Folder, Signer

BLOCK = 1 << 20
_PEEK = 1 << 12


class Sink(Protocol):
    """Where a bundle's entries go, in order."""

    def add(self, path: str, pieces: Iterable[bytes], *, size: int) -> Resource:
        """Write one entry of about `size` bytes. Raises StoreError when it cannot be written."""
        ...


class Sorter(Protocol):
    """Lines put in the order of their bytes, however many."""

    def add(self, row: bytes) -> None:
        """One line, without its newline."""
        ...

    @property
    def size(self) -> int:
        """Bytes of all lines, newlines included."""
        ...

    def rows(self) -> Iterator[bytes]: ...


class PackageSigner(Protocol):
    """The P-384 key that players read the signature of."""

    @property
    def public_der(self) -> bytes:
        """Its SubjectPublicKeyInfo."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, as raw r||s."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the bundle says of itself."""

    title: str
    created: datetime
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was handed over. `lost` are captures of it that players cannot show; `removed` counts records that were removed."""

    runs: int
    records: int
    captures: int
    pages: int
    removed: int
    lost: tuple[Lost, ...]


def run_names(folder: Folder) -> tuple[str, ...]:
    """The archive's sealed runs, in order."""
    found = {entry.path.split("/")[1] for entry in folder.walk() if entry.path.startswith("runs/")}
    return tuple(sorted(found, key=lambda name: (len(name.partition("-")[0]), name)))


def refuse_altered(report: Report, names: Sequence[str], only: Collection[int]) -> None:
    """Raise TrustError when the archive as a whole, or one of these runs, does not verify. `only`: no others (none named: all).

    Damage to a run that stays behind is no bar.
    """
    taken = {f"runs/{name}" for name in names if not only or int(name.partition("-")[0]) in only}
    for finding in report.findings:
        run = "/".join(finding.subject.split("/")[:2])
        if finding.result is Result.FAIL and (run in taken or not run.startswith("runs/")):
            raise TrustError(
                f"the archive does not verify, and nothing altered is handed over: {finding.subject}: {finding.detail}",
                "preserve verify says everything that is wrong; intact runs can be bundled with --run",
            )


# ------------------------------------------------------------------------------------------------------------------- writing


def write_wacz(
    folder: Folder, parts: Sequence[RunPart], sink: Sink, sorter: Sorter, about: About, signer: Signer, key: PackageSigner
) -> Contents:
    """Everything of a WACZ into `sink`, datapackage.json and its signatures last."""
    resources, records = [], 0
    runs = [(part, SealedRun(folder, part.name)) for part in parts]
    removed = Removed(folder)
    absent = _absent(folder, parts, removed)
    for resource, rows in _warcs(folder, runs, sink, removed, absent):
        resources.append(resource)
        for row in rows:
            if row is not None:
                sorter.add(row)
            records += 1
    resources += _made(
        handover.ANCHORS_NAME, players.anchored([handed.of_archive(folder, part) for part in parts]), sink, sorter
    )
    resources += _made(handover.NOTICES_NAME, players.noticed(absent.notices), sink, sorter)
    resources += _index(sink, sorter)
    listed = [
        wacz.encode_page(page)
        for part, run in runs
        for page in bundle_pages.pages(part.name, run.manifest, _shown(part, run), absent)
    ]
    resources.append(sink.add(wacz.PAGES, [wacz.PAGES_HEAD, *listed], size=0))
    added = countersigned.by_run(folder)
    for part, run in runs:
        resources += _sealed(folder, part, sink)
        for name, signature in sorted(
            added.get(hashlib.sha256(folder.read(f"{part.at}SEAL", MAX_SIZE)).hexdigest(), {}).items()
        ):
            resources.append(sink.add(handover.entry_path(part.name, name), [signature], size=len(signature)))
        if not part.whole:
            resources += _proofs(part, run, sink)
    for event, path, data in carried.events_about(folder, removed.concerning(parts)):
        resources.append(sink.add(handover.event_path(event, path), [data], size=len(data)))
    resources.append(sink.add(f"{wacz.KEYS}{signer.keyid}.pem", [signer.public_pem], size=0))
    resources.append(sink.add(handover.README_PATH, [handover.README.encode("ascii")], size=0))
    created = wacz.wacz_time(about.created)
    package = sink.add(
        wacz.PACKAGE,
        [
            wacz.encode_package(
                wacz.Package(title=about.title, created=created, software=about.software, resources=tuple(resources))
            )
        ],
        size=0,
    )
    said = wacz.statement(key.public_der, package.sha256)
    digest = wacz.encode_digest(
        package.sha256,
        created=created,
        software=about.software,
        key=key.public_der,
        signature=key.sign(wacz.signed_text(package.sha256)),
        statement=said,
        binding=signer.sign(said.encode("ascii")),
    )
    sink.add(wacz.DIGEST, [digest], size=0)
    return _contents(parts, records, len(listed), removed, absent)


def write_warcs(folder: Folder, parts: Sequence[RunPart], sink: Sink, *, joined: bool = False) -> Contents:
    """The WARC files alone, under the names they have in a bundle. `joined`: `sink` writes them one after the other into one file.

    Raises UsageError when they cannot be joined: an imported file is not compressed, and the others are.
    """
    records = 0
    for part in parts if joined else ():
        for extract in bundle_foreign.extracts(folder, part.at, part.manifest):
            if not extract.path.endswith(".gz"):
                raise UsageError(
                    f"{extract.path} was imported uncompressed, and fits in no .warc.gz", "name a folder for --warc"
                )
    runs = [(part, SealedRun(folder, part.name)) for part in parts]
    removed = Removed(folder)
    for _, rows in _warcs(folder, runs, sink, removed, None):
        records += sum(1 for _ in rows)
    return _contents(parts, records, 0, removed, _absent(folder, parts, removed))


def _absent(folder: Folder, parts: Sequence[RunPart], removed: Removed) -> Absent:
    """What of it players cannot show: nothing, where nothing was removed."""
    return players.find([handed.of_archive(folder, part) for part in parts]) if removed.count(parts) else Absent()


def _contents(parts: Sequence[RunPart], records: int, pages: int, removed: Removed, absent: Absent) -> Contents:
    captures = sum(part.manifest.captures.count if part.whole else len(part.captures) for part in parts)
    return Contents(
        runs=len(parts), records=records, captures=captures, pages=pages, removed=removed.count(parts), lost=absent.lost
    )


def _warcs(
    folder: Folder, runs: Iterable[tuple[RunPart, SealedRun]], sink: Sink, removed: Removed, absent: Absent | None
) -> Iterator[tuple[Resource, Iterator[bytes | None]]]:
    """Each WARC file written, and what stands of each of its records in the index; `absent` None: there is no index."""
    names: set[str] = set()
    for part, run in runs:
        for entry in run.warcs:
            if not part.whole and entry.path not in part.records:
                continue
            path = handover.warc_path(entry.path, whole=part.whole)
            if path in names:
                raise FormatError(f"two runs have a WARC file {entry.path}", "bundle one of them alone with --run")
            names.add(path)
            gone = removed.of(part.at, entry.path)
            hidden = gone.keys() | {
                number for warc, number in (absent or Absent()).hidden.get(run.name, ()) if warc == entry.path
            }
            if part.whole:
                with folder.open(part.at + entry.path) as file:
                    every = range(len(run.leaves(entry.path))) if gone else ()
                    pieces = stored(run, entry.path, every, gone) if gone else _pieces(file)
                    resource = sink.add(path, pieces, size=entry.bytes)
                if resource.bytes != entry.bytes or (resource.sha256 != entry.sha256 and not gone):
                    raise TrustError(f"{part.at}{entry.path} is not what was signed", "preserve verify says what is wrong")
                indexed = absent is not None
                yield (
                    resource,
                    _rows(folder, run, entry, path, hidden) if indexed else iter([None] * len(run.leaves(entry.path))),
                )
            else:
                chosen = sorted(part.records[entry.path])
                size = sum(run.place(entry.path, number).length for number in chosen)
                pieces = stored(run, entry.path, chosen, gone)
                yield sink.add(path, pieces, size=size), _selected_rows(run, entry, chosen, path, hidden)
            run.forget(entry.path)
        if part.whole and any(entry.role is Role.FOREIGN for entry in part.manifest.files):
            for extract in bundle_foreign.extracts(folder, part.at, part.manifest):
                resource = sink.add(extract.path, extract.pieces(), size=extract.size)
                if extract.whole is not None and resource.sha256 != extract.whole.sha256:
                    raise TrustError(
                        f"{part.at}{extract.whole.path} is not what was signed", "preserve verify says what is wrong"
                    )
                yield resource, extract.rows()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(BLOCK):
        yield piece


def _rows(folder: Folder, run: SealedRun, entry: FileEntry, path: str, hidden: Container[int]) -> Iterator[bytes | None]:
    """The index's lines for a whole WARC file, None for records that are not indexed. Those that are `hidden` are not."""
    filename = path.removeprefix(wacz.ARCHIVE)
    with folder.open(run.at + entry.path) as file:
        for number, leaf in enumerate(run.leaves(entry.path)):
            if number in hidden:
                yield None
                continue
            place = recordindex.parse_leaf(leaf)
            file.seek(place.offset)
            start = file.read(min(place.length, _PEEK))
            head = warcscan.peek(start, whole=len(start) == place.length) or run.head(entry.path, number)
            if not cdxj.is_indexed(head[0]):
                yield None
                continue
            line = cdxj.line(*head, filename=filename, offset=place.offset, length=place.length, sha256=place.sha256)
            yield line.encode()


def _selected_rows(
    run: SealedRun, entry: FileEntry, chosen: Iterable[int], path: str, hidden: Container[int]
) -> Iterator[bytes | None]:
    offset, filename = 0, path.removeprefix(wacz.ARCHIVE)
    for number in chosen:
        place = run.place(entry.path, number)
        head = None if number in hidden else run.head(entry.path, number)
        if head is None or not cdxj.is_indexed(head[0]):
            yield None
        else:
            line = cdxj.line(*head, filename=filename, offset=offset, length=place.length, sha256=place.sha256)
            yield line.encode()
        offset += place.length


def _made(name: str, records: Iterator[bytes], sink: Sink, sorter: Sorter) -> Iterator[Resource]:
    """A WARC file for players that no run sealed, and its lines of the index; nothing where there are no records for it."""
    first = next(records, None)
    if first is None:
        return

    def members() -> Iterator[bytes]:
        offset = 0
        for member in chain((first,), records):
            head = warcscan.peek(member, whole=True)
            assert head is not None, "it is whole"
            digest = hashlib.sha256(member).hexdigest()
            sorter.add(cdxj.line(*head, filename=name, offset=offset, length=len(member), sha256=digest).encode())
            offset += len(member)
            yield member

    yield sink.add(wacz.ARCHIVE + name, members(), size=0)


def _index(sink: Sink, sorter: Sorter) -> Iterator[Resource]:
    if sorter.size <= cdxj.PLAIN_UP_TO:
        yield sink.add(wacz.INDEX, (row + b"\n" for row in sorter.rows()), size=0)
        return
    listed = [cdxj.IDX_HEAD]

    def members() -> Iterator[bytes]:
        for member, about in cdxj.zipnum(sorter.rows()):
            listed.append(about)
            yield member

    yield sink.add(wacz.ZIPNUM, members(), size=sorter.size)
    yield sink.add(wacz.IDX, listed, size=0)


def _sealed(folder: Folder, part: RunPart, sink: Sink) -> Iterator[Resource]:
    """What was sealed with the run: of a whole one everything but the WARC files, of another everything that names no capture."""
    warcs = {
        part.at + entry.path
        for entry in part.manifest.files
        if entry.records is not None or (entry.role is Role.FOREIGN and bundle_foreign.in_archive(entry))
    }
    sizes = {entry.path: entry.size for entry in folder.walk() if entry.path.startswith(part.at) and entry.kind is Kind.FILE}
    expected = {part.at + entry.path: entry for entry in part.manifest.files}
    first = {f"{part.at}{MANIFEST}": 0, f"{part.at}SEAL": 1}  # where a reader looks first
    for path in sorted(sizes, key=lambda path: (first.get(path, 2), path)):
        if path in warcs or (not part.whole and path.startswith(f"{part.at}data/")):
            continue
        with folder.open(path) as file:
            resource = sink.add(handover.entry_path(part.name, path.removeprefix(part.at)), _pieces(file), size=sizes[path])
        entry = expected.get(path)
        if entry is not None and entry.sha256 != resource.sha256:
            raise TrustError(f"{path} is not what was signed", "preserve verify says what is wrong")
        yield resource


def _proofs(part: RunPart, run: SealedRun, sink: Sink) -> Iterator[Resource]:
    """What shows that the records and lines taken out are of the sealed run."""
    for entry in run.warcs:
        if entry.path in part.records:
            tree = proof.Tree(proof.Kind.RECORD, entry.path, run.leaves(entry.path))
            proofs = [tree.prove(index, run.leaves(entry.path)[index]) for index in sorted(part.records[entry.path])]
            yield sink.add(handover.entry_path(part.name, handover.record_proofs(entry.path)), [proof.encode(proofs)], size=0)
    listed = run.manifest
    for file, chosen in (
        (listed.captures.file, part.captures),
        (listed.citations.file, part.citations),
        (listed.sources.file, part.sources),
    ):
        if chosen:
            tree = proof.Tree(proof.Kind.LINE, file, run.rows(file))
            rows = {number: row for number, row in enumerate(run.rows(file)) if number in chosen}
            proofs = [tree.prove(number, row) for number, row in sorted(rows.items())]
            yield sink.add(handover.entry_path(part.name, handover.line_proofs(file)), [proof.encode(proofs)], size=0)


def _shown(part: RunPart, run: SealedRun) -> Shown:
    """What of a run the list of pages is made of."""
    if part.whole:
        return Shown(captures=run.captures(), citations=run.citations())
    return Shown(
        captures=(line for line in run.captures() if line.capture in part.captures),
        citations=(line for line in run.citations() if line.citation in part.citations),
    )

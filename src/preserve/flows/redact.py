"""`preserve redact`: records that a court or a person's privacy requires to be removed (docs/formats/events.md, "redaction").

    choose ──► statement ──sign, log, place──► events/ ──► overwrite, flushed ──► done

The statement comes first. A kill before it leaves an archive that is untouched; a kill after it leaves records that are still there, or
half overwritten, and a statement that verification explains them by. What stands there afterwards follows from the statement
alone (`formats.redacted`), so the next `preserve redact` carries out whatever was stated and not done.

Nothing is overwritten that is not, byte for byte, what was sealed, or what a statement by a trusted signer removes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from preserve.errors import FormatError, TrustError, UsageError
from preserve.flows import listed
from preserve.flows.measure import stored_sha256
from preserve.flows.select import SealedRun
from preserve.formats import redacted, seal
from preserve.formats.bodies.redaction import MOST
from preserve.formats.counted import counted
from preserve.formats.url import BadUrl, parse
from preserve.model.event import Redaction, RemovedRecord, RunRef
from preserve.model.lines import CaptureLine, RecordLine, RecordRef
from preserve.model.noun import dataclass
from preserve.rules import selection

if TYPE_CHECKING:
    from preserve.ports import ArchiveStore, Folder

Place = tuple[str, int]
"""A WARC file's path in its run, and a record's index in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be removed: `records` of the run, or every record of the captures of `url`.

    `run` None: the newest that captured it. `all_copies`: in every run, and whatever has the same payload. `requisites`: what the page needed too.
    """

    run: int | None = None
    records: tuple[Place, ...] = ()
    url: str | None = None
    all_copies: bool = False
    requisites: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A record that is to be removed, and in words what it is."""

    run: str
    file: str
    line: RecordLine
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Every record to be removed, and sentences about what stays."""

    records: tuple[Chosen, ...]
    stays: tuple[str, ...]


# ------------------------------------------------------------------------------------------------------------------ choosing


def choose(runs: Sequence[SealedRun], wanted: Wanted) -> Choice:
    """The records to remove. Raises UsageError when there is nothing that fits."""
    if wanted.url is None:
        run = _run(runs, wanted.run)
        picked = {run.name: {_place(run, place): "" for place in wanted.records}}
        return Choice(records=tuple(_chosen(runs, picked)), stays=())
    return _of_url(runs, wanted, wanted.url)


def _run(runs: Sequence[SealedRun], number: int | None) -> SealedRun:
    found = next((run for run in runs if run.manifest.archive.sequence == number), None)
    if found is None:
        raise UsageError(f"there is no run {number}", "the number is the first part of the run's name in runs/")
    return found


def _place(run: SealedRun, place: Place) -> Place:
    """A place as a person names it: the file by its path in the run or by its name alone."""
    file, index = place
    for entry in run.manifest.files:
        if file in {entry.path, entry.path.rpartition("/")[2]}:
            if entry.records is None:
                raise UsageError(f"{entry.path} has no record index: records of it cannot be removed one by one")
            if index >= entry.records.count:
                raise UsageError(f"{entry.path} has {entry.records.count} records, counted from 0: there is no record {index}")
            return entry.path, index
    raise UsageError(f"run {run.manifest.archive.sequence} has no file {file}", "name one of its WARC files")


def _of_url(runs: Sequence[SealedRun], wanted: Wanted, url: str) -> Choice:
    fits = [(run, line) for run in runs for line in run.captures() if _is_at(line, url)]
    if wanted.run is not None:
        _run(runs, wanted.run)
        here = [(run, line) for run, line in fits if run.manifest.archive.sequence == wanted.run]
    else:
        newest = next((run.name for run, line in reversed(fits) if line.records), "")
        here = fits if wanted.all_copies else [(run, line) for run, line in fits if run.name == newest]
    if not any(line.records for _, line in here):
        raise UsageError(f"there is no sealed capture of {url} with records", "preserve status lists what there is")
    if any(line.foreign is not None for _, line in here):
        raise UsageError(f"{url} was imported: records of another tool's file cannot be removed one by one")
    payloads = {line.payload_sha256 for _, line in here if line.payload_sha256 is not None and line.payload_bytes}
    alike = [(run, line) for run in runs for line in _with_payload(run, payloads) if not _is_at(line, url)]
    needed = [(run, need) for run, line in here for need in _requisites(run, line)]
    taken = [*here, *(alike if wanted.all_copies else ()), *(needed if wanted.requisites else ())]
    picked: dict[str, dict[Place, str]] = {}
    for run, line in taken:
        for ref in line.records:
            picked.setdefault(run.name, {}).setdefault((ref.warc, ref.index), f"{ref.type} of {line.url}")
    lists = list(_lists(runs, url, payloads))
    for run, line, ref in lists if wanted.all_copies else ():
        what = f"list of what was unchanged for {line.url}"
        picked.setdefault(run.name, {}).setdefault((ref.warc, ref.index), what)
    told = [(run, line) for run, line, ref in lists if (ref.warc, ref.index) not in picked.get(run.name, {})]
    left = [] if wanted.all_copies else [*((run, line) for run, line in fits if (run, line) not in here), *alike]
    stays = (*_stays(left, [] if wanted.requisites else needed), *_still_listed(told))
    return Choice(records=tuple(_chosen(runs, picked)), stays=stays)


def _is_at(line: CaptureLine, url: str) -> bool:
    parsed = parse(url)
    return line.url == url or (not isinstance(parsed, BadUrl) and parsed.address in set(selection.addresses(line)))


def _with_payload(run: SealedRun, payloads: Collection[str]) -> Iterator[CaptureLine]:
    for payload in payloads:
        for line in run.captures_with(payload.encode()):
            if line.payload_sha256 == payload:
                yield line


def _lists(
    runs: Iterable[SealedRun], url: str, payloads: Collection[str]
) -> Iterator[tuple[SealedRun, CaptureLine, RecordRef]]:
    """Lists of unchanged requisites that name the address, or one of these payloads."""
    parsed = parse(url)
    address = url if isinstance(parsed, BadUrl) else parsed.address
    for run in runs:
        for line in listed.pages(run):
            ref = listed.record_of(run, line)
            named = ref is not None and any(
                one.url == address or one.payload_sha256 in payloads for one in listed.answers(run, line)
            )
            if ref is not None and named:
                yield run, line, ref


def _requisites(run: SealedRun, page: CaptureLine) -> Iterator[CaptureLine]:
    """What the page needed to be seen; what that needed is not followed further."""
    for line in run.captures_with(b"requisite_of"):
        if line.requisite_of == page.capture and line.capture != page.capture:
            yield line


def _stays(left: Iterable[tuple[SealedRun, CaptureLine]], needed: Collection[tuple[SealedRun, CaptureLine]]) -> Iterator[str]:
    copies = sorted({(run.manifest.archive.sequence, line.url) for run, line in left if line.records})
    for number, url in copies:
        yield f"run {number} has a capture of {url} as well, or with the same content: --all-copies removes it too"
    if needed:
        stay, them = ("stay", "them") if len(needed) > 1 else ("stays", "it")
        what = f"{counted(len(needed), 'capture')} of what the page needed (images, styles)"
        yield f"{what} {stay}: --requisites removes {them} too"


def _still_listed(left: Iterable[tuple[SealedRun, CaptureLine]]) -> Iterator[str]:
    for number, url in sorted({(run.manifest.archive.sequence, line.url) for run, line in left}):
        yield f"run {number} lists it, or the same content, as unchanged for {url}: --all-copies removes that list too"


def _chosen(runs: Sequence[SealedRun], picked: dict[str, dict[Place, str]]) -> Iterator[Chosen]:
    for run in runs:
        for (file, index), what in sorted(picked.get(run.name, {}).items()):
            yield Chosen(run=run.name, file=file, line=run.place(file, index), what=what)


# ------------------------------------------------------------------------------------------------------------------- stating


def states(
    folder: Folder, records: Iterable[Chosen], *, reason: str, authority: str, at: datetime
) -> Iterator[tuple[str, Redaction]]:
    """(run, what is to be stated), so much at a time as one statement holds.

    Raises TrustError when a run, its record index or a record is not what was sealed.
    """
    for name, chosen in groupby(records, key=lambda record: record.run):
        held = list(chosen)
        run = _sealed(folder, name, {record.file for record in held})
        for start in range(0, len(held), MOST):
            removed = [
                _removed(folder, run, record, reason=reason, authority=authority, at=at)
                for record in held[start : start + MOST]
            ]
            yield name, Redaction(run=run, reason=reason, authority=authority, at=at, records=tuple(removed))


def _sealed(folder: Folder, name: str, files: Collection[str]) -> RunRef:
    """The run, whose manifest and record indexes are what its SEAL binds."""
    run, at = SealedRun(folder, name), f"runs/{name}/"
    sealed = folder.read(f"{at}SEAL", seal.MAX_SIZE)
    bound = {line.path: line.sha256 for line in seal.decode(sealed)}
    if bound[seal.MANIFEST] != stored_sha256(folder, f"{at}{seal.MANIFEST}", 0, 1 << 40):
        raise TrustError(f"{at}{seal.MANIFEST} is not what was sealed", "preserve verify says what is wrong")
    sums = {entry.path: entry.sha256 for entry in run.manifest.files}
    for entry in run.warcs:
        assert entry.records is not None, "that is what makes it one of them"
        if entry.path in files and stored_sha256(folder, at + entry.records.file, 0, 1 << 40) != sums[entry.records.file]:
            raise TrustError(f"{at}{entry.records.file} is not what was sealed", "preserve verify says what is wrong")
    return RunRef(sequence=run.manifest.archive.sequence, seal_sha256=hashlib.sha256(sealed).hexdigest())


def _removed(folder: Folder, run: RunRef, chosen: Chosen, *, reason: str, authority: str, at: datetime) -> RemovedRecord:
    line = chosen.line
    if stored_sha256(folder, f"runs/{chosen.run}/{chosen.file}", line.offset, line.length) != line.sha256:
        raise TrustError(
            f"record {line.index} of runs/{chosen.run}/{chosen.file} is not what was sealed",
            "preserve verify says what is wrong",
        )
    pieces = redacted.replacement(run, (chosen.file, line.index), line.length, reason=reason, authority=authority, at=at)
    return RemovedRecord(
        file=chosen.file,
        index=line.index,
        offset=line.offset,
        length=line.length,
        sha256=line.sha256,
        replacement_sha256=redacted.sha256(pieces),
    )


# -------------------------------------------------------------------------------------------------------------- carrying out


def carry_out(
    archive: ArchiveStore,
    folder: Folder,
    name: str,
    body: Redaction,
    standing: Callable[[RemovedRecord], frozenset[str]] = lambda _record: frozenset(),
) -> int:
    """Overwrite what `body` removes from the run `name`, where that was not done yet; how many records were written.

    `standing` are the hashes of other removals of the same record: one that another statement removed stays as that left it.
    Raises FormatError when this version would write other bytes than those that were stated.
    """
    written = 0
    for record in body.records:
        found = stored_sha256(folder, f"runs/{name}/{record.file}", record.offset, record.length)
        if found == record.replacement_sha256 or found in standing(record):
            continue
        again = [redacted.of(body.run, record, reason=body.reason, authority=body.authority, at=body.at) for _ in range(2)]
        if redacted.sha256(again[0]) != record.replacement_sha256:
            raise FormatError(
                f"record {record.index} of runs/{name}/{record.file}: the statement asks for bytes that this version does not make",
                "remove it with the version of preserve that stated it",
            )
        archive.overwrite(name, record.file, record.offset, again[1])
        written += 1
    return written

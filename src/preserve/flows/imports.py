"""`preserve import`: captures that other tools made, kept byte for byte, tied to footnotes, signed for by whoever imports them.

    files ──copy──► data/…-foreign-NNNN.* ──survey──► pages ──tie──► lines ──seal──► SEAL ──enter──► log ──place──► runs/ ──stamp──► tokens

An import is a run of its own, under the archive's lock, and has no journal: it is short, and can be done again. A kill before SEAL
leaves a folder in journal/ that the next writing command takes away; a kill after it, a run that the next one puts in its place.
What is signed is that these files were handed in then, by whom, and what they say; never that it is true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from preserve.errors import UsageError
from preserve.flows import seal, vouch
from preserve.flows.foreign import BLOCK, ForeignFile
from preserve.flows.run import Input, Sealed
from preserve.flows.stamp import Stamper
from preserve.formats import manifest
from preserve.formats.seal import MANIFEST
from preserve.formats.url import surt
from preserve.model.document import Citation
from preserve.model.foreign import Kept
from preserve.model.manifest import FileEntry, Role, TimestampEntry
from preserve.model.noun import dataclass
from preserve.model.run import CitationRow, Counts, RunIdentity, Source
from preserve.model.web import Capture, CitedBy, Outcome, Stored
from preserve.ports import ArchiveStore, Clock, Ledger, Signer, Staging
from preserve.rules import foreign
from preserve.rules.foreign import Answer, Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A footnote that the files are to answer: the document's number among the inputs, the printed mark."""

    document: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be tied to what. Without `ties` every citation of `documents` whose address a file holds is tied.

    `url` is the page that answers the ties, where it is not the address that they cite.
    """

    documents: tuple[Input, ...] = ()
    ties: tuple[Tie, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A sealed import: the files as they were kept, and a capture for each page that got a line. `tied` counts the citations."""

    sealed: Sealed
    kept: tuple[Kept, ...]
    captures: tuple[Capture, ...]
    tied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """flows.seal.Account of an import."""

    run: RunIdentity
    documents: tuple[Source, ...]
    rows: tuple[CitationRow, ...]
    pages: tuple[Capture, ...]

    def identity(self) -> RunIdentity:
        return self.run

    def sources(self) -> Iterator[tuple[int, Source]]:
        yield from enumerate(self.documents)

    def citations(self) -> Iterator[CitationRow]:
        yield from self.rows

    def captures(self) -> Iterator[Capture]:
        yield from self.pages

    def warcs(self) -> tuple[str, ...]:
        return ()

    def records(self, warc: str) -> Iterator[Stored]:
        raise KeyError(warc)


# ------------------------------------------------------------------------------------------------------------------- keeping


def keep(staging: Staging, stem: str, number: int, name: str, file: BinaryIO) -> Kept:
    """Copy a file byte for byte into the run, and read the copy through. Raises FormatError when it is no WARC or WACZ file."""
    suffix = ForeignFile(file).suffix
    path = f"data/{stem}-foreign-{number:04d}{suffix}"
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    with staging.create(path) as copy:
        while piece := file.read(BLOCK):
            digest.update(piece)
            size += len(piece)
            copy.write(piece)
    with staging.open(path) as copy:
        facts, sightings, requests = ForeignFile(copy).survey()
    return Kept(path=path, name=name, size=size, sha256=digest.hexdigest(), facts=facts, sightings=sightings, requests=requests)


# --------------------------------------------------------------------------------------------------------------------- tying


def gather(run: RunIdentity, kept: Sequence[Kept], wanted: Wanted, by: str) -> Gathered:
    """Which pages of the files get a line, and which citations they answer. `by` is the importer's name.

    Raises UsageError when a footnote that was named is not answered.
    """
    catalogues = [Catalogue(one) for one in kept]
    answers = list(_named(catalogues, wanted) if wanted.ties else _matching(catalogues, wanted))
    sources = {number: place for place, number in enumerate(dict.fromkeys(number for number, _, _ in answers))}
    rows: list[CitationRow] = []
    groups: dict[tuple[str, str, int], tuple[str, Answer, list[CitedBy]]] = {}
    for number, citation, answer in answers:
        source = wanted.documents[number].source
        url = citation.url or citation.url_as_printed or answer.page.url
        key = (surt(url), answer.kept.path, answer.page.index)
        cited = CitedBy(
            citation=len(rows),
            document=source.name,
            document_sha256=source.sha256,
            note=citation.note if citation.note is not None else citation.note_inferred,
            as_written=citation.url_as_printed or citation.url or "",
        )
        groups.setdefault(key, (url, answer, []))[2].append(cited)
        rows.append(CitationRow(number=len(rows), source=sources[number], citation=citation, target=0, not_captured=None))
    order = {one.path: catalogue for one, catalogue in zip(kept, catalogues, strict=True)}
    if not groups:
        for catalogue in catalogues:
            for url, answer_ in catalogue.pages():
                if answer_ is not None:
                    groups.setdefault((surt(url), catalogue.kept.path, answer_.page.index), (url, answer_, []))
    pages = tuple(
        foreign.capture(place, url, cited_by, answer, order[answer.kept.path].records(answer), by)
        for place, (url, answer, cited_by) in enumerate(groups.values())
    )
    return Gathered(
        run=run, documents=tuple(wanted.documents[number].source for number in sources), rows=tuple(rows), pages=pages
    )


def _matching(catalogues: Sequence[Catalogue], wanted: Wanted) -> Iterator[tuple[int, Citation, Answer]]:
    for number, document in enumerate(wanted.documents):
        for citation in document.citations:
            if citation.fetchable and citation.url is not None and (answer := _answer(catalogues, citation.url)) is not None:
                yield number, citation, answer


def _named(catalogues: Sequence[Catalogue], wanted: Wanted) -> Iterator[tuple[int, Citation, Answer]]:
    for tie in wanted.ties:
        document = wanted.documents[tie.document]
        where = f"note {tie.note} of {document.source.name}"
        cited = [one for one in document.citations if tie.note in {one.note, one.note_inferred}]
        if not cited:
            raise UsageError(f"{where}: no citation has this mark", f"preserve cite {document.source.name} lists them")
        if wanted.url is not None:
            cited = [one for one in cited if one.url is not None and surt(one.url) == surt(wanted.url)] or cited
            if len(cited) > 1 and len({one.url for one in cited}) > 1:
                raise UsageError(
                    f"{where} cites {len(cited)} addresses, and --url is none of them", "name the one that it cites"
                )
            answer = _answer(catalogues, wanted.url)
            if answer is None:
                raise UsageError(f"{wanted.url} is not in what was to be imported", "the tool that made it lists its pages")
            yield from ((tie.document, one, answer) for one in cited)
            continue
        found = [(one, answer) for one in cited if one.url and (answer := _answer(catalogues, one.url)) is not None]
        if not found:
            addresses = ", ".join(str(one.url) for one in cited[:3] if one.url) or "no address"
            raise UsageError(
                f"{where} cites {addresses}, which is not in what was to be imported",
                "name the page that answers it with --url",
            )
        yield from ((tie.document, one, answer) for one, answer in found)


def _answer(catalogues: Sequence[Catalogue], url: str) -> Answer | None:
    """The first file that holds the address with a page behind it, else the first that holds it at all."""
    found = [answer for catalogue in catalogues if (answer := catalogue.answer(url)) is not None]
    return next((answer for answer in found if answer.page.status in {None, 200}), found[0] if found else None)


# ------------------------------------------------------------------------------------------------------------------- sealing


def finish(
    archive: ArchiveStore,
    gathered: Gathered,
    kept: Sequence[Kept],
    ledger: Ledger,
    signer: Signer,
    about: Callable[[str | None], seal.About],
    clock: Clock,
    salt: Callable[[], str],
    stamper: Stamper,
) -> Sealed:
    """Seal what was gathered, enter it in the log, move it into place, have it stamped."""
    staging, now = archive.staging(gathered.run.name), clock.now()
    last = archive.last_seal()
    facts = replace(
        about(None if last is None else hashlib.sha256(last[1]).hexdigest()),
        timestamps=tuple(TimestampEntry(authority=name) for name in stamper.expected(staging)),
        start_tokens=stamper.start_tokens(staging, now),
    )
    entries = tuple(FileEntry(path=one.path, bytes=one.size, sha256=one.sha256, role=Role.FOREIGN) for one in kept)
    seal.seal(gathered, staging, ledger, signer, facts, now=now, salt=salt, interrupted=False, foreign=entries)
    outcomes = [page.outcome for page in gathered.pages]
    counts = Counts(total=len(outcomes), captured=outcomes.count(Outcome.CAPTURED), truncated=outcomes.count(Outcome.TRUNCATED))
    return replace(_place(archive, gathered.run.name, ledger, stamper), counts=counts)


def finish_staged(archive: ArchiveStore, ledger: Ledger, stamper: Stamper) -> tuple[Sealed, ...]:
    """Put imports in their place that a kill kept from it; what was not sealed yet is taken away: nothing of it counted."""
    done = []
    for name in archive.staged_imports():
        if archive.staging(name).exists("SEAL"):
            vouch.require_known_run(archive, name, ledger, stamper.trusted)
            done.append(_place(archive, name, ledger, stamper))
        else:
            archive.drop_import(name)
    return tuple(done)


def _place(archive: ArchiveStore, name: str, ledger: Ledger, stamper: Stamper) -> Sealed:
    staging = archive.staging(name)
    with staging.open(MANIFEST) as file:
        signed = manifest.decode(file.read())
    with staging.open("SEAL") as file:
        sealed = file.read()
    seal.enter(staging, ledger)
    archive.place_documents(seal.cited_from(staging))
    folder = archive.place_import(name)
    return Sealed(
        folder=folder,
        name=name,
        seal_sha256=hashlib.sha256(sealed).hexdigest(),
        log_index=signed.log.size_before,
        counts=Counts(),
        stamped=stamper.complete(archive, name),
    )

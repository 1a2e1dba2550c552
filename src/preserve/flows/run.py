"""The main job from end to end: what was cited goes in, a sealed run comes out; or an open one that `--resume` finishes.

    open run? ──recover──► finish it (--resume) or seal it as interrupted
    inputs ──plan──► targets in the journal ──capture──► records ──seal──► SEAL ──enter──► log ──place──► runs/ ──stamp──► tokens

Called by the one writer under the archive's lock. Every step leaves a state from which the next call goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from pathlib import PurePath

from preserve.errors import FormatError, TrustError
from preserve.flows import seal
from preserve.flows.stamp import Stamped, Stamper
from preserve.formats import lines, manifest
from preserve.formats import url as url_format
from preserve.formats.times import rfc3339
from preserve.model.document import Citation
from preserve.model.manifest import TimestampEntry
from preserve.model.noun import dataclass
from preserve.model.run import Counts, Source
from preserve.ports import ArchiveStore, Clock, Journal, Ledger, Signer
from preserve.rules.plan import Reach, default_reach, key, not_asked

_PUT_BACK = "runs, events or log were changed or put back: run `preserve verify`, then restore from a backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A document to capture from: its exact bytes and the citations found in it."""

    source: Source
    data: bytes
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a capture was asked for. `where` None means the notes, or everything in a document that has none.

    `held` are addresses that are left alone this time, by their keys, with the reason; what cites them is told it.
    """

    documents: tuple[Input, ...] = ()
    urls: Iterable[str] | None = None
    where: Reach | None = None
    held: Mapping[str, str] = field(default_factory=dict)

    def reach(self, document: Input) -> Reach:
        return self.where or default_reach(document.citations)

    def not_asked(self, citation: Citation, document: Input) -> str | None:
        """Why nothing will be asked for this citation, None when something will."""
        why = not_asked(citation, self.reach(document))
        if why is not None or citation.url is None or not self.held:
            return why
        return self.held.get(key(citation.url))

    @property
    def empty(self) -> bool:
        """Whether it can be seen beforehand that nothing will be asked."""
        return self.urls is None and not any(
            self.not_asked(citation, document) is None for document in self.documents for citation in document.citations
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed run: its folder, the hash of its SEAL, its place in the log, how its targets and its time-stamps stand."""

    folder: PurePath
    name: str
    seal_sha256: str
    log_index: int
    counts: Counts
    stamped: Stamped


def plan(journal: Journal, archive: ArchiveStore, inputs: Inputs) -> None:
    """Enter documents, citations and targets in the journal, as far as it lacks them."""
    with journal.planning():
        for document in inputs.documents:
            archive.keep_document(document.source.sha256, document.source.name, document.data)
            number = journal.add_source(document.source)
            if number is None:
                continue
            for citation in document.citations:
                why = inputs.not_asked(citation, document)
                target = None if why is not None or citation.url is None else _target(journal, citation.url)
                journal.add_citation(number, citation, target=target, not_captured=why)
        for url in inputs.urls or ():
            _target(journal, url)


def _target(journal: Journal, url: str) -> int:
    parsed = url_format.parse(url)
    if isinstance(parsed, url_format.BadUrl):
        return journal.add_target(key=key(url), url=url, address=None, host="")
    return journal.add_target(key=key(url), url=url, address=parsed.address, host=parsed.queue)


def finish(
    archive: ArchiveStore,
    journal: Journal,
    ledger: Ledger,
    signer: Signer,
    about: Callable[[str, str | None], seal.About],
    clock: Clock,
    salt: Callable[[], str],
    stamper: Stamper,
    *,
    interrupted: bool,
) -> Sealed:
    """Seal the open run, enter it in the log, move it into place, have it stamped, and close the journal.

    `about` gives what the manifest says beside what was captured, for the run's settings and the hash of the SEAL before.
    """
    identity = journal.identity()
    assert identity is not None, "only a run that was begun is finished"
    last = archive.last_seal()
    previous = None if last is None else hashlib.sha256(last[1]).hexdigest()
    staging, now = archive.staging(identity.name), clock.now()
    facts = replace(
        about(journal.settings(), previous),
        timestamps=tuple(TimestampEntry(authority=name) for name in stamper.expected(staging)),
        start_tokens=stamper.start_tokens(staging, now),
    )
    seal.seal(journal, staging, ledger, signer, facts, now=now, salt=salt, interrupted=interrupted)
    return settle(archive, journal, ledger, stamper)


def is_sealed(archive: ArchiveStore, journal: Journal) -> bool:
    """Whether a kill came after the open run's SEAL was written: then only `settle` is left to do."""
    identity = journal.identity()
    if identity is None:
        return False
    return identity.name in archive.run_names() or archive.staging(identity.name).exists("SEAL")


def settle(archive: ArchiveStore, journal: Journal, ledger: Ledger, stamper: Stamper) -> Sealed:
    """The last steps of a run whose SEAL is written: the log, the proof, its place, its tokens. Safe to repeat after a kill.

    Authorities come last: until then the run does not wait for anybody outside, and what they fail to give can be fetched later.
    """
    identity = journal.identity()
    assert identity is not None, "only a run that was begun is settled"
    counts = journal.counts()
    if identity.name not in archive.run_names():
        staging = archive.staging(identity.name)
        seal.enter(staging, ledger)
        archive.place_documents(seal.cited_from(staging))
    folder = archive.place(identity.name)
    last = archive.last_seal()
    document = archive.last_manifest()
    assert last is not None, "the run was just put there"
    assert document is not None, "a run that was just put there has a manifest"
    stamped = stamper.complete(archive, identity.name)
    journal.close()
    archive.clear_journal()
    digest = hashlib.sha256(last[1]).hexdigest()
    return Sealed(
        folder=folder,
        name=identity.name,
        seal_sha256=digest,
        log_index=manifest.decode(document).log.size_before,
        counts=counts,
        stamped=stamped,
    )


def settle_found(archive: ArchiveStore, journal: Journal, ledger: Ledger, stamper: Stamper) -> Sealed:
    """`settle` for a run that was found sealed in journal/. Raises TrustError when nobody signed it whom this user knows."""
    identity = journal.identity()
    if identity is not None and identity.name not in archive.run_names():
        from preserve.flows import vouch  # noqa: PLC0415 - what judges events is needed here alone

        vouch.require_known_run(archive, identity.name, ledger, stamper.trusted)
    return settle(archive, journal, ledger, stamper)


def check_foundation(archive: ArchiveStore, ledger: Ledger) -> None:
    """Refuse to build on an archive whose newest run and log do not fit. Raises TrustError.

    What a full verification finds is for `preserve verify`; this keeps a capture from hiding a removal under new work.
    """
    size, _ = ledger.head()
    try:
        last = _newest(archive)
    except FormatError as problem:
        raise TrustError(f"the newest of what was sealed cannot be read: {problem.message}", _PUT_BACK) from problem
    if last is None:
        if size:
            raise TrustError(
                f"the log has {size} entries, but the archive has no run", "runs were removed: restore them from a backup"
            )
        return
    index, entry, what = last
    if index != size - 1 or ledger.entry(index) != entry:
        raise TrustError(f"the newest {what} is not the last entry of the log", _PUT_BACK)


def _newest(archive: ArchiveStore) -> tuple[int, bytes, str] | None:
    """What was entered in the log last, run or event: its index, its entry, what to call it. None when there is nothing."""
    found: list[tuple[int, bytes, str]] = []
    last, document = archive.last_seal(), archive.last_manifest()
    if last is not None and document is not None:
        found.append((manifest.decode(document).log.size_before, last[1], f"run, {last[0]},"))
    if names := archive.event_names():
        from preserve.formats import statement  # noqa: PLC0415 -- what an archive without events starts without

        entry = archive.read_event(names[-1], statement.NAME, statement.MAX_SIZE) or b""
        found.append((int(names[-1].partition("-")[0]), entry, f"event, {names[-1]},"))
    return max(found, default=None)


def answered(archive: ArchiveStore, inputs: Inputs) -> bool:
    """Whether the newest run, sealed whole, already answers all of `inputs`: then there is nothing to resume.

    A kill after the last step of sealing looks like this to whoever starts the same command again.
    """
    document = archive.last_manifest()
    if document is None or (signed := manifest.decode(document)).interrupted:
        return False
    name = archive.run_names()[-1]
    sizes = {file.path: file.bytes for file in signed.files}

    def rows(path: str) -> bytes:
        return archive.read_run(name, path, sizes[path]) or b""

    sources = {line.sha256 for line in lines.read(rows(signed.sources.file), lines.decode_source)}
    if any(given.source.sha256 not in sources for given in inputs.documents):
        return False
    if not inputs.urls:
        return True
    captured = {key(line.url) for line in lines.read(rows(signed.captures.file), lines.decode_capture)}
    return all(key(url) in captured for url in inputs.urls)


def clock_doubt(archive: ArchiveStore, now: datetime) -> str:
    """What a person should know when this machine's clock stands before what was signed last; "" when it does not."""
    document, names = archive.last_manifest(), archive.event_names()
    created = [] if document is None else [manifest.decode(document).created]
    if names:
        from preserve.formats import statement  # noqa: PLC0415 -- as above

        if (event := archive.read_event(names[-1], statement.NAME, statement.MAX_SIZE)) is not None:
            created.append(statement.decode(event).created)
    if not created or now >= max(created):
        return ""
    return (
        f"This machine's clock says {rfc3339(now)}, but what was signed last says {rfc3339(max(created))}: one of the two is wrong."
        " Set the clock right, or verification will not bear out the time of what is signed now."
    )

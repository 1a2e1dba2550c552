"""What an archive is beyond its runs: the places in it, the order of the runs, the documents (docs/formats/verification.md, step 6)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from preserve.formats.counted import counted
from preserve.model.archive import Description
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.manifest import Manifest
from preserve.model.tree import Entry, Kind

_FILES = frozenset({"archive.toml", "schedules.toml", "lock"})
_FOLDERS = frozenset({"runs", "events", "log", "documents", "journal", "journal.old", "index"})
_DOCUMENT = re.compile(r"documents/([0-9a-f]{64})/([^/]+)")
_OF_DOCUMENTS = re.compile(r"documents/[0-9a-f]{64}")


def judge_top(entries: Iterable[Entry]) -> Iterator[Finding]:
    """The archive's own level, and strangers in runs/."""
    for entry in entries:
        if entry.kind in {Kind.LINK, Kind.OTHER}:
            yield failed(Claim.INTEGRITY, entry.path, f"a {entry.kind}: only plain files and folders belong here")
        elif entry.path not in (_FOLDERS if entry.kind is Kind.FOLDER else _FILES):
            yield failed(Claim.COMPLETENESS, entry.path, f"unlisted {entry.kind}: an archive has no such place")


def judge_sequence(sequences: Sequence[int]) -> Iterator[Finding]:
    """Runs count from 0 without a gap; `sequences` are the numbers of the folders, in order."""
    expected = 0
    for number in sequences:
        if number < expected:
            yield failed(Claim.COMPLETENESS, f"run {number}", "forged: two runs have this number")
        elif number > expected:
            which = f"run {expected}" if number == expected + 1 else f"runs {expected} to {number - 1}"
            yield failed(Claim.COMPLETENESS, which, "missing: later runs are here")
        expected = max(expected, number + 1)


def judge_place(manifest: Manifest, name: str, described: Description | None, subject: str) -> Iterator[Finding]:
    """A run lies under its own number, in its own archive."""
    if manifest.archive.sequence != int(name.partition("-")[0]):
        yield failed(Claim.COMPLETENESS, subject, f"misplaced: this is run {manifest.archive.sequence}")
    if described is not None and manifest.archive.id != described.id:
        yield failed(
            Claim.INTEGRITY,
            "archive.toml",
            f"altered, or a run of another archive: {subject} is of {manifest.archive.id}, not of {described.id}",
        )
    if described is not None and manifest.log.origin != described.origin:
        yield failed(
            Claim.LOG_INCLUSION,
            "archive.toml",
            f"altered, or a run of another log: {subject} is in {manifest.log.origin}, not in {described.origin}",
        )


def judge_previous(manifest: Manifest, earlier: Manifest, earlier_seal_sha256: str, subject: str) -> Iterator[Finding]:
    """Each run names the SEAL of the one before it."""
    if (
        manifest.archive.sequence == earlier.archive.sequence + 1
        and manifest.archive.previous_seal_sha256 != earlier_seal_sha256
    ):
        yield failed(Claim.LOG_CONSISTENCY, subject, "the run before it is not the one that it was sealed after")


def to_read(copies: Iterable[Entry], sources: Mapping[str, Mapping[str, int]]) -> list[Entry]:
    """Those copies whose bytes decide: cited from, and no longer than was signed. What else lies there is not read."""
    return [
        entry
        for entry in copies
        if (match := _DOCUMENT.fullmatch(entry.path)) and entry.size <= sources.get(match[1], {}).get(match[2], -1)
    ]


def judge_document_folders(entries: Iterable[Entry]) -> Iterator[Finding]:
    """Folders in documents/ that no copy could lie in."""
    for entry in entries:
        if entry.kind is Kind.FOLDER and not _OF_DOCUMENTS.fullmatch(entry.path):
            yield failed(Claim.DOCUMENTS, entry.path, "unlisted folder: not that of a document")


def judge_documents(
    hashes: Mapping[str, str], sources: Mapping[str, Collection[str]], *, known: bool, open_run: bool
) -> Iterator[Finding]:
    """`hashes` of the copies by path, "" where `to_read` left one out; `sources`: names by hash, as the runs signed them; `known`: every
    run's list could be read.
    """
    trouble = False
    held: dict[str, set[str]] = {}
    for path, sha256 in hashes.items():
        match = _DOCUMENT.fullmatch(path)
        if match is None:
            trouble = True
            yield failed(Claim.DOCUMENTS, path, "unlisted file: not the copy of a document")
        elif match[2] not in sources.get(match[1], ()):
            if open_run or not known:
                yield unchecked(Claim.DOCUMENTS, path, "no sealed run that can be read cites from it; an open run may")
            else:
                trouble = True
                yield failed(Claim.DOCUMENTS, path, "unlisted file: no run cites from it")
        elif match[1] != sha256:
            trouble = True
            how = f"its SHA-256 is {sha256}" if sha256 else "it is longer than the document that was cited from"
            yield failed(Claim.DOCUMENTS, path, f"altered: {how}")
        else:
            held.setdefault(sha256, set()).add(match[2])
    for sha256, names in sources.items():
        for name in sorted(set(names) - held.get(sha256, set())):
            if f"documents/{sha256}/{name}" not in hashes:
                trouble = True
                yield failed(Claim.DOCUMENTS, f"documents/{sha256}/{name}", "missing: a run cites from it")
    if not trouble and known:
        count = sum(len(names) for names in sources.values())
        nothing = "none were cited from by a run in its place; what waits in journal/ was not counted"
        yield passed(
            Claim.DOCUMENTS,
            "documents",
            f"{counted(count, 'document')} cited from, kept byte for byte"
            if count
            else nothing
            if open_run
            else "none were cited from",
        )

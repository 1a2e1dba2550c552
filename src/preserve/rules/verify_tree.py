"""First step of verification: what lies in the folder, before a byte of it is read (docs/formats/verification.md, step 1).

An archive holds plain files and folders under names of one plain form, each file under one name only, and nothing that nobody
listed. A link leads elsewhere, a second hard link lets someone change a file from outside, names that differ in case alone are one
file on some disks, and look-alike letters hide a file beside its double.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from preserve.formats.manifest import MAX_PATH, PATH
from preserve.model.finding import Claim, Finding, failed
from preserve.model.tree import Entry, Kind

_UPPER = frozenset({"SEAL"})
"""Names that the formats themselves write in capitals."""


def too_long(limit: int) -> str:
    """What is said of a file that was not read, for no file of its kind has more than `limit` bytes."""
    return f"altered: longer than {limit} bytes, the most that it can have"


def misplaced(entries: Iterable[Entry]) -> Iterator[Finding]:
    """One finding for each path that is neither a folder nor a plain file of one name."""
    for entry in entries:
        if entry.kind in {Kind.LINK, Kind.OTHER}:
            yield failed(Claim.INTEGRITY, entry.path, f"a {entry.kind}: only plain files and folders belong here")
        elif entry.kind is Kind.FILE and entry.links > 1:
            yield failed(
                Claim.INTEGRITY,
                entry.path,
                f"a hardlink: this file has {entry.links} names, and can be changed under another one; copy the archive and verify the copy",
            )


def misnamed(entries: Collection[Entry], *, below: str = "") -> Iterator[Finding]:
    """One finding for each unsafe name; `below` ("runs/x/") is cut off first. Safe names are lower case, so they cannot collide."""
    unsafe = [entry.path for entry in entries if not _safe(entry.path.removeprefix(below))]
    safe = {entry.path for entry in entries} - set(unsafe) if unsafe else set()
    for path in unsafe:
        if path.casefold() in safe:
            yield failed(Claim.COMPLETENESS, path, f"a case collision: {path.casefold()} is the same name on some disks")
        else:
            yield failed(Claim.COMPLETENESS, path, "an unsafe name: names here are of a-z, 0-9, '.', '_' and '-'")


def _safe(name: str) -> bool:
    return name in _UPPER or (len(name) <= MAX_PATH and PATH.fullmatch(name) is not None)


def unlisted(entries: Iterable[Entry], expected: Collection[str], why: str) -> Iterator[Finding]:
    """One finding for each path that is not expected; folders on the way to an expected file are. `why` ends the sentence."""
    folders = {"/".join(parts[:place]) for path in expected for parts in [path.split("/")] for place in range(1, len(parts))}
    for entry in entries:
        known = folders if entry.kind is Kind.FOLDER else expected
        if entry.path not in known:
            yield failed(Claim.COMPLETENESS, entry.path, f"unlisted {'folder' if entry.kind is Kind.FOLDER else 'file'}: {why}")


def missing(entries: Iterable[Entry], expected: Iterable[str], why: str) -> Iterator[Finding]:
    """One finding for each expected file that is not there."""
    present = {entry.path for entry in entries if entry.kind is Kind.FILE}
    for path in expected:
        if path not in present:
            yield failed(Claim.COMPLETENESS, path, f"missing: {why}")

"""Files that were stamped anew, as a verification sees them (docs/formats/events.md, "renewal")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from preserve.formats import description, hashlist, manifest, seal, sshsig, statement, tlog
from preserve.formats.counted import counted
from preserve.formats.times import rfc3339
from preserve.model.event import Statement
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
from preserve.model.noun import dataclass
from preserve.rules import verify_tree as tree
from preserve.rules.verify_signed import MAX_SIGNATURE

_BULK = re.compile(r"(runs/[^/]+/data|documents)/.*", re.DOTALL)
_PLACE = re.compile(r"(?:(runs|events)/[^/]+/)?(.+)", re.DOTALL)
_LONGEST: Final[Mapping[tuple[str | None, str], int]] = {
    (None, description.NAME): description.MAX_SIZE,
    ("runs", "SEAL"): seal.MAX_SIZE,
    ("runs", seal.MANIFEST): manifest.MAX_SIZE,
    ("runs", "log/seal.tlog-proof"): tlog.MAX_PROOF,
    ("runs", "keys/"): MAX_SIGNATURE,
    ("runs", "signatures/"): MAX_SIGNATURE,
    ("runs", "timestamps/"): manifest.MAX_TOKEN,
    ("events", "SEAL"): seal.MAX_SIZE,
    ("events", statement.NAME): statement.MAX_SIZE,
    ("events", hashlist.NAME): hashlist.MAX_SIZE,
    ("events", sshsig.NAME): sshsig.MAX_SIZE,
    ("events", "keys/"): MAX_SIGNATURE,
    ("events", "signatures/"): MAX_SIGNATURE,
    ("events", "timestamps/"): manifest.MAX_TOKEN,
}
"""Bytes of the longest file that can lie at a place of runs and events, or in a folder of theirs (whose name ends with a slash)."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was done with the `listed` files of a renewal: of `read` the SHA-512 was compared, of `left` it is left to --thorough.

    `cut` is how many of those left are WARC files from which a statement says that records were removed.
    `replaced` and `removed` are the paths of those that differ and may: log proofs that newer ones took the place of, and WARC files
    with records that were removed under a statement. `failed` is how many others are not what was listed.
    """

    listed: int
    read: int
    left: int
    cut: int
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    failed: int


def is_bulk(path: str) -> bool:
    """Whether a file is one of those whose bytes are the bulk of an archive, and are held against their SHA-256 anyway."""
    return _BULK.fullmatch(path) is not None


def longest(path: str) -> int | None:
    """How many bytes a file at `path` can have by its format; None where that is for a manifest to say."""
    match = _PLACE.fullmatch(path)
    if match is None:
        return None
    kind, rest = match.groups()
    folder, slash, _ = rest.partition("/")
    return _LONGEST.get((kind, rest), _LONGEST.get((kind, folder + slash)) if slash else None)


def missing(path: str, event: str) -> Finding:
    return failed(Claim.EVENTS, path, f"missing: {event} lists it")


def altered(path: str, event: str) -> Finding:
    return failed(Claim.EVENTS, path, f"altered: its SHA-512 is not the one that {event} lists")


def too_long(path: str, event: str, limit: int) -> Finding:
    """A file that was not read, for it cannot be the one that was listed."""
    return failed(Claim.EVENTS, path, f"{tree.too_long(limit)}; {event} lists it")


def unheld(event: str, listed: int) -> Finding:
    """A renewal by nobody who is known, with a list so long that it was not read."""
    why = f"{counted(listed, 'file')} listed, none of them compared: nobody whom you trust signed so long a list"
    return unchecked(Claim.EVENTS, event, why)


def unknown(event: str, compared: Compared) -> Finding:
    """A renewal by nobody who is known: what of its files was looked at."""
    rest = ", and captured data is not read for one that nobody whom you trust signed" if compared.left else ""
    what = f"{counted(compared.listed, 'file')} listed; of {compared.read} of them the SHA-512 was compared here{rest}"
    return unchecked(Claim.EVENTS, event, what)


def renewed(statement: Statement, event: str, compared: Compared, existed_by: datetime | None, *, sampled: bool) -> Finding:
    """What a renewal proves of the files that it lists; `sampled`: of captured data, only a sample was read."""
    what = f"{counted(compared.listed, 'file')} {'was' if compared.listed == 1 else 'were'} there when it was made"
    what += f"; of {compared.read} of them the SHA-512 was compared here"
    if compared.left:
        how = "no more than a sample was read" if sampled else "the SHA-256"
        how += ", but for records that were removed from them" if compared.cut else ""
        what += f", of the others {how}; --thorough compares all"
    if compared.replaced:
        what += "; " + _differ(compared.replaced, "a newer proof took its place, which it does not cover")
    if compared.removed:
        what += "; " + _differ(compared.removed, "records of it were removed since, under a statement")
    if existed_by is None:
        why = f"{what}; no time-stamp that counts here proves when: {rfc3339(statement.created)} is its signer's word"
        return unchecked(Claim.EVENTS, event, why)
    whole = not (compared.replaced or compared.removed or compared.failed)
    which = "all of it" if whole else "what is as it was listed"
    return passed(Claim.EVENTS, event, f"{what}; stamped anew, {which} existed by {rfc3339(existed_by)}")


def _differ(paths: tuple[str, ...], why: str) -> str:
    """Which files differ, the first few by name, and why they may."""
    if len(paths) == 1:
        return f"{paths[0]} differs: {why}"
    names = ", ".join(paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{names}{more} differ, each because {why}"

"""What an archive's events say of its runs: records that were removed, files that were stamped anew (docs/formats/events.md, "redaction", "renewal").

Before the runs are checked, `told` gathers it from events that can be built on. Afterwards `check_renewals` holds every file that a
renewal lists against the SHA-512 that stands there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from preserve.flows.measure import BLOCK
from preserve.flows.verify_events import EventCheck, Events
from preserve.flows.verify_run import PROOF, Told
from preserve.model.event import EventKind, Renewal, Statement
from preserve.model.finding import Finding
from preserve.rules import verify_redaction as redaction
from preserve.rules import verify_renewal as rules
from preserve.rules.verify_redaction import Removal
from preserve.rules.verify_renewal import Compared

if TYPE_CHECKING:
    from preserve.ports import Folder


def told(events: Events) -> Told:
    """What the runs are to be judged with.

    A removal counts when its statement is unaltered and in the log, by whomever it is signed: it is told either way, and an unknown
    signer is a finding of its own. A renewal counts when it is established and its own tokens prove its time.
    """
    removals: dict[str, list[Removal]] = {}
    for check in events.checks:
        if check.statement is not None and check.statement.kind is EventKind.REDACTION and not check.altered:
            for sealed, removal in redaction.removals(check.statement, check.subject, check.signed):
                removals.setdefault(sealed, []).append(removal)
    proven = [
        (check.listed, check.existed_by)
        for _, check in events.established(EventKind.RENEWAL)
        if check.existed_by is not None and check.listed
    ]
    return Told(removals=removals, renewed=partial(_renewed, proven)) if proven else Told(removals=removals)


def _renewed(proven: Iterable[tuple[Mapping[str, str], datetime]], path: str, data: bytes) -> datetime | None:
    digest = hashlib.sha512(data).hexdigest()
    return min((by for listed, by in proven if listed.get(path) == digest), default=None)


def check_renewals(
    folder: Folder,
    present: Collection[str],
    events: Events,
    removals: Told,
    seals: Mapping[str, str],
    signed: Mapping[str, int],
    *,
    thorough: bool,
    sampled: bool = False,
) -> Iterator[Finding]:
    """Every file that a renewal lists is there, with the hash that it lists.

    Captured data and documents are read for it with `thorough` alone: their SHA-256 was held against what was signed already. `seals`
    has the SHA-256 of the SEAL of each run, by its folder, `signed` the length of each file that a manifest lists, by its path. No
    file is read beyond what it can have, and captured data only for a renewal that somebody signed who is known.
    """
    redacted = {f"{at}{removal.record.file}" for at, sealed in seals.items() for removal in removals.removals.get(sealed, ())}
    reader = _Reader(folder, signed)
    for check in events.checks:
        said = check.statement
        if said is None or not isinstance(said.body, Renewal) or check.altered:
            continue
        if not check.known and not check.listed:
            yield rules.unheld(check.subject, said.body.count)
            continue
        bulk = thorough and check.known
        yield from _check(present, check, said, redacted, reader, thorough=bulk, sampled=sampled)


def _check(
    present: Collection[str],
    check: EventCheck,
    said: Statement,
    redacted: Collection[str],
    reader: _Reader,
    *,
    thorough: bool,
    sampled: bool,
) -> Iterator[Finding]:
    read = left = cut = wrong = 0
    replaced, removed = list[str](), list[str]()
    for path, sha512 in check.listed.items():
        limit = reader.limit(path)
        if path not in present:
            found = rules.missing(path, check.subject)
        elif limit is None:
            continue  # nothing signed says how long it is: that is a finding already, of its run or of the file itself
        elif not thorough and rules.is_bulk(path):
            left += 1
            cut += path in redacted
            continue
        elif (known := reader.sha512(path, limit)) is None:
            found = rules.too_long(path, check.subject, limit)
        else:
            read += 1
            if known == sha512:
                continue
            # A log proof may be replaced by one that more witnesses cosigned, and is checked as what it is.
            if path in redacted or path.endswith(f"/{PROOF}"):
                (removed if path in redacted else replaced).append(path)
                continue
            found = rules.altered(path, check.subject)
        wrong += 1
        yield found
    compared = Compared(
        listed=len(check.listed),
        read=read,
        left=left,
        cut=cut,
        replaced=tuple(replaced),
        removed=tuple(removed),
        failed=wrong,
    )
    if check.known:
        yield rules.renewed(said, check.subject, compared, check.existed_by, sampled=sampled)
    else:
        yield rules.unknown(check.subject, compared)


class _Reader:
    """The SHA-512 of files, each read once and no further than it can be long."""

    def __init__(self, folder: Folder, signed: Mapping[str, int]) -> None:
        self._folder = folder
        self._signed = signed
        self._known: dict[str, str | None] = {}

    def limit(self, path: str) -> int | None:
        """How many bytes it can have: by its format, or by the manifest that lists it; None where neither says."""
        limit = rules.longest(path)
        return self._signed.get(path) if limit is None else limit

    def sha512(self, path: str, limit: int) -> str | None:
        """None when it is longer than `limit` bytes."""
        if path not in self._known:
            self._known[path] = self._read(path, limit)
        return self._known[path]

    def _read(self, path: str, limit: int) -> str | None:
        digest = hashlib.sha512()
        with self._folder.open(path) as file:
            while block := file.read(min(BLOCK, limit + 1)):
                limit -= len(block)
                if limit < 0:
                    return None
                digest.update(block)
        return digest.hexdigest()

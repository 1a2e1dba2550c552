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
from preserve.model.event import EventKind
from preserve.model.finding import Finding
from preserve.rules import verify_redaction as redaction
from preserve.rules import verify_renewal as rules
from preserve.rules.verify_redaction import Removal

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
    folder: Folder, present: Collection[str], events: Events, removals: Told, seals: Mapping[str, str], *, thorough: bool
) -> Iterator[Finding]:
    """Every file that a renewal lists is there, with the hash that it lists.

    Captured data and documents are read for it with `thorough` alone: their SHA-256 was held against what was signed already. `seals`
    has the SHA-256 of the SEAL of each run, by its folder.
    """
    renewals = [check for check in events.checks if check.listed and not check.altered]
    if not renewals:
        return
    redacted = {f"{at}{removal.record.file}" for at, sealed in seals.items() for removal in removals.removals.get(sealed, ())}
    known: dict[str, str] = {}
    for check in renewals:
        yield from _check(folder, present, check, redacted, known, thorough=thorough)


def _check(
    folder: Folder,
    present: Collection[str],
    check: EventCheck,
    redacted: Collection[str],
    known: dict[str, str],
    *,
    thorough: bool,
) -> Iterator[Finding]:
    read = 0
    for path, sha512 in check.listed.items():
        if path not in present:
            yield rules.missing(path, check.subject)
            continue
        if path in redacted or (not thorough and rules.is_bulk(path)):
            continue
        if path not in known:
            known[path] = _sha512(folder, path)
        read += 1
        # A log proof may be replaced by one that more witnesses cosigned, and is checked as what it is.
        if known[path] != sha512 and not path.endswith(f"/{PROOF}"):
            yield rules.altered(path, check.subject)
    if check.statement is not None and check.known:
        yield rules.renewed(check.statement, check.subject, len(check.listed), read, check.existed_by)


def _sha512(folder: Folder, path: str) -> str:
    digest = hashlib.sha512()
    with folder.open(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()

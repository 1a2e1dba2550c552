"""`preserve custody list`: the events of an archive, verified as they are shown, without reading what the runs hold.

Beside the events themselves the log is checked: each of its entries must be the SEAL of a run or an event that is here, so that none can
be taken away unseen. Nothing is remembered, and what the runs hold is left to `preserve verify`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows.steady import settled
from preserve.flows.verify_archive import Layout, describe, lay_out, read_log
from preserve.flows.verify_events import EventCheck, read_events, read_rotations
from preserve.flows.verify_log import Memory
from preserve.formats import seal, sshsig
from preserve.formats.manifest import MAX_SIZE
from preserve.model.event import EventKind
from preserve.model.finding import Claim, Report, Result, unchecked
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import verify_archive as archive_rules
from preserve.rules import verify_event as rules

if TYPE_CHECKING:
    from preserve.ports import Folder


def check_events(
    folder: Folder, trusted: Sequence[TrustedKey], memories: Sequence[Memory], now: datetime
) -> tuple[Sequence[EventCheck], Report]:
    """The events of an archive, in the order of the log, and what was found wrong or open.

    Raises StoreError when the archive cannot be read, or another process keeps changing it.
    """
    return settled(folder, lambda still: _check(still, trusted, memories, now))


def _check(
    folder: Folder, trusted: Sequence[TrustedKey], memories: Sequence[Memory], now: datetime
) -> tuple[Sequence[EventCheck], Report]:
    layout = lay_out(folder)
    described, problems = describe(folder, layout)
    rotations = read_rotations(folder, {**layout.events, **layout.stated})
    log = read_log(folder, layout, described, trusted, memories, now, rotations)
    events = read_events(folder, layout.events, layout.stated, trusted, described, log, now)
    findings = [*archive_rules.judge_top(layout.top), *problems, *log.findings]
    findings += log.judge_memory(rollback for rollback, _ in events.established(EventKind.ROLLBACK))
    seals = {int(at.split("/")[1].partition("-")[0]): _seal(folder, at, held) for at, held in layout.runs.items()}
    findings += events.findings((), {number: hashlib.sha256(data).hexdigest() for number, data in seals.items()})
    findings += events.judge_countersignatures(_manifests(folder, layout, events.countersigned))
    staged = [_seal(folder, at, held) for at, held in layout.staged.items()]
    if log.history is not None:
        here = [*seals.values(), *staged, *(check.document for check in events.checks)]
        last_staged = log.history.size > 0 and events.staged(log.history.size - 1) is not None
        findings += rules.judge_explained(log.history, here, last_staged=last_staged)
    if log.keys.doubt:
        findings.append(unchecked(Claim.LOG_CONSISTENCY, "log", log.keys.doubt, needed=True))
    open_or_wrong = tuple(finding for finding in findings if finding.result is not Result.PASS)
    return events.checks, Report(findings=open_or_wrong)


def _manifests(folder: Folder, layout: Layout, wanted: Collection[int]) -> dict[int, tuple[str, dict[str, bytes]]]:
    """What findings call the runs that others signed too, and the digests of their manifests."""
    found = {}
    for at, entries in layout.runs.items():
        number, path = int(at.split("/")[1].partition("-")[0]), at + seal.MANIFEST
        if number in wanted and any(entry.path == path and entry.kind is Kind.FILE for entry in entries):
            found[number] = at.rstrip("/"), sshsig.digests_of(_read(folder, path, MAX_SIZE))
    return found


def _seal(folder: Folder, at: str, entries: Iterable[Entry]) -> bytes:
    """The SEAL of the run whose files lie below `at`; empty when it has none."""
    there = any(entry.path == at + "SEAL" and entry.kind is Kind.FILE for entry in entries)
    return _read(folder, at + "SEAL", seal.MAX_SIZE) if there else b""


def _read(folder: Folder, path: str, limit: int) -> bytes:
    """A file; what is longer than any can be is as good as empty: nothing was signed of it."""
    try:
        return folder.read(path, limit)
    except FormatError:
        return b""

"""A redaction put together: the archive locked, what was stated before carried out, then the new statements, then the overwriting."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.adapters.trust import TrustStore
from preserve.flows import events, redact
from preserve.flows.custody import check_events
from preserve.flows.events import Recorded
from preserve.flows.redact import Choice, Chosen, Wanted
from preserve.flows.select import SealedRun
from preserve.formats.times import to_milliseconds
from preserve.model.event import Redaction, RemovedRecord
from preserve.model.noun import dataclass
from preserve.places import config_folder, state_folder
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What came of it: records that were stated before and removed now, the statements made now, records removed under them."""

    finished: int
    recorded: tuple[Recorded, ...] = ()
    removed: int = 0


def choose(archive: Archive, wanted: Wanted) -> Choice:
    """What would be removed; nothing is written. Records whose removal is stated already are left out."""
    with DiskFolder(archive.root) as folder:
        runs = [SealedRun(folder, name) for name in archive.run_names()]
        choice = redact.choose(runs, wanted)
        left = _unstated(choice.records, _stated(archive, folder))
    return Choice(records=left, stays=choice.stays)


def _unstated(records: Iterable[Chosen], stated: Iterable[tuple[str, Redaction]]) -> tuple[Chosen, ...]:
    """Those of `records` that no statement removes yet."""
    removed = {(name, record.file, record.index) for name, body in stated for record in body.records}
    return tuple(record for record in records if (record.run, record.file, record.line.index) not in removed)


def carry_out(
    options: RecordOptions, choice: Choice | None, reason: str, authority: str, tell: Tell, passphrase: PassphraseOf
) -> Redacted:
    """Remove the records of `choice`, and before that whatever was stated and not done.

    Raises LockedError, ConfigError (keys), TrustError (what is to be removed is not what was sealed), FormatError.
    """
    with desk(options, "redact", tell, passphrase) as opened, DiskFolder(options.archive) as folder:
        events.finish_staged(opened.archive, opened.ledger, opened.stamper)
        before = list(_stated(opened.archive, folder))
        finished = _finish(opened, folder, before)
        if choice is None:
            return Redacted(finished=finished)
        at = to_milliseconds(opened.clock.now())
        left = _unstated(choice.records, before)  # the choice was made before what a kill had left was finished
        recorded, removed = [], 0
        for name, body in list(redact.states(folder, left, reason=reason, authority=authority, at=at)):
            recorded.append(opened.record(body))
            removed += redact.carry_out(opened.archive, folder, name, body)
        return Redacted(finished=finished, recorded=tuple(recorded), removed=removed)


def _finish(opened: Desk, folder: DiskFolder, stated: Sequence[tuple[str, Redaction]]) -> int:
    """Carry out what a signer whom this user trusts has stated, and a kill kept from being done."""
    return sum(
        redact.carry_out(opened.archive, folder, name, body, _standing([other for run, other in stated if run == name]))
        for name, body in stated
    )


def _standing(bodies: list[Redaction]) -> Callable[[RemovedRecord], frozenset[str]]:
    def of(record: RemovedRecord) -> frozenset[str]:
        return frozenset(
            other.replacement_sha256
            for body in bodies
            for other in body.records
            if (other.file, other.index) == (record.file, record.index)
        )

    return of


def _stated(archive: Archive, folder: DiskFolder) -> Iterator[tuple[str, Redaction]]:
    """(run, redaction) of every statement that can be built on."""
    memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
    checks, _ = check_events(folder, TrustStore(config_folder()).trusted_keys(), memories, datetime.now(UTC))
    names = {hashlib.sha256(archive.read_run(name, "SEAL", 1 << 16) or b"").hexdigest(): name for name in archive.run_names()}
    for check in checks:
        body = check.statement.body if check.statement is not None and check.established else None
        if isinstance(body, Redaction) and body.run.seal_sha256 in names:
            yield names[body.run.seal_sha256], body

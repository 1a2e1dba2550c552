"""Accepting a rollback: by whoever keeps the log, who states it there, or by somebody who saw more of it, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.clock import SystemClock
from preserve.adapters.folder import DiskFolder
from preserve.adapters.keys import KeyStore
from preserve.adapters.log import KeyElsewhere, LogFolder
from preserve.adapters.trust import TrustStore
from preserve.adapters.workers import ForkedWorkers, processors
from preserve.errors import StoreError, TrustError, UsageError
from preserve.flows import rollback
from preserve.flows.custody import check_events
from preserve.flows.events import Recorded
from preserve.flows.verify import verify
from preserve.formats import statement
from preserve.formats.counted import counted
from preserve.formats.note import Checkpoint, SignedNote, VerifierKey
from preserve.model.event import Statement
from preserve.model.noun import dataclass
from preserve.places import config_folder, state_folder
from preserve.rules.verify_log import Remembered, log_keys
from preserve.wiring.logline import former_keys, log_line, rotations_of
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.recording import Desk, RecordOptions, desk
from preserve.wiring.signing import ledger_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What came of it: the logs seen before that were given up, the events that say so, and those just recorded among them."""

    given_up: tuple[Checkpoint, ...]
    stated: tuple[Statement, ...] = ()
    recorded: tuple[Recorded, ...] = ()


def accept_rollback(options: RecordOptions, origin: str, reason: str, tell: Tell, passphrase: PassphraseOf) -> Accepted:
    """Go on with the archive's log as it is, although more, or another, was seen of it here.

    Raises UsageError when the archive has another log, TrustError when it does not verify even by itself, or when nobody
    trusted says in it that it was rolled back and this machine has not the key to say so.
    """
    described = Archive(options.archive).describe()
    if described.origin != origin:
        raise UsageError(f"the log of {options.archive} is {described.origin}, not {origin}", "name its archive with --archive")
    current = log_line(Archive(options.archive))[-1].key
    memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
    remembered = [seen for memory in memories if (seen := memory.remembered(origin)) is not None]
    if KeyStore(config_folder()).log_key(origin, current.fingerprint) is None:
        rotations, trusted = rotations_of(Archive(options.archive)), TrustStore(config_folder()).trusted_keys()
        keys = log_keys(origin, trusted, VerifierKey.parse(described.log), SystemClock().now(), rotations=rotations)
        if keys.doubt:
            raise TrustError(keys.doubt, "preserve trust add its vkey, which its keeper tells you")
        log = LogFolder(Archive(options.archive).log, KeyElsewhere(current), former=former_keys(Archive(options.archive)))
        return _go_along(log, options, remembered, memories)
    with desk(options, "accept-rollback", tell, passphrase, ledger=partial(ledger_of, behind=True)) as opened:
        return _state(opened, options, reason, remembered, memories)


def _state(
    opened: Desk,
    options: RecordOptions,
    reason: str,
    remembered: list[Remembered],
    memories: tuple[CheckpointMemory, CheckpointMemory],
) -> Accepted:
    """Say in the log what was given up, as far as it is not said there yet; then the memory gives way."""
    lost = rollback.given_up(remembered, opened.ledger.entries())
    if not lost:
        return Accepted(given_up=())
    stated = _sound(options)
    recorded: list[Recorded] = []
    while missing := rollback.uncovered(lost, [*stated, *(event.statement for event in recorded)]):
        recorded.append(opened.record(rollback.body(missing[0].head, opened.ledger.head(), reason)))
    _replace(memories, opened.ledger.checkpoint(), [*stated, *(event.statement for event in recorded)])
    return Accepted(given_up=tuple(old.head for old in lost), stated=stated, recorded=tuple(recorded))


def _go_along(
    log: LogFolder,
    options: RecordOptions,
    remembered: list[Remembered],
    memories: tuple[CheckpointMemory, CheckpointMemory],
) -> Accepted:
    """Accept what the log itself says was given up."""
    lost = rollback.given_up(remembered, log.entries())
    if not lost:
        return Accepted(given_up=())
    stated = _sound(options)
    if missing := rollback.uncovered(lost, stated):
        raise TrustError(
            f"nobody whom you trust says in this log that it was rolled back from the {counted(missing[0].head.size, 'entry')} seen here",
            "only who has the log's key can say so: ask them, or for the newer archive",
        )
    _replace(memories, log.checkpoint(), stated)
    return Accepted(given_up=tuple(old.head for old in lost), stated=stated)


def _sound(options: RecordOptions) -> tuple[Statement, ...]:
    """The rollbacks that the archive already states. Raises TrustError when it does not hold in itself."""
    trusted, now = TrustStore(config_folder()).trusted_keys(), SystemClock().now()
    with DiskFolder(options.archive) as folder:
        rollback.require_sound(verify(folder, trusted, (), now, workers=ForkedWorkers(processors())))
        checks, _ = check_events(folder, trusted, (), now)
    return rollback.accepted(checks)


def _replace(memories: tuple[CheckpointMemory, CheckpointMemory], head: SignedNote, stated: Iterable[Statement]) -> None:
    known = frozenset(map(statement.digest, stated))
    for memory in memories:
        if problem := memory.replace(head, known):
            raise StoreError(f"the log's head could not be remembered: {problem}", "then run the same command again")

"""Events put together: the archive locked, what a kill left open settled, keys opened, authorities chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import MappingProxyType

from preserve import __version__
from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.log import LogFolder
from preserve.flows import events, imports, run
from preserve.flows.events import Recorded
from preserve.flows.stamp import Stamper
from preserve.formats.times import rfc3339
from preserve.model.event import Body
from preserve.model.manifest import Operator
from preserve.model.noun import dataclass
from preserve.model.settings import Authority
from preserve.ports import Clock, Signer
from preserve.wiring.options import PassphraseOf, Tell
from preserve.wiring.signing import key_of, ledger_of, log_key_of, own_key
from preserve.wiring.stamping import stamper_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Who stands for an event, with which key, and who is asked for the time."""

    archive: Path
    actor: Operator
    key: str | None = None
    command: str | None = None
    """What signs with `key`, where its private half is elsewhere."""
    signer: Signer | None = None
    """A key that is open already, instead of `key`."""
    authorities: tuple[Authority, ...] = ()
    cacert: PurePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The locked archive, its log and everything else that an event is recorded with."""

    archive: Archive
    ledger: LogFolder
    signer: Signer
    stamper: Stamper
    clock: Clock
    actor: Operator

    def record(
        self, body: Body, signers: tuple[Signer, ...] = (), files: Mapping[str, bytes] = MappingProxyType({})
    ) -> Recorded:
        """Record one event, signed by `signers`, or by the user's signing key when none are given; `files` go along."""
        return events.record_event(
            self.archive,
            self.ledger,
            signers or (self.signer,),
            self.stamper,
            self.clock,
            actor=self.actor,
            body=body,
            files=files,
        )


@contextmanager
def desk(
    options: RecordOptions,
    purpose: str,
    tell: Tell,
    passphrase: PassphraseOf,
    *,
    ledger: Callable[[Archive, Clock, Tell, PassphraseOf, PurePath | None], LogFolder] = ledger_of,
) -> Iterator[Desk]:
    """Hold the archive's lock with everything ready for events. `purpose` is what the lock's owner is said to be doing.

    Raises FormatError when it is no archive, LockedError, ConfigError (keys: none is made for an event), TrustError (log and archive do not
    fit).
    """
    archive, clock = Archive(options.archive), SystemClock()
    archive.describe()  # before a lock is made in a folder that is no archive
    log_key_of(archive)  # first: without it no other key helps, and none is pinned
    if options.signer is None and options.key is None and options.command is None:
        own_key()
    with archive.lock(purpose, rfc3339(clock.now())):
        signer = options.signer or key_of(options.key, options.actor.name, clock, tell, passphrase, options.command)
        opened = ledger(archive, clock, tell, passphrase, options.cacert)
        stamper = stamper_of(options.authorities, f"preserve/{__version__}", options.cacert, clock, tell)
        settle(archive, opened, stamper)
        if doubt := run.clock_doubt(archive, clock.now()):
            tell(doubt)
        yield Desk(archive=archive, ledger=opened, signer=signer, stamper=stamper, clock=clock, actor=options.actor)


def record(options: RecordOptions, body: Body, purpose: str, tell: Tell, passphrase: PassphraseOf) -> Recorded:
    """Record one event in an archive, from outside of any other work on it."""
    with desk(options, purpose, tell, passphrase) as opened:
        return opened.record(body)


def settle(archive: Archive, ledger: LogFolder, stamper: Stamper) -> None:
    """Give a run its place that was sealed when a kill came: it is the log's next entry, and what follows builds on it.

    An open run that is not sealed stays open; of an import that is not, nothing stays.
    """
    imports.finish_staged(archive, ledger, stamper)
    if not archive.has_journal:
        return
    journal = Journal(archive.journal_file)
    try:
        if run.is_sealed(archive, journal):
            run.settle_found(archive, journal, ledger, stamper)
    finally:
        journal.close()

"""The main job put together: what was left open is settled, the inputs are planned, captured, sealed."""

from __future__ import annotations

import asyncio
import signal
from contextlib import closing
from functools import partial

from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.log import LogFolder
from preserve.adapters.payloads import PayloadIndex
from preserve.adapters.warcfile import resume as cut_back
from preserve.errors import ConfigError, StoreError
from preserve.flows import recover, run
from preserve.flows.capture import CaptureRun
from preserve.flows.stamp import Stamper
from preserve.flows.watching import Watcher
from preserve.formats.times import rfc3339
from preserve.model.run import Counts
from preserve.wiring import facts
from preserve.wiring.engine import Engine
from preserve.wiring.options import CaptureOptions, CaptureResult, PassphraseOf, Tell
from preserve.wiring.signing import ledger_of, signer_of
from preserve.wiring.stamping import begin_stamping, stamper_of


def capture(
    options: CaptureOptions, inputs: run.Inputs, watcher: Watcher, tell: Tell, passphrase: PassphraseOf
) -> CaptureResult:
    """The main job. `tell` is given what a person should know beside the progress.

    Raises StoreError (locked, disk full), ConfigError (keys), TrustError (the archive does not verify well enough to build on).
    """
    clock = SystemClock()
    archive = Archive(options.archive)
    if inputs.empty and not (options.resume and archive.exists):
        return CaptureResult(idle=options.resume and not inputs.documents)
    with archive.lock("capture", rfc3339(clock.now())) as lock:
        signer = signer_of(options, clock, tell, passphrase)
        ledger = ledger_of(archive, clock, tell, passphrase, options.fetch.cacert)
        stamper = stamper_of(options.authorities, options.fetch.user_agent, options.fetch.cacert, clock, tell)
        _finish_staged(archive, ledger, stamper)
        journal = _open_run(archive, ledger, stamper)
        if journal is None:
            run.check_foundation(archive, ledger)
        if doubt := run.clock_doubt(archive, clock.now()):
            tell(doubt)

        def finish(journal: Journal, *, interrupted: bool) -> run.Sealed:
            _write_lists(options, archive, journal, clock)
            return run.finish(
                archive,
                journal,
                ledger,
                signer,
                partial(facts.about, archive),
                clock,
                facts.salt,
                stamper,
                interrupted=interrupted,
            )

        if journal is not None and not options.resume:
            sealed = finish(journal, interrupted=True)
            tell(f"The run that was left open is sealed as it was: {sealed.folder}")
            journal = None
        resumed = journal is not None
        if journal is None and inputs.empty:
            return CaptureResult(idle=not inputs.documents)
        if journal is None and options.resume and run.answered(archive, inputs):
            return CaptureResult(idle=True)
        if journal is not None:
            journal.amend(facts.resumed(journal.settings(), facts.settings(options)))
        if journal is None:
            archive.make_journal()
            journal = Journal(archive.journal_file)
            with journal.planning():
                journal.begin(facts.identify(archive, clock), facts.settings(options))
        try:
            run.plan(journal, archive, inputs)
            counts = journal.counts()
            if not counts.total and not resumed:
                journal.close()
                archive.clear_journal()
                return CaptureResult(counts=counts)
            begin_stamping(archive, journal, stamper)
            _announce(options, tell)
            try:
                counts, stopped = _capture(options, archive, journal, watcher, tell, lock)
            except ConfigError:
                if not resumed:  # nothing was asked with settings that cannot be used: nothing is left open
                    journal.close()
                    archive.clear_journal()
                raise
            if stopped and counts.open > 0:
                return CaptureResult(counts=counts, interrupted=True, stopped=True)
            sealed = finish(journal, interrupted=False)
            return CaptureResult(counts=counts, sealed=sealed, keyid=signer.keyid, stopped=stopped)
        finally:
            journal.close()


def _announce(options: CaptureOptions, tell: Tell) -> None:
    """Say to whom cited addresses are told beside the sites themselves, before any is."""
    for prefix in options.manners.archives:
        tell(f"Pages that do not answer for themselves are asked of {prefix}, which learns that they are read.")
    if options.manners.save_to:
        tell(f"{options.manners.save_to} is asked to save the pages, and learns that they are read.")


def _finish_staged(archive: Archive, ledger: LogFolder, stamper: Stamper) -> None:
    """What a kill kept from its place goes there first. Nearly always there is nothing, and nothing is loaded for it."""
    if archive.staged_imports():
        from preserve.flows import imports

        imports.finish_staged(archive, ledger, stamper)
    if archive.staged_events():
        from preserve.flows import events

        events.finish_staged(archive, ledger, stamper)


def _open_run(archive: Archive, ledger: LogFolder, stamper: Stamper) -> Journal | None:
    """The journal of a run that a capture left open, made sound; None when there is none. One that was sealed gets its place."""
    if not archive.has_journal:
        return None
    journal = Journal(archive.journal_file)
    identity = journal.identity()
    if not journal.counts().total and not run.is_sealed(archive, journal):
        identity = None  # a kill, or a mistake in what was given, came before anything was planned
    if identity is None:
        journal.close()
        archive.clear_unbegun()
        return None
    if run.is_sealed(archive, journal):
        run.settle_found(archive, journal, ledger, stamper)
        return None
    run.check_foundation(archive, ledger)
    staging = archive.staging(identity.name)
    recover.recover(journal, staging, lambda warc, length: cut_back(staging.folder / warc, length))
    return journal


def _capture(
    options: CaptureOptions, archive: Archive, journal: Journal, watcher: Watcher, tell: Tell, lock: int
) -> tuple[Counts, bool]:
    """How the run stands when nothing is left to ask, or when a signal ended it; and whether one came."""
    engine = Engine(archive=archive.root, fetch=options.fetch, manners=options.manners, warc_size=options.warc_size)
    earlier = _earlier(engine, archive, tell)
    try:
        if options.workers > 1:
            from preserve.wiring.parts import capture_in_parts

            return capture_in_parts(engine, journal, watcher, options.workers, lock)
        journal.divide(1)
        return _capture_alone(engine, journal, watcher, earlier)
    finally:
        if earlier is not None:
            earlier.close()


def _write_lists(options: CaptureOptions, archive: Archive, journal: Journal, clock: SystemClock) -> None:
    """What was unchanged is written before the run is sealed, in a file of its own: most runs have nothing of the kind."""
    if not journal.unlisted(1):
        return
    from preserve.flows import listing
    from preserve.wiring.engine import writer

    with closing(writer(archive, journal, clock, options.warc_size)) as store:
        asyncio.run(listing.write(journal, store, clock, facts.new_id))


def _capture_alone(engine: Engine, journal: Journal, watcher: Watcher, earlier: PayloadIndex | None) -> tuple[Counts, bool]:
    """SIGINT and SIGTERM end the run in good order; a second one ends it at once."""
    came: list[int] = []

    def attend(work: CaptureRun, task: asyncio.Task[Counts]) -> None:
        def on_signal(number: int) -> None:
            came.append(number)
            work.stop()
            if len(came) > 1:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, on_signal, number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        counts = engine.run(journal, watcher, attend, earlier=earlier)
    except asyncio.CancelledError:
        if not came:
            raise
        return journal.counts(), True
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
    return counts, bool(came)


def _earlier(engine: Engine, archive: Archive, tell: Tell) -> PayloadIndex | None:
    """What the sealed runs hold; None when there are none, or when it cannot be known: then equal bodies are kept again."""
    try:
        index = engine.earlier()
        if index is not None:
            index.update(archive.run_names())
    except StoreError as problem:
        tell(f"The index of what the archive holds cannot be used, so equal bodies are kept again: {problem.message}")
        return None
    return index

"""Who answers which port: the one place where adapters are chosen and put together. Heavy pieces load on first use."""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import secrets
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path, PurePath

from preserve import __version__
from preserve.adapters.archive import Archive
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.keys import KeyStore, KeyUse, LocalSigner, StoredKey
from preserve.adapters.log import LogFolder
from preserve.adapters.payloads import PayloadIndex
from preserve.adapters.trust import TrustStore
from preserve.adapters.warcfile import WarcWriter
from preserve.adapters.warcfile import resume as cut_back
from preserve.adapters.web.fetcher import HttpFetcher
from preserve.errors import ConfigError, StoreError
from preserve.flows import recover, run, seal
from preserve.flows.capture import CaptureRun, Manners
from preserve.flows.stamp import Stamped, Stamper
from preserve.flows.watching import Watcher
from preserve.formats import note
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.archive import Description
from preserve.model.run import Counts, RunIdentity
from preserve.model.settings import Authority, FetchSettings
from preserve.model.trust import Case, Environment, Operator, Tool
from preserve.model.web import Record
from preserve.places import config_folder, state_folder
from preserve.ports import TimeAuthority
from preserve.rules import record

PassphraseOf = Callable[[StoredKey], bytes]
Tell = Callable[[str], None]

_LIBRARIES = ("ada-url", "cryptography", "httpx", "isal")
"""Those whose version could matter to what a capture holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """Everything that is said of a capture beside what to capture."""

    archive: Path
    fetch: FetchSettings
    manners: Manners
    key: str | None = None
    operator: str | None = None
    organisation: str | None = None
    role: str | None = None
    case: str | None = None
    authorities: tuple[Authority, ...] = ()
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureResult:
    """How a capture ended. `sealed` is None when the run stays open, or when there was nothing to capture.

    `idle`: a `resume` without inputs found no open run. `keyid` is the signer's.
    """

    counts: Counts = field(default_factory=Counts)
    sealed: run.Sealed | None = None
    keyid: str = ""
    interrupted: bool = False
    idle: bool = False


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
    with archive.lock("capture", rfc3339(clock.now())):
        signer = _signer(options, clock, tell, passphrase)
        ledger = _ledger(archive, clock, tell, passphrase)
        stamper = _stamper(options.authorities, options.fetch.user_agent, options.fetch.cacert, clock, tell)
        journal = _open_run(archive, ledger, stamper)
        if journal is None:
            run.check_foundation(archive, ledger)
        if doubt := run.clock_doubt(archive, clock.now()):
            tell(doubt)
        finish = partial(
            run.finish,
            archive,
            ledger=ledger,
            signer=signer,
            about=partial(_about, archive),
            clock=clock,
            salt=_salt,
            stamper=stamper,
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
            journal.amend(_resumed(journal.settings(), _settings(options)))
        if journal is None:
            archive.make_journal()
            journal = Journal(archive.journal_file)
            with journal.planning():
                journal.begin(_identity(archive, clock), _settings(options))
        try:
            run.plan(journal, archive, inputs)
            counts = journal.counts()
            if not counts.total and not resumed:
                journal.close()
                archive.clear_journal()
                return CaptureResult(counts=counts)
            _begin_stamping(archive, journal, stamper)
            try:
                counts, interrupted = _capture(options, archive, journal, clock, watcher, tell)
            except ConfigError:
                if not resumed:  # nothing was asked with settings that cannot be used: nothing is left open
                    journal.close()
                    archive.clear_journal()
                raise
            if interrupted:
                return CaptureResult(counts=counts, interrupted=True)
            return CaptureResult(counts=counts, sealed=finish(journal, interrupted=False), keyid=signer.keyid)
        finally:
            journal.close()


def timestamp(
    archive: Archive, authorities: Sequence[Authority], cacert: PurePath | None, tell: Tell, *, add: bool
) -> dict[str, Stamped]:
    """Ask for the tokens that sealed runs name and lack (with `add`, of every one of `authorities`). How each run stands, by name.

    Raises StoreError (locked, disk full) and ConfigError (a password that cannot be read).
    """
    clock = SystemClock()
    stamper = _stamper(authorities, f"preserve/{__version__}", cacert, clock, tell)
    with archive.lock("timestamp", rfc3339(clock.now())):
        return {name: stamper.complete(archive, name, add=add) for name in archive.run_names()}


def _stamper(
    authorities: Sequence[Authority], user_agent: str, cacert: PurePath | None, clock: SystemClock, tell: Tell
) -> Stamper:
    return Stamper(
        authorities=tuple(_authority(authority, user_agent, cacert) for authority in authorities),
        trusted=TrustStore(config_folder()).trusted_keys(),
        nonce=lambda: secrets.randbits(63),
        clock=clock,
        tell=tell,
    )


def _authority(authority: Authority, user_agent: str, cacert: PurePath | None) -> TimeAuthority:
    from preserve.adapters.tsa import HttpAuthority

    return HttpAuthority(authority, user_agent=user_agent, cacert=None if cacert is None else Path(cacert))


def _begin_stamping(archive: Archive, journal: Journal, stamper: Stamper) -> None:
    """Take the start tokens, but only before anything was captured: a later one would tell a lie about what is there already."""
    identity = journal.identity()
    assert identity is not None, "the run was begun"
    if not journal.warcs() and not journal.counts().done:
        stamper.begin(archive.staging(identity.name), identity)


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
        run.settle(archive, journal, ledger, stamper)
        return None
    run.check_foundation(archive, ledger)
    staging = archive.staging(identity.name)
    recover.recover(journal, staging, lambda warc, length: cut_back(staging.folder / warc, length))
    return journal


def _capture(
    options: CaptureOptions, archive: Archive, journal: Journal, clock: SystemClock, watcher: Watcher, tell: Tell
) -> tuple[Counts, bool]:
    identity = journal.identity()
    assert identity is not None, "the run was begun"
    staging = archive.staging(identity.name)
    settings = journal.settings()

    async def go() -> tuple[Counts, bool]:
        fetcher = HttpFetcher(options.fetch, clock, archive.journal)
        store = WarcWriter(
            staging.folder,
            f"{archive.slug}-{identity.name}",
            warcinfo=lambda name: _warcinfo(name, identity, settings, clock),
        )
        work = CaptureRun(
            journal=journal,
            fetcher=fetcher,
            store=store,
            clock=clock,
            manners=options.manners,
            watcher=watcher,
            new_id=_new_id,
            earlier=earlier,
        )
        try:
            with _stopped_by_signals(work.stop) as stopped:
                try:
                    counts = await work.run()
                except asyncio.CancelledError:
                    if not stopped:
                        raise
                    return journal.counts(), True
                return counts, bool(stopped) and counts.open > 0
        finally:
            await fetcher.aclose()
            store.close()

    earlier = _earlier(archive, tell)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(go())
    finally:
        if earlier is not None:
            earlier.close()


def _earlier(archive: Archive, tell: Tell) -> PayloadIndex | None:
    """What the sealed runs hold; None when there are none, or when it cannot be known: then equal bodies are kept again."""
    names = archive.run_names()
    if not names:
        return None
    try:
        index = PayloadIndex(archive.index, archive.runs, worth=record.WORTH_A_REVISIT)
        index.update(names)
    except StoreError as problem:
        tell(f"The index of what the archive holds cannot be used, so equal bodies are kept again: {problem.message}")
        return None
    return index


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """SIGINT and SIGTERM end the run in good order; a second one ends it at once. Yields the signals that came."""
    loop, came = asyncio.get_running_loop(), list[int]()
    task = asyncio.current_task()

    def on_signal(number: int) -> None:
        came.append(number)
        stop()
        if len(came) > 1 and task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield came
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (the extra `speed`), else asyncio's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


def _signer(options: CaptureOptions, clock: SystemClock, tell: Tell, passphrase: PassphraseOf) -> LocalSigner:
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    key = keys.signing_key(options.key)
    if key is None:
        key = keys.make(KeyUse.MANIFEST, options.operator or "preserve", now=clock.now(), pin=trust.add)
        tell(
            f"Made your signing key {fingerprint_groups(key.keyid)}, without a passphrase, in {config_folder() / 'keys'}."
            " Keep a copy of that folder: without it nothing new can be signed."
        )
    return keys.signer(key, passphrase)


def _ledger(archive: Archive, clock: SystemClock, tell: Tell, passphrase: PassphraseOf) -> LogFolder:
    """The archive's log with the key that signs it; makes both, and archive.toml, for a new archive."""
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    if not archive.exists:
        name = f"preserve/{secrets.token_hex(8)}"
        origin = f"{name}/log"
        key = keys.make(KeyUse.LOG, origin, now=clock.now(), pin=trust.add)
        assert key.vkey is not None, "a log's key has a vkey"
        archive.create(Description(id=name, origin=origin, log=key.vkey.encode()))
    described = archive.describe()
    found = keys.log_key(described.origin, note.VerifierKey.parse(described.log).fingerprint)
    if found is None:
        raise ConfigError(
            f"the key of this archive's log ({described.origin}) is not on this machine",
            "capture where the archive was made, or bring its keys here: copy the keys folder of that machine's configuration",
        )
    memory = CheckpointMemory.signed(state_folder())

    def signed(checkpoint: note.SignedNote) -> None:
        if problem := memory.remember(checkpoint):
            tell(f"The log's new head could not be remembered: {problem}")

    return LogFolder(archive.log, keys.log_signer(found, passphrase), last_signed=memory.head(described.origin), signed=signed)


def _identity(archive: Archive, clock: SystemClock) -> RunIdentity:
    last = archive.last_seal()
    sequence, started = (0 if last is None else last[0] + 1), clock.now()
    return RunIdentity(
        name=f"{sequence:06d}-{started:%Y%m%dt%H%M%Sz}",
        sequence=sequence,
        run_id=str(uuid.uuid4()),
        nonce=secrets.token_hex(32),
        started=rfc3339(started),
    )


def _resumed(begun: str, now: str) -> str:
    """The settings of a run that goes on: those it began with and, where they differ, each other set it went on with."""
    first = json.loads(begun)
    later: list[object] = first.pop("resumed_with", [])
    if json.loads(now) not in (first, *later):
        later.append(json.loads(now))
    return json.dumps(first | ({"resumed_with": later} if later else {}), sort_keys=True, separators=(",", ":"))


def _settings(options: CaptureOptions) -> str:
    """The settings of a run in one spelling: their hash stands in the manifest, their text in every warcinfo record."""
    fetch = asdict(options.fetch)
    cacert = fetch.pop("cacert")
    settings = {
        "fetch": {**fetch, "cacert": None if cacert is None else _sha256(Path(cacert))},
        "manners": asdict(options.manners),
        "operator": options.operator,
        "organisation": options.organisation,
        "role": options.role,
        "case": options.case,
        "authorities": [authority.name for authority in options.authorities],
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def _about(archive: Archive, settings: str, previous_seal_sha256: str | None) -> seal.About:
    said = json.loads(settings)
    return seal.About(
        archive_id=archive.describe().id,
        previous_seal_sha256=previous_seal_sha256,
        operator=Operator(name=said["operator"], organisation=said["organisation"], role=said["role"]),
        case=Case(reference=said["case"], legal_basis=None, notes=""),
        tool=Tool(
            name="preserve",
            version=__version__,
            source_sha256=_source_sha256(),
            python=platform.python_version(),
            platform=sys.platform,
            config_sha256=hashlib.sha256(settings.encode()).hexdigest(),
            dependencies=tuple((name, metadata.version(name)) for name in _LIBRARIES),
        ),
        environment=Environment(hostname_sha256=None, egress_ip=None, vantage="local", user_agent=said["fetch"]["user_agent"]),
    )


def _source_sha256() -> str:
    """Over the program's own modules, as `sha256sum` would list them from the package's folder, sorted by path."""
    home = Path(__file__).parent
    listing = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(home).as_posix()}\n"
        for path in sorted(home.rglob("*.py"), key=lambda path: path.relative_to(home).as_posix())
    )
    return hashlib.sha256(listing.encode()).hexdigest()


def _warcinfo(name: str, identity: RunIdentity, settings: str, clock: SystemClock) -> Record:
    said = json.loads(settings)
    facts = (
        ("operator", said["operator"] or ""),
        ("isPartOf", f"run {identity.name} ({identity.run_id})"),
        ("description", said["case"] or ""),
        ("robots", said["manners"]["robots"]),
        ("http-header-user-agent", said["fetch"]["user_agent"]),
        ("preserve-settings", settings),
    )
    return record.warcinfo(name, at=clock.now(), software=f"preserve/{__version__}", settings=facts, new_id=_new_id)


def _sha256(path: Path) -> str:
    """What a file holds, without saying where it lies: a path may name a person."""
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror}", "--cacert names a PEM file") from problem


def _new_id() -> str:
    """A random UUID (RFC 9562 section 5.4). There are several for every address, and the library's takes twice as long."""
    digits = secrets.token_hex(16)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _salt() -> str:
    return secrets.token_hex(16)

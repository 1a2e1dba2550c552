"""What the flows need of the outside world: small Protocols, owned here by their callers, each with a fake in tests/fakes.

Adapters implement them; flows and rules know nothing else of sockets, files or clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import PurePath
from typing import BinaryIO, Protocol, TypeVar

from preserve.model.archive import Description
from preserve.model.digest import Digest, Event, Undelivered
from preserve.model.document import Citation
from preserve.model.page import Extract
from preserve.model.run import CitationRow, Counts, RunIdentity, Source
from preserve.model.schedule import Begun, Progress, Reading, Seen
from preserve.model.tree import Entry
from preserve.model.unchanged import PageList
from preserve.model.web import Capture, Exchange, Original, Payload, Record, Requisite, Stored, Target, Wish
from preserve.model.witness import Submitted

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    """The time, as an argument."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...


class Reader(Protocol):
    """Reads what strangers wrote with other people's parsers, where one that stalls or crashes costs its answer and nothing else."""

    def pdf_text(self, data: bytes) -> Extract:
        """The text of a PDF."""
        ...

    def main_text(self, markup: str) -> Extract:
        """The main text of an HTML page."""
        ...


class Session(Protocol):
    """Asking for one target: cookies live as long as this does."""

    async def fetch(
        self,
        address: str,
        *,
        referrer: str | None = None,
        deadline: float | None = None,
        fields: Sequence[tuple[bytes, bytes]] = (),
        attempt: int = 0,
    ) -> Exchange:
        """Ask once for `address` (no redirect is followed). Never raises for what the network does: that is in the Exchange.

        `fields` are header fields beside those that every request has. `attempt` is how often it was asked before, in vain: then no
        connection that was kept is used.

        `deadline` is a time of the clock's `monotonic()` after which what has come is all that is kept. Raises StoreError
        when this machine cannot go on: the disk is full, no file handle is left.

        The caller closes `Exchange.body` when done with it.
        """
        ...


class Fetcher(Protocol):
    """The web, one exchange at a time."""

    def session(self) -> Session: ...

    async def aclose(self) -> None: ...


class WarcStore(Protocol):
    """Where records go: appended in order, each a gzip member of its own."""

    async def append(self, records: Sequence[Record]) -> tuple[Stored, ...]:
        """Write the records one after the other; they reach the file before this returns, the disk at the next `sync`.

        Returned is what was written, in order: a call that began a file returns that file's warcinfo first.
        Raises StoreError when the disk is full or the file cannot be written: then nothing of this call counts.
        """
        ...

    def sync(self) -> None:
        """fsync what was written."""
        ...

    def close(self) -> None: ...


class Journal(Protocol):
    """The open run. What it was told survives a kill; see adapters/journal for the promises."""

    def planning(self) -> AbstractContextManager[None]:
        """All additions inside count, or none."""
        ...

    def identity(self) -> RunIdentity | None: ...

    def begin(self, identity: RunIdentity, settings: str) -> None: ...

    def settings(self) -> str: ...

    def add_source(self, source: Source) -> int | None: ...

    def add_target(self, *, key: str, url: str, address: str | None, host: str) -> int: ...

    def add_citation(self, source: int, citation: Citation, *, target: int | None, not_captured: str | None) -> None: ...

    def take(self, limit: int) -> tuple[Target, ...]: ...

    def finish(self, capture: Capture, records: Iterable[Stored]) -> None:
        """Enter what came of a target, and its records."""
        ...

    def unlisted(self, most: int, after: int = -1) -> tuple[PageList, ...]:
        """Pages `after` that target with unchanged requisites whose list is not written, with about `most` of these in all."""
        ...

    def list_unchanged(self, lists: Sequence[PageList], records: Sequence[Stored]) -> None:
        """Enter lists that were written; `records` end with theirs, in this order."""
        ...

    def need(self, target: Target, needed: Iterable[Requisite], most: int) -> tuple[int, int]:
        """Enter what a target needs, no more than `most` for its page; how many are new to the run, how many were left out."""
        ...

    def requisites(self, page: int) -> int:
        """How many targets were entered because of this page."""
        ...

    def remember(self, payloads: Iterable[Payload]) -> None:
        """Bodies that lie whole in the run's files, so that `original` finds them."""
        ...

    def original(self, body_sha256: str, *, framed: bool = False) -> Original | None: ...

    def note(self, name: str, value: str, records: Iterable[Stored]) -> None: ...

    def noted(self, name: str) -> str | None: ...

    def cited(self, target: int) -> tuple[Citation, ...]:
        """The citations that a target answers."""
        ...

    def counts(self) -> Counts: ...

    def sources(self) -> Iterator[tuple[int, Source]]: ...

    def citations(self) -> Iterator[CitationRow]: ...

    def captures(self) -> Iterator[Capture]: ...

    def records(self, warc: str) -> Iterator[Stored]: ...

    def strike(self, warc: str, index: int) -> tuple[int, ...]: ...

    def forget(self, target: int) -> None: ...

    def warcs(self) -> tuple[str, ...]: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


class Originals(Protocol):
    """The bodies that the archive's sealed runs hold."""

    def find(self, entity_sha256: str, body_sha256: str, url: str) -> Original | None:
        """A record that was just seen to be there, whole, with this very body, that of `url` first; None when there is none.

        The entity is the body without its chunk framing: by its hash runs list it, and where there is no framing both are one.

        Raises StoreError when the archive cannot be read.
        """
        ...


class Signer(Protocol):
    """A signing key, wherever it lives."""

    @property
    def keyid(self) -> str:
        """SHA-256 of the DER SubjectPublicKeyInfo, 64 hex digits."""
        ...

    @property
    def algorithm(self) -> str:
        """The name of the signature algorithm: "ed25519" or "ecdsa-p256-sha256"."""
        ...

    @property
    def public_pem(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature over exactly these bytes."""
        ...


class TimeAuthority(Protocol):
    """A time-stamp authority that can be asked."""

    @property
    def name(self) -> str:
        """What manifests call it."""
        ...

    @property
    def policy(self) -> str | None:
        """The policy that its tokens must be under; None for whatever it has."""
        ...

    def ask(self, request: bytes) -> tuple[bytes, str]:
        """(its reply to a TimeStampReq, as it came, "") or (b"", why there is none)."""
        ...


class Witness(Protocol):
    """A witness that can be asked to cosign a log's checkpoint."""

    @property
    def name(self) -> str:
        """What this user calls it."""
        ...

    @property
    def vkey(self) -> str:
        """The key whose lines are taken from its answers."""
        ...

    def add_checkpoint(self, request: bytes) -> Submitted:
        """Ask once; `request` is the body of C2SP tlog-witness. Never raises for what the network does."""
        ...


class Folder(Protocol):
    """A folder read without trusting it: links are seen, never followed, and each file is opened once."""

    def names(self) -> frozenset[str]:
        """What lies directly in it."""
        ...

    def walk(self) -> Iterator[Entry]:
        """Everything below, by lstat, in byte order of the path; folders before what they hold."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading, following no link at any component.

        Raises StoreError when it cannot be read, FileNotFoundError when nothing is there.
        """
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The whole of a small file; raises FormatError when it is longer than `limit` bytes."""
        ...


class Staging(Protocol):
    """The folder of a run that is not sealed yet."""

    @property
    def name(self) -> str:
        """The run's name."""
        ...

    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Write a file anew: beside its name, and when the block ends well flushed to the disk and renamed."""
        ...

    def open(self, path: str) -> BinaryIO: ...

    def exists(self, path: str) -> bool: ...

    def size(self, path: str) -> int: ...

    def remove(self, path: str) -> None:
        """Take a file out."""
        ...

    def files(self) -> tuple[str, ...]:
        """Every file there is, sorted."""
        ...


class Ledger(Protocol):
    """The archive's append-only log."""

    @property
    def origin(self) -> str: ...

    def head(self) -> tuple[int, bytes]:
        """Size and root hash, after checking the checkpoint's signature."""
        ...

    def entry(self, index: int) -> bytes: ...

    def append(self, entry: bytes) -> None:
        """Add an entry and sign the new head; the same entry again after an interruption is no second entry."""
        ...

    def proof(self, index: int) -> bytes:
        """The tlog-proof of an entry against the current head."""
        ...


class ArchiveStore(Protocol):
    """An archive's places on disk, for the one writer that holds its lock."""

    @property
    def exists(self) -> bool: ...

    def describe(self) -> Description: ...

    def run_names(self) -> tuple[str, ...]: ...

    def last_seal(self) -> tuple[int, bytes] | None: ...

    def last_manifest(self) -> bytes | None: ...

    def keep_document(self, sha256: str, name: str, data: bytes) -> None:
        """Keep an exact copy of a document that the open run cites from."""
        ...

    def place_documents(self, cited: Collection[tuple[str, str]]) -> None:
        """Put those of them that are cited, (SHA-256, name), into their place: that run is sealed."""
        ...

    def staging(self, name: str) -> Staging: ...

    def place(self, name: str) -> PurePath: ...

    def staged_imports(self) -> tuple[str, ...]:
        """Imports that a kill kept from their place."""
        ...

    def place_import(self, name: str) -> PurePath:
        """Move a staged import into its place in runs/; one that is there already stays."""
        ...

    def drop_import(self, name: str) -> None:
        """Take away a staged import."""
        ...

    def read_run(self, name: str, path: str, limit: int) -> bytes | None:
        """A small file of a run in its place; None when it is not there. Raises FormatError when it is longer than `limit`."""
        ...

    def keep_token(self, name: str, path: str, token: bytes) -> None:
        """Add a token to a run in its place: the only thing that a sealed run ever gains."""
        ...

    def overwrite(self, name: str, path: str, offset: int, pieces: Iterable[bytes]) -> None:
        """Write other bytes over some of a file of a sealed run, in place and through to the disk: for a redaction alone."""
        ...

    def event_names(self) -> tuple[str, ...]:
        """The events in their places, by their index in the log."""
        ...

    def staged_events(self) -> tuple[str, ...]:
        """Events that a kill kept from their place."""
        ...

    def event_staging(self, name: str) -> Staging: ...

    def place_event(self, name: str) -> PurePath:
        """Move a staged event into its place; one that is there already stays."""
        ...

    def drop_event(self, name: str) -> None:
        """Take away a staged event."""
        ...

    def read_event(self, name: str, path: str, limit: int) -> bytes | None:
        """As `read_run`, of an event."""
        ...

    def keep_event_token(self, name: str, path: str, token: bytes) -> None: ...

    def clear_journal(self) -> None: ...


class Turnstile(Protocol):
    """Where several processes that share a run go through one by one: each host's limits hold for all of them together."""

    def enter(self, host: str) -> float | None:
        """Take a place at that host: the seconds until its request may begin; None when no place is free now."""
        ...

    def again(self, host: str) -> float:
        """Keep a place there: the seconds until another request may begin."""
        ...

    def leave(self, host: str, *, unused: bool = False) -> None:
        """Give a place back; with `unused` also the moment that came with it."""
        ...

    def rest(self, host: str, seconds: float) -> None:
        """That host is to be left alone for so long, whoever was about to ask."""
        ...

    def resting(self, host: str) -> float:
        """The seconds for which that host is still to be left alone."""
        ...

    def heed(self, host: str, seconds: float) -> None:
        """That host itself asks to be left alone for so long, whether somebody waits for it or nobody does; "host:port" is meant."""
        ...

    def wish(self, host: str) -> Wish | None:
        """What one of the processes was told that this very host asks for; None when that is nothing, or over."""
        ...

    def work(self, now: bool) -> None:
        """Say whether this process has something to do, other than to wait for hosts that are to be left alone."""
        ...

    def others_work(self) -> bool:
        """Whether another process has something to do; to be asked by one that has not."""
        ...


class Workers(Protocol):
    """Several processes doing the same kind of work."""

    def map(self, task: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """`task` of every item, in the items' order. What `task` returns must be picklable.

        Raises the first PreserveError that a task raised, StoreError when a process is lost.
        """
        ...


class ScheduleMemory(Protocol):
    """What is remembered of scheduled captures. To lose it costs a capture that was made already, never one that was not."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Be the one who runs this archive's schedules. Raises LockedError when somebody else does."""
        ...

    def progress(self) -> Mapping[str, Progress]:
        """By the schedules' ids."""
        ...

    def begun(self, schedule: str) -> Begun | None: ...

    def begin(self, schedule: str, begun: Begun) -> None:
        """Remember that a capture begins, before it does."""
        ...

    def abandon(self, schedule: str) -> None:
        """Nothing was begun after all."""
        ...

    def target(self, schedule: str, key: str) -> Seen | None: ...

    def targets(self, schedule: str) -> Iterator[Seen]: ...

    def failing(self) -> Mapping[str, tuple[int, str]]:
        """By schedule: how many of its targets failed when they were last asked, and one of them."""
        ...

    def readings(self, schedule: str) -> tuple[Reading, ...]: ...

    def finish(
        self,
        schedule: str,
        progress: Progress,
        *,
        found: Iterable[tuple[Seen, Event | None]] = (),
        readings: Iterable[Reading] = (),
        events: Iterable[Event] = (),
    ) -> None:
        """All of this, or none of it: how far the schedule is, what was found, what is to be told. What was begun is over.

        Targets that this run did not find, and that were not held back from it, are forgotten.
        """
        ...

    def note(self, problems: Iterable[tuple[str, Event]]) -> None:
        """Remember by name what the events say stands in the way now, and let them be told; one that says that nothing does forgets the name."""
        ...

    def keep(self, schedules: Iterable[str]) -> None:
        """Forget all schedules but these."""
        ...

    def subscribe(self, receivers: Iterable[str]) -> None:
        """A receiver that is new is told what comes from now on; one that is gone is forgotten."""
        ...

    def untold(self, receiver: str) -> tuple[int, tuple[Event, ...]]:
        """The events that a receiver was not told yet, and up to where they reach."""
        ...

    def told(self, receiver: str, upto: int) -> None: ...

    def not_told(self, receiver: str, missed: Undelivered) -> None: ...

    def undelivered(self) -> tuple[Undelivered, ...]:
        """The receivers that could not be told the last time."""
        ...


class Notifier(Protocol):
    """A way to tell somebody."""

    def send(self, digest: Digest) -> str:
        """Return "" when it arrived; else why it did not. Never raises for what the other side does."""
        ...

"""What the flows need of the outside world: small Protocols, owned here by their callers, each with a fake in tests/fakes.

Adapters implement them; flows and rules know nothing else of sockets, files or clocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from preserve.model.tree import Entry
from preserve.model.web import Exchange, Record, Stored


class Clock(Protocol):
    """The time, as an argument."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...


class Session(Protocol):
    """Asking for one target: cookies live as long as this does."""

    async def fetch(self, address: str, *, referrer: str | None = None) -> Exchange:
        """Ask once for `address` (no redirect is followed). Never raises for what the network does: that is in the Exchange.

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

        Raises StoreError when the disk is full or the file cannot be written: then nothing of this call counts.
        """
        ...

    def sync(self) -> None:
        """fsync what was written."""
        ...

    def close(self) -> None: ...


class Signer(Protocol):
    """A signing key, wherever it lives."""

    @property
    def keyid(self) -> str:
        """SHA-256 of the DER SubjectPublicKeyInfo, 64 hex digits."""
        ...

    @property
    def algorithm(self) -> str:
        """ "ed25519" or "ecdsa-p256-sha256"."""
        ...

    @property
    def public_pem(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature over exactly these bytes."""
        ...


class Folder(Protocol):
    """A folder read without trusting it: links are seen, never followed, and each file is opened once."""

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

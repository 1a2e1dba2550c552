"""What the flows need of the outside world: small Protocols, owned here by their callers, each with a fake in tests/fakes.

Adapters implement them; flows and rules know nothing else of sockets, files or clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

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
        """"ed25519" or "ecdsa-p256-sha256"."""
        ...

    @property
    def public_pem(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature over exactly these bytes."""
        ...

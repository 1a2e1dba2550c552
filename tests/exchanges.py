"""Exchanges and records for tests, as the wire would give them: digests right, every field that matters given by name."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from preserve.model.web import Body, Exchange, Memory, Outcome, Record, Resolution, Tls
from preserve.rules.record import warcinfo

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
CHAIN = (b"leaf certificate", b"issuing certificate")
TLS = Tls(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", chain=CHAIN)
RESOLUTION = Resolution(host="site.test", addresses=("192.0.2.7", "2001:db8::7"), source="dns", at=NOON)
REQUEST = b"GET /page HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Odd:   spaced  \r\n\r\n"


def ids() -> Callable[[], str]:
    """A source of record ids that differ and can be told in advance."""
    numbers = itertools.count(1)
    return lambda: f"urn:uuid:00000000-0000-4000-8000-{next(numbers):012}"


def exchange(body: bytes = b"<p>A page</p>", *, head: bytes = HEAD, **changes: Any) -> Exchange:
    """A captured page; `changes` are Exchange's own fields."""
    fields: dict[str, Any] = {
        "url": "https://site.test/page",
        "started": NOON,
        "ended": NOON + timedelta(seconds=1.5),
        "outcome": Outcome.CAPTURED,
        "request": REQUEST,
        "head": head,
        "status": 200,
        "body": Memory(body),
        "block_sha256": hashlib.sha256(head + body).hexdigest(),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "entity_sha256": hashlib.sha256(body).hexdigest(),
        "entity_size": len(body),
        "peer": ("192.0.2.7", 443),
        "resolution": RESOLUTION,
        "tls": TLS,
    }
    return Exchange(**(fields | changes))


def failure(**changes: Any) -> Exchange:
    """An exchange that brought no response."""
    fields: dict[str, Any] = {
        "url": "http://site.test/gone",
        "started": NOON,
        "ended": NOON,
        "outcome": Outcome.FAILED,
        "problem": "no such host",
    }
    return Exchange(**(fields | changes))


def info(filename: str) -> Record:
    """A warcinfo record for the head of a file."""
    return warcinfo(filename, at=NOON, software="preserve/0.0", new_id=lambda: f"urn:test:info:{filename}")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A Body of any size that holds only one piece in memory."""

    piece: bytes
    times: int

    @property
    def size(self) -> int:
        return len(self.piece) * self.times

    def chunks(self) -> Iterator[bytes]:
        return itertools.repeat(self.piece, self.times)

    def close(self) -> None:
        return None


def whole(body: Body) -> bytes:
    """All of a body."""
    return b"".join(body.chunks())

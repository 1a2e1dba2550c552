"""The nouns of a capture, in the order of the flow: Target, Exchange, Record, Stored, Capture.

Times are timezone-aware UTC datetimes, hashes are lower-case hexadecimal SHA-256, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from preserve.model.noun import dataclass
from preserve.model.outcome import Outcome as Outcome  # noqa: PLC0414 -- these three are found here too, with the others
from preserve.model.outcome import Truncation as Truncation  # noqa: PLC0414
from preserve.model.outcome import Verdict as Verdict  # noqa: PLC0414


class Trouble(StrEnum):
    """Why nothing of an answer came, where that may pass (docs/adr/0160)."""

    CLOSED = "closed"
    """The connection closed, or was reset, before the first byte of an answer."""
    UNREACHABLE = "unreachable"
    """No connection came about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedBy:
    """One citation that asks for a target; `citation` is its line number in data/citations.jsonl."""

    citation: int
    document: str
    document_sha256: str
    note: str | None
    as_written: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Why a requisite is asked for: targets by their numbers.

    `of` names it, `page` is the cited page that it serves in the end (the same, or one whose style sheet `of` is). `level` counts the
    steps from the page, from 1. `referrer` is where `of` was read.
    """

    of: int
    page: int
    level: int
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Requisite:
    """Something that a page needs: its address, as it goes on the wire, and the queue it waits in (its host's name)."""

    address: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One address to capture, however many citations name it, or what a cited page needs (then `need` is set).

    `url` is exactly as given, `address` the form that goes on the wire (WHATWG URL, no fragment), `host` the queue it waits
    in (its host's name, whatever the port).
    """

    id: int
    url: str
    address: str
    host: str
    cited_by: tuple[CitedBy, ...] = ()
    need: Need | None = None


class Body(Protocol):
    """Bytes that can be read again, in memory or on disk."""

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the start, in pieces of at most 64 KiB when they lie on disk."""
        ...

    def close(self) -> None:
        """Give up the bytes; nothing may be read afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """A Body that lies in memory."""

    data: bytes = b""

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        if self.data:
            yield self.data

    def close(self) -> None:
        return None


EMPTY = Memory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a host name was resolved to, once a run.

    `source` is "dns", "literal", "--resolve", "--connect-to", or "the proxy" for a name that only the proxy knows (no addresses).
    """

    host: str
    addresses: tuple[str, ...]
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS facts of one connection, from that connection itself.

    `chain` is what the server presented, leaf first, DER. `problem` is empty when the chain was verified against the trust
    anchors in use and names the host; otherwise it is the verifier's reason.
    """

    version: str
    cipher: str
    chain: tuple[bytes, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a host asks for (Retry-After): to be left alone for `asked` seconds, of which so many are `left`."""

    left: float
    asked: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came back, byte for byte.

    `request` is what was sent, `head` the final response's head up to and including its empty line, `body` everything of the
    response after that exactly as it crossed the wire (chunk framing and content coding included). `entity_*` describe the body
    without chunk framing, still content-coded. `interim` holds 1xx heads, `excess` bytes that followed a complete response,
    `garbage` bytes that are not HTTP: what came instead of a response, or stray line ends before it. `block_sha256` is over
    head + body, `body_sha256` over body.

    `problem` says in a few words why it is not captured; `notes` what was odd about a response that could be read (a folded
    header line, a TLS connection closed without notice). Without a response `status` is None and `head` is empty.

    `protocol` is "h2" for a response that came in HTTP/2 frames: request, head and body are then a representation of them in the
    syntax of HTTP/1.1. `proxy` is the proxy that was asked instead of the host, without its password: then `peer` is the proxy.
    """

    url: str
    started: datetime
    ended: datetime
    outcome: Outcome
    problem: str = ""
    request: bytes = b""
    head: bytes = b""
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: Body = EMPTY
    block_sha256: str = ""
    body_sha256: str = ""
    entity_sha256: str = ""
    entity_size: int = 0
    chunked: bool = False
    truncated: Truncation | None = None
    interim: tuple[bytes, ...] = ()
    excess: bytes = b""
    garbage: bytes = b""
    notes: tuple[str, ...] = ()
    peer: tuple[str, int] | None = None
    resolution: Resolution | None = None
    tls: Tls | None = None
    retries: int = 0
    """How often it had been asked before, in vain; each time is an Exchange of its own."""
    trouble: Trouble | None = None
    protocol: str = ""
    proxy: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The first header field of that name (lower case), or None."""
        for key, value in self.headers:
            if len(key) == len(name) and key.lower() == name:
                return value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A WARC/1.1 record before it is written: named fields in order and the parts of its block.

    `fields` leaves out WARC-Type, WARC-Record-ID, WARC-Date and Content-Length, which the other attributes give. `head` and
    `body` together are the block.
    """

    type: str
    id: str
    date: datetime
    fields: tuple[tuple[str, str], ...] = ()
    head: bytes = b""
    body: Body = EMPTY

    @property
    def length(self) -> int:
        return len(self.head) + self.body.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Where a record lies: the run-relative WARC path, its index in that file, and the stored (compressed) bytes.

    `crc32` is of these bytes and of the 64 digits of their hash: by it both are known again when the file is read back, at a tenth of
    what the hash costs.
    """

    warc: str
    index: int
    offset: int
    length: int
    sha256: str
    crc32: int
    type: str
    record_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The response record that a revisit refers to; `body_sha256` is over the bytes after its head, which may be chunk-`framed`.

    `answer` is how its block begins, with the head of that response; b"" unless it lies in a sealed run.
    """

    record_id: str
    url: str
    date: datetime
    body_sha256: str
    framed: bool = False
    answer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A body that lies whole in the open run, and the response record that holds it."""

    original: Original
    stored: Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSummary:
    """The TLS facts that stand in a capture's line; the chain itself is a record. `chain_sha256` is over the DER, leaf first."""

    version: str
    cipher: str
    chain_sha256: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One exchange on the way from a target to its final page."""

    url: str
    status: int | None
    location: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One form of a doubtful address that was asked for: what came of it, and `why` it may have been meant, with how it fits."""

    url: str
    outcome: Outcome
    status: int | None
    verdict: Verdict | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memento:
    """What a web archive has of a page that does not answer for itself: testimony of a third party (RFC 7089).

    `archive` is the prefix that was asked, `requested` the day that was asked for, `url` the memento's own address, `taken` when the archive
    says that it was made. `payload_sha256` is over the entity body of the raw memento where the archive gives one, else of its
    page. `problem` says where the archive failed or contradicted itself; without a memento it says why there is none.
    """

    archive: str
    requested: date
    url: str | None = None
    taken: datetime | None = None
    payload_sha256: str | None = None
    problem: str = ""

    @property
    def distance_days(self) -> int | None:
        """Days between what was asked for and what was found, either way."""
        return None if self.taken is None else abs((self.taken.date() - self.requested).days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """That a capture was made with another tool, and imported: whoever imported it stands for the file, not for what it says.

    `file` is the imported file's path in the run, `name` what it was called; `software` and `operator` are who made it, in its own
    words, `signed` whose key signed it, which is not checked as an identity. None where the file does not say.
    """

    file: str
    name: str
    software: str | None
    operator: str | None
    signed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What came of one target: the answer that a footnote gets.

    Where the print is in doubt, `candidates` are the forms that were asked for, the printed one first, and `chosen` is the one whose
    page fits the citation; everything else then tells of that one. `memento` answers for a page that does not. `foreign` is set for a
    capture that we did not make.

    `listed` is set for a requisite of which nothing is kept but a line in its page's list: the date of the record that holds the very same
    answer. `unchanged` counts the lines of a page's list.
    """

    target: Target
    outcome: Outcome
    reason: str
    final_url: str
    requested_at: datetime
    finished_at: datetime
    status: int | None = None
    verdict: Verdict | None = None
    signals: tuple[str, ...] = ()
    payload_sha256: str | None = None
    payload_size: int = 0
    truncated: Truncation | None = None
    hops: tuple[Hop, ...] = ()
    records: tuple[Stored, ...] = ()
    peer: tuple[str, int] | None = None
    tls: TlsSummary | None = None
    http_date: str | None = None
    retries: int = 0
    candidates: tuple[Tried, ...] = ()
    chosen: str | None = None
    memento: Memento | None = None
    foreign: Testimony | None = None
    listed: datetime | None = None
    unchanged: int = 0

"""The nouns of manifest.json: a Manifest and what it lists.

Field by field they are the document in docs/formats/manifest.md. Hashes are lower-case hexadecimal SHA-256, sizes are bytes, times are
timezone-aware UTC, written to the millisecond.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from preserve.model.noun import dataclass


class Role(StrEnum):
    """What a file under data/ is for."""

    WARC = "warc"
    RECORD_INDEX = "record-index"
    CAPTURE_INDEX = "capture-index"
    CITATION_INDEX = "citation-index"
    SOURCE_INDEX = "source-index"
    TORN = "torn"
    """The tail that an interrupted write left behind: kept, of no meaning."""
    FOREIGN = "foreign"
    """A capture made with another tool, byte for byte as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """What is known of the clock that `created` was read from; None where nothing is."""

    source: str
    ntp_synchronised: bool | None
    max_error_ms: int | None
    http_date_skew_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLink:
    """Which archive, which run of it (from 0), and the SHA-256 of the SEAL before (None for run 0)."""

    id: str
    sequence: int
    previous_seal_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLink:
    """The archive's log just before this run was appended; `size_before` is therefore the run's index in it."""

    origin: str
    size_before: int
    root_before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who stands for the run, in their own words; None where nothing was said."""

    name: str | None
    organisation: str | None
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the run belongs to."""

    reference: str | None
    legal_basis: str | None
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The program that made it; `dependencies` are (name, version) pairs."""

    name: str
    version: str
    source_sha256: str | None
    python: str
    platform: str
    config_sha256: str
    dependencies: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where it ran. What could betray the person is None unless asked for."""

    hostname_sha256: str | None
    egress_ip: str | None
    vantage: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file of lines under data/: how many, and the hexadecimal root of the Merkle tree over them."""

    file: str
    count: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureIndex:
    """The capture index, with how its lines add up by outcome."""

    file: str
    count: int
    captured: int
    truncated: int
    failed: int
    refused: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file under data/; `records` for a WARC file of ours, and for no other."""

    path: str
    bytes: int
    sha256: str
    role: Role
    records: IndexFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerEntry:
    """A key that signs this manifest: named before signing, so that a signature taken away is missed."""

    keyid: str
    algorithm: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampEntry:
    """An authority whose token over SEAL belongs to the run, as timestamps/<authority>.tsr."""

    authority: str
    protocol: str = "rfc3161"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartToken:
    """A token taken when the run began, so that it cannot be older than that."""

    authority: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is signed. Its size does not depend on how much was captured, and it names no URL."""

    run_id: str
    nonce: str
    created: datetime
    interrupted: bool
    """Sealed after an interruption, without the targets that were still open."""
    clock: ClockFacts
    archive: ArchiveLink
    log: LogLink
    operator: Operator
    case: Case
    tool: Tool
    environment: Environment
    sources: IndexFile
    citations: IndexFile
    captures: CaptureIndex
    files: tuple[FileEntry, ...]
    signers: tuple[SignerEntry, ...]
    timestamps: tuple[TimestampEntry, ...]
    start_tokens: tuple[StartToken, ...]

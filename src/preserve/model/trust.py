"""The nouns of trust: a Manifest and what it lists, the lines of a run's indexes, the lines of its SEAL; whom a verifier trusts.

Field by field they are the documents in docs/formats: manifest.md, seal.md, records.md, captures.md. Hashes are lower-case
hexadecimal SHA-256, sizes are bytes, times are timezone-aware UTC, written to the millisecond.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from preserve.model.noun import dataclass
from preserve.model.outcome import Outcome, Truncation, Verdict


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


# ------------------------------------------------------------------------------------------------------------- manifest.json


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


# ---------------------------------------------------------------------------------------------- SEAL and the lines under data/


_SALT = re.compile(r"[0-9a-f]{32}")


def _check_salt(salt: str) -> None:
    if not _SALT.fullmatch(salt):
        raise ValueError("the salt is not 32 hex digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealLine:
    """One file that the SEAL binds."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSha512:
    """A file of the archive, by its path from the archive's folder, and its SHA-512."""

    path: str
    sha512: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """Where record `index` of a WARC file lies, and the hash of its stored (compressed) bytes."""

    index: int
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A document that was cited from. `salt` (32 hex digits, here and below) keeps a withheld line from being guessed."""

    source: int
    name: str
    bytes: int
    sha256: str
    media_type: str
    salt: str

    def __post_init__(self) -> None:
        _check_salt(self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """An address that the printed one may stand for."""

    url: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationLine:
    """A citation as `preserve cite` lists it, and why nothing answers it (`not_captured`) where nothing does."""

    citation: int
    document: str
    document_sha256: str
    note: str | None
    note_inferred: str | None
    where: str
    kind: str
    url: str | None
    url_as_printed: str | None
    candidates: tuple[CandidateLine, ...]
    text: str | None
    title: str | None
    date: str | None
    page: int | None
    line: int | None
    uncertain: bool
    problem: str | None
    refers_to: str | None
    not_captured: str | None
    salt: str

    def __post_init__(self) -> None:
        if self.not_captured == "":
            raise ValueError("not captured, without a reason")
        _check_salt(self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class HopLine:
    """One exchange on the way."""

    url: str
    status: int | None
    location: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRef:
    """A record of this run: the WARC file's path, the record's index in it, its WARC-Type."""

    warc: str
    index: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsLine:
    """TLS facts of the connection; `chain_sha256` hashes each certificate's DER, leaf first."""

    version: str
    cipher: str
    chain_sha256: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """Who answered."""

    ip: str
    port: int
    tls: TlsLine | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedInLine:
    """A citation that a capture answers."""

    citation: int
    as_written: str
    document_sha256: str
    locator: str | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedLine:
    """One form of a doubtful address that was asked for."""

    url: str
    outcome: Outcome
    status: int | None
    verdict: Verdict | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MementoLine:
    """What a web archive testifies. `requested` is an ISO date; `url`, `taken` and `distance_days` are None where it has nothing."""

    timegate: str
    url: str | None
    requested: str
    taken: datetime | None
    distance_days: int | None
    payload_sha256: str | None
    problem: str

    def __post_init__(self) -> None:
        if len({self.url is None, self.taken is None, self.distance_days is None}) > 1:
            raise ValueError("a copy has an address, a time and a distance, or none of them")
        if self.url is None and not self.problem:
            raise ValueError("no copy, and no reason why")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLine:
    """Testimony of a third party: a capture made with another tool, in `file` of this run, which came as `name`.

    `software` and `operator` are the file's own words, `signed` whose key signed it; None where it does not say.
    """

    file: str
    name: str
    software: str | None
    operator: str | None
    signed: str | None

    @property
    def maker(self) -> str:
        """What made it, to be said in a sentence."""
        return self.software or "another tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureLine:
    """What came of one target. `cited_in` for what was cited or asked for; a requisite has `requisite_of` instead.

    `unchanged` counts the lines of the page's list of unchanged requisites (docs/formats/unchanged.md); that is the last of its records.
    """

    capture: int
    url: str
    final_url: str
    outcome: Outcome
    reason: str
    status: int | None
    verdict: Verdict | None
    signals: tuple[str, ...]
    requested_at: datetime
    finished_at: datetime
    payload_sha256: str | None
    payload_bytes: int
    truncated: Truncation | None
    hops: tuple[HopLine, ...]
    records: tuple[RecordRef, ...]
    server: ServerLine | None
    http_date: str | None
    retries: int
    cited_in: tuple[CitedInLine, ...]
    requisite_of: int | None
    salt: str
    candidates: tuple[TriedLine, ...] = ()
    chosen: str | None = None
    memento: MementoLine | None = None
    foreign: ForeignLine | None = None
    unchanged: int = 0

    def __post_init__(self) -> None:
        if self.unchanged and (self.requisite_of is not None or self.foreign is not None):
            raise ValueError("only a page of ours has a list of unchanged requisites")
        if self.unchanged and not any(record.type == "metadata" for record in self.records):
            raise ValueError("a list of unchanged requisites without a record")
        if self.chosen is not None and self.chosen not in {tried.url for tried in self.candidates}:
            raise ValueError("chosen is none of the candidates")
        if not self.reason and self.outcome is not Outcome.CAPTURED:
            raise ValueError(f"{self.outcome} without a reason")
        if self.finished_at < self.requested_at:
            raise ValueError("finished before it was requested")
        if self.cited_in and self.requisite_of is not None:
            raise ValueError("cited and a requisite at once")
        if self.foreign is not None and any(record.warc != self.foreign.file for record in self.records):
            raise ValueError("a third party's capture with records elsewhere")
        if self.foreign is not None and (self.verdict is not None or self.server is not None):
            raise ValueError("a third party's capture with a verdict or a server of ours")
        _check_salt(self.salt)


# ---------------------------------------------------------------------------------------------------------------- time-stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What became of checking one token. `time` is what the authority says; None when the token cannot be read.

    `problem` says why it is no proof (empty when it is one), `doubt` why that could not be found out; `under` names the pinned root.
    `forsaken`: the doubt is that the authority's root came into other hands later.
    """

    authority: str
    time: datetime | None = None
    problem: str = ""
    doubt: str = ""
    under: str = ""
    forsaken: bool = False

    @property
    def proves(self) -> bool:
        return self.time is not None and not self.problem and not self.doubt


# ---------------------------------------------------------------------------------------------------------------- trust.toml


class TrustRole(StrEnum):
    """What a trusted key is trusted for."""

    OPERATOR = "operator"
    """To sign manifests."""
    LOG = "log"
    """To sign the checkpoints of one log."""
    WITNESS = "witness"
    """To cosign the checkpoints of logs."""
    TSA = "tsa"
    """To stand at the root of a time-stamp authority's certificates."""
    RECOVERY = "recovery"
    """To revoke and replace the keys of the operator who has the same name here. It signs no manifests."""
    COSIGNER = "cosigner"
    """To sign with SSH what was sealed by others."""
    COWORKER = "coworker"
    """To revoke, together with others, the keys of the operator who has the same name here. It signs no manifests."""


MOST_COWORKERS = 16
"""Who may revoke a key together."""


class Revocation(StrEnum):
    """Why a key is no longer used."""

    SUPERSEDED = "superseded"
    COMPROMISED = "compromised"


def worse(one: tuple[datetime | None, Revocation | None], other: tuple[datetime, Revocation]) -> tuple[datetime, Revocation]:
    """The one of two revocations that counts: compromised is worse than superseded, earlier worse than later."""
    if one[0] is None or one[1] is None:
        return other
    return min((one[0], one[1]), other, key=lambda revoked: (revoked[1] is Revocation.SUPERSEDED, revoked[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key that this user pinned. `keyid` is the SHA-256 of the SubjectPublicKeyInfo; logs and witnesses have a `vkey` too, a cosigner
    its public key as SSH writes it (`ssh`: `TYPE BASE64`).

    A time-stamp authority has its root's `certificate` (PEM); its `name` is the one that manifests call the authority by. The times
    bound when a signature counts; `revoked_at` and `reason` stand together or not at all.

    A co-worker has a `threshold`: how many of those with this name it takes.

    `through` is for keys that are not in the store themselves: the statement that leads to them from one that is. `ended` is the entry
    of the log by which it was given up, where the log says so.
    """

    name: str
    role: TrustRole
    keyid: str
    vkey: str | None
    added: datetime
    certificate: str | None = None
    ssh: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None
    reason: Revocation | None = None
    threshold: int | None = None
    through: str = ""
    ended: int | None = None

    def revoked(self, at: datetime, reason: Revocation) -> TrustedKey:
        """The same key, revoked too. Of two revocations the worse counts; what was given up once stays so when it is compromised as well."""
        when, why = worse((self.revoked_at, self.reason), (at, reason))
        until = [self.valid_until] if self.valid_until else []
        if self.revoked_at is not None and self.reason is not reason:
            until.append(at if reason is Revocation.SUPERSEDED else self.revoked_at)
        return replace(self, revoked_at=when, reason=why, valid_until=min(until, default=None))

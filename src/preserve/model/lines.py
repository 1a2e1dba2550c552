"""The nouns of a run's lines: those of its SEAL, of its record index, and of the lists below data/.

Field by field they are the documents in docs/formats: seal.md, records.md, captures.md. Hashes are lower-case hexadecimal SHA-256, sizes
are bytes, times are timezone-aware UTC, written to the millisecond.
"""

from __future__ import annotations

import re
from datetime import datetime

from preserve.model.noun import dataclass
from preserve.model.outcome import Outcome, Truncation, Verdict

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

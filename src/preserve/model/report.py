"""The nouns of a report: what a page shows of an archive, its runs, a footnote, a capture (docs/guide/report.md).

Everything here was read from a sealed archive whose verification is at hand. Text in it is as it was found: whoever shows it makes it
safe to show.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from preserve.errors import ExitCode
from preserve.model.change import Pair, Step
from preserve.model.finding import Claim, Result
from preserve.model.lines import CaptureLine, CitationLine, RecordRef
from preserve.model.manifest import Manifest
from preserve.model.noun import dataclass
from preserve.model.trust import Stamp


class State(StrEnum):
    """How a citation stands, in one word, in the order of how much it troubles."""

    CAPTURED = "captured"
    """A complete response that is worth something, and is what was sealed."""
    THIRD_PARTY = "third-party"
    """Another tool's capture, imported: testimony, whatever it holds."""
    DOUBTFUL = "doubtful"
    """Something was captured: cut short, or not the page that was cited."""
    NOT_CAPTURED = "not-captured"
    """Nothing that could be shown."""
    ALTERED = "altered"
    """What was sealed for it is not what lies there."""
    REMOVED = "removed"
    """What was sealed for it was removed, under a signed statement that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One claim and what came of it. `more` is how many findings say the same of other subjects."""

    claim: Claim
    result: Result
    subject: str
    detail: str
    needed: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verification that a report rests on: made `at`, ended with `exit_code`; `time` is "stamped" or "self-asserted".

    `failing` are the claims that do not hold (at most some hundred; `failures` counts all), `lacking` those that are needed and not
    established; `removed` counts the records that were removed under a statement.
    """

    at: datetime
    exit_code: ExitCode
    time: str
    said: tuple[Said, ...]
    failing: tuple[Said, ...]
    failures: int
    lacking: tuple[Said, ...]
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRun:
    """One run. `manifest` is None where it cannot be read, and `problem` then says why.

    `started` and `stamped` are its start tokens (not before) and its tokens over SEAL (not after), whether they prove anything or not.
    `logged`: its place in the log was verified. `intact`: no file of it was found altered. `unread` counts lines that cannot be read.
    """

    name: str
    sequence: int
    manifest: Manifest | None
    seal_sha256: str
    started: tuple[Stamp, ...]
    stamped: tuple[Stamp, ...]
    logged: bool
    signed: bool
    intact: bool
    problem: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One capture of an address among those of several runs. `content` stands for its payload's hash (this process alone knows how), 0 without one.

    `pair` names it and the capture before it, where somebody compares them: it is None of the first one, of a third party's, and of what
    was never asked for. `step` says what became of the address between the two; None until they are compared.
    """

    run: str
    sequence: int
    capture: int
    at: datetime
    state: State
    status: int | None
    content: int
    step: Step | None = None
    pair: Pair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change that somebody needs to hear of: the capture that brought it, its address, and the citations that it answers."""

    point: Point
    step: Step
    url: str
    cited: tuple[CitationLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record lies. `leaf_sha256` is the hash of its line as a leaf of the tree whose root is signed (RFC 6962 section 2.1)."""

    ref: RecordRef
    offset: int
    length: int
    sha256: str
    leaf_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One citation as the last run that names it has it; `citation` is None for an address that was given by itself.

    `shown` is the record that a player shows. `points` are the captures of its address, oldest first; `others` more were left out.
    """

    number: int
    citation: CitationLine | None
    run: SealedRun
    capture: CaptureLine | None
    state: State
    intact: bool | None
    reason: str
    shown: Place | None
    points: tuple[Point, ...]
    others: int = 0

    @property
    def document(self) -> str | None:
        return None if self.citation is None else self.citation.document

    @property
    def note(self) -> str | None:
        """The mark, printed or inferred."""
        if self.citation is None:
            return None
        return self.citation.note if self.citation.note is not None else self.citation.note_inferred

    @property
    def url(self) -> str | None:
        if self.citation is None:
            return None if self.capture is None else self.capture.url
        return self.citation.url if self.citation.url is not None else self.citation.url_as_printed

    @property
    def captured(self) -> datetime | None:
        """When the capture ended; None where nothing was kept."""
        return None if self.capture is None or not self.capture.records else self.capture.finished_at


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCount:
    """A document and how its citations stand; `name` is None for addresses given by themselves. `first` is its first row's number."""

    name: str | None
    first: int
    states: tuple[tuple[State, int], ...]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.states)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands at the head of a report. `origin` names the log; both are "" where the archive does not say.

    `selection` says in words what was asked for where that is not everything. `changes` counts the real ones, None where nobody compared.
    """

    id: str
    origin: str
    software: str
    checked: Checked
    runs: tuple[SealedRun, ...]
    documents: tuple[DocumentCount, ...]
    states: tuple[tuple[State, int], ...]
    captures: int
    open_run: bool
    selection: str = ""
    changes: int | None = None

    @property
    def total(self) -> int:
        return sum(count for _, count in self.states)


# ------------------------------------------------------------------------------------------------------------- one capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A record and what of its block is text to show: `text` as lines, of which `cut` more bytes were left out.

    `problem` says why it could not be read; then the rest is empty.
    """

    place: Place
    uri: str = ""
    id: str = ""
    date: datetime | None = None
    fields: tuple[tuple[str, str], ...] = ()
    text: tuple[str, ...] = ()
    cut: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One exchange on the way: what was sent, the head of what came, and what was noted beside them."""

    url: str
    status: int | None
    location: str | None
    outcome: str
    request: Opened | None
    response: Opened | None
    beside: tuple[Opened, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """An X.509 certificate as a server presented it; names in the form of RFC 4514. `subject` is "" where it was not kept."""

    sha256: str
    subject: str = ""
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Something that the page needs to be shown, captured with it."""

    url: str
    outcome: str
    status: int | None
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePage:
    """One capture with everything that was kept of it. `needed` lists some of the `needs` things that its page needs.

    `entered` is the address at which a player enters, None when there is nothing to replay. `listed` is the list of what it needs and was
    unchanged.
    """

    run: SealedRun
    capture: CaptureLine
    state: State
    intact: bool | None
    cited: tuple[CitationLine, ...]
    asked: tuple[Asked, ...]
    chain: tuple[CertificateFacts, ...]
    dns: tuple[Opened, ...]
    needed: tuple[Needed, ...]
    needs: int
    points: tuple[Point, ...]
    others: int
    entered: str | None
    listed: Opened | None = None

"""The nouns of a run while it is open: what was asked for, what stands for it, how far it is."""

from __future__ import annotations

from dataclasses import replace

from preserve.model.document import Citation
from preserve.model.noun import dataclass
from preserve.model.web import Capture, Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that was cited from: its exact bytes lie in the archive under this hash."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How the cited targets of a run stand; `worthless` are captured ones whose verdict is not "ok".

    `requisites` are what the pages among them need, as far as is known: `fetched` of them were asked for, `lacking` came to nothing, and
    `listed` were unchanged, of which a line is kept in place of records.
    """

    total: int = 0
    captured: int = 0
    truncated: int = 0
    failed: int = 0
    refused: int = 0
    worthless: int = 0
    requisites: int = 0
    fetched: int = 0
    lacking: int = 0
    listed: int = 0

    @property
    def done(self) -> int:
        return self.captured + self.truncated + self.failed + self.refused

    @property
    def open(self) -> int:
        """Targets that are still to be asked, requisites among them."""
        return self.total - self.done + self.requisites - self.fetched

    def plus(self, capture: Capture) -> Counts:
        """These counts with one more target done."""
        outcome = capture.outcome
        if capture.target.need is not None:
            lacking = self.lacking + (outcome is not Outcome.CAPTURED)
            listed = self.listed + (capture.listed is not None)
            return replace(self, fetched=self.fetched + 1, lacking=lacking, listed=listed)
        return replace(
            self,
            captured=self.captured + (outcome is Outcome.CAPTURED),
            truncated=self.truncated + (outcome is Outcome.TRUNCATED),
            failed=self.failed + (outcome is Outcome.FAILED),
            refused=self.refused + (outcome is Outcome.REFUSED),
            worthless=self.worthless + (outcome is Outcome.CAPTURED and capture.verdict is not Verdict.OK),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What names one run: `name` is its folder, `run_id` a UUID, `nonce` 64 hex digits, `started` RFC 3339."""

    name: str
    sequence: int
    run_id: str
    nonce: str
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationRow:
    """A citation in its place in the run: its number, the document it stands in, and what becomes of it.

    Exactly one of `target` (the number of the target that answers it) and `not_captured` (why nothing will) is set.
    """

    number: int
    source: int
    citation: Citation
    target: int | None
    not_captured: str | None

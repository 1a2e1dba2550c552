"""Which captures a verification leaves standing. Pure: a Report goes in, a question about a record comes out answered."""

from __future__ import annotations

from collections.abc import Iterable

from preserve.model.finding import Claim, Finding, Result
from preserve.model.trust import RecordRef
from preserve.rules.verify_redaction import REDACTED

_BYTES = frozenset({Claim.INTEGRITY, Claim.COMPLETENESS, Claim.SIGNER, Claim.CO_SIGNERS, Claim.STRUCTURE, Claim.LOG_INCLUSION})
"""Claims that, when they fail, say that a run is not what was sealed."""


class Damage:
    """What failed, by run and by record. A failure that names no single record counts against its whole run."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._runs: set[str] = set()
        self._records: set[tuple[str, int]] = set()
        self._removed: set[tuple[str, int]] = set()
        for finding in findings:
            if finding.code == REDACTED and finding.record is not None:
                self._removed.add((finding.subject, finding.record))
            if finding.result is not Result.FAIL or finding.claim not in _BYTES:
                continue
            if finding.record is not None:
                self._records.add((finding.subject, finding.record))
            else:
                self._runs.add("/".join(finding.subject.split("/")[:2]))

    def removed(self, run: str, records: Iterable[RecordRef]) -> bool:
        """Whether records of the capture were removed under a signed statement (a redaction), and nothing else is wrong with it."""
        places = {(f"{run}/{ref.warc}", ref.index) for ref in records} if self._removed else set()
        return run not in self._runs and not places.isdisjoint(self._removed) and places.isdisjoint(self._records)

    def intact(self, run: str, records: Iterable[RecordRef]) -> bool:
        """Whether a capture of the run in that folder ("runs/000000-…") is what was sealed, with every one of its records."""
        gone = self._records | self._removed
        return run not in self._runs and not any((f"{run}/{ref.warc}", ref.index) in gone for ref in records)

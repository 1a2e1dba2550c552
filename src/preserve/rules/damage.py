"""Which captures a verification leaves standing. Pure: a Report goes in, a question about a record comes out answered."""

from __future__ import annotations

from collections.abc import Iterable

from preserve.model.finding import Claim, Finding, Result
from preserve.model.trust import RecordRef

_BYTES = frozenset({Claim.INTEGRITY, Claim.COMPLETENESS, Claim.SIGNER, Claim.CO_SIGNERS, Claim.STRUCTURE, Claim.LOG_INCLUSION})
"""Claims that, when they fail, say that a run is not what was sealed."""


class Damage:
    """What failed, by run and by record. A failure that names no single record counts against its whole run."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._runs: set[str] = set()
        self._records: set[tuple[str, int]] = set()
        for finding in findings:
            if finding.result is not Result.FAIL or finding.claim not in _BYTES:
                continue
            if finding.record is not None:
                self._records.add((finding.subject, finding.record))
            else:
                self._runs.add("/".join(finding.subject.split("/")[:2]))

    def intact(self, run: str, records: Iterable[RecordRef]) -> bool:
        """Whether a capture of the run in that folder ("runs/000000-…") is what was sealed, with every one of its records."""
        return run not in self._runs and not any((f"{run}/{ref.warc}", ref.index) in self._records for ref in records)

"""Which captures a verification leaves standing. Pure: a Report goes in, a question about a record comes out answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from preserve.model.finding import REDACTED, Claim, Finding, Result
from preserve.model.lines import RecordRef

_BYTES = frozenset({Claim.INTEGRITY, Claim.COMPLETENESS, Claim.SIGNER, Claim.CO_SIGNERS, Claim.STRUCTURE, Claim.LOG_INCLUSION})
"""Claims that, when they fail, say that a run is not what was sealed."""
_NOTE = "metadata"


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
        """Whether what the capture holds was removed under a signed statement (a redaction), and nothing else is wrong with it."""
        return self._sound(run, places := _places(run, records)) and self._lost(places)

    def intact(self, run: str, records: Iterable[RecordRef]) -> bool:
        """Whether a capture of the run in that folder ("runs/000000-…") is what was sealed, and holds what it held."""
        return self._sound(run, places := _places(run, records)) and not self._lost(places)

    def _sound(self, run: str, places: Mapping[tuple[str, int], str]) -> bool:
        return run not in self._runs and self._records.isdisjoint(places)

    def _lost(self, places: Mapping[tuple[str, int], str]) -> bool:
        """Whether one is removed that is more than a note: a list of unchanged requisites goes for the sake of what it names."""
        return bool(self._removed) and any(type_ != _NOTE and place in self._removed for place, type_ in places.items())


def _places(run: str, records: Iterable[RecordRef]) -> dict[tuple[str, int], str]:
    """Where they lie, and of what type they are."""
    return {(f"{run}/{ref.warc}", ref.index): ref.type for ref in records}

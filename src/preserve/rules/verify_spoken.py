"""Every claim is spoken of: one that could not be looked at is open, and says why (docs/formats/verification.md section 2).

A claim that nothing is said of looks like one that nothing speaks against. Whoever stops a check names the claims that it leaves open; what
is still unsaid at the end is said once of the whole. Such a finding is never needed: what stopped the check is a finding already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from preserve.model.finding import Claim, Finding, unchecked

CLAIMS = (
    Claim.INTEGRITY,
    Claim.COMPLETENESS,
    Claim.SIGNER,
    Claim.CO_SIGNERS,
    Claim.NOT_BEFORE,
    Claim.NOT_AFTER,
    Claim.LOG_INCLUSION,
    Claim.LOG_CONSISTENCY,
    Claim.WITNESSES,
)
"""What every report speaks of."""
OF_A_RUN = (
    Claim.INTEGRITY,
    Claim.COMPLETENESS,
    Claim.SIGNER,
    Claim.NOT_BEFORE,
    Claim.NOT_AFTER,
    Claim.LOG_INCLUSION,
)
"""What is said of every run, but for those beyond `SHOWN` that fail alike."""
SHOWN = 10
"""Runs of which the same claim is open for the same reason and that are named; the others are counted."""

NO_MANIFEST = "not looked at: the manifest is not to be believed"
NO_MANIFESTS = "not looked at: no manifest here is to be believed"
SOME_MANIFESTS = "not looked at of every run: not each manifest here is to be believed"
NO_RUN = "not looked at: there is no run here"
STOPPED = "not shown: what fails ended the check"
NOT_OURS = "made with another tool: nothing in it was sealed that could show this"
INCOMPLETE = "not shown of the whole: something is missing or was added, see completeness"
ALTERED = "not shown of the whole: something is altered, see integrity"


def unsaid(findings: Iterable[Finding], subject: str, reasons: Mapping[Claim, str]) -> Iterator[Finding]:
    """Those of the claims in `reasons` that none of `findings` is about, open of `subject`, each for its reason."""
    told = {finding.claim for finding in findings}
    for claim, why in reasons.items():
        if claim not in told:
            yield unchecked(claim, subject, why)


def everything(why: str, signers: int = 0) -> dict[Claim, str]:
    """The same reason for all of `CLAIMS`; `signers` is the most that a manifest names, 0 where not each of them could be read.

    What is unsaid of co-signers is so mostly because there are none; or because nobody is trusted whom they would be co-signers of.
    """
    reasons = dict.fromkeys(CLAIMS, why)
    if signers:
        reasons[Claim.CO_SIGNERS] = (
            "no other signer is named" if signers == 1 else "of those who signed together none is trusted here"
        )
    return reasons


class Signers:
    """How many the manifests name that are gone through."""

    def __init__(self) -> None:
        self._most = 0
        self._unread = False

    def add(self, signers: int) -> None:
        """Those of one manifest; 0 where it could not be read."""
        self._most = max(self._most, signers)
        self._unread = self._unread or not signers

    @property
    def most(self) -> int:
        """0 where not each of them could be read: then nothing can be said of all."""
        return 0 if self._unread else self._most

    @property
    def why(self) -> str:
        """Why nothing is said of a claim, where nothing is."""
        if not self._unread:
            return STOPPED if self._most else NO_RUN
        return SOME_MANIFESTS if self._most else NO_MANIFESTS


class Unlooked:
    """What could not be looked at of many runs: each of a few, and how many more there are. Memory is bounded by the number of reasons."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: dict[tuple[Claim, str], int] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            alike = finding.claim, finding.detail
            self._counts[alike] = self._counts.get(alike, 0) + 1
            if self._counts[alike] <= SHOWN:
                self._kept.append(finding)

    def findings(self) -> Iterator[Finding]:
        yield from self._kept
        for (claim, why), count in self._counts.items():
            if count > SHOWN:
                yield unchecked(claim, "runs", f"{count - SHOWN} more: {why}")

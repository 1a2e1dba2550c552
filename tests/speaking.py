"""What a verification leaves unsaid: every report speaks of nine claims, and of six of them of each run that it speaks of at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from preserve.model.finding import Claim, Finding, Report

OF_A_RUN = frozenset({"integrity", "completeness", "signer", "not-before", "not-after", "log-inclusion"})
EVERYWHERE = OF_A_RUN | {"co-signers", "log-consistency", "witnesses"}
OF_A_PACKET = frozenset({"integrity", "completeness", "log-inclusion"})
"""What a packet may answer once for all the runs that it shows something of."""
_RUN = re.compile(r"(?:runs|journal)/\d{6,}(?:-\d{8}t\d{6}z)?(?=/|\Z)", re.ASCII)


def unsaid(report: Report) -> list[str]:
    """The claims that no finding is about, of the whole or of a run."""
    silent = sorted(f"{claim} of the whole" for claim in EVERYWHERE - _claims(report.findings))
    whole = [finding for finding in report.findings if finding.subject in {"runs", "packet"}]
    shared = _claims(whole) & (OF_A_PACKET if any(one.subject == "packet" for one in whole) else OF_A_RUN)
    runs: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if match := _RUN.match(finding.subject):
            runs.setdefault(match[0], []).append(finding)
    for run, findings in sorted(runs.items()):
        silent += sorted(f"{claim} of {run}" for claim in OF_A_RUN - shared - _claims(findings))
    return silent


def _claims(findings: Iterable[Finding]) -> frozenset[Claim]:
    return frozenset(finding.claim for finding in findings)

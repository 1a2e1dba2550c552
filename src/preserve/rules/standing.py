"""How a citation stands in one word, and what a verification says, gathered for a page. Pure: lines and a Report in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from preserve.model.finding import REDACTED, Claim, Finding, Report, Result
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.report import Checked, Said, State
from preserve.model.web import Outcome, Verdict
from preserve.rules.likeness import likeness

MOST_FAILURES = 200
"""Failing claims that are listed one by one; the rest is counted, and `preserve verify` lists them."""


def state(
    outcome: Outcome | None,
    verdict: Verdict | None,
    *,
    kept: bool,
    intact: bool | None,
    removed: bool = False,
    foreign: bool = False,
) -> State:
    """`outcome` is None where nothing was asked, `kept` says whether records exist, `intact` whether they are what was sealed.

    `removed`: some of them were removed under a signed statement. `foreign`: another tool captured it, and nobody here judged it.
    """
    if intact is False:
        return State.ALTERED
    if removed:
        return State.REMOVED
    if not kept or outcome not in {Outcome.CAPTURED, Outcome.TRUNCATED}:
        return State.NOT_CAPTURED
    if foreign:
        return State.THIRD_PARTY
    return State.CAPTURED if outcome is Outcome.CAPTURED and verdict is Verdict.OK else State.DOUBTFUL


def reason(citation: CitationLine | None, capture: CaptureLine | None) -> str:
    """Why it stands as it does, in words; "" where there is nothing to say."""
    if capture is None:
        return "" if citation is None else citation.not_captured or ""
    if capture.foreign is not None:  # whose word it is stands beside everything else
        return ", ".join((*capture.signals, *filter(None, (capture.reason,))))
    return capture.reason or ", ".join(capture.signals)


def checked(report: Report, at: datetime) -> Checked:
    """The report of a verification that ended `at`: what is said alike of several subjects is said once, failures one by one."""
    fails = [finding for finding in report.findings if finding.result is Result.FAIL]
    groups: dict[tuple[Claim, Result, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.result is not Result.FAIL:
            groups.setdefault((finding.claim, finding.result, likeness(finding)), []).append(finding)
    said = [_said(found, report) for found in groups.values()]
    order = {claim: place for place, claim in enumerate(Claim)}
    said.sort(key=lambda one: (one.result is not Result.PASS, order[one.claim]))
    silent = report.require - {finding.claim for finding in report.findings}
    lacking = [one for one in said if one.result is Result.NOT_CHECKED and one.needed]
    lacking += [
        Said(claim=claim, result=Result.NOT_CHECKED, subject="", detail="required, and nothing is said of it", needed=True)
        for claim in sorted(silent)
    ]
    return Checked(
        at=at,
        exit_code=report.exit_code,
        time=report.time,
        said=tuple(said),
        failing=tuple(_said([finding], report) for finding in fails[:MOST_FAILURES]),
        failures=len(fails),
        lacking=tuple(lacking),
        removed=sum(finding.code == REDACTED for finding in report.findings),
    )


def _said(findings: list[Finding], report: Report) -> Said:
    first = findings[0]
    needed = any(finding.needed for finding in findings) or first.claim in report.require
    return Said(
        claim=first.claim,
        result=first.result,
        subject=first.subject,
        detail=first.detail,
        needed=needed,
        more=len(findings) - 1,
    )


def passed_of(findings: Iterable[Finding], claim: Claim) -> frozenset[str]:
    """The subjects of which this claim was established, and nothing against it."""
    good, bad = set[str](), set[str]()
    for finding in findings:
        if finding.claim is claim:
            (good if finding.result is Result.PASS else bad).add(finding.subject)
    return frozenset(good - bad)

"""Which findings say the same of several subjects, so that one of them can be told for all: of each run of a year, say. Pure.

What differs between two runs is when they were and how much they hold; whatever else differs is told. A name with a number in it
is another name, what is said of a record is said of that record, and what was stated may differ in one digit of a court's number.
"""

from __future__ import annotations

import re

from preserve.model.finding import Claim, Finding

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)?")
_COUNT = re.compile(r"(?<![\w:/@.-])\d+(?![\w/@-]|[.:]\d)(?: (\w+?)(?:ies|y|s)?\b)?")
"""A number by itself, and what it counts, in the singular or the plural."""
_OF_PEOPLE = frozenset({Claim.SIGNER, Claim.CO_SIGNERS})
"""What is said of these has names that people chose, and no counts."""
_OF_AUTHORITY = re.compile(r"timestamps/[^/]+\Z")


def likeness(finding: Finding) -> str:
    """What findings of one claim and result have in common when they say the same."""
    if finding.record is not None:
        return f"{finding.subject} {finding.record} {finding.detail}"
    if finding.claim in _OF_PEOPLE:
        return finding.detail
    said = _MOMENT.sub("at a time", finding.detail)
    if finding.claim is Claim.EVENTS:
        return said
    token = _OF_AUTHORITY.search(finding.subject)
    return (token[0] if token else "") + _COUNT.sub(r" 0 \1", said)

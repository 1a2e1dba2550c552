"""model.finding: what a list of findings adds up to."""

from __future__ import annotations

import pytest

from preserve.model.finding import Claim, Finding, Report, failed, passed, unchecked

_PASS = passed(Claim.INTEGRITY, "run", "held")
_OPEN = unchecked(Claim.WITNESSES, "log", "nobody")
_NEEDED = unchecked(Claim.SIGNER, "run", "unknown", needed=True)
_FAIL = failed(Claim.DOCUMENTS, "a", "altered")


@pytest.mark.parametrize(
    ("findings", "require", "code"),
    [
        ((), (), 0),
        ((_PASS, _OPEN), (), 0),
        ((_PASS, _NEEDED), (), 41),
        ((_PASS, _NEEDED, _FAIL), (), 40),
        ((_PASS, _FAIL), (), 40),
        ((_PASS, _OPEN), (Claim.INTEGRITY,), 0),
        ((_PASS, _OPEN), (Claim.WITNESSES,), 41),
        ((_PASS, _OPEN), (Claim.NOT_AFTER,), 41),
        ((_PASS, unchecked(Claim.INTEGRITY, "another run", "not read")), (Claim.INTEGRITY,), 41),
        ((_FAIL,), (Claim.WITNESSES,), 40),
    ],
)
def test_exit_code(findings: tuple[Finding, ...], require: tuple[Claim, ...], code: int) -> None:
    assert Report(findings=findings, require=frozenset(require)).exit_code == code


def test_time() -> None:
    assert Report(findings=()).time == "self-asserted"
    assert Report(findings=(), stamped=True).time == "stamped"

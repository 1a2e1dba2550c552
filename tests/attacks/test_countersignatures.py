"""SSH signatures by keys that are pinned: co-signers in every case, and only while the key counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import attacks_on_tokens as tokens
from archives import NOW, START, Archivist, Pen
from authorities import shared
from preserve.adapters.folder import DiskFolder
from preserve.flows.custody import check_events
from preserve.flows.verify import verify
from preserve.formats import statement
from preserve.model.event import Statement
from preserve.model.finding import Claim, Finding, Report, Result
from preserve.model.manifest import TimestampEntry
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from speaking import unsaid
from sshpens import P256Pen, SshPen, enter

ANN = SshPen("Ann")


def _signed(pen: SshPen = ANN) -> Archivist:
    archivist = Archivist()
    archivist.add_run()
    enter(archivist, pen, pen.signature(archivist.runs[0]["manifest.json"]))
    return archivist


def _verify(root: Path, *trusted: TrustedKey) -> Report:
    with DiskFolder(root) as folder:
        report = verify(folder, trusted, [], NOW + timedelta(days=400), require=frozenset())
    assert not unsaid(report)
    return report


def _co_signer(report: Report) -> Finding:
    (found,) = [finding for finding in report.findings if finding.claim is Claim.CO_SIGNERS]
    return found


@pytest.mark.parametrize("pen", [ANN, P256Pen("Bo")], ids=["Ed25519", "P-256"])
def test_a_pinned_co_signer(pen: SshPen, tmp_path: Path) -> None:
    archivist = _signed(pen)
    report = _verify(archivist.write(tmp_path / "archive"), *archivist.trusted, pen.pinned)
    found = _co_signer(report)
    assert (report.exit_code, found.result) == (0, Result.PASS)
    assert found.detail.startswith(f"also signed with SSH by {pen.name}, key SHA256:")
    assert ", entered on 2026-11-21T12:15:00.000Z" in found.detail
    assert found.subject.startswith("runs/000000-")


def test_it_is_never_the_signer(tmp_path: Path) -> None:
    """Whoever trusts the co-signer alone has no signer, also when it is pinned as an operator or names the archive's own key."""
    archivist = _signed()
    root = archivist.write(tmp_path / "archive")
    operator = replace(ANN.pinned, role=TrustRole.OPERATOR, ssh=None)
    for keys in ((ANN.pinned, archivist.log.pinned), (operator, archivist.log.pinned)):
        report = _verify(root, *keys)
        assert report.exit_code == 41
        assert any(f.claim is Claim.SIGNER and f.result is Result.NOT_CHECKED for f in report.findings)


def test_a_key_that_is_pinned_to_cosign_signs_no_manifest(tmp_path: Path) -> None:
    archivist = Archivist(signers=(Pen("Ann"),))
    archivist.add_run()
    report = _verify(archivist.write(tmp_path / "archive"), ANN.pinned, archivist.log.pinned)
    assert report.exit_code == 41


_LIMITS: list[tuple[dict[str, Any], Result, str]] = [
    ({"valid_until": START + timedelta(minutes=14)}, Result.NOT_CHECKED, "counted until"),
    ({"valid_until": START + timedelta(minutes=16)}, Result.PASS, "entered on"),
    ({"valid_from": START + timedelta(minutes=16)}, Result.NOT_CHECKED, "counts from"),
    ({"revoked_at": START, "reason": Revocation.SUPERSEDED}, Result.NOT_CHECKED, "was given up"),
    ({"revoked_at": START + timedelta(hours=1), "reason": Revocation.SUPERSEDED}, Result.PASS, "entered on"),
    ({"revoked_at": START + timedelta(hours=1), "reason": Revocation.COMPROMISED}, Result.NOT_CHECKED, "nothing proves"),
]


@pytest.mark.parametrize(("limits", "result", "says"), _LIMITS, ids=[str(number) for number in range(len(_LIMITS))])
def test_when_the_key_counts(limits: dict[str, Any], result: Result, says: str, tmp_path: Path) -> None:
    archivist = _signed()
    report = _verify(archivist.write(tmp_path / "archive"), *archivist.trusted, replace(ANN.pinned, **limits))
    found = _co_signer(report)
    assert (report.exit_code, found.result) == (0, result)
    assert says in found.detail


@pytest.mark.parametrize(("stolen", "result"), [(timedelta(hours=1), Result.PASS), (timedelta(hours=-1), Result.NOT_CHECKED)])
def test_a_stolen_key_keeps_what_was_stamped_before(stolen: timedelta, result: Result, tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()

    def stamped(stated: Statement) -> Statement:
        return replace(stated, created=tokens.now(), timestamps=(TimestampEntry(authority="a"),))

    signature = ANN.signature(archivist.runs[0]["manifest.json"])
    at = enter(archivist, ANN, signature)
    name = at.split("/")[1]
    body = archivist.events.pop(name)
    archivist.entries.pop()

    archivist.add_event(statement.decode(body["statement.json"]).body, tweak=stamped)
    archivist.events[name]["manifest.sshsig"] = signature
    archivist.events[name]["timestamps/a.tsr"] = shared("a").stamp(archivist.events[name]["SEAL"])
    key = replace(ANN.pinned, revoked_at=tokens.now() + stolen, reason=Revocation.COMPROMISED)
    report = _verify(archivist.write(tmp_path / "archive"), *tokens.trusted(archivist), key)
    assert _co_signer(report).result is result, _co_signer(report)


def test_who_entered_it_is_not_known(tmp_path: Path) -> None:
    """Then nothing shows when it was made: a key that always counts vouches, one that counts at times does not."""
    archivist = Archivist()
    archivist.add_run()
    enter(archivist, ANN, ANN.signature(archivist.runs[0]["manifest.json"]), signers=(Pen("A. Stranger"),))
    root = archivist.write(tmp_path / "archive")
    assert _co_signer(_verify(root, *archivist.trusted, ANN.pinned)).result is Result.PASS
    limited = replace(ANN.pinned, valid_until=NOW + timedelta(days=9))
    found = _co_signer(_verify(root, *archivist.trusted, limited))
    assert (found.result, "nothing here shows when" in found.detail) == (Result.NOT_CHECKED, True)


def test_custody_list_judges_it_too(tmp_path: Path) -> None:
    archivist = Archivist()
    archivist.add_run()
    enter(archivist, ANN, ANN.signature(b"something else"))
    with DiskFolder(archivist.write(tmp_path / "archive")) as folder:
        _, report = check_events(folder, archivist.trusted, [], NOW)
    assert report.exit_code == 40
    assert any("bad signature" in finding.detail for finding in report.findings)

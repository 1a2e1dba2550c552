"""A log whose key was replaced, as verifiers see it who pinned the first key, the last one, or both; alone, remembered, by a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from archives import NOW, START, Archivist, LogPen, Pen
from attacks_on_keys import OLD, rotate, sign_with
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.flows.verify_head import verify_checkpoint, verify_log
from preserve.formats import policy
from preserve.model.finding import Claim, Report, Result
from preserve.model.trust import Revocation, TrustedKey
from preserve.rules.verify_witness import Demand
from speaking import unsaid

ORIGIN = "archive.example/main/log"
FIRST, NEXT, THIRD = LogPen("the log", ORIGIN), LogPen("the next log", ORIGIN), LogPen("a third log", ORIGIN)


@pytest.fixture
def archivist() -> Archivist:
    """A run under the first key, one under the second."""
    archivist = Archivist()
    archivist.add_run()
    archivist.rotate_log(NEXT)
    archivist.add_run()
    return archivist


def _verify(path: Path, *keys: TrustedKey, memory: Path | None = None, demand: Demand | None = None) -> Report:
    with DiskFolder(path) as folder:
        memories = [] if memory is None else [CheckpointMemory(memory)]
        report = verify(folder, (OLD.pinned, *keys), memories, NOW, demand=demand)
    assert not unsaid(report)
    return report


def _of(report: Report, claim: Claim) -> list[tuple[Result, str]]:
    return [(finding.result, finding.detail) for finding in report.findings if finding.claim is claim]


def _given_up(reason: Revocation = Revocation.SUPERSEDED) -> TrustedKey:
    return replace(FIRST.pinned, revoked_at=START + timedelta(hours=2), reason=reason)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((FIRST.pinned,), 0),
        ((NEXT.pinned,), 0),
        ((FIRST.pinned, NEXT.pinned), 0),
        ((_given_up(), NEXT.pinned), 0),
        ((_given_up(),), 0),
        ((_given_up(Revocation.COMPROMISED), NEXT.pinned), 0),
        ((_given_up(Revocation.COMPROMISED),), 41),
        ((FIRST.pinned, replace(NEXT.pinned, revoked_at=START, reason=Revocation.COMPROMISED)), 41),
        ((replace(FIRST.pinned, valid_until=START - timedelta(days=1)),), 41),
        ((THIRD.pinned,), 41),
        ((), 41),
    ],
    ids=[
        "the first",
        "the last",
        "both",
        "own store",
        "given up",
        "stolen and replaced",
        "stolen",
        "the last one stolen",
        "ended before the rotation",
        "another",
        "none",
    ],
)
def test_whom_one_has_to_have_pinned(archivist: Archivist, tmp_path: Path, keys: Sequence[TrustedKey], expected: int) -> None:
    report = _verify(archivist.write(tmp_path / "archive"), *keys)
    assert report.exit_code == expected, [f.detail for f in report.findings if f.needed or f.result is Result.FAIL]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((FIRST.pinned,), (0, 41)),
        ((NEXT.pinned,), (41, 0)),
        ((FIRST.pinned, NEXT.pinned), (0, 0)),
        ((_given_up(), NEXT.pinned), (0, 0)),
        ((_given_up(Revocation.COMPROMISED), NEXT.pinned), (41, 0)),
    ],
)
def test_runs_alone(archivist: Archivist, tmp_path: Path, keys: Sequence[TrustedKey], expected: tuple[int, int]) -> None:
    """Which key signed a proof by itself, nothing beside it can say; an unknown key of the same log is no forgery."""
    runs = sorted((archivist.write(tmp_path / "archive") / "runs").iterdir())
    reports = [_verify(run, *keys) for run in runs]
    assert tuple(report.exit_code for report in reports) == expected


def test_what_was_seen_before_the_rotation_is_held_against_it(archivist: Archivist, tmp_path: Path) -> None:
    before = Archivist()
    before.add_run()
    memory = tmp_path / "memory"
    assert _verify(before.write(tmp_path / "before"), FIRST.pinned, memory=memory).exit_code == 0
    report = _verify(archivist.write(tmp_path / "archive"), FIRST.pinned, memory=memory)
    assert report.exit_code == 0
    ((_, told),) = _of(report, Claim.LOG_CONSISTENCY)
    assert "since 1 entry was seen here" in told
    thief = Archivist()
    thief.add_run()
    for _ in range(5):
        thief.add_event()
    report = _verify(thief.write(tmp_path / "thief"), FIRST.pinned, memory=memory)
    assert report.exit_code == 40
    assert any("rewritten" in detail for _, detail in _of(report, Claim.LOG_CONSISTENCY))


def test_an_older_checkpoint_and_one_alone(archivist: Archivist, tmp_path: Path) -> None:
    root = archivist.write(tmp_path / "archive")
    older = archivist.checkpoint(1, FIRST).encode()
    with DiskFolder(root) as folder:
        assert verify_log(folder, (OLD.pinned, FIRST.pinned), [], NOW, against=("kept", older)).exit_code == 0
        forged = archivist.checkpoint(1, NEXT).encode()
        report = verify_log(folder, (OLD.pinned, FIRST.pinned), [], NOW, against=("kept", forged))
    assert report.exit_code == 40
    assert any("counts from 2 entries on" in finding.detail for finding in report.findings)
    head = archivist.checkpoint().encode()
    assert verify_checkpoint("head", head, (FIRST.pinned,), [], NOW).exit_code == 41
    assert verify_checkpoint("head", head, (FIRST.pinned, NEXT.pinned), [], NOW).exit_code == 0


@pytest.mark.parametrize("listed", [FIRST, NEXT])
def test_a_policy_may_name_either_key(archivist: Archivist, tmp_path: Path, listed: LogPen) -> None:
    stated = policy.parse(f"log {listed.key.encode()}\nquorum none\n".encode())
    report = _verify(archivist.write(tmp_path / "archive"), demand=Demand(policy=stated, needed=False))
    assert report.exit_code == 0
    assert not any("does not list the key" in detail for _, detail in _of(report, Claim.WITNESSES))


def test_an_archive_that_names_another_first_key(archivist: Archivist, tmp_path: Path) -> None:
    archivist.first_log = THIRD
    report = _verify(archivist.write(tmp_path / "archive"), FIRST.pinned)
    assert report.exit_code == 40
    assert any("names another log key" in detail for _, detail in _of(report, Claim.INTEGRITY))


def test_a_backup_from_before_a_rotation_is_no_forgery(tmp_path: Path) -> None:
    """The owner gave the key up; an archive that does not know of it is told as what it is, and can be accepted."""
    before = Archivist()
    before.add_run()
    report = _verify(before.write(tmp_path / "before"), _given_up(), NEXT.pinned)
    assert report.exit_code == 41
    assert any("was given up at" in detail for _, detail in _of(report, Claim.LOG_CONSISTENCY))


def test_a_limit_of_trust_is_handed_on(tmp_path: Path) -> None:
    """Who is trusted until a day is not trusted longer for having another key."""
    archivist = Archivist()
    archivist.add_run()
    rotate(archivist)
    sign_with(archivist, Pen("the new key"))
    path = archivist.write(tmp_path / "archive")
    for days, expected in ((0, 41), (30, 0)):
        until = replace(OLD.pinned, valid_until=START + timedelta(days=days, hours=1))
        with DiskFolder(path) as folder:
            report = verify(folder, (until, FIRST.pinned), [], NOW)
        assert report.exit_code == expected
    with DiskFolder(path) as folder:
        gone = replace(
            OLD.pinned,
            revoked_at=START + timedelta(hours=3),
            reason=Revocation.COMPROMISED,
            valid_until=START + timedelta(hours=2),
        )
        report = verify(folder, (gone, Pen("the new key").pinned, FIRST.pinned), [], NOW)
    assert _of(report, Claim.SIGNER)[1][0] is Result.PASS

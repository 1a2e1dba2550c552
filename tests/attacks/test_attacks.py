"""Every attack of the corpus against the verifier: the right exit code, under the right claim, with the right words."""

from __future__ import annotations

from pathlib import Path

import pytest

from archives import NOW, write
from attackcorpus import ATTACKS, Attack, good
from attacks_on_events import rolled_back
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.model.finding import Report
from preserve.rules import verify_lines
from speaking import unsaid


def _verify(path: Path, memory: Path, *, thorough: bool = False) -> Report:
    """What is found; whatever that is, each claim is spoken of."""
    with DiskFolder(path) as folder:
        report = verify(folder, good().trusted, [CheckpointMemory(memory)], NOW, thorough=thorough)
    assert not unsaid(report), _told(report)
    return report


def _told(report: Report) -> str:
    return "\n".join(f"{f.claim} {f.result} {f.subject}: {f.detail}" for f in report.findings)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, tmp_path: Path) -> None:
    memory = tmp_path / "state"
    if attack.memory:
        assert _verify(good().write(tmp_path / "before"), memory).exit_code == 0
    root = tmp_path / "archive"
    root.mkdir()
    attack.does(good(), root)
    report = _verify(root, memory, thorough=attack.thorough)
    assert report.exit_code == attack.exit, _told(report)
    assert any(
        attack.claim in (None, finding.claim) and attack.says in f"{finding.subject}: {finding.detail}"
        for finding in report.findings
    ), _told(report)
    for part in (root, *(path.parent for path in root.glob("runs/*/manifest.json"))):
        with DiskFolder(part) as folder:
            to_a_stranger = verify(folder, (), [], NOW)
        assert not unsaid(to_a_stranger), _told(to_a_stranger)


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.alone is not None], ids=lambda attack: attack.name)
def test_attack_on_a_lone_run(attack: Attack, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    attack.does(good(), root)
    report = _verify(max((root / "runs").iterdir()), tmp_path / "state")
    assert report.exit_code == attack.alone, _told(report)


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.alone is not None], ids=lambda attack: attack.name)
def test_attack_on_a_run_with_long_lists(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that are only scanned hide nothing that an outsider does."""
    monkeypatch.setattr(verify_lines, "FEW", 0)
    root = tmp_path / "archive"
    root.mkdir()
    attack.does(good(), root)
    report = _verify(max((root / "runs").iterdir()), tmp_path / "state")
    assert report.exit_code == attack.alone, _told(report)


def test_a_rollback_that_was_accepted_covers_no_second_one(tmp_path: Path) -> None:
    """Who cuts the log back to just after the statement of a rollback has no keys, and cannot lean on that statement."""
    longer = good()
    for _ in range(3):
        longer.add_run()
    archivist = rolled_back(longer)
    cut = archivist.files()
    archivist.add_run()
    memory = tmp_path / "memory"
    assert _verify(archivist.write(tmp_path / "whole"), memory).exit_code == 0
    write(tmp_path / "cut", cut)
    report = _verify(tmp_path / "cut", memory)
    assert report.exit_code == 40, _told(report)
    assert "rolled back: it has 2 entries, 3 were seen here before" in _told(report)


def test_a_second_rollback_that_is_stated_is_for_its_user_to_accept(tmp_path: Path) -> None:
    first = rolled_back(good())
    first.add_run()
    memory = tmp_path / "memory"
    assert _verify(first.write(tmp_path / "first"), memory).exit_code == 0
    report = _verify(rolled_back(first).write(tmp_path / "second"), memory)
    assert report.exit_code == 41, _told(report)
    assert "If you accept it too" in _told(report)

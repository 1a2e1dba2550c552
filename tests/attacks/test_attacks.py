"""Every attack of the corpus against the verifier: the right exit code, under the right claim, with the right words."""

from __future__ import annotations

from pathlib import Path

import pytest

from archives import NOW
from attackcorpus import ATTACKS, Attack, good
from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.model.finding import Report
from preserve.rules import verify_lines


def _verify(path: Path, memory: Path, *, thorough: bool = False) -> Report:
    with DiskFolder(path) as folder:
        return verify(folder, good().trusted, [CheckpointMemory(memory)], NOW, thorough=thorough)


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

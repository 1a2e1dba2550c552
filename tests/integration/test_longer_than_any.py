"""Small files made longer than any of their kind can be: they are not read, and that is said of them, not the hash of nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from archives import NOW
from attackcorpus import good
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.model.finding import Result

NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    "pattern",
    [
        "runs/*/manifest.json",
        "runs/*/SEAL",
        "runs/*/keys/*.pem",
        "runs/*/signatures/*.sig",
        "runs/*/log/seal.tlog-proof",
        "events/*/SEAL",
        "events/*/statement.json",
        "events/*/keys/*.pem",
    ],
)
def test_what_is_said_of_it(tmp_path: Path, pattern: str) -> None:
    archivist = good()
    archivist.add_event()
    root = archivist.write(tmp_path / "archive")
    path = min(root.glob(pattern))
    os.truncate(path, 1 << 25)
    with DiskFolder(root) as folder:
        report = verify(folder, archivist.trusted, [], NOW)
    failing = [(finding.subject, finding.detail) for finding in report.findings if finding.result is Result.FAIL]
    name = path.relative_to(root).as_posix()
    assert report.exit_code == 40
    assert any(subject == name and detail.endswith("the most that it can have") for subject, detail in failing)
    assert not any(NOTHING in detail or "bad header" in detail or "PEM" in detail for _, detail in failing)
    assert not any("bad signature" in detail for _, detail in failing), "that was not found out"

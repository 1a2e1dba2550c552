"""The sealed reference runs in manifests/ must verify in every release: by our verifier, by hand, and from any write-protected place."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from running import ROOT, Run

VERSIONS = sorted(path.parent for path in (ROOT / "manifests").glob("v*/trust.toml"))
RUNS = [run for version in VERSIONS for run in sorted((version / "archive" / "runs").iterdir())]


def trusted(version: Path, role: str) -> list[dict[str, str]]:
    return [key for key in tomllib.loads((version / "trust.toml").read_text())["key"] if key["role"] == role]


def pin(config_home: Path, version: Path) -> None:
    folder = config_home / "preserve"
    folder.mkdir()
    shutil.copy(version / "trust.toml", folder)
    (folder / "trust.toml").chmod(0o600)


def test_there_is_one_for_every_version() -> None:
    assert [version.name for version in VERSIONS] == ["v1"]
    assert len(RUNS) >= 2


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_the_archive_verifies(preserve: Run, config_home: Path, version: Path) -> None:
    pin(config_home, version)
    done = preserve("verify", version / "archive", "--thorough", "--json", "--require", "signer")
    assert (done.code, done.lines[-1]["ok"]) == (0, True), done.stdout


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)
def test_a_run_verifies_alone_and_only_for_whom_its_key_is_known(preserve: Run, config_home: Path, run: Path) -> None:
    assert preserve("verify", run).code == 41
    pin(config_home, run.parents[2])
    assert preserve("verify", run, "--thorough").code == 0


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)
def test_the_independent_check_agrees(run: Path, tmp_path: Path) -> None:
    version = run.parents[2]
    (signer,) = trusted(version, "operator")
    (log,) = trusted(version, "log")
    script = ROOT / "manifests" / "verify.sh"
    command = ["sh", str(script), str(run), signer["keyid"], log["vkey"], str(version / "roots")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    copy = tmp_path / run.name
    shutil.copytree(run, copy)
    warc = next(copy.glob("data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[len(data) // 2] ^= 1
    os.chmod(warc, 0o644)
    warc.write_bytes(data)
    assert subprocess.run(["sh", str(script), str(copy), signer["keyid"]], check=False, capture_output=True).returncode == 40

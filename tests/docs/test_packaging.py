"""The package as it is built: everything the program reads at run time is in it, and it runs from there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from running import ROOT

_SOURCE = ROOT / "src" / "preserve"


@pytest.mark.long
def test_the_wheel_is_whole_and_runs(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)], check=True, timeout=300
    )
    (wheel,) = tmp_path.glob("preserve-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if name.startswith("preserve/")}
    files = {path for path in _SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert names == {f"preserve/{path.relative_to(_SOURCE).as_posix()}" for path in files}

    target = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=300)
    run = [
        sys.executable,
        "-c",
        "import preserve, sys; print(preserve.__file__); from preserve.cli import main; main()",
        "--help",
    ]
    done = subprocess.run(
        run, env={"PYTHONPATH": str(target), "HOME": str(tmp_path)}, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith(f"{target}/preserve/__init__.py\n")
    assert "preserve demo" in done.stdout

"""The package as it is built: everything the program reads at run time is in it, and it runs from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from running import ROOT

_SOURCE = ROOT / "src" / "preserve"


_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
_COMPILED = "formats/_sha256pair.abi3.so"


def _built(folder: Path, **environment: str) -> tuple[Path, set[str]]:
    """The wheel, and the names in it without `preserve/`."""
    subprocess.run(
        [*_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)],
        env=os.environ | environment,
        check=True,
        timeout=300,
    )
    (wheel,) = folder.glob("preserve-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        return wheel, {name.removeprefix("preserve/") for name in packed.namelist() if name.startswith("preserve/")}


def _runs(wheel: Path, folder: Path) -> None:
    target = folder / "installed"
    subprocess.run([*_PIP, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=300)
    run = [
        sys.executable,
        "-c",
        "import preserve, sys; print(preserve.__file__); from preserve.cli import main; main()",
        "--help",
    ]
    done = subprocess.run(
        run, env={"PYTHONPATH": str(target), "HOME": str(folder)}, capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.startswith(f"{target}/preserve/__init__.py\n")
    assert "preserve demo" in done.stdout


def _sources() -> set[str]:
    files = {path for path in _SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"}
    return {path.relative_to(_SOURCE).as_posix() for path in files}


@pytest.mark.long
def test_the_wheel_is_whole_and_runs(tmp_path: Path) -> None:
    wheel, names = _built(tmp_path)
    assert names - {_COMPILED} == _sources()
    compilable = shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").exists()
    assert (_COMPILED in names) == bool(compilable)
    assert not (ROOT / "build").exists()
    _runs(wheel, tmp_path)


@pytest.mark.long
def test_without_a_compiler_there_is_a_wheel_all_the_same(tmp_path: Path) -> None:
    wheel, names = _built(tmp_path, CC="false")
    assert names == _sources()
    _runs(wheel, tmp_path)

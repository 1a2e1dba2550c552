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


def _built(folder: Path, checkout: Path = ROOT, **environment: str) -> tuple[Path, set[str]]:
    """The wheel, and the names in it without `preserve/`."""
    subprocess.run(
        [*_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(checkout)],
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
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC")
    compilable = shutil.which(compiler.split()[0]) and Path(sysconfig.get_path("include"), "Python.h").exists()
    assert (_COMPILED in names) == bool(compilable)
    _runs(wheel, tmp_path)


@pytest.mark.long
def test_without_a_compiler_there_is_a_wheel_all_the_same(tmp_path: Path) -> None:
    wheel, names = _built(tmp_path, CC="false")
    assert names == _sources()
    _runs(wheel, tmp_path)


def _copy(folder: Path) -> Path:
    """What a build needs of the checkout, and nothing that an earlier one left there."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
    checkout = shutil.copytree(_SOURCE, folder / "checkout" / "src" / "preserve", ignore=unwanted).parents[1]
    for name in ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, checkout)
    return checkout


@pytest.mark.long
def test_building_leaves_the_checkout_as_it_was(tmp_path: Path) -> None:
    """It may belong to somebody else."""
    checkout = _copy(tmp_path)
    before = sorted(checkout.rglob("*"))
    _built(tmp_path, checkout)
    assert sorted(checkout.rglob("*")) == before


@pytest.mark.long
def test_a_free_threaded_python_has_a_wheel_all_the_same(tmp_path: Path) -> None:
    """It has no limited API, and setuptools refuses what asks for it."""
    code = (
        "import runpy, sys, sysconfig\n"
        "sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1\n"
        "sys.argv = ['setup.py', '--quiet', 'bdist_wheel', '--dist-dir', sys.argv[1]]\n"
        "runpy.run_path('setup.py', run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=_copy(tmp_path), timeout=300)
    (wheel,) = tmp_path.glob("preserve-*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    _runs(wheel, tmp_path)

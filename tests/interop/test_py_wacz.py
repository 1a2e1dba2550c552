"""py-wacz, the reference implementation of WACZ, validates every kind of bundle. `make replay-assets` fetches it."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from browsing import PY_WACZ
from running import Run
from sites import AnyHostSite, text

WACZ = shutil.which("wacz", path=PY_WACZ)
pytestmark = pytest.mark.skipif(WACZ is None, reason="py-wacz is not here: make replay-assets fetches it")

NOTES = 'Notes\n\n1. "River Ferries", http://a.example/ferries.\n2. "Tolls", http://a.example/tolls.\n'


def validate(bundle: Path) -> tuple[int, str]:
    assert WACZ is not None
    done = subprocess.run([WACZ, "validate", "-f", bundle], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        pytest.param(["notes.txt"], [], id="a document"),
        pytest.param(["--url", "http://a.example/ferries"], [], id="addresses without a document"),
        pytest.param(["notes.txt"], ["--url", "http://a.example/tolls"], id="a selection"),
    ],
)
def test_it_is_valid(preserve: Run, site: AnyHostSite, tmp_path: Path, asked: list[str], chosen: list[str]) -> None:
    site.otherwise(text("<!doctype html><title>River Ferries</title><p>The ferry left at nine.</p>", media_type="text/html"))
    (tmp_path / "notes.txt").write_text(NOTES)
    done = preserve("capture", "--connect-to", site.connect_to, "--delay", "0", "--no-probe", *asked)
    assert done.code in {0, 10}, done.stderr
    assert preserve("bundle", "archive", "-o", "it.wacz", *chosen).code == 0
    code, said = validate(tmp_path / "it.wacz")
    assert code == 0, said
    assert "Validation succeeded" in said


def test_it_would_find_another_datapackage(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(text("a page"))
    preserve("capture", "--connect-to", site.connect_to, "--delay", "0", "--url", "http://a.example/")
    assert preserve("bundle", "archive", "-o", "it.wacz").code == 0
    with zipfile.ZipFile(tmp_path / "it.wacz") as sound, zipfile.ZipFile(tmp_path / "other.wacz", "w") as other:
        for entry in sound.infolist():
            data = sound.read(entry)
            other.writestr(entry, data.replace(b'"bytes": 0', b'"bytes": 1') if entry.filename == "datapackage.json" else data)
    assert validate(tmp_path / "other.wacz")[0] != 0

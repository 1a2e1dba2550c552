"""Bundles of an archive whose keys were replaced: by its owner handed to somebody who knows the first keys alone; key events left out, or changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from bundles import Entries, Shelf, flipped, repack, resigned, unpack
from running import Finished
from sites import AnyHostSite

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A run under the first keys, then both keys replaced, the log's twice, and another run; `known` is what a stranger trusts."""
    folder = tmp_path_factory.mktemp("shelf")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    shelf = Shelf(folder=folder, env=env)

    def done(*arguments: str) -> str:
        finished = shelf.run(*arguments)
        assert finished.code == 0, finished.stderr
        return finished.stdout

    with AnyHostSite() as site:
        options = ("--connect-to", site.connect_to, "--delay", "0", "--robots", "ignore", "--no-probe", "--archive", "archive")
        done("key", "generate", "--no-passphrase", "--name", "A. Archivist")
        done("capture", *options, "--url", "http://x.example/first")
        (folder / "known").mkdir()
        (folder / "known/trust.toml").write_text((folder / "config/preserve/trust.toml").read_text())
        done("key", "rotate", "--no-passphrase", "--archive", "archive")
        done("key", "rotate", "--log", "--no-passphrase", "--archive", "archive")
        done("key", "rotate", "--log", "--no-passphrase", "--archive", "archive", "--since", "2026-01-01")
        done("capture", *options, "--url", "http://x.example/second")
    (folder / "stranger/preserve").mkdir(parents=True)
    (folder / "known/trust.toml").rename(folder / "stranger/preserve/trust.toml")
    (folder / "stranger/preserve/trust.toml").chmod(0o600)
    return shelf


@pytest.fixture(scope="module")
def entries(shelf: Shelf) -> Entries:
    return unpack(shelf.bundle("all.wacz"))


def _verify(shelf: Shelf, path: str | Path) -> Finished:
    state = str(shelf.folder / "stranger/state")
    other = Shelf(
        folder=shelf.folder, env=shelf.env | {"XDG_CONFIG_HOME": str(shelf.folder / "stranger"), "XDG_STATE_HOME": state}
    )
    return other.run("verify", path, "--json")


def _signers(finished: Finished) -> list[str]:
    return [row["result"] for row in finished.lines if row.get("claim") == "signer" and row["subject"].startswith("runs/")]


def test_the_same_answer_as_from_the_archive(shelf: Shelf, entries: Entries) -> None:
    assert sum(name.startswith("preserve-00000") and name.endswith("log~entry.tlog-proof") for name, _ in entries) == 3
    for path in ("archive", "all.wacz"):
        finished = _verify(shelf, path)
        assert finished.code == 0, finished.stdout
        assert _signers(finished) == ["pass", "pass"]
    shelf.bundle("second.wacz", "--url", "http://x.example/second")
    assert _verify(shelf, "second.wacz").code == 0


def test_the_same_answer_from_a_packet(shelf: Shelf, tmp_path: Path) -> None:
    """Of the run under the last keys, by a reader who was told the first ones; with our program and with Python and openssl alone."""
    done = shelf.run("prove", "archive", "http://x.example/second", "-o", "second.zip")
    assert done.code == 0, done.stderr
    finished = _verify(shelf, "second.zip")
    assert finished.code == 0, finished.stdout
    with zipfile.ZipFile(shelf.folder / "second.zip") as packet:
        packet.extractall(tmp_path)
        assert not any(b"x.example/first" in packet.read(name) for name in packet.namelist())
    known = tomllib.loads((shelf.folder / "stranger/preserve/trust.toml").read_text())["key"]
    keyid, vkey = (next(key[name] for key in known if name in key) for name in ("keyid", "vkey"))
    for more, code, word in (((), 41, "signer-unknown"), (("--log", vkey), 0, "UNALTERED")):
        told = subprocess.run(
            [sys.executable, "verify.py", "--key", keyid, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (told.returncode, told.stdout.split()[-1]) == (code, word), told.stdout


def test_a_run_is_judged_by_the_archive_that_it_lies_in(shelf: Shelf, tmp_path: Path) -> None:
    run = max((shelf.folder / "archive" / "runs").iterdir())
    assert _verify(shelf, run).code == 0
    shutil.copytree(run, tmp_path / run.name)
    assert _verify(shelf, tmp_path / run.name).code == 41


def test_without_the_events(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    """Less is established, and nothing is forged, when they are left out by a bundle's maker."""
    rest = [(name, data) for name, data in entries if "-key/" not in name]
    finished = _verify(shelf, repack(tmp_path / "rest.wacz", resigned(rest, pen=None)))
    assert finished.code in {40, 41}
    assert _signers(finished) == ["pass", "not-checked"]


@pytest.mark.parametrize("which", ["statement.json", "log~entry.tlog-proof", ".sig", "SEAL"])
def test_changed_by_whoever_made_the_bundle(shelf: Shelf, entries: Entries, tmp_path: Path, which: str) -> None:
    """The bundle's own hashes are made anew, so that only the events' own signatures and proofs stand against it."""
    (place, *_) = (name for name, _ in entries if "-key/" in name and name.endswith(which))
    bad = [(name, flipped(data, 0.7) if name == place else data) for name, data in entries]
    finished = _verify(shelf, repack(tmp_path / "bad.wacz", resigned(bad, pen=None)))
    assert finished.code == 40
    assert any(row.get("claim") in {"events", "log-consistency"} and row["result"] == "fail" for row in finished.lines)


def test_an_event_whose_proof_is_another_ones(shelf: Shelf, entries: Entries, tmp_path: Path) -> None:
    proofs = {name: data for name, data in entries if name.endswith("log~entry.tlog-proof")}
    one, other = sorted(proofs)[:2]
    bad = [(name, proofs[other] if name == one else data) for name, data in entries]
    finished = _verify(shelf, repack(tmp_path / "bad.wacz", resigned(bad, pen=None)))
    assert finished.code == 40
    assert "does not show that the log holds it" in finished.stdout

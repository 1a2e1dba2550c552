"""The guide to verifying without us, run as it stands on a sealed run, by the shell and the tools that it names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import attacks_on_tokens
from preserve import config
from running import ROOT, Run

_GUIDE = (ROOT / "docs" / "guide" / "verifying-without-us.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```sh\n(.+?)^```$", _GUIDE, re.MULTILINE | re.DOTALL)
_SEAL, _KEY, _SIGNATURE, _FILES, _NOTHING_ELSE, _WHEN, _SHOW, _RECORD = range(8)


def _sh(block: int, run: Path, key: str, roots: Path | str = "") -> tuple[bool, str]:
    done = subprocess.run(
        ["/bin/sh", "-c", f"K={key} ROOTS='{roots}'\n{_BLOCKS[block]}"], cwd=run, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout


def _flip(path: Path, at: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _swap_key(run: Path) -> None:
    """Another key under the name of the right one."""
    (name,) = (run / "keys").iterdir()
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True).stdout
    subprocess.run(["openssl", "pkey", "-pubout", "-out", str(name)], input=pem, capture_output=True, check=True)


def _link(run: Path) -> None:
    warc = next(run.glob("data/*.warc.gz"))
    warc.rename(run.parent / "elsewhere")
    warc.symlink_to(run.parent / "elsewhere")


_ATTACKS: list[tuple[int, str, Callable[[Path], None]]] = [
    (_SEAL, "the manifest was edited", lambda run: _flip(run / "manifest.json")),
    (_SEAL, "the SEAL was edited", lambda run: _flip(run / "SEAL", 0)),
    (_KEY, "the key was swapped", _swap_key),
    (_SIGNATURE, "the manifest was edited", lambda run: _flip(run / "manifest.json")),
    (_SIGNATURE, "the signature was edited", lambda run: _flip(next(run.glob("signatures/*")))),
    (_FILES, "a WARC was edited", lambda run: _flip(next(run.glob("data/*.warc.gz")))),
    (_FILES, "a list is missing", lambda run: (run / "data" / "captures.jsonl").unlink()),
    (_NOTHING_ELSE, "a file was added", lambda run: (run / "data" / "extra").touch()),
    (_NOTHING_ELSE, "a file is missing", lambda run: (run / "log" / "seal.tlog-proof").unlink()),
    (_NOTHING_ELSE, "a file became a link", _link),
    (_RECORD, "the record was edited", lambda run: _flip(next(run.glob("data/*.warc.gz")), 1000)),
]


def test_each_block_says_yes_to_a_sealed_run_and_no_to_a_forged_one(preserve: Run, tmp_path: Path) -> None:
    for tool in ("openssl", "jq", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    assert preserve("demo").code == 0
    (run,) = (tmp_path / "demo-archive" / "runs").iterdir()
    key = next(run.glob("keys/*.pem")).stem
    assert len(_BLOCKS) == 8
    told = {
        _SEAL: "manifest.json: OK",
        _KEY: "the key is the one you were told of",
        _SIGNATURE: "Signature Verified Successfully",
        _FILES: "data/captures.jsonl: OK",
        _NOTHING_ELSE: "nothing missing, nothing added, no links",
        _SHOW: "https://www.ferrymuseum.example/exhibits/the-winch-of-1887",
        _RECORD: "record 1 is intact",
    }
    for block, sentence in told.items():
        good, output = _sh(block, run, key)
        assert good, _BLOCKS[block]
        assert sentence in output
    for number, (block, what, attack) in enumerate(_ATTACKS):
        forged = tmp_path / f"forged-{number}"
        shutil.copytree(run, forged)
        attack(forged)
        good, _ = _sh(block, forged, key)
        assert not good, what


def test_when_it_was(tmp_path: Path) -> None:
    archivist = attacks_on_tokens.good()
    run = archivist.write(tmp_path / "archive") / "runs" / archivist.names[1]
    roots = attacks_on_tokens.roots(tmp_path / "the roots")
    good, output = _sh(_WHEN, run, "", roots)
    assert good
    for sentence in ("a: SEAL existed by ", "b: SEAL existed by ", "a: sealed after ", "b: sealed after "):
        assert sentence in output
    assert _sh(_NOTHING_ELSE, run, "")[0]
    tokens = run / "timestamps"
    for spoil in ("SEAL", "timestamps/start-b.tsr", "timestamps/a.tsr", "timestamps/start-a.tsr"):
        shutil.rmtree(tmp_path / "archive")
        archivist.write(tmp_path / "archive")
        _flip(run / spoil)
        assert not _sh(_WHEN, run, "", roots)[0], spoil
    shutil.rmtree(tmp_path / "archive")
    archivist.write(tmp_path / "archive")
    shutil.copy(tokens / "a.tsr", tokens / "b.tsr")
    assert not _sh(_WHEN, run, "", roots)[0], "the token of one authority as another's"


def test_the_settings_of_the_guide_are_settings() -> None:
    guide = (ROOT / "docs" / "guide" / "configuration.md").read_text(encoding="utf-8")
    text = "\n".join(re.findall(r"^```toml\n(.+?)^```$", guide, re.MULTILINE | re.DOTALL))
    settings = config.parse(text, "config.toml", Path("/home"))
    assert [witness.name for witness in settings.witnesses] == ["library"]
    assert [authority.name for authority in settings.authorities] == ["first", "second"]
    assert settings.operator.role == "collector"


def test_the_hand_over_of_the_first_guide_works(preserve: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs" / "guide" / "getting-started.md").read_text(encoding="utf-8")
    exported = re.findall(r"^preserve (key export.*?) > (.+)$", guide, re.MULTILINE)
    added = re.findall(r'^preserve trust add (\S+) --name "(.+)"$', guide, re.MULTILINE)
    assert [file for _, file in exported] == [file for file, _ in added] == ["my-key.pem", "my-log.vkey"]
    assert preserve("demo", "--archive", "archive").code == 0
    for command, file in exported:
        (tmp_path / file).write_text(preserve(*command.split()).stdout)
    fingerprints = re.findall(r"(?:[0-9a-f]{4}-){15}[0-9a-f]{4}", preserve("key", "list").stdout)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another person"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another person"))
    assert preserve("verify", "archive").code == 41
    for (file, name), fingerprint in zip(added, fingerprints, strict=True):
        assert preserve("trust", "add", file, "--name", name, "--fingerprint", fingerprint).code == 0
    assert preserve("verify", "archive").code == 0

"""manifests/verify.sh, which shares no code with the verifier, against the same attacks on a run folder."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from archives import Archivist, LogPen, write
from attackcorpus import ATTACKS, Attack, good
from attacks_on_coworkers import P256Pen
from packetcorpus import signed_with
from running import ROOT

_SCRIPT = ROOT / "manifests" / "verify.sh"
_GOOD = good()
_SIGNER = _GOOD.signers[0].keyid
_LOG = _GOOD.log.key.encode()

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("openssl", "sha256sum"))), reason="openssl and sha256sum are what this check is made of"
)


def _check(run: Path, *known: str) -> tuple[int, str]:
    done = subprocess.run(["sh", str(_SCRIPT), str(run), *known], capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.script is not None], ids=lambda attack: attack.name)
def test_attack(attack: Attack, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    attack.does(good(), root)
    code, told = _check(max((root / "runs").iterdir()), _SIGNER)
    assert code == attack.script, told


@pytest.mark.parametrize("name", sorted(_GOOD.runs[1]))
def test_one_byte(name: str, tmp_path: Path) -> None:
    run = _GOOD.write(tmp_path / "archive") / "runs" / _GOOD.names[1]
    path = run / name
    data, chance = path.read_bytes(), random.Random(name)
    place = chance.randrange(len(data))
    path.write_bytes(data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :])
    code, told = _check(run, _SIGNER, _LOG)
    assert code == 40, f"byte {place}: {told}"


def test_what_it_establishes(tmp_path: Path) -> None:
    run = _GOOD.write(tmp_path / "archive") / "runs" / _GOOD.names[1]
    assert _check(run, _SIGNER, _LOG)[0] == 0
    assert _check(run, _GOOD.signers[1].keyid)[0] == 0
    assert _check(run, "-".join(_SIGNER[place : place + 4] for place in range(0, 64, 4)).upper())[0] == 0
    assert _check(run)[0] == 41
    assert _check(run, "0" * 64)[0] == 41
    assert _check(run, _SIGNER[:8])[0] == 41
    assert _check(run, _SIGNER, _LOG.replace("archive.example", "other.example"))[0] == 40


def test_proofs_of_every_shape(tmp_path: Path) -> None:
    archivist = Archivist()
    for _ in range(7):
        archivist.add_run(pages=1)
    for at, run in enumerate(archivist.runs[:5]):
        run["log/seal.tlog-proof"] = archivist.proof(at)
    archivist.write(tmp_path / "archive")
    for name in archivist.names:
        code, told = _check(tmp_path / "archive" / "runs" / name, _SIGNER, _LOG)
        assert code == 0, told


def test_a_log_key_with_a_plus_in_its_base64(tmp_path: Path) -> None:
    pens = (LogPen(f"log {number}", _GOOD.origin) for number in range(100))
    archivist = Archivist()
    archivist.__dict__["log"] = next(pen for pen in pens if pen.key.encode().count("+") > 2)
    archivist.add_run()
    run = archivist.write(tmp_path / "archive") / "runs" / archivist.names[0]
    assert _check(run, _SIGNER, archivist.log.key.encode())[0] == 0


@pytest.mark.parametrize(("more", "expected"), [(b"", 0), (b"and more", 40)], ids=["whole", "and more"])
def test_bytes_after_a_signature_of_p256(more: bytes, expected: int, tmp_path: Path) -> None:
    """Openssl reads no more than the longest that can be."""
    pen = P256Pen()
    write(tmp_path / "run", signed_with(pen.private, "ecdsa-p256-sha256", lambda document: pen.sign(document) + more))
    code, told = _check(tmp_path / "run", pen.public.keyid)
    assert code == expected, told


def test_damaged_records_are_named(tmp_path: Path) -> None:
    run = _GOOD.write(tmp_path / "archive") / "runs" / _GOOD.names[1]
    (warc,) = run.glob("data/*.warc.gz")
    data = bytearray(warc.read_bytes())
    data[-1] ^= 1
    warc.write_bytes(data)
    code, told = _check(run, _SIGNER)
    assert code == 40
    assert "record 6 at offset" in told
    assert "record 5" not in told


def test_called_wrongly(tmp_path: Path) -> None:
    done = subprocess.run(["sh", str(_SCRIPT), str(tmp_path / "nowhere")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "KEYID" in done.stderr

"""Attacks on time against the verifier and against the independent check; and what expiry and stolen keys leave standing."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from archives import Archivist, Pen
from attacks_on_tokens import TOKEN_ATTACKS, add_stamped, good, now, roots, trusted
from attacktools import Attack
from authorities import Authority, Issuer, accuracy_of, shared
from preserve.adapters.folder import DiskFolder
from preserve.flows.verify import verify
from preserve.formats import manifest
from preserve.model.finding import Claim, Report, Result
from preserve.model.trust import Revocation, TrustedKey
from running import ROOT
from speaking import unsaid


def _later() -> datetime:
    return now() + timedelta(days=400)


def _verify(path: Path, keys: Sequence[TrustedKey], at: datetime | None = None) -> Report:
    """As it is in more than a year, or `at` that time."""
    with DiskFolder(path) as folder:
        report = verify(folder, keys, [], at or _later())
    assert not unsaid(report), _told(report)
    return report


def _told(report: Report) -> str:
    return "\n".join(f"{f.claim} {f.result} {f.subject}: {f.detail}" for f in report.findings)


def _attacked(attack: Attack, tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    root.mkdir()
    attack.does(good(), root)
    return root


@pytest.mark.parametrize("attack", TOKEN_ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, tmp_path: Path) -> None:
    root = _attacked(attack, tmp_path)
    report = _verify(root, trusted(good()))
    assert report.exit_code == attack.exit, _told(report)
    assert any(
        attack.claim in (None, finding.claim) and attack.says in f"{finding.subject}: {finding.detail}"
        for finding in report.findings
    ), _told(report)
    run = _verify(max((root / "runs").iterdir()), trusted(good()))
    assert run.exit_code == attack.alone, _told(run)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what this check is made of")
@pytest.mark.parametrize("attack", TOKEN_ATTACKS, ids=lambda attack: attack.name)
def test_attack_against_the_independent_check(attack: Attack, tmp_path: Path) -> None:
    run = max((_attacked(attack, tmp_path) / "runs").iterdir())
    archivist = good()
    known = (archivist.signers[0].keyid, archivist.log.key.encode(), str(roots(tmp_path / "roots")))
    script = ROOT / "manifests" / "verify.sh"
    done = subprocess.run(["sh", str(script), str(run), *known], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.returncode == attack.script, done.stdout


def test_stamped_is_said_only_when_every_run_is(tmp_path: Path) -> None:
    archivist = good()
    assert _verify(archivist.write(tmp_path / "all"), trusted(archivist)).time == "stamped"
    assert _verify(tmp_path / "all" / "runs" / archivist.names[0], trusted(archivist)).time == "stamped"
    add_stamped(archivist, ends=())
    mixed = _verify(archivist.write(tmp_path / "mixed"), trusted(archivist))
    assert (mixed.exit_code, mixed.time) == (0, "self-asserted")
    assert _verify(tmp_path / "all", good().trusted).time == "self-asserted"


def test_required_claims(tmp_path: Path) -> None:
    archivist = good()
    run = archivist.write(tmp_path / "archive") / "runs" / archivist.names[0]
    required = frozenset({Claim.NOT_AFTER, Claim.NOT_BEFORE, Claim.CREATED})
    with DiskFolder(run) as folder:
        assert verify(folder, trusted(archivist), [], now(), require=required).exit_code == 0
    bare = Archivist()
    bare.add_run()
    with DiskFolder(bare.write(tmp_path / "bare")) as folder:
        assert verify(folder, trusted(bare), [], now(), require=frozenset({Claim.NOT_AFTER})).exit_code == 41


def test_a_stolen_key_keeps_what_was_stamped_before_and_nothing_else(tmp_path: Path) -> None:
    archivist = good()
    root = archivist.write(tmp_path / "stamped")
    bare = Archivist()
    bare.add_run()
    unstamped = bare.write(tmp_path / "bare")
    for stolen_at, stamped, self_asserted in ((now() + timedelta(hours=1), 0, 41), (now() - timedelta(hours=1), 41, 41)):
        keys = [
            replace(key, revoked_at=stolen_at, reason=Revocation.COMPROMISED) if key.keyid == Pen("A. Archivist").keyid else key
            for key in trusted(archivist)
        ]
        assert _verify(root, keys).exit_code == stamped
        assert _verify(unstamped, keys).exit_code == self_asserted


def test_a_stolen_key_keeps_nothing_within_what_an_authority_is_sure_of(tmp_path: Path) -> None:
    """It says that its clock may be an hour wrong: then its token may be from after the theft."""
    archivist = good()
    for run in archivist.runs:
        for name in ("a", "b"):
            run[f"timestamps/{name}.tsr"] = shared(name).backdate(run["SEAL"], now(), accuracy_of(3600))
    root = archivist.write(tmp_path / "archive")
    for stolen, expected in ((timedelta(minutes=59), 41), (timedelta(minutes=62), 0)):
        own = Pen("A. Archivist").keyid
        keys = [
            replace(key, revoked_at=now() + stolen, reason=Revocation.COMPROMISED) if key.keyid == own else key
            for key in trusted(archivist)
        ]
        assert _verify(root, keys).exit_code == expected, stolen


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what this check is made of")
@pytest.mark.parametrize(
    ("shift", "accuracy", "expected", "says"),
    [
        (timedelta(minutes=-14), accuracy_of(600), 0, "give or take 600 s"),
        (timedelta(minutes=-16), accuracy_of(600), 40, "stamped before it was made"),
        (timedelta(hours=24, minutes=-11), accuracy_of(600), 0, "give or take 600 s"),
        (timedelta(hours=24, minutes=-9), accuracy_of(600), 41, "more than a day after"),
        (timedelta(), accuracy_of(0, 500), 0, "give or take 1 s"),
        (timedelta(), accuracy_of(millionths=500), 0, "give or take 1 s"),
        (timedelta(), accuracy_of(1), 0, "give or take 1 s"),
        (timedelta(), accuracy_of(), 0, "GMT\n"),
        (timedelta(), b"", 0, "GMT\n"),
        (timedelta(minutes=1), accuracy_of(86_400), 41, "more than a day after"),
        (timedelta(), accuracy_of(86_401), 41, "sure of the time to more than a day"),
        (timedelta(), accuracy_of(1 << 70), 41, "sure of the time to more than a day"),
    ],
)
def test_what_an_authority_is_sure_of_against_the_independent_check(
    shift: timedelta, accuracy: bytes, expected: int, says: str, tmp_path: Path
) -> None:
    archivist = Archivist()
    run = add_stamped(archivist, ends=("a",))
    created = manifest.decode(run["manifest.json"]).created
    run["timestamps/a.tsr"] = shared("a").backdate(run["SEAL"], created + shift, accuracy)
    root = archivist.write(tmp_path / "archive")
    assert _verify(root, trusted(archivist)).exit_code == expected
    known = (archivist.signers[0].keyid, archivist.log.key.encode(), str(roots(tmp_path / "roots")))
    script = ROOT / "manifests" / "verify.sh"
    place = root / "runs" / archivist.names[0]
    done = subprocess.run(["sh", str(script), str(place), *known], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (expected, ""), done.stdout
    assert says in done.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what this check is made of")
def test_a_forged_token_gains_nothing_by_being_vague(tmp_path: Path) -> None:
    """By another authority than it is called: forged, whatever it says of its clock."""
    for name, ends in (("named", ("a",)), ("added", ())):
        archivist = Archivist()
        run = add_stamped(archivist, ends=ends)
        created = manifest.decode(run["manifest.json"]).created
        run["timestamps/a.tsr"] = shared("b").backdate(run["SEAL"], created, accuracy_of(90_000))
        root = archivist.write(tmp_path / name)
        assert _verify(root, trusted(archivist)).exit_code == 40
        known = (archivist.signers[0].keyid, archivist.log.key.encode(), str(roots(tmp_path / f"roots-{name}")))
        place = root / "runs" / archivist.names[0]
        done = subprocess.run(
            ["sh", str(ROOT / "manifests" / "verify.sh"), str(place), *known],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 40, done.stdout


def test_a_root_that_is_no_longer_trusted(tmp_path: Path) -> None:
    archivist = good()
    root = archivist.write(tmp_path / "archive")
    a, b = (shared(name).issuer for name in ("a", "b"))
    for limits, expected in (
        ({"valid_until": now() + timedelta(hours=1)}, 0),
        ({"valid_until": now() - timedelta(hours=1)}, 41),
        ({"valid_from": now() + timedelta(hours=1)}, 41),
        ({"revoked_at": now() + timedelta(hours=1), "reason": Revocation.SUPERSEDED}, 0),
        ({"revoked_at": now() + timedelta(hours=1), "reason": Revocation.COMPROMISED}, 41),
    ):
        keys = (*archivist.trusted, a.pinned("a", **limits), b.pinned("b"))
        assert _verify(root, keys).exit_code == expected, limits
    unusable = replace(a.pinned("a"), certificate="-----BEGIN CERTIFICATE-----\n")
    swapped = replace(a.pinned("a"), keyid=b.fingerprint)
    for key in (unusable, swapped):
        report = _verify(root, (*archivist.trusted, key, b.pinned("b")))
        assert report.exit_code == 41
        assert "the root pinned for a" in _told(report)


def test_two_roots_under_one_name(tmp_path: Path) -> None:
    """An authority that moved to a new root: old tokens under the old one, new tokens under the new one."""
    archivist = good()
    root = archivist.write(tmp_path / "archive")
    keys = (*archivist.trusted, Issuer("New root of a").pinned("a"), *trusted(archivist)[2:])
    assert _verify(root, keys).exit_code == 0


def test_tokens_outlive_the_certificates_of_their_authority(tmp_path: Path) -> None:
    brief = Authority(tmp_path / "brief", Issuer("Brief root", days=(-1, 2)), days=(-1, 1))
    archivist = Archivist()
    run = add_stamped(archivist, ends=())
    run["timestamps/brief.tsr"] = brief.stamp(run["SEAL"])
    report = _verify(archivist.write(tmp_path / "archive"), (*archivist.trusted, brief.issuer.pinned("brief")))
    assert (report.exit_code, report.time) == (0, "stamped")


def test_any_byte_of_a_token_changed_is_found(tmp_path: Path) -> None:
    archivist = good()
    run = archivist.write(tmp_path / "archive") / "runs" / archivist.names[1]
    chance = random.Random(1)
    for path, claim in ((run / "timestamps/a.tsr", Claim.NOT_AFTER), (run / manifest.start_token_path("a"), Claim.NOT_BEFORE)):
        data = path.read_bytes()
        for place in {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(40))}:
            path.write_bytes(data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :])
            report = _verify(run, trusted(archivist))
            assert report.exit_code == 40, f"{path.name} byte {place}"
            assert [f.claim for f in report.findings if f.result is Result.FAIL] == [claim]
        path.write_bytes(data)

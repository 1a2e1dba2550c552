"""`preserve timestamp --renew`: stamps renewed before they age, with two real authorities, openssl and sha512sum beside our verifier."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authorities import Authority, Counter, Issuer, shared, unreachable
from preserve.adapters.folder import DiskFolder
from preserve.adapters.trust import TrustStore
from preserve.flows import verify_events
from preserve.flows.verify import verify
from preserve.formats import hashlist
from preserve.formats.note import VerifierKey
from preserve.model.finding import Claim, Result
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from running import Run
from sites import AnyHostSite
from witnesses import WitnessProcess


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Counter]:
    """An authority whose certificate ends tomorrow."""
    with Counter(Authority(tmp_path / "authority", Issuer("Old root"), days=(-1, 1))) as counter:
        yield counter


@pytest.fixture
def new() -> Iterator[Counter]:
    with Counter(shared("b")) as counter:
        yield counter


@pytest.fixture
def archive(preserve: Run, site: AnyHostSite, old: Counter, new: Counter, tmp_path: Path) -> Path:
    """A run that the old authority has stamped; both roots are pinned."""
    for name, counter in (("old", old), ("new", new)):
        authority = counter.authority
        root, fingerprint = authority.root_file, authority.issuer.fingerprint
        assert preserve("trust", "add", root, "--name", name, "--tsa", "--fingerprint", fingerprint).code == 0
    options = ("--connect-to", site.connect_to, "--delay", "0", "--no-probe", "--url", "http://x.example/page")
    assert preserve("capture", *options, "--tsa", f"old={old.url}").code == 0
    return tmp_path / "archive"


def renewal(archive: Path) -> Path:
    (event,) = archive.glob("events/*-renewal")
    return event


@pytest.mark.parametrize(("data", "bulk"), [((), False), (("--data",), True)])
def test_everybody_can_check_a_renewal(
    preserve: Run, archive: Path, new: Counter, tmp_path: Path, data: tuple[str, ...], bulk: bool
) -> None:
    done = preserve("timestamp", "archive", "--renew", *data, "--tsa", f"new={new.url}")
    assert done.code == 0, done.stderr
    event = renewal(archive)
    listed = {file.path for file in hashlist.read((event / hashlist.NAME).read_bytes())}
    (run,) = (path.relative_to(archive).as_posix() for path in (archive / "runs").iterdir())
    assert {
        f"{run}/SEAL",
        f"{run}/timestamps/old.tsr",
        f"{run}/timestamps/start-old.tsr",
        f"{run}/log/seal.tlog-proof",
    } <= listed
    assert any(path.endswith(".warc.gz") for path in listed) is bulk
    assert ("archive.toml" in listed) is bulk
    assert json.loads((event / "statement.json").read_bytes())["body"]["covers"] == ("data" if bulk else "stamps")

    commands = preserve("timestamp", "archive", "--commands").stdout.splitlines()
    for name in ("old", "new"):
        (tmp_path / f"{name}.pem").write_text(preserve("trust", "export", name).stdout)
    assert len(commands) == 4, "two tokens of the run, one of the event, and the list"
    for command in commands:
        checked = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, (command, checked.stderr)

    for thorough in ((), ("--thorough",)):
        told = preserve("verify", "archive", "-v", *thorough)
        assert told.code == 0, told.stdout
        assert "stamped anew, all of it existed by" in told.stdout
    next_run = preserve("custody", "add", "archive", "--action", "copy", "--reason", "x", "--no-timestamp")
    assert next_run.code == 0, "what comes later is not in the list, and need not be"
    assert preserve("verify", "archive", "--thorough").code == 0


@pytest.mark.long
def test_a_token_outlives_its_certificate_and_openssl_is_told_the_time(
    archive: Path, old: Counter, config_home: Path, tmp_path: Path
) -> None:
    trusted = TrustStore(config_home / "preserve").trusted_keys()
    with DiskFolder(archive) as folder:
        report = verify(folder, trusted, [], datetime.now(UTC) + timedelta(days=400))
    assert report.exit_code == 0
    assert report.stamped
    run = next((archive / "runs").iterdir())
    command = [
        "openssl",
        "ts",
        "-verify",
        "-data",
        "SEAL",
        "-in",
        "timestamps/old.tsr",
        "-CAfile",
        str(old.authority.root_file),
    ]
    epoch = datetime.now(UTC).timestamp()
    for moment, good in ((epoch, True), (epoch + 400 * 86400, False)):
        done = subprocess.run([*command, "-attime", str(int(moment))], cwd=run, capture_output=True, check=False)
        assert (done.returncode == 0) is good


def _roots(keys: tuple[TrustedKey, ...], name: str, revoked_at: datetime) -> list[TrustedKey]:
    """The trust store of somebody who learned that the root called `name` came into other hands at a time."""
    from dataclasses import replace

    return [
        replace(key, revoked_at=revoked_at, reason=Revocation.COMPROMISED)
        if key.role is TrustRole.TSA and key.name == name
        else key
        for key in keys
    ]


@pytest.mark.long
def test_a_root_that_came_into_other_hands_after_the_renewal_still_bears_its_tokens(
    preserve: Run, archive: Path, new: Counter, config_home: Path
) -> None:
    later = datetime.now(UTC) + timedelta(days=100)
    without = archive.with_name("without")
    shutil.copytree(archive, without)
    assert preserve("timestamp", "archive", "--renew", "--tsa", f"new={new.url}").code == 0
    keys = tuple(TrustStore(config_home / "preserve").trusted_keys())
    codes = {}
    for place in (archive, without):
        with DiskFolder(place) as folder:
            report = verify(folder, _roots(keys, "old", later), [], later + timedelta(days=300))
        codes[place] = report.exit_code
        borne = [f for f in report.findings if f.claim is Claim.NOT_AFTER and f.result is Result.PASS]
        assert bool(borne) is (place == archive)
    assert codes == {archive: 0, without: 41}

    with DiskFolder(archive) as folder:
        early = verify(folder, _roots(keys, "old", datetime.now(UTC) - timedelta(days=1)), [], later)
        both = verify(folder, _roots(tuple(_roots(keys, "old", later)), "new", later), [], later + timedelta(days=300))
    assert early.exit_code == 41, "the renewal came too late"
    assert both.exit_code == 41, "nobody is left to bear the renewal itself"


@pytest.mark.long
def test_a_token_that_the_renewal_does_not_list_is_not_borne_by_it(
    preserve: Run, archive: Path, old: Counter, new: Counter, config_home: Path
) -> None:
    assert preserve("timestamp", "archive", "--renew", "--tsa", f"new={new.url}").code == 0
    run = next((archive / "runs").iterdir())
    (run / "timestamps" / "old.tsr").write_bytes(old.authority.stamp((run / "SEAL").read_bytes()))
    told = preserve("verify", "archive")
    assert told.code == 40
    assert "its SHA-512 is not the one that events/" in told.stdout


@pytest.mark.long
def test_an_authority_that_is_down_is_asked_later(preserve: Run, archive: Path, new: Counter) -> None:
    done = preserve("timestamp", "archive", "--renew", "--tsa", f"new={unreachable()}")
    assert done.code == 41
    assert "The event is recorded all the same" in done.stderr
    assert preserve("verify", "archive").code == 41
    assert preserve("timestamp", "archive", "--tsa", f"new={new.url}", "--tsa", f"old={new.url}").code == 0
    assert preserve("verify", "archive").code == 0


def test_what_cannot_be_renewed(preserve: Run, archive: Path, new: Counter) -> None:
    tsa = ("--tsa", f"new={new.url}")
    assert preserve("timestamp", "archive", "--renew").code == 2
    assert preserve("timestamp", "archive", "--data", *tsa).code == 2
    path = next(archive.glob("runs/*/data/*.warc.gz"))
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    done = preserve("timestamp", "archive", "--renew", *tsa)
    assert done.code == 40
    assert "nothing altered is renewed" in done.stderr
    assert not (archive / "events").exists()


@pytest.mark.long
@pytest.mark.parametrize(("both", "code"), [(True, 0), (False, 41)], ids=["stamped by another too", "stamped by it alone"])
def test_a_renewal_by_both_authorities_carries_when_one_is_stolen(
    preserve: Run, archive: Path, old: Counter, new: Counter, config_home: Path, both: bool, code: int
) -> None:
    """The usual case: a renewal asks the authorities that are configured, and one of these is the one that is stolen later."""
    asked = ("--tsa", f"old={old.url}", *(("--tsa", f"new={new.url}") if both else ()))
    assert preserve("timestamp", "archive", "--renew", *asked).code == 0
    assert preserve("verify", "archive").code == 0
    stolen = datetime.now(UTC) + timedelta(days=30)
    trusted = _roots(TrustStore(config_home / "preserve").trusted_keys(), "old", stolen)
    with DiskFolder(archive) as folder:
        report = verify(folder, trusted, [], stolen + timedelta(days=10))
    assert report.exit_code == code, [f"{one.subject}: {one.detail}" for one in report.findings if one.needed]


def _grown(path: Path, size: int) -> None:
    """Make a file that long; the disk holds no more of it than before."""
    with path.open("r+b") as file:
        file.truncate(size)


@pytest.mark.long
@pytest.mark.parametrize(
    "patterns",
    [
        ("archive.toml", "runs/*/keys/*.pem", "runs/*/timestamps/old.tsr", "runs/*/log/seal.tlog-proof"),
        ("runs/*/manifest.json", "runs/*/data/captures.jsonl"),
        ("runs/*/SEAL", "runs/*/data/*.warc.gz"),
        ("runs/*/data/captures.jsonl", "runs/*/data/*.warc.gz"),
    ],
    ids=["small", "a manifest", "a seal", "what is listed"],
)
def test_no_file_is_read_beyond_what_it_can_have(
    preserve: Run,
    archive: Path,
    new: Counter,
    monkeypatch: pytest.MonkeyPatch,
    config_home: Path,
    patterns: tuple[str, ...],
) -> None:
    """What a renewal lists was hashed whole, however long somebody had made it."""
    assert preserve("timestamp", "archive", "--renew", "--data", "--tsa", f"new={new.url}").code == 0
    paths = [next(archive.glob(pattern)) for pattern in patterns]
    for path in paths:
        _grown(path, 1 << 28)
    read = 0
    sha512 = hashlib.sha512

    class Counting:
        def __init__(self, data: bytes = b"") -> None:
            nonlocal read
            read += len(data)
            self._digest = sha512(data)

        def update(self, data: bytes) -> None:
            nonlocal read
            read += len(data)
            self._digest.update(data)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    monkeypatch.setattr(hashlib, "sha512", Counting)
    trusted = TrustStore(config_home / "preserve").trusted_keys()
    with DiskFolder(archive) as folder:
        report = verify(folder, trusted, [], datetime.now(UTC), thorough=True)
    assert report.exit_code == 40
    failing = {finding.subject for finding in report.findings if finding.result is Result.FAIL}
    assert paths[0].relative_to(archive).as_posix() in failing
    assert 0 < read < 1 << 25


@pytest.mark.long
def test_a_proof_that_a_newer_one_replaced_is_told_and_not_covered(
    preserve: Run, archive: Path, new: Counter, tmp_path: Path
) -> None:
    """The proof of a run may be replaced by one with more cosignatures: lawfully, and the renewal speaks of the old one."""
    assert preserve("timestamp", "archive", "--renew", "--data", "--tsa", f"new={new.url}").code == 0
    origin_key = preserve("key", "export", "--vkey").stdout.strip()
    with WitnessProcess(tmp_path / "witness", origin_key) as witness:
        pinned = VerifierKey.parse(witness.vkey).fingerprint
        assert preserve("trust", "add", witness.vkey, "--name", "w", "--fingerprint", pinned).code == 0
        done = preserve("log", "checkpoint", "archive", "--witness", witness.url, witness.vkey)
        assert done.code == 0, done.stderr
    checked = subprocess.run(
        ["sha512sum", "-c", "--quiet", renewal(archive) / hashlist.NAME],
        cwd=archive,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout.count("FAILED") == 1, "the proof"
    told = preserve("verify", "archive", "-v", "--thorough")
    assert told.code == 0, told.stdout
    assert "log/seal.tlog-proof differs: a newer proof took its place, which it does not cover" in told.stdout
    assert "what is as it was listed existed by" in told.stdout
    assert "stamped anew, all of it" not in told.stdout


@pytest.mark.long
def test_what_was_removed_since_fits_no_hash_and_is_told(preserve: Run, archive: Path, new: Counter) -> None:
    assert preserve("timestamp", "archive", "--renew", "--data", "--tsa", f"new={new.url}").code == 0
    what = (
        "--url",
        "http://x.example/page",
        "--reason",
        "a person asked",
        "--by",
        "a court",
        "--yes",
        "--tsa",
        f"new={new.url}",
    )
    removed = preserve("redact", "archive", *what)
    assert removed.code == 0, removed.stderr
    told = preserve("verify", "archive", "-v")
    assert told.code == 41, told.stdout
    assert "of the others the SHA-256, but for records that were removed from them; --thorough compares all" in told.stdout
    told = preserve("verify", "archive", "-v", "--thorough")
    assert told.code == 41, told.stdout
    assert "--thorough compares all" not in told.stdout
    assert ".warc.gz differs: records of it were removed since, under a statement" in told.stdout
    assert "what is as it was listed existed by" in told.stdout


@pytest.mark.long
def test_the_renewal_of_nobody_who_is_known_has_no_captured_data_read(
    preserve: Run, archive: Path, new: Counter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert preserve("timestamp", "archive", "--renew", "--data", "--tsa", f"new={new.url}").code == 0
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "a stranger"))
    listed = renewal(archive) / hashlist.NAME
    files = [file.path for file in hashlist.read(listed.read_bytes())]
    small = sum("/data/" not in path and not path.startswith("documents/") for path in files)
    told = preserve("verify", "archive", "-v", "--thorough")
    assert told.code == 41
    assert (
        f"{len(files)} files listed; of {small} of them the SHA-512 was compared here, and captured data is not" in told.stdout
    )
    token = next(archive.glob("runs/*/timestamps/old.tsr"))
    token.write_bytes(token.read_bytes() + b"x")
    assert "its SHA-512 is not the one that events/" in preserve("verify", "archive").stdout
    monkeypatch.setattr(verify_events, "_LIST_OF_NOBODY", 100)
    with DiskFolder(archive) as folder:
        report = verify(folder, [], [], datetime.now(UTC))
    assert f"{len(files)} files listed, none of them compared" in "".join(finding.detail for finding in report.findings)
    listed.write_bytes(listed.read_bytes()[::-1])
    with DiskFolder(archive) as folder:
        report = verify(folder, [], [], datetime.now(UTC))
    assert report.exit_code == 40
    assert "not the list that was signed" in "".join(finding.detail for finding in report.findings)

"""A log's key replaced by its keeper: killed at every step, with passphrases, by the wrong keys; what comes after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives import START, Archivist, LogPen, Pen
from killing import Killed, Steps
from preserve.adapters.archive import Archive
from preserve.adapters.folder import DiskFolder
from preserve.adapters.keys import KeyStore, KeyUse, StoredKey
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.flows.verify import verify
from preserve.model.event import Custody
from preserve.model.manifest import Operator
from preserve.model.trust import Revocation, TrustedKey
from preserve.places import config_folder
from preserve.wiring.logline import log_line
from preserve.wiring.logrotation import LogRotated, rotate_log
from preserve.wiring.recording import RecordOptions, record
from preserve.wiring.witnessing import public_ledger

OPERATOR, LOG = Pen("A. Archivist"), LogPen("the log", "archive.example/main/log")


@dataclass(frozen=True, kw_only=True)
class Keeper:
    root: Path
    home: Path

    @property
    def options(self) -> RecordOptions:
        return RecordOptions(archive=self.root, actor=Operator(name="A. Archivist", organisation=None, role=None))

    def rotate(
        self,
        successor: Callable[[str], StoredKey] | None = None,
        *,
        since: datetime | None = None,
        ask: Callable[[StoredKey], bytes] = lambda _: b"",
    ) -> LogRotated:
        return rotate_log(self.options, successor or _make, since, lambda _: None, ask)

    def note(self) -> None:
        """Any other command that writes."""
        record(self.options, Custody(action="copy", reason="why"), "custody", lambda _: None, lambda _: b"")

    def exit_code(self, *keys: TrustedKey) -> int:
        with DiskFolder(self.root) as folder:
            return verify(folder, keys or TrustStore(config_folder()).trusted_keys(), [], datetime.now(UTC)).exit_code


def _make(origin: str, passphrase: bytes | None = None) -> StoredKey:
    trust = TrustStore(config_folder())
    return KeyStore(config_folder()).make(
        KeyUse.LOG, origin, now=datetime.now(UTC), pin=trust.add, passphrase=passphrase, rounds=1000
    )


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    keys, trust = KeyStore(config_folder()), TrustStore(config_folder())
    keys.keep(KeyUse.MANIFEST, OPERATOR.name, OPERATOR.private, now=START, pin=trust.add)
    keys.keep(KeyUse.LOG, LOG.key.name, LOG.private, now=START, pin=trust.add)
    archivist = Archivist(signers=(OPERATOR,))
    archivist.add_run()
    return Keeper(root=archivist.write(tmp_path / "archive"), home=home)


def test_the_new_key_signs_and_the_old_one_is_given_up(keeper: Keeper) -> None:
    done = keeper.rotate()
    keeper.note()
    assert (done.event.name, done.finished) == ("000001-key", False)
    assert [tenure.key.encode() for tenure in log_line(Archive(keeper.root))] == [LOG.key.encode(), done.vkey]
    assert (keeper.root / "archive.toml").read_text().count(LOG.key.encode()) == 1
    assert keeper.exit_code() == 0
    assert keeper.exit_code(OPERATOR.pinned, LOG.pinned) == 0, "who pinned the first key alone"
    assert public_ledger(Archive(keeper.root)).head()[0] == 3
    pinned = {key.vkey: key.reason for key in TrustStore(config_folder()).trusted_keys() if key.vkey}
    assert pinned == {LOG.key.encode(): Revocation.SUPERSEDED, done.vkey: None}


def test_twice_and_never_back(keeper: Keeper) -> None:
    keeper.rotate()
    keeper.rotate(since=START)
    assert keeper.exit_code(OPERATOR.pinned, LOG.pinned) == 0
    old = KeyStore(config_folder()).log_key(LOG.key.name, LOG.keyid)
    assert old is not None
    with pytest.raises(ConfigError, match="signed this log before"):
        keeper.rotate(lambda _: old)
    signing = KeyStore(config_folder()).signing_key()
    assert signing is not None
    with pytest.raises(ConfigError, match="is no key of the log"):
        keeper.rotate(lambda _: signing)
    assert keeper.exit_code() == 0
    assert not (keeper.root / "journal").exists()


def test_a_key_with_a_passphrase(keeper: Keeper) -> None:
    asked: list[str] = []

    def ask(key: StoredKey) -> bytes:
        asked.append(key.name)
        return b"a phrase"

    keeper.rotate(lambda origin: _make(origin, b"a phrase"), ask=ask)
    assert set(asked) == {LOG.key.name}
    with pytest.raises(ConfigError, match="passphrase"):
        keeper.note()
    assert keeper.exit_code() == 0


def test_without_the_key_that_signs_now(keeper: Keeper) -> None:
    (config_folder() / "keys" / f"{LOG.keyid}.pem").unlink()
    with pytest.raises(ConfigError, match="not on this machine"):
        keeper.rotate()
    assert keeper.exit_code() == 0


@pytest.mark.long
def test_killed_at_every_step(keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left verifies for everybody; the next command that writes finishes it, and rotates nothing twice."""
    monkeypatch.setattr(Archive, "lock", lambda *_: nullcontext(0))  # it ends with the process, and this one goes on
    good = tmp_path / "good"
    for part in (keeper.root, keeper.home):
        shutil.copytree(part, good / part.name)

    def afresh() -> None:
        for part in (keeper.root, keeper.home):
            shutil.rmtree(part)
            shutil.copytree(good / part.name, part)

    with monkeypatch.context() as patch:
        steps = Steps(patch, None)
        keeper.rotate()
    assert steps.count > 40
    for last in range(steps.count):
        afresh()
        with monkeypatch.context() as patch:
            Steps(patch, last)
            with pytest.raises(Killed):
                keeper.rotate()
        assert keeper.exit_code() == keeper.exit_code(OPERATOR.pinned, LOG.pinned) == 0, f"killed before step {last}"
        rotated = (keeper.root / "log/checkpoint").stat().st_size and len(log_line(Archive(keeper.root))) == 2
        if last % 2:
            keeper.note()
        else:
            done = keeper.rotate()
            assert not rotated or done.finished or last >= steps.count - 8, f"killed before step {last}"
        assert keeper.exit_code() == keeper.exit_code(OPERATOR.pinned, LOG.pinned) == 0, f"killed before step {last}"
        assert not (keeper.root / "journal").exists()

"""Revoking in the trust store: the key's entries are changed, everything that somebody wrote around it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archives import Pen
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.formats.note import KeyType, VerifierKey
from preserve.model.trust import Revocation, TrustedKey, TrustRole

NOW = datetime(2026, 11, 21, 17, 2, 45, tzinfo=UTC)
FIRST, SECOND = Pen("the first"), Pen("the second")


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    made = TrustStore(tmp_path / "config")
    for pen in (FIRST, SECOND):
        made.add(replace(pen.pinned, added=NOW))
    made.path.write_text(made.path.read_text().replace("\n[[key]]", "\n# mine, and the next one's\n[[key]]"))
    return made


def test_only_the_one_entry_changes(store: TrustStore) -> None:
    before = store.path.read_text()
    (gone,) = store.revoke(FIRST.keyid, NOW, Revocation.SUPERSEDED)
    assert store.trusted_keys() == (gone, replace(SECOND.pinned, added=NOW))
    assert (gone.revoked_at, gone.reason) == (NOW, Revocation.SUPERSEDED)
    kept = [line for line in store.path.read_text().splitlines() if not line.startswith(("revoked_at", "reason"))]
    assert kept == before.splitlines()
    assert store.path.read_text().count("# mine") == 2


@pytest.mark.parametrize("keyid", [FIRST.keyid, SECOND.keyid])
def test_the_worse_reason_and_the_earlier_time_stay(store: TrustStore, keyid: str) -> None:
    hour = timedelta(hours=1)
    for at, reason, expected in (
        (NOW, Revocation.SUPERSEDED, (NOW, Revocation.SUPERSEDED)),
        (NOW + hour, Revocation.SUPERSEDED, (NOW, Revocation.SUPERSEDED)),
        (NOW + hour, Revocation.COMPROMISED, (NOW + hour, Revocation.COMPROMISED)),
        (NOW - hour, Revocation.SUPERSEDED, (NOW + hour, Revocation.COMPROMISED)),
        (NOW - hour, Revocation.COMPROMISED, (NOW - hour, Revocation.COMPROMISED)),
    ):
        (gone,) = store.revoke(keyid, at, reason)
        assert (gone.revoked_at, gone.reason) == expected
        assert store.path.read_text().count("revoked_at") == 1


@pytest.mark.parametrize(
    "until", ["", "valid_until = 2026-11-21T16:00:00.123456Z", "valid_until = 2030-01-01T00:00:00Z  # says the owner"]
)
def test_what_was_given_up_stays_given_up_when_it_is_compromised_too(store: TrustStore, until: str) -> None:
    store.path.write_text(
        store.path.read_text().replace("\nadded", f"\n{until}\nadded", 1) if until else store.path.read_text()
    )
    before = store.trusted_keys()[0].valid_until
    store.revoke(FIRST.keyid, NOW, Revocation.SUPERSEDED)
    (gone,) = store.revoke(FIRST.keyid, NOW + timedelta(days=9), Revocation.COMPROMISED)
    assert (gone.revoked_at, gone.reason) == (NOW + timedelta(days=9), Revocation.COMPROMISED)
    assert gone.valid_until == (NOW if before is None else min(NOW, before))
    assert store.trusted_keys() == (gone, replace(SECOND.pinned, added=NOW))


def test_an_entry_without_a_line_end_at_the_end_of_the_file(store: TrustStore) -> None:
    store.path.write_text(store.path.read_text().rstrip("\n"))
    (gone,) = store.revoke(SECOND.keyid, NOW, Revocation.COMPROMISED)
    assert gone.reason is Revocation.COMPROMISED
    assert len(store.trusted_keys()) == 2


def test_what_is_not_pinned_or_is_no_signers_key(store: TrustStore) -> None:
    with pytest.raises(ConfigError, match="nothing to revoke"):
        store.revoke(Pen("another").keyid, NOW, Revocation.SUPERSEDED)
    recovery = replace(Pen("paper").pinned, role=TrustRole.RECOVERY)
    assert store.add(recovery)
    (gone,) = store.revoke(recovery.keyid, NOW, Revocation.COMPROMISED)
    assert gone.role is TrustRole.RECOVERY


def _log(name: str) -> TrustedKey:
    """One key, as the log of this name."""
    vkey = VerifierKey(
        name=name,
        type=KeyType.ED25519,
        public=bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    )
    return TrustedKey(name=name, role=TrustRole.LOG, keyid=vkey.fingerprint, vkey=vkey.encode(), added=NOW)


def test_a_key_is_revoked_under_every_name_and_as_every_vkey(store: TrustStore) -> None:
    owners = [
        replace(SECOND.pinned, role=TrustRole.COWORKER, name=name, threshold=2, added=NOW) for name in ("one", "two", "three")
    ]
    logs = _log("archive.example/one"), _log("archive.example/two")
    for key in (owners[0], logs[0], owners[1], logs[1], owners[2]):
        assert store.add(key)
    gone = store.revoke(SECOND.keyid, NOW, Revocation.COMPROMISED, (TrustRole.COWORKER,))
    assert gone == tuple(key.revoked(NOW, Revocation.COMPROMISED) for key in owners)
    assert store.revoke(logs[0].keyid, NOW, Revocation.SUPERSEDED, (TrustRole.LOG,), vkey=logs[1].vkey) == (
        logs[1].revoked(NOW, Revocation.SUPERSEDED),
    )
    entries = {(key.role, key.name): key for key in store.trusted_keys()}
    assert [name for (_, name), key in entries.items() if key.revoked_at] == ["one", "two", "archive.example/two", "three"]
    assert len(store.revoke(logs[0].keyid, NOW, Revocation.COMPROMISED, (TrustRole.LOG,))) == 2
    assert store.path.read_text().count("# mine") == 2

from __future__ import annotations

import dataclasses
import os
import stat
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preserve.adapters import trust as trust_file
from preserve.adapters.trust import TrustStore
from preserve.errors import ConfigError
from preserve.formats.note import VerifierKey
from preserve.model.trust import Revocation, TrustedKey, TrustRole
from preserve.rules.keychain import Circle

NOW = datetime(2026, 11, 21, 17, 2, 45, 565_000, tzinfo=UTC)
LOG = "archive.example/main/log+d2341695+AUSuSC8EmWgrAk9gUm+j6Ch7scBTJbFKV1ilit/4cp3U"
WITNESS = "partner.example/witness+c56a29a3+BCxA4Cq5OWIUKx5P2YMZmEqvx4CKYGtLAq1Zx3WW3jTS"
PERSON = TrustedKey(name="A. Archivist", role=TrustRole.OPERATOR, keyid="a" * 64, vkey=None, added=NOW)
ENTRY = f'[[key]]\nname = "A. Archivist"\nrole = "operator"\nkeyid = "{"a" * 64}"\nadded = 2026-11-21T17:02:45.565Z\n'


def log_entry(vkey: str = LOG, role: TrustRole = TrustRole.LOG) -> TrustedKey:
    return TrustedKey(name="the log", role=role, keyid=VerifierKey.parse(vkey).fingerprint, vkey=vkey, added=NOW)


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "config")


def written(store: TrustStore, text: str) -> TrustStore:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_text(text, "utf-8")
    return store


def test_nobody_is_trusted_at_first(store: TrustStore) -> None:
    assert store.trusted_keys() == ()
    assert not store.path.exists()


def test_what_is_added_is_listed_in_order(store: TrustStore) -> None:
    entries = (PERSON, log_entry(), log_entry(WITNESS, TrustRole.WITNESS))
    for entry in entries:
        assert store.add(entry)
    assert store.trusted_keys() == entries
    assert not store.add(dataclasses.replace(PERSON, name="the same key under another name"))
    assert store.trusted_keys() == entries
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_hundreds_of_entries_are_told_apart_without_comparing_each_with_all(
    store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every archive that is made here leaves one."""
    entries = [dataclasses.replace(PERSON, name=f"Person {number}", keyid=f"{number:064x}") for number in range(300)]
    store.add(*entries)
    asked: list[TrustedKey] = []
    identity = trust_file._identity

    def counted(key: TrustedKey) -> tuple[str | None, ...]:
        asked.append(key)
        return identity(key)

    monkeypatch.setattr(trust_file, "_identity", counted)
    trust_file.read.cache_clear()
    assert store.trusted_keys() == tuple(entries)
    assert len(asked) <= 2 * len(entries)


def test_every_field_is_kept(store: TrustStore) -> None:
    full = dataclasses.replace(
        PERSON,
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + timedelta(days=1),
        revoked_at=NOW,
        reason=Revocation.COMPROMISED,
    )
    store.add(full)
    assert store.trusted_keys() == (full,)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_name_is_written_so_that_it_reads_back(store: TrustStore, name: str) -> None:
    store.path.unlink(missing_ok=True)
    store.add(dataclasses.replace(PERSON, name=name))
    assert [key.name for key in store.trusted_keys()] == [name]
    assert "\u202e" not in store.path.read_text("utf-8")


def test_a_name_cannot_smuggle_in_an_entry(store: TrustStore) -> None:
    store.add(dataclasses.replace(PERSON, name=f'x"\n{ENTRY}'))
    assert len(store.trusted_keys()) == 1


def test_comments_of_the_user_stay(store: TrustStore) -> None:
    text = f"# mine\n\n{ENTRY}# about the next one\n" + ENTRY.replace("a" * 64, "b" * 64).replace(
        "A. Archivist", "B. Archivist"
    )
    written(store, text)
    store.add(log_entry())
    assert store.path.read_text("utf-8").startswith(text)
    store.remove("A. Archivist")
    left = store.path.read_text("utf-8")
    assert left.startswith('# mine\n\n# about the next one\n[[key]]\nname = "B. Archivist"')
    assert [key.name for key in store.trusted_keys()] == ["B. Archivist", "the log"]


def test_removing_by_key_id_or_name(store: TrustStore) -> None:
    store.add(PERSON)
    store.add(dataclasses.replace(PERSON, keyid="b" * 64))
    with pytest.raises(ConfigError, match=r"2 trusted keys fit .A\. Archivist."):
        store.remove("A. Archivist")
    with pytest.raises(ConfigError, match=r"no trusted keys fit .aaaa."):
        store.remove("aaaa")
    assert store.remove("-".join(["aaaa"] * 16)) == PERSON
    assert [key.keyid for key in store.trusted_keys()] == ["b" * 64]
    store.remove("A. Archivist")
    assert store.trusted_keys() == ()


MISTAKES = {
    "[[key]": (1, "Expected|expected|declaration"),
    ENTRY + "\n[[key]]\nname = 7\n": (7, "'role' is missing"),
    ENTRY.replace('"operator"', '"boss"'): (1, "'role' is 'boss'"),
    ENTRY.replace("aaaa", "AAAA", 1): (1, "64 lower-case hex digits"),
    ENTRY + ENTRY: (6, "stands above already"),
    ENTRY + "trusted = true\n": (1, "unknown field: 'trusted'"),
    ENTRY.replace("2026-11-21T17:02:45.565Z", "2026-11-21T17:02:45"): (1, "'added' is not a time with its zone"),
    ENTRY.replace("2026-11-21T17:02:45.565Z", "2026-11-21"): (1, "'added' is not a time with its zone"),
    ENTRY.replace("added", "valid_from"): (1, "'added' is missing"),
    ENTRY + "revoked_at = 2026-11-21T17:02:45Z\n": (1, "stand together"),
    ENTRY + 'reason = "compromised"\n': (1, "stand together"),
    ENTRY + 'revoked_at = 2026-11-21T17:02:45Z\nreason = "boredom"\n': (1, "'reason' is 'boredom'"),
    ENTRY.replace('"A. Archivist"', '""'): (1, "'name' is missing or no text"),
    ENTRY + f'vkey = "{LOG}"\n': (1, "an operator, a recovery key, a coworker or a tsa has a 'keyid'"),
    ENTRY.replace("operator", "log"): (1, "a log or a witness a 'vkey'"),
    ENTRY.replace("operator", "log").replace("keyid", "vkey"): (1, "not NAME"),
    ENTRY.replace("operator", "log").replace(f'keyid = "{"a" * 64}"', f'vkey = "{WITNESS}"'): (1, "not a log's"),
    "key = 1\n": (1, r"entries begin with \[\[key\]\]"),
    "key = [1]\n": (1, r"entries begin with \[\[key\]\]"),
    "# one\n[other]\n": (1, "unknown: 'other'"),
}


@pytest.mark.parametrize(("text", "mistake"), MISTAKES.items())
def test_a_mistake_made_by_hand_is_told_with_its_line(store: TrustStore, text: str, mistake: tuple[int, str]) -> None:
    line, why = mistake
    with pytest.raises(ConfigError, match=f"line {line}.*({why})|({why}).*line {line}"):
        written(store, text).trusted_keys()
    with pytest.raises(ConfigError):
        store.add(log_entry())
    assert store.path.read_text("utf-8") == text


def test_other_bytes_and_rights(store: TrustStore) -> None:
    written(store, "")
    store.path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 0"):
        store.trusted_keys()
    written(store, ENTRY)
    store.path.chmod(0o666)
    with pytest.raises(ConfigError, match="anybody can write to it"):
        store.trusted_keys()


def _add(config: Path, digit: str) -> None:
    TrustStore(config).add(dataclasses.replace(PERSON, keyid=digit * 64))


def test_two_processes_lose_no_entry(tmp_path: Path) -> None:
    fork = get_context("fork")
    workers = [fork.Process(target=_add, args=(tmp_path, digit)) for digit in "0123456789abcdef"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {key.keyid[0] for key in TrustStore(tmp_path).trusted_keys()} == set("0123456789abcdef")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):
        TrustStore(tmp_path / "config").add(PERSON)


ANN, BO, CY, DEE = (letter * 64 for letter in "abcd")


def circle(store: TrustStore) -> dict[str, int | None]:
    """Who is pinned as a co-worker, and with which number."""
    return {key.keyid: key.threshold for key in store.trusted_keys() if key.role is TrustRole.COWORKER and key.name == "owner"}


def test_co_workers_of_two_archives_stand_beside_each_other(store: TrustStore) -> None:
    store.name_coworkers("owner", 2, (ANN, BO), NOW, None)
    store.name_coworkers("another", 1, (ANN,), NOW, None)
    store.name_coworkers("owner", 1, (ANN, CY), NOW, None)
    assert circle(store) == {ANN: 2, BO: 2, CY: 1}, "of who is in both, the higher number"
    store.name_coworkers("owner", 1, (BO, DEE), NOW, Circle(threshold=2, members=frozenset({ANN, BO})))
    assert circle(store) == {BO: 1, CY: 1, DEE: 1}, "those in whose place others came are out"
    store.name_coworkers("owner", 2, (CY, DEE), NOW, Circle(threshold=1, members=frozenset({ANN, CY})))
    assert circle(store) == {BO: 1, CY: 2, DEE: 2}
    assert [key.keyid for key in store.trusted_keys() if key.name == "another"] == [ANN]


def test_what_is_known_of_a_co_worker_stays(store: TrustStore) -> None:
    until, ended = NOW + timedelta(days=9), NOW - timedelta(days=9)
    store.name_coworkers("owner", 2, (ANN, BO, CY), NOW, None)
    text = store.path.read_text().replace("[[key]]", "# known since school\n[[key]]", 1)
    text = text.replace("threshold = 2\n", f"threshold = 2\nvalid_until = {until.isoformat()}\n", 1)
    text += f"valid_until = {ended.isoformat()}\n"
    written(store, text)
    store.revoke(BO, NOW, Revocation.COMPROMISED, (TrustRole.COWORKER,))
    store.name_coworkers("owner", 1, (ANN, BO, CY), NOW, Circle(threshold=2, members=frozenset({ANN, BO, CY})))
    ann, bo, cy = store.trusted_keys()
    assert (ann.threshold, ann.valid_until) == (1, until)
    assert (bo.threshold, bo.revoked_at, bo.reason) == (1, NOW, Revocation.COMPROMISED)
    assert (cy.threshold, cy.valid_until) == (1, ended)
    assert "# known since school" in store.path.read_text()
    store.name_coworkers("owner", 1, (DEE,), NOW, Circle(threshold=1, members=frozenset({ANN, BO, CY})))
    assert circle(store) == {BO: 1, CY: 1, DEE: 1}, "who counts no more goes on counting no more"

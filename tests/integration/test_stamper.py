"""The stamping flow on real archives and authorities: what is kept of an answer, and what is only told."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archives import Archivist
from authorities import OTHER_POLICY, Authority, Counter, shared
from preserve.adapters.archive import Archive
from preserve.adapters.tsa import HttpAuthority
from preserve.flows.stamp import Stamper
from preserve.flows.verify_tokens import check
from preserve.formats import manifest, timestamp
from preserve.model import settings
from preserve.model.manifest import StartToken, TimestampEntry
from preserve.model.run import RunIdentity
from preserve.model.trust import TrustedKey

IDENTITY = RunIdentity(
    name="000000-20261121t120000z",
    sequence=0,
    run_id="00000000-0000-4000-8000-000000000000",
    nonce="0" * 64,
    started="2026-11-21T12:00:00.000Z",
)


class _Clock:
    """This machine's clock, and how far it is off."""

    def __init__(self, off: timedelta = timedelta()) -> None:
        self._off = off

    def now(self) -> datetime:
        return datetime.now(UTC) + self._off

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter(shared("a")) as counter:
        yield counter


def _client(name: str, counter: Counter, policy: str | None = None) -> HttpAuthority:
    return HttpAuthority(settings.Authority(name=name, url=counter.url, policy=policy), user_agent="x", silence=0.5)


def _stamper(
    *counters: Counter, trusted: Sequence[TrustedKey] = (), off: timedelta = timedelta(), policy: str | None = None
) -> tuple[Stamper, list[str]]:
    told: list[str] = []
    numbers = itertools.count(1)
    asked = tuple(_client(f"t{place}", one, policy) for place, one in enumerate(counters))
    return Stamper(authorities=asked, trusted=trusted, nonce=lambda: next(numbers), clock=_Clock(off), tell=told.append), told


def _archive(folder: Path, created: datetime, *names: str) -> tuple[Archive, str]:
    archivist = Archivist()
    named = tuple(TimestampEntry(authority=name) for name in names)
    archivist.add_run(tweak=lambda said: replace(said, created=created, timestamps=named))
    return Archive(archivist.write(folder / "archive")), archivist.names[0]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def test_what_is_kept_is_what_came(counter: Counter, tmp_path: Path) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    stamper, told = _stamper(counter, trusted=[shared("a").issuer.pinned("t0")])
    stamped = stamper.complete(archive, run)
    assert (stamped.named, stamped.there, stamped.missing, told) == (("t0",), ("t0",), (), [])
    kept = archive.read_run(run, "timestamps/t0.tsr", 1 << 20)
    sealed = archive.read_run(run, "SEAL", 1 << 20)
    assert kept is not None
    assert sealed is not None
    assert check("t0", kept, sealed, [shared("a").issuer.pinned("t0")]).proves
    assert not archive.journal.exists(), "where it waited is gone"
    assert stamper.complete(archive, run) == stamped
    assert len(counter.asked) == 1


def test_what_a_kill_left_behind_is_cleared(counter: Counter, tmp_path: Path) -> None:
    """A token waits in journal/ for its rename; a verifier does not mind what was left there, and the next token takes its place."""
    archive, run = _archive(tmp_path, _now(), "t0")
    archive.journal.mkdir()
    (archive.journal / ".token.part").write_bytes(b"half a tok")
    assert _stamper(counter)[0].complete(archive, run).there == ("t0",)
    assert not archive.journal.exists()


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("http500", "it answered with HTTP status 500"),
        ("silent", "no answer within 0.5 s"),
        ("garbage", "not a time-stamp"),
        ("stale", "its answer is to another question (the nonce is not ours)"),
        ("other-message", "it is over other bytes"),
        ("other-policy", f"it stamped under the policy 1.2.3.4.1, not {OTHER_POLICY}"),
    ],
)
def test_what_is_not_kept_is_told(counter: Counter, tmp_path: Path, mood: str, why: str) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    counter.mood = mood
    if mood == "stale":
        _client("t0", counter).ask(timestamp.request(b"an older question", 999))
    stamper, told = _stamper(counter, policy=OTHER_POLICY)
    assert stamper.complete(archive, run).missing == ("t0",)
    assert len(told) == 1
    assert told[0].startswith("t0: no time-stamp: ")
    assert why in told[0]
    assert archive.read_run(run, "timestamps/t0.tsr", 1 << 20) is None


def test_one_that_cannot_be_verified_is_kept_and_told_of_once(counter: Counter, tmp_path: Path) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    stamper, told = _stamper(counter)
    stamper.begin(archive.staging(IDENTITY.name), IDENTITY)
    assert stamper.complete(archive, run).there == ("t0",)
    assert len(told) == 1
    assert "its tokens are kept, though they cannot be verified here: no root is pinned for t0" in told[0]


def test_one_under_another_root_is_not_kept(counter: Counter, tmp_path: Path) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    stamper, told = _stamper(counter, trusted=[shared("b").issuer.pinned("t0")])
    assert stamper.complete(archive, run).missing == ("t0",)
    assert "unable to get local issuer certificate" in told[0]


@pytest.mark.parametrize(
    ("ago", "kept", "words"),
    [
        (timedelta(minutes=-10), False, "one of the clocks is wrong. Its token is not kept."),
        (timedelta(minutes=-4), True, ""),
        (timedelta(hours=25), True, "that is proven from now on, not the time that it claims"),
    ],
)
def test_times_beside_the_manifests(counter: Counter, tmp_path: Path, ago: timedelta, kept: bool, words: str) -> None:
    archive, run = _archive(tmp_path, _now() - ago, "t0")
    stamper, told = _stamper(counter, trusted=[shared("a").issuer.pinned("t0")])
    assert (stamper.complete(archive, run).there == ("t0",)) is kept
    assert words in "".join(told)
    assert bool(told) is bool(words)


@pytest.mark.parametrize("off", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_no_start_token_from_clocks_that_disagree(counter: Counter, tmp_path: Path, off: timedelta) -> None:
    archive, _ = _archive(tmp_path, _now())
    staging = archive.staging(IDENTITY.name)
    stamper, told = _stamper(counter, off=off)
    stamper.begin(staging, IDENTITY)
    assert staging.files() == ()
    assert "one of the clocks is wrong" in told[0]


def test_start_tokens(counter: Counter, tmp_path: Path) -> None:
    archive, _ = _archive(tmp_path, _now())
    staging = archive.staging(IDENTITY.name)
    with Counter(shared("b")) as other:
        stamper, _ = _stamper(counter, other)
        other.mood = "http500"
        stamper.begin(staging, IDENTITY)
        other.mood = "ok"
        stamper.begin(staging, IDENTITY)
        assert (len(counter.asked), len(other.asked)) == (1, 2)
    tokens = stamper.start_tokens(staging, _now())
    assert [token.authority for token in tokens] == ["t0", "t1"]
    for token in tokens:
        with staging.open(token.file) as file:
            assert timestamp.read(file.read()).over(manifest.start_message(IDENTITY.run_id, IDENTITY.nonce))
    assert stamper.expected(staging) == ("t0", "t1")
    nobody, told = _stamper()
    assert nobody.expected(staging) == ("t0", "t1"), "whoever began the run is expected at its end"
    assert nobody.start_tokens(staging, _now() - timedelta(hours=1)) == ()
    assert len(told) == 2
    assert staging.files() == ()
    assert nobody.expected(staging) == ()


def test_a_start_token_that_the_disk_spoilt(counter: Counter, tmp_path: Path) -> None:
    archive, _ = _archive(tmp_path, _now())
    staging = archive.staging(IDENTITY.name)
    stamper, told = _stamper(counter)
    stamper.begin(staging, IDENTITY)
    with staging.create("timestamps/start-t0.tsr") as file:
        file.write(b"\0" * 100)
    told.clear()
    assert stamper.start_tokens(staging, _now()) == tuple[StartToken, ...]()
    assert "t0: its start token is left out: not a time-stamp" in told[0]


def test_others_are_asked_only_when_told_to(counter: Counter, tmp_path: Path) -> None:
    archive, run = _archive(tmp_path, _now(), "elsewhere")
    stamper, _ = _stamper(counter)
    assert stamper.complete(archive, run).missing == ("elsewhere",)
    assert counter.asked == []
    assert stamper.complete(archive, run, add=True).added == ("t0",)
    assert stamper.complete(archive, run, add=True).added == ()
    assert len(counter.asked) == 1


def test_a_run_that_is_not_what_was_sealed(counter: Counter, tmp_path: Path) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    place = archive.runs / run
    stamper, _ = _stamper(counter)
    (place / "manifest.json").write_bytes((place / "manifest.json").read_bytes().replace(b"tests", b"other") + b"\n")
    assert "not the one that was sealed" in stamper.complete(archive, run).problem
    (place / "SEAL").unlink()
    assert "missing" in stamper.complete(archive, run).problem
    assert counter.asked == []


@pytest.mark.parametrize(
    "what", ["a signature", "a key", "the line of a key", "a token", "a token over other bytes", "a token too long"]
)
def test_what_seal_or_a_token_says_otherwise_is_told_and_nobody_is_asked(counter: Counter, tmp_path: Path, what: str) -> None:
    """An authority is not asked to stamp a seal that no longer fits what it lists, and what is no token over it does not count as one."""
    archive, run = _archive(tmp_path, _now(), "t0", "t1")
    place = archive.runs / run
    (key,), (signature,) = (place / "keys").iterdir(), (place / "signatures").iterdir()
    token = place / "timestamps" / "t1.tsr"
    token.parent.mkdir(exist_ok=True)
    if what == "a signature":
        signature.write_bytes(bytes(64))
    elif what == "a key":
        key.unlink()
    elif what == "the line of a key":
        seal = (place / "SEAL").read_bytes()
        (place / "SEAL").write_bytes((b"0" if seal[:1] != b"0" else b"1") + seal[1:])
    elif what == "a token":
        token.write_bytes(b"x")
    elif what == "a token over other bytes":
        token.write_bytes(_client("t1", counter).ask(timestamp.request(b"others", 1))[0])
    else:
        token.write_bytes(bytes(1 << 20))
    before = len(counter.asked)
    stamped = _stamper(counter)[0].complete(archive, run)
    assert stamped.problem
    assert (what.startswith("a token")) == ("t1.tsr" in stamped.problem)
    assert len(counter.asked) == before
    assert not (place / "timestamps" / "t0.tsr").exists()


@pytest.mark.parametrize("what", ["link", "folder", "fifo"])
def test_what_is_no_plain_file_is_not_read(counter: Counter, tmp_path: Path, what: str) -> None:
    archive, run = _archive(tmp_path, _now(), "t0")
    token = archive.runs / run / "timestamps" / "t0.tsr"
    token.parent.mkdir(exist_ok=True)
    if what == "link":
        token.symlink_to("../SEAL")
    elif what == "folder":
        token.mkdir()
    else:
        os.mkfifo(token)
    assert "not a plain file" in _stamper(counter)[0].complete(archive, run).problem
    assert counter.asked == []


def test_certificates_that_come_unsorted_are_kept_as_they_came(tmp_path: Path) -> None:
    issuer = shared("a").issuer
    untidy = Authority(tmp_path / "untidy", issuer, extra=(issuer.certificate, shared("b").issuer.certificate))
    with Counter(untidy) as counter:
        archive, run = _archive(tmp_path, _now(), "t0")
        assert _stamper(counter, trusted=[issuer.pinned("t0")])[0].complete(archive, run).there == ("t0",)
        kept = archive.read_run(run, "timestamps/t0.tsr", 1 << 20)
    assert kept is not None
    (tmp_path / "kept").write_bytes(kept)
    token = timestamp.read(kept)
    assert len(token.reply) < len(kept), "what bears on the signature, and no more"

"""Recording events on a real disk: killed at every step, beside an open run, on ground that does not hold; stamped by a real authority."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archives import START, Archivist, Pen, seal_over, write
from authorities import Counter, shared
from killing import Killed, Steps
from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.folder import DiskFolder
from preserve.adapters.log import LogFolder
from preserve.adapters.tsa import HttpAuthority
from preserve.errors import FormatError, TrustError
from preserve.flows.events import Recorded, finish_staged, record_event
from preserve.flows.run import check_foundation
from preserve.flows.stamp import Stamper
from preserve.flows.verify import verify
from preserve.formats import statement
from preserve.model.event import Body, Custody, RunRef
from preserve.model.finding import Claim, Report
from preserve.model.manifest import Operator
from preserve.model.settings import Authority
from preserve.model.trust import Revocation, TrustedKey
from preserve.ports import Clock

WHO = Operator(name="A. Archivist", organisation=None, role=None)
NOW = max(START, datetime.now(UTC)) + timedelta(days=30)
LENT = Custody(action="transfer", reason="on loan", to="Registry B")


class Hand(Pen):
    """A signing key as the flows see one: fills ports.Signer."""

    @property
    def algorithm(self) -> str:
        return "ed25519"

    @property
    def public_pem(self) -> bytes:
        return self.public.pem


class StandingClock:
    def now(self) -> datetime:
        return START + timedelta(days=2)

    def monotonic(self) -> float:
        return 0.0


@dataclass(kw_only=True)
class Office:
    """An archive on the disk with everything that an event is recorded with."""

    root: Path
    archivist: Archivist
    signers: tuple[Hand, ...]
    authorities: tuple[HttpAuthority, ...] = ()
    trusted: tuple[TrustedKey, ...] = ()
    clock: Clock = field(default_factory=StandingClock)
    told: list[str] = field(default_factory=list)

    @property
    def archive(self) -> Archive:
        return Archive(self.root)

    @property
    def log(self) -> LogFolder:
        return LogFolder(self.root / "log", self.archivist.log)

    @property
    def stamper(self) -> Stamper:
        return Stamper(
            authorities=self.authorities,
            trusted=(*self.archivist.trusted, *self.trusted),
            nonce=lambda: secrets.randbits(63),
            clock=self.clock,
            tell=self.told.append,
        )

    def record(self, body: Body = LENT, signers: tuple[Hand, ...] = ()) -> Recorded:
        return record_event(self.archive, self.log, signers or self.signers, self.stamper, self.clock, actor=WHO, body=body)

    def verify(self) -> Report:
        with DiskFolder(self.root) as folder:
            return verify(folder, (*self.archivist.trusted, *self.trusted), [], NOW)

    def problems(self) -> list[str]:
        return [f"{f.subject}: {f.detail}" for f in self.verify().findings if f.result == "fail" or f.needed]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    hand = Hand("A. Archivist")
    archivist = Archivist(signers=(hand,))
    archivist.add_run()
    return Office(root=archivist.write(tmp_path / "archive"), archivist=archivist, signers=(hand,))


def test_an_event_is_stated_signed_logged_and_placed(office: Office) -> None:
    done = office.record()
    assert (done.name, done.log_index) == ("000001-custody", 1)
    event = office.root / "events" / done.name
    keyid = office.signers[0].keyid
    assert {path.relative_to(event).as_posix() for path in event.rglob("*") if path.is_file()} == {
        "SEAL",
        "statement.json",
        f"keys/{keyid}.pem",
        f"signatures/{keyid}.sig",
    }
    assert office.log.entry(1) == (event / "statement.json").read_bytes()
    assert not (office.root / "journal").exists()
    assert office.problems() == []
    (told,) = (f.detail for f in office.verify().findings if f.claim is Claim.EVENTS)
    assert told.startswith(
        "custody: everything transferred to Registry B, because: on loan; by A. Archivist on 2026-11-23T12:00:00.000Z (signed by A. Archivist"
    )


def test_a_stranger_checks_it_with_stock_tools(office: Office) -> None:
    event = office.root / "events" / office.record().name
    keyid = office.signers[0].keyid
    commands = (
        ("sha256sum", "-c", "--strict", "SEAL"),
        (
            *("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", f"keys/{keyid}.pem"),
            *("-sigfile", f"signatures/{keyid}.sig", "-in", "statement.json"),
        ),
    )
    for command in commands:
        assert subprocess.run(command, cwd=event, capture_output=True, check=False).returncode == 0


def test_several_sign(office: Office) -> None:
    second = Hand("Second person")
    done = office.record(signers=(*office.signers, second))
    assert [key.name for key in done.statement.signers] == ["A. Archivist", "Second person"]
    assert office.problems() == [], "one of them is known, which is enough"
    (office.root / "events" / done.name / "signatures" / f"{second.keyid}.sig").unlink()
    assert any("a key without its signature" in problem for problem in office.problems())


def test_runs_and_events_take_turns(office: Office) -> None:
    seal = office.archivist.runs[0]["SEAL"]
    office.record(Custody(action="copy", reason="x", runs=(RunRef(sequence=0, seal_sha256=_sha256(seal)),)))
    office.record()
    check_foundation(office.archive, office.log)
    assert office.archive.event_names() == ("000001-custody", "000002-custody")
    assert office.problems() == []


# ------------------------------------------------------------------------------------------------------------- interruptions


def _steps(office: Office, monkeypatch: pytest.MonkeyPatch) -> int:
    aside = office.root.with_name("aside")
    shutil.copytree(office.root, aside)
    with monkeypatch.context() as patch:
        steps = Steps(patch, None)
        office.record()
    shutil.rmtree(office.root)
    aside.rename(office.root)
    return steps.count


@pytest.mark.long
def test_killed_at_every_step_it_is_finished_and_recorded_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    good = office.root.with_name("good")
    shutil.copytree(office.root, good)
    count = _steps(office, monkeypatch)
    assert count > 20
    for last in range(count):
        shutil.rmtree(office.root)
        shutil.copytree(good, office.root)
        with monkeypatch.context() as patch:
            Steps(patch, last)
            with pytest.raises(Killed):
                office.record()
        assert office.verify().exit_code == 0, f"killed before step {last}: {office.problems()}"
        office.record()
        assert len(office.archive.event_names()) in {1, 2}, f"killed before step {last}"
        assert office.log.head()[0] == 1 + len(office.archive.event_names())
        assert not (office.root / "journal").exists(), f"killed before step {last}"
        assert office.problems() == []
        if len(office.archive.event_names()) == 2:
            assert last >= count - 4, "only what was in its place already is recorded again"


def test_another_command_finishes_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "place_event", _killed)
        with pytest.raises(Killed):
            office.record()
    assert "its event is staged whole" in "".join(f.detail for f in office.verify().findings)
    with pytest.raises(TrustError, match="not the last entry"):
        check_foundation(office.archive, office.log)
    (finished,) = finish_staged(office.archive, office.log, office.stamper)
    assert finished.statement.body == LENT
    check_foundation(office.archive, office.log)
    office.record(Custody(action="copy", reason="another"))
    assert len(office.archive.event_names()) == 2


@pytest.mark.parametrize("change", ["words", "signature", "signer"])
def test_what_somebody_else_staged_is_not_entered_in_the_log(
    office: Office, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The log's key signs nothing that lies ready without a valid signature: an entry cannot be taken out again."""
    with monkeypatch.context() as patch:
        patch.setattr(LogFolder, "append", _killed)
        with pytest.raises(Killed):
            office.record()
    staged = office.root / "journal" / "000001-custody"
    keyid = office.signers[0].keyid
    document = (staged / "statement.json").read_bytes()
    if change == "words":
        (staged / "statement.json").write_bytes(document.replace(b"Registry B", b"Registry C"))
    elif change == "signature":
        (staged / f"signatures/{keyid}.sig").unlink()
    else:
        stranger = Hand("a stranger")
        shutil.rmtree(staged / "keys")
        shutil.rmtree(staged / "signatures")
        write(
            staged,
            {f"keys/{stranger.keyid}.pem": stranger.public_pem, f"signatures/{stranger.keyid}.sig": stranger.sign(document)},
        )
    bound = {
        path.relative_to(staged).as_posix(): path.read_bytes()
        for path in staged.rglob("*")
        if path.is_file() and path.name != "SEAL"
    }
    (staged / "SEAL").write_bytes(seal_over(bound, "statement.json"))
    with pytest.raises(TrustError, match="waits in journal/ and is not what was signed"):
        finish_staged(office.archive, office.log, office.stamper)
    assert office.log.head()[0] == 1


def test_what_was_not_sealed_is_taken_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LogFolder, "append", _killed)
        with pytest.raises(Killed):
            office.record()
    (office.root / "journal" / "000001-custody" / "SEAL").unlink()
    assert office.verify().exit_code == 0
    assert finish_staged(office.archive, office.log, office.stamper) == ()
    assert not (office.root / "journal").exists()
    assert office.log.head()[0] == 1


def _killed(*_: object) -> None:
    raise Killed


def test_beside_an_open_run(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = office.root / "journal"
    (journal / "000001-20261123t120000z" / "data").mkdir(parents=True)
    (journal / "journal.sqlite").write_bytes(b"an open run")
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "place_event", _killed)
        with pytest.raises(Killed):
            office.record()
    assert office.verify().exit_code == 0
    office.record()
    assert sorted(path.name for path in journal.iterdir()) == ["000001-20261123t120000z", "journal.sqlite"]
    assert office.archive.event_names() == ("000001-custody",)
    assert office.problems() == []


# -------------------------------------------------------------------------------------------------------------------- ground


def test_nothing_is_added_where_the_newest_event_is_gone(office: Office) -> None:
    office.record()
    shutil.rmtree(office.root / "events" / "000001-custody")
    with pytest.raises(TrustError, match="newest run, 0, is not the last entry"):
        office.record()


def test_nothing_is_added_to_an_altered_newest_event(office: Office) -> None:
    stated = office.root / "events" / office.record().name / "statement.json"
    stated.write_bytes(stated.read_bytes().replace(b"Registry B", b"Registry C"))
    with pytest.raises(TrustError, match="newest event, 000001-custody, is not the last entry"):
        office.record()


def test_a_staged_event_is_not_entered_in_another_log(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LogFolder, "append", _killed)
        with pytest.raises(Killed):
            office.record()
    office.log.append(b"somebody else's entry")
    with pytest.raises(TrustError, match="was signed to be entry 1 of the log"):
        office.record()


def test_what_cannot_be_stated_is_not_signed(office: Office) -> None:
    with pytest.raises(FormatError, match="too long"):
        office.record(Custody(action="copy", reason="x" * statement.MAX_SIZE))
    with pytest.raises(FormatError, match="'action'"):
        office.record(Custody(action="Two Words", reason="x"))
    assert office.problems() == []
    assert office.log.head()[0] == 1


# -------------------------------------------------------------------------------------------------------------------- stamps


@pytest.fixture
def authority() -> Iterator[Counter]:
    with Counter(shared("a")) as counter:
        yield counter


@pytest.fixture
def stamped(office: Office, authority: Counter) -> Office:
    """An office that has its events stamped by an authority whose root it knows. Authorities live now, and so do its events."""
    office.authorities = (HttpAuthority(Authority(name="one", url=authority.url), user_agent="test", cacert=None),)
    office.trusted = (authority.authority.issuer.pinned("one"),)
    office.clock = SystemClock()
    return office


def test_a_token_binds_the_signatures(stamped: Office, authority: Counter) -> None:
    done = stamped.record()
    assert done.stamped.there == ("one",)
    event = stamped.root / "events" / done.name
    token = ("openssl", "ts", "-verify", "-in", "timestamps/one.tsr", "-CAfile", str(authority.authority.root_file))
    verified = [
        subprocess.run([*token, "-data", name], cwd=event, capture_output=True, check=False)
        for name in ("SEAL", statement.NAME)
    ]
    assert [bool(command.returncode) for command in verified] == [False, True]
    assert stamped.problems() == []
    assert any("; stamped, existed by " in finding.detail for finding in stamped.verify().findings)


def test_an_authority_that_is_down(stamped: Office, authority: Counter) -> None:
    authority.mood = "http500"
    done = stamped.record()
    assert done.stamped.missing == ("one",)
    assert stamped.verify().exit_code == 41
    assert "the statement names it" in "".join(stamped.problems())
    authority.mood = "ok"
    assert stamped.stamper.complete_event(stamped.archive, done.name).missing == ()
    assert stamped.verify().exit_code == 0


def test_a_folder_in_the_place_of_a_token_is_told(stamped: Office) -> None:
    token = stamped.root / "events" / stamped.record().name / "timestamps/one.tsr"
    token.unlink()
    assert stamped.verify().exit_code == 41
    token.mkdir()
    assert stamped.verify().exit_code == 40
    assert "unlisted folder" in "".join(stamped.problems())


def test_a_token_of_another_event_is_refused(stamped: Office) -> None:
    first, second = stamped.record(), stamped.record(Custody(action="copy", reason="another"))
    events = stamped.root / "events"
    shutil.copy(events / first.name / "timestamps/one.tsr", events / second.name / "timestamps/one.tsr")
    assert stamped.verify().exit_code == 40
    assert "it is over other bytes" in "".join(stamped.problems())


def test_a_stolen_key_keeps_what_was_stamped_before(stamped: Office) -> None:
    stamped.record()
    pinned = stamped.archivist.trusted[0]
    stolen = replace(pinned, revoked_at=datetime.now(UTC) + timedelta(hours=1), reason=Revocation.COMPROMISED)
    with DiskFolder(stamped.root) as folder:
        report = verify(folder, (stolen, *stamped.archivist.trusted[1:], *stamped.trusted), [], NOW)
    told = {finding.subject: finding for finding in report.findings if finding.needed or finding.claim is Claim.EVENTS}
    assert told["events/000001-custody"].result == "pass"
    assert "revoked as compromised" in told[f"runs/{stamped.archivist.names[0]}"].detail, "which nobody stamped"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""What somebody else put into journal/, validly signed with a key of their own: it never becomes an entry of the log, which stays for ever."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from archives import START, Archivist, Files, Pen, seal_over, write
from attacks_on_coworkers import ANN, CY, agreed, name_coworkers, revocation
from attacks_on_keys import NEW, OLD, PAPER, name_paper, revoke, rotate
from preserve.adapters.archive import Archive
from preserve.adapters.clock import SystemClock
from preserve.adapters.log import LogFolder
from preserve.errors import TrustError
from preserve.flows import imports
from preserve.flows.events import finish_staged
from preserve.flows.stamp import Stamper
from preserve.formats import statement
from preserve.model.event import Body, Custody
from preserve.model.trust import Revocation, TrustedKey, TrustRole

STRANGER = Pen("a stranger")


@dataclass(frozen=True, kw_only=True)
class Place:
    root: Path
    archivist: Archivist
    trusted: tuple[TrustedKey, ...]

    def finish(self) -> int:
        """How many entries the log has when the owner's next command has begun."""
        stamper = Stamper(
            authorities=(),
            trusted=self.trusted,
            nonce=lambda: secrets.randbits(63),
            clock=SystemClock(),
            tell=lambda _: None,
        )
        log = LogFolder(self.root / "log", self.archivist.log)
        imports.finish_staged(Archive(self.root), log, stamper)
        finish_staged(Archive(self.root), log, stamper)
        return log.head()[0]


@pytest.fixture
def archivist() -> Archivist:
    archivist = Archivist()
    archivist.add_run()
    return archivist


def _place(archivist: Archivist, root: Path, *trusted: TrustedKey) -> Place:
    return Place(root=archivist.write(root), archivist=archivist, trusted=trusted or archivist.trusted)


def _stage(place: Place, *signers: Pen, body: Body | None = None, archive: str | None = None) -> str:
    """An event that is whole, in journal/, and not in the log."""
    said = place.archivist.statement(body or Custody(action="copy", reason="why"), signers)
    document = statement.encode(replace(said, archive=archive or said.archive))
    bound: Files = {"statement.json": document}
    for pen in signers:
        bound |= {f"keys/{pen.keyid}.pem": pen.public.pem, f"signatures/{pen.keyid}.sig": pen.sign(document)}
    write(place.root / "journal" / said.name, {**bound, "SEAL": seal_over(bound, "statement.json")})
    return said.name


def test_a_strangers_event_is_left_where_it_lies(archivist: Archivist, tmp_path: Path) -> None:
    place = _place(archivist, tmp_path / "archive")
    name = _stage(place, STRANGER)
    with pytest.raises(TrustError, match=f"journal/{name} .*nobody whom you trust signed it: UNKNOWN KEY") as told:
        place.finish()
    assert f"move journal/{name} out of the archive" in (told.value.hint or "")
    assert LogFolder(place.root / "log", archivist.log).head()[0] == 1
    assert (place.root / "journal" / name / "SEAL").is_file()
    (place.root / "journal").rename(tmp_path / "evidence")
    assert place.finish() == 1


def test_the_owners_event_is_entered(archivist: Archivist, tmp_path: Path) -> None:
    place = _place(archivist, tmp_path / "archive")
    _stage(place, OLD, STRANGER)
    assert place.finish() == 2
    assert not (place.root / "journal").exists()


def test_a_strangers_run_of_other_peoples_files_is_left_too(archivist: Archivist, tmp_path: Path) -> None:
    place = _place(archivist, tmp_path / "archive")
    archivist.signers = (STRANGER,)
    run = archivist.add_run()
    del archivist.entries[-1]
    run.pop("log/seal.tlog-proof")
    files = {path: data for path, data in run.items() if not path.endswith(".warc.gz")}
    write(place.root / "journal" / archivist.names[-1], files)
    with pytest.raises(TrustError, match="nobody whom you trust signed it"):
        place.finish()
    assert LogFolder(place.root / "log", archivist.log).head()[0] == 1


def test_an_event_of_another_archive(archivist: Archivist, tmp_path: Path) -> None:
    place = _place(archivist, tmp_path / "archive")
    _stage(place, OLD, archive="archive.example/other")
    with pytest.raises(TrustError, match="of another archive"):
        place.finish()


@pytest.mark.parametrize("reason", list(Revocation))
def test_a_key_that_was_given_up(archivist: Archivist, tmp_path: Path, reason: Revocation) -> None:
    gone = replace(OLD.pinned, revoked_at=START, reason=reason)
    place = _place(archivist, tmp_path / "archive", gone, archivist.log.pinned)
    _stage(place, OLD)
    with pytest.raises(TrustError, match=r"given up|compromised"):
        place.finish()


def test_a_rotation_that_nobody_let_in(archivist: Archivist, tmp_path: Path) -> None:
    place = _place(archivist, tmp_path / "archive", OLD.pinned, NEW.pinned, archivist.log.pinned)
    at = rotate(archivist, (NEW,))
    name = at.split("/")[1]
    del archivist.entries[-1]
    write(place.root / "journal" / name, archivist.events[name])
    with pytest.raises(TrustError, match="by none that lets it in"):
        place.finish()


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "named in the log"])
def test_a_revocation_that_the_paper_alone_signed(archivist: Archivist, tmp_path: Path, pinned: bool) -> None:
    paper = replace(PAPER.pinned, name=OLD.name, role=TrustRole.RECOVERY)
    if not pinned:
        name_paper(archivist)
    place = _place(archivist, tmp_path / "archive", OLD.pinned, archivist.log.pinned, *((paper,) if pinned else ()))
    name = revoke(archivist, (PAPER,), since=START).split("/")[1]
    size = len(archivist.entries)
    del archivist.entries[-1]
    write(place.root / "journal" / name, archivist.events[name])
    assert place.finish() == size


def test_a_paper_that_nobody_named_says_nothing_else(archivist: Archivist, tmp_path: Path) -> None:
    paper = replace(PAPER.pinned, name=OLD.name, role=TrustRole.RECOVERY)
    place = _place(archivist, tmp_path / "archive", OLD.pinned, paper)
    _stage(place, PAPER)
    with pytest.raises(TrustError, match="nobody whom you trust"):
        place.finish()


def test_a_key_that_follows_by_the_archive(archivist: Archivist, tmp_path: Path) -> None:
    rotate(archivist)
    place = _place(archivist, tmp_path / "archive")
    _stage(place, NEW)
    assert place.finish() == 3


def test_what_the_log_holds_already_gets_its_place_whoever_signed_it(archivist: Archivist, tmp_path: Path) -> None:
    name = archivist.add_event(signers=(STRANGER,)).split("/")[1]
    place = _place(archivist, tmp_path / "archive")
    (place.root / "journal").mkdir()
    (place.root / "events" / name).rename(place.root / "journal" / name)
    assert place.finish() == 2
    assert (place.root / "events" / name).is_dir()


@pytest.mark.parametrize(
    ("people", "enough"), [((ANN, CY), True), ((ANN,), False), ((ANN, STRANGER), False)], ids=["two", "one", "other"]
)
def test_a_revocation_by_co_workers_that_a_stranger_entered(
    archivist: Archivist, tmp_path: Path, people: tuple[Pen, ...], enough: bool
) -> None:
    """Whoever enters it: it is by those who agreed, when they are enough."""
    name_coworkers(archivist)
    place = _place(archivist, tmp_path / "archive")
    _stage(place, STRANGER, body=agreed(archivist, revocation(), people))
    if enough:
        assert place.finish() == 3
        return
    with pytest.raises(TrustError, match="nobody whom you trust signed it"):
        place.finish()


def test_a_revocation_by_co_workers_of_another_archive(archivist: Archivist, tmp_path: Path) -> None:
    name_coworkers(archivist)
    place = _place(archivist, tmp_path / "archive")
    other = Archivist(id="archive.example/other", origin=archivist.origin)
    _stage(place, OLD, body=agreed(other, revocation(), (ANN, CY)))
    with pytest.raises(TrustError, match="did not sign this"):
        place.finish()


@pytest.mark.parametrize("path", ["SEAL", "log/seal.tlog-proof"])
def test_a_link_where_a_file_waits_is_not_followed(tmp_path: Path, path: str) -> None:
    """What is to become a run's file is written anew, also where somebody knew what it would be called."""
    elsewhere = tmp_path / "letters.txt"
    elsewhere.write_text("not ours")
    staging = Archive(tmp_path / "archive").event_staging("000001-custody")
    (tmp_path / "archive" / "journal" / f".{Path(path).name}.part").symlink_to(elsewhere)
    with staging.create(path) as file:
        file.write(b"ours")
    assert elsewhere.read_text() == "not ours"
    written = tmp_path / "archive" / "journal" / "000001-custody" / path
    assert not written.is_symlink()
    assert written.read_bytes() == b"ours"

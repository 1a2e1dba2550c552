"""Attacks on an archive's events: what was stated of it beside its runs, altered, taken away, moved, renumbered, forged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from archives import START, Archivist, Pen, seal_over, write
from attacktools import ALTERED, OK, UNESTABLISHED, attack, edit, flip
from preserve.formats import note, statement
from preserve.model.event import Custody, Rollback, RunRef, Statement
from preserve.model.finding import Claim

_TO = "Registry B"


def eventful(archivist: Archivist) -> str:
    """A run, then two events, then another run, in the log of an archive that has two runs already; the path of the first event."""
    first = archivist.add_event(Custody(action="transfer", reason="handed over", to=_TO))
    archivist.add_event(Custody(action="copy", reason="a second copy"))
    archivist.add_run()
    return first


def on_event(
    name: str, says: str, *, claim: Claim = Claim.EVENTS, exit_code: int = ALTERED
) -> Callable[[Callable[[Path, Archivist], None]], None]:
    """An outsider's change to the folder of the first event, which is not the last entry of the log."""

    def keep(change: Callable[[Path, Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            first = eventful(archivist)
            archivist.write(root)
            change(root / first, archivist)

        attack(name, exit_code, claim, says)(does)

    return keep


def stated(
    name: str, says: str, *, claim: Claim = Claim.EVENTS, exit_code: int = ALTERED, memory: bool = False, moved: bool = False
) -> Callable[[Callable[[Archivist], None]], None]:
    """An event that somebody with the keys has stated, as the last entry. `moved`: then somebody without any took it out of its place."""

    def keep(change: Callable[[Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist)
            archivist.write(root)
            if moved:
                unplace(root, max(archivist.events))

        attack(name, exit_code, claim, says, memory=memory)(does)

    return keep


@attack(
    "events between runs, untouched",
    OK,
    Claim.EVENTS,
    f"everything transferred to {_TO}, because: handed over; by A. Archivist",
)
def _(archivist: Archivist, root: Path) -> None:
    eventful(archivist)
    archivist.write(root)


@attack("an event before the first run", OK, Claim.EVENTS, "events/000000-custody")
def _(_: Archivist, root: Path) -> None:
    archivist = Archivist()
    archivist.add_event()
    archivist.add_run()
    archivist.write(root)


@attack("an archive that has events and no run", OK, Claim.LOG_CONSISTENCY, "1 entry")
def _(_: Archivist, root: Path) -> None:
    archivist = Archivist()
    archivist.add_event()
    archivist.write(root)


# --- on the disk


@on_event("the recipient in a statement changed", "statement.json: no valid signature")
def _(event: Path, _: Archivist) -> None:
    edit(event / "statement.json", _TO.encode(), b"Registry C")


@on_event("a statement changed, and SEAL made to fit", "no valid signature")
def _(event: Path, _: Archivist) -> None:
    edit(event / "statement.json", _TO.encode(), b"Registry C")
    _reseal(event)


@on_event("an event's SEAL changed", "SEAL")
def _(event: Path, _: Archivist) -> None:
    flip(event / "SEAL", 3)


@on_event("an event's SEAL deleted", "SEAL: missing")
def _(event: Path, _: Archivist) -> None:
    (event / "SEAL").unlink()


@on_event("an event's statement deleted", "statement.json")
def _(event: Path, _: Archivist) -> None:
    (event / "statement.json").unlink()


@on_event("an event deleted", "log entry 2: missing", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event)


@on_event("all events deleted", "log entry 3: missing", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event.parent)


@on_event("an event emptied", "no valid signature")
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event)
    event.mkdir()


@on_event("an event's signature stripped", "signature")
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event / "signatures")


@on_event("an event's signature and key stripped, and SEAL made to fit", "no valid signature")
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event / "signatures")
    shutil.rmtree(event / "keys")
    _reseal(event)


@on_event("an event signed by another key in place of its own", "signer set differs")
def _(event: Path, _: Archivist) -> None:
    _sign_anew(event, Pen("a stranger"), alone=True)


@on_event("an event signed by one more key than it names", "does not name this signer")
def _(event: Path, _: Archivist) -> None:
    _sign_anew(event, Pen("a stranger"), alone=False)


@on_event("an event renumbered", "misplaced: this is 000002-custody")
def _(event: Path, _: Archivist) -> None:
    event.rename(event.with_name("000007-custody"))


@on_event("an event under another kind", "misplaced: this is 000002-custody")
def _(event: Path, _: Archivist) -> None:
    event.rename(event.with_name("000002-rollback"))


@on_event("an event under a kind that does not exist", "events/000002-praise", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    event.rename(event.with_name("000002-praise"))


@on_event("an event under a longer number", "misplaced: this is 000002-custody")
def _(event: Path, _: Archivist) -> None:
    event.rename(event.with_name("0000002-custody"))


@on_event("an event twice", "misplaced: this is 000002-custody")
def _(event: Path, _: Archivist) -> None:
    shutil.copytree(event, event.with_name("000009-custody"))


@on_event("two events changed for each other", "misplaced")
def _(event: Path, _: Archivist) -> None:
    other = event.with_name("000003-custody")
    event.rename(event.with_name("aside"))
    other.rename(event)
    event.with_name("aside").rename(other)


@on_event("an event brought from another archive", "of another archive")
def _(event: Path, _: Archivist) -> None:
    other = Archivist(id="archive.example/other", origin="archive.example/other/log")
    other.entries = [b"1", b"2"]
    at = other.add_event()
    shutil.rmtree(event)
    write(event.parents[1], {at + path: data for path, data in other.events["000002-custody"].items()})


@on_event("an event that the log does not have", "not in the log")
def _(event: Path, archivist: Archivist) -> None:
    at = archivist.add_event()
    write(event.parents[1], {at + path: data for path, data in archivist.events[at.split("/")[1]].items()})


@on_event("another event in the place of one, with every key but the log's", "not in the log: entry 2 is another one")
def _(event: Path, archivist: Archivist) -> None:
    entries, archivist.entries = archivist.entries, archivist.entries[:2]
    at = archivist.add_event(Custody(action="transfer", reason="handed over", to="somebody else"))
    archivist.entries = entries
    write(event.parents[1], {at + path: data for path, data in archivist.events["000002-custody"].items()})


@on_event("a file too many in an event", "unlisted file")
def _(event: Path, _: Archivist) -> None:
    (event / "note.txt").write_bytes(b"x")


@on_event("a token in an event that is none", "does not name it, and it is no token over SEAL")
def _(event: Path, _: Archivist) -> None:
    (event / "timestamps").mkdir()
    (event / "timestamps/tsa.tsr").write_bytes(b"no token")


@on_event("a statement replaced by a link", "link: only plain files")
def _(event: Path, _: Archivist) -> None:
    shutil.move(event / "statement.json", event.parents[1] / "index")
    (event / "statement.json").symlink_to("../../index")


@on_event("a stranger beside the events", "events/readme.txt", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    (event.parent / "readme.txt").write_bytes(b"x")


@on_event("a file in the place of an event's folder", "events/000002-custody", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    shutil.rmtree(event)
    event.write_bytes(b"x")


# --- killed


@on_event("a last event killed before its place", "its event is staged whole", claim=Claim.COMPLETENESS, exit_code=OK)
def _(event: Path, archivist: Archivist) -> None:
    _unplace(event.parents[1], archivist)


@on_event("a last event killed before its place, then altered", "log entry 5: missing", claim=Claim.COMPLETENESS)
def _(event: Path, archivist: Archivist) -> None:
    edit(_unplace(event.parents[1], archivist) / "statement.json", b"second", b"first!")


@stated("a last event by a stranger, moved into the journal", "UNKNOWN KEY", exit_code=UNESTABLISHED, moved=True)
def _(archivist: Archivist) -> None:
    archivist.add_event(signers=(Pen("a stranger"),))


@stated("a last event that speaks of another run than is here, moved into the journal", "another SEAL", moved=True)
def _(archivist: Archivist) -> None:
    archivist.add_event(Custody(action="copy", reason="why", runs=(RunRef(sequence=1, seal_sha256="0" * 64),)))


@on_event("an event before the last moved into the journal", "log entry 2: missing", claim=Claim.COMPLETENESS)
def _(event: Path, _: Archivist) -> None:
    (event.parents[1] / "journal").mkdir()
    event.rename(event.parents[1] / "journal" / event.name)


# --- stated by somebody with keys


@stated("an event by a signer whom nobody knows", "UNKNOWN KEY", exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    archivist.add_event(signers=(Pen("a stranger"),))


@stated("an event whose second signature is missing", "signer set differs")
def _(archivist: Archivist) -> None:
    both = (archivist.signers[0], archivist.signers[1])
    said = archivist.statement(Custody(action="copy", reason="why"), both)
    archivist.add_stated(statement.encode(said), said.name, both[:1])


@stated("an event by two signers", "also signed", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    archivist.add_event(Custody(action="copy", reason="also signed by a second person"), archivist.signers)


def _tweaked(change: Callable[[Statement], Statement]) -> Callable[[Archivist], None]:
    def does(archivist: Archivist) -> None:
        archivist.add_event(tweak=change)

    return does


stated("an event that names another archive", "of another archive")(
    _tweaked(lambda said: replace(said, archive="archive.example/other"))
)
stated("an event that signed another root", "its first 2 entries differ")(
    _tweaked(lambda said: replace(said, log=replace(said.log, root_before="1" * 64)))
)
stated("an event that says it is another entry", "entry 1")(
    _tweaked(lambda said: replace(said, log=replace(said.log, size_before=1)))
)
stated("a back-dated event", "not borne out: it claims", exit_code=UNESTABLISHED)(
    _tweaked(lambda said: replace(said, created=START - timedelta(days=900)))
)
stated("an event from the future", "not borne out", exit_code=UNESTABLISHED)(
    _tweaked(lambda said: replace(said, created=START + timedelta(days=9000)))
)


@stated("events dated back a little each", "not borne out: it claims", exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    now = START + timedelta(days=2)
    for step in range(4):
        archivist.add_event(tweak=lambda said, step=step: replace(said, created=now - timedelta(minutes=4 * step)))  # type: ignore[misc]


@stated("runs dated back a little each", "not borne out", claim=Claim.CREATED, exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    now = START + timedelta(days=2)
    for step in range(4):
        archivist.add_run(tweak=lambda signed, step=step: replace(signed, created=now - timedelta(minutes=4 * step)))  # type: ignore[misc]


@stated("a run that claims to be older than the event before it", "not borne out", claim=Claim.CREATED, exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    archivist.add_event(tweak=lambda said: replace(said, created=START + timedelta(days=20)))
    archivist.add_run()


@stated("an event about a run that has another SEAL", "another SEAL than the one that is here")
def _(archivist: Archivist) -> None:
    archivist.add_event(Custody(action="copy", reason="why", runs=(RunRef(sequence=1, seal_sha256="0" * 64),)))


@stated("a statement with a duplicate key, validly signed", "duplicate key")
def _(archivist: Archivist) -> None:
    _signed_bytes(archivist, lambda data: data.replace(b'"to": null', b'"to": null,\n    "to": "x"'))


@stated("a statement of a kind that nobody knows, validly signed", "does not know")
def _(archivist: Archivist) -> None:
    _signed_bytes(archivist, lambda data: data.replace(b"preserve-custody/v1", b"preserve-custody/v2"))


@stated("a statement with a field too many, validly signed", "unknown field")
def _(archivist: Archivist) -> None:
    _signed_bytes(archivist, lambda data: data.replace(b'"to": null', b'"to": null,\n    "cc": "x"'))


@stated("a statement in another spelling, validly signed", "not canonical")
def _(archivist: Archivist) -> None:
    _signed_bytes(archivist, lambda data: data.replace(b"    ", b"     "))


# --- rollbacks


def rolled_back(archivist: Archivist, signer: Pen | None = None, remembered: int | None = None) -> Archivist:
    """The same archive, restored from before its last run, and the statement that this is accepted."""
    older = Archivist(signers=archivist.signers)
    older.add_run()
    seen = note.parse_checkpoint(archivist.checkpoint().text)
    log = older.statement(Custody(action="x", reason="x")).log
    older.add_event(
        Rollback(
            reason="the disk broke",
            remembered_size=remembered or seen.size,
            remembered_root=seen.root.hex(),
            accepted_size=log.size_before,
            accepted_root=log.root_before,
        ),
        None if signer is None else (signer,),
    )
    return older


def _restored(
    name: str, exit_code: int, says: str, *, memory: bool = True
) -> Callable[[Callable[[Archivist], Archivist]], None]:
    def keep(change: Callable[[Archivist], Archivist]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist).write(root)

        attack(name, exit_code, Claim.LOG_CONSISTENCY, says, memory=memory)(does)

    return keep


_restored("a rollback that was accepted, for one who saw more", UNESTABLISHED, "If you accept it too")(rolled_back)
_restored("a rollback that was accepted, for one who saw nothing", OK, "rolled back once, from 2 entries to 1", memory=False)(
    rolled_back
)
_restored("a rollback that was accepted by a stranger", ALTERED, "rewritten")(
    lambda archivist: rolled_back(archivist, Pen("a stranger"))
)


_restored("a rollback that was accepted from less than was seen", ALTERED, "rewritten")(
    lambda archivist: rolled_back(archivist, remembered=1)
)


@attack("an accepted rollback moved into the journal", OK, Claim.LOG_CONSISTENCY, "rolled back once, from 2 entries to 1")
def _(archivist: Archivist, root: Path) -> None:
    older = rolled_back(archivist)
    older.write(root)
    unplace(root, max(older.events))


@stated("an accepted rollback to another state than it was added to", "accepts another state of the log")
def _(archivist: Archivist) -> None:
    archivist.add_event(
        Rollback(reason="x", remembered_size=9, remembered_root="1" * 64, accepted_size=1, accepted_root="2" * 64)
    )


def _signed_bytes(archivist: Archivist, change: Callable[[bytes], bytes]) -> None:
    said = archivist.statement(Custody(action="copy", reason="why"))
    data = statement.encode(said)
    assert change(data) != data
    archivist.add_stated(change(data), said.name)


def _reseal(event: Path) -> None:
    bound = {
        path.relative_to(event).as_posix(): path.read_bytes()
        for path in sorted(event.rglob("*"))
        if path.is_file() and path.name != "SEAL"
    }
    (event / "SEAL").write_bytes(seal_over(bound, statement.NAME))


def _sign_anew(event: Path, pen: Pen, *, alone: bool) -> None:
    if alone:
        shutil.rmtree(event / "keys")
        shutil.rmtree(event / "signatures")
    document = (event / "statement.json").read_bytes()
    write(event, {f"keys/{pen.keyid}.pem": pen.public.pem, f"signatures/{pen.keyid}.sig": pen.sign(document)})
    _reseal(event)


def unplace(root: Path, name: str) -> None:
    """Move an event back to where it was staged, as a kill before its last step leaves it."""
    (root / "journal").mkdir()
    (root / "events" / name).rename(root / "journal" / name)


def _unplace(root: Path, archivist: Archivist) -> Path:
    """One more event, logged, and still in the journal."""
    at = archivist.add_event()
    name = at.split("/")[1]
    shutil.rmtree(root / "log")
    write(root, archivist.log_files())
    write(root / "journal" / name, archivist.events[name])
    return root / "journal" / name

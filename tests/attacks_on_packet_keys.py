"""Packets of an archive whose keys were replaced, and what can be done to the statements that they carry.

The verifier knows the first signer and the log's first key alone. Importing this module enters its attacks among those of `packetcorpus`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from archives import START, Archivist, Files, LogPen, Pen, seal_over
from attacks_on_coworkers import ANN, BO, CY, agreed, members, name_coworkers, revocation, revoke_together, rewritten
from attacks_on_keys import NEW, OLD, PAPER, STRANGER, name_paper, revoke, rotate, sign_with
from attacks_on_log_keys import FIRST, NEXT, THIRD
from attacktools import good
from authorities import shared
from packetcorpus import ATTACKS, Packet, PacketAttack, flipped, packet_of
from preserve.formats.timestamp import read as read_token
from preserve.model.event import Coworkers, Custody, KeyAction, KeyChange, LogRotation
from preserve.model.manifest import TimestampEntry
from preserve.model.trust import Revocation

CO_SIGNER = Pen("Second person")


def with_events(archivist: Archivist, files: Packet) -> Packet:
    """The packet with everything that the archive says of keys."""
    files = dict(files)
    for name, event in archivist.events.items():
        if name.endswith("-key") and int(name.split("-")[0]) < len(archivist.entries):
            files |= {f"events/{name}/{path}": data for path, data in event.items()}
            files[f"events/{name}/log/entry.tlog-proof"] = archivist.proof(int(name.split("-")[0]))
    return files


def of_run(archivist: Archivist, run: int = -1) -> Packet:
    return with_events(archivist, packet_of(archivist.runs[run]))


def rotated() -> Archivist:
    """Both keys replaced, the log's first, and a run by the new ones. Entries: two runs, the log's rotation, the signer's, a run."""
    archivist = good()
    archivist.rotate_log(NEXT)
    rotate(archivist)
    sign_with(archivist, NEW)
    return archivist


LOG, SIGNER = "events/000002-key/", "events/000003-key/"


def on_rotated(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Packet], None]], None]:
    """Somebody changes the packet of the third run, whose signer follows from the first by two statements."""

    def keep(change: Callable[[Packet], None]) -> None:
        def make() -> Packet:
            files = of_run(rotated())
            change(files)
            return files

        ATTACKS.append(PacketAttack(name=name, says=says, make=make, exit=exit_code))

    return keep


def on_history(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Archivist], Packet]], None]:
    """Somebody with keys in hand makes the history that a packet is made of."""

    def keep(happens: Callable[[Archivist], Packet]) -> None:
        ATTACKS.append(PacketAttack(name=name, says=says, make=lambda: happens(good()), exit=exit_code))

    return keep


def drop(files: Packet, at: str) -> None:
    for name in [name for name in files if name.startswith(at)]:
        del files[name]


def reseal(files: Packet, at: str) -> None:
    bound = {
        name.removeprefix(at): data
        for name, data in files.items()
        if name.startswith((f"{at}keys/", f"{at}signatures/", f"{at}statement"))
    }
    files[f"{at}SEAL"] = seal_over(bound, "statement.json")


# --- left out


@on_rotated("the signer's rotation left out", "signer-unknown", 41)
def _(files: Packet) -> None:
    drop(files, SIGNER)


@on_rotated("the rotation of the log's key left out", "log-unknown", 41)
def _(files: Packet) -> None:
    drop(files, LOG)


@on_rotated("all that is said of keys left out", "log-unknown", 41)
def _(files: Packet) -> None:
    drop(files, "events/")


for _part in ("statement.json", "SEAL", "log/entry.tlog-proof", f"keys/{OLD.keyid}.pem"):

    @on_rotated(f"a rotation without its {_part[:24]}", "file-missing")
    def _(files: Packet, part: str = _part) -> None:
        del files[SIGNER + part]


@on_rotated("a signature under a rotation stripped, SEAL recomputed", "signer-set-differs")
def _(files: Packet) -> None:
    del files[f"{SIGNER}keys/{OLD.keyid}.pem"], files[f"{SIGNER}signatures/{OLD.keyid}.sig"]
    reseal(files, SIGNER)


# --- altered, moved, replayed


@on_rotated("a rotation altered", "event-proof")
def _(files: Packet) -> None:
    name = f"{SIGNER}statement.json"
    files[name] = files[name].replace(b'"name": "A. Archivist"', b'"name": "B. Archivist"', 1)


@on_rotated("a rotation to another key", "event-proof")
def _(files: Packet) -> None:
    name = f"{SIGNER}statement.json"
    files[name] = files[name].replace(b'"successor": "' + NEW.keyid.encode(), b'"successor": "' + STRANGER.keyid.encode())


@on_rotated("a rotation in another spelling", "manifest-format")
def _(files: Packet) -> None:
    files[f"{SIGNER}statement.json"] += b"\n"


@on_rotated("one bit in the signature under a rotation", "seal-hash")
def _(files: Packet) -> None:
    name = f"{SIGNER}signatures/{OLD.keyid}.sig"
    files[name] = flipped(files[name], 9)


@on_rotated("one bit in the signature under a rotation, SEAL recomputed", "bad-signature")
def _(files: Packet) -> None:
    name = f"{SIGNER}signatures/{OLD.keyid}.sig"
    files[name] = flipped(files[name], 9)
    reseal(files, SIGNER)


@on_rotated("two rotations exchanged", "event-proof")
def _(files: Packet) -> None:
    for part in ("statement.json", "SEAL"):
        files[SIGNER + part], files[LOG + part] = files[LOG + part], files[SIGNER + part]


@on_rotated("two rotations exchanged, with everything in their folders", "key-event")
def _(files: Packet) -> None:
    both = {name: data for name, data in files.items() if name.startswith("events/")}
    drop(files, "events/")
    for name, data in both.items():
        files[name.replace("000002", "x").replace("000003", "000002").replace("x", "000003")] = data


@on_rotated("a rotation replayed in a later place", "key-event")
def _(files: Packet) -> None:
    for name in [name for name in files if name.startswith(SIGNER)]:
        files[name.replace("000003", "000007")] = files[name]


@on_rotated("a rotation under its number in another spelling", "key-event")
def _(files: Packet) -> None:
    for name in [name for name in files if name.startswith(SIGNER)]:
        files[name.replace("000003", "0000003")] = files.pop(name)


@on_rotated("the proof of another rotation", "event-proof")
def _(files: Packet) -> None:
    files[f"{SIGNER}log/entry.tlog-proof"] = files[f"{LOG}log/entry.tlog-proof"]


@on_rotated("a proof of a rotation that is none", "event-proof")
def _(files: Packet) -> None:
    files[f"{SIGNER}log/entry.tlog-proof"] = b"c2sp.org/tlog-proof@v1\n"


@on_rotated("one bit in the proof of a rotation", "event-proof")
def _(files: Packet) -> None:
    files[f"{SIGNER}log/entry.tlog-proof"] = flipped(files[f"{SIGNER}log/entry.tlog-proof"], 45)


@on_rotated("rotations proven against two heads", "event-proof")
def _(files: Packet) -> None:
    files[f"{SIGNER}log/entry.tlog-proof"] = rotated().proof(3, 4)


@on_rotated("rotations proven against a head that is older than the run", "event-proof")
def _(files: Packet) -> None:
    for at, index in ((LOG, 2), (SIGNER, 3)):
        files[f"{at}log/entry.tlog-proof"] = rotated().proof(index, 4)


@on_rotated("a file beside a rotation", "unlisted-file")
def _(files: Packet) -> None:
    files[f"{SIGNER}notes.txt"] = b"x"


@on_rotated("a start token beside a rotation", "unlisted-file")
def _(files: Packet) -> None:
    files[f"{SIGNER}timestamps/start-a.tsr"] = shared("a").stamp(b"x")


@on_rotated("a token beside a rotation that is none over it", "token-unnamed")
def _(files: Packet) -> None:
    files[f"{SIGNER}timestamps/a.tsr"] = shared("a").stamp(b"x")


@on_rotated("an event of another kind under its own name", "unlisted-file")
def _(files: Packet) -> None:
    for name in [name for name in files if name.startswith(SIGNER)]:
        files[name.replace("-key", "-custody")] = files[name]


@on_rotated("a rotation signed over, and never entered in the log", "event-proof")
def _(files: Packet) -> None:
    thief = rotated()
    del thief.entries[3:], thief.runs[2:]
    rotate(thief, (OLD, STRANGER), new=STRANGER)
    for path, data in thief.events["000003-key"].items():
        files[SIGNER + path] = data


# --- who may, and whose log


@on_history("custody under the name of a key event", "manifest-format")
def _(archivist: Archivist) -> Packet:
    at = archivist.add_event(Custody(action="copy", reason="why")).split("/")[1]
    archivist.events[at.replace("custody", "key")] = archivist.events.pop(at)
    return of_run(archivist)


@on_history("a rotation by the new key alone", "key-event")
def _(archivist: Archivist) -> Packet:
    rotate(archivist, (NEW,))
    sign_with(archivist, NEW)
    return of_run(archivist)


@on_history("a rotation by the old key alone", "key-event")
def _(archivist: Archivist) -> Packet:
    rotate(archivist, (OLD,))
    sign_with(archivist, NEW)
    return of_run(archivist)


@on_history("a rotation by a stranger", "signer-unknown", 41)
def _(archivist: Archivist) -> Packet:
    rotate(archivist, (STRANGER, NEW))
    sign_with(archivist, NEW)
    return of_run(archivist)


@on_history("a rotation of the log's key that nobody else signed", "key-event")
def _(archivist: Archivist) -> Packet:
    archivist.rotate_log(NEXT, (FIRST, NEXT))
    return of_run(archivist)


@on_history("a rotation of the log's key by a thief of it alone", "log-unknown", 41)
def _(archivist: Archivist) -> Packet:
    archivist.rotate_log(NEXT, (STRANGER, FIRST, NEXT))
    archivist.add_run()
    return of_run(archivist)


@on_history("a rotation of another log's key", "key-event")
def _(archivist: Archivist) -> Packet:
    one, other = LogPen("one", "other.example/log"), LogPen("two", "other.example/log")
    archivist.add_event(LogRotation(old=one.key.encode(), new=other.key.encode()), (OLD, one, other))
    return of_run(archivist)


@on_history("a log's key that was replaced, replaced once more", "key-unfollowed", 41)
def _(archivist: Archivist) -> Packet:
    archivist.rotate_log(NEXT)
    archivist.add_event(LogRotation(old=FIRST.key.encode(), new=THIRD.key.encode()), (OLD, FIRST, THIRD))
    return of_run(archivist)


@on_history("a head signed by the log's key that was replaced", "log-signature")
def _(archivist: Archivist) -> Packet:
    archivist.rotate_log(NEXT)
    archivist.log = FIRST
    return of_run(archivist, 0)


@on_history("a run's proof signed by the log's key that was replaced", "log-signature")
def _(archivist: Archivist) -> Packet:
    archivist.rotate_log(NEXT)
    archivist.log = FIRST
    archivist.add_run()
    archivist.log = NEXT
    return of_run(archivist)


@on_history("rotations in a log that nobody knows", "log-unknown", 41)
def _(archivist: Archivist) -> Packet:
    archivist.__dict__["log"] = LogPen("a thief's log", archivist.origin)
    rotate(archivist)
    sign_with(archivist, NEW)
    return of_run(archivist)


@on_history("what another archive with the same log's name says of keys", "other-archive")
def _(archivist: Archivist) -> Packet:
    other = good()
    other.id = "archive.example/other"
    rotate(other)
    return with_events(other, packet_of(archivist.runs[0]))


@on_history("two histories of one log", "log-fork")
def _(archivist: Archivist) -> Packet:
    other = good()
    rotate(other)
    archivist.add_run()
    return with_events(other, packet_of(archivist.runs[2]))


# --- given up, compromised


@on_history("a run by a key that was given up", "signer-unknown", 41)
def _(archivist: Archivist) -> Packet:
    revoke(archivist, (OLD,))
    archivist.add_run()
    return of_run(archivist)


@on_history("a run by a key that its recovery key calls compromised", "signer-unknown", 41)
def _(archivist: Archivist) -> Packet:
    name_paper(archivist)
    revoke(archivist, (PAPER,), since=START - timedelta(days=1))
    return of_run(archivist, 0)


@on_history("a key called compromised by itself", "key-unfollowed", 41)
def _(archivist: Archivist) -> Packet:
    revoke(archivist, (OLD,), since=START - timedelta(days=1))
    return of_run(archivist, 0)


@on_history("a second rotation of one key", "signer-unknown", 41)
def _(archivist: Archivist) -> Packet:
    rotate(archivist)
    rotate(archivist, (OLD, STRANGER), new=STRANGER)
    sign_with(archivist, STRANGER)
    return of_run(archivist)


# --- co-workers


def _stated_together(name: str, says: str, exit_code: int = 40) -> Callable[[Callable[[Archivist], None]], None]:
    """Co-workers are named, and then something is stated in their name."""

    def keep(happens: Callable[[Archivist], None]) -> None:
        def made(archivist: Archivist) -> Packet:
            name_coworkers(archivist)
            happens(archivist)
            return of_run(archivist, 0)

        on_history(name, says, exit_code)(made)

    return keep


@_stated_together("a run by a key that two of three co-workers call compromised", "signer-unknown", 41)
def _(archivist: Archivist) -> None:
    revoke_together(archivist, (BO, CY))


@_stated_together("a revocation with one co-worker too few", "key-unfollowed", 41)
def _(archivist: Archivist) -> None:
    revoke_together(archivist, (BO,))


@_stated_together("a revocation to which co-workers agreed in another archive", "bad-signature")
def _(archivist: Archivist) -> None:
    body = agreed(Archivist(id="archive.example/other", origin=archivist.origin), revocation(), (BO, CY))
    archivist.add_event(body, (OLD,))


@_stated_together("a circle whom a thief names instead", "key-unfollowed", 41)
def _(archivist: Archivist) -> None:
    name_coworkers(archivist, (STRANGER,), threshold=1, replaces=2)


@_stated_together("a circle in which nobody has to agree", "manifest-format")
def _(archivist: Archivist) -> None:
    circle = Coworkers(keyid=OLD.keyid, replaces=2, threshold=2, members=members((ANN, BO)))
    rewritten(archivist, circle, b'"threshold": 2', b'"threshold": 0')


# --- what is good


def _lost() -> Packet:
    """The key lost, and replaced by the one on paper."""
    archivist = good()
    name_paper(archivist)
    rotate(archivist, (PAPER, NEW))
    sign_with(archivist, NEW)
    return of_run(archivist)


def _stamped() -> Packet:
    """A rotation with a time-stamp."""
    archivist = good()
    body = KeyChange(action=KeyAction.ROTATE, keyid=OLD.keyid, successor=NEW.keyid)
    stamps, moment = (TimestampEntry(authority="a"),), _moment()
    at = archivist.add_event(body, (OLD, NEW), tweak=lambda said: replace(said, timestamps=stamps, created=moment))
    event = archivist.events[at.split("/")[1]]
    event["timestamps/a.tsr"] = shared("a").stamp(event["SEAL"])
    return of_run(archivist, 0)


def _moment() -> datetime:
    """What the authority's clock says."""
    return read_token(shared("a").stamp(b"now")).time - timedelta(seconds=1)


def _stolen() -> Packet:
    """The log's key called compromised, and replaced twice."""
    archivist = good()
    archivist.rotate_log(NEXT, reason=Revocation.COMPROMISED, since=START)
    archivist.rotate_log(THIRD)
    archivist.add_run()
    return of_run(archivist)


def _together() -> Packet:
    """The first key given up by two of three co-workers, whom others let in; entered by a stranger."""
    archivist = good()
    first = name_coworkers(archivist, (STRANGER,), threshold=1)
    name_coworkers(archivist, replaces=first, by=(STRANGER,))
    revoke_together(archivist, (ANN, CY), since=None, signers=(STRANGER,))
    return of_run(archivist, 0)


def _twice() -> Packet:
    """The key on paper follows the signing key, is named its own recovery key, and lets another follow: it speaks as both."""
    archivist = good()
    rotate(archivist, (OLD, PAPER), new=PAPER)
    name_paper(archivist, (PAPER, OLD))
    body = KeyChange(action=KeyAction.ROTATE, keyid=PAPER.keyid, successor=NEW.keyid)
    early = START - timedelta(hours=2)
    archivist.add_event(body, (PAPER, NEW), tweak=lambda said: replace(said, created=early))
    return of_run(archivist, 0)


GOOD: dict[str, Callable[[], Packet]] = {
    "both keys replaced": lambda: of_run(rotated()),
    "a run from before": lambda: of_run(rotated(), 0),
    "a lost key replaced": _lost,
    "a rotation stamped": _stamped,
    "a stolen log's key replaced": _stolen,
    "a key given up by co-workers": _together,
    "a key that is its own recovery key": _twice,
    "a rotation by a stranger, which nothing rests on": lambda: of_run(_of_stranger(), 0),
}


def _of_stranger() -> Archivist:
    archivist = good()
    rotate(archivist, (STRANGER, NEW), old=STRANGER)
    return archivist


# --- any history at all

_COWORKERS = (ANN, BO, CY, NEW, PAPER)
_PENS = (OLD, NEW, PAPER, STRANGER, CO_SIGNER)
_LOGS = (FIRST, NEXT, THIRD)


def any_history(seed: int) -> Archivist:
    """Runs and statements about keys by anybody, mostly such that may be; dated here and there, some of them stamped."""
    chance, archivist = random.Random(seed), good()
    if chance.random() < 0.4:
        name_coworkers(archivist, threshold=chance.randint(1, 3))
    for _ in range(chance.randrange(2, 9)):
        _happen(archivist, chance)
    return archivist


def _happen(archivist: Archivist, chance: random.Random) -> None:
    pens = chance.sample(_PENS, chance.choice((1, 2, 2, 2, 3)))
    match chance.randrange(11):
        case 8 | 9 | 10:
            _together_somehow(archivist, chance, pens)
        case 0 | 1:
            archivist.signers = pens[:2]
            archivist.add_run()
        case 2 | 3:
            old, new = chance.sample(_PENS[:4], 2)
            body: KeyChange | LogRotation = KeyChange(action=KeyAction.ROTATE, keyid=old.keyid, successor=new.keyid)
            _state(archivist, chance, body, _some(chance, (old, new), pens))
        case 4:
            _state(
                archivist, chance, KeyChange(action=KeyAction.RECOVERY, keyid=PAPER.keyid), _some(chance, (OLD, PAPER), pens)
            )
        case 5 | 6:
            stolen = chance.random() < 0.5
            body = KeyChange(
                action=KeyAction.REVOKE,
                keyid=chance.choice(_PENS[:3]).keyid,
                reason=Revocation.COMPROMISED if stolen else Revocation.SUPERSEDED,
                since=START + timedelta(hours=chance.randrange(-48, 96)) if stolen else None,
            )
            _state(archivist, chance, body, _some(chance, (PAPER,), pens))
        case _:
            new = chance.choice(_LOGS)
            old = archivist.log if chance.random() < 0.8 else chance.choice(_LOGS)
            if old.keyid == new.keyid:
                return
            body = LogRotation(old=old.key.encode(), new=new.key.encode())
            _state(archivist, chance, body, _some(chance, (OLD, old, new), [*pens[:1], old, new]))
            if chance.random() < 0.9:
                archivist.log = new


def _together_somehow(archivist: Archivist, chance: random.Random, pens: Sequence[Pen]) -> None:
    """Co-workers are named, mostly by who may, and then mostly enough of them agree to something."""
    before, everybody = _named(archivist), chance.sample(_COWORKERS, len(_COWORKERS))
    people = everybody if chance.random() < 0.7 else everybody[: chance.randrange(1, 4)]
    if before is None or chance.random() < 0.3:
        key = chance.choice((OLD, OLD, OLD, NEW))
        chosen = [pen for pen in everybody[: chance.randint(2, 4)] if pen is not key]
        if chance.random() < 0.2:
            before = chance.choice((None, *range(len(archivist.entries))))
        threshold = chance.randint(1, len(chosen))
        circle = Coworkers(keyid=key.keyid, replaces=before, threshold=threshold, members=members(chosen))
        _state(archivist, chance, agreed(archivist, circle, [] if before is None else people), _some(chance, (key,), pens))
        return
    stolen = chance.random() < 0.7
    change = KeyChange(
        action=KeyAction.REVOKE,
        keyid=chance.choice((OLD, OLD, NEW, PAPER)).keyid,
        reason=Revocation.COMPROMISED if stolen else Revocation.SUPERSEDED,
        since=START + timedelta(hours=chance.randrange(-48, 96)),
    )
    _state(archivist, chance, agreed(archivist, change, people), pens)


def _named(archivist: Archivist) -> int | None:
    """The last entry that names co-workers."""
    found = [index for index, entry in enumerate(archivist.entries) if b'"action": "coworkers"' in entry]
    return found[-1] if found else None


def _some(chance: random.Random, may: Sequence[Pen], others: Sequence[Pen]) -> Sequence[Pen]:
    return may if chance.random() < 0.75 else others


def _state(archivist: Archivist, chance: random.Random, body: KeyChange | Coworkers | LogRotation, pens: Sequence[Pen]) -> None:
    shift = timedelta(minutes=chance.choice((0, 0, 0, -3, 40, -3000)))
    stamped, now = chance.random() < 0.25, _moment()
    at = archivist.add_event(
        body, tuple(dict.fromkeys(pens)), tweak=lambda said: replace(said, created=now if stamped else said.created + shift)
    )
    event: Files = archivist.events[at.split("/")[1]]
    if stamped:
        event["timestamps/a.tsr"] = shared("a").stamp(event["SEAL"])


assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "attack names are unique"

"""Attacks on the replacement of a log's key: by strangers, by thieves of either key, replayed, hidden. The verifier pinned the first keys."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from archives import START, Archivist, LogPen, Pen, write
from attacks_on_events import unplace
from attacks_on_keys import on_keys, rotate, sign_with
from attacktools import ALTERED, OK, UNESTABLISHED, attack
from preserve.formats import note
from preserve.formats.note import Checkpoint
from preserve.model.event import LogRotation
from preserve.model.finding import Claim
from preserve.model.trust import Revocation

ORIGIN = "archive.example/main/log"
FIRST, NEXT, THIRD = LogPen("the log", ORIGIN), LogPen("the next log", ORIGIN), LogPen("a third log", ORIGIN)
OPERATOR, STRANGER = Pen("A. Archivist"), Pen("a stranger")


def body(old: LogPen = FIRST, new: LogPen = NEXT) -> LogRotation:
    return LogRotation(old=old.key.encode(), new=new.key.encode())


# --- what is followed


@on_keys("the log's key rotated, and a run after it", f"is followed by {NEXT.keyid[:4]}", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.add_run()


@on_keys("the log's key rotated twice", "under the trusted key", exit_code=OK, claim=Claim.LOG_CONSISTENCY)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.add_run()
    archivist.rotate_log(THIRD, reason=Revocation.COMPROMISED, since=START)
    archivist.add_run()


@on_keys("the log's key rotated, then the signer's", "through the rotation", exit_code=OK)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT)
    rotate(archivist)
    sign_with(archivist, Pen("the new key"))


@on_keys("the signer's key rotated, then the log's by the new signer", "through the rotation", exit_code=OK)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist)
    sign_with(archivist, Pen("the new key"))
    archivist.rotate_log(NEXT)


@attack("a rotation of the log's key that waits in the journal", OK, Claim.COMPLETENESS, "its event is staged whole")
def _(archivist: Archivist, root: Path) -> None:
    at = archivist.rotate_log(NEXT)
    archivist.write(root)
    unplace(root, at.split("/")[1])


# --- who may not


@on_keys("the log's key rotated by a stranger", "UNKNOWN KEY", exit_code=UNESTABLISHED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT, (STRANGER, FIRST, NEXT))
    archivist.add_run()


@on_keys(
    "the log's key rotated by a thief of the log's key alone",
    "nobody whom you trust signed that",
    exit_code=UNESTABLISHED,
    claim=Claim.LOG_CONSISTENCY,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT, (STRANGER, FIRST, NEXT))


@on_keys("the log's key rotated by nobody but itself", "no signer of the archive", exit_code=ALTERED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT, (FIRST, NEXT))


@on_keys(
    "a rotation of the log's key that the old one did not sign",
    "the key that is replaced did not sign it",
    exit_code=ALTERED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT, (OPERATOR, NEXT))


@on_keys(
    "a rotation of the log's key that the new one did not sign",
    "the key that comes in did not sign it",
    exit_code=ALTERED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT, (OPERATOR, FIRST))


@on_keys(
    "a stranger's log put in the place of the log",
    "forged: no signature by the log's key",
    exit_code=ALTERED,
    claim=Claim.LOG_CONSISTENCY,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.log = THIRD
    archivist.rotate_log(NEXT)


@attack("a rotation of another log's key", ALTERED, Claim.EVENTS, "about the keys of another log")
def _(archivist: Archivist, root: Path) -> None:
    one, other = LogPen("one", "other.example/log"), LogPen("two", "other.example/log")
    archivist.add_event(body(one, other), (OPERATOR, one, other))
    archivist.write(root)


# --- replayed, hidden


@attack("a rotation of the log's key replayed in a later place", ALTERED, Claim.EVENTS, "misplaced")
def _(archivist: Archivist, root: Path) -> None:
    at = archivist.rotate_log(NEXT)
    archivist.add_run()
    event = archivist.events[at.split("/")[1]]
    archivist.entries.append(event["statement.json"])
    archivist.events["000004-key"] = event
    archivist.write(root)


@on_keys(
    "the log's key rotated once more by a key that was replaced",
    "the log's key was not the one that it replaces",
    exit_code=UNESTABLISHED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.add_event(body(FIRST, THIRD), (OPERATOR, FIRST, THIRD))


@on_keys(
    "the log's key rotated back to a key that was replaced",
    "the log's key was not the one that it replaces",
    exit_code=UNESTABLISHED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.add_event(body(NEXT, FIRST), (OPERATOR, NEXT, FIRST))


@attack("a rotation of the log's key planted, which the log does not hold", ALTERED, Claim.EVENTS, "not in the log")
def _(archivist: Archivist, root: Path) -> None:
    at = archivist.rotate_log(NEXT)
    event = archivist.events.pop(at.split("/")[1])
    del archivist.entries[-1]
    archivist.log = FIRST
    archivist.add_event()
    archivist.write(root)
    shutil.rmtree(root / "events")
    write(root, {at + path: data for path, data in event.items()})


@attack("a rotation of the log's key deleted", ALTERED, Claim.COMPLETENESS, "log entry 2: missing")
def _(archivist: Archivist, root: Path) -> None:
    at = archivist.rotate_log(NEXT)
    archivist.write(root)
    shutil.rmtree(root / at)


# --- which key signs when


def _head(archivist: Archivist, root: Path, *pens: LogPen, entries: list[bytes] | None = None) -> None:
    archivist.write(root)
    if entries is not None:
        archivist.entries = entries
    text = note.parse(archivist.checkpoint().encode()).text
    (root / "log/checkpoint").write_bytes(note.sign(text, pens).encode())


@attack(
    "a head signed by the log's key that was replaced",
    ALTERED,
    Claim.LOG_CONSISTENCY,
    "signed by the key that entry 2 of the log replaced",
)
def _(archivist: Archivist, root: Path) -> None:
    archivist.rotate_log(NEXT)
    _head(archivist, root, FIRST)


@attack(
    "a head of before the rotation signed by the key that follows",
    ALTERED,
    Claim.COMPLETENESS,
    "",
)
def _(archivist: Archivist, root: Path) -> None:
    archivist.rotate_log(NEXT)
    _head(archivist, root, NEXT, entries=archivist.entries[:2])


@attack("a head signed by both keys of the log", OK, Claim.WITNESSES, "a signature line of a key that is not known here")
def _(archivist: Archivist, root: Path) -> None:
    archivist.rotate_log(NEXT)
    _head(archivist, root, FIRST, NEXT)


@attack("a fork signed by both keys of the log", ALTERED, Claim.LOG_CONSISTENCY, "the entries are not those")
def _(archivist: Archivist, root: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.write(root)
    fork = Checkpoint(origin=ORIGIN, size=3, root=bytes(32))
    (root / "log/checkpoint").write_bytes(note.sign(fork.encode(), (FIRST, NEXT)).encode())


@attack("a history that goes on with the key that was replaced", ALTERED, Claim.LOG_CONSISTENCY, "rewritten", memory=True)
def _(archivist: Archivist, root: Path) -> None:
    """The verifier saw two entries, and then a thief's other second one."""
    del archivist.runs[1], archivist.names[1], archivist.entries[1]
    archivist.add_event()
    archivist.add_event()
    archivist.write(root)


@attack(
    "a proof by the key that was replaced, of after the rotation",
    ALTERED,
    Claim.LOG_CONSISTENCY,
    "signed by the key that entry 2 of the log replaced",
)
def _(archivist: Archivist, root: Path) -> None:
    archivist.rotate_log(NEXT)
    archivist.log = FIRST
    archivist.add_run()
    archivist.log = NEXT
    archivist.write(root)


@on_keys(
    "a rotation of the log's key dated before the signer's key counted",
    "not borne out",
    exit_code=UNESTABLISHED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    archivist.add_event(
        body(), (OPERATOR, FIRST, NEXT), tweak=lambda said: replace(said, created=said.created - timedelta(days=9))
    )
    archivist.first_log, archivist.log = FIRST, NEXT

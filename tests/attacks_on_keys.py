"""Attacks on what the log says of keys: rotations, revocations and recovery keys forged, stolen, hidden. The verifier pinned the first signer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from archives import START, Archivist, Pen, write
from attacks_on_events import unplace
from attacktools import ALTERED, OK, UNESTABLISHED, attack
from preserve.model.event import Custody, KeyAction, KeyChange
from preserve.model.finding import Claim
from preserve.model.trust import Revocation

OLD, NEW, PAPER, STRANGER = Pen("A. Archivist"), Pen("the new key"), Pen("the paper"), Pen("a stranger")
CO_SIGNER = Pen("Second person")


def rotate(archivist: Archivist, signers: Sequence[Pen] = (OLD, NEW), *, old: Pen = OLD, new: Pen = NEW) -> str:
    """The statement that `new` follows `old`."""
    return archivist.add_event(KeyChange(action=KeyAction.ROTATE, keyid=old.keyid, successor=new.keyid), signers)


def revoke(
    archivist: Archivist,
    signers: Sequence[Pen],
    *,
    key: Pen = OLD,
    since: datetime | None = None,
    created: datetime | None = None,
) -> str:
    """The statement that `key` is compromised since a time, or superseded."""
    reason = Revocation.SUPERSEDED if since is None else Revocation.COMPROMISED
    body = KeyChange(action=KeyAction.REVOKE, keyid=key.keyid, reason=reason, since=since)
    return archivist.add_event(body, signers, tweak=lambda said: said if created is None else replace(said, created=created))


def name_paper(archivist: Archivist, signers: Sequence[Pen] = (OLD, PAPER), *, paper: Pen = PAPER) -> str:
    """The statement that a key is the recovery key."""
    return archivist.add_event(KeyChange(action=KeyAction.RECOVERY, keyid=paper.keyid), signers)


def sign_with(archivist: Archivist, *pens: Pen) -> None:
    """One more run, by these signers."""
    archivist.signers = pens
    archivist.add_run()


def on_keys(
    name: str, says: str, *, exit_code: int, claim: Claim = Claim.SIGNER
) -> Callable[[Callable[[Archivist, Path], None]], None]:
    """Something done with keys in hand; the archive is written afterwards."""

    def keep(change: Callable[[Archivist, Path], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist, root)
            archivist.write(root)

        attack(name, exit_code, claim, says)(does)

    return keep


# --- what is followed


@on_keys("a key rotated, and a run by the new one", "through the rotation to the new key signed by A. Archivist", exit_code=OK)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist)
    sign_with(archivist, NEW)


@on_keys("a key rotated twice", f"through the rotation to a stranger signed by A. Archivist, key {NEW.keyid[:4]}", exit_code=OK)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist)
    rotate(archivist, (NEW, STRANGER), old=NEW, new=STRANGER)
    sign_with(archivist, STRANGER)


@on_keys(
    "a lost key replaced by its recovery key", "through the rotation signed by the recovery key of A. Archivist", exit_code=OK
)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    rotate(archivist, (PAPER, NEW))
    sign_with(archivist, NEW)


@on_keys("a key given up by itself, and nothing by it afterwards", "is revoked as superseded", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    revoke(archivist, (OLD,))


# --- rotation


@on_keys("a rotation signed by the new key alone", "none that lets it in", exit_code=ALTERED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist, (NEW,))
    sign_with(archivist, NEW)


@on_keys("a rotation signed by the old key alone", "not signed by the key that comes in", exit_code=ALTERED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist, (OLD,))


@on_keys("a rotation signed by the new key and a stranger's", f"UNKNOWN KEY {NEW.keyid[:4]}", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist, (NEW, STRANGER))
    sign_with(archivist, NEW)


@on_keys("a rotation by a key that was given up before", f"UNKNOWN KEY {NEW.keyid[:4]}", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    revoke(archivist, (OLD,))
    rotate(archivist)
    sign_with(archivist, NEW)


@on_keys("a second rotation of a key, dated before the first", f"UNKNOWN KEY {STRANGER.keyid[:4]}", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist)
    body = KeyChange(action=KeyAction.ROTATE, keyid=OLD.keyid, successor=STRANGER.keyid)
    archivist.add_event(body, (OLD, STRANGER), tweak=lambda said: replace(said, created=said.created - timedelta(minutes=3)))
    sign_with(archivist, STRANGER)


@on_keys("a run by the old key after the rotation", "was given up at", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    rotate(archivist)
    sign_with(archivist, OLD)


@on_keys("a run by the new key from before the rotation", "counts from", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    sign_with(archivist, NEW)
    archivist.signers = (OLD,)
    rotate(archivist)


@attack("a rotation under a log that nobody knows", UNESTABLISHED, Claim.SIGNER, f"UNKNOWN KEY {NEW.keyid[:4]}")
def _(_: Archivist, root: Path) -> None:
    archivist = Archivist(id="archive.example/other", origin="archive.example/other/log")
    archivist.add_run()
    rotate(archivist)
    sign_with(archivist, NEW)
    archivist.write(root)


@attack("a rotation deleted", ALTERED, Claim.COMPLETENESS, "log entry 2: missing")
def _(archivist: Archivist, root: Path) -> None:
    at = rotate(archivist)
    sign_with(archivist, NEW)
    archivist.write(root)
    shutil.rmtree(root / at)


# --- revocation


_BEFORE, _AFTER = START - timedelta(days=1), START + timedelta(days=9)


@on_keys("a key revoked as compromised by its recovery key", "nothing proves that this is older", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    revoke(archivist, (PAPER,), since=_BEFORE)


@on_keys("a rotation by a key that was compromised before", f"UNKNOWN KEY {NEW.keyid[:4]}", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    rotate(archivist)
    sign_with(archivist, NEW)
    revoke(archivist, (PAPER,), since=_BEFORE, created=START + timedelta(days=3))


@on_keys("a key called compromised by itself", "is for its recovery key to say", exit_code=UNESTABLISHED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    revoke(archivist, (OLD,), since=_BEFORE)


@on_keys("a key revoked by a stranger", "signed by A. Archivist", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    revoke(archivist, (STRANGER,), since=_BEFORE)


@attack("a revocation deleted", ALTERED, Claim.COMPLETENESS, "log entry 3: missing")
def _(archivist: Archivist, root: Path) -> None:
    name_paper(archivist)
    at = revoke(archivist, (PAPER,), since=_BEFORE)
    archivist.add_event(signers=(CO_SIGNER,))
    archivist.write(root)
    shutil.rmtree(root / at)


@attack("a revocation moved into the journal", UNESTABLISHED, Claim.SIGNER, "nothing proves that this is older")
def _(archivist: Archivist, root: Path) -> None:
    name_paper(archivist)
    at = revoke(archivist, (PAPER,), since=_BEFORE)
    archivist.write(root)
    unplace(root, at.split("/")[1])


@attack("a revocation moved into the journal, and another event put in its place", ALTERED, Claim.EVENTS, "another one")
def _(archivist: Archivist, root: Path) -> None:
    name_paper(archivist)
    at = revoke(archivist, (PAPER,), since=_BEFORE)
    archivist.write(root)
    unplace(root, at.split("/")[1])
    del archivist.entries[-1]
    other = archivist.add_event(Custody(action="copy", reason="why"))
    write(root, {other + path: data for path, data in archivist.events[other.split("/")[1]].items()})


# --- recovery


@on_keys("a recovery key named by a stranger", "signed by A. Archivist", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist, (STRANGER, PAPER))
    revoke(archivist, (PAPER,), since=_BEFORE)


@on_keys("a recovery key named by itself alone", "none that lets it in", exit_code=ALTERED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist, (PAPER,))


@on_keys(
    "a second recovery key, which the first did not sign",
    "another recovery key was named before",
    exit_code=UNESTABLISHED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    name_paper(archivist, (OLD, STRANGER), paper=STRANGER)


@on_keys("a recovery key revoked by the signing key", "not obeyed", exit_code=UNESTABLISHED, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    revoke(archivist, (OLD,), key=PAPER)


@on_keys("a run signed by the recovery key", f"UNKNOWN KEY {PAPER.keyid[:4]}", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    sign_with(archivist, PAPER)

"""Attacks on SSH signatures under sealed runs: altered, exchanged, over something else, by keys that do not count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archives import Archivist, Pen, seal_over
from attacktools import ALTERED, OK, UNESTABLISHED, attack, flip
from preserve.formats import statement
from preserve.model.event import Countersignature
from preserve.model.finding import Claim
from sshpens import P256Pen, SshPen, armor, enter

ANN, BO, THIEF = SshPen("Ann"), P256Pen("Bo"), SshPen("A. Thief")


def entered(
    name: str, says: str, *, claim: Claim = Claim.CO_SIGNERS, exit_code: int = ALTERED
) -> Callable[[Callable[[Archivist], None]], None]:
    """Something that whoever keeps the archive has entered."""

    def keep(change: Callable[[Archivist], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            change(archivist)
            archivist.write(root)

        attack(name, exit_code, claim, says)(does)

    return keep


def on_disk(
    name: str, says: str, *, claim: Claim = Claim.EVENTS, exit_code: int = ALTERED
) -> Callable[[Callable[[Path], None]], None]:
    """An outsider's change to the folder of a good countersignature."""

    def keep(change: Callable[[Path], None]) -> None:
        def does(archivist: Archivist, root: Path) -> None:
            at = enter(archivist, ANN, ANN.signature(document(archivist)))
            archivist.write(root)
            change(root / at)

        attack(name, exit_code, claim, says)(does)

    return keep


def document(archivist: Archivist, run: int = 0) -> bytes:
    return archivist.runs[run]["manifest.json"]


@entered("an SSH signature by a key that nobody here knows", "UNKNOWN KEY SHA256:", exit_code=OK)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, ANN.signature(document(archivist)))


@entered("an SSH signature by a P-256 key that nobody here knows", "UNKNOWN KEY SHA256:", exit_code=OK)
def _(archivist: Archivist) -> None:
    enter(archivist, BO, BO.signature(document(archivist)))


@entered("an SSH signature over another run's manifest", "bad signature: it is not over this run's manifest")
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, ANN.signature(document(archivist, 1)))


@entered("an SSH signature over SEAL", "bad signature")
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, ANN.signature(archivist.runs[0]["SEAL"]))


@entered("an SSH signature under another key's name in the signature", "bad signature")
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(THIEF.body(document(archivist), blob=ANN.blob)))


@entered("a P-256 signature under another key's name in the signature", "bad signature")
def _(archivist: Archivist) -> None:
    enter(archivist, BO, armor(P256Pen("A. Thief").body(document(archivist), blob=BO.blob)))


@entered("a bare signature dressed up as one of SSH", "bad signature")
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist), signature=ANN.sign(document(archivist)))))


@entered("an SSH signature that names another hash than it uses", "bad signature")
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist), hash_=b"sha256", says=b"sha512")))


@entered("an SSH signature made for another purpose", "wrong namespace: made for 'git'", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist), namespace=b"git")))


@entered("an SSH signature over SHA-1", "unknown hash: 'sha1'", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist), hash_=b"sha1")))


@entered("an SSH signature of a weak key", "weak key", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    blob = ANN.blob[:-32] + b"\1" + bytes(31)
    enter(archivist, ANN, armor(ANN.body(document(archivist), blob=blob)))


@entered("an SSH signature with bytes behind it", "1 bytes too many", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist)) + b"\0"))


@entered("an SSH signature in another spelling", "not canonical", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, armor(ANN.body(document(archivist)), 64))


@entered("an SSH signature entered as somebody else's", "not by the one that the statement names", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, THIEF.signature(document(archivist)))


@entered("an SSH signature for a run with another SEAL", "another SEAL than the one that is here", claim=Claim.EVENTS)
def _(archivist: Archivist) -> None:
    at = enter(archivist, ANN, ANN.signature(document(archivist)))
    name = at.split("/")[1]
    stated = statement.decode(archivist.events[name]["statement.json"])
    assert isinstance(stated.body, Countersignature)
    run = replace(stated.body.run, seal_sha256="0" * 64)
    archivist.entries.pop()
    signature = archivist.events.pop(name)["manifest.sshsig"]
    at = archivist.add_event(replace(stated.body, run=run))
    archivist.events[at.split("/")[1]]["manifest.sshsig"] = signature


@entered("an SSH signature entered by somebody unknown", "UNKNOWN KEY", claim=Claim.EVENTS, exit_code=UNESTABLISHED)
def _(archivist: Archivist) -> None:
    enter(archivist, ANN, ANN.signature(document(archivist)), signers=(Pen("A. Stranger"),))


@on_disk("an SSH signature with one bit changed", "altered: not the signature that was entered")
def _(event: Path) -> None:
    flip(event / "manifest.sshsig", 90)


@on_disk("an SSH signature deleted", "manifest.sshsig", claim=Claim.EVENTS)
def _(event: Path) -> None:
    (event / "manifest.sshsig").unlink()


@on_disk("an SSH signature exchanged for another good one", "altered: not the signature that was entered")
def _(event: Path) -> None:
    (manifest,) = event.parents[1].glob("runs/000000-*/manifest.json")
    (event / "manifest.sshsig").write_bytes(THIEF.signature(manifest.read_bytes()))


@on_disk("an SSH signature far too long", "altered: longer than 2048 bytes")
def _(event: Path) -> None:
    (event / "manifest.sshsig").write_bytes(b"x" * 10_000)


@on_disk("an SSH signature that SEAL lists too", "bad line", claim=Claim.EVENTS)
def _(event: Path) -> None:
    bound = {"statement.json": (event / "statement.json").read_bytes()}
    for path in (*event.glob("keys/*"), *event.glob("signatures/*")):
        bound[str(path.relative_to(event))] = path.read_bytes()
    line = f"{'0' * 64}  manifest.sshsig\n".encode()
    (event / "SEAL").write_bytes(seal_over(bound, "statement.json") + line)


@on_disk("an SSH signature put beside an event of another kind too", "an event has no such place")
def _(event: Path) -> None:
    (event / "other.sshsig").write_bytes((event / "manifest.sshsig").read_bytes())

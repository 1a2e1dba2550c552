"""Attacks on signatures and keys: stripped, swapped, weak, in a second spelling, of somebody else."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path

from archives import (
    Archivist,
    LogPen,
    Pen,
)
from attacktools import (
    ALTERED,
    UNESTABLISHED,
    attack,
    flip,
    on_run,
    reseal,
)
from preserve.model.finding import Claim


@on_run("a co-signer's signature and key stripped, SEAL recomputed", Claim.CO_SIGNERS, "signer set differs")
def _(run: Path) -> None:
    keyid = Pen("Second person").keyid
    (run / f"keys/{keyid}.pem").unlink()
    (run / f"signatures/{keyid}.sig").unlink()
    reseal(run)


@on_run("a co-signer's signature stripped alone", Claim.COMPLETENESS, "missing")
def _(run: Path) -> None:
    (run / f"signatures/{Pen('Second person').keyid}.sig").unlink()


@on_run("all signatures removed", Claim.INTEGRITY, "no valid signature")
def _(run: Path) -> None:
    shutil.rmtree(run / "signatures")


@on_run("a signature with one bit changed, SEAL recomputed", Claim.INTEGRITY, "bad signature")
def _(run: Path) -> None:
    flip(run / f"signatures/{Pen('A. Archivist').keyid}.sig", 40)
    reseal(run)


@on_run("a signature in its second spelling (S + L)", Claim.INTEGRITY, "bad signature")
def _(run: Path) -> None:
    path = run / f"signatures/{Pen('A. Archivist').keyid}.sig"
    raw = path.read_bytes()
    order = 2**252 + 27742317777372353535851937790883648493
    path.write_bytes(raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little"))
    reseal(run)


@on_run("a byte appended to a signature", Claim.INTEGRITY, "bad signature")
def _(run: Path) -> None:
    path = run / f"signatures/{Pen('A. Archivist').keyid}.sig"
    path.write_bytes(path.read_bytes() + b"\n")
    reseal(run)


@on_run("the key swapped under the same key id", Claim.INTEGRITY, "another key under this key's name")
def _(run: Path) -> None:
    thief, path = Pen("A. Thief"), run / f"keys/{Pen('A. Archivist').keyid}.pem"
    path.write_bytes(thief.public.pem)
    (run / f"signatures/{Pen('A. Archivist').keyid}.sig").write_bytes(thief.sign((run / "manifest.json").read_bytes()))
    reseal(run)


@on_run("a signer added that the manifest does not name", Claim.CO_SIGNERS, "does not name this signer")
def _(run: Path) -> None:
    pen = Pen("A. Latecomer")
    (run / f"keys/{pen.keyid}.pem").write_bytes(pen.public.pem)
    (run / f"signatures/{pen.keyid}.sig").write_bytes(pen.sign((run / "manifest.json").read_bytes()))
    reseal(run)


@on_run("the same key in another spelling of PEM", Claim.INTEGRITY, "not canonical")
def _(run: Path) -> None:
    path = run / f"keys/{Pen('A. Archivist').keyid}.pem"
    path.write_bytes(path.read_bytes() + b"\n")
    reseal(run)


def _weak(run: Path) -> None:
    """The identity as public key: one signature fits every message."""
    der = bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31)
    keyid = hashlib.sha256(der).hexdigest()
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    (run / f"keys/{keyid}.pem").write_bytes(pem)
    (run / f"signatures/{keyid}.sig").write_bytes(b"\x01" + bytes(63))
    reseal(run)


on_run("a weak key (the identity) that signs everything", Claim.INTEGRITY, "weak key")(_weak)


@attack("forged content under the attacker's own key", ALTERED, Claim.SIGNER, "UNKNOWN KEY", alone=UNESTABLISHED)
def _(archivist: Archivist, root: Path) -> None:
    """Everything made anew by somebody who has neither the signer's nor the log's key."""
    thief = Archivist(signers=(Pen("A. Thief"),))
    thief.__dict__["log"] = LogPen("a thief's log", thief.origin)
    thief.add_run()
    thief.add_run(body=lambda page: b"forged %d" % page)
    thief.write(root)


@attack("an honest archive of strangers", UNESTABLISHED, Claim.SIGNER, "identity not established", alone=UNESTABLISHED)
def _(archivist: Archivist, root: Path) -> None:
    stranger = Archivist(signers=(Pen("A. Stranger"),), origin="stranger.example/log", id="stranger.example")
    stranger.add_run()
    stranger.add_run()
    stranger.write(root)


@attack("the signer's content in a log of strangers", UNESTABLISHED, Claim.LOG_CONSISTENCY, "UNKNOWN LOG KEY")
def _(archivist: Archivist, root: Path) -> None:
    other = Archivist(origin="stranger.example/log", id="stranger.example")
    other.add_run()
    other.write(root)

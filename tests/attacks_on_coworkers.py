"""Attacks on what co-workers say together of keys: too few of them, the same one twice, others, other archives, a thief's own circle.

The verifier pinned the first signer and the log's key. Two of three co-workers can revoke that signer's key.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archives import START, Archivist, Pen
from attacks_on_keys import NEW, OLD, PAPER, STRANGER, name_paper, on_keys, revoke, rotate, sign_with
from attacktools import ALTERED, OK, UNESTABLISHED
from preserve.formats import agreement as travelling
from preserve.formats import publickey, statement
from preserve.formats.times import rfc3339
from preserve.model.event import Agreement, Coworkers, KeyAction, KeyChange
from preserve.model.finding import Claim
from preserve.model.trust import Revocation

ANN, BO, CY = Pen("Ann, a co-worker"), Pen("Bo, a co-worker"), Pen("Cy, a co-worker")
THREE = (ANN, BO, CY)
Changed = TypeVar("Changed", KeyChange, Coworkers)
STOLEN = START + timedelta(days=1, minutes=25)
"""Later than the co-workers were named."""
GIVEN_UP = START + timedelta(days=2)
"""Later than everything that the key signed."""


def members(pens: Sequence[Pen]) -> tuple[str, ...]:
    return tuple(sorted(pen.keyid for pen in pens))


def agreement(pen: Pen, body: KeyChange | Coworkers, archive: str, origin: str) -> Agreement:
    """What a co-worker sends home."""
    signature = pen.sign(travelling.text(archive, origin, body))
    return Agreement(keyid=pen.keyid, public=pen.public.der, signature=signature)


def agreed(archivist: Archivist, body: Changed, pens: Sequence[Pen]) -> Changed:
    """The statement with what these co-workers sign under it."""
    signed = [agreement(pen, body, archivist.id, archivist.origin) for pen in pens]
    return replace(body, agreed=tuple(sorted(signed, key=lambda one: one.keyid)))


def name_coworkers(
    archivist: Archivist,
    pens: Sequence[Pen] = THREE,
    *,
    threshold: int = 2,
    key: Pen = OLD,
    signers: Sequence[Pen] = (OLD,),
    replaces: int | None = None,
    by: Sequence[Pen] = (),
    created: datetime | None = None,
) -> int:
    """The statement that any `threshold` of these may revoke `key`; its entry in the log. `by` are those who let them in."""
    body = Coworkers(keyid=key.keyid, replaces=replaces, threshold=threshold, members=members(pens))
    body = agreed(archivist, body, by)
    archivist.add_event(body, signers, tweak=lambda said: said if created is None else replace(said, created=created))
    return len(archivist.entries) - 1


def revocation(*, key: Pen = OLD, since: datetime | None = STOLEN, given_up: datetime = GIVEN_UP) -> KeyChange:
    """What co-workers are asked: that `key` is compromised `since` then; with None, that it counts until it was `given_up`."""
    reason = Revocation.SUPERSEDED if since is None else Revocation.COMPROMISED
    return KeyChange(action=KeyAction.REVOKE, keyid=key.keyid, reason=reason, since=since or given_up)


def revoke_together(
    archivist: Archivist,
    pens: Sequence[Pen],
    *,
    key: Pen = OLD,
    since: datetime | None = STOLEN,
    given_up: datetime = GIVEN_UP,
    signers: Sequence[Pen] = (OLD,),
) -> None:
    """The statement that `key` is revoked, to which these agreed; entered by `signers`."""
    archivist.add_event(agreed(archivist, revocation(key=key, since=since, given_up=given_up), pens), signers)


def rewritten(archivist: Archivist, body: KeyChange | Coworkers, old: bytes, new: bytes) -> None:
    """A statement that no honest program writes, validly signed by the first signer."""
    said = archivist.statement(body, (OLD,))
    document = statement.encode(said)
    assert document.count(old) == 1
    archivist.add_stated(document.replace(old, new), said.name, (OLD,))


def in_base64(data: bytes) -> bytes:
    return base64.b64encode(data)


def unobeyed(name: str) -> Callable[[Callable[[Archivist, Path], None]], None]:
    return on_keys(name, "not obeyed: that a key is compromised is for", exit_code=UNESTABLISHED, claim=Claim.EVENTS)


def unfollowed(name: str) -> Callable[[Callable[[Archivist, Path], None]], None]:
    return on_keys(name, "did not let these co-workers in", exit_code=UNESTABLISHED, claim=Claim.EVENTS)


def refused(name: str, says: str) -> Callable[[Callable[[Archivist, Path], None]], None]:
    return on_keys(name, says, exit_code=ALTERED, claim=Claim.EVENTS)


# --- what is followed


@on_keys("co-workers named", "any 2 of 3 co-workers may revoke", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)


@on_keys("co-workers named, and nothing bounds when", "its time is self-asserted", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)


@on_keys(
    "a key revoked as compromised by two of three co-workers", "nothing proves that this is older", exit_code=UNESTABLISHED
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    revoke_together(archivist, (ANN, CY))


@on_keys(
    "a key given up by two co-workers, entered by a stranger",
    "agreed to by 2 of 3 co-workers",
    exit_code=OK,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    revoke_together(archivist, (ANN, BO), since=None, signers=(STRANGER,))


@on_keys(
    "co-workers let others in, and these give the key up", "agreed to by 1 of 1 co-workers", exit_code=OK, claim=Claim.EVENTS
)
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1, replaces=first, by=(BO, CY))
    revoke_together(archivist, (STRANGER,), since=None, signers=(NEW,))


@on_keys(
    "co-workers of a key that was replaced revoke the new one", "nothing proves that this is older", exit_code=UNESTABLISHED
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    rotate(archivist)
    sign_with(archivist, NEW)
    revoke_together(archivist, THREE, key=NEW, signers=(NEW,))


@on_keys("co-workers named under a recovery key, which signs too", "agreed to by 3 of 3", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    name_coworkers(archivist, threshold=3, signers=(OLD, PAPER))
    revoke_together(archivist, THREE, since=None)


# --- who agrees


@unobeyed("a revocation to which one co-worker too few agreed")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    revoke_together(archivist, (ANN,))


@refused("a revocation to which the same co-worker agreed twice", "those who agreed stand once each")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    one = agreed(archivist, revocation(), (ANN,))
    mark = statement.encode(archivist.statement(one, (OLD,))).split(b'"agreed": [\n')[1].split(b"\n    ]")[0]
    rewritten(archivist, one, mark, mark + b",\n" + mark)


@unobeyed("a revocation to which somebody agreed whom nobody named")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    revoke_together(archivist, (ANN, STRANGER))


@unobeyed("a revocation to which nobody agreed who was named")
def _(archivist: Archivist, _: Path) -> None:
    revoke_together(archivist, THREE)


@unobeyed("a revocation to which the revoked key agreed, as the owner's next key")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist, (ANN, BO, NEW))
    rotate(archivist)
    revoke_together(archivist, (ANN, NEW), signers=(NEW,))


@unobeyed("a revocation to which a co-worker agreed who is no longer one")
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist)
    name_coworkers(archivist, (ANN, BO, STRANGER), replaces=first, by=(ANN, BO))
    revoke_together(archivist, (ANN, CY))


@unobeyed("a revocation to which the paper agreed, which was revoked before")
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    name_coworkers(archivist, (ANN, BO, PAPER), signers=(OLD, PAPER))
    revoke(archivist, (PAPER,), key=PAPER)
    revoke_together(archivist, (ANN, PAPER))


@refused("a revocation of another archive, entered again", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    there = [agreement(pen, revocation(), "archive.example/other", archivist.origin) for pen in (ANN, BO)]
    body = replace(revocation(), agreed=tuple(sorted(there, key=lambda one: one.keyid)))
    archivist.add_event(body, (OLD,))


@refused("a revocation of another log, entered again", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    there = [agreement(pen, revocation(), archivist.id, "archive.example/other/log") for pen in (ANN, BO)]
    body = replace(revocation(), agreed=tuple(sorted(there, key=lambda one: one.keyid)))
    archivist.add_event(body, (OLD,))


@refused("a revocation since another time than was agreed to", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    body = agreed(archivist, revocation(), (ANN, BO))
    archivist.add_event(replace(body, since=STOLEN - timedelta(minutes=1)), (OLD,))


@refused("a revocation of another key than was agreed to", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    archivist.add_event(replace(agreed(archivist, revocation(key=STRANGER), (ANN, BO)), keyid=OLD.keyid), (OLD,))


@refused("one bit in what a co-worker signed", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    body = agreed(archivist, revocation(), (ANN, BO))
    first = body.agreed[0]
    changed = first.signature[:9] + bytes([first.signature[9] ^ 1]) + first.signature[10:]
    archivist.add_event(replace(body, agreed=(replace(first, signature=changed), body.agreed[1])), (OLD,))


class P256Pen:
    """A co-worker's key on a card."""

    def __init__(self) -> None:
        self.private = ec.derive_private_key(7, ec.SECP256R1())
        der = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = publickey.from_der(der)

    def sign(self, message: bytes) -> bytes:
        """As long as one can be: its two numbers of 33 bytes each."""
        return next(made for made in iter(lambda: self.private.sign(message, ec.ECDSA(SHA256())), b"") if len(made) == 72)


@on_keys("a co-worker with a key of P-256 agrees", "agreed to by 1 of 1 co-workers", exit_code=OK, claim=Claim.EVENTS)
def _(archivist: Archivist, _: Path) -> None:
    _agreed_by_p256(archivist, b"")


@refused("bytes after a signature of P-256, which tools stop reading at", "did not sign this")
def _(archivist: Archivist, _: Path) -> None:
    _agreed_by_p256(archivist, b"and more")


def _agreed_by_p256(archivist: Archivist, more: bytes) -> None:
    pen, body = P256Pen(), revocation(since=None)
    circle = Coworkers(keyid=OLD.keyid, replaces=None, threshold=1, members=(pen.public.keyid,))
    archivist.add_event(circle, (OLD,))
    signature = pen.sign(travelling.text(archivist.id, archivist.origin, body)) + more
    one = Agreement(keyid=pen.public.keyid, public=pen.public.der, signature=signature)
    archivist.add_event(replace(body, agreed=(one,)), (STRANGER,))


# --- when


@refused("a key given up together, at a time to which nobody agreed", "since a time")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    one = agreed(archivist, revocation(since=None), (ANN, BO))
    rewritten(archivist, one, b'"since": "' + rfc3339(GIVEN_UP).encode() + b'"', b'"since": null')


@on_keys(
    "a key given up together, entered by a stranger who dates it back",
    "signed by A. Archivist",
    exit_code=UNESTABLISHED,
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    body = agreed(archivist, revocation(since=None), (ANN, BO))
    archivist.add_event(body, (STRANGER,), tweak=lambda said: replace(said, created=START - timedelta(days=900)))


@on_keys(
    "a key given up together, entered by the thief who dates it forward and signs on",
    "given up",
    exit_code=UNESTABLISHED,
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    body = agreed(archivist, revocation(since=None, given_up=STOLEN), (ANN, BO))
    archivist.add_event(body, (STRANGER,), tweak=lambda said: replace(said, created=START + timedelta(days=300)))
    sign_with(archivist, OLD)


@on_keys("a key gives itself up since long ago, with a stranger who agrees", "signed by A. Archivist", exit_code=OK)
def _(archivist: Archivist, _: Path) -> None:
    """Another time than its entry's is for co-workers to say."""
    revoke_together(archivist, (STRANGER,), since=None, given_up=START - timedelta(days=900))


# --- who is named


@refused("co-workers whom another key names", "not named by the key")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist, signers=(STRANGER,))


@on_keys("co-workers whom a stranger names for himself", "signed by A. Archivist", exit_code=UNESTABLISHED)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist, key=STRANGER, signers=(STRANGER,))


@unfollowed("a thief of the key names others")
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1, replaces=first)


@unfollowed("a thief of the key names others, and says that nobody was named")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1)


@unfollowed("a thief of the key and of one co-worker's names others")
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1, replaces=first, by=(ANN,))


@unfollowed("a thief names others under the next key")
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist)
    rotate(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1, replaces=first, key=NEW, signers=(NEW,))


@unfollowed("a thief of the key names co-workers, where there is a recovery key")
def _(archivist: Archivist, _: Path) -> None:
    name_paper(archivist)
    name_coworkers(archivist, (STRANGER,), threshold=1)


@unfollowed("those who were let in before are named again")
def _(archivist: Archivist, _: Path) -> None:
    """What was agreed to once is public in the log, and bound to its place."""
    first = name_coworkers(archivist)
    second = name_coworkers(archivist, (ANN, BO, STRANGER), replaces=first, by=(ANN, BO))
    third = name_coworkers(archivist, (ANN, BO), replaces=second, by=(ANN, BO))
    assert third
    name_coworkers(archivist, (ANN, BO, STRANGER), replaces=first, by=(ANN, BO))


@on_keys(
    "a thief of the key names a recovery key, where there are co-workers",
    "or co-workers were",
    exit_code=UNESTABLISHED,
    claim=Claim.EVENTS,
)
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    name_paper(archivist, (OLD, STRANGER), paper=STRANGER)


@unobeyed("co-workers who were named after the key was in other hands, unstamped")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist, (STRANGER,), threshold=1)
    revoke_together(archivist, (STRANGER,), since=START - timedelta(days=1))


@unobeyed("co-workers let in by those who were named after the key was in other hands")
def _(archivist: Archivist, _: Path) -> None:
    first = name_coworkers(archivist, (STRANGER,), threshold=1)
    name_coworkers(archivist, (ANN,), threshold=1, replaces=first, by=(STRANGER,))
    revoke_together(archivist, (ANN,), since=START - timedelta(days=1))


# --- circles that are none

_BODY = Coworkers(keyid=OLD.keyid, replaces=None, threshold=2, members=members(THREE))

for _name, _old, _new, _says in (
    ("nobody has to agree", b'"threshold": 2', b'"threshold": 0', "0 of 3 co-workers can never agree"),
    ("more have to agree than there are", b'"threshold": 2', b'"threshold": 4', "4 of 3 co-workers can never agree"),
    ("a number that is none has to agree", b'"threshold": 2', b'"threshold": true', "not an integer"),
    ("a co-worker stands twice", members(THREE)[1].encode(), members(THREE)[0].encode(), "named once each"),
    ("co-workers stand in another order", members(THREE)[1].encode(), b"0" * 64, "named once each"),
    ("a co-worker's key is none", members(THREE)[2].encode(), b"f" * 63, "bad value"),
    ("nobody is said to have agreed", b"    ]\n  },\n", b'    ],\n    "agreed": []\n  },\n', "'agreed' by nobody"),
):

    @refused(f"a circle in which {_name}", _says)
    def _(archivist: Archivist, _: Path, old: bytes = _old, new: bytes = _new) -> None:
        rewritten(archivist, _BODY, old, new)


@refused("a circle with the key itself in it", "no co-worker of itself")
def _(archivist: Archivist, _: Path) -> None:
    mine = members((OLD, BO))
    rewritten(archivist, replace(_BODY, keyid=STRANGER.keyid, members=mine), STRANGER.keyid.encode(), OLD.keyid.encode())


@refused("a circle of seventeen", "at most 16")
def _(archivist: Archivist, _: Path) -> None:
    many = sorted(hashlib.sha256(b"%d" % number).hexdigest() for number in range(17))
    rewritten(
        archivist,
        replace(_BODY, members=tuple(many[:16])),
        many[15].encode(),
        many[15].encode() + b'",\n      "' + many[16].encode(),
    )


@refused("a circle that others let in, of whom there are none", "nobody was named before")
def _(archivist: Archivist, _: Path) -> None:
    one = agreed(archivist, replace(_BODY, replaces=7), (ANN,))
    rewritten(archivist, one, b'"replaces": 7', b'"replaces": null')


_WEAK = bytes.fromhex("302a300506032b6570032100") + b"\x01" + bytes(31)
"""The identity: one signature fits every message."""


@refused("a weak key agrees", "weak key")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    one = agreed(archivist, revocation(), (ANN,))
    rewritten(archivist, one, in_base64(ANN.public.der), in_base64(_WEAK))


@unobeyed("weak keys are named, and cannot agree")
def _(archivist: Archivist, _: Path) -> None:
    name = tuple(sorted((hashlib.sha256(_WEAK).hexdigest(), ANN.keyid)))
    archivist.add_event(Coworkers(keyid=OLD.keyid, replaces=None, threshold=2, members=name), (OLD,))
    revoke_together(archivist, (ANN,))


for _what, _key in (
    ("of RSA", b"\x30\x20" + bytes(32)),
    ("of P-256, and no point", bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + bytes(64)),
):

    @refused(f"a key agrees that is {_what}", "'key'")
    def _(archivist: Archivist, _: Path, key: bytes = _key) -> None:
        name_coworkers(archivist)
        one = agreed(archivist, revocation(), (ANN,))
        rewritten(archivist, one, in_base64(ANN.public.der), in_base64(key))


@refused("a signature in another spelling of base64", "one spelling")
def _(archivist: Archivist, _: Path) -> None:
    name_coworkers(archivist)
    one = agreed(archivist, revocation(), (ANN,))
    written = in_base64(one.agreed[0].signature)
    rewritten(archivist, one, written, written.rstrip(b"="))

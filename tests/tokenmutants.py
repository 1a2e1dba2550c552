"""Time-stamp tokens with anything in them changed: as trees of DER, what can be done to a tree, and signed again by their authority.

What two readers of a token make of such changes is compared in tests/attacks/test_token_readers.py.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from authorities import Authority, Issuer
from preserve.errors import FormatError
from preserve.formats import der

MESSAGE = b"a list of hashes\n"

Node = list[Any]
"""[tag, content], the content bytes or a list of nodes."""

_DIGEST = bytes.fromhex("2a864886f70d010904")
_MORE: tuple[Node, ...] = (
    [0x05, b""],
    [0x02, b"\0"],
    [0x01, b"\xff"],
    [0x30, []],
    [0x31, []],
    [0xA0, []],
    [0xA1, []],
    [0xA3, []],
    [0x04, b"abc"],
    [0x06, b"\x2a"],
    [0x0C, b"x"],
    [0x03, b"\0\1"],
    [0x80, b"\1"],
    [0x0F, b""],
    [0x30, [[0x06, b"\x2a"]]],
)
_TAGS = (
    0x01,
    0x02,
    0x04,
    0x05,
    0x06,
    0x0A,
    0x0C,
    0x10,
    0x11,
    0x13,
    0x17,
    0x18,
    0x24,
    0x30,
    0x31,
    0x80,
    0x81,
    0x82,
    0xA0,
    0xA1,
    0xA4,
)
_VALUES = (
    b"",
    b"\0",
    b"\0\0",
    b"\x80",
    b"\x80\1",
    b"\xff\xff",
    b"\2",
    b"\3",
    b"\x2a",
    b"\x2a\x80\1",
    b"20261122151259Z",
    b"20261122235960Z",
    b"20261122151259.50Z",
    b"20261122151259.1234567Z",
    b"00001122151259Z",
    b"261122151259Z",
    b"A" * 64,
)


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """A good token over MESSAGE, its authority, and the root that it is good under."""

    reply: bytes
    authority: Authority
    root: Issuer


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="mutants-")


@functools.cache
def plain() -> Stamped:
    root = Issuer("Root of a")
    authority = Authority(Path(_folder().name) / "plain", root)
    return Stamped(reply=authority.stamp(MESSAGE), authority=authority, root=root)


@functools.cache
def laden() -> Stamped:
    """With a certificate between, a root, a stranger's, a revocation list, an attribute that nobody signed, and words."""
    root = Issuer("Root")
    middle = Issuer("Middle", root)
    extra = (middle.certificate, root.certificate, Issuer("Stranger").certificate)
    authority = Authority(Path(_folder().name) / "laden", middle, extra=extra, ess="sha384", precision=3)
    now = datetime.now(UTC)
    revoked = (
        x509.CertificateRevocationListBuilder().issuer_name(middle.name).last_update(now).next_update(now + timedelta(days=1))
    )
    tree = parse(authority.stamp(MESSAGE))
    tree[0][1][0][1].append([0x30, [[0x0C, b"Operation Okay"]]])
    signed = _signed(tree)
    signed.insert(4, [0xA1, parse(revoked.sign(middle.key, hashes.SHA256()).public_bytes(Encoding.DER))])
    signed[-1][1][0][1].append([0xA1, [[0x30, [[0x06, b"\x2a\x03"], [0x31, [[0x02, b"\1"]]]]]]])
    return Stamped(reply=build(tree), authority=authority, root=root)


def calling_itself(stamped: Stamped, name: x509.GeneralName) -> bytes:
    """The token as if its authority said this name of itself in it."""
    tree = parse(stamped.reply)
    part = _signed(tree)[2][1][1][1][0]
    info = parse(part[1])
    said = x509.SubjectAlternativeName([name]).public_bytes()
    next(field for field in info[0][1] if field[0] == 0xA0)[1] = parse(said)[0][1]
    part[1] = build(info)
    _sign(tree, _key(stamped))
    return build(tree)


def parse(data: bytes) -> list[Node]:
    return [[part.tag, parse(part.content) if part.tag & 0x20 else part.content] for part in der.elements(data)]


def build(tree: list[Node]) -> bytes:
    return b"".join(der.encode(tag, build(content) if isinstance(content, list) else content) for tag, content in tree)


def changed_inside(stamped: Stamped, chance: random.Random) -> Iterator[bytes]:
    """The token with one element changed, whichever; without end."""
    tree = parse(stamped.reply)
    while True:
        again = copy.deepcopy(tree)
        _change(again, chance)
        yield build(again)


def signed_again(stamped: Stamped, chance: random.Random) -> Iterator[bytes]:
    """The token with one element changed, of what is signed or of the rest, and the authority's signature over that; without end."""
    tree = parse(stamped.reply)
    key = _key(stamped)
    while True:
        again = copy.deepcopy(tree)
        part = _signed(again)[2][1][1][1][0] if chance.random() < 0.5 else None
        if part is not None:
            info = parse(part[1])
            _change(info, chance)
            part[1] = build(info)
        else:
            _change(again, chance)
        try:
            _sign(again, key)
        except (
            IndexError,
            TypeError,
            ValueError,
            FormatError,
            AttributeError,
            StopIteration,
        ):  # nothing is left to sign, or to put it into
            continue
        yield build(again)


def changed_bytes(stamped: Stamped, chance: random.Random) -> Iterator[bytes]:
    """The token with a byte changed, some cut out, repeated or put in; without end."""
    data = stamped.reply
    while True:
        at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        near = min(to, at + chance.randrange(1, 40))
        yield chance.choice(
            (
                data[: to - 1] + bytes([data[to - 1] ^ chance.randrange(1, 256)]) + data[to:],
                data[:at] + data[near:],
                data[:near] + data[at:],
                data[:at] + chance.randbytes(chance.randrange(1, 4)) + data[at:],
                data[:at],
            )
        )


def _key(stamped: Stamped) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key((stamped.authority.root_file.parent / "tsa.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _signed(tree: list[Node]) -> list[Node]:
    """The parts of the signed data."""
    found: list[Node] = tree[0][1][1][1][1][1][0][1]
    return found


def _sign(tree: list[Node], key: ec.EllipticCurvePrivateKey) -> None:
    signed = _signed(tree)
    info: list[Node] = signed[-1][1][0][1]
    attributes = next(part for part in info if part[0] == 0xA0)[1]
    for kind, values in (attribute[1] for attribute in attributes):
        if kind[1] == _DIGEST:
            values[1][0][1] = hashlib.sha256(signed[2][1][1][1][0][1]).digest()
    place = next(part for part in reversed(info) if part[0] == 0x04)
    place[1] = key.sign(der.encode(0x31, build(attributes)), ec.ECDSA(hashes.SHA256()))


def places(nodes: list[Node]) -> Iterator[tuple[list[Node], int]]:
    for number, node in enumerate(nodes):
        yield nodes, number
        if isinstance(node[1], list):
            yield from places(node[1])


def _change(tree: list[Node], chance: random.Random) -> None:
    found = list(places(tree))
    siblings, at = chance.choice(found)
    node = siblings[at]
    others, other = chance.choice(found)
    deeds: list[Callable[[], object]] = [
        lambda: siblings.pop(at),
        lambda: siblings.insert(at, copy.deepcopy(node)),
        lambda: siblings.insert(at + chance.randrange(2), copy.deepcopy(chance.choice(_MORE))),
        siblings.reverse,
        lambda: node.__setitem__(0, chance.choice(_TAGS)),
        lambda: node.__setitem__(0, chance.choice(_TAGS)),
        lambda: siblings.__setitem__(at, copy.deepcopy(others[other])),
    ]
    if isinstance(node[1], bytes):
        deeds += [lambda: node.__setitem__(1, chance.choice(_VALUES))] * 3
        deeds += [lambda: node.__setitem__(1, node[1] + b"\0"), lambda: node.__setitem__(1, b"\0" + node[1])]
    else:
        deeds += [lambda: node.__setitem__(1, [])]
    chance.choice(deeds)()

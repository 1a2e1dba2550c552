"""Two programs that share no code read time-stamp tokens with anything in them changed, and say the same of each: preserve, and the packet's verify.py."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509

import tokenmutants
from authorities import Authority, Issuer, name_of
from packetverifier import load
from preserve.flows import verify_tokens
from preserve.formats import der
from preserve.model.trust import TrustedKey
from tokenmutants import MESSAGE, Stamped, changed_bytes, changed_inside, laden, plain, signed_again

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the checker in a packet needs openssl")

MAKERS = {"bytes": changed_bytes, "elements": changed_inside, "elements, signed again": signed_again}
TOKENS = {"plain": plain, "laden": laden}


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    return load()


class _Token:
    """What verify.py asks of a run, which is one token."""

    at = ""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply

    def read(self, _: str, limit: int) -> bytes:
        return self.reply if len(self.reply) <= limit else b""


def _ours(reply: bytes, pinned: list[TrustedKey]) -> str:
    stamp = verify_tokens.check("a", reply, MESSAGE, pinned)
    if stamp.problem or stamp.doubt or stamp.latest is None:
        return "refused" if stamp.problem else "open"
    return str(round(stamp.latest.timestamp() * 1000))


def _theirs(independent: ModuleType, reply: bytes, roots: dict[str, bytes]) -> str:
    check = independent.Check(lambda _: None)
    when = independent.check_token(check, _Token(reply), "timestamps/a.tsr", MESSAGE, roots, True)
    return "refused" if check.codes else "open" if when is None else str(round(when * 1000))


def _compare(independent: ModuleType, stamped: Stamped, replies: Iterator[bytes], count: int) -> Counter[str]:
    found = Counter[str]()
    pinned, roots = [stamped.root.pinned("a")], {"a": stamped.root.pem}
    for reply in islice((reply for reply in replies if reply != stamped.reply), count):
        # Without a root what can be seen is seen all the same; and who has none leaves openssl alone.
        said = (_ours(reply, []), _ours(reply, pinned))
        assert said == (_theirs(independent, reply, {}), _theirs(independent, reply, roots)), reply.hex()
        found[said[1]] += 1
    return found


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("change", MAKERS)
def test_both_say_the_same_of_it(change: str, token: str, independent: ModuleType) -> None:
    stamped = TOKENS[token]()
    found = _compare(independent, stamped, MAKERS[change](stamped, random.Random(f"{change} {token}")), 120)
    assert found["refused"] > 60


@pytest.mark.long
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("change", MAKERS)
def test_both_say_the_same_of_thousands(change: str, token: str, independent: ModuleType) -> None:
    stamped = TOKENS[token]()
    _compare(independent, stamped, MAKERS[change](stamped, random.Random(f"many: {change} {token}")), 3000)


def test_good_ones_are_good(independent: ModuleType) -> None:
    for make in TOKENS.values():
        stamped = make()
        assert _theirs(independent, stamped.reply, {"a": stamped.root.pem}) == _ours(stamped.reply, [stamped.root.pinned("a")])
        assert _ours(stamped.reply, [stamped.root.pinned("a")]).isdigit()


def test_both_know_an_authority_by_each_of_its_names(independent: ModuleType, tmp_path: Path) -> None:
    root = Issuer("Root of names")
    authority = Authority(tmp_path / "names", root, other_name=x509.DirectoryName(name_of("The Hall Clock")))
    stamped = Stamped(reply=authority.stamp(MESSAGE), authority=authority, root=root)
    for name, known in (("names", True), ("the  HALL clock", True), ("The Hall", False)):
        reply = tokenmutants.calling_itself(stamped, x509.DirectoryName(name_of(name)))
        said = _ours(reply, [root.pinned("a")])
        assert said.isdigit() == known, name
        assert said == _theirs(independent, reply, {"a": root.pem}), name


def _ladder(lowest: bytes, steps: int) -> Iterator[tokenmutants.Node]:
    """Certificates, as short as they can be, each of which says that it is issued by the next one; that of `lowest` comes first."""
    ed25519 = tokenmutants.parse(der.encode(der.SEQUENCE, der.encode_oid("1.3.101.112")))[0]
    times = [der.SEQUENCE, [[der.UTC_TIME, b"200101000000Z"], [der.UTC_TIME, b"490101000000Z"]]]
    common_name = tokenmutants.parse(der.encode_oid("2.5.4.3"))[0]
    names = [*tokenmutants.parse(lowest)]
    for step in range(steps):
        text = [der.UTF8_STRING, b"%d" % step]
        names.append([der.SEQUENCE, [[der.SET, [[der.SEQUENCE, [common_name, text]]]]]])
    for owner, issuer in pairwise(names):
        key = [der.SEQUENCE, [ed25519, [der.BIT_STRING, b"\0"]]]
        signed = [der.SEQUENCE, [[der.INTEGER, b"\1"], ed25519, issuer, times, owner, key]]
        yield [der.SEQUENCE, [signed, ed25519, [der.BIT_STRING, b"\0"]]]


def test_whoever_adds_certificates_keeps_nobody_busy(independent: ModuleType) -> None:
    """Nobody signs what certificates come with a token, and as many fit into one as are asked for here, each leading to the next."""
    stamped = plain()
    tree = tokenmutants.parse(stamped.reply)
    held = tree[0][1][1][1][1][1][0][1][3][1]
    issuer = stamped.root.certificate.subject.public_bytes()
    held += _ladder(issuer, 2000)
    reply = tokenmutants.build(tree)
    assert 150_000 < len(reply) < 1 << 18
    looks: tuple[Callable[[], str], ...] = (
        lambda: _ours(reply, [stamped.root.pinned("a")]),
        lambda: _theirs(independent, reply, {"a": stamped.root.pem}),
    )
    for look in looks:
        assert look() == _ours(stamped.reply, [stamped.root.pinned("a")])


def _each_element(change: Callable[[list[tokenmutants.Node], int], object]) -> Iterator[bytes]:
    for place in range(200):
        tree = tokenmutants.parse(plain().reply)
        places = list(tokenmutants.places(tree))
        if place == len(places):
            return
        change(*places[place])
        yield tokenmutants.build(tree)


def test_what_nobody_signed_is_not_free(independent: ModuleType) -> None:
    """Each element of a token gone, or of another tag: openssl looks away from some, and the library from others."""
    for change in (
        lambda siblings, at: siblings.pop(at),
        lambda siblings, at: siblings[at].__setitem__(0, siblings[at][0] ^ 0x20),
    ):
        replies = list(_each_element(change))
        assert len(replies) > 100
        found = _compare(independent, plain(), iter(replies), len(replies))
        # NULL beside an algorithm says nothing: it may be missing.
        assert found["refused"] >= len(replies) - 2

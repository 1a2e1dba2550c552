"""Two programs that share no code read packets with anything in them changed, and say the same of each, by one word and one exit code.

Neither takes long over one, however it was changed; an error of either is a failure here.
"""

from __future__ import annotations

import functools
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from archives import NOW
from attackcorpus import good
from attacks_on_packet_keys import of_run, rotated
from authorities import shared
from packetcorpus import BO, Packet, countersigned, packet_of, plain, reseal, revisit_packet, start_token_archive, zipped
from packetverifier import load
from preserve.adapters.packets import PacketZip, aids
from preserve.flows.verify_packet import verify_packet

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the checker in a packet needs openssl")

_LONGEST = 10.0
"""Seconds that both together may take over a small packet."""
_PIECES = (b"null", b"true", b"-1", b"0", b"1e3", b"1.0", b'""', b"[]", b"{}", b'"\\u0000"', b'"\\ud800"', b"9007199254740992")
_BETWEEN = (b" ", b"\r\n", b"\n", b"\0", b"\xc3\xa9", b"01", b",")


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    return load()


@functools.cache
def _good() -> tuple[Packet, ...]:
    return (
        plain(),
        countersigned(),
        countersigned(BO),
        packet_of(start_token_archive().runs[0]),
        revisit_packet(),
        of_run(rotated()),
    )


def _changed(data: bytes, chance: random.Random) -> bytes:
    """Something else than `data`, mostly near it."""
    at = chance.randrange(len(data))
    to = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64, 300)))
    rows = data.split(b"\n")
    one, two = chance.randrange(len(rows)), chance.randrange(len(rows))
    values = [match.span() for match in re.finditer(rb'"[^"]*"|\d+|true|false|null', data)] or [(at, to)]
    start, end = chance.choice(values)
    deeds: list[Callable[[], bytes]] = [
        lambda: data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :],
        lambda: data[:at] + data[to:],
        lambda: data[:to] + data[at:],
        lambda: data[:at],
        lambda: data[:at] + chance.choice(_PIECES + _BETWEEN) + data[at:],
        lambda: data + chance.choice(_BETWEEN),
        lambda: data[:start] + chance.choice(_PIECES) + data[end:],
        lambda: b"\n".join([*rows[:one], rows[two], *rows[one:]]),
        lambda: b"\n".join([*rows[:one], *rows[one + 1 :]]),
    ]
    return chance.choice(deeds)()


def _file(files: Packet, chance: random.Random) -> bytes:
    name = chance.choice(sorted(set(files) - {"README.md", "verify.py"}))
    return zipped({**files, name: _changed(files[name], chance)})


def _exchanged(files: Packet, chance: random.Random) -> bytes:
    one, two = chance.sample(sorted(files), 2)
    return zipped({**files, one: files[two], two: files[one]})


def _renamed(files: Packet, chance: random.Random) -> bytes:
    name = chance.choice(sorted(files))
    other = _changed(name.encode(), chance).decode("latin-1").replace("\0", "") or "x"
    return zipped([(other if held == name else held, data) for held, data in files.items()])


def _zip(files: Packet, chance: random.Random) -> bytes:
    """Most of it is in the directory at the end, where there is the most to say twice."""
    data = zipped(files)
    at = chance.randrange(data.index(b"PK\x01\x02") if chance.random() < 0.7 else 0, len(data))
    return chance.choice(
        (data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :], data[:at], data[:at] + b"PK" + data[at:])
    )


def _signed(_: Packet, chance: random.Random) -> bytes:
    """A manifest changed by those who sign it."""
    files = plain()
    files["manifest.json"] = _changed(files["manifest.json"], chance)
    for pen in good().signers:
        files[f"signatures/{pen.keyid}.sig"] = pen.sign(files["manifest.json"])
    reseal(files)
    return zipped(files)


_DEEDS = (_file, _file, _file, _exchanged, _renamed, _zip, _zip, _signed)


def _compare(independent: ModuleType, folder: Path, count: int, seed: str) -> Counter[str]:
    chance, words, path = random.Random(seed), Counter[str](), folder / "packet.zip"
    known = (*good().trusted, shared("a").issuer.pinned("a"))
    told_to = ["--key", good().signers[0].keyid, "--log", good().log.key.encode(), "--root", f"a={shared('a').root_file}"]
    for number in range(count):
        deed = chance.choice(_DEEDS)
        path.write_bytes(deed(chance.choice(_good()), chance))
        began, told = time.monotonic(), list[str]()
        with PacketZip(path) as packet:
            report = verify_packet(packet, list(packet.problems()), known, [], NOW, aids())
        code = independent.main([*told_to, str(path)], say=told.append, now=NOW.timestamp())
        word = told[-1].split()[-1] if code else ""
        assert (code, word) == (int(report.exit_code), report.refusal), f"{deed.__name__}, packet {number}: {told}"
        assert time.monotonic() - began < _LONGEST, f"{deed.__name__}, packet {number}"
        words[word] += 1
    return words


def test_both_say_the_same_of_packets(independent: ModuleType, tmp_path: Path) -> None:
    assert len(_compare(independent, tmp_path, 60, "packets")) > 6


@pytest.mark.long
def test_both_say_the_same_of_many_packets(independent: ModuleType, tmp_path: Path) -> None:
    assert len(_compare(independent, tmp_path, 1200, "many packets")) > 12

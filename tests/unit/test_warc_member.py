"""One stored slice: what MemberCheck accepts and how it names what it does not."""

from __future__ import annotations

import gzip
import hashlib
import random
import tracemalloc
import zlib

import pytest

from exchanges import NOON
from preserve.formats import gzipmember
from preserve.formats.gzipmember import HEADER, Packer, pack, shrinks, store
from preserve.formats.warc import END, MAX_HEADER, Member, MemberCheck, header
from preserve.model.web import Memory, Record

NOISE = random.Random(7).randbytes(70_000)
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def plain(block: bytes = b"a block", *fields: tuple[str, str], type_: str = "resource") -> bytes:
    """A record, not compressed."""
    record = Record(type=type_, id="urn:test:1", date=NOON, fields=fields, body=Memory(block))
    return header(record) + block + END


def gz(content: bytes) -> bytes:
    """A member of our form around any content."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return HEADER + deflate.compress(content) + deflate.flush() + trailer


def check(data: bytes, step: int = 1 << 16) -> Member:
    examined = MemberCheck()
    for start in range(0, len(data), step):
        examined.feed(data[start : start + step])
    return examined.result()


@pytest.mark.parametrize("step", [1, 7, 1 << 16])
def test_a_sound_member_is_read(step: int) -> None:
    block = HTTP + b"hello"
    fields = (
        ("WARC-Target-URI", "http://a.test/"),
        ("WARC-Concurrent-To", "<urn:test:0>"),
        ("WARC-Block-Digest", sha256(block)),
        ("WARC-Payload-Digest", sha256(b"hello")),
        ("Content-Type", "application/http;msgtype=response"),
    )
    member = check(gz(plain(block, *fields, type_="response")), step)
    assert member.problem == ""
    assert member.block_sha256 == hashlib.sha256(block).hexdigest()
    assert member.header is not None
    assert (member.header.type, member.header.id, member.header.date) == ("response", "urn:test:1", NOON)
    assert (member.header.target_uri, member.header.concurrent_to) == ("http://a.test/", ("urn:test:0",))
    assert (member.header.block_digest, member.header.payload_digest) == (sha256(block), sha256(b"hello"))


GOOD = gz(plain())


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "cut short"),
        (GOOD[:5], "cut short"),
        (GOOD[:-1], "cut short"),
        (GOOD[:-9], "cut short"),
        (GOOD + b"\0", "more bytes"),
        (GOOD + GOOD, "more bytes"),
        (GOOD + gzip.compress(b""), "more bytes"),
        (plain(), "FLG 0"),
        (gzip.compress(plain(), mtime=1), "FLG 0"),
        (GOOD[:3] + b"\x08" + GOOD[4:10] + b"name\0" + GOOD[10:], "FLG 0"),
        (GOOD[:10] + b"\xff" + GOOD[11:], "damaged"),
        (GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], "CRC-32"),
        (GOOD[:-4] + b"\0\0\0\0", "CRC-32"),
        (gz(b""), "no WARC record"),
        (gz(b"text\r\n\r\n"), "no WARC/1.1 header"),
        (gz(b"WARC/1.1\r\nWARC-Type: response\r\n\r\n"), "lacks"),
        (gz(plain()[:-1]), "shorter"),
        (gz(plain()[:-5]), "shorter"),
        (gz(plain() + b"x"), "does not end"),
        (gz(plain() + plain()), "does not end"),
        (gz(plain().replace(b"a block", b"a longer block")), "does not end"),
        (gz(plain(b"x", ("WARC-Block-Digest", sha256(b"y")))), "WARC-Block-Digest does not hold"),
        (gz(plain(b"x", ("WARC-Payload-Digest", sha256(b"y")))), "WARC-Payload-Digest does not hold"),
        (gz(plain(b"x", ("WARC-Block-Digest", "sha1:ABC"))), "not written as sha256"),
        (gz(b"WARC/1.1\r\nX: " + b"x" * (MAX_HEADER + 9)), "no end of the WARC header"),
    ],
)
def test_anything_else_is_named(data: bytes, problem: str) -> None:
    assert problem in check(data).problem
    assert problem in check(data, 1000).problem


def test_a_revisits_payload_lies_elsewhere() -> None:
    fields = (("WARC-Payload-Digest", sha256(b"elsewhere")), ("Content-Type", "application/http;msgtype=response"))
    assert check(gz(plain(HTTP, *fields, type_="revisit"))).problem == ""


def test_the_block_goes_to_the_sink() -> None:
    block = NOISE * 3
    seen = bytearray()
    examined = MemberCheck(seen.extend)
    examined.feed(gz(plain(block)))
    assert examined.result().problem == ""
    assert seen == block


def test_a_bomb_stops_where_the_header_said_the_record_ends() -> None:
    bomb = gz(plain() + bytes(30_000_000))
    seen = 0

    def count(data: bytes) -> None:
        nonlocal seen
        seen += len(data)

    examined = MemberCheck(count)
    tracemalloc.start()
    try:
        examined.feed(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "does not end" in examined.result().problem
    assert seen == len(b"a block")
    assert peak < 1_000_000


@pytest.mark.parametrize("body", [b"", b"x", b"text " * 30_000, NOISE, NOISE[:65535], NOISE[:65536], bytes(4096) + NOISE])
def test_members_are_whole_in_whatever_way_they_are_made(body: bytes) -> None:
    expected = b"head" + body + b"tail"
    members = [pack(b"head", body, b"tail"), store(b"head", body, b"tail")]
    for deflate in (True, False):
        packer = Packer(deflate=deflate)
        pieces = [packer.begin(b"head"), packer.push(body[:999]), packer.push(body[999:]), packer.finish(b"tail")]
        members.append(b"".join(pieces))
    for member in members:
        assert member.startswith(HEADER)
        assert gzip.decompress(member) == expected


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 131070, 131071, 200_000])
def test_what_others_make_again_depends_on_no_deflater(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks as RFC 1951 section 3.2.4 has them, of which the last one alone says that it is."""
    content = b"text " * (size // 5) + b"." * (size % 5)
    with monkeypatch.context() as without:
        without.setattr(gzipmember, "igzip_lib", None)
        member = store(content[:100], content[100:], b"")
    assert gzip.decompress(member) == content
    body, blocks = member[len(HEADER) : -8], 0
    while body:
        length, inverse = int.from_bytes(body[1:3], "little"), int.from_bytes(body[3:5], "little")
        assert length ^ inverse == 0xFFFF
        assert body[0] == (0 if len(body) > 5 + length else 1)
        body, blocks = body[5 + length :], blocks + 1
    assert blocks == size // 65535 + 1
    if size:
        assert check(store(*_parts(content))).problem == ""


def _parts(block: bytes) -> tuple[bytes, bytes, bytes]:
    return header(Record(type="resource", id="urn:test:1", date=NOON, fields=(), body=Memory(block))), block, END


def test_noise_is_stored_and_text_is_deflated() -> None:
    assert not shrinks(NOISE)
    assert shrinks(b"plain text, " * 5000)
    assert shrinks(bytes(range(256)) * 100)
    assert len(pack(b"", NOISE, b"")) < len(NOISE) + 100
    assert len(pack(b"", b"plain text, " * 5000, b"")) < 2000

"""CDXJ: the index by which players find a capture in the WARC files of a bundle, and ZipNum, its form for many captures.

    line  = surt SP timestamp SP json LF         one object, members in the order below; sorted by bytes (LC_ALL=C)
    com,example)/a 20260102030405 {"url":"http://example.com/a","mime":"text/html","status":"200",
        "digest":"sha256:…","length":"515","offset":"277","filename":"x.warc.gz","recordDigest":"sha256:…"}

`offset` and `length` are of the stored member, `recordDigest` is over its stored bytes. ZipNum is the same lines, some hundred to a
gzip member, and an index of those members. What stands under a name of our own (`urn:preserve:…`) or of a protocol (`dns:…`) is
no page and is not indexed: a player must never show it for one.

https://specs.webrecorder.net/cdxj/0.1.0/ · https://pywb.readthedocs.io/en/latest/manual/indexing.html#zipnum-sharded-index
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import islice
from typing import Final

from preserve.errors import FormatError
from preserve.formats import gzipmember
from preserve.formats.url import surt
from preserve.formats.warc import Header
from preserve.model.noun import dataclass

NAME: Final = "index.cdx.gz"
BLOCK_LINES: Final = 512
PLAIN_UP_TO: Final = 50_000
"""Bytes of lines that are not worth a ZipNum."""
MAX_BLOCK: Final = 1 << 24
"""Bytes that one ZipNum block may unpack to."""

REVISIT: Final = "warc/revisit"
"""The type of a revisit in its line."""

_FRAMED: Final = "sha1:"
"""How the digest of a chunk-framed body begins in a revisit of ours."""
_INDEXED: Final = frozenset({"response", "revisit", "resource"})
_PAGE = re.compile(r"https?://", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/[0-9.]+[ \t]+([0-9]{3})")
_TYPE = re.compile(rb"\r?\ncontent-type:[ \t]*([^;,\r\n \t]*)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"([^ \n]+) ([0-9]{4,17}) (\{.*\})")
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One capture in the index. `timestamp` has 14 digits, UTC; what a record does not say is "" and left out."""

    url: str
    timestamp: str
    mime: str
    status: str
    digest: str
    length: int
    offset: int
    filename: str
    record_digest: str

    @property
    def key(self) -> str:
        return surt(self.url)

    def encode(self) -> bytes:
        """The line without its newline."""
        members = {
            "url": self.url,
            "mime": self.mime,
            "status": self.status,
            "digest": self.digest,
            "length": str(self.length),
            "offset": str(self.offset),
            "filename": self.filename,
            "recordDigest": self.record_digest,
        }
        told = _ENCODE({name: value for name, value in members.items() if value})
        return f"{escaped(self.key)} {self.timestamp} {told}".encode("ascii")


def escaped(key: str) -> str:
    """A SURT that can stand in a line: what a URL parser would not take is kept as it is, but for what would break the line."""
    return "".join(char if "!" <= char <= "~" else "".join(f"%{byte:02x}" for byte in char.encode()) for char in key)


def is_indexed(header: Header) -> bool:
    """Whether a player is to find the record."""
    return header.type in _INDEXED and _PAGE.match(header.target_uri or "") is not None


def line(header: Header, block: bytes, *, filename: str, offset: int, length: int, sha256: str, imported: bool = False) -> Line:
    """The line of an indexed record; `block` is the beginning of its block, the HTTP head at least where it has one.

    `imported`: another tool wrote it.
    """
    media = (header.get("Content-Type") or "").lower()
    mime, status = media.partition(";")[0].strip(), ""
    if media.startswith("application/http"):
        head = _HEAD_END.split(block, 1)[0]
        found, kind = _STATUS.match(head), _TYPE.search(head)
        status = found[1].decode() if found else ""
        mime = kind[1].decode("ascii", "replace") if kind else ""
    elif header.type == "resource":
        status = "200"
    return Line(
        url=header.target_uri or "",
        timestamp=header.date.astimezone(UTC).strftime("%Y%m%d%H%M%S"),
        mime=REVISIT if header.type == "revisit" else mime or "unk",
        status=status,
        digest=header.payload_digest or "" if imported else _digest(header),
        length=length,
        offset=offset,
        filename=filename,
        record_digest=f"sha256:{sha256}" if sha256 else "",
    )


def _digest(header: Header) -> str:
    """The payload digest, but not the SHA-1 of a chunk-framed body in a revisit: the line of its original has none (the record says none).

    pywb looks an original up by address, time and the revisit's digest, if there is one, and where nothing fits shows the nearest other
    capture in its place. In other tools' files originals have the digest, and often nothing but that leads to them.
    """
    stated = header.payload_digest or ""
    return "" if header.type == "revisit" and stated.startswith(_FRAMED) else stated


def parse(row: bytes) -> Line:
    """Any indexer's line, without its newline; members that are not known are not looked at. Raises FormatError."""
    if not (match := _LINE.fullmatch(row)):
        raise FormatError(f"CDXJ: bad line: {row[:80]!r}")
    try:
        members = json.loads(match[3])
    except (ValueError, RecursionError):
        raise FormatError(f"CDXJ: not JSON: {row[:80]!r}") from None
    texts = {name: str(members.get(name, "")) for name in ("url", "mime", "status", "digest", "filename", "recordDigest")}
    numbers = {name: str(members.get(name, "")) for name in ("length", "offset")}
    if not texts["url"] or not texts["filename"] or not all(re.fullmatch(r"[0-9]{1,18}", text) for text in numbers.values()):
        raise FormatError(f"CDXJ: a line without url, filename, offset or length: {row[:80]!r}")
    return Line(
        url=texts["url"],
        timestamp=match[2].decode()[:14],
        mime=texts["mime"],
        status=texts["status"],
        digest=texts["digest"],
        length=int(numbers["length"]),
        offset=int(numbers["offset"]),
        filename=texts["filename"],
        record_digest=texts["recordDigest"],
    )


# -------------------------------------------------------------------------------------------------------------------- ZipNum


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One member of index.cdx.gz, as index.idx names it; `first` is "surt timestamp" of its first line."""

    first: str
    offset: int
    length: int
    digest: str


def zipnum(rows: Iterable[bytes], block_lines: int = BLOCK_LINES) -> Iterator[tuple[bytes, bytes]]:
    """(gzip member, its line of index.idx) of sorted lines without newlines; the first line of index.idx is `IDX_HEAD`."""
    offset, source = 0, iter(rows)
    while block := list(islice(source, block_lines)):
        data = b"".join(row + b"\n" for row in block)
        packed = gzipmember.pack(b"", data, b"")
        first = b" ".join(block[0].split(b" ", 2)[:2])
        about = {
            "offset": offset,
            "length": len(packed),
            "digest": f"sha256:{hashlib.sha256(packed).hexdigest()}",
            "filename": NAME,
        }
        yield packed, first + b" " + _ENCODE(about).encode() + b"\n"
        offset += len(packed)


IDX_HEAD: Final = b"!meta 0 " + _ENCODE({"format": "cdxj-gzip-1.0", "filename": NAME}).encode() + b"\n"


def parse_idx(data: bytes) -> tuple[Block, ...]:
    """The blocks that an index.idx names, in its order; raises FormatError."""
    blocks = []
    for row in data.splitlines():
        if row.startswith(b"!meta "):
            continue
        try:
            about = json.loads(row[row.index(b"{") :])
            blocks.append(
                Block(
                    first=row[: row.index(b"{")].decode().strip(),
                    offset=int(about["offset"]),
                    length=int(about["length"]),
                    digest=str(about.get("digest", "")),
                )
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FormatError(f"ZipNum: bad line: {row[:80]!r}") from None
    return tuple(blocks)

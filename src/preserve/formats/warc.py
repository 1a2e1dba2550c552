"""WARC/1.1 records (ISO 28500:2017), strict both ways: `header` writes, `parse_header` and `MemberCheck` read.

    record = version header CRLF block CRLF CRLF            one record, one gzip member

The writer refuses what it cannot say exactly (a line break in a value, a repeated field); the reader accepts what the writer
writes and what other strict writers do, and nothing else. `MemberCheck` is fed the stored bytes of one member, in pieces of any size, and holds one piece of 64 KiB at
a time whatever the record's size. It never inflates past the length that the record's own header declares.

Our profile of the standard: docs/formats/warc-profile.md. https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from preserve.errors import FormatError
from preserve.formats.gzipmember import Unpacker
from preserve.model.noun import dataclass
from preserve.model.web import Record

VERSION: Final = b"WARC/1.1"
END: Final = b"\r\n\r\n"
"""What ends a header, and what follows a block."""
MAX_HEADER: Final = 1 << 20
"""Bytes of a record header; a longer one is neither written nor read."""

_TYPES: Final = frozenset({"warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"})
_OWN: Final = frozenset({"warc-type", "warc-record-id", "warc-date", "content-length"})
_REPEATABLE: Final = frozenset({"warc-concurrent-to", "warc-protocol"})
"""WARC-Concurrent-To by the standard; WARC-Protocol by the agreement of those who write it (warc-profile.md section 4)."""
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_ID: Final = re.compile(r"<([A-Za-z][A-Za-z0-9+.\-]*:[!-;=?-~]+)>")
_LENGTH: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)
_SHA256: Final = re.compile(r"sha256:([0-9a-f]{64})")
_MAX_NAME: Final = 256
_UNSAFE: Final = re.compile(r'[^!-~]|["<>]')
_HEAD_END: Final = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A record's header as read. `id` stands without its angle brackets, `length` is Content-Length, `fields` all the others."""

    type: str
    id: str
    date: datetime
    length: int
    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first field of that name, in any case of letters, or None."""
        name = name.lower()
        return next((value for key, value in self.fields if key.lower() == name), None)

    @property
    def target_uri(self) -> str | None:
        return self.get("WARC-Target-URI")

    @property
    def concurrent_to(self) -> tuple[str, ...]:
        """Record ids, without angle brackets."""
        return tuple(value.strip("<>") for key, value in self.fields if key.lower() == "warc-concurrent-to")

    @property
    def block_digest(self) -> str | None:
        return self.get("WARC-Block-Digest")

    @property
    def payload_digest(self) -> str | None:
        return self.get("WARC-Payload-Digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one stored slice turned out to be.

    `problem` is empty when the slice is exactly one gzip member that holds exactly one record whose digests hold; otherwise it says
    in a few words what is not so. `header` is None when it could not be read, `block_sha256` empty when the block did not end.
    `payload` is the hash of its payload, where one was asked for.
    """

    header: Header | None
    block_sha256: str
    problem: str = ""
    payload: bytes = b""


def warc_date(moment: datetime) -> str:
    """WARC-Date (section 5.4) in UTC with microseconds. Raises ValueError for a time without zone."""
    text = moment.isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):
        raise ValueError("a WARC-Date needs a time in UTC")
    return text[:-6] + "Z"


def target_uri(url: str) -> str:
    """A URL as it may stand in WARC-Target-URI (section 5.10): what RFC 3986 cannot hold in a header line is percent-encoded.

    That is: spaces, controls, quotes, angle brackets and everything beyond ASCII (as UTF-8). The rest of what the URL standard leaves
    bare ("|", "{", "^" …) stays as it went over the wire, because players look pages up by that form.
    """
    if url.isascii() and not _UNSAFE.search(url):
        return url
    return "".join(
        char
        if "!" <= char <= "~" and char not in '"<>'
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
        for char in url
    )


def framed_digest(sha1: bytes) -> str:
    """The WARC-Payload-Digest of a revisit of a chunk-framed body: the SHA-1 of the bytes after the head, as players compute it."""
    return f"sha1:{base64.b32encode(sha1).decode()}"


def header(record: Record, *, warcinfo_id: str = "") -> bytes:
    """The record's header, version line to empty line; `warcinfo_id` becomes WARC-Warcinfo-ID.

    Raises ValueError for what a header cannot say: control characters, an unknown type, a repeated or a reserved field, too much.
    """
    if record.type not in _TYPES:
        raise ValueError(f"not a WARC record type: {record.type!r}")
    lines = [f"WARC-Type: {record.type}", f"WARC-Record-ID: <{record.id}>", f"WARC-Date: {warc_date(record.date)}"]
    if not _ID.fullmatch(f"<{record.id}>"):
        raise ValueError(f"not a record id: {record.id!r}")
    _check_names(tuple([name for name, _ in record.fields]))
    for name, value in record.fields:
        if not value or value != value.strip():
            raise ValueError(f"{name} holds what a header line cannot: {value!r}")
        lines.append(f"{name}: {value}")
    if warcinfo_id:
        lines.append(f"WARC-Warcinfo-ID: <{warcinfo_id}>")
    lines.append(f"Content-Length: {record.length}")
    together = "".join(lines)  # one search for all: this runs for every record there is
    if not (together.isascii() and together.isprintable()) and _CONTROL.search(together):
        line = next(line for line in lines if _CONTROL.search(line))
        raise ValueError(f"a header line holds what it cannot: {line!r}")
    written = b"WARC/1.1\r\n" + "\r\n".join(lines).encode() + END
    if len(written) > MAX_HEADER:
        raise ValueError(f"a header of {len(written)} bytes would not be read again")
    return written


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    """Refuse what cannot be the names of one header's fields. The same few rows of names come again and again."""
    seen = set()
    for name in names:
        key = _name_key(name)
        if not key:
            raise ValueError(f"not a field name: {name!r}")
        if key in _OWN:
            raise ValueError(f"{name} is given by the record itself")
        if key in seen and key not in _REPEATABLE:
            raise ValueError(f"{name} stands twice")
        seen.add(key)


@lru_cache(maxsize=256)
def _name_key(name: str) -> str:
    """The name as fields are compared by; empty when it is no field name. The same few names come again and again."""
    return name.lower() if len(name) <= _MAX_NAME and _TOKEN.fullmatch(name) else ""


def parse_header(data: bytes) -> Header:
    """Read a header, version line to empty line inclusive; raises FormatError for anything that is not strictly one."""
    if not data.endswith(END) or not data.startswith(VERSION + b"\r\n"):
        raise FormatError("no WARC/1.1 header")
    try:
        text = data[len(VERSION) + 2 : -len(END)].decode()
    except UnicodeDecodeError as error:
        raise FormatError("the WARC header is not UTF-8") from error
    own: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    seen: set[str] = set()
    lines = text.split("\r\n")
    plain = not _CONTROL.search("".join(lines))  # one search for all: a tab beside a value is allowed, and rare
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        key = _name_key(name) if len(name) <= _MAX_NAME else ""
        if not colon or not key or (not plain and _CONTROL.search(value)):
            raise FormatError(f"not a WARC header line: {line[:80]!r}")
        if key in seen and key not in _REPEATABLE:
            raise FormatError(f"{name} stands twice")
        seen.add(key)
        if key in _OWN:
            own[key] = value
        else:
            fields.append((name, value))
    if missing := _OWN - own.keys():
        raise FormatError(f"the WARC header lacks {', '.join(sorted(missing))}")
    identifier = _ID.fullmatch(own["warc-record-id"])
    if identifier is None or not _LENGTH.fullmatch(own["content-length"]) or own["warc-type"] not in _TYPES:
        raise FormatError("the WARC header's type, record id or length is not one")
    return Header(
        type=own["warc-type"],
        id=identifier[1],
        date=_parse_date(own["warc-date"]),
        length=int(own["content-length"]),
        fields=tuple(fields),
    )


def _parse_date(text: str) -> datetime:
    if not _DATE.fullmatch(text):
        raise FormatError(f"not a WARC-Date: {text[:40]!r}")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise FormatError(f"not a WARC-Date: {text[:40]!r}") from error


class MemberCheck:
    """Whether the bytes of one stored slice are exactly one gzip member holding exactly one sound WARC record.

    `feed` the slice in pieces of any size, then ask for the `result`. `sink` receives the record's block, piece by piece, before it is known to be sound.
    `payload` names a hash ("sha1", "sha256") that the Member is to have of its payload. `ours` says that whoever asks took both digests of
    the header himself, of the same bytes: then the block's says all, and the payload is not hashed beside it. Neither call raises for what
    the bytes are: that is the Member's `problem`.
    """

    def __init__(self, sink: Callable[[bytes], object] | None = None, *, payload: str = "", ours: bool = False) -> None:
        self._sink = sink
        self._ours = ours
        self._asked = payload
        self._other: _Payload | None = None
        self._unpacker = Unpacker()
        self._start = b""
        self._header: Header | None = None
        self._left = 0
        self._block = hashlib.sha256()
        self._payload: _Payload | None = None
        self._end = b""
        self._problem = ""

    def feed(self, data: bytes) -> None:
        """The next stored bytes. Once something is wrong the rest is not looked at."""
        if self._problem:
            return
        try:
            for piece in self._unpacker.feed(data):
                self._content(piece)
        except FormatError as error:
            self._problem = error.message

    def result(self) -> Member:
        """What the slice is, now that it has ended."""
        if not self._problem:
            try:
                self._unpacker.finish()
                self._finish()
            except FormatError as error:
                self._problem = error.message
        whole = self._header is not None and not self._left
        return Member(
            header=self._header,
            block_sha256=self._block.hexdigest() if whole else "",
            problem=self._problem,
            payload=self._other.digest() if whole and self._other else b"",
        )

    def _content(self, piece: bytes) -> None:
        if self._header is None:
            piece = self._read_header(piece)
        if self._header is None:
            return
        block, rest = (piece, b"") if len(piece) <= self._left else (piece[: self._left], piece[self._left :])
        if block:
            self._left -= len(block)
            self._block.update(block)
            if self._payload is not None:
                self._payload.update(block)
            if self._other is not None:
                self._other.update(block)
            if self._sink is not None:
                self._sink(block)
        if not rest:
            return
        self._end += rest[: len(END) + 1]
        if not END.startswith(self._end):
            raise FormatError("the record does not end where its Content-Length says")

    def _read_header(self, piece: bytes) -> bytes:
        """Look for the header's end; returns what follows it."""
        searched = max(0, len(self._start) - len(END) + 1)
        self._start += piece
        end = self._start.find(END, searched)
        if end < 0 and len(self._start) < MAX_HEADER:
            return b""
        if end < 0 or end + len(END) > MAX_HEADER:
            raise FormatError("no end of the WARC header")
        end += len(END)
        rest = self._start[end:]
        self._header = parse_header(self._start[:end])
        self._start = b""
        self._left = self._header.length
        http = (self._header.get("Content-Type") or "").lower().startswith("application/http")
        told = self._ours and self._header.block_digest is not None
        if self._header.payload_digest is not None and self._header.type != "revisit" and not told:
            self._payload = _Payload("sha256", http=http)
        if self._asked:
            self._other = _Payload(self._asked, http=http)
        return rest

    def _finish(self) -> None:
        if self._header is None:
            raise FormatError("no WARC record")
        if self._left or self._end != END:
            raise FormatError("the record is shorter than its Content-Length says")
        _hold("WARC-Block-Digest", self._header.block_digest, self._block.hexdigest())
        if self._payload is not None:  # a revisit's payload lies in the record that it refers to
            _hold("WARC-Payload-Digest", self._header.payload_digest, self._payload.digest().hex())


class _Payload:
    """The hash of a block's payload: what follows the HTTP head, or all of it when it is not HTTP (section 2, "payload")."""

    def __init__(self, name: str, *, http: bool) -> None:
        self._hash = hashlib.new(name, usedforsecurity=name != "sha1")
        self._in_head = http
        self._last = b""

    def update(self, data: bytes) -> None:
        if self._in_head:
            seen = self._last + data
            end = _HEAD_END.search(seen)
            if end is None:
                self._last = seen[-2:]
                return
            self._in_head = False
            data = seen[end.end() :]
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.digest()


def _hold(name: str, stated: str | None, found: str) -> None:
    if stated is None:
        return
    match = _SHA256.fullmatch(stated)
    if match is None:
        raise FormatError(f"{name} is not written as sha256 in hexadecimal")
    if match[1] != found:
        raise FormatError(f"{name} does not hold")

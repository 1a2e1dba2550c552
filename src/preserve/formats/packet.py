"""Evidence packets, `preserve-packet/v1`: what may lie in one, and the plain ZIP that holds it (docs/formats/packet.md).

The ZIP is of the plainest kind: entries stored, one after the other from the first byte to the directory, nothing before, between or
after, no comments, no extra fields, every header saying what the directory says. So nothing can hide in it, and one byte changed
anywhere shows. What unpacks and packs again without compressing may make such a ZIP too; the bytes of the files are what counts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from preserve.errors import FormatError
from preserve.model import packet as model
from preserve.model.noun import dataclass

Read: TypeAlias = Callable[[int, int], bytes]
"""`read(offset, length)`: those bytes of the file, fewer only at its end."""

MARKER: Final = model.MARKER
MARK: Final = b"preserve-packet/v1\n"
README: Final = "README.md"
VERIFIER: Final = "verify.py"
CAPTURE: Final = model.CAPTURE
CITATIONS: Final = "proofs/citations.proof"
RECORDS: Final = "proofs/records.proof"
PROOF: Final = "log/seal.tlog-proof"
ORIGINAL: Final = "original"
"""In the name of a record that another one (a revisit) refers to."""
KEY_GAP: Final = b"{KEYID}"
"""Where README.md names the signer's key."""

MAX_MEMBERS: Final = 10_000
MAX_PROOFS: Final = 1 << 26
"""Bytes of one file of proofs."""
MAX_SIZE: Final = 0xFFFF_FFFF
"""Bytes of a packet: no ZIP64."""
MAX_RUNS: Final = 16
"""Other runs that hold originals."""
EPOCH: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""The time of every entry: a packet of the same capture is the same bytes."""

SAFE: Final = re.compile(r"(?:README\.md|(?:[a-z0-9][a-z0-9._-]*/){0,3}(?:SEAL|[a-z0-9][a-z0-9._-]*))")
RUN: Final = re.compile(r"originals/([0-9]{6,16})/")
EVENT: Final = re.compile(r"events/[0-9]{6,16}-key/")
"""What the archive's log says of keys, each statement in its folder."""
OF_EVENT: Final = ("statement.json", "SEAL", "log/entry.tlog-proof")
"""What each of these folders has, beside keys and signatures."""
_AUTHORITY = r"[a-z0-9][a-z0-9._-]{0,99}"
_OF_RUN = re.compile(
    r"manifest\.json|SEAL|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig|timestamps/(?:start-)?" + _AUTHORITY + r"\.tsr|"
    r"countersignatures/[0-9a-f]{64}\.sshsig|log/seal\.tlog-proof|proofs/records\.proof|records/[0-9]{2,5}-[a-z]{1,20}\.warc\.gz"
)
_OF_KEYS = re.compile(
    r"statement\.json|SEAL|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig|log/entry\.tlog-proof|timestamps/(?!start-)"
    + _AUTHORITY
    + r"\.tsr"
)
_OF_PACKET = frozenset({MARKER, README, VERIFIER, CAPTURE, CITATIONS})
_MAX_NAME = 200
_MAX_DIRECTORY = MAX_MEMBERS * 400
_BUNDLE = "datapackage.json"
"""What a WACZ has, and no packet."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSIONS = frozenset({10, 20})
_REGULAR = 0o100000


def is_packet(source: Read, size: int) -> bool:
    """Whether a file of `size` bytes is meant to be a packet, whatever else is wrong with it: it begins as one, or lists what one has."""
    head = source(0, 4096)
    if MARK in head or head[30:].startswith(MARKER.encode() + MARK[:8]):
        return True
    names = _listed(source, size)
    return bool(names & {MARKER, CAPTURE}) and _BUNDLE not in names


def _listed(source: Read, size: int) -> frozenset[str]:
    """The names in the directory of any ZIP, as far as it can be read: packed again, it need not begin with `packet`."""
    tail_at = max(0, size - _END.size - 0xFFFF)
    tail = source(tail_at, size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return frozenset()
    length = _END.unpack_from(tail, at)[5]
    if length > min(tail_at + at, _MAX_DIRECTORY):
        return frozenset()
    directory = source(tail_at + at - length, length)
    names, place = set(), 0
    while directory.startswith(b"PK\x01\x02", place) and len(directory) - place >= _CENTRAL.size:
        name, extra, comment = _CENTRAL.unpack_from(directory, place)[10:13]
        place += _CENTRAL.size
        names.add(directory[place : place + name].decode("latin-1"))
        place += name + extra + comment
    return frozenset(names)


def belongs(name: str) -> bool:
    """Whether a packet can have a file of this name."""
    if name in _OF_PACKET:
        return True
    if match := EVENT.match(name):
        return _OF_KEYS.fullmatch(name[match.end() :]) is not None
    return _OF_RUN.fullmatch(RUN.sub("", name, count=1) if RUN.match(name) else name) is not None


def is_safe(name: str) -> bool:
    return len(name) <= _MAX_NAME and SAFE.fullmatch(name) is not None


def record_name(place: int, kind: str) -> str:
    """The name of the record file that the proof at `place` (from 0) is of: `records/01-response.warc.gz`."""
    return f"records/{place + 1:02d}-{kind}.warc.gz"


# ------------------------------------------------------------------------------------------------------------------- the ZIP


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file in the ZIP: its `size` bytes begin at `start`."""

    name: str
    start: int
    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The files in their order, and every (refusal code, name, why) that is against the form."""

    entries: tuple[Stored, ...]
    problems: tuple[tuple[str, str, str], ...]


def read(source: Read, size: int) -> Layout:
    """The layout of the packet of `size` bytes that `source` reads. Raises FormatError when its files cannot be told apart."""
    end = source(max(0, size - _END.size), _END.size)
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise FormatError("not a ZIP that ends with its end record")
    _, disk, first, here, count, length, start, comment = _END.unpack(end)
    if (disk, first, here, comment) != (0, 0, count, 0) or start + length + _END.size != size or count > MAX_MEMBERS:
        raise FormatError("its end record is not that of a packet")
    directory = source(start, length)
    entries: list[Stored] = []
    problems: list[tuple[str, str, str]] = []
    writers: set[tuple[int, int, int]] = set()
    place = expected = 0
    for _ in range(count):
        fields = directory[place : place + _CENTRAL.size]
        if len(fields) < _CENTRAL.size or not fields.startswith(b"PK\x01\x02"):
            raise FormatError("its directory is damaged")
        _, made, *common, name_length, extra, comment, disk, internal, external, at = _CENTRAL.unpack(fields)
        name = directory[place + _CENTRAL.size : place + _CENTRAL.size + name_length]
        place += _CENTRAL.size + name_length + extra + comment
        entry = _entry(source, name, common, at)
        if (extra, comment, disk, internal, at) != (0, 0, 0, 0, expected) or entry is None:
            raise FormatError("header and directory disagree, or bytes belong to no file")
        if external >> 16 & 0o170000 not in {0, _REGULAR}:
            problems.append(("not-a-file", entry.name, "not a plain file: only plain files belong here"))
        writers.add((made, common[0], external))
        entries.append(entry)
        expected = entry.start + entry.size
    if expected != start or place != length or len(writers) > 1:
        raise FormatError("bytes in it belong to no file")
    problems += _doubles(entries)
    return Layout(entries=tuple(entries), problems=tuple(problems))


def _entry(source: Read, name: bytes, common: Sequence[int], at: int) -> Stored | None:
    """The file whose header lies at `at`, when that header says what the directory says and nothing else."""
    needed, flags, method, _, _, crc, packed, size = common
    expected = _LOCAL.pack(b"PK\x03\x04", *common, len(name), 0) + name
    if needed not in _VERSIONS or (flags, method, packed) != (0, 0, size) or source(at, len(expected)) != expected:
        return None
    return Stored(name=name.decode("latin-1"), start=at + len(expected), size=size, crc32=crc)


def _doubles(entries: Sequence[Stored]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            yield "duplicate-name", entry.name, "it is there twice"
        seen.add(entry.name)

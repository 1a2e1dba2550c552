"""ZIP files that hold nothing but what they list (PKWARE APPNOTE 6.3.10; ZIP64 where sizes ask for it).

A ZIP says twice what it holds: before each entry and in the directory at its end. Readers believe the one or the other, and skip
what neither names. For evidence both must say the same: entries tile the file from its first byte to the directory, no name stands
twice, nothing is hidden in comments. `read` tells every departure from that; it never raises for what an entry is, only when there
is no ZIP at all. Written is the plainest form: sizes known in the header, no data descriptors, no comments.

    file = *(local-header data [descriptor]) *directory-entry [zip64-end zip64-locator] end
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from preserve.errors import FormatError
from preserve.model.noun import dataclass

Read: TypeAlias = Callable[[int, int], bytes]
"""`read(offset, length)`: those bytes of the file, fewer only at its end."""

STORED: Final = 0
DEFLATED: Final = 8
MAX_DIRECTORY: Final = 1 << 28
"""Bytes of the directory: some two million entries."""
BIG: Final = 0xFFFFFFFF
"""Sizes and offsets from here on stand in a ZIP64 field."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_UTF8: Final = 0x800
_DESCRIPTOR: Final = 0x8
_HARMLESS_FLAGS: Final = _UTF8 | _DESCRIPTOR | 0x6
"""UTF-8 names, a data descriptor, how hard deflate tried."""
_ENTRY: Final = b"PK\x01\x02"
_EXTRAS: Final = frozenset({0x0001, 0x5455, 0x5855, 0x7855, 0x7875, 0x000A})
"""ZIP64, and the times and owners that archivers add."""
_KIND: Final = 0o170000
_PLAIN: Final = 0o100000
_FOLDER: Final = 0o040000
"""What Unix archivers say that an entry is, in the upper half of its attributes."""
_NAME = re.compile(r"(?!/)[^\x00-\x1f\x7f\\:]{1,1000}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEntry:
    """One entry: `start` is where its bytes lie, `packed` how many they are in the file, `size` unpacked."""

    name: str
    method: int
    start: int
    packed: int
    size: int
    crc32: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/") and self.size == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipLayout:
    """What a ZIP holds, in the directory's order, and every (entry or "", why) that is not as it should be."""

    entries: tuple[ZipEntry, ...]
    problems: tuple[tuple[str, str], ...]


# ------------------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Central:
    entry: ZipEntry
    at: int
    flags: int


def read(source: Read, size: int) -> ZipLayout:
    """The layout of the ZIP of `size` bytes that `source` reads. Raises FormatError when it has no directory that can be read."""
    count, length, start, end, problems = _find_directory(source, size)
    shift = 0
    if not source(start, 4).startswith(_ENTRY) and (shift := _shift(source, start, length, end)):
        # Something was put before it: every place that it states is off by as much. Readers cope, so it is read here too.
        problems = [("", f"{shift} bytes were put before it")]
        start += shift
    if length > MAX_DIRECTORY:
        raise FormatError(f"ZIP: the directory has {length} bytes, more than is read")
    found = list(_directory(source(start, length), count, problems))
    entries: list[ZipEntry] = []
    expected = 0
    for central in sorted(found, key=lambda item: item.at):
        central = replace(central, at=central.at + shift)  # noqa: PLW2901 -- the same entry, where it lies
        if central.at != expected + (shift if not entries else 0):
            problems.append((central.entry.name, f"{abs(central.at - expected)} bytes before it belong to no entry or to two"))
        entry, expected = _local(source, central, problems)
        entries.append(entry)
    if expected != start:
        problems.append(("", f"{abs(start - expected)} bytes before the directory belong to no entry or to two"))
    if end != size:
        problems.append(("", f"{size - end} bytes follow the end, or stand in a comment"))
    problems += _doubles(entries)
    return ZipLayout(entries=tuple(entries), problems=tuple(problems))


def _shift(source: Read, start: int, length: int, end: int) -> int:
    """How far the directory lies behind the place that is stated for it; 0 when it is not there either."""
    found = end - _END.size - length - start
    return found if found > 0 and source(start + found, 4).startswith(_ENTRY) else 0


def _find_directory(source: Read, size: int) -> tuple[int, int, int, int, list[tuple[str, str]]]:
    """(entries, bytes, offset of the directory, where the last end record ends, problems so far)."""
    tail_at = max(0, size - _END.size - 0xFFFF)
    tail = source(tail_at, size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise FormatError("not a ZIP: it has no end record")
    _, disk, first, here, count, length, start, _ = _END.unpack_from(tail, at)
    end = tail_at + at
    problems: list[tuple[str, str]] = []
    if 0xFFFF in {here, count} or BIG in {length, start}:
        locator = source(end - _LOCATOR.size, _LOCATOR.size) if end >= _LOCATOR.size else b""
        if not locator.startswith(b"PK\x06\x07"):
            raise FormatError("ZIP: its ZIP64 end record is missing")
        _, disk, at64, _ = _LOCATOR.unpack(locator)
        record = source(at64, _END64.size)
        if not record.startswith(b"PK\x06\x06") or len(record) < _END64.size:
            raise FormatError("ZIP: its ZIP64 end record is missing")
        _, rest, _, _, disk, first, here, count, length, start = _END64.unpack(record)
        if rest != _END64.size - 12 or at64 + _END64.size + _LOCATOR.size != end:
            problems.append(("", "bytes between its end records belong to nothing"))
        expected = at64
    else:
        expected = end
    if disk or first or here != count:
        raise FormatError("ZIP: it is one part of several")
    if start + length != expected:
        problems.append(("", f"{abs(expected - start - length)} bytes between the directory and the end belong to nothing"))
    if start + length > size:
        raise FormatError("ZIP: its directory lies outside the file")
    return count, length, start, end + _END.size, problems


def _directory(data: bytes, count: int, problems: list[tuple[str, str]]) -> Iterator[_Central]:
    place = 0
    for _ in range(count):
        if not data.startswith(_ENTRY, place) or place + _CENTRAL.size > len(data):
            raise FormatError("ZIP: the directory is damaged")
        fields = _CENTRAL.unpack_from(data, place)
        flags, method, crc, packed, size, name_length, extra_length, comment_length, disk = (*fields[3:5], *fields[7:14])
        attributes, at = fields[15:]
        place += _CENTRAL.size
        raw = data[place : place + name_length]
        extra = data[place + name_length : place + name_length + extra_length]
        place += name_length + extra_length + comment_length
        if place > len(data):
            raise FormatError("ZIP: the directory is damaged")
        name = _name(raw, flags)
        size, packed, at = _widened(extra, (size, packed, at))
        if comment_length:
            problems.append((name, "it has a comment, which nothing vouches for"))
        problems += [(name, why) for why in _oddities(name, flags, method, extra, disk)]
        kind = attributes >> 16 & _KIND
        if kind not in {0, _PLAIN} and not (kind == _FOLDER and name.endswith("/")):
            problems.append((name, "by its attributes no plain file: unpacked it becomes a link, a folder or a device"))
        entry = ZipEntry(name=name, method=method, start=0, packed=packed, size=size, crc32=crc)
        yield _Central(entry=entry, at=at, flags=flags)
    if place != len(data):
        problems.append(("", f"the directory has {len(data) - place} bytes that belong to no entry"))


def _local(source: Read, central: _Central, problems: list[tuple[str, str]]) -> tuple[ZipEntry, int]:
    """The entry with where its bytes begin, and where whatever follows it begins."""
    said = central.entry
    head = source(central.at, _LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise FormatError(f"ZIP: there is no entry where the directory says: {said.name[:200]!r}")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    rest = source(central.at + _LOCAL.size, name_length + extra_length)
    extra = rest[name_length:]
    size, packed = _widened(extra, (size, packed))
    start = central.at + _LOCAL.size + name_length + extra_length
    told = (crc, packed, size)
    known = (said.crc32, said.packed, said.size)
    streamed = flags & _DESCRIPTOR
    if (_name(rest[:name_length], flags), method, flags) != (said.name, said.method, central.flags) or (
        told != known and not (streamed and told in {(0, 0, 0), (0, BIG, BIG)})
    ):
        problems.append((said.name, "its own header and the directory say different things"))
    problems += [(said.name, why) for why in _extra_oddities(extra)]
    if said.method == STORED and said.packed != said.size:
        problems.append((said.name, "it is stored, and has two sizes"))
    end = start + said.packed
    if streamed:
        end += _descriptor(source(end, 24), said, problems)
    return ZipEntry(name=said.name, method=said.method, start=start, packed=said.packed, size=said.size, crc32=said.crc32), end


def _descriptor(data: bytes, entry: ZipEntry, problems: list[tuple[str, str]]) -> int:
    """How long the data descriptor after an entry is; its signature and its width are both a writer's choice."""
    for form in ("<4sLQQ", "<4sLLL"):
        signed = struct.Struct(form)
        if len(data) >= signed.size:
            fields = signed.unpack_from(data)
            if fields == (b"PK\x07\x08", entry.crc32, entry.packed, entry.size):
                return signed.size
    for form in ("<LQQ", "<LLL"):
        bare = struct.Struct(form)
        if len(data) >= bare.size and bare.unpack_from(data) == (entry.crc32, entry.packed, entry.size):
            return bare.size
    problems.append((entry.name, "the description that should follow it is missing or says something else"))
    return 0


def _widened(extra: bytes, values: Sequence[int]) -> tuple[int, ...]:
    """Sizes and offset, taken from the ZIP64 field where they do not fit their own."""
    wide = next((data for kind, data in _fields(extra) if kind == 1), b"")
    taken = []
    for value in values:
        if value == BIG and len(wide) >= 8:
            taken.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            taken.append(value)
    return tuple(taken)


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        yield kind, extra[place + 4 : place + 4 + length]
        place += 4 + length


def _oddities(name: str, flags: int, method: int, extra: bytes, disk: int) -> Iterator[str]:
    if flags & ~_HARMLESS_FLAGS:
        yield "it is encrypted, or packed in a way that is not read here"
    if method not in {STORED, DEFLATED}:
        yield f"it is packed with method {method}, which is not read here"
    if disk:
        yield "it says that it lies in another part"
    if not _NAME.fullmatch(name) or any(part in {"", ".", ".."} for part in name.removesuffix("/").split("/")):
        yield "an unsafe name"
    if name.endswith("/") and (disk or method != STORED):
        yield "a folder that holds something"
    yield from _extra_oddities(extra)


def _extra_oddities(extra: bytes) -> Iterator[str]:
    kinds = [kind for kind, _ in _fields(extra)]
    if any(kind not in _EXTRAS for kind in kinds) or sum(4 + len(data) for _, data in _fields(extra)) != len(extra):
        yield "bytes beside it that belong to nothing"
    elif len(set(kinds)) != len(kinds):
        yield "a field of its header stands twice"


def _name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 or not raw.isascii() else "ascii")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _doubles(entries: Sequence[ZipEntry]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for entry in entries:
        known = seen.setdefault(entry.name.casefold(), "")
        if known:
            same = known == entry.name
            yield entry.name, "a duplicate entry" if same else f"a case collision: {known} is the same name on some disks"
        seen[entry.name.casefold()] = entry.name


# ------------------------------------------------------------------------------------------------------------------- writing


def local_header(name: str, moment: datetime, *, crc32: int, size: int, wide: bool) -> bytes:
    """The header of a stored entry. `wide`: sizes stand in a ZIP64 field."""
    raw = name.encode("ascii")
    extra = struct.pack("<2H2Q", 1, 16, size, size) if wide else b""
    short = BIG if wide else size
    return (
        _LOCAL.pack(b"PK\x03\x04", 45 if wide else 20, 0, STORED, *_dos(moment), crc32, short, short, len(raw), len(extra))
        + raw
        + extra
    )


def directory_entry(name: str, moment: datetime, *, crc32: int, size: int, at: int) -> bytes:
    """The directory's line for a stored entry whose header lies at `at`."""
    raw = name.encode("ascii")
    wide = [value for value in (size, size, at) if value >= BIG]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = 45 if wide else 20
    fields = (version | 3 << 8, version, 0, STORED, *_dos(moment), crc32, min(size, BIG), min(size, BIG), len(raw), len(extra))
    return _CENTRAL.pack(_ENTRY, *fields, 0, 0, 0, 0o100644 << 16, min(at, BIG)) + raw + extra


def end(count: int, length: int, start: int) -> bytes:
    """What follows the directory of `count` entries and `length` bytes that begins at `start`."""
    if count < 0xFFFF and length < BIG and start < BIG:
        return _END.pack(b"PK\x05\x06", 0, 0, count, count, length, start, 0)
    return (
        _END64.pack(b"PK\x06\x06", _END64.size - 12, 45 | 3 << 8, 45, 0, 0, count, count, length, start)
        + _LOCATOR.pack(b"PK\x06\x07", 0, start + length, 1)
        + _END.pack(b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(length, BIG), min(start, BIG), 0)
    )


def _dos(moment: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS wrote them, in UTC and to two seconds."""
    year = min(max(moment.year, 1980), 2107) - 1980
    return moment.hour << 11 | moment.minute << 5 | moment.second // 2, year << 9 | moment.month << 5 | moment.day

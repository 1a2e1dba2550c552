"""The record index: where each record of a WARC file lies, and the hash of its stored bytes (docs/formats/records.md).

    preserve-record/v1 0 0 276 be65839e9f7138754fa318e19d7e6e2147427d8691ba01fbbf1b177cfe910740
    preserve-record/v1 1 276 325 dcfd2f1f06d3c362999b6156d647675e5ad446e200b0c82692f11f189e93ea68

Index, offset and length in decimal, SHA-256 of the compressed bytes. The records tile the file: they count from 0, the first starts
at 0, each starts where the one before ends, the last ends where the file does. So the record hashes prove the whole file. Each line
without its newline is a leaf of the Merkle tree whose root the manifest signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preserve.errors import FormatError
from preserve.formats import merkle
from preserve.model.lines import RecordLine
from preserve.model.pattern import pattern

_LINE = pattern(rb"preserve-record/v1 (0|[1-9][0-9]{0,15}) (0|[1-9][0-9]{0,15}) ([1-9][0-9]{0,15}) ([0-9a-f]{64})")


def leaf(line: RecordLine) -> bytes:
    """The exact bytes of one line, without the newline."""
    return f"preserve-record/v1 {line.index} {line.offset} {line.length} {line.sha256}".encode()


def parse_leaf(data: bytes) -> RecordLine:
    """One line without its newline; raises FormatError."""
    if not (match := _LINE.fullmatch(data)):
        raise FormatError(f"record index: bad line: {data[:120]!r}")
    return RecordLine(index=int(match[1]), offset=int(match[2]), length=int(match[3]), sha256=match[4].decode())


def encode(records: Iterable[RecordLine]) -> bytes:
    """The file; raises FormatError when the records do not count from 0 and tile."""
    rows = []
    end = 0
    for number, line in enumerate(records):
        _check(line, number, end)
        end += line.length
        rows.append(leaf(line))
    return b"".join(row + b"\n" for row in rows)


def read(data: bytes, size: int) -> Iterator[RecordLine]:
    """The records in order, checked as they come; `size` is the length of the WARC file. Raises FormatError.

    The last check (that the records end where the file ends) is made when the iterator is exhausted.
    """
    end = 0
    for number, row in enumerate(merkle.lines(data)):
        line = parse_leaf(row)
        _check(line, number, end)
        end += line.length
        if end > size:
            raise FormatError(f"record index: does not tile: record {number} ends at {end}, the file at {size}")
        yield line
    if end != size:
        raise FormatError(f"record index: does not tile: the records end at {end}, the file at {size}")


def decode(data: bytes, size: int) -> tuple[RecordLine, ...]:
    """All of `read`."""
    return tuple(read(data, size))


def _check(line: RecordLine, number: int, end: int) -> None:
    if line.index != number:
        raise FormatError(f"record index: does not count: record {line.index} where {number} belongs")
    if line.offset != end:
        raise FormatError(f"record index: does not tile: record {number} starts at {line.offset}, the one before ends at {end}")
    if line.length < 1:
        raise FormatError(f"record index: does not tile: record {number} is empty")

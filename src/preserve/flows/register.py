"""Where the lines of a run lie that are asked for one by one: captures by their address, citations by their number.

All lines are looked at once, and of each its place is kept; so whoever compares every page of a run takes time that grows with the run, not
with its square. Members are found in the bytes of a line: a quotation mark inside a JSON text has a backslash before it, so what is looked
for with its quotation marks is a member (docs/formats/captures.md section 4).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from preserve.flows.select import SealedRun
from preserve.formats import lines
from preserve.formats.url import BadUrl, parse
from preserve.model.trust import CaptureLine, CitationLine

_ADDRESS = b',"url":"'
_REQUISITE = b',"requisite_of":'
_CITATION = b'"citation":'


class Register:
    """The register of one run. Reading raises what `SealedRun` does."""

    def __init__(self, run: SealedRun) -> None:
        self._run = run
        self._captures: dict[int, tuple[int, ...]] = {}
        self._citations: dict[int, int] | None = None
        for offset, row in _placed(run.rows(run.manifest.captures.file)):
            if not is_requisite(row):
                digest = hash(key(asked(row)))
                self._captures[digest] = (*self._captures.get(digest, ()), offset)

    def captures(self, address: str) -> Iterator[CaptureLine]:
        """The captures of an address (its key), in their order; requisites are not among them."""
        for offset in self._captures.get(hash(address), ()):
            line = self._run.capture(self._run.row_at(self._run.manifest.captures.file, offset))
            if key(line.url) == address:
                yield line

    def citations(self, numbers: Iterable[int]) -> Iterator[CitationLine]:
        """The citations of these numbers, in the order of the numbers."""
        file = self._run.manifest.citations.file
        if self._citations is None:
            self._citations = {_number(row): offset for offset, row in _placed(self._run.rows(file))}
        for number in sorted(numbers):
            if number in self._citations:
                yield lines.decode_citation(self._run.row_at(file, self._citations[number]))


def key(url: str) -> str:
    """What spellings of one address have in common."""
    parsed = parse(url)
    return url if isinstance(parsed, BadUrl) else parsed.address


def asked(row: bytes) -> str:
    """The address in a capture's line, without reading the rest: its last member but one; "" where it cannot be read."""
    start = row.rfind(_ADDRESS) + len(_ADDRESS)
    end = row.find(b'","verdict":', start)
    try:
        return str(json.loads(b'"' + row[start:end] + b'"'))
    except ValueError:
        return ""


def is_requisite(row: bytes) -> bool:
    """Whether a capture's line is that of a requisite."""
    return _REQUISITE in row


def _number(row: bytes) -> int:
    start = row.find(_CITATION) + len(_CITATION)
    digits = row[start : start + 20].partition(b",")[0]
    return int(digits) if digits.isdigit() else -1


def _placed(rows: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for row in rows:
        yield offset, row
        offset += len(row) + 1

"""Where the lines of a run lie that are asked for one by one: captures by their address, citations by their number.

All lines are looked at once, and of each its place is kept; so whoever compares every page of a run takes time that grows with the run, not
with its square. Members are found in the bytes of a line: a quotation mark inside a JSON text has a backslash before it, so what is looked
for with its quotation marks is a member (docs/formats/captures.md section 4).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from preserve.errors import FormatError
from preserve.flows.select import SealedRun
from preserve.formats import lines
from preserve.formats.url import BadUrl, parse
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.noun import dataclass
from preserve.model.web import Outcome, Verdict

_ADDRESS = b',"url":"'
_REQUISITE = b',"requisite_of":'
_CITATION = b'"citation":'
_OUTCOMES = {each.value: each for each in Outcome}
_VERDICTS = {each.value: each for each in Verdict}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a capture's line says at a glance: enough to know whether it is worth being taken apart.

    `written` are the forms in which footnotes have the address, `passed` the addresses that the capture went by; `cited` are the numbers of
    the citations that it answers, `foreign` says that a third party captured it.
    """

    url: str
    outcome: Outcome
    verdict: Verdict | None
    requisite: bool
    foreign: bool
    written: tuple[str, ...]
    passed: tuple[str, ...]
    cited: tuple[int, ...]


def glance(row: bytes) -> Glance:
    """A capture's line, looked at without holding it to its one spelling, in a tenth of the time that `lines.decode_capture` takes.

    For files whose bytes were held against what was signed. Raises FormatError.
    """
    try:
        said = json.loads(row)
        url, answers, verdict = said["url"], said.get("cited_in", ()), said["verdict"]
        return Glance(
            url=url,
            outcome=_OUTCOMES[said["outcome"]],
            verdict=None if verdict is None else _VERDICTS[verdict],
            requisite="requisite_of" in said and said["requisite_of"] is not None,
            foreign="foreign" in said,
            written=tuple(answer["as_written"] for answer in answers),
            passed=(said["final_url"], *(hop["url"] for hop in said.get("hops", ()))),
            cited=tuple(answer["citation"] for answer in answers),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise FormatError("a capture's line cannot be read") from problem


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

"""Reading lists of unchanged requisites back: what a page's list says, and where the records lie that hold what was unchanged.

A list names what it refers to by address, date and payload. Captures with that payload are looked for in the lists of the runs, and the
record's own header decides. One that was removed is not found: nothing tells which of the removed records it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from preserve.errors import FormatError
from preserve.formats import lines, unchanged
from preserve.formats.warc import target_uri
from preserve.model.lines import CaptureLine, RecordRef
from preserve.model.unchanged import Unchanged

if TYPE_CHECKING:
    from preserve.flows.select import SealedRun

_PAYLOAD: Final = re.compile(rb'"payload_sha256":"([0-9a-f]{64})"')


class Key(NamedTuple):
    """What a response record is known by in lists: its address as the record has it, its date, the hash of its payload."""

    uri: str
    date: datetime
    payload_sha256: str


def key(answer: Unchanged) -> Key:
    """What a line refers to."""
    return Key(target_uri(answer.url), answer.refers_to_date, answer.payload_sha256)


def record_of(run: SealedRun, line: CaptureLine) -> RecordRef | None:
    """The record of a page's list; None when the page has none, or when it was removed."""
    if not line.unchanged:
        return None
    for record in reversed(line.records):
        if record.type == "metadata":
            try:
                header, _ = run.head(record.warc, record.index)
            except FormatError:
                return None  # so short that nothing which can be read stands where it was removed
            return record if (header.target_uri or "").startswith(unchanged.URN) else None
    return None


def answers(run: SealedRun, line: CaptureLine) -> tuple[Unchanged, ...]:
    """What the list of a page says; nothing where there is none. Raises FormatError when it is not what it should be."""
    record = record_of(run, line)
    if record is None:
        return ()
    found = unchanged.decode(run.block(record.warc, record.index, unchanged.MAX_SIZE + 1))
    if len(found) != line.unchanged:
        raise FormatError(f"the list of {line.url} has {len(found)} lines, its capture says {line.unchanged}")
    return found


def pages(run: SealedRun) -> Iterator[CaptureLine]:
    """The captures of a run that have lists."""
    for line in run.captures_with(b'"unchanged":'):
        if line.unchanged:
            yield line


def find(runs: Iterable[SealedRun], wanted: Collection[Key]) -> Iterator[tuple[Key, SealedRun, tuple[str, int]]]:
    """Where the records lie that these keys name: (key, run, (WARC file, index)). One that is nowhere is left out."""
    missing = set(wanted)
    for run in runs:
        if not missing:
            return
        payloads = {one.payload_sha256.encode() for one in missing}
        for row in run.rows(run.manifest.captures.file):
            named = _PAYLOAD.search(row)  # a quote in a string is escaped: this is the member
            if named is None or named[1] not in payloads:
                continue
            line = lines.decode_capture(row)
            for record in line.records if line.foreign is None else ():
                if record.type == "response" and (found := _key(run, record, line)) in missing:
                    missing.discard(found)
                    yield found, run, (record.warc, record.index)


def _key(run: SealedRun, record: RecordRef, line: CaptureLine) -> Key | None:
    try:
        header, begins = run.head(record.warc, record.index)
    except FormatError:
        return None  # so short that nothing which can be read stands where it was removed
    if header.type != "response" or line.payload_sha256 is None:
        return None
    status = begins.partition(b"\r\n")[0].split(b" ", 2)[1:2]
    if status != [b"200"] or header.payload_digest not in {None, f"sha256:{line.payload_sha256}"}:
        return None  # on the way to the answer: a redirect, another form, an attempt in vain
    return Key(header.target_uri or "", header.date, line.payload_sha256)


def anchors(runs: Iterable[SealedRun]) -> Iterator[Unchanged]:
    """Listed answers of `runs`, which come in their order, that a player needs a record of: the first and the last before it was otherwise.

    Players take a capture before or after the time that is shown, each by its own rule. Between two records of the same payload any rule
    is right. Memory is an entry for each address.
    """
    held = tuple(runs)
    if not any(True for run in held for _ in pages(run)):
        return
    last: dict[str, tuple[str, Unchanged | None]] = {}
    for run in held:
        for url, payload, answer in _seen(run):
            before = last.get(url)
            if before is not None and before[0] != payload:
                if before[1] is not None:
                    yield before[1]
                if answer is not None:
                    yield answer
                last[url] = payload, None
            else:
                last[url] = payload, answer


def _seen(run: SealedRun) -> Iterator[tuple[str, str, Unchanged | None]]:
    """(address, payload, its line in a list) of everything that came in a run; None for what has records."""
    for line in run.captures():
        if line.foreign is None and line.payload_sha256 is not None:
            yield line.final_url, line.payload_sha256, None
        for answer in answers(run, line):
            yield answer.url, answer.payload_sha256, answer

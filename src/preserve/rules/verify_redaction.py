"""Records that were removed, as a verification sees them (docs/formats/events.md, "redaction").

A record may stand as its statement's replacement, signed for and logged: then it was removed, and that is said, by whom and why. It may still be the one that
was sealed: then its removal was not carried out, or undone. Whatever else stands there nobody signed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from preserve.formats import recordindex
from preserve.formats.times import rfc3339
from preserve.model.event import Redaction, RemovedRecord, Statement
from preserve.model.finding import REDACTED, Claim, Finding, failed, unchecked
from preserve.model.lines import RecordLine
from preserve.model.noun import dataclass
from preserve.rules import events as words

SHOWN = 10
"""Records of one file that are there in spite of their removal, with a finding of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A record whose removal is stated. `event` is the statement's folder, `said` who removed it and why, for a person."""

    record: RemovedRecord
    event: str
    said: str


def removals(statement: Statement, event: str, signed: str) -> Iterator[tuple[str, Removal]]:
    """What a redaction removes, each with the SHA-256 of the run's SEAL. `signed` says whose signatures hold; "" when nobody's known."""
    if isinstance(body := statement.body, Redaction):
        who = words.actor(statement.actor) or statement.signers[0].name
        said = (
            f"removed by {who} on {rfc3339(statement.created)}, by order of {body.authority}, because: {body.reason}"
            f" ({signed or 'signed by a key that you do not know'}; {event})"
        )
        for record in body.records:
            yield body.run.seal_sha256, Removal(record=record, event=event, said=said)


def amend(data: bytes, stated: Sequence[Removal]) -> tuple[bytes, dict[int, list[Removal]], list[Finding]]:
    """The record index `data` with the hashes of what stands there instead, the removals that speak of its records, and the others' findings.

    A removal that says of a record what its sealed index does not say removes nothing.
    """
    rows = data.split(b"\n")
    removed: dict[int, list[Removal]] = {}
    findings = []
    for removal in stated:
        record = removal.record
        line = RecordLine(index=record.index, offset=record.offset, length=record.length, sha256=record.sha256)
        if record.index >= len(rows) or (record.index not in removed and rows[record.index] != recordindex.leaf(line)):
            findings.append(stranger(removal))
            continue
        if earlier := removed.get(record.index):
            known = earlier[0].record
            if (known.offset, known.length, known.sha256) != (record.offset, record.length, record.sha256):
                findings.append(stranger(removal))
                continue
        removed.setdefault(record.index, []).append(removal)
        rows[record.index] = recordindex.leaf(
            RecordLine(index=line.index, offset=line.offset, length=line.length, sha256=record.replacement_sha256)
        )
    return b"\n".join(rows), removed, findings


def elsewhere(stated: Iterable[Removal], warcs: Iterable[str]) -> Iterator[Finding]:
    """A removal of a record in a file that the run does not have."""
    known = set(warcs)
    for removal in stated:
        if removal.record.file not in known:
            yield stranger(removal)


def speaks_of(removal: Removal, line: RecordLine) -> bool:
    """Whether a removal says of a record what its line of the sealed index says."""
    record = removal.record
    return (record.index, record.offset, record.length, record.sha256) == (line.index, line.offset, line.length, line.sha256)


def stranger(removal: Removal) -> Finding:
    """A removal that speaks of its record otherwise than it was sealed."""
    record = removal.record
    why = f"it speaks of record {record.index} of {record.file} otherwise than it was sealed"
    return failed(Claim.EVENTS, removal.event, why)


def judge_removed(
    path: str, where: str, gone: Mapping[int, Removal], owners: Mapping[tuple[str, int], str] | None
) -> Iterator[Finding]:
    """The records of one WARC file that were removed. `path` is the file's in its run, `where` the archive's."""
    for index, removal in sorted(gone.items()):
        whose = (owners or {}).get((path, index), "")
        detail = f"record {index} at offset {removal.record.offset}: {removal.said}{'; ' if whose else ''}{whose}"
        yield unchecked(Claim.INTEGRITY, where, detail, needed=True, record=index, code=REDACTED)


def judge_restored(where: str, back: Mapping[int, Removal]) -> Iterator[Finding]:
    """Records that are still, or again, what was sealed, although their removal is stated: intact, which is worth knowing."""
    for index, removal in sorted(back.items())[:SHOWN]:
        yield unchecked(
            Claim.EVENTS,
            removal.event,
            f"record {index} of {where} is still, or again, what was sealed; preserve redact --finish carries its removal out",
        )
    if len(back) > SHOWN:
        yield unchecked(Claim.EVENTS, where, f"{len(back) - SHOWN} more records whose removal is stated are still there")


def unexplained(removal: Removal) -> str:
    """What is said beside the damage of a record that is neither what was sealed nor what its removal left."""
    return (
        f"; its removal is stated ({removal.event}), but the bytes there are not the ones that it left either: an overwriting that"
        " was cut short, which preserve redact --finish ends, or another change"
    )

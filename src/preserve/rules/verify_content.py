"""What was read against what was signed: files, records, lists (docs/formats/verification.md, steps 4 and 5).

The flow reads and hashes; these rules compare. A Measured value says what lies on the disk, the Manifest what was signed. Damage is
named by file, record and offset; whose capture that was is looked up afterwards (`Finder`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from preserve.model.finding import Claim, Finding, failed
from preserve.model.manifest import FileEntry, Manifest, Role
from preserve.model.noun import dataclass
from preserve.rules.verify_lines import Captures, Citations, Found, Sources

CHANGED = "the stored bytes are not those that were signed"
ODD = "the stored bytes do not begin like a gzip member with FLG 0 and MTIME 0"
ENDS = "the file ends before or inside this record"

SHOWN = 10
"""Damaged records of one file with a finding of their own."""


# ------------------------------------------------------------------------------------------------------------- what was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A file, hashed whole. `types`: the WARC-Types in a file of another tool, when it was opened."""

    path: str
    size: int
    sha256: str
    types: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A file of lines: how many, the Merkle root over them, and what the reader made of them.

    `sha256` is "" where it is known already, `root` where it was not asked for.
    """

    path: str
    size: int
    sha256: str
    count: int
    root: str
    content: Sources | Citations | Captures | Found | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """A record that is not as it should be, and why."""

    index: int
    offset: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a WARC file, held against its record index.

    `first` and `end` are (record, offset) where it begins and where the next would; `last`: it is the file's last stretch, and then
    `beyond` says that the file goes on. `types` are the WARC-Types in order, when members were opened. `problem`: the index itself.
    """

    path: str
    first: tuple[int, int]
    end: tuple[int, int]
    last: bool
    beyond: bool
    spoiled: tuple[Spoiled, ...]
    more: int
    types: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Some records of a WARC file, picked at random: `read` of `total`. `size` is the file's length."""

    path: str
    read: int
    total: int
    size: int
    spoiled: tuple[Spoiled, ...]
    more: int


# ------------------------------------------------------------------------------------------------------------------ judging


def judge_file(entry: FileEntry, at: str, found: Whole | Lines) -> Iterator[Finding]:
    """Size and hash; `at` is the prefix of the run's folder."""
    if found.size != entry.bytes:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: it has {found.size} bytes, signed were {entry.bytes}")
    elif found.sha256 and found.sha256 != entry.sha256:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: its SHA-256 is {found.sha256}, signed was {entry.sha256}")


def judge_list(count: int, root: str, found: Lines) -> Iterator[Finding]:
    """Count and Merkle root as signed, for a file whose bytes are the signed ones."""
    if found.count != count:
        yield failed(Claim.INTEGRITY, found.path, f"it has {found.count} lines, the manifest says {count}")
    if found.root and found.root != root:
        yield failed(Claim.INTEGRITY, found.path, f"the Merkle root over its lines is {found.root}, the manifest says {root}")


def judge_records(entry: FileEntry, at: str, found: Sequence[Segment]) -> tuple[list[Spoiled], list[Finding]]:
    """The damaged records of one WARC file, and the findings that are about no single record."""
    findings = []
    where = at + entry.path
    assert entry.records is not None
    expected = (0, 0)
    for segment in found:
        if segment.problem or segment.first != expected:
            findings.append(
                failed(Claim.INTEGRITY, at + entry.records.file, segment.problem or f"does not tile at record {expected[0]}")
            )
            return [], findings
        expected = segment.end
    if expected != (entry.records.count, entry.bytes):
        findings.append(
            failed(
                Claim.INTEGRITY,
                at + entry.records.file,
                f"does not tile: {expected[0]} records end at {expected[1]}, the manifest says {entry.records.count} and {entry.bytes}",
            )
        )
    if any(segment.beyond for segment in found):
        findings.append(
            failed(Claim.INTEGRITY, where, f"altered: bytes after the last record, or a cut: {expected[1]} bytes were signed")
        )
    if (more := sum(segment.more for segment in found)) > 0:
        findings.append(failed(Claim.INTEGRITY, where, f"altered: {more} more records"))
    return [spoiled for segment in found for spoiled in segment.spoiled], findings


def judge_sample(entry: FileEntry, at: str, found: Sampled) -> Iterator[Finding]:
    """What a sample shows that is about no single record."""
    if found.size != entry.bytes:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: it has {found.size} bytes, signed were {entry.bytes}")
    if found.more:
        yield failed(Claim.INTEGRITY, at + entry.path, f"altered: {found.more} more records")


def sampled(read: int, total: int) -> str:
    """How much a sample says, in plain words."""
    if read >= total:
        return f"all {total} records were read"
    missed = (total - read) * 100 / total
    odds = f"{missed:.0f}" if 1 <= missed <= 99 else f"{min(max(missed, 0.01), 99.99):.2f}"
    were = "was" if read == 1 else "were"
    return f"{read} of {total} records {were} read, picked at random: were one record damaged, {odds} in 100 such samples would miss it"


def describe_damage(
    path: str, where: str, spoiled: Sequence[Spoiled], owners: Mapping[tuple[str, int], str] | None
) -> Iterator[Finding]:
    """A finding for each damaged record, up to SHOWN. `path` is the WARC's in the run; `owners` None: the capture index cannot say."""
    for record in spoiled[:SHOWN]:
        whose = "; whose capture it is cannot be said, the capture index is damaged too"
        if owners is not None:
            whose = "; " + owners.get((path, record.index), "it belongs to the run as a whole or to a host, not to one capture")
        detail = f"altered: record {record.index} at offset {record.offset}: {record.why}{whose}"
        yield failed(Claim.INTEGRITY, where, detail, record=record.index)
    if len(spoiled) > SHOWN:
        last = spoiled[-1]
        yield failed(
            Claim.INTEGRITY,
            where,
            f"altered: {len(spoiled) - SHOWN} more records, the last of them record {last.index} at offset {last.offset}",
        )


def judge_lists(
    manifest: Manifest, at: str, sources: Sources, citations: Citations, captures: Captures, types: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """What the three lists say to each other and to the manifest; `types`: the WARC-Types of each WARC file, when known."""
    for index, found in ((manifest.sources, sources), (manifest.citations, citations), (manifest.captures, captures)):
        if found.problem:
            yield failed(Claim.INTEGRITY, at + index.file, found.problem)
    if sources.problem or citations.problem or captures.problem:
        return
    hashes = {line.sha256 for line in sources.lines}
    for stranger in sorted(citations.documents - hashes):
        yield failed(Claim.COMPLETENESS, at + manifest.citations.file, f"cites from a document that is not listed: {stranger}")
    for number in sorted(captures.named - set(range(manifest.citations.count)))[:SHOWN]:
        yield failed(Claim.COMPLETENESS, at + manifest.captures.file, f"names citation {number}, which does not exist")
    unanswered = sorted(citations.unexplained - captures.named)
    for number in unanswered[:SHOWN]:
        yield failed(Claim.COMPLETENESS, at + manifest.citations.file, f"citation {number} is neither captured nor explained")
    if len(unanswered) > SHOWN:
        yield failed(
            Claim.COMPLETENESS, at + manifest.citations.file, f"{len(unanswered) - SHOWN} more citations are unanswered"
        )
    yield from _judge_outcomes(manifest, at, captures)
    yield from _judge_references(manifest, at, captures, types)


def _judge_outcomes(manifest: Manifest, at: str, captures: Captures) -> Iterator[Finding]:
    if captures.outcomes is None:
        return
    said = manifest.captures
    for outcome, count in (
        ("captured", said.captured),
        ("truncated", said.truncated),
        ("failed", said.failed),
        ("refused", said.refused),
    ):
        if captures.outcomes.get(outcome, 0) != count:
            yield failed(
                Claim.COMPLETENESS,
                at + said.file,
                f"{captures.outcomes.get(outcome, 0)} captures are {outcome}, the manifest says {count}",
            )


def _judge_references(manifest: Manifest, at: str, captures: Captures, types: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Every record that a capture names exists, and is of the type it says where types are known ("" of one that was removed)."""
    counts = {entry.path: entry.records.count for entry in manifest.files if entry.records is not None}
    others = {entry.path for entry in manifest.files if entry.role is Role.FOREIGN}
    counts |= {warc: len(types[warc]) for warc in others if warc in types}
    for capture, file in captures.foreign.items():
        if file not in others:
            yield failed(
                Claim.COMPLETENESS,
                at + manifest.captures.file,
                f"capture {capture} is said to be a third party's, in {file}, which was not imported",
            )
    for capture, warc, index, type_ in captures.records:
        if warc in others and capture not in captures.foreign:
            yield failed(
                Claim.STRUCTURE,
                at + manifest.captures.file,
                f"capture {capture} names a record of {warc}, a third party's file, and does not say so",
            )
        if warc in others and warc not in types:
            continue
        if index >= counts.get(warc, 0):
            yield failed(
                Claim.COMPLETENESS,
                at + manifest.captures.file,
                f"capture {capture} names record {index} of {warc}, which does not exist",
            )
        elif warc in types and index < len(types[warc]) and types[warc][index] not in {"", type_}:
            yield failed(
                Claim.STRUCTURE,
                at + manifest.captures.file,
                f"capture {capture} calls record {index} of {warc} a {type_}: it is a {types[warc][index]}",
            )

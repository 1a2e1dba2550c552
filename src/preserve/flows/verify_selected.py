"""Some records and lines of a sealed run, each with the proof that it is of that run (docs/formats/packet.md section 2).

What is shown is held to the same rules as in a whole run: each record is the stored bytes that were sealed and one sound WARC record,
each line leads to the root that the manifest signs. What is not shown is said, never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import measure
from preserve.flows.bundle_pages import Shown
from preserve.flows.handed import MAX_PROOFS
from preserve.flows.verify_run import PROOF, RunCheck
from preserve.formats import lines, proof, recordindex, seal
from preserve.formats.counted import counted
from preserve.formats.proof import Kind, Proof
from preserve.model.finding import Claim, failed, passed, unchecked
from preserve.model.lines import CaptureLine, CitationLine, RecordLine
from preserve.model.manifest import Manifest
from preserve.model.tree import Entry
from preserve.rules import handover, verify_signed, verify_spoken
from preserve.rules import verify_redaction as redaction_rules
from preserve.rules import verify_tree as tree
from preserve.rules.verify_content import Segment
from preserve.rules.verify_redaction import Removal
from preserve.rules.verify_time import TOKEN

if TYPE_CHECKING:
    from preserve.ports import Folder, Workers


def check(folder: Folder, opened: RunCheck, entries: Sequence[Entry], workers: Workers | None) -> Shown | None:
    """Judge what of a run lies in `folder` beside its sealed part, which is `opened` already; findings go there.

    Returned are the lines shown; None when some of them are not to be believed.
    """
    manifest = opened.manifest
    opened.findings += tree.misnamed([entry for entry in entries if entry.path.startswith(opened.at)], below=opened.at)
    if manifest is None:
        opened.findings.append(
            unchecked(Claim.COMPLETENESS, opened.subject, "not checked: the manifest is not to be believed", needed=True)
        )
        return None
    work = _Selected(folder, opened, manifest)
    work.expect(entries)
    work.read(entry.path for entry in entries if entry.path.startswith(opened.at + handover.PROOFS))
    work.check_records(frozenset(entry.path for entry in entries), workers)
    return work.conclude()


class _Selected:
    """One run's selection being checked."""

    def __init__(self, folder: Folder, opened: RunCheck, manifest: Manifest) -> None:
        self._folder = folder
        self._opened = opened
        self._manifest = manifest
        self._records: dict[str, list[RecordLine]] = {}
        self._types: dict[tuple[str, int], str] = {}
        self._gone: dict[str, dict[int, Removal]] = {}
        self._captures: list[CaptureLine] = []
        self._citations: list[CitationLine] = []
        self._roots = {
            index.file: (index.count, index.root) for index in (manifest.captures, manifest.citations, manifest.sources)
        }
        self._warcs = {entry.path: entry.records for entry in manifest.files if entry.records is not None}

    def _fail(self, claim: Claim, path: str, why: str) -> None:
        self._opened.findings.append(failed(claim, path, why))

    def expect(self, entries: Sequence[Entry]) -> None:
        """The sealed part is whole, and nothing else lies in the run's folder."""
        at = self._opened.at
        needed = {at + "SEAL", at + seal.MANIFEST, at + PROOF}
        for signer in self._manifest.signers:
            needed |= {at + seal.key_path(signer.keyid), at + seal.signature_path(signer.keyid)}
        below = [entry for entry in entries if entry.path.startswith(at)]
        allowed = {
            entry.path
            for entry in below
            if (name := entry.path.removeprefix(at)).startswith(handover.PROOFS)
            or TOKEN.fullmatch(name)
            or name in {token.file for token in self._manifest.start_tokens}
            or verify_signed.KEY.fullmatch(name)
            or verify_signed.SIGNATURE.fullmatch(name)
        }
        told = {finding.subject for finding in self._opened.findings}
        for finding in (
            *tree.missing(below, sorted(needed), "a run is not shown without it"),
            *tree.unlisted(below, needed | allowed | {at.rstrip("/")}, "it is no part of a selection"),
        ):
            if finding.subject not in told:
                self._opened.findings.append(finding)

    def read(self, paths: Iterator[str]) -> None:
        """Every proof, and whether it leads to a root that was signed."""
        for path in paths:
            try:
                for shown in proof.decode(self._folder.read(path, MAX_PROOFS)):
                    self._take(shown, path)
            except FormatError as problem:
                self._fail(Claim.INTEGRITY, path, f"altered: {problem.message}")

    def _take(self, shown: Proof, path: str) -> None:
        records = self._warcs.get(shown.file) if shown.kind is Kind.RECORD else None
        if shown.kind is Kind.RECORD:
            known = None if records is None else (records.count, records.root)
            belongs = handover.record_proofs(shown.file)
        else:
            known, belongs = self._roots.get(shown.file), handover.line_proofs(shown.file)
        if known is None or self._opened.at + belongs != path:
            raise FormatError(f"a proof of {shown.file}, which does not belong here")
        if shown.size != known[0] or not shown.leads_to(bytes.fromhex(known[1])):
            raise FormatError(f"forged: leaf {shown.index} of {shown.file} is not in the tree that was signed")
        if shown.kind is Kind.RECORD:
            line = recordindex.parse_leaf(shown.leaf)
            before = self._records.setdefault(shown.file, [])
            if line.index != shown.index or (before and before[-1].index >= line.index):
                raise FormatError(f"record {line.index} of {shown.file} is out of order")
            before.append(line)
        elif shown.file == self._manifest.captures.file:
            self._captures.append(lines.decode_capture(shown.leaf))
        elif shown.file == self._manifest.citations.file:
            self._citations.append(lines.decode_citation(shown.leaf))
        else:
            lines.decode_source(shown.leaf)

    def check_records(self, present: Collection[str], workers: Workers | None) -> None:
        """Each WARC file of the selection holds exactly the records that proofs are there for, each one sound."""
        stated = self._opened.told.removals.get(self._opened.seal_sha256, ())
        self._opened.findings += redaction_rules.elsewhere(stated, self._warcs)
        jobs: list[measure.Job] = []
        for warc, records in self._records.items():
            path = handover.warc_path(warc, whole=False)
            if path not in present:
                self._fail(Claim.COMPLETENESS, path, "missing: there are proofs of records in it")
                continue
            offset, placed = 0, []
            for index, line in enumerate(records):
                sha256 = self._expected(warc, line, path, offset)
                placed.append(RecordLine(index=index, offset=offset, length=line.length, sha256=sha256))
                offset += line.length
            spare = len(self._gone.get(warc, ()))
            jobs += measure.segments(path, recordindex.encode(placed), offset, thorough=True, spare=spare)
        warcs = {handover.warc_path(warc, whole=False): warc for warc in self._records}
        for found in measure.measure_all(self._folder, jobs, workers):
            assert isinstance(found, Segment), "that is what was asked for"
            self._judge(found, warcs[found.path])

    def _expected(self, warc: str, line: RecordLine, path: str, offset: int) -> str:
        """The hash of what must stand at `offset` of the file `path`: of what was sealed, or of what a statement left in its place."""
        stated = [
            removal
            for removal in self._opened.told.removals.get(self._opened.seal_sha256, ())
            if (removal.record.file, removal.record.index) == (warc, line.index)
        ]
        if not stated:
            return line.sha256
        self._opened.findings += [redaction_rules.stranger(one) for one in stated if not redaction_rules.speaks_of(one, line)]
        found = measure.stored_sha256(self._folder, path, offset, line.length)
        for removal in reversed(stated):
            if removal.record.replacement_sha256 == found and redaction_rules.speaks_of(removal, line):
                self._gone.setdefault(warc, {})[line.index] = removal
                return found
        return line.sha256

    def _judge(self, found: Segment, warc: str) -> None:
        records, gone = self._records[warc], self._gone.get(warc, {})
        broken = [spoiled for spoiled in found.spoiled if records[spoiled.index].index not in gone]
        for spoiled in broken:
            why = f"altered: record {spoiled.index} at offset {spoiled.offset}: {spoiled.why}"
            self._fail(Claim.INTEGRITY, found.path, f"{why}; it is record {records[spoiled.index].index} of {warc}")
        if found.more or found.problem:
            self._fail(Claim.INTEGRITY, found.path, f"altered: {found.problem or f'{found.more} more records'}")
        if found.beyond:
            self._fail(Claim.INTEGRITY, found.path, "altered: bytes after the last record that a proof is there for, or a cut")
        if not found.spoiled:
            first = found.first[0]
            types = {(warc, records[first + place].index): type_ for place, type_ in enumerate(found.types)}
            self._types |= {place: type_ for place, type_ in types.items() if place[1] not in gone}

    def conclude(self) -> Shown | None:
        """What holds of the selection, and what it leaves out."""
        here = {(warc, line.index) for warc, records in self._records.items() for line in records}
        for capture in self._captures:
            for record in capture.records:
                place = (record.warc, record.index)
                if place not in here:
                    why = f"missing: record {record.index} of {record.warc}, the {record.type} of {capture.url}"
                    self._fail(Claim.COMPLETENESS, self._opened.subject, why)
                elif self._types.get(place, record.type) != record.type:
                    self._fail(
                        Claim.INTEGRITY, self._opened.subject, f"record {record.index} of {record.warc} is no {record.type}"
                    )
        manifest, opened = self._manifest, self._opened
        if opened.altered:
            reasons = dict.fromkeys((Claim.INTEGRITY, Claim.COMPLETENESS), "not shown of the selection: see what fails")
            own = [finding for finding in opened.findings if finding.subject.startswith(opened.subject)]
            opened.unlooked += verify_spoken.unsaid(own, opened.subject, reasons)
            return None
        owners = {
            (record.warc, record.index): f"the {record.type} of {capture.url}"
            for capture in self._captures
            for record in capture.records
        }
        for warc, gone in self._gone.items():
            opened.findings += redaction_rules.judge_removed(warc, opened.at + warc, gone, owners)
        total = sum(records.count for records in self._warcs.values())
        shown = f"{len(here)} of {total} records, {len(self._captures)} of {manifest.captures.count} captures"
        opened.findings += [
            passed(Claim.INTEGRITY, opened.subject, f"what is here is of the sealed run, each with its proof: {shown}"),
            passed(
                Claim.STRUCTURE,
                opened.subject,
                f"{counted(len(here), 'record')} opened, each a whole WARC record whose digests hold",
            ),
            unchecked(Claim.COMPLETENESS, opened.subject, f"a selection: {shown} are in this bundle; the rest was left out"),
        ]
        return Shown(captures=tuple(self._captures), citations=tuple(self._citations))

"""Checking one run folder, outside in: tree, SEAL, signatures, manifest (docs/formats/verification.md).

This is the first of two halves with the reading of the bulk between them, so that the bulk of many runs can be read by several processes
at once: `begin` reads what is small and says what is to be measured, `verify_measured.finish` judges what was measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import measure
from preserve.flows.measure import Job, LinesJob, Sample, TreeJob, WholeJob
from preserve.formats import manifest as manifest_format
from preserve.formats import seal
from preserve.formats.note import Checkpoint
from preserve.formats.tlog import MAX_PROOF
from preserve.model.finding import Claim, Finding, Result, failed, passed, unchecked
from preserve.model.lines import SourceLine
from preserve.model.manifest import FileEntry, Manifest, Role
from preserve.model.noun import dataclass
from preserve.model.tree import Entry, Kind
from preserve.model.trust import Revocation, Stamp, TrustedKey
from preserve.rules import verify_content as content
from preserve.rules import verify_lines as listed
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_signed as signed_rules
from preserve.rules import verify_spoken as spoken
from preserve.rules import verify_time as time_rules
from preserve.rules import verify_tree as tree
from preserve.rules import verify_witness as witness_rules

if TYPE_CHECKING:  # `verify` starts faster without what removals are made of, and most archives have none
    from preserve.ports import Folder
    from preserve.rules.verify_redaction import Removal

PROOF = "log/seal.tlog-proof"
_LIMITS = {"SEAL": seal.MAX_SIZE, seal.MANIFEST: manifest_format.MAX_SIZE, PROOF: MAX_PROOF}
_LONGEST_INDEX = 1 << 30
"""Bytes of a record index: more than a WARC file of ours can need."""


def _never_renewed(_path: str, _data: bytes) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an archive's events say of its runs. Of a run by itself nothing is told.

    `removals` by the SHA-256 of the run's SEAL; `renewed` says by when a file with these bytes was there, as a renewal proves.
    """

    removals: Mapping[str, Sequence[Removal]] = field(default_factory=dict)
    renewed: Callable[[str, bytes], datetime | None] = _never_renewed


@dataclass(slots=True, kw_only=True)
class RunCheck:
    """A run being checked. `at` is the prefix of its paths ("" for a lone run), `subject` what findings call it.

    `manifest` is None when it is not the signed one or cannot be parsed: then nothing that it lists was checked.
    """

    at: str
    subject: str
    seal: bytes
    manifest: Manifest | None
    proof: bytes | None
    thorough: bool
    proof_unread: bool = False
    """It is longer than a proof can be."""
    document: bytes = b""
    """manifest.json as it lies there."""
    told: Told = field(default_factory=Told)
    sample: Sample | None = None
    """Only some records are read; None for all of them."""
    removed: dict[str, dict[int, list[Removal]]] = field(default_factory=dict)
    """By WARC file and record: the statements that it was removed."""
    known_signer: bool = False
    sources: tuple[SourceLine, ...] | None = None
    """The documents that the run cites from; None when their list cannot be believed."""
    jobs: list[Job] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unlooked: list[Finding] = field(default_factory=list)
    """Claims that could not be looked at, and why. They are apart, for of many runs not each is told."""

    @property
    def seal_sha256(self) -> str:
        return hashlib.sha256(self.seal).hexdigest()

    @property
    def signers(self) -> int:
        """How many the manifest names; 0 where it cannot be believed."""
        return 0 if self.manifest is None else len(self.manifest.signers)

    @property
    def altered(self) -> bool:
        return any(finding.result is Result.FAIL for finding in self.findings)


def begin(
    folder: Folder,
    at: str,
    entries: Collection[Entry],
    trusted: Sequence[TrustedKey],
    now: datetime,
    *,
    thorough: bool,
    staged: bool = False,
    told: Told | None = None,
    sample: Sample | None = None,
) -> RunCheck:
    """Everything up to the manifest; `entries` is what lies in the run's folder, `staged` that it may still lack its proof."""
    check = open_sealed(folder, at, entries, trusted, now, thorough=thorough, told=told)
    check.sample = sample
    check.findings[:0] = _once(tree.misplaced(entries), tree.misnamed(entries, below=at))
    if check.manifest is not None:
        _expect(check, entries, check.manifest, staged=staged)
        _plan(folder, check, entries, check.manifest)
    return check


def open_sealed(
    folder: Folder,
    at: str,
    entries: Collection[Entry],
    trusted: Sequence[TrustedKey],
    now: datetime,
    *,
    thorough: bool,
    told: Told | None = None,
) -> RunCheck:
    """SEAL, signatures, manifest, tokens and signers of the run whose files lie below `at`; nothing of what it lists."""
    sealed, oversized = _read_small(folder, at, entries)
    unread = {finding.subject.removeprefix(at) for finding in oversized}
    judged = signed_rules.judge_sealed({path: data for path, data in sealed.items() if path != PROOF}, at, unread=unread)
    check = RunCheck(
        at=at,
        subject=at.rstrip("/") or "run",
        seal=judged.seal,
        document=judged.document,
        manifest=None,
        proof=sealed.get(PROOF),
        proof_unread=PROOF in unread,
        thorough=thorough,
        told=told or Told(),
        findings=[*oversized, *judged.findings],
    )
    if not judged.keys:
        check.findings.append(
            failed(
                Claim.INTEGRITY,
                at + seal.MANIFEST,
                "no valid signature: nothing that it lists was checked",
                code="bad-signature",
            )
        )
        _leave_open(check)
        return check
    try:
        manifest = manifest_format.decode(judged.document)
    except FormatError as problem:
        check.findings.append(
            failed(
                Claim.INTEGRITY,
                at + seal.MANIFEST,
                f"{problem.message}; nothing that it lists was checked",
                code="manifest-format",
            )
        )
        _leave_open(check)
        return check
    check.manifest = manifest
    check.findings += signed_rules.judge_signers(manifest.signers, judged.keys, at)
    times = time_rules.judge_times(manifest, _read_tokens(folder, check, entries, manifest, trusted), now, at, check.subject)
    check.findings += times.findings
    existed_by = times.existed_by
    # Who else saw it matters only where a thief may have signed.
    if any(key.reason is Revocation.COMPROMISED for key in trusted):
        seen = witness_rules.witnessed_by(check.proof, judged.seal, manifest.log.origin, trusted)
        existed_by = min(filter(None, (existed_by, seen)), default=None)
    trust = signed_rules.judge_trust(manifest, judged.keys, trusted, check.subject, existed_by=existed_by)
    check.known_signer = any(finding.claim is Claim.SIGNER and finding.result is Result.PASS for finding in trust)
    check.findings += trust
    check.unlooked += spoken.unsaid(times.findings, check.subject, {Claim.NOT_AFTER: "no token here is one over SEAL"})
    return check


def _leave_open(check: RunCheck) -> None:
    """Say what nothing can be said of without the manifest; what lies there is judged already, and `verify_measured.finish` says the rest."""
    claims = (Claim.SIGNER, Claim.NOT_BEFORE, Claim.NOT_AFTER, Claim.LOG_INCLUSION)
    check.unlooked += spoken.unsaid(check.findings, check.subject, dict.fromkeys(claims, spoken.NO_MANIFEST))


def _read_tokens(
    folder: Folder, check: RunCheck, entries: Iterable[Entry], manifest: Manifest, trusted: Sequence[TrustedKey]
) -> dict[str, Stamp]:
    if not any(entry.path.startswith(check.at + "timestamps/") for entry in entries):
        return {}
    from preserve.flows.verify_tokens import read_tokens  # noqa: PLC0415 -- X.509 costs a start that most runs can be spared

    return read_tokens(folder, check.at, entries, manifest, check.seal, trusted, check.told.renewed)


def _read_small(folder: Folder, at: str, entries: Iterable[Entry]) -> tuple[dict[str, bytes], list[Finding]]:
    """The files that can be read before the manifest is known, by their path in the run."""
    sealed: dict[str, bytes] = {}
    findings = []
    for entry in entries:
        name = entry.path.removeprefix(at)
        limit = _LIMITS.get(name)
        if limit is None and (signed_rules.KEY.fullmatch(name) or signed_rules.SIGNATURE.fullmatch(name)):
            limit = signed_rules.MAX_SIGNATURE
        if limit is not None and entry.kind is Kind.FILE:
            try:
                sealed[name] = folder.read(entry.path, limit)
            except FormatError:
                sealed[name] = b""
                code = {PROOF: "log-proof", "SEAL": "seal-format"}.get(name, "seal-hash")
                findings.append(failed(Claim.INTEGRITY, entry.path, tree.too_long(limit), code=code))
    return sealed, findings


def _expect(check: RunCheck, entries: Collection[Entry], manifest: Manifest, *, staged: bool) -> None:
    """Exactly the files that the manifest and the format call for."""
    at = check.at
    tokens = {at + manifest_format.token_path(stamp.authority) for stamp in manifest.timestamps}
    # A token that was added later counts, as the proof that it is: rules.verify_time looks at it.
    tokens |= {entry.path for entry in entries if time_rules.TOKEN.fullmatch(entry.path.removeprefix(at))}
    starts = {at + token.file for token in manifest.start_tokens}
    needed = {at + "SEAL", at + seal.MANIFEST, *(at + entry.path for entry in manifest.files)}
    if not staged:
        needed.add(at + PROOF)
    for signer in manifest.signers:
        needed |= {at + seal.key_path(signer.keyid), at + seal.signature_path(signer.keyid)}
    allowed = needed | tokens | starts | {at + PROOF}
    allowed |= {at + path for path in _sealed_paths(entries, at)}  # a signer too many is a finding of its own
    told = {finding.subject for finding in check.findings if finding.result is Result.FAIL}
    for finding in (
        *tree.missing(entries, sorted(needed), "the manifest lists it" if not staged else "the run is not staged whole"),
        *tree.unlisted(entries, allowed, "the manifest does not list it"),
    ):
        if finding.subject not in told:
            check.findings.append(finding)


def _sealed_paths(entries: Iterable[Entry], at: str) -> Iterator[str]:
    for entry in entries:
        name = entry.path.removeprefix(at)
        if signed_rules.KEY.fullmatch(name) or signed_rules.SIGNATURE.fullmatch(name):
            yield name


def _plan(folder: Folder, check: RunCheck, entries: Iterable[Entry], manifest: Manifest) -> None:
    """The jobs that measure what the manifest lists; record indexes are small and read at once."""
    present = {entry.path: entry.size for entry in entries if entry.kind is Kind.FILE}
    lists_alone = check.sample is not None and check.sample.lists_alone
    thorough = (check.thorough or not check.known_signer) and not lists_alone
    check.thorough = thorough

    def close(count: int) -> bool:
        """Whether a list is looked at line by line."""
        return thorough or count <= listed.FEW

    scanner = partial(listed.CapturesScanner, cited=manifest.citations.count > 0)
    # Whether each line says that it rests on a third party's file is seen only where lines are taken apart.
    others = any(entry.role is Role.FOREIGN for entry in manifest.files)
    citations, captures = close(manifest.citations.count), others or close(manifest.captures.count)
    readers: dict[str, tuple[bool, Callable[[], listed.LineReader]]] = {
        manifest.sources.file: (True, listed.SourcesReader),
        manifest.citations.file: (citations, listed.CitationsReader if citations else listed.CitationsScanner),
        manifest.captures.file: (captures, listed.CapturesReader if captures else scanner),
    }
    if lists_alone:
        readers = dict.fromkeys(readers, (False, listed.LineCounter))
    stated = check.told.removals.get(check.seal_sha256, ())
    if stated:
        from preserve.rules.verify_redaction import elsewhere  # noqa: PLC0415 -- as above

        check.findings += elsewhere(stated, (entry.path for entry in manifest.files if entry.records is not None))
    for entry in manifest.files:
        path = check.at + entry.path
        if path not in present or entry.role is Role.RECORD_INDEX:
            continue
        if entry.path in readers:
            tree_too, reader = readers[entry.path]
            _read_whole(check, entry, present[path], LinesJob(path=path, weight=entry.bytes, tree=tree_too, reader=reader))
        elif lists_alone:
            continue
        elif entry.records is None:
            foreign = thorough and entry.role is Role.FOREIGN
            _read_whole(check, entry, present[path], WholeJob(path=path, weight=entry.bytes, foreign=foreign))
        else:
            _plan_warc(folder, check, entry, present, manifest)


def _read_whole(check: RunCheck, entry: FileEntry, size: int, job: LinesJob | WholeJob) -> None:
    """Have a file read to its end, where its `size` is no more than was signed: what a stranger made longer may be longer than any disk."""
    if size > entry.bytes:
        check.findings += content.judge_file(entry, check.at, content.Whole(path=job.path, size=size, sha256=""))
    else:
        check.jobs.append(job)


def _plan_warc(folder: Folder, check: RunCheck, warc: FileEntry, present: Mapping[str, int], manifest: Manifest) -> None:
    """Records when their index is what was signed; else the file as a whole, so that it is known which of the two is damaged."""
    assert warc.records is not None
    index = next(entry for entry in manifest.files if entry.path == warc.records.file)
    path = check.at + warc.path
    if check.at + index.path not in present:
        _read_whole(check, warc, present[path], WholeJob(path=path, weight=warc.bytes))
        return
    try:
        data = folder.read(check.at + index.path, min(index.bytes, _LONGEST_INDEX))
        found = content.Whole(path=check.at + index.path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    except FormatError:
        data = b""
        found = content.Whole(path=check.at + index.path, size=index.bytes + 1, sha256="")
    damage = list(content.judge_file(index, check.at, found))
    if damage:
        check.findings += damage
        _read_whole(check, warc, present[path], WholeJob(path=path, weight=warc.bytes))
    else:
        if check.thorough or warc.records.count <= listed.FEW:
            check.jobs.append(TreeJob(path=check.at + index.path, data=data))
        stated = [removal for removal in check.told.removals.get(check.seal_sha256, ()) if removal.record.file == warc.path]
        if stated:
            from preserve.rules.verify_redaction import amend  # noqa: PLC0415 -- as above

            data, check.removed[path], strangers = amend(data, stated)
            check.findings += strangers
        spare = len(check.removed.get(path, ()))
        if check.sample is None:
            check.jobs += measure.segments(path, data, warc.bytes, thorough=check.thorough, spare=spare)
            return
        try:
            check.jobs.append(measure.sample(path, data, warc.bytes, check.sample, thorough=check.thorough, spare=spare))
        except FormatError as problem:
            check.findings.append(failed(Claim.INTEGRITY, check.at + index.path, problem.message))


def judge_log(
    check: RunCheck, keys: log_rules.LogKeys, history: log_rules.History | None, remembered: Sequence[Checkpoint]
) -> list[Finding]:
    """The run's place in the log, by the log itself (`history`, when it holds) and by the proof that the run carries.

    Where the one or the other is not to be believed, that it is in the log is left open among what was not looked at.
    """
    manifest = check.manifest
    assert manifest is not None
    findings = [] if history is None else list(log_rules.judge_link(manifest, check.seal, history, check.subject))
    if check.proof_unread:
        findings.append(failed(Claim.LOG_INCLUSION, check.at + PROOF, tree.too_long(MAX_PROOF), code="log-proof"))
    else:
        findings += log_rules.judge_proof(check.proof, manifest, check.seal, keys, history, remembered, check.at + PROOF)
    unknown = any(finding.code == "log-unknown" for finding in findings)
    if unknown or any(finding.result is Result.FAIL for finding in findings) or check.proof is None:
        if check.proof is None:
            why = "not looked at: the run has no proof of it"
        elif unknown:
            why = "not shown: the key that signed the checkpoint in its proof is not known here"
        else:
            why = "not shown: the log, or the checkpoint in its proof, is not to be believed"
        check.unlooked += spoken.unsaid(findings, check.subject, {Claim.LOG_INCLUSION: why})
        return findings
    if keys.doubt:
        findings.append(unchecked(Claim.LOG_INCLUSION, check.subject, keys.doubt, needed=True, code="log-unknown"))
    else:
        findings.append(passed(Claim.LOG_INCLUSION, check.subject, f"entry {manifest.log.size_before} of {keys.origin}"))
    return findings


def _once(*sources: Iterable[Finding]) -> Iterator[Finding]:
    """The first finding of each path."""
    told: set[str] = set()
    for source in sources:
        for finding in source:
            if finding.subject not in told:
                told.add(finding.subject)
                yield finding

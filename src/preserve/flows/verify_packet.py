"""Checking an evidence packet: names, then the run's own files, then the capture's line and records (docs/formats/packet.md section 5).

Each step ends the check when something in it fails: what comes after would rest on it. A packet shows one capture, and says nothing
about what else its run holds; that claim stays open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import carried, countersigned, verify_run
from preserve.flows.carried import Carried
from preserve.flows.measure import BLOCK
from preserve.flows.verify_run import RunCheck
from preserve.formats import manifest as manifest_format
from preserve.formats import note, packet, proof
from preserve.formats.counted import counted
from preserve.formats.note import Checkpoint
from preserve.formats.warc import Member, MemberCheck
from preserve.model.finding import Claim, Finding, Report, Result, failed, passed, unchecked
from preserve.model.lines import CaptureLine
from preserve.model.packet import Aids
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import verify_packet as rules
from preserve.rules import verify_spoken as spoken
from preserve.rules.verify_log import log_keys
from preserve.rules.verify_time import TOKEN
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:
    from preserve.flows.verify_log import Memory
    from preserve.ports import Folder

EARLIER: frozenset[str] = frozenset()
"""SHA-256 of the README.md (with the gap for the key) and verify.py that earlier versions put into packets."""

_BEYOND = {
    Claim.COMPLETENESS: "a packet shows one capture; what else the run holds cannot be seen in it",
    Claim.LOG_CONSISTENCY: "needs the archive: whether its log only grew cannot be seen from one run",
}
"""What no packet can show."""


@dataclass(slots=True, kw_only=True)
class _Check:
    """A packet being checked."""

    folder: Folder
    entries: Collection[Entry]
    demand: Demand | None
    findings: list[Finding] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    called_for: set[str] = field(default_factory=set)
    opened: list[RunCheck] = field(default_factory=list)
    """The runs that were looked at, as far as that went."""

    @property
    def present(self) -> frozenset[str]:
        return frozenset(entry.path for entry in self.entries if entry.kind is Kind.FILE)

    @property
    def refused(self) -> bool:
        return any(finding.result is Result.FAIL and finding.code != "aid-differs" for finding in self.findings)


def verify_packet(
    folder: Folder,
    problems: Sequence[Finding],
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    aids: Aids,
    *,
    require: frozenset[Claim] = frozenset(),
    demand: Demand | None = None,
) -> Report:
    """Check the packet in `folder`, a ZIP or what was unpacked from one; `problems` are those of the ZIP itself."""
    check = _Check(folder=folder, entries=list(folder.walk()), demand=demand, findings=list(problems))
    if not check.refused:
        check.findings += rules.judge_names(check.entries)
    if not check.refused:
        _check_contents(check, trusted, memories, now, aids)
    check.findings += [finding for run in check.opened for finding in run.unlooked]
    signers = spoken.Signers()
    for run in check.opened:
        signers.add(run.signers)
    check.findings += spoken.unsaid(check.findings, "packet", spoken.everything(spoken.STOPPED, signers.most) | _BEYOND)
    stamped = any(f.claim is Claim.NOT_AFTER and f.result is Result.PASS and "/" not in _run(f) for f in check.findings)
    return Report(
        findings=tuple(check.findings),
        require=require,
        stamped=stamped and not check.refused,
        refusal=rules.refusal(check.findings),
    )


def _run(finding: Finding) -> str:
    return finding.subject.partition("timestamps/")[0]


def _check_contents(
    check: _Check, trusted: Sequence[TrustedKey], memories: Sequence[Memory], now: datetime, aids: Aids
) -> None:
    readme = _small(check, packet.README, len(aids.readme) * 4 + (1 << 16))
    verifier = _small(check, packet.VERIFIER, len(aids.verifier) * 4 + (1 << 16))
    check.findings += rules.judge_aids(readme, verifier, aids, EARLIER)
    if _small(check, packet.MARKER, len(packet.MARK)) != packet.MARK:
        check.findings.append(failed(Claim.INTEGRITY, packet.MARKER, "not a packet of version 1", code="packet-format"))
    if check.refused:
        return
    said = carried.follow(check.folder, trusted, now, check.demand, lambda origin: _remembered(memories, origin))
    check.findings += said.findings
    trusted = said.trusted
    main = None if any(finding.result is Result.FAIL for finding in said.findings) else _open_run(check, "", trusted, now)
    if main is None or main.manifest is None:
        return
    check.findings += said.judge_archive(main.manifest, "events")
    if not rules.names_key(readme, main.manifest):
        check.findings.append(failed(Claim.INTEGRITY, packet.README, "it names another key", code="aid-differs"))
    capture = _check_lines(check, main)
    if capture is None:
        return
    _check_records(check, main, capture, "")
    runs = [main]
    for at in sorted({match[0] for path in check.present if (match := packet.RUN.match(path))}):
        other = _open_run(check, at, trusted, now)
        if other is None or other.manifest is None:
            return
        check.findings += rules.judge_other_run(main.manifest, other.manifest, at)
        _check_records(check, other, None, at)
        runs.append(other)
    if not check.refused:
        check.findings += rules.judge_originals(check.members, check.kinds)
    if not check.refused:
        _check_rest(check, runs)
    for run in runs:
        _check_log(check, run, trusted, said, memories, now)
    _conclude(check, main, capture)


def _open_run(check: _Check, at: str, trusted: Sequence[TrustedKey], now: datetime) -> RunCheck | None:
    """The run's own files; None when nothing that they say can be believed."""
    own = [entry for entry in check.entries if entry.path.startswith(at)]
    run = verify_run.open_sealed(check.folder, at, own, trusted, now, thorough=True)
    run.subject = at.rstrip("/") or "packet"
    check.opened.append(run)
    check.findings += run.findings
    if run.manifest is not None:
        check.findings += countersigned.judge(check.folder, run, own, trusted)
        check.called_for |= {entry.path for entry in own if countersigned.PLACE.fullmatch(entry.path.removeprefix(at))}
    if run.manifest is None or check.refused:
        return None
    tokens = {at + manifest_format.token_path(entry.authority) for entry in run.manifest.timestamps}
    tokens |= {entry.path for entry in own if TOKEN.fullmatch(entry.path.removeprefix(at))}
    check.called_for |= tokens | {at + token.file for token in run.manifest.start_tokens}
    return run


def _check_lines(check: _Check, run: RunCheck) -> CaptureLine | None:
    assert run.manifest is not None
    proofs = _proofs(check, packet.CAPTURE, "line-proof")
    if proofs is None:
        return None
    capture = rules.judge_capture(proofs, run.manifest)
    if isinstance(capture, Finding):
        check.findings.append(capture)
        return None
    if not capture.cited_in:
        return capture
    check.called_for.add(packet.CITATIONS)
    if packet.CITATIONS not in check.present:
        check.findings.append(rules.missing(packet.CITATIONS))
    elif (proofs := _proofs(check, packet.CITATIONS, "line-proof")) is not None:
        check.findings += rules.judge_citations(proofs, run.manifest, capture)
    return capture


def _check_records(check: _Check, run: RunCheck, capture: CaptureLine | None, at: str) -> None:
    assert run.manifest is not None
    proofs: Sequence[proof.Proof] | None = ()
    if at + packet.RECORDS in check.present:
        check.called_for.add(at + packet.RECORDS)
        proofs = _proofs(check, at + packet.RECORDS, "record-proof")
    if proofs is None:
        return
    expected, findings = rules.judge_record_proofs(proofs, run.manifest, capture, at)
    check.findings += findings
    for record in expected:
        check.called_for.add(record.path)
        if record.path not in check.present:
            check.findings.append(rules.missing(record.path))
            continue
        asked = "sha1" if record.kind == packet.ORIGINAL else ""  # of chunk-framed ones no digest is stated
        member, sha256, size = MemberCheck(payload=asked), hashlib.sha256(), 0
        with check.folder.open(record.path) as file:
            while size <= record.line.length and (piece := file.read(BLOCK)):
                sha256.update(piece)
                member.feed(piece)
                size += len(piece)
        check.kinds[record.path] = record.kind
        check.members[record.path] = member.result()
        check.findings += rules.judge_record(record, size, sha256.hexdigest(), check.members[record.path])


def _check_rest(check: _Check, runs: Iterable[RunCheck]) -> None:
    """Files of a kind that packets have, and that nothing calls for."""
    called = check.called_for | {packet.MARKER, packet.README, packet.VERIFIER, packet.CAPTURE}
    for run in runs:
        called |= {run.at + name for name in ("manifest.json", "SEAL", packet.PROOF)}
    called |= {path for path in check.present if packet.EVENT.match(path)}  # each was judged as a whole
    for path in sorted(check.present - called):
        if not any(part in path for part in ("keys/", "signatures/")):  # SEAL lists exactly these
            check.findings.append(rules.unlisted(path))


def _remembered(memories: Sequence[Memory], origin: str) -> list[Checkpoint]:
    return [note.parse_checkpoint(known.text) for memory in memories if (known := memory.recall(origin)) is not None]


def _check_log(
    check: _Check,
    run: RunCheck,
    trusted: Sequence[TrustedKey],
    said: Carried,
    memories: Sequence[Memory],
    now: datetime,
) -> None:
    assert run.manifest is not None
    origin = run.manifest.log.origin
    created = run.manifest.created
    keys = log_keys(origin, trusted, None, now, check.demand, rotations=said.rotations, created=created)
    check.findings += verify_run.judge_log(run, keys, None, _remembered(memories, origin))
    check.findings += said.judge_head(run.proof, run.subject)


def _conclude(check: _Check, main: RunCheck, capture: CaptureLine) -> None:
    assert main.manifest is not None
    if check.refused:
        return
    count = len(check.members)
    shown = f"capture {capture.capture} of run {main.manifest.archive.sequence}, of {capture.url} ({_how_it_ended(capture)})"
    check.findings += [
        passed(
            Claim.INTEGRITY, "packet", f"{shown}: {counted(count, 'record')} and its line are byte for byte what was signed"
        ),
        passed(Claim.STRUCTURE, "packet", f"{counted(count, 'record')} opened, each a whole WARC record whose digests hold"),
        *(unchecked(claim, "packet", why) for claim, why in _BEYOND.items()),
        unchecked(Claim.DOCUMENTS, "packet", "needs the archive: the copies of the documents lie there"),
    ]
    if not any(finding.claim is Claim.WITNESSES for finding in check.findings):
        check.findings.append(unchecked(Claim.WITNESSES, "packet", "no witness cosigned it"))


def _how_it_ended(capture: CaptureLine) -> str:
    """An intact packet may be that of a failure: who reads that it is unaltered reads of what."""
    return f"{capture.outcome}" if capture.status is None else f"{capture.outcome}, status {capture.status}"


def _proofs(check: _Check, path: str, code: str) -> Sequence[proof.Proof] | None:
    try:
        return list(proof.decode(check.folder.read(path, packet.MAX_PROOFS)))
    except FormatError as problem:
        check.findings.append(failed(Claim.INTEGRITY, path, problem.message, code=code))
        return None


def _small(check: _Check, path: str, limit: int) -> bytes:
    """A small file; b"" when it is longer than it can be."""
    try:
        return check.folder.read(path, limit)
    except FormatError:
        return b""

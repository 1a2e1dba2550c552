"""`preserve verify`: is this what was sealed, by whom, and is it whole? Reads, never writes, below the folder given.

A folder is taken for an archive or for a run by what lies in it; both are then held against what they should be, so that a part
taken away is a finding and not a reason to look less closely. The claims that a lone run cannot show say so. A run that lies in an archive is
judged with what that archive's log says of keys and of the run's records; nothing else of the archive is looked at (docs/adr/0204).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError, StoreError
from preserve.flows import verify_measured, verify_run
from preserve.flows.measure import Sample, VanishedError, measure_all
from preserve.flows.steady import settled
from preserve.flows.verify_archive import check_archive
from preserve.flows.verify_log import Memory
from preserve.flows.verify_run import Told
from preserve.formats import note, seal
from preserve.formats.note import Checkpoint
from preserve.model.finding import Claim, Finding, Report, Result, unchecked
from preserve.model.tree import Entry
from preserve.model.trust import TrustedKey
from preserve.rules import verify_spoken as spoken
from preserve.rules.verify_log import log_keys
from preserve.rules.verify_signed import KEY
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:
    from preserve.flows.bundle import Sorter
    from preserve.flows.carried import Carried
    from preserve.flows.verify_bundle import Container
    from preserve.ports import Folder, Workers

_ARCHIVE = frozenset({"archive.toml", "runs", "log"})
_RUN = frozenset({"manifest.json", "SEAL", "signatures", "keys"})


def verify(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    *,
    workers: Workers | None = None,
    require: frozenset[Claim] = frozenset(),
    thorough: bool = False,
    demand: Demand | None = None,
    sample: Sample | None = None,
    around: Folder | None = None,
) -> Report:
    """Check the archive or the run in `folder`; `around` is the archive that a run lies in, where it does. The first of `memories` learns the log's head. `demand` is the policy for witnesses.

    With a `sample` only some records of each WARC file are read; everything else is checked as always.

    Raises FormatError when it is neither, StoreError when it cannot be read or another process keeps changing it.
    """
    names = folder.names()
    if names & _RUN and "archive.toml" not in names:
        findings = _check_run(
            folder, trusted, memories, now, workers, thorough=thorough, demand=demand, sample=sample, around=around
        )
    elif names & _ARCHIVE:

        def check(still: Folder) -> list[Finding]:
            return check_archive(still, trusted, memories, now, workers, thorough=thorough, demand=demand, sample=sample)

        findings = settled(folder, check)
    else:
        raise FormatError(
            "neither an archive nor a run: there is no archive.toml and no manifest.json",
            "name the archive's folder, or the folder of one run in its runs/",
        )
    sampled = sample is not None
    return Report(findings=tuple(findings), require=require, stamped=_stamped(findings), sampled=sampled)


def verify_bundle(
    container: Container,
    sorters: tuple[Sorter, Sorter],
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    *,
    workers: Workers | None = None,
    require: frozenset[Claim] = frozenset(),
    demand: Demand | None = None,
) -> Report:
    """Check the WACZ in `container`, made by us or by others; the sorters hold its index while it is compared.

    Raises FormatError when it is none, StoreError when it cannot be read.
    """
    from preserve.flows.verify_bundle import check_bundle  # noqa: PLC0415 -- most verifications are of folders, and start faster

    findings = check_bundle(container, sorters, trusted, memories, now, workers, demand)
    return Report(findings=tuple(findings), require=require, stamped=_stamped(findings))


def _stamped(findings: Iterable[Finding]) -> bool:
    """Whether an authority vouches for the time of every run: what one of them lacks is not said of all."""
    runs = {_run(finding) for finding in findings if finding.claim is Claim.CREATED}
    of_time = [finding for finding in findings if finding.claim is Claim.NOT_AFTER]
    stamped = {_run(finding) for finding in of_time if finding.result is Result.PASS}
    return bool(runs) and runs <= stamped and all(finding.result is not Result.FAIL for finding in of_time)


def _run(finding: Finding) -> str:
    """The run that a finding about time is of; its subject is the run or a token in it."""
    return finding.subject.partition("timestamps/")[0].rstrip("/") or "run"


def _check_run(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    workers: Workers | None,
    *,
    thorough: bool,
    demand: Demand | None,
    sample: Sample | None,
    around: Folder | None,
) -> list[Finding]:
    said = _said_around(folder, around, trusted, memories, now, demand)
    trusted = said.trusted
    entries = list(folder.walk())
    told = _told(folder, entries, said)
    try:
        check = verify_run.begin(folder, "", entries, trusted, now, thorough=thorough, sample=sample, told=told)
    except FileNotFoundError as problem:
        raise VanishedError(str(problem.filename)) from None
    verify_measured.finish(folder, check, measure_all(folder, check.jobs, workers))
    findings = check.findings
    findings += said.findings
    if check.manifest is None:
        findings += check.unlooked
        return [*findings, *spoken.unsaid(findings, check.subject, spoken.everything(spoken.NO_MANIFEST))]
    if check.thorough and not check.altered:
        from preserve.flows import verify_unchanged  # noqa: PLC0415 -- most runs have no such lists

        findings += verify_unchanged.check_alone(folder, check.subject)
    findings += [*said.judge_archive(check.manifest, "events"), *said.judge_head(check.proof, check.subject)]
    origin, created = check.manifest.log.origin, check.manifest.created
    keys = log_keys(origin, trusted, None, now, demand, rotations=said.rotations, created=created)
    findings += verify_run.judge_log(check, keys, None, _remembered(memories, origin))
    for claim, why in (
        (Claim.LOG_CONSISTENCY, "needs the archive: whether its log only grew cannot be seen from one run"),
        (Claim.DOCUMENTS, "needs the archive: the copies of the documents lie there"),
    ):
        if not any(finding.claim is claim and finding.result is Result.FAIL for finding in findings):
            findings.append(unchecked(claim, check.subject, why))
    if not any(finding.claim is Claim.WITNESSES for finding in findings):
        findings.append(unchecked(Claim.WITNESSES, check.subject, "no witness cosigned it"))
    findings += check.unlooked
    findings += spoken.unsaid(findings, check.subject, spoken.everything(spoken.STOPPED, check.signers))
    return findings


def _remembered(memories: Sequence[Memory], origin: str) -> list[Checkpoint]:
    return [note.parse_checkpoint(known.text) for memory in memories if (known := memory.recall(origin)) is not None]


def _said_around(
    folder: Folder,
    around: Folder | None,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    demand: Demand | None,
) -> Carried:
    """What the archive that a run lies in says of keys and of the run's records, judged by its proofs as if it had been carried along.

    An archive that cannot be read says nothing, and the run is judged by itself: that is told.
    """
    from preserve.flows import carried  # noqa: PLC0415 -- for a run by itself; `verify` starts faster without

    nothing = carried.Carried(trusted=tuple(trusted))
    if around is None:
        return nothing
    try:
        sealed = hashlib.sha256(folder.read("SEAL", seal.MAX_SIZE)).hexdigest()
        files = carried.events_about(around, lambda body: body.run.seal_sha256 == sealed)
        held = carried.Held({f"events/{event}/{path}": data for event, path, data in files})
    except (FileNotFoundError, FormatError, StoreError) as problem:
        why = f"the archive around the run could not be read, and says nothing of its keys and records: {problem}"
        return replace(nothing, findings=(unchecked(Claim.EVENTS, "events", why),))
    return carried.follow(held, trusted, now, demand, lambda origin: _remembered(memories, origin))


def _told(folder: Folder, entries: Iterable[Entry], said: Carried) -> Told | None:
    """What is said of the records of the run in `folder`."""
    if not said.redactions:
        return None
    keys = {match[1] for entry in entries if (match := KEY.fullmatch(entry.path)) is not None}
    return said.told(hashlib.sha256(folder.read("SEAL", seal.MAX_SIZE)).hexdigest(), keys)

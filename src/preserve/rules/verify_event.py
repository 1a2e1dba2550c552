"""Whether an event is what it says: in its place, in the log, in order, about things that are there (docs/formats/events.md section 7).

SEAL, signatures, signers and tokens are judged as those of a run are (`verify_signed`, `verify_time`); what is found is told under the
one claim `events`, and what merely stays open of an event that nobody needs is not told at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from preserve.formats.counted import counted
from preserve.formats.merkle import leaf_hash
from preserve.model.archive import Description
from preserve.model.event import Countersignature, Custody, Redaction, Rollback, Statement
from preserve.model.finding import Claim, Finding, Result, failed, unchecked
from preserve.rules.verify_log import History


def of_event(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What was judged as if it were a run, said of an event: what is wrong with it, and what is needed and stays open."""
    for finding in findings:
        if finding.result is Result.FAIL or finding.needed:
            yield replace(finding, claim=Claim.EVENTS, detail=finding.detail.replace("the manifest", "the statement"))


def judge_place(statement: Statement, name: str, described: Description | None, subject: str) -> Iterator[Finding]:
    """An event lies under its own number and kind, in its own archive."""
    if statement.name != name:
        yield failed(Claim.EVENTS, subject, f"misplaced: this is {statement.name}", code="key-event")
    if described is not None and (statement.archive, statement.log.origin) != (described.id, described.origin):
        yield failed(
            Claim.EVENTS,
            subject,
            f"of another archive: {statement.archive} with the log {statement.log.origin}, not {described.id}",
        )


def judge_entry(statement: Statement, document: bytes, history: History, subject: str) -> Iterator[Finding]:
    """The statement's exact bytes are the entry that it says, in the log that it says it was added to."""
    before = statement.log.size_before
    if not history.holds(before, bytes.fromhex(statement.log.root_before)):
        yield failed(
            Claim.EVENTS, subject, f"the log is not the one that this event was added to: its first {before} entries differ"
        )
    if before >= history.size:
        yield failed(Claim.EVENTS, subject, f"not in the log: it says it is entry {before}, the log has {history.size}")
    elif not history.is_entry(before, document):
        yield failed(Claim.EVENTS, subject, f"not in the log: entry {before} is another one")


def judge_explained(history: History, entries: Iterable[bytes], *, last_staged: bool) -> Iterator[Finding]:
    """Each entry of the log is one of `entries`, which are here; the last may be staged instead."""
    here = {leaf_hash(entry) for entry in entries}
    for index, leaf in enumerate(history.leaves):
        if leaf not in here and not (last_staged and index == history.size - 1):
            yield failed(Claim.EVENTS, f"log entry {index}", "missing: no run or event here is this entry of the log")


def judge_reference(statement: Statement, seals: Mapping[int, str], subject: str) -> Iterator[Finding]:
    """What the event speaks of is there. `seals`: the SEAL's SHA-256 of each run here, by its number."""
    match statement.body:
        case Custody(runs=runs):
            for run in runs:
                if seals.get(run.sequence) != run.seal_sha256:
                    why = f"it speaks of a run {run.sequence} with another SEAL than the one that is here"
                    yield failed(Claim.EVENTS, subject, why)
        case Redaction(run=run) | Countersignature(run=run) if seals.get(run.sequence) != run.seal_sha256:
            yield failed(
                Claim.EVENTS, subject, f"it speaks of a run {run.sequence} with another SEAL than the one that is here"
            )
        case Rollback(accepted_size=size, accepted_root=root) if (size, root) != (
            statement.log.size_before,
            statement.log.root_before,
        ):
            yield failed(Claim.EVENTS, subject, "it accepts another state of the log than the one that it was added to")


def judge_rollbacks(statements: Iterable[tuple[Statement, str]]) -> Iterator[Finding]:
    """Accepted rollbacks, as (statement, what signed it): that the log only grew is then the signer's word. Shown by every verification."""
    for statement, signed in statements:
        if isinstance(body := statement.body, Rollback):
            yield unchecked(
                Claim.LOG_CONSISTENCY,
                "log",
                f"rolled back once, from {counted(body.remembered_size, 'entry')} to {body.accepted_size}; accepted at entry"
                f" {statement.log.size_before}, {signed or 'signed by a key not known here'}, because: {body.reason}",
            )

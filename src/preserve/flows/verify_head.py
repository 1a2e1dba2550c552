"""`preserve log verify`: the log by itself, or one checkpoint that somebody kept (docs/formats/log.md section 5).

Runs and events are not held against the entries: that is for `preserve verify`. Of the events only those are read by which somebody
accepted that the log was rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows.steady import settled
from preserve.flows.verify_archive import describe, lay_out, read_log
from preserve.flows.verify_events import read_events, read_rotations
from preserve.flows.verify_log import LogCheck, Memory
from preserve.formats import note, tlog
from preserve.formats.counted import counted
from preserve.formats.note import SignedNote
from preserve.model.event import EventKind
from preserve.model.finding import Claim, Finding, Report, passed, unchecked
from preserve.model.trust import TrustedKey
from preserve.rules import verify_log as log_rules
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:
    from preserve.ports import Folder


def verify_log(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    *,
    demand: Demand | None = None,
    against: tuple[str, bytes] | None = None,
    require: frozenset[Claim] = frozenset(),
) -> Report:
    """Check the log of the archive in `folder`; the first of `memories` learns its head. `against` is an older checkpoint, with its name.

    Raises FormatError when there is no log, or `against` is no checkpoint of it; StoreError when another process keeps changing it.
    """
    if not folder.names() & {"archive.toml", "log"}:
        raise FormatError("not an archive: there is no archive.toml and no log", "name the archive's folder, or a checkpoint")
    findings = settled(folder, lambda still: _check(still, trusted, memories, now, demand, against), "the log")
    return Report(findings=tuple(findings), require=require)


def verify_checkpoint(
    name: str,
    data: bytes,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    *,
    demand: Demand | None = None,
    against: tuple[str, bytes] | None = None,
    require: frozenset[Claim] = frozenset(),
) -> Report:
    """Check one checkpoint, or the one in a tlog-proof. Raises FormatError when `data` is neither."""
    signed = _signed(data)
    checkpoint = note.parse_checkpoint(signed.text)
    keys = log_rules.log_keys(checkpoint.origin, trusted, None, now, demand, alone=True)
    head = log_rules.judge_note(signed, checkpoint, keys, name)
    assert not isinstance(head, Finding), "the keys are those of its own origin"
    findings = list(head.findings)
    if keys.doubt:
        findings.append(unchecked(Claim.SIGNER, name, keys.doubt, needed=True))
    elif head.signed:
        findings.append(
            passed(Claim.SIGNER, name, f"{counted(checkpoint.size, 'entry')} of {keys.origin}, signed by its trusted key")
        )
    others = [("what was seen here before", _signed(known.encode()), False) for known in _recalled(memories, checkpoint.origin)]
    if against is not None:
        others.append((against[0], _older(*against, checkpoint.origin), True))
    for what, other, needed in others:
        if needed:
            findings += _unsigned(log_rules.judge_note(other, note.parse_checkpoint(other.text), keys, what))
        findings.append(log_rules.judge_pair(checkpoint, note.parse_checkpoint(other.text), name, what, needed=needed))
    if not any(finding.claim is Claim.WITNESSES for finding in findings):
        findings.append(unchecked(Claim.WITNESSES, name, "no witness cosigned it"))
    return Report(findings=tuple(findings), require=require)


def _check(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    demand: Demand | None,
    against: tuple[str, bytes] | None,
) -> list[Finding]:
    layout = lay_out(folder)
    described, findings = describe(folder, layout)
    rotations = read_rotations(folder, {**layout.events, **layout.stated})
    log = read_log(folder, layout, described, trusted, memories, now, rotations, demand)
    events = read_events(folder, layout.events, layout.stated, trusted, described, log, now)
    findings += log.findings
    findings += log.judge_memory(rollback for rollback, _ in events.established(EventKind.ROLLBACK))
    findings += log.unexplained()
    if against is not None:
        findings += _judge_against(log, *against)
    findings += log.conclude([finding for finding in findings if finding.claim is Claim.LOG_CONSISTENCY])
    return findings


def _judge_against(log: LogCheck, name: str, data: bytes) -> Iterator[Finding]:
    older = _older(name, data, log.keys.origin)
    yield from _unsigned(log_rules.judge_note(older, note.parse_checkpoint(older.text), log.keys, name))
    if log.history is not None:
        yield log_rules.judge_against(note.parse_checkpoint(older.text), log.history, name)


def _unsigned(head: log_rules.Head | Finding) -> list[Finding]:
    """What is wrong with a checkpoint that something else is held against; who cosigned it is of no interest."""
    if isinstance(head, Finding):
        return [head]
    return [finding for finding in head.findings if finding.claim is not Claim.WITNESSES]


def _older(name: str, data: bytes, origin: str) -> SignedNote:
    try:
        signed = _signed(data)
    except FormatError as problem:
        raise FormatError(f"{name}: {problem.message}", problem.hint) from None
    said = note.parse_checkpoint(signed.text).origin
    if said != origin:
        raise FormatError(f"{name}: a checkpoint of another log, {said}", f"this one is {origin}")
    return signed


def _signed(data: bytes) -> SignedNote:
    """The checkpoint in a file: alone, or in a proof."""
    if data.startswith(tlog.PROOF_HEADER.encode()):
        return tlog.decode_proof(data).checkpoint
    signed = note.parse(data)
    note.parse_checkpoint(signed.text)
    return signed


def _recalled(memories: Sequence[Memory], origin: str) -> list[SignedNote]:
    return [known for memory in memories if (known := memory.recall(origin)) is not None]

"""Events in words that a person understands: what was done, by whom, why. One function for each kind, in the table below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from preserve.formats.counted import counted
from preserve.formats.publickey import fingerprint_groups
from preserve.formats.times import rfc3339
from preserve.model.event import (
    Body,
    Countersignature,
    Coworkers,
    Custody,
    EventKind,
    KeyChange,
    LogRotation,
    Redaction,
    Renewal,
    Renewed,
    Rollback,
    RunRef,
    Statement,
    TrustTaken,
)
from preserve.model.manifest import Operator
from preserve.rules import keychain, succession

_DONE = {
    "import": "imported",
    "copy": "copied",
    "verify": "verified",
    "transfer": "transferred",
    "export": "exported",
    "view": "viewed",
    "report": "reported on",
}
"""What was done, for the actions that everybody has; another action stands for itself."""


def describe(statement: Statement) -> str:
    """`custody: run 1 transferred to …, because …; by … on …`. Text from outside in it is not made safe to print yet."""
    who = actor(statement.actor) or statement.signers[0].name
    return f"{statement.kind}: {_body(statement.body)}; by {who} on {rfc3339(statement.created)}"


def actor(said: Operator) -> str:
    """A person as the statement names them; "" when it does not."""
    return ", ".join(part for part in (said.name, said.role, said.organisation) if part)


def subject(runs: Sequence[RunRef]) -> str:
    """What a custody event is about."""
    numbers = ", ".join(str(run.sequence) for run in runs)
    return f"run{'s' if len(runs) > 1 else ''} {numbers}" if runs else "everything"


def _body(body: Body) -> str:
    return _WORDS[body.kind](body)


def _custody(body: Custody) -> str:
    done = _DONE.get(body.action)
    words = f"{subject(body.runs)} {done}" if done else f"{body.action} of {subject(body.runs)}"
    to = f" to {body.to}" if body.to else ""
    result = f" ({body.result})" if body.result else ""
    return f"{words}{to}{result}, because: {body.reason}"


def _rollback(body: Rollback) -> str:
    return f"the log goes on from {counted(body.accepted_size, 'entry')} although it had {body.remembered_size}, because: {body.reason}"


def _redaction(body: Redaction) -> str:
    count, records = len(body.records), "records" if len(body.records) > 1 else "record"
    where = f" {body.records[0].index} of {body.records[0].file}" if count == 1 else ""
    what = f"{records}{where}" if where else f"{count} {records}"
    return f"{what} in run {body.run.sequence} removed, by order of {body.authority}, because: {body.reason}"


def _renewal(body: Renewal) -> str:
    if body.covers is Renewed.DATA:
        return f"all of it read again and renewed: {counted(body.count, 'file')}"
    return f"the stamps renewed: SEALs, tokens and log proofs, {counted(body.count, 'file')}"


def _countersignature(body: Countersignature) -> str:
    return f"an SSH signature of {body.name}, key {fingerprint_groups(body.keyid)}, entered for run {body.run.sequence}"


def _trust(body: TrustTaken) -> str:
    keys = ", ".join(f"{key.name} ({key.role}, {fingerprint_groups(key.keyid)})" for key in body.keys)
    return f"{counted(len(body.keys), 'key')} taken into trust from {body.file}: {keys}; because: {body.reason}"


def _key(body: KeyChange | Coworkers | LogRotation) -> str:
    return succession.describe(body) if isinstance(body, LogRotation) else keychain.describe(body)


_WORDS: dict[EventKind, Callable[[Any], str]] = {
    EventKind.COUNTERSIGNATURE: _countersignature,
    EventKind.CUSTODY: _custody,
    EventKind.KEY: _key,
    EventKind.REDACTION: _redaction,
    EventKind.RENEWAL: _renewal,
    EventKind.ROLLBACK: _rollback,
    EventKind.TRUST: _trust,
}
"""`describe` for the body of each kind."""

"""statement.json of an event, `preserve-<kind>/v1`: what its signers sign, and the log's entry (docs/formats/events.md).

As for manifest.json: one spelling (members in the order below, two spaces of indentation, ASCII, a newline at the end), every field by
its exact type, nothing unknown, and encoding what was read gives the same bytes again. A statement is an entry of the log, so it
is shorter than 65,536 bytes; what is longer goes into files that it names by their hash.

The header is the same for every kind. A kind is a row of `_KINDS`: how its body is written and read (`formats/bodies`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from preserve.errors import FormatError
from preserve.formats import seal, signedparts, strictjson
from preserve.formats.bodies import countersignature, custody, key, redaction, renewal, rollback, trust
from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import Body, EventKind, Statement
from preserve.model.noun import dataclass

NAME = seal.STATEMENT
MAX_SIZE = (1 << 16) - 1
"""Bytes: a statement is an entry of the log, whose length is written in 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How the body of one kind is written and read; `write` takes the kind's own Body."""

    write: Callable[[Any], dict[str, Json]]
    read: Callable[[Fields], Body]


_KINDS: dict[EventKind, _Kind] = {
    EventKind.COUNTERSIGNATURE: _Kind(write=countersignature.write, read=countersignature.read),
    EventKind.CUSTODY: _Kind(write=custody.write, read=custody.read),
    EventKind.KEY: _Kind(write=key.write, read=key.read),
    EventKind.REDACTION: _Kind(write=redaction.write, read=redaction.read),
    EventKind.RENEWAL: _Kind(write=renewal.write, read=renewal.read),
    EventKind.ROLLBACK: _Kind(write=rollback.write, read=rollback.read),
    EventKind.TRUST: _Kind(write=trust.write, read=trust.read),
}


def type_of(kind: EventKind) -> str:
    """The `type` of a statement of that kind."""
    return f"preserve-{kind}/v1"


_TYPES = {type_of(kind): kind for kind in _KINDS}


def encode(statement: Statement) -> bytes:
    """The bytes to sign; raises FormatError for a statement that `decode` would refuse."""
    data = _write(statement)
    decode(data)
    return data


def decode(data: bytes) -> Statement:
    """The statement in exactly these bytes; raises FormatError naming what is wrong."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"{NAME}: too long: {len(data)} bytes")
    try:
        value = strictjson.decode(data)
    except FormatError as problem:
        raise FormatError(f"{NAME}: {problem.message}") from None
    fields = Fields(value, NAME)
    type_ = fields.text("type")
    if type_ not in _TYPES:
        fields.refuse(f"bad value: 'type' is {type_[:80]!r}, which this version does not know")
    try:
        statement = Statement(
            archive=fields.text("archive", WORDS),
            log=signedparts.log_link(fields.object("log")),
            created=fields.time("created"),
            actor=signedparts.operator(fields.object("actor")),
            body=_body(fields.object("body"), _TYPES[type_]),
            signers=fields.array("signers", signedparts.signer),
            timestamps=fields.array("timestamps", signedparts.timestamp),
        )
    except ValueError as problem:  # a noun that refuses to be made
        raise FormatError(f"{NAME}: bad value: {problem}") from None
    fields.end()
    if not statement.signers:
        fields.refuse("bad value: no signers")
    _once(fields, "signers", [signer.keyid for signer in statement.signers])
    _once(fields, "timestamps", [entry.authority for entry in statement.timestamps])
    if _write(statement) != data:
        raise FormatError(f"{NAME}: not canonical: the same content has another spelling")
    return statement


def digest(statement: Statement) -> str:
    """What a statement is known by: the hexadecimal SHA-256 of its bytes."""
    return hashlib.sha256(_write(statement)).hexdigest()


def members(body: Body) -> dict[str, Json]:
    """A body as it stands in a statement."""
    return _KINDS[body.kind].write(body)


def _write(statement: Statement) -> bytes:
    log, actor = statement.log, statement.actor
    return strictjson.encode(
        {
            "type": type_of(statement.kind),
            "archive": statement.archive,
            "log": {"origin": log.origin, "size_before": log.size_before, "root_before": log.root_before},
            "created": rfc3339(statement.created),
            "actor": {"name": actor.name, "organisation": actor.organisation, "role": actor.role},
            "body": members(statement.body),
            "signers": [{"keyid": key.keyid, "alg": key.algorithm, "name": key.name} for key in statement.signers],
            "timestamps": [{"authority": entry.authority, "protocol": entry.protocol} for entry in statement.timestamps],
        }
    )


def _body(fields: Fields, kind: EventKind) -> Body:
    body = _KINDS[kind].read(fields)
    fields.end()
    return body


def _once(fields: Fields, what: str, values: list[str]) -> None:
    value, times = Counter(values).most_common(1)[0] if values else ("", 1)
    if times > 1:
        fields.refuse(f"duplicate: {value!r} stands twice in {what}")

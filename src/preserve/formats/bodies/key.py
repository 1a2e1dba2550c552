"""The body of a key event (docs/formats/events.md, "key"): about a signing key, or about the log's."""

from __future__ import annotations

from preserve.errors import FormatError
from preserve.formats.note import KeyType, VerifierKey
from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import KeyAction, KeyChange, LogRotation
from preserve.model.trust import Revocation

ROTATE_LOG = "rotate-log"
"""The action of a LogRotation; every other one is a KeyChange's."""


def write(body: KeyChange | LogRotation) -> dict[str, Json]:
    since = None if body.since is None else rfc3339(body.since)
    if isinstance(body, LogRotation):
        return {"action": ROTATE_LOG, "old": body.old, "new": body.new, "reason": body.reason.value, "since": since}
    return {
        "action": body.action.value,
        "keyid": body.keyid,
        "successor": body.successor,
        "reason": None if body.reason is None else body.reason.value,
        "since": since,
    }


def read(fields: Fields) -> KeyChange | LogRotation:
    action = fields.text("action")
    if action == ROTATE_LOG:
        return LogRotation(
            old=_vkey(fields, "old"),
            new=_vkey(fields, "new"),
            reason=fields.choice("reason", Revocation),
            since=fields.or_null("since", fields.time),
        )
    if action not in set(KeyAction):
        fields.refuse(f"bad value: 'action' is {action[:80]!r}")
    return KeyChange(
        action=KeyAction(action),
        keyid=fields.hash("keyid"),
        successor=fields.or_null("successor", fields.hash),
        reason=fields.or_null("reason", fields.choice, Revocation),
        since=fields.or_null("since", fields.time),
    )


def _vkey(fields: Fields, name: str) -> str:
    """The vkey of a log, in its one spelling."""
    try:
        key = VerifierKey.parse(fields.text(name))
    except FormatError as problem:
        fields.refuse(f"bad value: {name!r}: {problem.message}")
    if key.type is not KeyType.ED25519:
        fields.refuse(f"bad value: {name!r} is not the key of a log")
    return key.encode()

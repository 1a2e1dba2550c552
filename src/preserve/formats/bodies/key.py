"""The body of a key event (docs/formats/events.md, "key")."""

from __future__ import annotations

from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import KeyAction, KeyChange
from preserve.model.trust import Revocation


def write(body: KeyChange) -> dict[str, Json]:
    return {
        "action": body.action.value,
        "keyid": body.keyid,
        "successor": body.successor,
        "reason": None if body.reason is None else body.reason.value,
        "since": None if body.since is None else rfc3339(body.since),
    }


def read(fields: Fields) -> KeyChange:
    return KeyChange(
        action=fields.choice("action", KeyAction),
        keyid=fields.hash("keyid"),
        successor=fields.or_null("successor", fields.hash),
        reason=fields.or_null("reason", fields.choice, Revocation),
        since=fields.or_null("since", fields.time),
    )

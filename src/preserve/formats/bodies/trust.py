"""The body of keys taken into trust (docs/formats/events.md, "trust")."""

from __future__ import annotations

from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import TakenKey, TrustTaken
from preserve.model.trust import Revocation, TrustRole

MOST = 100
"""Keys of one statement, which must fit an entry of the log. More are stated in several."""


def write(body: TrustTaken) -> dict[str, Json]:
    return {
        "reason": body.reason,
        "file": {"name": body.file, "sha256": body.sha256},
        "keys": [
            {
                "keyid": key.keyid,
                "role": key.role.value,
                "name": key.name,
                **{
                    name: None if moment is None else rfc3339(moment)
                    for name, moment in (
                        ("valid_from", key.valid_from),
                        ("valid_until", key.valid_until),
                        ("revoked_at", key.revoked_at),
                    )
                },
                "reason": None if key.reason is None else key.reason.value,
                **({} if key.threshold is None else {"threshold": key.threshold}),
            }
            for key in body.keys
        ],
    }


def read(fields: Fields) -> TrustTaken:
    file = fields.object("file")
    body = TrustTaken(
        reason=fields.text("reason", WORDS),
        file=file.text("name", WORDS),
        sha256=file.hash("sha256"),
        keys=fields.array("keys", _key),
    )
    file.end()
    return body


def _key(value: Json, where: str) -> TakenKey:
    fields = Fields(value, where)
    key = TakenKey(
        keyid=fields.hash("keyid"),
        role=fields.choice("role", TrustRole),
        name=fields.text("name", WORDS),
        valid_from=fields.or_null("valid_from", fields.time),
        valid_until=fields.or_null("valid_until", fields.time),
        revoked_at=fields.or_null("revoked_at", fields.time),
        reason=fields.or_null("reason", fields.choice, Revocation),
        threshold=fields.integer("threshold") if fields.has("threshold") else None,
    )
    fields.end()
    return key

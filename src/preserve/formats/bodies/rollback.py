"""The body of an accepted rollback (docs/formats/events.md section 5)."""

from __future__ import annotations

from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.model.event import Rollback


def write(body: Rollback) -> dict[str, Json]:
    return {
        "reason": body.reason,
        "remembered": {"size": body.remembered_size, "root": body.remembered_root},
        "accepted": {"size": body.accepted_size, "root": body.accepted_root},
    }


def read(fields: Fields) -> Rollback:
    reason = fields.text("reason", WORDS)
    remembered_size, remembered_root = _head(fields.object("remembered"))
    accepted_size, accepted_root = _head(fields.object("accepted"))
    return Rollback(
        reason=reason,
        remembered_size=remembered_size,
        remembered_root=remembered_root,
        accepted_size=accepted_size,
        accepted_root=accepted_root,
    )


def _head(fields: Fields) -> tuple[int, str]:
    size, root = fields.integer("size"), fields.hash("root")
    fields.end()
    return size, root

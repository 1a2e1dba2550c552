"""The body of a custody event (docs/formats/events.md section 4)."""

from __future__ import annotations

import re

from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.model.event import Custody, RunRef

ACTION = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""One plain word: it is what events are sorted and counted by."""


def write(body: Custody) -> dict[str, Json]:
    return {
        "action": body.action,
        "reason": body.reason,
        "to": body.to,
        "result": body.result,
        "runs": [{"sequence": run.sequence, "seal_sha256": run.seal_sha256} for run in body.runs],
    }


def read(fields: Fields) -> Custody:
    return Custody(
        action=fields.text("action", ACTION),
        reason=fields.text("reason", WORDS),
        to=fields.or_null("to", fields.text, WORDS),
        result=fields.or_null("result", fields.text, WORDS),
        runs=fields.array("runs", _run),
    )


def _run(value: Json, where: str) -> RunRef:
    fields = Fields(value, where)
    run = RunRef(sequence=fields.integer("sequence"), seal_sha256=fields.hash("seal_sha256"))
    fields.end()
    return run

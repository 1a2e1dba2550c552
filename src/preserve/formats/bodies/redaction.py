"""The body of a redaction (docs/formats/events.md, "redaction")."""

from __future__ import annotations

from preserve.formats.manifest import PATH
from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.event import Redaction, RemovedRecord, RunRef

MOST = 100
"""Records of one statement, which must fit an entry of the log. More are stated in several."""


def write(body: Redaction) -> dict[str, Json]:
    return {
        "run": {"sequence": body.run.sequence, "seal_sha256": body.run.seal_sha256},
        "reason": body.reason,
        "authority": body.authority,
        "at": rfc3339(body.at),
        "records": [
            {
                "file": record.file,
                "index": record.index,
                "offset": record.offset,
                "length": record.length,
                "sha256": record.sha256,
                "replacement_sha256": record.replacement_sha256,
            }
            for record in body.records
        ],
    }


def read(fields: Fields) -> Redaction:
    return Redaction(
        run=_run(fields.object("run")),
        reason=fields.text("reason", WORDS),
        authority=fields.text("authority", WORDS),
        at=fields.time("at"),
        records=fields.array("records", _record),
    )


def _run(fields: Fields) -> RunRef:
    run = RunRef(sequence=fields.integer("sequence"), seal_sha256=fields.hash("seal_sha256"))
    fields.end()
    return run


def _record(value: Json, where: str) -> RemovedRecord:
    fields = Fields(value, where)
    record = RemovedRecord(
        file=fields.text("file", PATH),
        index=fields.integer("index"),
        offset=fields.integer("offset"),
        length=fields.integer("length", 1),
        sha256=fields.hash("sha256"),
        replacement_sha256=fields.hash("replacement_sha256"),
    )
    fields.end()
    return record

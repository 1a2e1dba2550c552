"""The body of a countersignature (docs/formats/events.md, "countersignature"); the signature itself is `formats/sshsig`."""

from __future__ import annotations

import re

from preserve.formats.strictjson import WORDS, Fields, Json
from preserve.model.event import Countersignature, RunRef

_FORM = re.compile("sshsig")


def write(body: Countersignature) -> dict[str, Json]:
    return {
        "run": {"sequence": body.run.sequence, "seal_sha256": body.run.seal_sha256},
        "name": body.name,
        "keyid": body.keyid,
        "signature": {"form": "sshsig", "sha256": body.sha256},
    }


def read(fields: Fields) -> Countersignature:
    run, signature = fields.object("run"), fields.object("signature")
    signature.text("form", _FORM)
    body = Countersignature(
        run=RunRef(sequence=run.integer("sequence"), seal_sha256=run.hash("seal_sha256")),
        name=fields.text("name", WORDS),
        keyid=fields.hash("keyid"),
        sha256=signature.hash("sha256"),
    )
    run.end()
    signature.end()
    return body

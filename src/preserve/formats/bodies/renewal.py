"""The body of a renewal (docs/formats/events.md, "renewal"); its list of files is `formats/hashlist`."""

from __future__ import annotations

from preserve.formats.hashlist import SHA512
from preserve.formats.strictjson import Fields, Json
from preserve.model.event import Renewal, Renewed


def write(body: Renewal) -> dict[str, Json]:
    return {"covers": body.covers.value, "list": {"count": body.count, "bytes": body.bytes, "sha512": body.sha512}}


def read(fields: Fields) -> Renewal:
    covers, listed = fields.choice("covers", Renewed), fields.object("list")
    body = Renewal(
        covers=covers,
        count=listed.integer("count", 1),
        bytes=listed.integer("bytes", 1),
        sha512=listed.text("sha512", SHA512),
    )
    listed.end()
    return body

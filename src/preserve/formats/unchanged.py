"""Lists of unchanged requisites: JSON Lines in a `metadata` record (docs/formats/unchanged.md).

    {"at":"2026-11-22T02:30:05.123456Z","payload_sha256":"…","refers_to_date":"2026-03-02T01:30:03.123456Z","status":200,"url":"http://…"}

One object a line, members sorted, no spaces, ASCII, each line with its newline. Both times are WARC-Dates: UTC with microseconds. Decoding
is strict: exact types, no unknown member, one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from preserve.errors import FormatError
from preserve.formats import strictjson
from preserve.formats.strictjson import Fields, Json
from preserve.formats.warc import warc_date
from preserve.model.unchanged import Unchanged

URN: Final = "urn:preserve:unchanged:"
"""What the Target-URI of such a record begins with; the page's address follows."""
MEDIA_TYPE: Final = "application/jsonl"
MAX_LINES: Final = 10_000
MAX_SIZE: Final = 1 << 26
"""Bytes of a list that are read."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_ADDRESS: Final = re.compile(r"https?://.+", re.DOTALL)
_OK: Final = 200


def encode(answers: Iterable[Unchanged]) -> bytes:
    """The block of the record."""
    return b"".join(_encode(answer) + b"\n" for answer in answers)


def _encode(answer: Unchanged) -> bytes:
    members: dict[str, Json] = {
        "url": answer.url,
        "at": warc_date(answer.at),
        "status": answer.status,
        "payload_sha256": answer.payload_sha256,
        "refers_to_date": warc_date(answer.refers_to_date),
    }
    if answer.signals:
        members["signals"] = answer.signals
    return strictjson.encode_line(members)


def decode(block: bytes) -> tuple[Unchanged, ...]:
    """The answers of a whole list. Raises FormatError saying which line is not as it should be."""
    if len(block) > MAX_SIZE:
        raise FormatError(f"unchanged: too long: {len(block)} bytes")
    if not block.endswith(b"\n"):
        raise FormatError("unchanged: empty, or no newline at the end")
    rows = block.removesuffix(b"\n").split(b"\n")
    if len(rows) > MAX_LINES:
        raise FormatError(f"unchanged: more than {MAX_LINES} lines")
    found: dict[str, Unchanged] = {}
    for number, row in enumerate(rows):
        try:
            answer = _decode(row)
            if found.setdefault(answer.url, answer) is not answer:
                raise FormatError("its address stands in an earlier line too")
        except FormatError as problem:
            raise FormatError(f"unchanged: line {number}: {problem.message}") from None
    return tuple(found.values())


def _decode(row: bytes) -> Unchanged:
    fields = Fields(strictjson.decode_line(row), "answer")
    remarked = fields.has("signals")
    try:
        answer = Unchanged(
            url=fields.text("url", _ADDRESS),
            at=_moment(fields, "at"),
            status=fields.integer("status", _OK),
            payload_sha256=fields.hash("payload_sha256"),
            refers_to_date=_moment(fields, "refers_to_date"),
            signals=fields.array("signals", strictjson.text) if remarked else (),
        )
    except ValueError as problem:
        fields.refuse(f"bad value: {problem}")
    if remarked and not answer.signals:
        fields.refuse("bad value: 'signals' says what its absence says")
    if answer.status != _OK:
        fields.refuse(f"bad value: status {answer.status} is never listed")
    fields.end()
    return answer


def _moment(fields: Fields, name: str) -> datetime:
    return datetime.fromisoformat(fields.text(name, _DATE))

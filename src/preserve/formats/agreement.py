"""The file that goes from co-worker to co-worker: what is to be stated of a key, and who agreed (docs/formats/events.md section 15).

    preserve-agreement/v1
    { "archive": …, "log": …, "body": … }        what each of them signs, with the line above, byte for byte

    agreed <key> <signature>                     one line each, in base64

The statement is signed apart from any place in a log: it is made on one machine, signed on others for days, and entered at the end by
whoever has the log's key. It names the archive, so it counts in no other.
"""

from __future__ import annotations

from dataclasses import replace

from preserve.errors import FormatError
from preserve.formats import publickey, strictjson
from preserve.formats.bodies import key as keybody
from preserve.formats.strictjson import WORDS, Fields
from preserve.model.event import Agreement, Coworkers, KeyAction, KeyChange, LogRotation
from preserve.model.noun import dataclass

MAX_SIZE = 1 << 15
"""Bytes: what is stated of sixteen co-workers, and sixteen lines."""
_NAME = "agreement"
_HEAD = b"preserve-agreement/v1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be stated in the archive `archive`, whose log has this `origin`; `body.agreed` are those who signed it so far."""

    archive: str
    origin: str
    body: KeyChange | Coworkers

    def signed_by(self, agreement: Agreement) -> Draft:
        """The same with one more line; ValueError when there is no place for it."""
        agreed = {one.keyid: one for one in (*self.body.agreed, agreement)}
        return replace(self, body=replace(self.body, agreed=tuple(agreed[keyid] for keyid in sorted(agreed))))


def text(archive: str, origin: str, body: KeyChange | Coworkers) -> bytes:
    """What is signed by those who agree to `body`, whoever has agreed already."""
    said = keybody.write(replace(body, agreed=()))
    return _HEAD + strictjson.encode({"archive": archive, "log": origin, "body": said})


def holds(agreement: Agreement, message: bytes) -> bool:
    """Whether the signature is over this text."""
    return publickey.from_der(agreement.public).verify(message, agreement.signature)


def encode(draft: Draft) -> bytes:
    """The file."""
    rows = [keybody.write_agreement(one) for one in draft.body.agreed]
    lines = "".join(f"agreed {row['key']} {row['signature']}\n" for row in rows)
    return text(draft.archive, draft.origin, draft.body) + b"\n" + lines.encode("ascii")


def as_sent(data: bytes) -> bytes:
    """The file without what mail programs do to it: line ends of two characters, blank lines at the end. Nothing of it is signed."""
    lines = data.replace(b"\r\n", b"\n").rstrip(b" \n")
    return lines + (b"\n\n" if lines.endswith(b"}") else b"\n")


def decode(data: bytes) -> Draft:
    """The draft in exactly these bytes, every signature in it verified; raises FormatError naming what is wrong."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"{_NAME}: too long: {len(data)} bytes")
    head, mark, rows = data.partition(b"\n}\n\n")
    if not data.startswith(_HEAD) or not mark:
        raise FormatError(f"{_NAME}: not what co-workers agree to: it begins with {_HEAD.decode().strip()}")
    fields = Fields(strictjson.decode(head.removeprefix(_HEAD) + b"\n}"), _NAME)
    archive, origin, said = fields.text("archive", WORDS), fields.text("log", WORDS), fields.object("body")
    fields.end()
    try:
        body = keybody.read(said, drafted=True)
        said.end()
        if isinstance(body, LogRotation) or body.agreed or not may_be_agreed_to(body):
            raise FormatError(f"{_NAME}: bad value: co-workers agree to a revocation since a time, or to who follows them")
        agreed = [_line(row, f"{_NAME}: line {place}") for place, row in enumerate(rows.split(b"\n")[:-1], 1)]
        draft = Draft(archive=archive, origin=origin, body=replace(body, agreed=tuple(agreed)))
    except ValueError as problem:  # a noun that refuses to be made
        raise FormatError(f"{_NAME}: bad value: {problem}") from None
    if encode(draft) != data:
        raise FormatError(f"{_NAME}: not canonical: the same content has another spelling")
    message = text(archive, origin, draft.body)
    for one in agreed:
        if not holds(one, message):
            raise FormatError(f"{_NAME}: bad signature: the key {one.keyid} did not sign this")
    return draft


def may_be_agreed_to(body: KeyChange | Coworkers) -> bool:
    """Whether it is for co-workers: a revocation since a time, or others in place of those who were named.

    Without a time, whoever enters it would choose one.
    """
    if isinstance(body, Coworkers):
        return body.replaces is not None
    return body.action is KeyAction.REVOKE and body.since is not None


def _line(row: bytes, where: str) -> Agreement:
    parts = row.decode("ascii", "replace").split(" ")
    if len(parts) != 3 or parts[0] != "agreed":
        raise FormatError(f"{where}: not a line of somebody who agreed")
    return keybody.read_agreement({"key": parts[1], "signature": parts[2]}, where)

"""A private key in a file of its own, to be kept elsewhere: what the key is for, then its PKCS#8 PEM (docs/formats/keys.md section 7).

    preserve-key/v1
    use: log
    name: "archive.example/main/log"
    created: 2026-11-21T17:02:45.565Z
    -----BEGIN ENCRYPTED PRIVATE KEY-----

openssl and other programs pass over what stands before the PEM (RFC 7468 section 2), so the file is a private key for them too. A
file that begins with the PEM comes from such a program, and says nothing of itself.
"""

from __future__ import annotations

import json
from datetime import datetime

from preserve.errors import FormatError
from preserve.formats import times
from preserve.model.noun import dataclass

TYPE = "preserve-key/v1"
MAX_SIZE = 1 << 16
_BEGIN = b"-----BEGIN "


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A private key and what is known of it; None where the file does not say."""

    pem: bytes
    use: str | None = None
    name: str | None = None
    created: datetime | None = None


def encode(use: str, name: str, created: datetime, pem: bytes) -> bytes:
    """The file."""
    head = f"{TYPE}\nuse: {use}\nname: {json.dumps(name)}\ncreated: {times.rfc3339(created)}\n"
    return head.encode("ascii") + pem


def decode(data: bytes) -> Backup:
    """Raises FormatError when the file is neither a backup of ours nor begins with a PEM."""
    if len(data) > MAX_SIZE:
        raise FormatError("not a key: the file is too long")
    if data.startswith(_BEGIN):
        return Backup(pem=data)
    head, begin, rest = data.partition(b"\n" + _BEGIN)
    if not begin or not head.startswith(TYPE.encode() + b"\n"):
        raise FormatError(f"not a key: the file begins neither with -----BEGIN nor with {TYPE}")
    try:
        rows = [row.partition(": ") for row in head.decode("ascii").split("\n")[1:]]
        if [name for name, _, _ in rows] != ["use", "name", "created"]:
            raise FormatError(f"not a key: after {TYPE} come use, name, created and the PEM")
        use, name, created = (value for _, _, value in rows)
        said = json.loads(name)
        if not isinstance(said, str) or not said or json.dumps(said) != name:
            raise FormatError("not a key: its name is not written as it should be")
        return Backup(pem=_BEGIN + rest, use=use, name=said, created=times.parse(created))
    except ValueError:
        raise FormatError("not a key: what stands before its PEM cannot be read") from None

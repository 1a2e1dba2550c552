"""archive.toml: what an archive and its log are called (docs/formats/archive.md). Written once, never changed.

It is not signed, so it has one spelling only, and says nothing that the runs and the log do not bear out.
"""

from __future__ import annotations

import json
import re
import tomllib

from preserve.errors import FormatError
from preserve.formats import toml
from preserve.model.archive import Description

NAME = "archive.toml"
MAX_SIZE = 1 << 16

_ID = re.compile(r"[a-z0-9][a-z0-9./_-]{0,199}")
_MEMBERS = ("id", "origin", "log")


def encode(description: Description) -> bytes:
    """The file; raises FormatError when `decode` would refuse it."""
    data = _write(description)
    decode(data)
    return data


def _write(description: Description) -> bytes:
    return "".join(f"{name} = {json.dumps(getattr(description, name))}\n" for name in _MEMBERS).encode()


def decode(data: bytes) -> Description:
    """The description in these bytes; raises FormatError naming what is wrong."""
    try:
        members = toml.loads(data.decode("ascii"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise FormatError(f"{NAME}: {problem}") from None
    if set(members) != set(_MEMBERS):
        odd = min(set(members) ^ set(_MEMBERS))
        raise FormatError(f"{NAME}: {odd!r} is missing or unknown")
    if not all(isinstance(value, str) for value in members.values()):
        raise FormatError(f"{NAME}: a value is not a string")
    description = Description(**members)
    if not _ID.fullmatch(description.id):
        raise FormatError(f"{NAME}: bad id: {description.id[:80]!r}")
    if description.log.partition("+")[0] != description.origin:
        raise FormatError(f"{NAME}: the log's key is not the key of {description.origin[:80]!r}")
    if _write(description) != data:
        raise FormatError(f"{NAME}: not canonical: the same content has another spelling")
    return description

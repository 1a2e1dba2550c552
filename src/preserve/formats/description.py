"""archive.toml: four lines that name an archive and its log (docs/formats/archive.md). Written once, never changed."""

from __future__ import annotations

import json
import re
import tomllib

from preserve.errors import FormatError
from preserve.model.archive import Description

NAME = "archive.toml"
MAX_SIZE = 1 << 16

_ID = re.compile(r"[a-z0-9][a-z0-9./_-]{0,199}")
_CREATED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_HEAD = "# An archive made by preserve. Its promises lie in runs/ and log/; whom to trust is for the verifier to know."


def encode(description: Description) -> bytes:
    """The file; raises FormatError when `decode` would refuse it."""
    members = {name: getattr(description, name) for name in ("id", "origin", "log", "created")}
    data = "\n".join((_HEAD, *(f"{name} = {json.dumps(value)}" for name, value in members.items()), "")).encode()
    decode(data)
    return data


def decode(data: bytes) -> Description:
    """The description in these bytes; raises FormatError naming what is wrong."""
    try:
        members = tomllib.loads(data.decode("ascii"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise FormatError(f"{NAME}: {problem}") from None
    if set(members) != {"id", "origin", "log", "created"}:
        odd = min(set(members) ^ {"id", "origin", "log", "created"})
        raise FormatError(f"{NAME}: {odd!r} is missing or unknown")
    if not all(isinstance(value, str) for value in members.values()):
        raise FormatError(f"{NAME}: a value is not a string")
    description = Description(**members)
    if not _ID.fullmatch(description.id):
        raise FormatError(f"{NAME}: bad id: {description.id[:80]!r}")
    if not _CREATED.fullmatch(description.created):
        raise FormatError(f"{NAME}: bad time: {description.created[:80]!r}")
    if description.log.partition("+")[0] != description.origin:
        raise FormatError(f"{NAME}: the log's key is not the key of {description.origin[:80]!r}")
    return description

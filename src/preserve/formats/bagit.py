"""BagIt 1.0 (RFC 8493): what institutions take files in by. A payload below data/, and its hashes beside it.

    bagit.txt   bag-info.txt   manifest-sha256.txt   tagmanifest-sha256.txt   data/…

https://www.rfc-editor.org/rfc/rfc8493
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from preserve.errors import FormatError
from preserve.formats.wacz import Resource

DECLARED: Final = "bagit.txt"
MANIFEST: Final = "manifest-sha256.txt"
TAGS: Final = "tagmanifest-sha256.txt"
PAYLOAD: Final = "data/"
MAX_MANIFEST: Final = 1 << 28
_LISTED = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(payload: Sequence[Resource], *, moment: datetime, software: str, identifier: str) -> Mapping[str, bytes]:
    """Every file of a bag beside its payload, by name; the paths of `payload` begin with "data/"."""
    octets = sum(resource.bytes for resource in payload)
    info = (
        ("Bagging-Date", f"{moment:%Y-%m-%d}"),
        ("Bag-Software-Agent", software),
        ("External-Identifier", identifier),
        ("Payload-Oxum", f"{octets}.{len(payload)}"),
    )
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{name}: {value}\n" for name, value in info).encode(),
        "manifest-sha256.txt": "".join(f"{item.sha256}  {_escaped(item.path)}\n" for item in payload).encode(),
    }
    listed = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in tags.items())
    return {**tags, "tagmanifest-sha256.txt": listed.encode()}


def read_manifest(data: bytes) -> Mapping[str, str]:
    """The SHA-256 of each file that a manifest lists, by its path. Raises FormatError (RFC 8493 section 2.1.3)."""
    found: dict[str, str] = {}
    try:
        rows = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise FormatError("a manifest that is not UTF-8") from None
    for row in rows:
        if (match := _LISTED.fullmatch(row)) is None:
            raise FormatError(f"a bad line in a manifest: {row[:80]!r}")
        path = re.sub("%0A|%0D|%25", lambda escape: unquote(escape[0]), match[2], flags=re.IGNORECASE).removeprefix("./")
        if path in found:
            raise FormatError(f"a manifest lists {path[:80]!r} more than once")
        found[path] = match[1].lower()
    return found


def _escaped(path: str) -> str:
    """RFC 8493 section 2.1.3: line ends and the percent sign are percent-encoded."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")

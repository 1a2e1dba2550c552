"""BagIt 1.0 (RFC 8493): what institutions take files in by. A payload below data/, and its hashes beside it.

    bagit.txt   bag-info.txt   manifest-sha256.txt   tagmanifest-sha256.txt   data/…

https://www.rfc-editor.org/rfc/rfc8493
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from preserve.formats.wacz import Resource

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


def _escaped(path: str) -> str:
    """RFC 8493 section 2.1.3: line ends and the percent sign are percent-encoded."""
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")

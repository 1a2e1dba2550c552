"""`preserve timestamp --renew`: what was stamped once is stamped anew, before the old stamps age (docs/formats/events.md, "renewal").

A list of files with their SHA-512 goes into an event; its statement names the list by its hash, and the authorities stamp the event's SEAL. So everything
in the list is shown to have existed while the old stamps still counted, by new ones that will count longer. RFC 4998 calls the two kinds
time-stamp renewal and hash-tree renewal.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.formats import hashlist
from preserve.model.event import Renewal, Renewed
from preserve.model.lines import FileSha512
from preserve.model.tree import Kind

if TYPE_CHECKING:
    from preserve.ports import Folder

_BLOCK = 1 << 18
_STAMPS = re.compile(r"(runs|events)/[^/]+/(SEAL|timestamps/[^/]+|log/seal\.tlog-proof)")
_DATA = re.compile(r"archive\.toml|(runs|events|documents)/.*", re.DOTALL)
"""The log is left out: it grows, each entry of it is the SEAL of a run or a statement that is listed, and its tiles can be made of these."""


def renewal(folder: Folder, covers: Renewed) -> tuple[Renewal, bytes]:
    """What is to be stated, and the list that goes with it. Every file listed is read.

    Raises FormatError when there is nothing to renew, or a name that cannot be listed.
    """
    wanted = _DATA if covers is Renewed.DATA else _STAMPS
    files = [
        FileSha512(path=entry.path, sha512=_sha512(folder, entry.path))
        for entry in folder.walk()
        if entry.kind is Kind.FILE and wanted.fullmatch(entry.path)
    ]
    if not any(file.path.startswith(("runs/", "events/")) for file in files):
        raise FormatError("there is nothing to renew: no run is sealed yet")
    data = hashlist.encode(files)
    body = Renewal(covers=covers, count=len(files), bytes=len(data), sha512=hashlib.sha512(data).hexdigest())
    return body, data


def _sha512(folder: Folder, path: str) -> str:
    digest = hashlib.sha512()
    with folder.open(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

"""Files that were stamped anew, as a verification sees them (docs/formats/events.md, "renewal")."""

from __future__ import annotations

import re
from datetime import datetime

from preserve.formats.times import rfc3339
from preserve.model.event import Statement
from preserve.model.finding import Claim, Finding, failed, passed, unchecked

_BULK = re.compile(r"(runs/[^/]+/data|documents)/.*", re.DOTALL)


def is_bulk(path: str) -> bool:
    """Whether a file is one of those whose bytes are the bulk of an archive, and are held against their SHA-256 anyway."""
    return _BULK.fullmatch(path) is not None


def missing(path: str, event: str) -> Finding:
    return failed(Claim.EVENTS, path, f"missing: {event} lists it")


def altered(path: str, event: str) -> Finding:
    return failed(Claim.EVENTS, path, f"altered: its SHA-512 is not the one that {event} lists")


def renewed(statement: Statement, event: str, listed: int, read: int, existed_by: datetime | None) -> Finding:
    """What a renewal proves of the files that it lists."""
    what = f"{listed} files were there when it was made; of {read} of them the SHA-512 was compared here"
    if read < listed:
        what += ", of the others the SHA-256; --thorough compares all"
    if existed_by is None:
        why = f"{what}; no time-stamp that counts here proves when: {rfc3339(statement.created)} is its signer's word"
        return unchecked(Claim.EVENTS, event, why)
    return passed(Claim.EVENTS, event, f"{what}; stamped anew, all of it existed by {rfc3339(existed_by)}")

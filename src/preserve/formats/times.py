"""Times in signed text: RFC 3339 section 5.6, UTC with a capital Z, exactly three digits of a second.

One moment has one spelling, so that a decoded document re-encodes to the same bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from preserve.errors import FormatError

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def rfc3339(moment: datetime) -> str:
    """`moment` (timezone-aware) as `2026-11-21T17:02:45.565Z`; what is finer than a millisecond is cut, never rounded up."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> datetime:
    """`moment` as it reads after it was written."""
    return parse(rfc3339(moment))


def parse(text: str) -> datetime:
    """The moment that `text` names, as aware UTC; raises FormatError for any other spelling and for times that do not exist."""
    if not _FORM.fullmatch(text):
        raise FormatError(f"bad time: {text!r} is not like 2026-11-21T17:02:45.565Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as problem:
        raise FormatError(f"bad time: {text!r}: {problem}") from None

"""Times in signed text: RFC 3339 section 5.6, UTC with a capital Z, exactly three digits of a second.

One moment has one spelling, so that a decoded document re-encodes to the same bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from preserve.errors import FormatError

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_IMF_FIXDATE: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({'|'.join(re.findall('...', _MONTHS))}) ([1-9][0-9]{{3}}) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)


def rfc3339(moment: datetime) -> str:
    """`moment` (timezone-aware) as `2026-11-21T17:02:45.565Z`; what is finer than a millisecond is cut, never rounded up."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(text: str) -> datetime:
    """The moment of an HTTP date (RFC 9110 section 5.6.7), or of what else is written in its place; naive where it names no zone.

    Raises ValueError for what is no date. Nearly all have the one form in which they are to be written; what reads mail's many forms is
    loaded for the others alone.
    """
    if (form := _IMF_FIXDATE.fullmatch(text)) is not None:
        day, month, year, hour, minute, second = form.groups()
        return datetime(int(year), _MONTHS.index(month) // 3 + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- see above

    try:
        return parsedate_to_datetime(text)
    except (TypeError, OverflowError, IndexError) as problem:
        raise ValueError(f"not a date: {text!r}") from problem


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

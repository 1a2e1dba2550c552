"""Times on the command line: a day, or a moment with its zone; and what is said beside one when a key is revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preserve.model.trust import TrustedKey


def moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """A click callback: `2026-11-21` is the beginning of that day in UTC; `2026-11-21T17:02:45Z` and `…+01:00` are that moment."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write 2026-11-21 or 2026-11-21T17:02:45Z") from None
    if read.tzinfo is None and len(value) > len("2026-11-21"):
        raise click.BadParameter(f"{value!r} lacks its zone; write 2026-11-21T17:02:45Z")
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


why_revoked = click.option(
    "--reason",
    required=True,
    type=click.Choice(["superseded", "compromised"]),
    help="it is merely not used any more, or it may be in other hands",
)
"""What a revocation says beside its moment."""


def revocation(entries: Iterable[TrustedKey]) -> str:
    """What these entries of a key say of its revocation, the worst of them, in words; "" where none revokes it."""
    from preserve.formats.times import rfc3339
    from preserve.model.trust import worse

    said = [(key.revoked_at, key.reason) for key in entries if key.revoked_at is not None and key.reason is not None]
    if not said:
        return ""
    since, reason = reduce(worse, said)
    return f"revoked as {reason} since {rfc3339(since)}"

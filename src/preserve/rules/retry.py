"""Whether an address is asked again, when, and how often: one policy for all that may pass (docs/adr/0160). Pure.

    closed or reset before a byte of an answer       once more, at once
    no connection                                    up to MOST times, after 1, 2 and 4 s; the last time when the others are done
    429, 502, 503, 504                               the same, and not before Retry-After has passed (RFC 9110 section 10.2.3)

What is complete, cut, refused or no HTTP is an answer: it is not asked for again. Nor is a host that does not exist, or whose
certificate does not verify.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from preserve.formats.times import http_date
from preserve.model.noun import dataclass
from preserve.model.web import Exchange, Trouble, Wish

MOST: Final = 3
"""How often one address is asked again."""
LONGEST: Final = 120.0
"""Seconds of a Retry-After that are waited for, even while there is other work."""
BUSY: Final = frozenset({429, 502, 503, 504})
"""Statuses by which a server, or what stands before it, says that it cannot answer now."""

_MARGIN: Final = 0.05
"""Seconds beyond a Retry-After: whoever counts there began a little later."""
_SPREAD: Final = 0.25
"""By how much a wait may grow at random, so that hosts that failed together are not asked together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Ask again after `seconds`; `later`: and not before there is nothing else to do."""

    seconds: float
    later: bool = False


def again(exchange: Exchange, chance: float) -> Again | None:
    """When to ask again after this exchange, None when it stands. `chance` is a random number from 0 to 1."""
    if exchange.trouble is Trouble.CLOSED:
        return Again(seconds=0.0) if not exchange.retries else None
    if not troubled(exchange) or exchange.retries >= MOST:
        return None
    own = 2.0**exchange.retries * (1 + _SPREAD * chance)
    asked = retry_after(exchange)
    if asked is not None and asked > LONGEST:
        return None
    return Again(seconds=max(own, 0.0 if asked is None else asked + _MARGIN), later=exchange.retries == MOST - 1)


def troubled(exchange: Exchange) -> bool:
    """Whether the host, more than the address, has a trouble that may pass."""
    return exchange.trouble is Trouble.UNREACHABLE or exchange.status in BUSY


def asks_for_rest(exchange: Exchange) -> bool:
    """Whether the host itself asks to be left alone for a while."""
    return exchange.status == 429 or retry_after(exchange) is not None


def remark(exchange: Exchange) -> str:
    """What is to be said of an answer that stands although the host asked to be asked again; "" where it did not."""
    asked = retry_after(exchange)
    return "" if asked is None else _asked_again(asked)


def in_words(wish: Wish) -> str:
    """What a host asked for, whoever was told."""
    return _asked_again(wish.asked)


def retry_after(exchange: Exchange) -> float | None:
    """The seconds that a busy host asks for: a number, or the time from its own Date to a date; None when it asks for nothing.

    A date is read against the host's clock where it tells it, so that the two clocks need not agree.
    """
    return _told(exchange) if exchange.status in BUSY else None


def before_redirect(exchange: Exchange) -> Again | None:
    """What a redirect asks to be waited before it is followed (RFC 9110 section 10.2.3), where that is something, and not too long."""
    asked = _told(exchange) if exchange.status is not None and 300 <= exchange.status < 400 else None
    return Again(seconds=asked + _MARGIN) if asked and asked <= LONGEST else None


def _asked_again(seconds: float) -> str:
    if seconds == math.inf:
        return "the host asks to be asked again in more than 30 years"
    return f"the host asks to be asked again in {seconds:.0f} s"


def _told(exchange: Exchange) -> float | None:
    value = exchange.header(b"retry-after")
    if value is None:
        return None
    if value.isdigit():
        return float(value) if len(value.lstrip(b"0")) < 10 else math.inf
    told = _date(value)
    if told is None:
        return None
    since = _date(exchange.header(b"date") or b"") or exchange.ended
    return max(0.0, (told - since).total_seconds())


def _date(value: bytes) -> datetime | None:
    try:
        date = http_date(value.decode("latin-1"))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)

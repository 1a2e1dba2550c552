"""Where a response sends the reader next (RFC 9110 section 15.4). Pure: the flow asks, this decides."""

from __future__ import annotations

from collections.abc import Sequence

from preserve.formats.printable import printable
from preserve.formats.url import BadUrl, Url, join
from preserve.model.noun import dataclass
from preserve.model.web import Exchange, Outcome

MAX_HOPS = 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The next hop: exactly one of `url` (ask there) and `problem` (why it goes no further) is set."""

    url: Url | None = None
    problem: str = ""


def location(exchange: Exchange) -> str | None:
    """The Location header as text to show, None when there is none."""
    value = exchange.header(b"location")
    return None if value is None else printable(value.decode("utf-8", "replace"))


def remark(exchange: Exchange) -> str:
    """What is to be said of the answer where the reader ends up; "" when it is what was asked for.

    Ranges are never asked for: a part (RFC 9110 section 15.3.7) is a whole response, and less than the page.
    """
    if exchange.status != 206:
        return ""
    part = printable((exchange.header(b"content-range") or b"").decode("latin-1"))
    return f"the server sent a part only, unasked: {part or 'it does not say which'}"


def follow(exchange: Exchange, asked: Url, seen: Sequence[str], since: int = 0) -> Next | None:
    """The next hop, or None when this exchange is where the reader ends up.

    `seen` holds the addresses asked so far, this one included: coming back to one of them is a loop. Those before `since` were asked
    before the last cookie was set, which may change the answer: a page that only wants its cookie back leads to itself. A redirect
    status without Location has nowhere to go and is a page like any other.
    """
    if exchange.status not in _REDIRECTS or exchange.outcome is Outcome.FAILED:
        return None
    value = exchange.header(b"location")
    if value is None:
        return None
    target = join(asked, value)
    if isinstance(target, BadUrl):
        return Next(problem=f"redirected to an address that cannot be asked: {target.problem}")
    if target.address in seen[since:]:
        return Next(problem=f"redirect loop: back to {target.address}")
    if len(seen) > MAX_HOPS:
        return Next(problem=f"more than {MAX_HOPS} redirects")
    return Next(url=target)

"""The Fetcher: what a request says, and cookies for as long as one target is being asked for.

A request says little and always the same: Host, User-Agent, Accept, Accept-Encoding, Connection, and where they apply Referer and
Cookie. It names no language: the page is to be what a stranger is shown. Environment variables are not read.

Nothing of an HTTP client is here: redirects, a client's cookies, authentication and time limits are decided elsewhere (docs/adr/0245). Cookies
are httpx's, one jar for each session, and httpx is loaded when the first cookie comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preserve.adapters.web.transport import Transport
from preserve.errors import ConfigError
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.settings import FetchSettings
from preserve.model.web import Exchange, Outcome
from preserve.ports import Clock

if TYPE_CHECKING:
    from preserve.adapters.web.cookies import CookieJar

_ACCEPT = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class HttpFetcher:
    """A `ports.Fetcher`. Make it, use it and close it in one event loop."""

    def __init__(self, settings: FetchSettings, clock: Clock, spool: Path) -> None:
        """`spool` is an existing folder where large bodies wait. Raises ConfigError for settings that cannot be used."""
        self._clock = clock
        if not settings.user_agent.isprintable() or not settings.user_agent.isascii():
            raise ConfigError("the user agent has characters that no header can carry", "use printable ASCII")
        self._headers = (
            (b"User-Agent", settings.user_agent.encode("ascii")),
            (b"Accept", _ACCEPT),
            (b"Accept-Encoding", b"gzip"),
            (b"Connection", b"keep-alive"),
        )
        self._transport = Transport(settings, clock, spool)

    def session(self) -> HttpSession:
        return HttpSession(self._transport, self._clock, self._headers)

    async def aclose(self) -> None:
        await self._transport.aclose()


class HttpSession:
    """A `ports.Session`: the requests for one target, which share their cookies."""

    def __init__(self, transport: Transport, clock: Clock, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._transport = transport
        self._clock = clock
        self._headers = headers
        self._cookies: CookieJar | None = None

    async def fetch(
        self,
        address: str,
        *,
        referrer: str | None = None,
        deadline: float | None = None,
        fields: Sequence[tuple[bytes, bytes]] = (),
        attempt: int = 0,
    ) -> Exchange:
        """See `ports.Session.fetch`."""
        url = parse(address)
        if isinstance(url, BadUrl):
            now = self._clock.now()
            return Exchange(url=address, started=now, ended=now, outcome=Outcome.REFUSED, problem=url.problem)
        exchange = await self._transport.ask(url, [*self._fields(url, referrer), *fields], deadline=deadline, attempt=attempt)
        if exchange.header(b"set-cookie") is not None:
            self._remember(url, exchange)
        return exchange

    def _fields(self, url: Url, referrer: str | None) -> list[tuple[bytes, bytes]]:
        fields = [(b"Host", url.authority), *self._headers]
        origin = parse(referrer) if referrer is not None else None
        if isinstance(origin, Url) and not (origin.scheme == "https" and url.scheme == "http"):
            fields.append((b"Referer", origin.address.encode("ascii")))
        if self._cookies is not None and (cookie := self._cookies.field(url)):
            fields.append((b"Cookie", cookie))
        return fields

    def _remember(self, url: Url, exchange: Exchange) -> None:
        if self._cookies is None:
            from preserve.adapters.web.cookies import CookieJar  # noqa: PLC0415 -- it brings httpx along, and many servers set none

            self._cookies = CookieJar()
        self._cookies.take(url, exchange.headers)

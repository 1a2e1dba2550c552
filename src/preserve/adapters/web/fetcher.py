"""The Fetcher: what a request says, and cookies for as long as one target is being asked for.

A request says little and always the same: Host, User-Agent, Accept, Accept-Encoding, Connection, and where they apply Referer and
Cookie. It names no language: the page is to be what a stranger is shown. Environment variables are not read.

Requests, responses, cookies and the transport's interface are httpx's. Its client is left out: redirects, cookies of a client,
authentication and time limits are decided elsewhere here, and passing through all of it empty-handed cost more than the transport.
httpx is told the scheme alone; the address goes beside it, because what was cited is sent as it was cited (httpx.URL would escape
and limit it again). There is one jar of cookies for each session.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from preserve.adapters.web.plainhttpx import httpx
from preserve.adapters.web.transport import Transport, Unanswered
from preserve.errors import ConfigError
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.settings import FetchSettings
from preserve.model.web import Exchange, Outcome
from preserve.ports import Clock

_NOTHING = httpx.ByteStream(b"")
_SCHEMES = {scheme: httpx.URL(scheme=scheme, raw_path=b"/") for scheme in ("http", "https")}
_ACCEPT = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_BYTES = "iso-8859-1"
"""How a cookie passes through httpx, in and out again: one character a byte, so that it goes back as it came, whatever it is."""


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
        self._cookies: httpx.Cookies | None = None

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
        request = httpx.Request(
            "GET",
            _SCHEMES[url.scheme],
            headers=[*self._fields(url, referrer), *fields],
            stream=_NOTHING,
            extensions={"url": url, "deadline": deadline, "attempt": attempt},
        )
        try:
            response = await self._transport.handle_async_request(request)
        except Unanswered as nothing:
            return nothing.exchange
        exchange: Exchange = response.extensions["exchange"]
        if exchange.header(b"set-cookie") is not None:
            self._remember(url, exchange)
        return exchange

    def _fields(self, url: Url, referrer: str | None) -> list[tuple[bytes, bytes]]:
        fields = [(b"Host", url.authority), *self._headers]
        origin = parse(referrer) if referrer is not None else None
        if isinstance(origin, Url) and not (origin.scheme == "https" and url.scheme == "http"):
            fields.append((b"Referer", origin.address.encode("ascii")))
        if self._cookies and (cookie := self._cookie(url)):
            fields.append((b"Cookie", cookie))
        return fields

    def _cookie(self, url: Url) -> bytes | None:
        """The Cookie field for this address; an address that httpx cannot read gets none."""
        with contextlib.suppress(httpx.InvalidURL):
            request = httpx.Request("GET", url.address)
            request.headers.encoding = _BYTES
            if self._cookies is not None:
                self._cookies.set_cookie_header(request)
            return next((value for name, value in request.headers.raw if name.lower() == b"cookie"), None)
        return None

    def _remember(self, url: Url, exchange: Exchange) -> None:
        if self._cookies is None:
            self._cookies = httpx.Cookies()
        with contextlib.suppress(httpx.InvalidURL):
            response = httpx.Response(200, headers=exchange.headers, request=httpx.Request("GET", url.address))
            response.headers.encoding = _BYTES
            self._cookies.extract_cookies(response)

"""The cookies of one session, in httpx's jar (RFC 6265 as its standard library reads it).

httpx reads header fields out of requests and responses of its own, so each address is told to it in one: an address that it cannot read
keeps and sends no cookie.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from preserve.adapters.web.plainhttpx import httpx
from preserve.formats.url import Url

_BYTES = "iso-8859-1"
"""How a cookie passes through httpx, in and out again: one character a byte, so that it goes back as it came, whatever it is."""


class CookieJar:
    """What servers asked to be told again."""

    def __init__(self) -> None:
        self._cookies = httpx.Cookies()

    def take(self, url: Url, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep what the header fields of the answer from `url` set."""
        with contextlib.suppress(httpx.InvalidURL):
            response = httpx.Response(200, headers=headers, request=httpx.Request("GET", url.address))
            response.headers.encoding = _BYTES
            self._cookies.extract_cookies(response)

    def field(self, url: Url) -> bytes | None:
        """The value of the Cookie field for `url`; None when there is nothing to tell."""
        if not self._cookies:
            return None
        with contextlib.suppress(httpx.InvalidURL):
            request = httpx.Request("GET", url.address)
            request.headers.encoding = _BYTES
            self._cookies.set_cookie_header(request)
            return next((value for name, value in request.headers.raw if name.lower() == b"cookie"), None)
        return None

"""A web archive on loopback: a TimeGate, its TimeMaps, its mementos; and every lie that one can tell.

archive = WebArchive(site, "arc.example")
archive.holds("http://a.example/x", "20190101000000", b"<html>…")
… --memento http://arc.example/web/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from preserve.formats.linkformat import http_date, to_http_date
from sites import AnyHostSite, Handler, Reply, Request, not_found, respond

Moment = datetime
Answer = Callable[[Request], Reply | None]


def stamped(stamp: str) -> Moment:
    return datetime.strptime(f"{stamp}+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)


class WebArchive:
    """RFC 7089 as Wayback machines do it: /web/<url> is the TimeGate, /web/<stamp>/<url> a memento, with id_ the bytes as they came.

    `lie(request)` is asked first; what it returns is sent instead. `timemaps` False leaves out TimeMaps and their links; with `per_page` a
    TimeMap comes in pages of so many copies, the newest first, each with links to all others (section 5.1.2).
    """

    def __init__(
        self,
        site: AnyHostSite,
        host: str = "arc.example",
        *,
        timemaps: bool = True,
        raw: bool = True,
        per_page: int | None = None,
        otherwise: Handler = not_found,
    ) -> None:
        """The other hosts of `site` answer by `otherwise`."""
        self.host = host
        self.prefix = f"http://{host}/web/"
        self.asked: list[Request] = []
        self.lie: Answer = lambda request: None
        self._held: dict[str, dict[str, tuple[bytes, int]]] = {}
        self._timemaps = timemaps
        self._raw = raw
        self._per_page = per_page
        self._otherwise = otherwise
        site.otherwise(self._handle)

    def holds(self, url: str, stamp: str, body: bytes, status: int = 200) -> str:
        """A copy of `url`; returns the memento's address."""
        self._held.setdefault(url, {})[stamp] = (body, status)
        return f"{self.prefix}{stamp}/{url}"

    def _handle(self, request: Request) -> Reply:
        if request.host != self.host:
            return self._otherwise(request)
        self.asked.append(request)
        return self.lie(request) or self._answer(request)

    def _answer(self, request: Request) -> Reply:
        if (match := re.fullmatch(r"/web/timemap/(?:link|page/(\d+))/(.+)", request.target)) and self._timemaps:
            return self._timemap(match[2], int(match[1] or 0))
        if match := re.fullmatch(r"/web/(\d{14})(id_)?/(.+)", request.target):
            return self._memento(match[3], match[1], raw=bool(match[2]))
        if match := re.fullmatch(r"/web/(.+)", request.target):
            return self._gate(match[1], request)
        return _plain("404 Not Found")

    def _gate(self, url: str, request: Request) -> Reply:
        copies = self._held.get(url)
        if not copies:
            return _plain("404 Not Found")
        asked = http_date(request.field("Accept-Datetime") or "")
        assert asked is not None, "the date is asked for"
        best = min(copies, key=lambda stamp: abs(stamped(stamp) - asked))
        fields = [("Vary", "accept-datetime"), ("Location", f"{self.prefix}{best}/{url}"), ("Link", self._links(url))]
        return Reply(pieces=[respond(b"", status="302 Found", fields=fields)])

    def _links(self, url: str) -> str:
        timemap = f', <{self.prefix}timemap/link/{url}>; rel="timemap"; type="application/link-format"'
        return f'<{url}>; rel="original"{timemap if self._timemaps else ""}'

    def _timemap(self, url: str, number: int) -> Reply:
        copies = sorted(self._held.get(url, {}), reverse=True)
        size = self._per_page or max(1, len(copies))
        pages = [copies[at : at + size] for at in range(0, len(copies), size)] or [[]]
        rows = [f'<{url}>; rel="original"']
        if len(pages) > 1:
            for other, held in enumerate(pages):
                times = f'from="{to_http_date(stamped(held[-1]))}"; until="{to_http_date(stamped(held[0]))}"'
                kind = 'type="application/link-format"'
                rows.append(f'<{self.prefix}timemap/page/{other}/{url}>; rel="timemap"; {kind}; {times}')
        rows += [
            f'<{self.prefix}{stamp}/{url}>; rel="memento"; datetime="{to_http_date(stamped(stamp))}"'
            for stamp in sorted(pages[number])
        ]
        body = ",\n".join(rows).encode()
        return Reply(pieces=[respond(body, fields=[("Content-Type", "application/link-format")])])

    def _memento(self, url: str, stamp: str, *, raw: bool) -> Reply:
        held = self._held.get(url, {}).get(stamp)
        if held is None or (raw and not self._raw):
            return _plain("404 Not Found")
        body, status = held
        shown = body if raw else body + b"<!-- the archive's banner -->"
        fields = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Memento-Datetime", to_http_date(stamped(stamp))),
            ("Link", self._links(url)),
        ]
        return Reply(pieces=[respond(shown, status=f"{status} As it was", fields=fields)])


def _plain(status: str) -> Reply:
    return Reply(pieces=[respond(b"nothing here\n", status=status, fields=[("Content-Type", "text/plain")])])

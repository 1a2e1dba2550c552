"""The web of `changingweb` at the weights of real pages, answered as real servers answer.

Weights and numbers of requests follow the medians of the HTTP Archive for desktop pages of October 2024 (Web Almanac 2024, "Page Weight"):
HTML 18 kB, style sheets 78 kB, scripts 613 kB in 24 requests, images 1,054 kB in 18, fonts 131 kB. Of the scripts and images a third is named here,
for scripts ask for the rest, which `preserve` does not run; what all pages of a site share is shared by the five pages of a host.
Text is sent with `Content-Encoding: gzip`: by the hosts of odd number framed in chunks, as a server sends what it compresses on the
fly, by the others with a length, as from a cache. Half of the hosts make their pages anew for each answer, with tokens, counters,
adverts and the day's date in them; the pages of the others are the same bytes until what they show has changed.
"""

from __future__ import annotations

import gzip
import hashlib
import random
import zlib
from functools import cache

from changingweb import TONGUES, Shown, Web
from sites import Reply, Request, respond

CHUNK = 1 << 13
"""Bytes that a server compresses before it sends them."""
HTML = 18_000
"""Bytes of a page, compressed."""
SHARED = (("sheet", 2, 39_000), ("script", 8, 25_000), ("font", 4, 32_000), ("picture", 2, 58_000))
"""What the pages of a host share: how many, and their bytes as they are sent."""
OWN = 4
"""Pictures of a page beside the one that it changes now and then."""
PICTURE = 58_000
_TYPES = {"sheet": "text/css", "script": "text/javascript", "font": "font/woff2", "picture": "image/jpeg"}
_STEADY = {tongue.code for tongue in TONGUES[::2]}


class HeavyWeb(Web):
    """The same pages, changing in the same way."""

    def _html(self, page: Shown) -> str:
        steady = page.tongue.code in _STEADY
        if steady:  # what is drawn anew for each answer is then drawn alike while the page is
            self.chance = random.Random(repr(page.truth))
        today, self.today = self.today, self.today.replace(month=1, day=1) if steady else self.today
        try:
            html = super()._html(page)
        finally:
            self.today = today
        shared = "".join(
            {
                "sheet": f'<link rel="stylesheet" href="/shared/sheet-{number}">',
                "script": f'<script src="/shared/script-{number}"></script>',
                "font": f'<link rel="preload" as="font" crossorigin href="/shared/font-{number}">',
                "picture": f'<img alt="" src="/shared/picture-{number}">',
            }[kind]
            for kind, count, _ in SHARED
            for number in range(count)
        )
        own = "".join(f'<img alt="" src="/own/{page.number}-{number}">' for number in range(OWN))
        state = f'<script type="application/json" id="state">{_words(f"page {page.number}", HTML - 3000)}</script>'
        return html.replace("</head>", f"{state}</head>").replace("</main>", f"{shared}{own}</main>")

    def _other(self, request: Request) -> Reply:
        _, folder, name = (request.target.partition("?")[0] + "//").split("/")[:3]
        sizes = {kind: size for kind, _, size in SHARED}
        host, kind = request.host, name.partition("-")[0]
        if folder == "own":
            return Reply(pieces=[respond(_noise(name, PICTURE), fields=[("Content-Type", "image/jpeg")])])
        if folder == "shared" and kind in {"sheet", "script"}:
            return Reply(
                pieces=[respond(_words(f"{host} {name}", sizes[kind]).encode(), fields=[("Content-Type", _TYPES[kind])])]
            )
        if folder == "shared" and kind in sizes:
            return Reply(pieces=[respond(_noise(f"{host} {name}", sizes[kind]), fields=[("Content-Type", _TYPES[kind])])])
        return super()._other(request)

    def _answer(self, request: Request) -> Reply:
        reply = super()._answer(request)
        plain = b"".join(piece for piece in reply.pieces if isinstance(piece, bytes))
        head, _, body = plain.partition(b"\r\n\r\n")
        if not plain or b"\r\nContent-Type: text/" not in head or len(body) < 256:
            return reply
        status, *rows = head.split(b"\r\n")
        kept = [row for row in rows if not row.startswith(b"Content-Length:")]
        coded = _packed(body)
        kept += [b"Content-Encoding: gzip", b"Vary: Accept-Encoding"]
        if [tongue.code for tongue in TONGUES].index(request.host.partition(".")[0]) % 2:
            framed = b"".join(
                b"%x\r\n%s\r\n" % (len(coded[at : at + CHUNK]), coded[at : at + CHUNK]) for at in range(0, len(coded), CHUNK)
            )
            body = framed + b"0\r\n\r\n"
            kept.append(b"Transfer-Encoding: chunked")
        else:
            body = coded
            kept.append(b"Content-Length: %d" % len(coded))
        return Reply(pieces=[b"\r\n".join([status, *kept, b"", b""]) + body], keep=reply.keep)


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


@cache
def _words(name: str, size: int) -> str:
    """Text that deflate makes to about `size` bytes: what inline state, sheets and scripts look like to it, names that recur and values that do not."""
    chance = random.Random(name)
    names = [f"{chance.choice(('node', 'item', 'menu', 'card', 'slot', 'list'))}{chance.randrange(900)}" for _ in range(300)]
    rows: list[str] = []
    length, packer = 0, zlib.compressobj(6)
    while length < size:
        row = "".join(
            f'"{chance.choice(names)}":{{"v":"{chance.getrandbits(24):x}","w":{chance.randrange(999)}}},' for _ in range(40)
        )
        rows.append(row)
        length += len(packer.compress(row.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))
    return "{" + "".join(rows) + "}"


@cache
def _noise(name: str, size: int) -> bytes:
    return hashlib.shake_128(name.encode()).digest(size)

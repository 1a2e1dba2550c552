"""A small web on loopback to measure against: 200 hosts, bodies that never repeat, an answer after so many milliseconds.

    python bench/miniweb.py --port 8180 --delay 0        serve until killed
    python bench/miniweb.py --urls 1000 --port 8180      print a list of addresses; --kind tiny for small pages only

Hosts are addresses of 127.0.0.0/8, so that nothing has to be set up: 127.1.0.1 to 127.1.0.200. A body is a function of its path
alone: a slice of a fixed text or of fixed noise, with the path's number in front. The mix is that of cited pages with their
images: 55 % HTML of about 30 kB, 38 % incompressible images of about 75 kB, 6.5 % style sheets, 0.5 % PDF of 1 to 4 MB.
/big/N is N MB of noise; /count answers how many requests there were.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
from functools import lru_cache

HOSTS = 200
_MIX = (("html", 0.55, 25_000, 0.6), ("img", 0.38, 60_000, 0.6), ("css", 0.065, 20_000, 0.5), ("pdf", 0.005, 2_000_000, 0.4))
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css",
    "img": "image/jpeg",
    "pdf": "application/pdf",
    "tiny": "text/html",
}
_WORDS = [
    "river",
    "bridge",
    "ferry",
    "toll",
    "stone",
    "water",
    "crossing",
    "record",
    "harbour",
    "winter",
    "season",
    "survey",
    "keeper",
    "bank",
    "north",
    "mill",
    "path",
    "boat",
]


@lru_cache(maxsize=1)
def _text() -> bytes:
    """4 MB of markup with nothing in it that a browser would load."""
    draw = random.Random(1)
    lines, size = [], 0
    while size < 4_000_000:
        words = " ".join(draw.choice(_WORDS) for _ in range(draw.randrange(4, 14)))
        line = f'<p class="c{draw.randrange(999)}" data-id="{draw.getrandbits(28):x}">{words} {draw.getrandbits(24)}</p>\n'
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()


@lru_cache(maxsize=1)
def _noise() -> bytes:
    return random.Random(2).randbytes(8_000_000)


def body(kind: str, number: int) -> bytes:
    """The body of /kind/number; the same for every server and every time."""
    draw = random.Random(f"{kind}{number}")
    if kind == "tiny":
        size, source, start = draw.randrange(300, 1500), _text(), b"<!doctype html><title>%d</title>\n"
    else:
        _, _, median, spread = next(row for row in _MIX if row[0] == kind)
        size = min(4_000_000, max(2_000, int(draw.lognormvariate(0, spread) * median)))
        source, start = {
            "html": (_text(), b"<!doctype html><title>page %d</title>\n"),
            "css": (_text(), b"/* sheet %d */\n"),
            "img": (_noise(), b"\xff\xd8\xff\xe0 %d "),
            "pdf": (_noise(), b"%%PDF-1.7 %d\n"),
        }[kind]
    at = draw.randrange(len(source) - size)
    return start % number + source[at : at + size]


def urls(count: int, port: int, kind: str) -> list[str]:
    """Addresses over all hosts, each with a body of its own."""
    draw, kinds = random.Random(3), [row[0] for row in _MIX]
    weights = [row[1] for row in _MIX]
    return [
        f"http://127.1.0.{draw.randrange(HOSTS) + 1}:{port}/{kind if kind != 'mix' else draw.choices(kinds, weights)[0]}/{number}"
        for number in range(count)
    ]


class _Server(asyncio.Protocol):
    count = 0
    delay = 0.0

    def __init__(self) -> None:
        self._held = b""
        self._ready = asyncio.Event()
        self._ready.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # uvloop's is none by inheritance

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, self._held = self._held.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1].decode().strip("/").split("/")
            _Server.count += 1
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._answer, path)
            else:
                self._answer(path)

    def _answer(self, path: list[str]) -> None:
        if self._transport.is_closing():
            return
        kind, number = path[0], path[-1]
        if kind == "big" and number.isdigit():
            self._head("application/octet-stream", int(number) * 1_000_000)
            self._sending = asyncio.ensure_future(self._send_big(int(number)))
        elif kind == "count":
            self._whole("text/plain", str(self.count).encode())
        elif kind in _TYPES and number.isdigit():
            self._whole(_TYPES[kind], body(kind, int(number)))
        else:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def _head(self, media: str, size: int) -> None:
        self._transport.write(f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {size}\r\n\r\n".encode())

    def _whole(self, media: str, data: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        self._transport.write(head + data)

    async def _send_big(self, megabytes: int) -> None:
        piece = _noise()[:1_000_000]
        for _ in range(megabytes):
            await self._ready.wait()
            if self._transport.is_closing():
                return
            self._transport.write(piece)
            await asyncio.sleep(0)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    _text(), _noise()
    servers = [await loop.create_server(_Server, f"127.1.0.{host}", port, backlog=512) for host in range(1, HOSTS + 1)]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--port", type=int, default=8180)
    ask.add_argument("--delay", type=float, default=0, help="milliseconds before each answer")
    ask.add_argument("--urls", type=int, help="print so many addresses and end")
    ask.add_argument("--kind", default="mix", choices=["mix", *_TYPES])
    said = ask.parse_args()
    if said.urls is not None:
        sys.stdout.writelines(f"{url}\n" for url in urls(said.urls, said.port, said.kind))
        return
    _Server.delay = said.delay / 1000
    with contextlib.suppress(KeyboardInterrupt):
        try:
            from uvloop import new_event_loop  # noqa: PLC0415 - where there is one
        except ImportError:
            asyncio.run(_serve(said.port))
            return
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(said.port))


if __name__ == "__main__":
    main()

"""What was captured replays in others' players, from our bundle, with the live site off."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from browsing import PLAYER, PYWB, Browser, RefusingProxy, ReplayWebPage, fetched, pywb
from running import run_preserve
from sites import AnyHostSite, not_found, raw, redirect, respond, text, wait_until

HOST = "http://replay.example"
LONG = "".join(f"crossing {number}\n" for number in range(1000))
"""Enough of it that its second capture is a revisit."""
STYLE = "h1 { color: rgb(1, 2, 3); background: url(/bg.png) }" + f"/* {LONG} */"
TEXT = f"The ferry left at nine.\n{LONG}"
ZIPPED = (
    b"<!doctype html><title>zipped</title><p id=p>chunked and zipped</p><!-- "
    + hashlib.shake_128(b"zipped").hexdigest(2000).encode()
    + b" -->"
)


def png(color: int) -> bytes:
    """A picture of 8 x 8 points in one shade."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = struct.pack(">2L5B", 8, 8, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress((b"\0" + bytes([color]) * 8) * 8))
        + part(b"IEND", b"")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """An archive of two runs, and its bundles."""

    archive: Path
    wacz: Path
    only_second: Path
    env: dict[str, str]


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    folder = tmp_path_factory.mktemp("handed")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    with AnyHostSite() as site:
        site.otherwise(not_found)
        images = "".join(f"<img src=/pic/{number}.png>" for number in range(18))
        for number in range(18):
            site.route(f"/pic/{number}.png", text(png(number), media_type="image/png"))
        site.route("/bg.png", text(png(99), media_type="image/png"))
        site.route("/style.css", text(STYLE, media_type="text/css"))
        site.route("/script.js", text("document.title = 'scripted'", media_type="text/javascript"))
        html = f"<!doctype html><title>page</title><link rel=stylesheet href=/style.css><script src=/script.js defer></script><h1>Harbour</h1>{images}<!-- {LONG} -->"
        site.route("/page", text(html, media_type="text/html"))
        site.route("/old", redirect("/page", "301 Moved Permanently"))
        site.route("/text", text(TEXT))
        packed = gzip.compress(ZIPPED, mtime=0)
        fields = [("Content-Type", "text/html"), ("Content-Encoding", "gzip")]
        # Without a chunk extension, which `sites.chunked` has: ReplayWeb.page 2.5.3 shows such a body as it was framed.
        head = respond(fields=[*fields, ("Transfer-Encoding", "chunked")], length=False)
        framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (packed[:20], packed[20:]))
        site.route("/zipped", raw(head + framed + b"0\r\n\r\n", keep=True))
        site.route("/gone", text("<!doctype html><p id=p>no such page</p>", media_type="text/html", status="404 Not Found"))
        paths = ("/page", "/old", "/text", "/zipped", "/gone")
        urls = [part for path in paths for part in ("--url", HOST + path)]
        options = ["--connect-to", site.connect_to, "--delay", "0", "--archive", "archive"]
        for again in (urls, [part for path in ("/page", "/text", "/zipped") for part in ("--url", HOST + path)]):
            done = run_preserve(folder, "capture", *again, *options, env=env)
            assert done.code in {0, 10}, done.stderr
    for name, more in (("all.wacz", ()), ("second.wacz", ("--run", "1"))):
        assert run_preserve(folder, "bundle", "archive", "-o", name, *more, env=env).code == 0
        assert run_preserve(folder, "verify", name, env=env).code == 0
    return Handed(archive=folder / "archive", wacz=folder / "all.wacz", only_second=folder / "second.wacz", env=env)


# ------------------------------------------------------------------------------------------------------------ ReplayWeb.page


_IMAGES = "[...shown.document.images].map(image => image.complete && image.naturalWidth)"


def test_everything_replays_in_replaywebpage(handed: Handed, browser: Browser, proxy: RefusingProxy, tmp_path: Path) -> None:
    with ReplayWebPage(browser, tmp_path, handed.wacz) as player:
        player.show(f"{HOST}/page")
        wait_until(lambda: player.ask(_IMAGES) == [8] * 18, timeout=20)
        assert player.ask("shown.document.querySelector('h1').textContent") == "Harbour"
        assert player.ask("shown.getComputedStyle(shown.document.querySelector('h1')).color") == "rgb(1, 2, 3)"
        assert player.ask("shown.document.title") == "scripted"
        assert player.ask("shown.fetch('/bg.png').then(answer => answer.status)") == 200

        digest = json.loads(zipfile.ZipFile(handed.wacz).read("datapackage-digest.json"))
        assert player.signature() == digest["signedData"]["publicKey"]

        player.show(f"{HOST}/old")
        assert player.ask("shown.document.querySelector('h1').textContent") == "Harbour", "the redirect was not followed"
        player.show(f"{HOST}/text")
        assert player.ask("shown.document.body.textContent").strip() == TEXT.strip()
        player.show(f"{HOST}/zipped")
        assert player.ask("shown.document.querySelector('#p').textContent") == "chunked and zipped"
        player.show(f"{HOST}/gone")
        assert player.ask("shown.document.querySelector('#p').textContent") == "no such page"
    assert not [asked for asked in proxy.asked if "replay.example" in asked], "a replayed page asked the live web"


def test_a_revisit_replays_with_the_original_of_another_run(handed: Handed, browser: Browser, tmp_path: Path) -> None:
    with ReplayWebPage(browser, tmp_path, handed.only_second) as player:
        player.show(f"{HOST}/page")
        wait_until(lambda: player.ask(_IMAGES) == [8] * 18, timeout=20)
        player.show(f"{HOST}/zipped")
        assert player.ask("shown.document.querySelector('#p').textContent") == "chunked and zipped"
        player.show(f"{HOST}/text")
        assert player.ask("shown.document.body.textContent").strip() == TEXT.strip()


@pytest.mark.long
def test_a_player_whose_worker_starts_slowly_shows_the_page(handed: Handed, browser: Browser, tmp_path: Path) -> None:
    """As on a busy machine: by itself the player would wait for a part of a second, and show nothing for ever."""
    slow = tmp_path / "sw.js"
    late = "self.addEventListener('install', (event) => event.waitUntil(new Promise((go) => setTimeout(go, 1500))));\n"
    slow.write_text(late + (PLAYER / "sw.js").read_text())
    with ReplayWebPage(browser, tmp_path, handed.wacz, worker=slow) as player:
        player.show(f"{HOST}/zipped")
        assert player.ask("shown.document.querySelector('#p').textContent") == "chunked and zipped"


# ---------------------------------------------------------------------------------------------------------------------- pywb


@pytest.mark.parametrize("which", ["wacz", "only_second"])
def test_everything_replays_in_pywb(handed: Handed, which: str, tmp_path: Path) -> None:
    if not (PYWB / "wayback").is_file():
        pytest.skip("pywb is not here: make replay-assets fetches it")
    with pywb(tmp_path, getattr(handed, which)) as address:
        bodies = {
            "/text": TEXT.encode(),
            "/style.css": STYLE.encode(),
            "/bg.png": png(99),
            "/pic/7.png": png(7),
            "/zipped": ZIPPED,
        }
        if which == "wacz":
            status, fields, _ = fetched(f"{address}/2026id_/{HOST}/old")
            assert (status, fields["Location"].endswith("/page")) == (301, True)
            assert fetched(f"{address}/2026id_/{HOST}/gone")[0] == 404
        for path, body in bodies.items():
            status, fields, found = fetched(f"{address}/2099id_/{HOST}{path}")
            if fields.get("Content-Encoding") == "gzip":
                found = gzip.decompress(found)
            assert (status, hashlib.sha256(found).hexdigest()) == (200, hashlib.sha256(body).hexdigest()), path
        for path in ("/text", "/zipped"):
            lines = fetched(f"{address}/cdx?url={HOST}{path}&output=json")[2].splitlines()
            kinds = [json.loads(line)["mime"] for line in lines]
            assert "warc/revisit" in kinds, "the second run was to hold a revisit"

"""pywb replays what was captured: pages, what they need, revisits of this run and of earlier ones. `make replay-assets` fetches it."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, chunked, redirect, text
from wayback import WAYBACK, collection

pytestmark = pytest.mark.skipif(WAYBACK is None, reason="pywb is not here: make replay-assets fetches it")

PAGE = "<!doctype html><link rel=stylesheet href=/s.css><img src=/one.png><img src=/two.png><img src=/moved.png><iframe src=/frame></iframe><iframe src=/frame?again></iframe>"
IMAGE = b"bytes of an image that two addresses give\n" * 50
FRAME = b"<p>in a frame" * 100


@pytest.fixture
def replay(preserve: Run, site: AnyHostSite, tmp_path: Path) -> Iterator[str]:
    """The address of a collection that holds two runs."""
    site.route("/page", text(PAGE, media_type="text/html"))
    site.route("/s.css", text('@import "t.css";', media_type="text/css"))
    site.route("/t.css", text("p { background: url(three.png) }" * 60, media_type="text/css"))
    for name in ("one", "two", "three"):
        site.route(f"/{name}.png", text(IMAGE, media_type="image/png"))
    site.route("/moved.png", redirect("http://b.example/there.png"))
    site.route("/there.png", text(IMAGE, media_type="image/png"))
    for name in ("/frame", "/frame?again"):
        site.route(name, chunked(FRAME[:600], FRAME[600:], fields=[("Content-Type", "text/html")]))
    options = ("--connect-to", site.connect_to, "--delay", "0", "--concurrency", "1")
    for _ in range(2):
        done = preserve("capture", *options, "--url", "http://a.example/page")
        assert done.code == 0, done.stderr
    with collection(tmp_path / "pywb", sorted((tmp_path / "archive").glob("runs/*/data/*.warc.gz"))) as address:
        yield address


def test_everything_replays_byte_for_byte(replay: str, site: AnyHostSite) -> None:
    bodies = {
        "http://a.example/page": PAGE.encode(),
        "http://a.example/s.css": b'@import "t.css";',
        "http://a.example/t.css": b"p { background: url(three.png) }" * 60,
        "http://a.example/one.png": IMAGE,
        "http://a.example/two.png": IMAGE,
        "http://a.example/three.png": IMAGE,
        "http://b.example/there.png": IMAGE,  # where /moved.png leads; asked for raw, pywb would send us to the real host
        "http://a.example/frame": FRAME,
        "http://a.example/frame?again": FRAME,  # a revisit in both runs, as the frame is in the second: chunk-framed, with a SHA-1
    }
    asked = len(site.served)
    for url, body in bodies.items():
        # The index knows two captures of each, revisits among them; the first and the last are asked for.
        for when in ("2000", "2099"):
            try:
                with urllib.request.urlopen(f"{replay}/{when}id_/{url}", timeout=20) as answer:
                    found = answer.read()
            except urllib.error.HTTPError as error:
                found = f"{error.code} {error.reason}".encode()
            assert hashlib.sha256(found).digest() == hashlib.sha256(body).digest(), (url, when, found[:200])
    assert len(site.served) == asked

"""What other tools captured replays in others' players from our bundle; and what `wget` and our own bundles are, imported."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from browsing import PYWB, Browser, ReplayWebPage, fetched, pywb
from bundles import Shelf
from foreigners import HOST, TS, Tool, make_shelf, members, wacz
from sites import AnyHostSite, text, wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An archive with a page of each form: in a WACZ, in a compressed WARC file, in an uncompressed one."""
    shelf = make_shelf(tmp_path_factory.mktemp("foreign"))
    wacz(shelf.folder / "saved.wacz", {"data.warc.gz": members().data}, [{"url": f"{HOST}/register", "ts": TS}], deflated=True)
    packed, plain = Tool(), Tool(gzip=False)
    original = packed.page("/rules", "<!doctype html><h1 id=h>Rules</h1>")
    packed.revisit("/rules", original)
    plain.page("/plain", "<!doctype html><h1 id=h>Plain</h1>")
    (shelf.folder / "packed.warc.gz").write_bytes(packed.data)
    (shelf.folder / "plain.warc").write_bytes(plain.data)
    done = shelf.run("import", "archive", "saved.wacz", "packed.warc.gz")
    assert done.code == 0, done.stderr
    assert shelf.run("import", "archive", "plain.warc").code == 10
    shelf.bundle("all.wacz")
    return shelf


@pytest.mark.parametrize(
    ("path", "heading"), [("/register", "Register"), ("/rules", "Rules"), ("/plain", "Plain")], ids=["wacz", "gzip", "plain"]
)
def test_it_replays_in_replaywebpage(shelf: Shelf, browser: Browser, tmp_path: Path, path: str, heading: str) -> None:
    with ReplayWebPage(browser, tmp_path, shelf.folder / "all.wacz") as player:
        player.show(HOST + path, "20260301100000")
        wait_until(lambda: player.ask("shown.document.querySelector('#h').textContent") == heading, timeout=20)
        if heading == "Register":
            assert player.ask("shown.getComputedStyle(shown.document.querySelector('h1')).color") == "rgb(1, 2, 3)"


def test_it_replays_in_pywb(shelf: Shelf, tmp_path: Path) -> None:
    if not (PYWB / "wayback").is_file():
        pytest.skip("pywb is not here: make replay-assets fetches it")
    with pywb(tmp_path, shelf.folder / "all.wacz") as address:
        status, fields, _ = fetched(f"{address}/20260301100000id_/{HOST}/register")
        assert (status, fields["Location"].endswith("/register?session=7")) == (302, True)
        for path, words in (("/register?session=7", b">Register<"), ("/rules", b"Rules"), ("/plain", b"Plain")):
            status, _, body = fetched(f"{address}/20260301100000id_/{HOST}{path}")
            assert (status, words in body) == (200, True), path


def test_a_revisit_that_tells_its_original_by_digest(tmp_path: Path) -> None:
    """Without a date that is how pywb finds it: not the capture that is nearest, which is another text."""
    if not (PYWB / "wayback").is_file():
        pytest.skip("pywb is not here: make replay-assets fetches it")
    shelf = make_shelf(tmp_path)
    tool = Tool()
    texts = ("The first day", "2026-03-01T10:00:00Z"), ("Another day", "2026-03-02T10:30:00Z")
    digests = [f"sha1:{base64.b32encode(hashlib.sha1(words.encode()).digest()).decode()}" for words, _ in texts]
    for (words, date), digest in zip(texts, digests, strict=True):
        tool.page("/rules", words, date=date, WARC_Payload_Digest=digest)
    tool.record(
        "revisit",
        f"{HOST}/rules",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        "application/http; msgtype=response",
        "2026-03-02T10:00:00Z",
        WARC_Profile="http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
        WARC_Refers_To_Target_URI=f"{HOST}/rules",
        WARC_Payload_Digest=digests[0],
    )
    (shelf.folder / "made.warc.gz").write_bytes(tool.data)
    shelf.run("import", "archive", "made.warc.gz")
    assert shelf.run("verify", shelf.bundle("all.wacz")).code == 0
    with pywb(tmp_path, shelf.folder / "all.wacz") as address:
        status, _, body = fetched(f"{address}/20260302100000id_/{HOST}/rules")
    assert (status, body) == (200, b"The first day")


@pytest.mark.parametrize("form", [[], ["--no-warc-compression"]], ids=["compressed", "plain"])
def test_what_wget_made(tmp_path: Path, form: list[str]) -> None:
    wget = shutil.which("wget")
    if wget is None:
        pytest.skip("there is no wget on this machine")
    shelf = make_shelf(tmp_path)
    with AnyHostSite() as site:
        site.otherwise(text("<!doctype html><title>Register</title><p>of the members", media_type="text/html"))
        proxy = f"http_proxy=http://{site.address}:{site.port}/"
        command = [wget, "-q", "-e", proxy, "--warc-file", "made", *form, f"{HOST}/register"]
        subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    name = "made.warc" if form else "made.warc.gz"
    done = shelf.run("import", "archive", name, "--json")
    assert done.code == 0, done.stderr
    assert (done.lines[0]["final_url"], done.lines[0]["status"]) == (f"{HOST}/register", 200)
    assert done.lines[0]["foreign"]["software"].startswith("Wget/")
    assert shelf.run("verify", "archive", "--thorough").code == 0
    assert shelf.run("verify", shelf.bundle("all.wacz")).code == 0


def test_our_own_bundle_is_a_third_partys_elsewhere(shelf: Shelf, tmp_path: Path) -> None:
    other = make_shelf(tmp_path)
    done = other.run("import", "archive", shelf.folder / "all.wacz", "--json")
    assert done.code == 0, done.stderr
    assert {line["foreign"]["software"].split("/")[0] for line in done.lines[:-1]} == {"preserve"}
    assert all(line["foreign"]["signed"].startswith("key ") for line in done.lines[:-1])
    assert other.run("verify", "archive", "--thorough").code == 0
    assert other.run("verify", other.bundle("again.wacz")).code == 0

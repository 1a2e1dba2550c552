"""HTTP/2 on request, against a server of its own on loopback: what comes in frames is kept as a representation, and says so."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from warcio.archiveiterator import ArchiveIterator

from http2sites import Http2Site, Script
from preserve.errors import ConfigError
from preserve.model.settings import FetchSettings, Resolve
from preserve.model.web import Exchange, Outcome, Trouble, Truncation
from running import Run
from wires import LOOPS, fetch, run

_MARK = "a representation: the bytes of HTTP/2 frames are not kept as they crossed the wire"
_BIG = bytes(range(256)) * 10_000


def _ok(body: bytes, **fields: str) -> Script:
    return [{":status": "200", "content-type": "text/html", "content-length": str(len(body)), **fields}, body, "end"]


_SCRIPTS: dict[str, Script] = {
    "/page": _ok(b"<p>framed</p>", **{"x-odd": "caf\xe9"}),
    "/again": _ok(b"second"),
    "/no-length": [{":status": "200"}, b"to the ", b"end", "end"],
    "/hints": [{":status": "103", "link": "</s.css>"}, *_ok(b"x")],
    "/empty": [{":status": "204"}, "end"],
    "/trailers": [{":status": "200"}, b"body", {"x-sum": "4"}],
    "/big": _ok(_BIG),
    "/short": [{":status": "200", "content-length": "9"}, b"half", "reset"],
    "/reset": ["reset"],
    "/cut": [{":status": "200"}, b"half", "close"],
    "/calm": ["goaway"],
    "/smuggled": [{":status": "200", "x": "a\r\nb"}, b"", "end"],
    "/stalled": [{":status": "200", "content-length": "9"}, b"half"],
}


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("site.example").configure_cert(made)
    return made


@pytest.fixture
def site(context: ssl.SSLContext) -> Iterator[Http2Site]:
    with Http2Site(context, _SCRIPTS) as running:
        yield running


@pytest.fixture
def cacert(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def _ask(loop: str, cacert: Path, site: Http2Site, *paths: str, **changes: Any) -> list[Exchange]:
    settings = FetchSettings(
        user_agent="test/1.0",
        timeout=10.0,
        cacert=cacert,
        http2=True,
        resolve=(Resolve(host="site.example", port=site.port, addresses=("127.0.0.1",)),),
    )
    addresses = [f"https://site.example:{site.port}{path}" for path in paths]
    return run(loop, fetch(replace(settings, **changes), cacert.parent, *addresses))


def test_a_page_in_frames(loop: str, cacert: Path, site: Http2Site) -> None:
    page, again = _ask(loop, cacert, site, "/page", "/again")
    assert (page.outcome, page.status, page.protocol) == (Outcome.CAPTURED, 200, "h2")
    assert page.head == b"HTTP/1.1 200 \r\ncontent-type: text/html\r\ncontent-length: 13\r\nx-odd: caf\xe9\r\n\r\n"
    assert b"".join(page.body.chunks()) == b"<p>framed</p>"
    assert page.block_sha256 == hashlib.sha256(page.head + b"<p>framed</p>").hexdigest()
    assert _MARK in page.notes
    assert b"".join(again.body.chunks()) == b"second"
    assert site.connections == 1
    assert dict(site.requests[0]) == {
        b":method": b"GET",
        b":scheme": b"https",
        b":authority": b"site.example:%d" % site.port,
        b":path": b"/page",
        b"user-agent": b"test/1.0",
        b"accept": b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        b"accept-encoding": b"gzip",
    }


@pytest.mark.parametrize(
    ("path", "body", "interim"),
    [("/no-length", b"to the end", 0), ("/hints", b"x", 1), ("/empty", b"", 0), ("/trailers", b"body", 0)],
)
def test_odd_but_whole(path: str, body: bytes, interim: int, loop: str, cacert: Path, site: Http2Site) -> None:
    (exchange,) = _ask(loop, cacert, site, path)
    assert (exchange.outcome, b"".join(exchange.body.chunks()), len(exchange.interim)) == (Outcome.CAPTURED, body, interim)
    assert ("a trailer section follows the body: x-sum: 4" in exchange.notes) is (path == "/trailers")


def test_a_body_larger_than_every_window(loop: str, cacert: Path, site: Http2Site) -> None:
    whole, cut = _ask(loop, cacert, site, "/big"), _ask(loop, cacert, site, "/big", max_size=100_000)
    assert whole[0].body_sha256 == hashlib.sha256(_BIG).hexdigest()
    assert (cut[0].outcome, cut[0].truncated, cut[0].body.size) == (Outcome.TRUNCATED, Truncation.LENGTH, 100_000)
    whole[0].body.close()


@pytest.mark.parametrize(
    ("path", "outcome", "trouble"),
    [
        ("/short", Outcome.TRUNCATED, None),
        ("/cut", Outcome.TRUNCATED, None),
        ("/reset", Outcome.FAILED, Trouble.CLOSED),
        ("/calm", Outcome.FAILED, Trouble.CLOSED),
        ("/smuggled", Outcome.FAILED, None),
    ],
)
def test_what_is_not_whole_is_not_captured(
    path: str, outcome: Outcome, trouble: Trouble | None, loop: str, cacert: Path, site: Http2Site
) -> None:
    (exchange,) = _ask(loop, cacert, site, path)
    assert (exchange.outcome, exchange.trouble) == (outcome, trouble)
    assert exchange.problem


def test_a_stall_is_noticed(loop: str, cacert: Path, site: Http2Site) -> None:
    (exchange,) = _ask(loop, cacert, site, "/stalled", timeout=0.5)
    assert (exchange.outcome, exchange.truncated) == (Outcome.TRUNCATED, Truncation.TIME)


def test_a_server_that_does_not_choose_it_is_asked_as_ever(loop: str, cacert: Path, context: ssl.SSLContext) -> None:
    with Http2Site(context, {}, alpn=("http/1.1",)) as site:
        (exchange,) = _ask(loop, cacert, site, "/page")
    assert (exchange.outcome, exchange.protocol, exchange.notes) == (Outcome.CAPTURED, "", ())
    assert exchange.head.startswith(b"HTTP/1.1 200 OK\r\n")


def test_without_the_option_it_is_not_offered(loop: str, cacert: Path, site: Http2Site) -> None:
    (exchange,) = _ask(loop, cacert, site, "/page", http2=False)
    assert (exchange.protocol, exchange.head[:15]) == ("", b"HTTP/1.1 200 OK")


def test_a_run_marks_it_in_the_archive(preserve: Run, cacert: Path, site: Http2Site) -> None:
    done = preserve(
        "capture", "--http2", "--cacert", cacert, "--resolve", f"site.example:{site.port}:127.0.0.1", "--robots", "ignore", "--no-probe",
        "--json", "--url", f"https://site.example:{site.port}/page",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert _MARK in done.lines[0]["signals"]
    warc = next(Path(done.lines[-1]["manifest"]).parent.glob("data/*.warc.gz"))
    protocols = {}
    with warc.open("rb") as file:
        for record in ArchiveIterator(file):
            told = [value for name, value in record.rec_headers.headers if name == "WARC-Protocol"]
            protocols[record.rec_type] = told
            if record.rec_type == "response":
                assert record.http_headers.get_statuscode() == "200"
                assert record.content_stream().read() == b"<p>framed</p>"
    assert protocols["response"] == protocols["request"] == ["h2", "tls/1.3"]
    assert b"http2" in gzip.decompress(warc.read_bytes())
    assert preserve("verify", "archive").code == 0


def test_without_the_package_it_says_which(loop: str, cacert: Path, site: Http2Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("preserve.adapters.web.transport.find_spec", lambda name: None if name == "h2" else real(name))
    with pytest.raises(ConfigError) as missing:
        _ask(loop, cacert, site, "/page")
    assert "preserve[http2]" in missing.value.hint

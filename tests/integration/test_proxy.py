"""Through the operator's proxy: the same exchanges, the proxy on record, its password nowhere, private places still out of reach."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from misbehaviours import PAGE, MisbehavingSite, Peer
from preserve.errors import UsageError
from preserve.model.settings import ConnectTo, FetchSettings, Proxy, Resolve
from preserve.model.web import Exchange, Outcome, Trouble
from preserve.rules.route import parse_proxy
from proxies import LoopbackProxy
from running import Run
from sites import AnyHostSite
from wires import LOOPS, fetch, knows, run


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site() -> Iterator[MisbehavingSite]:
    with MisbehavingSite() as running:
        yield running


def _ask(loop: str, folder: Path, through: LoopbackProxy, *addresses: str, **changes: Any) -> list[Exchange]:
    settings = replace(FetchSettings(user_agent="test/1.0", timeout=10.0, proxy=parse_proxy(through.address)), **changes)
    return run(loop, fetch(settings, folder, *addresses))


def test_a_page_comes_through_a_proxy(loop: str, site: MisbehavingSite, tmp_path: Path) -> None:
    with LoopbackProxy({("site.example", 80): ("127.0.0.1", site.port)}) as proxy:
        (exchange,) = _ask(loop, tmp_path, proxy, "http://site.example/a-page")
    assert (exchange.outcome, b"".join(exchange.body.chunks())) == (Outcome.CAPTURED, PAGE)
    assert exchange.head + PAGE == site.sent("a-page")
    assert exchange.request == proxy.heads[0]
    assert exchange.request.startswith(b"GET http://site.example/a-page HTTP/1.1\r\nHost: site.example\r\n")
    assert (exchange.peer, exchange.proxy) == (("127.0.0.1", proxy.port), proxy.address)
    assert exchange.notes == (f"asked through the proxy {proxy.address}: the server's address on record is the proxy's",)
    assert exchange.resolution is not None
    assert (exchange.resolution.source, exchange.resolution.addresses) == ("the proxy", ())


@pytest.mark.parametrize("socks", [False, True], ids=["connect", "socks"])
def test_tls_goes_through_to_the_site_itself(socks: bool, loop: str, tls_site: AnyHostSite, tmp_path: Path) -> None:
    with LoopbackProxy({("site.example", 443): ("127.0.0.1", tls_site.port)}, socks=socks) as proxy:
        (exchange,) = _ask(loop, tmp_path, proxy, "https://site.example/page", cacert=Path(tls_site.ca_file))
        (stranger,) = _ask(loop, tmp_path, proxy, "https://site.example/page")
    assert exchange.outcome is Outcome.CAPTURED
    assert exchange.request.startswith(b"GET /page HTTP/1.1\r\nHost: site.example\r\n")
    assert exchange.tls is not None
    assert (exchange.tls.problem, len(exchange.tls.chain)) == ("", 1)
    assert (stranger.outcome, stranger.request) == (Outcome.FAILED, b"")
    assert stranger.tls is not None
    assert stranger.tls.chain == exchange.tls.chain
    assert proxy.heads[0].startswith(b"site.example:443" if socks else b"CONNECT site.example:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("socks", [False, True], ids=["http", "socks"])
def test_a_password_reaches_the_proxy_and_no_record(socks: bool, loop: str, site: MisbehavingSite, tmp_path: Path) -> None:
    told = "user:pa:ss"
    kept = told if socks else base64.b64encode(told.encode()).decode()
    with LoopbackProxy({("site.example", 80): ("127.0.0.1", site.port)}, socks=socks, password=kept) as proxy:
        known = Proxy(scheme="socks5" if socks else "http", host="127.0.0.1", port=proxy.port, user="user", password="pa:ss")
        (exchange,) = _ask(loop, tmp_path, proxy, "http://site.example/a-page", proxy=known)
        (refused,) = _ask(loop, tmp_path, proxy, "http://site.example/a-page", proxy=replace(known, password="no"))
    assert exchange.outcome is Outcome.CAPTURED
    assert b"Authorization" not in exchange.request
    assert "user" not in exchange.proxy
    if socks:
        assert (refused.outcome, refused.problem) == (Outcome.FAILED, "the proxy does not accept this user and password")
    else:
        assert refused.status == 407


def test_private_places_stay_out_of_reach_behind_a_proxy(
    loop: str, site: MisbehavingSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, _knows({"mixed.example": ["198.41.0.4", "10.0.0.1"]}))
    places = [
        "http://127.0.0.1/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://localhost/",
        "http://mixed.example/",
    ]
    with LoopbackProxy({("localhost", 80): ("127.0.0.1", site.port), ("127.0.0.1", 80): ("127.0.0.1", site.port)}) as proxy:
        exchanges = _ask(loop, tmp_path, proxy, *places)
        assert [exchange.outcome for exchange in exchanges] == [Outcome.REFUSED] * len(places)
        assert (proxy.heads, site.connections) == ([], 0)
        (allowed,) = _ask(loop, tmp_path, proxy, "http://127.0.0.1/a-page", allow_private=True)
        assert allowed.outcome is Outcome.CAPTURED


def test_what_the_operator_leads_elsewhere_is_led_through_the_proxy(loop: str, site: MisbehavingSite, tmp_path: Path) -> None:
    with LoopbackProxy({("127.0.0.1", site.port): ("127.0.0.1", site.port)}) as proxy:
        there = {"connect_to": (ConnectTo(host="*", port=80, to_host="127.0.0.1", to_port=site.port),)}
        (led,) = _ask(loop, tmp_path, proxy, "http://site.example/a-page", **there)
        named = {"resolve": (Resolve(host="other.example", port=site.port, addresses=("127.0.0.1",)),)}
        (resolved,) = _ask(loop, tmp_path, proxy, f"http://other.example:{site.port}/a-page", **named)
    assert [led.outcome, resolved.outcome] == [Outcome.CAPTURED] * 2
    assert [head.split(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % site.port] * 2
    assert led.request.startswith(b"GET /a-page HTTP/1.1\r\nHost: site.example\r\n")


def test_what_a_proxy_will_not_do_is_told(loop: str, tmp_path: Path) -> None:
    with LoopbackProxy({}) as proxy:
        gateway, tunnel = _ask(loop, tmp_path, proxy, "http://a.example/", "https://a.example/")
        assert (gateway.outcome, gateway.status) == (Outcome.CAPTURED, 502)
        assert (tunnel.outcome, tunnel.trouble) == (Outcome.FAILED, Trouble.UNREACHABLE)
        assert tunnel.problem == "the proxy opened no way to a.example:443: 502 Bad Gateway"
    (gone,) = _ask(loop, tmp_path, proxy, "http://a.example/")
    assert (gone.outcome, gone.problem) == (Outcome.FAILED, f"the proxy {proxy.address}: connection refused")
    with LoopbackProxy({}, socks=True) as proxy:
        (tunnel,) = _ask(loop, tmp_path, proxy, "http://a.example/")
        assert tunnel.problem == "the proxy opened no way to a.example: connection refused"


def _mail(peer: Peer) -> bool:
    peer.say(b"220 mail.example ESMTP\r\n\r\n")
    peer.hold()
    return True


def test_a_proxy_that_is_none(loop: str, tmp_path: Path) -> None:
    for scheme, problem in (("http", "the proxy does not answer in HTTP"), ("socks5", "the proxy does not speak SOCKS 5")):
        with MisbehavingSite(greet=_mail) as other:
            settings = FetchSettings(user_agent="t", timeout=5, proxy=Proxy(scheme=scheme, host="127.0.0.1", port=other.port))
            (exchange,) = run(loop, fetch(settings, tmp_path, "https://a.example/"))
        assert (exchange.outcome, exchange.problem) == (Outcome.FAILED, problem)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://proxy.example:3128", Proxy(scheme="http", host="proxy.example", port=3128)),
        ("http://u%20x:p%40ss@[::1]:8080/", Proxy(scheme="http", host="::1", port=8080, user="u x", password="p@ss")),
        ("socks5h://proxy.example", Proxy(scheme="socks5", host="proxy.example", port=1080)),
    ],
)
def test_how_a_proxy_is_named(text: str, read: Proxy) -> None:
    assert parse_proxy(text) == read
    assert "ss" not in read.shown.removeprefix("socks5")


@pytest.mark.parametrize(
    "text", ["proxy.example:3128", "https://secret:word@proxy.example", "http://", "http://a:b@p:x", "http://p/path"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_proxy(text)
    assert "word" not in refused.value.message + refused.value.hint


def test_a_run_says_that_it_went_through_a_proxy_and_keeps_the_password_out(
    preserve: Run, site: MisbehavingSite, tmp_path: Path
) -> None:
    kept = base64.b64encode(b"user:hush-hush").decode()
    with LoopbackProxy({("site.example", 80): ("127.0.0.1", site.port)}, password=kept) as proxy:
        given = proxy.address.replace("//", "//user:hush-hush@")
        done = preserve(
            "capture", "--proxy", given, "--robots", "ignore", "--delay", "0", "--json", "--url", "http://site.example/a-page"
        )
    assert done.code == 0, done.stderr
    assert done.lines[0]["signals"] == [
        f"asked through the proxy {proxy.address}: the server's address on record is the proxy's"
    ]
    run_folder = Path(done.lines[-1]["manifest"]).parent
    records = b"".join(gzip.decompress(path.read_bytes()) for path in run_folder.glob("data/*.warc.gz"))
    assert f"proxy: {proxy.address}\r\n".encode() in records
    assert f'"proxy":"{proxy.address}"'.encode() in records
    everything = records + b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hush" not in everything
    assert kept.encode() not in everything
    (line,) = (run_folder / "data/captures.jsonl").read_text().splitlines()
    assert json.loads(line)["server"] == {"ip": "127.0.0.1", "port": proxy.port, "tls": None}
    assert preserve("verify", "archive").code == 0


def test_a_schedule_does_not_keep_a_password(preserve: Run, tmp_path: Path) -> None:
    done = preserve("schedule", "add", "--every", "1d", "--url", "http://a.example/", "--proxy", "http://u:hush@127.0.0.1:1")
    assert done.code == 2
    assert "config.toml" in done.stderr
    assert not any(b"hush" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def _knows(names: dict[str, list[str]]) -> Any:
    real = socket.getaddrinfo

    def getaddrinfo(host: str | bytes, *arguments: Any, **options: Any) -> Any:
        name = host if isinstance(host, str) else host.decode("ascii")
        if name in names:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in names[name]]
        return real(host, *arguments, **options)

    return getaddrinfo

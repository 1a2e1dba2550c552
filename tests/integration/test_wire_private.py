"""Nothing that a stranger wrote makes this machine ask its own neighbours: listeners that must see nothing, and see nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from misbehaviours import MisbehavingSite, say
from preserve.adapters.web.fetcher import HttpFetcher
from preserve.formats.url import Url, join, parse
from preserve.model.settings import ConnectTo, FetchSettings, Resolve
from preserve.model.web import Exchange, Outcome
from wires import LOOPS, Clock, fetch, knows, run


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def inside() -> Iterator[MisbehavingSite]:
    """A server that nobody outside may reach, on every loopback address of IPv4."""
    with MisbehavingSite(address="0.0.0.0") as site:
        yield site


def _settings(**changes: Any) -> FetchSettings:
    return FetchSettings(user_agent="test/1.0", timeout=10.0, **changes)


def _one(loop: str, folder: Path, address: str, **changes: Any) -> Exchange:
    (exchange,) = run(loop, fetch(_settings(**changes), folder, address))
    return exchange


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.2", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0.0.0.0", "0", "localhost", "127.0.0.1.",
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:2]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]",
     "[2002:7f00:1::]", "[2001:0:7f00:1::80ff:fffe]", "１２７.0.0.1", "%31%32%37.0.0.1"],
)  # fmt: skip
def test_every_form_of_a_private_address_is_refused(host: str, loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    exchange = _one(loop, tmp_path, f"http://{host}:{inside.port}/a-page")
    assert exchange.outcome is Outcome.REFUSED
    assert "is not a public address" in exchange.problem
    assert (exchange.request, exchange.peer, exchange.status) == (b"", None, None)
    assert inside.connections == 0


def test_loopback_of_ipv6_is_refused(loop: str, tmp_path: Path) -> None:
    try:
        site = MisbehavingSite(address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with site:
        for host in ("[::1]", "[0:0::1]"):
            assert _one(loop, tmp_path, f"http://{host}:{site.port}/a-page").outcome is Outcome.REFUSED
        assert site.connections == 0
        assert _one(loop, tmp_path, f"http://[::1]:{site.port}/a-page", allow_private=True).peer == ("::1", site.port)


def test_a_name_that_leads_inside_is_refused(
    loop: str, inside: MisbehavingSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, _answers({"inside.example": ["127.0.0.1", "10.0.0.1"]}))
    exchange = _one(loop, tmp_path, f"http://inside.example:{inside.port}/a-page")
    assert (exchange.outcome, exchange.problem) == (Outcome.REFUSED, "refused: 127.0.0.1 is not a public address (loopback)")
    assert exchange.resolution is not None
    assert (exchange.resolution.addresses, exchange.resolution.source) == (("127.0.0.1", "10.0.0.1"), "dns")
    assert inside.connections == 0


def test_a_name_is_looked_up_by_the_system(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    exchange = _one(loop, tmp_path, f"http://localhost:{inside.port}/a-page")
    assert exchange.outcome is Outcome.REFUSED
    assert exchange.resolution is not None
    assert exchange.resolution.source == "dns"
    assert "127.0.0.1" in exchange.resolution.addresses
    unknown = _one(loop, tmp_path, "http://nobody.invalid/")
    assert (unknown.outcome, unknown.status) == (Outcome.FAILED, None)
    assert unknown.problem.startswith(("no such host", "the name cannot be resolved"))


def test_a_redirect_that_leads_inside_is_refused(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    with MisbehavingSite() as outside:
        settings = _settings(resolve=(Resolve(host="outside.example", port=outside.port, addresses=("127.0.0.1",)),))
        for place in (
            f"http://127.0.0.1:{inside.port}/",
            f"//0x7f.1:{inside.port}/",
            f"http://[::ffff:127.0.0.1]:{inside.port}/",
        ):
            outside.script(
                "moved", say(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + place.encode() + b"\r\n\r\n")
            )
            (moved,) = run(loop, fetch(settings, tmp_path, f"http://outside.example:{outside.port}/moved"))
            base, location = parse(moved.url), moved.header(b"location")
            assert isinstance(base, Url)
            assert location is not None
            target = join(base, location)
            assert isinstance(target, Url)
            (exchange,) = run(loop, fetch(settings, tmp_path, target.address))
            assert exchange.outcome is Outcome.REFUSED
    assert inside.connections == 0


def test_what_the_operator_names_is_allowed_for_that_host_alone(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    named = {"resolve": (Resolve(host="site.example", port=inside.port, addresses=("127.0.0.1",)),)}
    exchange = _one(loop, tmp_path, f"http://site.example:{inside.port}/a-page", **named)
    assert (exchange.outcome, exchange.peer) == (Outcome.CAPTURED, ("127.0.0.1", inside.port))
    assert _one(loop, tmp_path, f"http://127.0.0.1:{inside.port}/a-page", **named).outcome is Outcome.REFUSED
    assert _one(loop, tmp_path, f"http://localhost:{inside.port}/a-page", **named).outcome is Outcome.REFUSED
    assert inside.connections == 1


def test_connect_to_leads_to_another_port(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    there = {"connect_to": (ConnectTo(host="*", port=80, to_host="127.0.0.1", to_port=inside.port),)}
    exchange = _one(loop, tmp_path, "http://site.example/a-page", **there)
    assert (exchange.outcome, exchange.peer) == (Outcome.CAPTURED, ("127.0.0.1", inside.port))
    assert exchange.request.startswith(b"GET /a-page HTTP/1.1\r\nHost: site.example\r\n")
    assert exchange.resolution is not None
    assert exchange.resolution.source == "--connect-to"
    assert _one(loop, tmp_path, "http://10.9.8.7/a-page", **there).outcome is Outcome.REFUSED


def test_a_port_alone_names_no_address(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    there = {"connect_to": (ConnectTo(host="", port=None, to_host="", to_port=inside.port),)}
    assert _one(loop, tmp_path, "http://127.0.0.1/a-page", **there).outcome is Outcome.REFUSED
    assert inside.connections == 0


def test_the_unspecified_address_is_refused_always(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "[::]", "[::ffff:0.0.0.0]"):
        assert _one(loop, tmp_path, f"http://{host}:{inside.port}/a-page", allow_private=True).outcome is Outcome.REFUSED
    named = {"resolve": (Resolve(host="*", port=inside.port, addresses=("0.0.0.0",)),)}
    assert _one(loop, tmp_path, f"http://site.example:{inside.port}/a-page", **named).outcome is Outcome.REFUSED
    assert inside.connections == 0


def test_allow_private_allows(loop: str, inside: MisbehavingSite, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.0.0.2", "0x7f.1"):
        assert _one(loop, tmp_path, f"http://{host}:{inside.port}/a-page", allow_private=True).outcome is Outcome.CAPTURED


def test_a_name_is_resolved_once_and_cannot_change_its_mind(
    loop: str, inside: MisbehavingSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    knows(monkeypatch, _answers({"site.example": ["127.0.0.1"]}, asked))

    async def many() -> list[Exchange]:
        fetcher = HttpFetcher(_settings(allow_private=True), Clock(), tmp_path)
        try:
            return await asyncio.gather(
                *(fetcher.session().fetch(f"http://site.example:{inside.port}/a-page?{n}") for n in range(8))
            )
        finally:
            await fetcher.aclose()

    for number in range(8):
        inside.script(f"a-page?{number}", say(b"HTTP/1.1 204 No Content\r\n\r\n"))
    exchanges = run(loop, many())
    assert {exchange.outcome for exchange in exchanges} == {Outcome.CAPTURED}
    assert asked == ["site.example"]
    assert len({id(exchange.resolution) for exchange in exchanges}) == 1


@pytest.mark.parametrize(
    ("code", "problem", "times"),
    [
        (socket.EAI_NONAME, "no such host", 1),
        (socket.EAI_AGAIN, "the name cannot be resolved: as it happens", 2),
    ],
)
def test_a_name_without_an_answer(
    code: int, problem: str, times: int, loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def fail(host: bytes, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(code, "as it happens")

    knows(monkeypatch, fail)
    exchanges = run(loop, fetch(_settings(), tmp_path, "http://site.example/", "http://site.example/"))
    assert [exchange.problem for exchange in exchanges] == [problem, problem]
    assert {exchange.outcome for exchange in exchanges} == {Outcome.FAILED}
    assert asked == [b"site.example"] * times


def test_a_name_that_no_resolver_takes(loop: str, tmp_path: Path) -> None:
    for host in ("a" * 70 + ".example", "a..example"):
        exchange = _one(loop, tmp_path, f"http://{host}/")
        assert exchange.outcome is Outcome.FAILED
        assert exchange.problem


def _answers(known: dict[str, list[str]], asked: list[str] | None = None) -> Any:
    """A stand-in for the system's resolver that knows these names; addresses pass through it, as event loops ask it for those too."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str | bytes, *arguments: Any, **options: Any) -> Any:
        name = host if isinstance(host, str) else host.decode("ascii")
        if name not in known:
            return real(host, *arguments, **options)
        if asked is not None:
            asked.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in known[name]]

    return getaddrinfo

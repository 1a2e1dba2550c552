"""Connections and sessions over time: reuse, retries, cookies, time limits, large bodies, a full disk, a change of mind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from misbehaviours import CHUNKED, PAGE, MisbehavingSite, Peer, fields, say, say_and_stay, whole
from preserve.adapters.web.fetcher import HttpFetcher
from preserve.adapters.web.spool import Spooled
from preserve.errors import ConfigError, StoreError
from preserve.model.settings import FetchSettings, Resolve
from preserve.model.web import Exchange, Memory, Outcome, Truncation
from wires import LOOPS, Clock, fetch, run


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _settings(**changes: Any) -> FetchSettings:
    return replace(FetchSettings(user_agent="test/1.0", timeout=10.0, allow_private=True), **changes)


def _base(site: MisbehavingSite) -> str:
    return f"http://127.0.0.1:{site.port}/"


# -- connections -----------------------------------------------------------------------------------------------------------


def test_a_connection_is_kept_for_the_next_request(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        run(
            loop, fetch(_settings(), tmp_path, *[_base(site) + name for name in ("a-page", "chunked", "trailers", "not-found")])
        )
        assert site.connections == 1


@pytest.mark.parametrize(
    "name", ["http10-to-the-end", "bytes-after-the-end", "length-short", "length-and-chunked", "switching-protocols"]
)
def test_a_connection_in_doubt_is_not_asked_again(name: str, loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        last = run(loop, fetch(_settings(), tmp_path, _base(site) + name, _base(site) + "a-page"))[1]
        assert (last.outcome, last.retries, site.connections) == (Outcome.CAPTURED, 0, 2)


def test_a_kept_connection_that_the_server_has_closed_costs_nothing(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("farewell", say(whole(PAGE)))  # no word of closing, and closed
        exchanges = run(loop, fetch(_settings(), tmp_path, _base(site) + "farewell", _base(site) + "farewell"))
        assert [exchange.outcome for exchange in exchanges] == [Outcome.CAPTURED] * 2
        assert site.connections == 2


def test_a_kept_connection_that_closes_on_the_request_is_asked_anew(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        exchanges = run(loop, fetch(_settings(), tmp_path, _base(site) + "a-page", _base(site) + "closed-once"))
        assert (exchanges[1].outcome, exchanges[1].retries) == (Outcome.CAPTURED, 1)
        assert site.connections == 2


def test_an_answer_that_came_before_the_question_is_not_taken_for_one(loop: str, tmp_path: Path) -> None:
    """A forged or late response on an idle connection must not become the answer to the next request."""
    planted = threading.Event()

    def script(peer: Peer, _: int) -> None:
        peer.say(whole(b"first"))
        peer.stays = True
        peer.say(0.05, whole(b"planted"))
        planted.set()

    async def ask(site: MisbehavingSite) -> Exchange:
        fetcher = HttpFetcher(_settings(), Clock(), tmp_path)
        try:
            first = await fetcher.session().fetch(_base(site) + "first")
            assert first.excess == b""
            await asyncio.to_thread(planted.wait, 5)
            return await fetcher.session().fetch(_base(site) + "a-page")
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        site.script("first", script)
        exchange = run(loop, ask(site))
        assert b"".join(exchange.body.chunks()) == PAGE
        assert site.connections == 2


def test_few_idle_connections_are_kept_for_a_host(loop: str, tmp_path: Path) -> None:
    async def twice(site: MisbehavingSite) -> None:
        fetcher = HttpFetcher(_settings(per_host=2), Clock(), tmp_path)
        try:
            for _ in range(2):
                await asyncio.gather(*(fetcher.session().fetch(_base(site) + "pause") for _ in range(5)))
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        site.script("pause", say_and_stay(0.2, whole(b"")))
        run(loop, twice(site))
        assert site.connections == 5 + 3


def test_the_next_address_is_tried_when_one_refuses(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        settings = _settings(resolve=(Resolve(host="site.example", port=site.port, addresses=("127.0.0.9", "127.0.0.1")),))
        (exchange,) = run(loop, fetch(settings, tmp_path, f"http://site.example:{site.port}/a-page"))
    assert (exchange.outcome, exchange.peer) == (Outcome.CAPTURED, ("127.0.0.1", site.port))


def test_nobody_listens(loop: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    (exchange,) = run(loop, fetch(_settings(), tmp_path, f"http://127.0.0.1:{port}/"))
    assert (exchange.outcome, exchange.problem, exchange.retries) == (Outcome.FAILED, "connection refused", 0)


def test_an_address_that_cannot_be_asked(loop: str, tmp_path: Path) -> None:
    for address in ("javascript:alert(1)", "http://", "http://a b/"):
        (exchange,) = run(loop, fetch(_settings(), tmp_path, address))
        assert (exchange.outcome, exchange.url) == (Outcome.REFUSED, address)
        assert exchange.problem


# -- a server that speaks first --------------------------------------------------------------------------------------------


def _greeting(words: bytes) -> Any:
    def greet(peer: Peer) -> bool:
        peer.say(words)
        peer.farewell()
        return True

    return greet


def test_a_server_of_another_protocol_that_speaks_first(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite(greet=_greeting(b"SSH-2.0-OpenSSH_9.2p1\r\n")) as site:
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site)))
    assert (exchange.outcome, exchange.problem) == (Outcome.FAILED, "the reply is not HTTP")
    assert exchange.garbage == b"SSH-2.0-OpenSSH_9.2p1\r\n"


def test_a_server_that_is_too_busy_to_listen(loop: str, tmp_path: Path) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"
    with MisbehavingSite(greet=_greeting(busy)) as site:
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site)))
    assert (exchange.outcome, exchange.status) == (Outcome.CAPTURED, 503)
    assert exchange.head + b"".join(exchange.body.chunks()) == busy


# -- requests and cookies --------------------------------------------------------------------------------------------------


def test_the_request_is_short_and_always_the_same(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("%7Euser/?q=%2f+%20", say_and_stay(whole(b"")))
        address = _base(site) + "%7Euser/?q=%2f+%20"
        (exchange,) = run(
            loop, fetch(_settings(user_agent="preserve/1 (+https://example.org/bot)"), tmp_path, address + "#fragment")
        )
        expected = (
            f"GET /%7Euser/?q=%2f+%20 HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nUser-Agent: preserve/1 (+https://example.org/bot)\r\n"
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"
        ).encode()
        assert exchange.request == site.requests[0] == expected
        assert exchange.url == address


def test_a_referrer_is_named_but_not_its_fragment_nor_https_to_http(loop: str, tmp_path: Path) -> None:
    async def ask(site: MisbehavingSite, referrer: str) -> bytes:
        fetcher = HttpFetcher(_settings(), Clock(), tmp_path)
        try:
            return (await fetcher.session().fetch(_base(site) + "a-page", referrer=referrer)).request
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        assert b"\r\nReferer: http://site.example/a?b\r\n" in run(loop, ask(site, "http://site.example/a?b#c"))
        assert b"Referer" not in run(loop, ask(site, "https://site.example/a"))
        assert b"Referer" not in run(loop, ask(site, "http://site.example/\r\nX: y"))


def test_cookies_live_as_long_as_their_session(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(site: MisbehavingSite) -> None:
        fetcher = HttpFetcher(
            _settings(resolve=(Resolve(host="*", port=site.port, addresses=("127.0.0.1",)),)), Clock(), tmp_path
        )
        try:
            one, other = fetcher.session(), fetcher.session()
            await one.fetch(f"http://site.example:{site.port}/wall")
            await other.fetch(f"http://site.example:{site.port}/a-page")
            await one.fetch(f"http://elsewhere.example:{site.port}/a-page")
            await one.fetch(f"http://site.example:{site.port}/a-page")
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        site.script(
            "wall",
            say_and_stay(
                whole(b"", b"Set-Cookie: consent=yes; Path=/", b"Set-Cookie: x=\xff; Path=/elsewhere", b"Set-Cookie: =;;;")
            ),
        )
        run(loop, ask(site))
        assert [b"\r\nCookie: consent=yes\r\n" in request for request in site.requests] == [False, False, False, True]
        assert sum(b"Cookie" in request for request in site.requests) == 1


@pytest.mark.parametrize("value", [b"\xfe=\x80\xff", b"k=caf\xc3\xa9", b"k=\xe2\x80\xae", b"k=" + b"v" * 20000, b"k=\x1b[31m"])
def test_a_cookie_goes_back_as_it_came_whatever_its_bytes(value: bytes, loop: str, tmp_path: Path) -> None:
    async def ask(site: MisbehavingSite) -> Exchange:
        fetcher = HttpFetcher(_settings(), Clock(), tmp_path)
        try:
            session = fetcher.session()
            await session.fetch(f"{_base(site)}wall")
            return await session.fetch(f"{_base(site)}a-page")
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        site.script("wall", say_and_stay(whole(b"", b"Set-Cookie: " + value)))
        answer = run(loop, ask(site))
        assert answer.outcome is Outcome.CAPTURED
        assert b"\r\nCookie: " + value + b"\r\n" in site.requests[-1]


def test_a_user_agent_that_would_break_the_request_is_refused(loop: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="user agent"):
        run(loop, fetch(_settings(user_agent="a\r\nX-Injected: 1"), tmp_path))


def test_the_environment_is_not_read(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with MisbehavingSite() as site:
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "a-page"))
    assert exchange.outcome is Outcome.CAPTURED


# -- time ------------------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "outcome", "problem"),
    [
        ("stalled-body", Outcome.TRUNCATED, "the time limit was reached inside the body"),
        ("silence", Outcome.FAILED, "the time limit was reached before answering"),
        ("stalled-head", Outcome.FAILED, "the time limit was reached inside the response head"),
    ],
)
def test_the_deadline_ends_an_exchange(name: str, outcome: Outcome, problem: str, loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        (exchange,) = run(
            loop, fetch(_settings(timeout=30.0), tmp_path, _base(site) + name, deadline=Clock().monotonic() + 0.3)
        )
    assert (exchange.outcome, exchange.problem) == (outcome, problem)
    assert exchange.truncated is (Truncation.TIME if outcome is Outcome.TRUNCATED else None)


@pytest.mark.long
def test_a_body_that_drips_is_ended_by_the_deadline_alone(loop: str, tmp_path: Path) -> None:
    dripping: list[bytes | float] = [b".", 0.05] * 100
    with MisbehavingSite() as site:
        site.script("drip", say(fields(), *dripping))
        (exchange,) = run(
            loop, fetch(_settings(timeout=0.4), tmp_path, _base(site) + "drip", deadline=Clock().monotonic() + 0.8)
        )
    assert (exchange.outcome, exchange.truncated) == (Outcome.TRUNCATED, Truncation.TIME)
    assert exchange.body.size > 8


def test_a_deadline_that_has_passed(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "a-page", deadline=Clock().monotonic() - 1))
        assert (exchange.outcome, site.requests) == (Outcome.FAILED, [])
    assert "time limit" in exchange.problem


def test_who_gives_up_leaves_no_connection_behind(loop: str, tmp_path: Path) -> None:
    asked, left = threading.Event(), threading.Event()

    def script(peer: Peer, _: int) -> None:
        peer.say(fields(b"Content-Length: 99") + b"so far")
        asked.set()
        peer.hold()
        left.set()

    async def give_up(site: MisbehavingSite) -> None:
        fetcher = HttpFetcher(_settings(timeout=30.0), Clock(), tmp_path)
        try:
            task = asyncio.create_task(fetcher.session().fetch(_base(site) + "held"))
            await asyncio.to_thread(asked.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(left.wait, 5)
        finally:
            await fetcher.aclose()

    with MisbehavingSite() as site:
        site.script("held", script)
        run(loop, give_up(site))


# -- bodies ----------------------------------------------------------------------------------------------------------------

_BLOCK = bytes(range(256)) * 256


def _blocks(count: int) -> Any:
    return say_and_stay(fields(b"Content-Length: %d" % (count * len(_BLOCK))), *([_BLOCK] * count))


def test_a_large_body_waits_on_disk_without_a_name(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("large", _blocks(48))
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "large"))
    assert isinstance(exchange.body, Spooled)
    assert os.listdir(tmp_path) == []
    pieces = list(exchange.body.chunks())
    assert b"".join(pieces) == _BLOCK * 48
    assert max(map(len, pieces)) <= 65536
    assert b"".join(exchange.body.chunks()) == _BLOCK * 48
    assert exchange.body_sha256 == hashlib.sha256(_BLOCK * 48).hexdigest()
    exchange.body.close()


def test_a_small_body_stays_in_memory(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("small", _blocks(16))
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "small"))
    assert exchange.body == Memory(_BLOCK * 16)


def test_a_large_chunked_body(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        framed = b"".join(b"%x\r\n%s\r\n" % (len(_BLOCK), _BLOCK) for _ in range(32)) + b"0\r\n\r\n"
        site.script("large", say_and_stay(fields(CHUNKED), framed))
        (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "large"))
    assert (exchange.body.size, exchange.entity_size) == (len(framed), 32 * len(_BLOCK))
    assert exchange.entity_sha256 == hashlib.sha256(_BLOCK * 32).hexdigest()
    assert exchange.block_sha256 == hashlib.sha256(exchange.head + framed).hexdigest()
    exchange.body.close()


def test_a_disk_that_takes_no_more_is_not_the_networks_fault(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("large", _blocks(48))
        with pytest.raises(StoreError, match="a body cannot be kept"):
            run(loop, fetch(_settings(), tmp_path / "missing", _base(site) + "large"))


@pytest.mark.long
def test_memory_stays_flat_however_large_the_body(loop: str, tmp_path: Path) -> None:
    with MisbehavingSite() as site:
        site.script("huge", _blocks(1024))
        run(loop, fetch(_settings(), tmp_path, _base(site) + "a-page"))
        tracemalloc.start()
        try:
            (exchange,) = run(loop, fetch(_settings(), tmp_path, _base(site) + "huge"))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (exchange.outcome, exchange.body.size) == (Outcome.CAPTURED, 64 << 20)
    assert peak < 8 << 20
    exchange.body.close()

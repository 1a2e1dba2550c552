"""The wire against the library of misbehaviours: every outcome as the table says, every byte as the server sent it.

The cases are asked at once by one fetcher, those that stall by another, over plain HTTP and TLS, on asyncio's own event loop and on uvloop.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from misbehaviours import CASES, MAX_SIZE, SILENCE, Case, MisbehavingSite, names
from preserve.adapters.web.fetcher import HttpFetcher
from preserve.model.settings import FetchSettings, Resolve
from preserve.model.web import Exchange, Outcome, Truncation
from wires import LOOPS, Clock, persist, run

HOST = "site.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the fetcher made of every case, and what the site had sent."""

    tls: bool
    exchanges: dict[str, Exchange]
    bodies: dict[str, bytes]
    sent: dict[str, bytes]
    requests: frozenset[bytes]


@pytest.fixture(
    scope="module",
    params=[(tls, loop) for tls in (False, True) for loop in LOOPS],
    ids=lambda p: f"{'tls' if p[0] else 'plain'}-{p[1]}",
)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    tls, loop = request.param
    folder = tmp_path_factory.mktemp("wire")
    context = None
    cacert = folder / "ca.pem"
    if tls:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(cacert)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(HOST).configure_cert(context)
    with MisbehavingSite(context) as site:
        settings = FetchSettings(
            user_agent="test/1.0",
            timeout=10.0,
            max_size=MAX_SIZE,
            cacert=cacert if tls else None,
            resolve=(Resolve(host=HOST, port=site.port, addresses=("127.0.0.1",)),),
        )
        exchanges = run(loop, _ask_all(settings, f"{'https' if tls else 'http'}://{HOST}:{site.port}/", folder))
        yield Asked(
            tls=tls,
            exchanges=exchanges,
            bodies={name: b"".join(exchange.body.chunks()) for name, exchange in exchanges.items()},
            sent={name: site.sent(name) for name in exchanges},
            requests=frozenset(site.requests),
        )
    for exchange in exchanges.values():
        exchange.body.close()


async def _ask_all(settings: FetchSettings, base: str, folder: Path) -> dict[str, Exchange]:
    patient = await _ask(settings, names(stalls=False), base, folder)
    return patient | await _ask(replace(settings, timeout=SILENCE), names(stalls=True), base, folder)


async def _ask(settings: FetchSettings, cases: list[str], base: str, folder: Path) -> dict[str, Exchange]:
    fetcher = HttpFetcher(settings, Clock(), folder)
    try:
        exchanges = await asyncio.gather(*(persist(fetcher.session(), base + name) for name in cases))
    finally:
        await fetcher.aclose()
    return dict(zip(cases, exchanges, strict=True))


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found = request.param
    assert isinstance(found, Case)
    return found


def test_the_outcome_is_as_the_table_says(case: Case, asked: Asked) -> None:
    exchange = asked.exchanges[case.name]
    assert (exchange.outcome, exchange.truncated, exchange.status) == (case.outcome, case.truncated, case.status)
    assert case.problem in exchange.problem
    assert bool(exchange.problem) == (case.outcome is not Outcome.CAPTURED)
    assert exchange.retries == case.retries
    assert len(exchange.interim) == case.interim
    assert exchange.excess == case.excess
    assert exchange.notes == case.notes + ((case.tls_note,) if case.tls_note and asked.tls else ())


def test_what_is_kept_is_what_was_sent(case: Case, asked: Asked) -> None:
    exchange = asked.exchanges[case.name]
    before = b"" if exchange.status is None else exchange.garbage
    instead = exchange.garbage if exchange.status is None else b""
    kept = before + b"".join(exchange.interim) + exchange.head + asked.bodies[case.name] + exchange.excess + instead
    sent = asked.sent[case.name]
    if exchange.truncated is Truncation.LENGTH or "endless" in case.name or "without-end" in case.name:
        assert sent.startswith(kept)
        assert kept
    else:
        assert kept == sent


def test_digests_and_sizes_are_of_what_is_kept(case: Case, asked: Asked) -> None:
    exchange, body = asked.exchanges[case.name], asked.bodies[case.name]
    if exchange.status is None:
        assert (exchange.block_sha256, exchange.body_sha256, exchange.entity_sha256, body) == ("", "", "", b"")
        return
    assert exchange.body.size == len(body)
    assert exchange.block_sha256 == hashlib.sha256(exchange.head + body).hexdigest()
    assert exchange.body_sha256 == hashlib.sha256(body).hexdigest()
    if case.content is not None:
        assert (exchange.entity_size, exchange.entity_sha256) == (len(case.content), hashlib.sha256(case.content).hexdigest())
    if not exchange.chunked:
        assert exchange.entity_sha256 == exchange.body_sha256


def test_the_request_and_its_circumstances_are_kept(case: Case, asked: Asked) -> None:
    exchange = asked.exchanges[case.name]
    assert exchange.request in asked.requests
    assert exchange.request.startswith(f"GET /{case.name} HTTP/1.1\r\nHost: {HOST}:".encode())
    assert exchange.peer is not None
    assert exchange.peer[0] == "127.0.0.1"
    assert exchange.resolution is not None
    assert (exchange.resolution.source, exchange.resolution.addresses) == ("--resolve", ("127.0.0.1",))
    assert exchange.started <= exchange.ended
    assert (exchange.tls is not None) is asked.tls
    if exchange.tls is not None:
        assert (exchange.tls.version, exchange.tls.problem, len(exchange.tls.chain)) == ("TLSv1.3", "", 1)


def test_the_library_is_large() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100

"""Which records keep an exchange: their types, places, links and bytes."""

from __future__ import annotations

import base64
import hashlib
import ssl
from dataclasses import replace
from typing import Any

import pytest

from exchanges import CHAIN, HEAD, NOON, REQUEST, RESOLUTION, TLS, exchange, failure, ids, info, whole
from preserve.formats.warc import header
from preserve.model.web import Exchange, Memory, Original, Outcome, Record, Resolution, Tls, Truncation
from preserve.rules.record import (
    SAME_PAYLOAD,
    certificates,
    cipher_suite,
    dns,
    may_be_revisit,
    probe,
    records,
    revisit,
    warc_fields,
    warcinfo,
)


def field(record: Record, name: str) -> list[str]:
    return [value for key, value in record.fields if key == name]


def one(record: Record, name: str) -> str:
    (value,) = field(record, name)
    return value


def facts(record: Record) -> list[str]:
    return record.head.decode().splitlines()


def kinds(made: tuple[Record, ...]) -> list[tuple[str, str]]:
    return [(record.type, one(record, "WARC-Target-URI")) for record in made]


def test_a_page_is_kept_as_it_crossed_the_wire() -> None:
    page = exchange(b"\x00\xffbody")
    request, response = records(page, new_id=ids())  # there is nothing to say beside them
    assert (request.type, response.type) == ("request", "response")
    assert request.head + whole(request.body) == REQUEST
    assert response.head + whole(response.body) == HEAD + b"\x00\xffbody"
    assert one(request, "WARC-Target-URI") == one(response, "WARC-Target-URI") == page.url
    assert one(request, "Content-Type") == "application/http;msgtype=request"
    assert one(response, "Content-Type") == "application/http;msgtype=response"
    assert {record.date for record in (request, response)} == {NOON}


@pytest.mark.parametrize(
    "what",
    [
        {"retries": 1},
        {"notes": ("a folded header line",)},
        {"interim": (b"HTTP/1.1 103 Early Hints\r\n\r\n",)},
        {"excess": b"more"},
        {"garbage": b"\r\n"},
        {"proxy": "http://proxy.test:3128"},
        {"tls": Tls(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", chain=(), problem="the certificate has expired")},
        {"outcome": Outcome.TRUNCATED, "truncated": Truncation.TIME, "problem": "it took too long"},
    ],
)
def test_what_the_response_does_not_say_stands_beside_it(what: dict[str, Any]) -> None:
    page = exchange(b"body", **what)
    *_, metadata = records(page, new_id=ids())
    assert (metadata.type, one(metadata, "WARC-Target-URI")) == ("metadata", f"urn:preserve:exchange:{page.url}")
    assert metadata.date == NOON


def test_request_and_response_are_paired_one_to_one() -> None:
    request, response, metadata = records(exchange(retries=1), new_id=ids())
    assert one(request, "WARC-Concurrent-To") == f"<{response.id}>"
    assert one(response, "WARC-Concurrent-To") == f"<{request.id}>"
    assert one(metadata, "WARC-Concurrent-To") == f"<{response.id}>"
    assert len({request.id, response.id, metadata.id}) == 3


def test_digests_are_over_the_exact_bytes() -> None:
    request, response, metadata = records(exchange(b"body", retries=1), new_id=ids())
    assert one(request, "WARC-Block-Digest") == f"sha256:{hashlib.sha256(REQUEST).hexdigest()}"
    assert one(response, "WARC-Block-Digest") == f"sha256:{hashlib.sha256(HEAD + b'body').hexdigest()}"
    assert one(response, "WARC-Payload-Digest") == f"sha256:{hashlib.sha256(b'body').hexdigest()}"
    assert one(metadata, "WARC-Block-Digest") == f"sha256:{hashlib.sha256(metadata.head).hexdigest()}"


def test_a_chunk_framed_body_has_no_payload_digest_but_its_entity_is_named() -> None:
    _, response, metadata = records(
        exchange(b"4\r\nbody\r\n0\r\n\r\n", chunked=True, entity_sha256="e" * 64, retries=1), new_id=ids()
    )
    assert field(response, "WARC-Payload-Digest") == []
    assert f"entity-sha256: {'e' * 64}" in facts(metadata)


def test_the_wire_is_named_in_the_header() -> None:
    request, response = records(exchange(), new_id=ids())
    unanswered, _ = records(failure(request=REQUEST, peer=exchange().peer, tls=exchange().tls, problem="closed"), new_id=ids())
    for record in (response, unanswered):
        assert one(record, "WARC-IP-Address") == "192.0.2.7"
        assert field(record, "WARC-Protocol") == ["http/1.1", "tls/1.3"]
        assert one(record, "WARC-Cipher-Suite") == "TLS_AES_256_GCM_SHA384"
    assert [name for name, _ in request.fields] == [
        "WARC-Target-URI",
        "WARC-Block-Digest",
        "Content-Type",
        "WARC-Concurrent-To",
    ]


def test_a_clear_connection_to_an_old_server_claims_no_tls() -> None:
    _, response = records(exchange(head=b"HTTP/1.0 200 OK\r\n\r\n", tls=None, peer=("fe80::1%eth0", 80)), new_id=ids())
    assert field(response, "WARC-Protocol") == ["http/1.0"]
    assert field(response, "WARC-Cipher-Suite") == []
    assert one(response, "WARC-IP-Address") == "fe80::1"


def test_a_cut_response_says_so() -> None:
    _, response, _ = records(exchange(outcome=Outcome.TRUNCATED, truncated=Truncation.LENGTH), new_id=ids())
    assert one(response, "WARC-Truncated") == "length"


def test_what_came_beside_the_response_is_kept_under_names_of_its_own() -> None:
    interim = (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")
    made = records(exchange(interim=interim, excess=b"\x00more", garbage=b"noise"), new_id=ids())
    url = "https://site.test/page"
    assert kinds(made) == [
        ("request", url),
        ("response", url),
        ("resource", f"urn:preserve:interim:{url}"),
        ("resource", f"urn:preserve:excess:{url}"),
        ("resource", f"urn:preserve:garbage:{url}"),
        ("metadata", f"urn:preserve:exchange:{url}"),
    ]
    assert [record.head for record in made[2:5]] == [b"".join(interim), b"\x00more", b"noise"]
    assert {one(record, "WARC-Concurrent-To") for record in made[2:]} == {f"<{made[1].id}>"}


def test_a_failure_keeps_what_was_sent_what_came_and_why() -> None:
    made = records(failure(request=REQUEST, garbage=b"SSH-2.0-x", problem="not HTTP"), new_id=ids())
    assert kinds(made) == [
        ("request", "http://site.test/gone"),
        ("resource", "urn:preserve:garbage:http://site.test/gone"),
        ("metadata", "urn:preserve:exchange:http://site.test/gone"),
    ]
    request, garbage, metadata = made
    assert (request.head, garbage.head) == (REQUEST, b"SSH-2.0-x")
    assert one(request, "WARC-Concurrent-To") == one(garbage, "WARC-Concurrent-To") == f"<{metadata.id}>"
    assert one(metadata, "WARC-Concurrent-To") == f"<{request.id}>"
    assert "outcome: failed" in facts(metadata)
    assert "problem: not HTTP" in facts(metadata)


def test_a_host_that_was_never_reached_leaves_one_record() -> None:
    (metadata,) = records(failure(), new_id=ids())
    assert (metadata.type, field(metadata, "WARC-Concurrent-To")) == ("metadata", [])


def test_what_was_refused_was_never_asked() -> None:
    assert records(failure(outcome=Outcome.REFUSED), new_id=ids()) == ()


def test_the_connections_facts() -> None:
    *_, metadata = records(exchange(b"body", retries=1), new_id=ids())
    assert facts(metadata) == [
        "outcome: captured",
        "started: 2026-03-04T12:00:00.123456Z",
        "ended: 2026-03-04T12:00:01.623456Z",
        "retries: 1",
        "peer-address: 192.0.2.7",
        "peer-port: 443",
        "resolved-by: dns",
        "resolved-at: 2026-03-04T12:00:00.123456Z",
        "resolved-address: 192.0.2.7",
        "resolved-address: 2001:db8::7",
        "tls-version: TLSv1.3",
        "tls-cipher: TLS_AES_256_GCM_SHA384",
        f"certificate-sha256: {hashlib.sha256(CHAIN[0]).hexdigest()}",
        f"certificate-sha256: {hashlib.sha256(CHAIN[1]).hexdigest()}",
        "entity-size: 4",
        f"entity-sha256: {hashlib.sha256(b'body').hexdigest()}",
    ]


def test_text_from_outside_cannot_add_a_line() -> None:
    *_, metadata = records(failure(problem="closed\r\noutcome: captured\u202e"), new_id=ids())
    assert [line for line in facts(metadata) if line.startswith("outcome")] == ["outcome: failed"]
    assert warc_fields((("a", "1\n2"), ("b", ""))) == b"a: 1\\u{a}2\r\n"


def test_every_record_of_ours_can_be_written() -> None:
    odd = exchange(url="https://site.test/a|b?x= é\u200b", interim=(b"x",), excess=b"y", garbage=b"z")
    for record in records(odd, new_id=ids()):
        assert header(record)


def test_a_chain_is_kept_as_pem() -> None:
    record = certificates("site.test:443", TLS, at=NOON, new_id=ids())
    assert (record.type, one(record, "WARC-Target-URI")) == ("resource", "urn:preserve:certificates:https://site.test:443/")
    assert one(record, "Content-Type") == "application/pem-certificate-chain"
    first, second = record.head.decode().split("-----END CERTIFICATE-----\n", 1)
    assert ssl.PEM_cert_to_DER_cert(first + "-----END CERTIFICATE-----\n") == CHAIN[0]
    assert ssl.PEM_cert_to_DER_cert(second) == CHAIN[1]
    long = certificates("h:1", replace(TLS, chain=(bytes(1000),)), at=NOON, new_id=ids()).head.decode()
    assert long == ssl.DER_cert_to_PEM_cert(bytes(1000))


def test_a_dns_answer_is_text_dns() -> None:
    record = dns(RESOLUTION, new_id=ids())
    assert (record.type, one(record, "WARC-Target-URI"), one(record, "Content-Type")) == (
        "resource",
        "dns:site.test",
        "text/dns",
    )
    assert record.head == b"20260304120000\nsite.test.\tIN\tA\t192.0.2.7\nsite.test.\tIN\tAAAA\t2001:db8::7\n"


def test_an_operators_override_is_not_told_as_a_dns_answer() -> None:
    told = Resolution(host="site.test", addresses=("127.0.0.1",), source="--resolve", at=NOON)
    record = dns(told, new_id=ids())
    assert (record.type, one(record, "WARC-Target-URI")) == ("metadata", "urn:preserve:resolution:site.test")
    assert "resolved-by: --resolve" in facts(record)


def test_warcinfo_says_who_wrote_the_file_and_how() -> None:
    record = warcinfo(
        "a-0001.warc.gz",
        at=NOON,
        software="preserve/0.1.0",
        settings=(("operator", "A. Person"), ("isPartOf", "run 7"), ("case", ""), ("robots", "record")),
        new_id=ids(),
    )
    assert (record.type, one(record, "WARC-Filename")) == ("warcinfo", "a-0001.warc.gz")
    assert facts(record) == [
        "software: preserve/0.1.0",
        "format: WARC File Format 1.1",
        "conformsTo: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        "operator: A. Person",
        "isPartOf: run 7",
        "robots: record",
    ]
    assert header(info("x"))


ORIGINAL = Original(
    record_id="urn:test:original",
    url="https://site.test/first",
    date=NOON,
    body_sha256=hashlib.sha256(b"same").hexdigest(),
)


def test_the_same_payload_becomes_a_revisit() -> None:
    page = exchange(b"same", interim=(b"HTTP/1.1 103 Early Hints\r\n\r\n",))
    request, record, interim, metadata = revisit(page, ORIGINAL, new_id=ids())
    assert (record.type, record.head, record.body.size) == ("revisit", HEAD, 0)
    assert one(record, "WARC-Profile") == SAME_PAYLOAD
    assert one(record, "WARC-Refers-To") == "<urn:test:original>"
    assert one(record, "WARC-Refers-To-Target-URI") == "https://site.test/first"
    assert one(record, "WARC-Refers-To-Date") == "2026-03-04T12:00:00Z"
    assert one(record, "WARC-Payload-Digest") == f"sha256:{hashlib.sha256(b'same').hexdigest()}"
    assert one(record, "WARC-Block-Digest") == f"sha256:{hashlib.sha256(HEAD).hexdigest()}"
    assert one(request, "WARC-Concurrent-To") == one(interim, "WARC-Concurrent-To") == f"<{record.id}>"
    assert one(record, "WARC-Concurrent-To") == f"<{request.id}>"
    assert metadata.type == "metadata"


def test_of_a_framed_body_the_revisit_says_what_players_compute() -> None:
    framed = b"4\r\nsame\r\n0\r\n\r\n"
    page = exchange(framed, chunked=True)
    original = replace(ORIGINAL, body_sha256=page.body_sha256, framed=True)
    _, record = revisit(page, original, new_id=ids())
    assert one(record, "WARC-Payload-Digest") == f"sha1:{base64.b32encode(hashlib.sha1(framed).digest()).decode()}"
    assert not may_be_revisit(replace(page, chunked=False), original)


def test_what_a_made_up_address_brought_stands_under_no_bare_url() -> None:
    asked, answer = probe(exchange(b"no such page"), new_id=ids())
    assert {kind for kind, _ in kinds((asked, answer))} == {"resource"}
    assert {uri for _, uri in kinds((asked, answer))} == {"urn:preserve:probe:https://site.test/page"}
    assert one(asked, "WARC-Concurrent-To") == f"<{answer.id}>"
    assert one(answer, "WARC-Concurrent-To") == f"<{asked.id}>"
    facts_of, *others = probe(exchange(retries=1), new_id=ids())
    assert facts_of.type == "metadata"
    assert {one(record, "WARC-Concurrent-To") for record in others} == {f"<{facts_of.id}>"}
    (alone,) = probe(failure(), new_id=ids())
    assert (alone.type, field(alone, "WARC-Concurrent-To")) == ("metadata", [])


@pytest.mark.parametrize(
    "page",
    [
        exchange(b"other"),
        exchange(b"same", chunked=True),  # that original is not framed
        exchange(b"same", truncated=Truncation.TIME, outcome=Outcome.TRUNCATED),
        exchange(b""),
        failure(),
    ],
)
def test_nothing_else_does(page: Exchange) -> None:
    original = (
        replace(ORIGINAL, body_sha256=page.body_sha256) if page.body_sha256 != exchange(b"other").body_sha256 else ORIGINAL
    )
    assert not may_be_revisit(page, original)
    with pytest.raises(ValueError, match="not a revisit"):
        revisit(page, original, new_id=ids())


@pytest.mark.parametrize(
    ("openssl", "iana"),
    [
        ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("DHE-RSA-AES256-SHA256", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
        ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
        ("SOMETHING-NEW", ""),
        ("", ""),
    ],
)
def test_cipher_suites_bear_ianas_names(openssl: str, iana: str) -> None:
    assert cipher_suite(openssl) == iana


def test_the_suites_this_python_offers_all_have_names() -> None:
    context = ssl.create_default_context()
    for suite in context.get_ciphers():
        if "PSK" in suite["name"] or "SRP" in suite["name"]:
            continue  # some builds list them; without a secret agreed beforehand none of them is ever offered
        assert cipher_suite(suite["name"]).startswith("TLS_"), suite["name"]


def test_old_tls_versions_are_spelt_with_their_minor_number() -> None:
    for version, protocol in (("TLSv1", ["tls/1.0"]), ("TLSv1.2", ["tls/1.2"]), ("", [])):
        tls = Tls(version=version, cipher="", chain=())
        _, response = records(exchange(tls=tls), new_id=ids())
        assert field(response, "WARC-Protocol") == ["http/1.1", *protocol]


def test_a_body_is_not_copied() -> None:
    page = exchange(b"x" * 100)
    _, response = records(page, new_id=ids())
    assert isinstance(page.body, Memory)
    assert response.body is page.body

"""What of an exchange goes into the archive, and as which WARC records. Pure: exchanges in, records out.

    records(exchange)  request + response, paired one to one, the bytes exactly as they crossed the wire
                       resource urn:preserve:interim:URL, …:excess:URL, …:garbage:URL     bytes beside the response
                       metadata urn:preserve:exchange:URL         the connection's facts, where the records leave some unsaid
    revisit(exchange)  the same with a revisit record (identical payload) in the response's place
    probe(exchange)    resource urn:preserve:probe:URL                                    what a host answers to a made-up address
    certificates, dns  once for each host and run;  warcinfo  at the head of each file

Only requests, responses and revisits stand under the bare URL: anything else there would shadow the page in a player. A failed
exchange keeps its request record, which players index only together with a response; its metadata record says what went wrong.
All records of one exchange bear the same WARC-Date, as the standard asks (WARC/1.1 section 5.4): the moment the exchange began.
WARC-Warcinfo-ID is not written here: only the store knows which file a record lands in. See docs/formats/warc-profile.md.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from preserve.formats.printable import printable
from preserve.formats.warc import framed_digest, target_uri, warc_date
from preserve.model.web import Exchange, Original, Outcome, Record, Resolution, Tls

NewId = Callable[[], str]
"""Gives a fresh record id, "urn:uuid:…"."""

Fields = tuple[tuple[str, str], ...]

SAME_PAYLOAD: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
"""The revisit profile of WARC/1.1 section 6.7.2."""

WORTH_A_REVISIT: Final = 1024
"""Bytes of a body from which on a revisit is worth having (docs/adr/0026)."""

_WARC_FIELDS: Final = "application/warc-fields"
_REQUEST: Final = "application/http;msgtype=request"
_RESPONSE: Final = "application/http;msgtype=response"
_UNKNOWN: Final = "application/octet-stream"


def records(exchange: Exchange, *, new_id: NewId) -> tuple[Record, ...]:
    """The records that keep this exchange, in the order in which they are written; none when it was refused.

    With a response: request, response, then what came beside it, then the metadata. Without: request (if any of it was sent), what
    came, and the metadata record that says why it failed.
    """
    if exchange.outcome is Outcome.REFUSED:
        return ()
    response = None
    if exchange.status is not None:
        response = Record(
            type="response",
            id=new_id(),
            date=exchange.started,
            fields=(*_response_fields(exchange), *_digests(exchange), ("Content-Type", _RESPONSE)),
            head=exchange.head,
            body=exchange.body,
        )
    return _joined(exchange, response, new_id)


def probe(exchange: Exchange, *, new_id: NewId) -> tuple[Record, ...]:
    """What a host answered to an address that was made up: request and response as resources, under no bare URL."""
    if exchange.outcome is Outcome.REFUSED:
        return ()
    uri, first = f"urn:preserve:probe:{exchange.url}", new_id()
    plain = exchange.status is not None and is_plain(exchange)  # then `first` is the answer, which says all there is to say
    anchor: Fields = (("WARC-Concurrent-To", f"<{first}>"),)
    found, back = [], () if plain else anchor
    if not plain:
        facts, about = warc_fields(_facts(exchange)), f"urn:preserve:exchange:{exchange.url}"
        found.append(_inline("metadata", about, facts, media=_WARC_FIELDS, date=exchange.started, record_id=first))
    if exchange.request:
        asked = _inline(
            "resource", uri, exchange.request, media=_REQUEST, date=exchange.started, record_id=new_id(), fields=anchor
        )
        found.append(asked)
        back = (("WARC-Concurrent-To", f"<{asked.id}>"),) if plain else anchor
    if exchange.status is not None:
        fields = (
            ("WARC-Target-URI", target_uri(uri)),
            *_wire_fields(exchange, "http/1.1"),
            *back,
            ("WARC-Block-Digest", f"sha256:{exchange.block_sha256}"),
            ("Content-Type", _RESPONSE),
        )
        record_id = first if plain else new_id()
        found.append(
            Record(type="resource", id=record_id, date=exchange.started, fields=fields, head=exchange.head, body=exchange.body)
        )
    return tuple(found)


def may_be_revisit(exchange: Exchange, original: Original) -> bool:
    """Whether this response may be kept as a revisit of that one.

    The bytes after the head must be identical, whole and not empty, and framed in chunks in both or in neither.
    """
    return (
        exchange.outcome is Outcome.CAPTURED
        and exchange.truncated is None
        and exchange.chunked == original.framed
        and exchange.body.size > 0
        and exchange.body_sha256 == original.body_sha256
    )


def revisit(exchange: Exchange, original: Original, *, new_id: NewId) -> tuple[Record, ...]:
    """The records of an exchange whose payload is that of `original`: a revisit with the head received now, and no body.

    Raises ValueError when `may_be_revisit` denies it.
    """
    if not may_be_revisit(exchange, original):
        raise ValueError(f"not a revisit of {original.record_id}: {exchange.url}")
    record = Record(
        type="revisit",
        id=new_id(),
        date=exchange.started,
        fields=(
            *_response_fields(exchange),
            ("WARC-Profile", SAME_PAYLOAD),
            ("WARC-Refers-To", f"<{original.record_id}>"),
            ("WARC-Refers-To-Target-URI", target_uri(original.url)),
            ("WARC-Refers-To-Date", refers_to_date(original.date)),
            ("WARC-Block-Digest", _sha256(exchange.head)),
            ("WARC-Payload-Digest", _compared(exchange)),
            ("Content-Type", _RESPONSE),
        ),
        head=exchange.head,
    )
    return _joined(exchange, record, new_id)


def refers_to_date(date: datetime) -> str:
    """The WARC-Date of an original as a revisit names it: to the second, which is what W3C-ISO8601 calls a reduced precision.

    ReplayWeb.page takes the first capture that is not before it. By the index, which knows seconds alone, an original of the same second
    would be before it, and the next capture be shown, which may be another text.
    """
    return f"{date.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def certificates(host: str, tls: Tls, *, at: datetime, new_id: NewId) -> Record:
    """The chain that `host` ("name:port") presented, leaf first, as PEM (application/pem-certificate-chain, RFC 8555 section 9.1)."""
    return _inline(
        "resource",
        f"urn:preserve:certificates:https://{host}/",
        b"".join(_pem(certificate) for certificate in tls.chain),
        media="application/pem-certificate-chain",
        date=at,
        record_id=new_id(),
        fields=_tls_fields(tls),
    )


def dns(resolution: Resolution, *, new_id: NewId) -> Record:
    """What a host name resolved to: text/dns under `dns:host` (RFC 4501, RFC 4027), or a note when no name server was asked.

    The system's resolver tells addresses, not the records they came in: there is no TTL, and aliases are not seen.
    """
    if resolution.source == "dns":
        lines = [f"{resolution.host}.\tIN\t{'AAAA' if ':' in address else 'A'}\t{address}" for address in resolution.addresses]
        block = "".join(f"{line}\n" for line in (f"{resolution.at:%Y%m%d%H%M%S}", *lines)).encode()
        return _inline("resource", f"dns:{resolution.host}", block, media="text/dns", date=resolution.at, record_id=new_id())
    block = warc_fields((("host", resolution.host), *_resolution_facts(resolution)))
    uri = f"urn:preserve:resolution:{resolution.host}"
    return _inline("metadata", uri, block, media=_WARC_FIELDS, date=resolution.at, record_id=new_id())


def warcinfo(filename: str, *, at: datetime, software: str, settings: Iterable[tuple[str, str]] = (), new_id: NewId) -> Record:
    """The record at the head of a file (WARC/1.1 section 6.2): who wrote it, with what and how.

    `software` is name/version. `settings` are further fields in order, in the standard's names where it has one (operator,
    isPartOf, robots, http-header-user-agent); empty ones are left out. The machine's name is nobody's business.
    """
    block = warc_fields(
        (
            ("software", software),
            ("format", "WARC File Format 1.1"),
            ("conformsTo", "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
            *settings,
        )
    )
    return Record(
        type="warcinfo",
        id=new_id(),
        date=at,
        fields=(("WARC-Filename", filename), ("WARC-Block-Digest", _sha256(block)), ("Content-Type", _WARC_FIELDS)),
        head=block,
    )


def warc_fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    """application/warc-fields: one "name: value" a line. Values are made printable on one line; empty ones are left out."""
    return "".join(f"{name}: {printable(value)}\r\n" for name, value in pairs if value).encode()


def _joined(exchange: Exchange, response: Record | None, new_id: NewId) -> tuple[Record, ...]:
    """The response (or revisit) with all that belongs to it. Everything is concurrent to the response, the response to its request.

    Without a response the metadata record stands in its place.
    """
    plain = response is not None and is_plain(exchange)
    facts_id = "" if plain else new_id()
    anchor = (("WARC-Concurrent-To", f"<{response.id if response else facts_id}>"),)
    request: tuple[Record, ...] = ()
    back: Fields = ()
    if exchange.request:
        request = (_request(exchange, new_id(), anchor, answered=response is not None),)
        back = (("WARC-Concurrent-To", f"<{request[0].id}>"),)
    if response is not None:
        response = Record(  # `replace` would take three times as long, for every answer there is
            type=response.type,
            id=response.id,
            date=response.date,
            fields=(*response.fields, *back),
            head=response.head,
            body=response.body,
        )
        if plain:
            return (*request, response)
    parts = (
        ("interim", b"".join(exchange.interim), _RESPONSE),
        ("excess", exchange.excess, _UNKNOWN),
        ("garbage", exchange.garbage, _UNKNOWN),
    )
    beside = (
        _inline(
            "resource",
            f"urn:preserve:{kind}:{exchange.url}",
            data,
            media=media,
            date=exchange.started,
            record_id=new_id(),
            fields=anchor,
        )
        for kind, data, media in parts
        if data
    )
    facts = _inline(
        "metadata",
        f"urn:preserve:exchange:{exchange.url}",
        warc_fields(_facts(exchange)),
        media=_WARC_FIELDS,
        date=exchange.started,
        record_id=facts_id,
        fields=anchor if response else back,
    )
    return (*request, *((response,) if response else ()), *beside, facts)


def is_plain(exchange: Exchange) -> bool:
    """Whether the response says all there is to say: complete, asked once, straight from its host, and nothing odd about it."""
    return exchange.outcome is Outcome.CAPTURED and not (
        exchange.problem
        or exchange.retries
        or exchange.notes
        or exchange.interim
        or exchange.excess
        or exchange.garbage
        or exchange.proxy
        or (exchange.tls is not None and exchange.tls.problem)
    )


def _request(exchange: Exchange, record_id: str, concurrent: Fields, *, answered: bool) -> Record:
    """What was sent. Whom it was sent to, and how, the answer's record says; without one this does, and so does a representation of frames."""
    return Record(
        type="request",
        id=record_id,
        date=exchange.started,
        fields=(
            ("WARC-Target-URI", target_uri(exchange.url)),
            *(() if answered and not exchange.protocol else _wire_fields(exchange, "http/1.1")),
            ("WARC-Block-Digest", _sha256(exchange.request)),
            ("Content-Type", _REQUEST),
            *concurrent,
        ),
        head=exchange.request,
    )


def _inline(type_: str, uri: str, block: bytes, *, media: str, date: datetime, record_id: str, fields: Fields = ()) -> Record:
    """A record whose block lies in memory. Its URI is never the bare URL of a page (see the module's head)."""
    return Record(
        type=type_,
        id=record_id,
        date=date,
        fields=(
            ("WARC-Target-URI", target_uri(uri)),
            *fields,
            ("WARC-Block-Digest", _sha256(block)),
            ("Content-Type", media),
        ),
        head=block,
    )


def _response_fields(exchange: Exchange) -> Iterator[tuple[str, str]]:
    yield "WARC-Target-URI", target_uri(exchange.url)
    yield from _wire_fields(exchange, "http/1.0" if exchange.head.startswith(b"HTTP/1.0") else "http/1.1")
    if exchange.truncated is not None:
        yield "WARC-Truncated", exchange.truncated


def _digests(exchange: Exchange) -> Iterator[tuple[str, str]]:
    yield "WARC-Block-Digest", f"sha256:{exchange.block_sha256}"
    if not exchange.chunked:  # of a framed body readers disagree what the payload is (docs/adr/0021)
        yield "WARC-Payload-Digest", f"sha256:{exchange.body_sha256}"


def _compared(exchange: Exchange) -> str:
    """What a revisit says of the bytes that are the same. Of framed ones a player knows the SHA-1 alone (docs/adr/0221)."""
    if not exchange.chunked:
        return f"sha256:{exchange.body_sha256}"
    digest = hashlib.sha1(usedforsecurity=False)
    for piece in exchange.body.chunks():
        digest.update(piece)
    return framed_digest(digest.digest())


def _wire_fields(exchange: Exchange, http: str) -> Fields:
    peer = (("WARC-IP-Address", exchange.peer[0].partition("%")[0]),) if exchange.peer else ()
    return (*peer, ("WARC-Protocol", exchange.protocol or http), *_tls_fields(exchange.tls))


@lru_cache(maxsize=64)
def _protocol_fields(version: str, cipher: str) -> Fields:
    name = version.removeprefix("TLSv") if version.startswith("TLSv") else ""
    protocol = (("WARC-Protocol", f"tls/{name if '.' in name else name + '.0'}"),) if name else ()
    suite = cipher_suite(cipher)
    return (*protocol, *((("WARC-Cipher-Suite", suite),) if suite else ()))


def _tls_fields(tls: Tls | None) -> Fields:
    """WARC-Protocol "tls/1.3" and WARC-Cipher-Suite; empty for a clear connection or a handshake that did not get so far."""
    return _protocol_fields(tls.version, tls.cipher) if tls else ()


def cipher_suite(name: str) -> str:
    """OpenSSL's name of a cipher suite in IANA's words, as WARC-Cipher-Suite has it; empty for one without a rule here.

    TLS 1.3 suites bear IANA's names already. The older ones that clients still offer follow one pattern: key exchange,
    authentication, cipher, hash.
    """
    if name.startswith("TLS_"):
        return name
    exchange = next(
        (prefix for prefix in ("ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA", "DHE-DSS") if name.startswith(prefix + "-")), ""
    )
    cipher = name.removeprefix(exchange + "-") if exchange else name
    parts = _CIPHERS.get(cipher)
    return f"TLS_{(exchange or 'RSA').replace('-', '_')}_WITH_{parts}" if parts else ""


_CIPHERS: Final = {
    "AES128-GCM-SHA256": "AES_128_GCM_SHA256",
    "AES256-GCM-SHA384": "AES_256_GCM_SHA384",
    "AES128-CCM": "AES_128_CCM",
    "AES256-CCM": "AES_256_CCM",
    "CHACHA20-POLY1305": "CHACHA20_POLY1305_SHA256",
    "AES128-SHA": "AES_128_CBC_SHA",
    "AES256-SHA": "AES_256_CBC_SHA",
    "AES128-SHA256": "AES_128_CBC_SHA256",
    "AES256-SHA256": "AES_256_CBC_SHA256",
    "AES256-SHA384": "AES_256_CBC_SHA384",
}


def _facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """The connection's facts for the metadata record; names: warc-profile.md section 5."""
    yield "outcome", exchange.outcome
    yield "problem", exchange.problem
    yield "started", warc_date(exchange.started)
    yield "ended", warc_date(exchange.ended)
    yield "retries", str(exchange.retries)
    if exchange.peer:
        yield "peer-address", exchange.peer[0]
        yield "peer-port", str(exchange.peer[1])
    yield "proxy", exchange.proxy
    if exchange.resolution:
        yield from _resolution_facts(exchange.resolution)
    if exchange.tls:
        yield "tls-version", exchange.tls.version
        yield "tls-cipher", exchange.tls.cipher
        yield "tls-problem", exchange.tls.problem
        yield from _fingerprints(exchange.tls.chain)
    if exchange.status is not None:
        yield "entity-size", str(exchange.entity_size)
        yield "entity-sha256", exchange.entity_sha256


def _resolution_facts(resolution: Resolution) -> Iterator[tuple[str, str]]:
    yield "resolved-by", resolution.source
    yield "resolved-at", warc_date(resolution.at)
    for address in resolution.addresses:
        yield "resolved-address", address


@lru_cache(maxsize=256)
def _fingerprints(chain: tuple[bytes, ...]) -> Fields:
    """The chain's SHA-256s, leaf first; a host presents the same one again and again."""
    return tuple(("certificate-sha256", hashlib.sha256(certificate).hexdigest()) for certificate in chain)


def _pem(certificate: bytes) -> bytes:
    text = base64.b64encode(certificate)
    lines = b"".join(text[start : start + 64] + b"\n" for start in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"-----END CERTIFICATE-----\n"


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

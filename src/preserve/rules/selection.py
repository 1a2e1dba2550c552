"""Which captures belong to what was asked for: by document, footnote and address. Pure: lines of a run in, their numbers out.

A capture is chosen for itself, with what its page needs. Where several pages of a run need one thing, its line names the first of
them only; so the pages chosen are read again for what they name (`named`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from preserve.formats import entity
from preserve.formats.url import BadUrl, parse
from preserve.formats.warc import Header, target_uri
from preserve.model.handover import Wanted
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.web import Exchange, Memory, Outcome
from preserve.rules import requisites

REPLAYED = frozenset({"response", "revisit"})
"""Types of records that a player shows."""


def asked(citation: CitationLine, wanted: Wanted) -> bool:
    """Whether the citation is one of those asked for by document and note."""
    note = citation.note if citation.note is not None else citation.note_inferred
    return (not wanted.documents or citation.document in wanted.documents) and (not wanted.notes or note in wanted.notes)


def chosen(capture: CaptureLine, cited: Collection[int], wanted: Wanted) -> bool:
    """Whether the capture is asked for by itself; `cited` are the citations that are."""
    if (wanted.documents or wanted.notes) and not any(answer.citation in cited for answer in capture.cited_in):
        return False
    return not wanted.urls or bool(wanted.urls & set(addresses(capture)))


def addresses(capture: CaptureLine) -> Iterator[str]:
    """Every address of the capture, as it goes on the wire."""
    copies = () if capture.memento is None or capture.memento.url is None else (capture.memento.url,)
    tried = (each.url for each in capture.candidates)
    for url in (capture.url, capture.final_url, *(hop.url for hop in capture.hops), *tried, *copies):
        parsed = parse(url)
        if not isinstance(parsed, BadUrl):
            yield parsed.address


def first_address(capture: CaptureLine) -> str | None:
    """The WARC-Target-URI at which a player enters the capture; None when there is nothing to replay."""
    shown = REPLAYED | ({"resource"} if capture.foreign is not None else frozenset())
    if not any(record.type in shown for record in capture.records):
        return None
    return target_uri(capture.hops[0].url if capture.hops else capture.final_url)


def is_of_host(uri: str, hosts: Collection[str]) -> bool:
    """Whether a record that belongs to no capture is about one of these hosts: DNS, certificates, robots.txt."""
    if uri.startswith("dns:"):
        return uri.removeprefix("dns:") in hosts
    if uri.startswith("urn:preserve:resolution:"):
        return uri.removeprefix("urn:preserve:resolution:") in hosts
    if uri.startswith("urn:preserve:"):
        uri = uri.split(":", 3)[3]
    parsed = parse(uri)
    return not isinstance(parsed, BadUrl) and parsed.hostname in hosts


def hosts(captures: Iterable[CaptureLine]) -> frozenset[str]:
    """Every host that was asked for them."""
    found = set()
    for capture in captures:
        for address in addresses(capture):
            parsed = parse(address)
            assert not isinstance(parsed, BadUrl), "it was parsed before"
            found.add(parsed.hostname)
    return frozenset(found)


def named(header: Header, block: bytes, level: int) -> frozenset[str]:
    """The addresses that a stored response names as what it needs to be seen; `level` as in `requisites.kind`."""
    head, gap, body = block.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    status = lines[0].split(b" ")
    if not gap or header.type not in REPLAYED or len(status) < 2 or not status[1].isdigit():
        return frozenset()
    fields = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:]))
    coded: Mapping[bytes, bytes] = {name.lower(): value.lower() for name, value in fields}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    exchange = Exchange(
        url=header.target_uri or "",
        started=epoch,
        ended=epoch,
        outcome=Outcome.CAPTURED,
        head=head + gap,
        body=Memory(body),
        headers=fields,
        status=int(status[1]),
        chunked=coded.get(b"transfer-encoding", b"").endswith(b"chunked"),
    )
    as_ = requisites.kind(exchange, level)
    if as_ is None:
        return frozenset()
    found = requisites.needed(exchange, entity.entity(exchange, requisites.READ), as_)
    return frozenset(need.address for need in found.requisites)

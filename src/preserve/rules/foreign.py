"""Which records of an imported file answer for a page, and which pages it holds at all. Pure.

An address is looked for as it goes on the wire, then by its SURT, and redirections are followed inside the file. Of several captures
of one address, the last that ended well counts. A file that lists its pages is believed about them; in a bare WARC a page is what
came as HTML or PDF with status 200 and was not asked for by another page, as far as its request says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from preserve.formats import url as url_format
from preserve.formats.printable import printable
from preserve.formats.url import BadUrl, Url
from preserve.model.foreign import Asking, Kept, Sighting
from preserve.model.noun import dataclass
from preserve.model.web import Capture, CitedBy, Hop, Outcome, Stored, Target, Testimony, Truncation
from preserve.rules.redirect import MAX_HOPS

MOST_PAGES = 10_000
"""Pages of one file that get a line of their own."""
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/pdf"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a file holds for an address: the way there, the last of it being the page."""

    kept: Kept
    way: tuple[Sighting, ...]

    @property
    def page(self) -> Sighting:
        return self.way[-1]


class Catalogue:
    """The records of one file by their address, and those that belong together."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._addresses: dict[str, list[Sighting]] = {}
        self._keys: dict[str, list[Sighting]] = {}
        self._ids: dict[str, Sighting] = {}
        for sighting in kept.sightings:
            parsed = url_format.parse(sighting.url)
            if "://" in sighting.url and not isinstance(parsed, BadUrl):
                self._addresses.setdefault(parsed.address, []).append(sighting)
                self._keys.setdefault(url_format.surt(sighting.url), []).append(sighting)
            self._ids.setdefault(sighting.id, sighting)
        self._requests: dict[str, Asking] = {}
        for request in kept.requests:
            self._requests[request.id] = request
            self._requests |= dict.fromkeys(request.concurrent, request)

    def answer(self, url: str, near: datetime | None = None) -> Answer | None:
        """What answers for an address; None when the file does not hold it. Of several the one nearest to `near`, else the best."""
        parsed = url_format.parse(url)
        if isinstance(parsed, BadUrl):
            return None
        way: list[Sighting] = []
        at: Url = parsed
        while len(way) <= MAX_HOPS:
            found = self._addresses.get(at.address) or self._keys.get(url_format.surt(at.address)) or []
            found = [sighting for sighting in found if sighting not in way]
            if not found:
                break
            way.append(_best(found) if near is None else _nearest(found, near))
            if not _redirects(way[-1]):
                break
            onward = url_format.join(at, way[-1].location.encode("latin-1", "replace"))
            if isinstance(onward, BadUrl):
                break
            at, near = onward, way[-1].date
        return Answer(kept=self.kept, way=tuple(way)) if way else None

    def pages(self) -> Iterator[tuple[str, Answer | None]]:
        """The pages of the file, each with what answers for it: those that it lists, else those that look like pages."""
        if self.kept.facts.pages:
            for page in self.kept.facts.pages[:MOST_PAGES]:
                yield page.url, self.answer(page.url, page.moment)
            return
        seen: set[str] = set()
        for sighting in self.kept.sightings:
            if len(seen) < MOST_PAGES and sighting.url not in seen and self._is_page(sighting):
                seen.add(sighting.url)
                yield sighting.url, Answer(kept=self.kept, way=(sighting,))

    def _is_page(self, sighting: Sighting) -> bool:
        parsed = url_format.parse(sighting.url)
        request = self._request(sighting)
        return (
            not isinstance(parsed, BadUrl)
            and "://" in sighting.url
            and sighting.type != "revisit"
            and sighting.status in {None, 200}
            and sighting.mime in _PAGE_TYPES
            and not parsed.target.endswith(b"/robots.txt")
            and (request is None or not request.referred)
        )

    def _request(self, sighting: Sighting) -> Asking | None:
        found = (self._requests.get(name) for name in (sighting.id, *sighting.concurrent))
        return next((request for request in found if request is not None), None)

    def records(self, answer: Answer) -> tuple[Stored, ...]:
        """Every record of an answer: on the way each with its request, and the originals of revisits, in the order of the file."""
        found: dict[int, tuple[str, str]] = {}
        for sighting in answer.way:
            found[sighting.index] = sighting.type, sighting.id
            if (request := self._request(sighting)) is not None:
                found[request.index] = "request", request.id
            if (original := self._ids.get(sighting.refers_to)) is not None:
                found[original.index] = original.type, original.id
        return tuple(
            Stored(warc=self.kept.path, index=index, offset=0, length=0, sha256="", crc32=0, type=type_, record_id=name)
            for index, (type_, name) in sorted(found.items())
        )


def _redirects(sighting: Sighting) -> bool:
    return sighting.status is not None and 300 <= sighting.status < 400 and bool(sighting.location)


def _best(found: Sequence[Sighting]) -> Sighting:
    """The last that ended well, else the last that leads on, else the last."""
    well = [one for one in found if one.status is None or one.status < 300]
    return (well or [one for one in found if _redirects(one)] or found)[-1]


def _nearest(found: Sequence[Sighting], near: datetime) -> Sighting:
    return min(found, key=lambda one: abs(one.date - near))


# ------------------------------------------------------------------------------------------------------------------ captures


def capture(
    number: int, url: str, cited_by: Sequence[CitedBy], answer: Answer, records: tuple[Stored, ...], by: str
) -> Capture:
    """What a capture's line says of a page that somebody else captured; `url` as it was cited or listed, `by` who imported it.

    The times are those of their clock. Nothing of the page was judged: a status that is no success speaks for itself.
    """
    page, facts = answer.page, answer.kept.facts
    cut = next((sighting.truncated for sighting in answer.way if sighting.truncated), "")
    truncated = None if not cut else Truncation(cut) if cut in set(Truncation) else Truncation.UNSPECIFIED
    parsed = url_format.parse(url)
    said = f"captured with {facts.software or 'another tool'}, imported{f' by {by}' if by else ''}; a third party's capture"
    status = (f"status {page.status}",) if page.status is not None and not 200 <= page.status < 300 else ()
    other = url_format.surt(answer.way[0].url) != url_format.surt(url)
    by_hand = ("its address is not the cited one: the importer says that it answers the citation",) if other else ()
    return Capture(
        target=Target(
            id=number,
            url=url,
            address=url if isinstance(parsed, BadUrl) else parsed.address,
            host="" if isinstance(parsed, BadUrl) else parsed.queue,
            cited_by=tuple(cited_by),
        ),
        outcome=Outcome.CAPTURED if truncated is None else Outcome.TRUNCATED,
        reason="" if truncated is None else f"cut short when it was captured: {truncated}",
        final_url=page.url,
        requested_at=answer.way[0].date,
        finished_at=max(sighting.date for sighting in answer.way),
        status=page.status,
        signals=(said, *by_hand, *status, *facts.doubts),
        payload_sha256=page.payload_sha256,
        payload_size=page.payload_size,
        truncated=truncated,
        hops=tuple(
            Hop(
                url=sighting.url,
                status=sighting.status,
                location=printable(sighting.location) if sighting.location else None,
                outcome=Outcome.CAPTURED,
            )
            for sighting in answer.way
        ),
        records=records,
        http_date=page.http_date,
        foreign=Testimony(
            file=answer.kept.path,
            name=answer.kept.name,
            software=facts.software,
            operator=facts.operator,
            signed=facts.signed,
        ),
    )

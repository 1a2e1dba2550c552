"""Asking web archives for a page that does not answer for itself. asyncio. Only those that the operator configured are ever asked.

    TimeGate ──Accept-Datetime──► where it leads, what it links ──► TimeMap ──► rules.memento: which copies ──► raw bytes, page

What an archive says is testimony of a third party, and is treated as such: each answer is kept under its own address, the copy's date,
original and status are looked at, and what does not hold together is told in `Memento.problem`. RFC 7089; requests and time are bounded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from preserve.flows.inquiry import Inquiry
from preserve.flows.slot import Slot
from preserve.flows.wishes import Wishes
from preserve.formats import linkformat
from preserve.formats.entity import entity
from preserve.formats.linkformat import http_date
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.page import Described, Judgement
from preserve.model.web import Exchange, Memento, Outcome, Verdict
from preserve.ports import Clock, Fetcher
from preserve.rules import memento as rules
from preserve.rules import redirect, retry
from preserve.rules.memento import Archive, Snapshot, Way

_REQUESTS: Final = 24
"""Requests to all archives together because of one address."""
_SECONDS: Final = 180.0
_HOPS: Final = 5
_FORMS: Final = 3
"""Forms of a doubtful address that an archive is asked for."""
_PAGES: Final = 6
"""Pages of a TimeMap that are read."""
_LISTING: Final = 8 << 20
"""Bytes of a TimeMap or an index that are read."""

Judge = Callable[[Exchange, str, Described], Awaitable[Judgement]]
"""What an exchange is worth as a copy of an address, with what is cited of it."""


@dataclass(slots=True, kw_only=True)
class _Question:
    """One archive, one address, one day; what was noticed on the way."""

    where: Archive
    address: str
    asked: datetime
    described: Described
    session: _Session
    problems: list[str] = field(default_factory=list)

    def problem(self, words: str) -> None:
        if words not in self.problems:
            self.problems.append(words)

    def failed(self, what: str, exchange: Exchange | None) -> None:
        """That was not asked, or gave nothing."""
        if exchange is None:
            self.problem(f"{what} was not asked: {self.session.why_not}")
        else:
            self.problem(f"{what} fails: {exchange.problem or f'status {exchange.status}'}")


class _Session:
    """Requests to archives because of one target: in their queues, kept with the target, bounded in number and time."""

    def __init__(self, fetcher: Fetcher, clock: Clock, wishes: Wishes, inquiry: Inquiry, slot: Slot, timeout: float) -> None:
        self._session = fetcher.session()
        self._wishes = wishes
        self._inquiry = inquiry
        self._slot = slot
        self._left = _REQUESTS
        self._deadline = clock.monotonic() + min(_SECONDS, timeout) - slot.waited
        self._clock = clock
        self._copies: dict[str, Exchange] = {}
        self.why_not = ""
        """Why the last one that was not asked was not."""

    def now(self) -> datetime:
        return self._clock.now()

    async def get(self, url: Url, fields: Sequence[tuple[bytes, bytes]] = ()) -> Exchange | None:
        """One exchange; None when `why_not` says why it is not asked for. A copy that was given already is not asked for again."""
        if (copy := self._copies.get(url.address)) is not None:
            return copy
        self.why_not = await self._hindrance(url)
        if self.why_not:
            return None
        self._left -= 1
        exchange = await self._session.fetch(url.address, deadline=self._deadline + self._slot.waited, fields=fields)
        self._inquiry.aside(exchange)
        self._wishes.heed(url.host, exchange)
        if _taken(exchange) is not None:
            self._copies[url.address] = exchange
        return exchange

    async def _hindrance(self, url: Url) -> str:
        """What keeps us from asking, once a place there was waited for; "" when nothing does."""
        if not self._left or self._clock.monotonic() >= self._deadline + self._slot.waited:
            return "the bounds for one address are reached"
        if not self._inquiry.cut_short and await self._slot.move(url.queue):
            wish = await self._wishes.in_the_way(url.host, self._slot)
            if wish is None:
                return ""
            if not self._slot.hurried:
                return retry.in_words(wish)
        self._inquiry.counts.cut_short = True
        return "the run is to end"


class Mementos:
    """The archives of a run."""

    def __init__(
        self, *, fetcher: Fetcher, clock: Clock, wishes: Wishes, prefixes: Sequence[str], timeout: float, judge: Judge
    ) -> None:
        """`fetcher` may reach the archives even where they are private; `timeout` is that of one target, in seconds."""
        self._fetcher = fetcher
        self._clock = clock
        self._wishes = wishes
        self._archives = tuple(map(rules.archive, prefixes))
        self._timeout = timeout
        self._judge = judge

    async def find(self, forms: Sequence[str], described: Described, inquiry: Inquiry, slot: Slot) -> Memento | None:
        """The copy that stands for the page: of the first archive that has one, and of the first form that it knows.

        Where none has one, what the first archive said. None without archives, and when the run is to end: then the inquiry is cut short.
        """
        now = self._clock.now()
        day, cited = rules.day_of(described.dates, now.date())
        session = _Session(self._fetcher, self._clock, self._wishes, inquiry, slot, self._timeout)
        first: Memento | None = None
        for where in self._archives:
            for form in forms[:_FORMS]:
                question = _Question(where=where, address=form, asked=rules.moment(day), described=described, session=session)
                taken = await self._ask(question)
                if inquiry.cut_short:
                    return None
                found = replace(
                    taken or Memento(archive=where.prefix, requested=day),
                    archive=where.prefix,
                    requested=day,
                    problem="; ".join(question.problems) or ("" if taken else "it has no copy"),
                )
                if taken is not None:
                    if not cited:
                        inquiry.counts.signal("no date is cited: the archive was asked for its newest copy")
                    inquiry.counts.signal(f"a copy of {taken.taken:%Y-%m-%d} in an archive stands for it: {taken.url}")
                    return found
                first = first or found
        return first

    # What an archive has

    async def _ask(self, question: _Question) -> Memento | None:
        if question.where.way is Way.TIMEGATE:
            listed = await self._timegate(question)
        else:
            listed = await self._index(question)
        now = question.session.now()
        possible = [each for each in listed if each.taken is not None and not rules.in_future(each.taken, now)]
        if len(possible) < len(listed):
            question.problem("it lists copies that are dated in the future, or not at all")
        for snapshot in rules.in_order(possible, question.asked):
            if (found := await self._take(snapshot, question)) is not None:
                return found
        return None

    async def _index(self, question: _Question) -> tuple[Snapshot, ...]:
        place = parse(rules.question(question.where, question.address, question.asked.date()))
        exchange = None if isinstance(place, BadUrl) else await question.session.get(place)
        if exchange is None or not _complete(exchange):
            question.failed("the index", exchange)
            return ()
        data = entity(exchange, _LISTING)
        if question.where.way is Way.AVAILABILITY:
            return rules.from_availability(data)
        return rules.from_cdx(data, question.where)

    async def _timegate(self, question: _Question) -> tuple[Snapshot, ...]:
        """What the TimeGate leads to, what it links, and what its TimeMap lists; its contradictions are noted."""
        place = parse(rules.question(question.where, question.address, question.asked.date()))
        if isinstance(place, BadUrl):
            question.problem(f"it cannot be asked for this address: {place.problem}")
            return ()
        given, links, base = await self._negotiate(place, question)
        listed = rules.from_links(links, base)
        timemap = next((link for link in links if "timemap" in link.relations), None)
        if timemap is not None and (address := rules.absolute(timemap.target, base)) is not None:
            listed += await self._timemap(address, question)
        if given is None:
            return listed
        assert given.taken is not None, "what is given has a date"
        better = [each for each in listed if each.taken and rules.nearer(each, given.taken, question.asked)]
        if better:
            best = rules.in_order(better, question.asked)[0]
            question.problem(
                f"the TimeGate led to a copy of {given.taken:%Y-%m-%d}, its TimeMap lists one of {best.taken:%Y-%m-%d}"
            )
        return (*listed, given)

    async def _negotiate(self, place: Url, question: _Question) -> tuple[Snapshot | None, tuple[linkformat.Link, ...], Url]:
        """The memento that datetime negotiation led to, the links seen on the way, and what they are relative to."""
        links: tuple[linkformat.Link, ...] = ()
        accept = ((b"Accept-Datetime", linkformat.to_http_date(question.asked).encode()),)
        base, seen = place, [place.address]
        while True:
            exchange = await question.session.get(place, accept)
            if exchange is None or not _answered(exchange):
                question.failed("the TimeGate", exchange)
                return None, links, base
            if found := _links(exchange):
                links, base = (*links, *_absolute(found, place)), place
            if (taken := _taken(exchange)) is not None:
                return _given(exchange, place, taken), links, base
            onward = redirect.follow(exchange, place, seen) if len(seen) <= _HOPS else None
            if onward is None or onward.url is None:
                self._no_memento(exchange, onward, question)
                return None, links, base
            place = onward.url
            seen.append(place.address)

    def _no_memento(self, exchange: Exchange, onward: redirect.Next | None, question: _Question) -> None:
        if onward is not None:
            question.problem(f"the TimeGate leads nowhere: {onward.problem}")
        elif exchange.status is not None and exchange.status < 300:
            question.problem(f"the TimeGate answers {exchange.status} without Memento-Datetime: that is no copy")
        elif exchange.status is not None and exchange.status < 400:
            question.problem(f"the TimeGate leads on and on: more than {_HOPS} redirects")
        elif exchange.status != 404:
            question.failed("the TimeGate", exchange)

    async def _timemap(self, address: str, question: _Question) -> tuple[Snapshot, ...]:
        """What a TimeMap lists; of one in pages, those pages are read that may list the copy that is wanted (RFC 7089 section 5.1.2)."""
        listed: tuple[Snapshot, ...] = ()
        known: dict[str, rules.MapPage] = {address: rules.MapPage(url=address)}
        read: set[str] = set()
        following: rules.MapPage | None = known[address]
        while following is not None:
            if len(read) >= _PAGES:
                question.problem(f"its TimeMap has more pages than are read ({_PAGES})")
                break
            read.add(following.url)
            place = parse(following.url)
            exchange = None if isinstance(place, BadUrl) else await question.session.get(place)
            if isinstance(place, BadUrl) or exchange is None or not _complete(exchange):
                question.failed("the TimeMap", exchange)
            else:
                links = linkformat.parse(entity(exchange, _LISTING).decode("utf-8", "replace"))
                listed += rules.from_links(links, place)
                for page in rules.pages_in(links, place):
                    known.setdefault(page.url, page)
            following = rules.next_page([page for page in known.values() if page.url not in read], listed, question.asked)
        return listed

    # One copy

    async def _take(self, snapshot: Snapshot, question: _Question) -> Memento | None:
        """Fetch a copy, raw and as a page; None when it is none of this page after all."""
        page, moved = await self._fetch(snapshot.url, question)
        if page is None:
            return None
        taken = _taken(page) or snapshot.taken
        assert taken is not None, "snapshots that are taken have a date"
        shown, said = rules.original_in(page.url), _original(page)
        original = shown or said
        if original is not None and not moved and rules.of_another(original, question.address):
            question.problem(f"the copy is of another address: {original}")
            return None
        if shown is not None and said is not None and rules.of_another(said, shown):
            question.problem(f"the copy's address says that it is of {shown}, its header of {said}")
        if rules.in_future(taken, question.session.now()):
            question.problem(f"the copy is dated {taken:%Y-%m-%d}, which is in the future")
            return None
        for words in rules.doubts(snapshot, page.url, _taken(page), moved=page.url != snapshot.url):
            question.problem(words)
        raw = None
        if (address := rules.raw(page.url)) is not None and address != page.url:
            raw, _ = await self._fetch(address, question, told=False)
        counts = raw or page
        judged = await self._judge(counts, question.address, question.described)
        if judged.verdict is not Verdict.OK:
            question.problem(f"the copy itself may be worthless ({judged.verdict}): {', '.join(judged.signals)}")
        return Memento(
            archive=question.where.prefix,
            requested=question.asked.date(),
            url=page.url,
            taken=taken,
            payload_sha256=counts.entity_sha256 or None,
        )

    async def _fetch(self, address: str, question: _Question, *, told: bool = True) -> tuple[Exchange | None, bool]:
        """Where a copy's address leads, when that is a copy with status 200, and whether a kept redirect led to another page."""
        place = parse(address)
        if isinstance(place, BadUrl):
            return None, False
        seen, moved = [place.address], False
        while True:
            exchange = await question.session.get(place)
            if exchange is None or not _answered(exchange):
                if told:
                    question.failed("a copy", exchange)
                return None, moved
            onward = redirect.follow(exchange, place, seen) if len(seen) <= _HOPS else None
            if onward is None or onward.url is None:
                break
            moved = moved or _taken(exchange) is not None  # the redirect itself is the copy, of a page that had moved
            place = onward.url
            seen.append(place.address)
        if exchange.status == 200:
            return exchange, moved
        if told and _taken(exchange) is None:
            question.failed("a copy", exchange)
        return None, moved


def _answered(exchange: Exchange) -> bool:
    return exchange.outcome is Outcome.CAPTURED and exchange.status is not None


def _complete(exchange: Exchange) -> bool:
    return _answered(exchange) and exchange.status == 200


def _taken(exchange: Exchange) -> datetime | None:
    said = exchange.header(b"memento-datetime")
    return None if said is None else http_date(said.decode("latin-1"))


def _links(exchange: Exchange) -> tuple[linkformat.Link, ...]:
    fields = [value.decode("utf-8", "replace") for name, value in exchange.headers if name.lower() == b"link"]
    return linkformat.parse(", ".join(fields), most=1000)


def _absolute(links: Sequence[linkformat.Link], place: Url) -> tuple[linkformat.Link, ...]:
    return tuple(replace(link, target=rules.absolute(link.target, place) or link.target) for link in links)


def _given(exchange: Exchange, place: Url, taken: datetime) -> Snapshot:
    """The memento that an exchange is: under its own address, also where the TimeGate itself answered (RFC 7089 section 4.1)."""
    said = exchange.header(b"content-location")
    own = None if said is None else rules.absolute(said.decode("utf-8", "replace"), place)
    if own is None:
        own = next(
            (
                link.target
                for link in _absolute(_links(exchange), place)
                if "memento" in link.relations and http_date(link.parameter("datetime")) == taken
            ),
            None,
        )
    return Snapshot(url=own or place.address, taken=taken)


def _original(exchange: Exchange) -> str | None:
    return next((link.target for link in _links(exchange) if "original" in link.relations), None)

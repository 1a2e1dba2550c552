"""Judging what was captured, while it is captured: the page read, doubtful addresses tried in their other forms, archives asked. asyncio.

    printed form ──judged──► fits? ──no, and there are other forms──► each of them, judged ──► rules.choice
                                   └─no page that fits at all──► flows.mementos

What decides is pure (`rules.verdict`, `rules.fit`, `rules.choice`, `rules.memento`); here it is asked, read and kept. A target that
nobody cites has no words to compare with: its page is read only where its bytes look like a wall or a shell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from preserve.flows.glance import AT_ONCE, enough
from preserve.flows.inquiry import Inquiry
from preserve.flows.manners import Manners
from preserve.flows.probing import Probes
from preserve.flows.pursuit import Pursuit
from preserve.flows.slot import Slot
from preserve.flows.trail import Trail
from preserve.flows.wishes import Wishes
from preserve.formats.entity import entity, obstacle
from preserve.formats.url import BadUrl, Url, parse
from preserve.model.document import Candidate, Citation
from preserve.model.page import Described, Evidence, Fit, Judgement, Media, Page
from preserve.model.web import Exchange, Outcome, Tried, Verdict
from preserve.pages import reading
from preserve.pages.suspicion import suspicious
from preserve.ports import Clock, Fetcher, Journal, Reader
from preserve.rules import retry
from preserve.rules.choice import Attempt, choose, forms, go_on, in_doubt, in_words
from preserve.rules.described import described
from preserve.rules.fit import fit
from preserve.rules.verdict import cleared, judge
from preserve.rules.verdict_head import answer, needs_page, wants_probe

if TYPE_CHECKING:
    from preserve.flows.mementos import Mementos

_NOTHING: Final = Described()


class Judging:
    """Judges the targets of a run."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        manners: Manners,
        wishes: Wishes,
        pursuit: Pursuit,
        keep: Callable[[str, str, Sequence[Exchange]], Awaitable[None]],
        token: Callable[[], str],
        reader: Reader,
        archives: Fetcher | None = None,
    ) -> None:
        """`keep(name, value, exchanges)` keeps what a host answered to a made-up address; `archives` reaches the configured archives."""
        self._journal = journal
        self._manners = manners
        self._pursuit = pursuit
        self._clock = clock
        self._wishes = wishes
        self._archives = archives
        self._reader = reader
        self._reading = asyncio.Lock()
        self._probes = Probes(
            journal=journal,
            pursuit=pursuit,
            keep=keep,
            token=token,
            reader=reader,
        )
        self._mementos: Mementos | None = None
        if archives is not None and manners.archives:
            from preserve.flows.mementos import Mementos  # noqa: PLC0415 -- who asks no archives starts faster without

            self._mementos = Mementos(
                fetcher=archives,
                clock=clock,
                wishes=wishes,
                prefixes=manners.archives,
                timeout=manners.total_timeout,
                judge=self._judge_copy,
            )

    async def conclude(self, inquiry: Inquiry, slot: Slot, *, glanced: bool = False) -> None:
        """Judge what the printed form of a cited address gave, and ask on where that is not what is cited.

        `glanced` says that a look at the head was not enough already (`flows.glance`).
        """
        target = inquiry.target
        cited = self._journal.cited(target.id) if target.cited_by else ()
        about = described(cited) if cited else _NOTHING
        fits = await self._judge(inquiry.counts, about, slot, glanced=glanced)
        tried = await self._try_forms(inquiry, cited, about, fits, slot) if cited and not inquiry.cut_short else ()
        if inquiry.cut_short:
            return
        outcome, verdict = inquiry.counts.ended
        if outcome is Outcome.CAPTURED and verdict is Verdict.OK:
            await self._save(inquiry, slot)
        elif outcome in {Outcome.CAPTURED, Outcome.FAILED} and self._mementos is not None and not _unaskable(target.address):
            addresses = [parsed.address for form in tried if isinstance(parsed := parse(form.url), Url)] or [target.address]
            inquiry.memento = await self._mementos.find(addresses, about, inquiry, slot)

    # One page

    async def _judge(self, trail: Trail, about: Described, slot: Slot, *, glanced: bool = False) -> Fit | None:
        """Judge where a trail led; how its page fits what is cited, None when there is nothing to compare."""
        last = trail.final
        if last is None or last.outcome is not Outcome.CAPTURED or last.status is None:
            return None
        evidence = Evidence(asked=trail.address, answer=answer(last), described=about)
        if not needs_page(evidence) or (not about.judgeable and not glanced and enough(trail)):
            trail.judged = judge(evidence)
            return None
        wanted = self._manners.probe and wants_probe(evidence)
        page = await self._read(last, evidence, always=about.judgeable)
        if page is not None:
            evidence = replace(evidence, page=page)
        place = parse(last.url)
        if wanted and isinstance(place, Url):
            not_found = await self._probes.of(place, slot)
            if not_found is None and self._probes.cut_short:
                trail.cut_short = True
                return None
            evidence = replace(evidence, not_found=not_found)
        trail.judged = judge(evidence)
        return fit(page, about) if page is not None and about.judgeable else None

    async def _judge_copy(self, exchange: Exchange, address: str, about: Described) -> Judgement:
        """What an archive's copy is worth: as if it had come from the page's own address."""
        evidence = Evidence(asked=address, answer=replace(answer(exchange), address=address), described=about)
        if needs_page(evidence):
            evidence = replace(evidence, page=await self._read(exchange, evidence, always=True))
        return judge(evidence)

    async def _read(self, exchange: Exchange, evidence: Evidence, *, always: bool) -> Page | None:
        """The page that a response shows; None when nothing asks for it to be read. `evidence` is what is known without it."""
        if why := obstacle(exchange):
            return Page(address=exchange.url, media=Media.OTHER, unread=why) if always else None
        kind = (exchange.header(b"content-type") or b"").decode("latin-1")

        def clear(data: bytes, *, cut: bool) -> bool:
            """Whether nothing speaks against it, as far as can be seen without its main text."""
            bare = reading.outlined(data, content_type=kind, address=exchange.url, cut=cut)
            return cleared(replace(evidence, page=bare))

        # A thread costs more than to see that a small page is in order, which most are.
        if not always and exchange.body.size <= AT_ONCE:
            data = entity(exchange, AT_ONCE + 1)
            if len(data) <= AT_ONCE and clear(data, cut=False):
                return None

        def look() -> Page | None:
            data = entity(exchange, reading.LIMIT)
            cut = len(data) >= reading.LIMIT
            if not always and (not suspicious(data) or clear(data, cut=cut)):
                return None
            return reading.read(
                data,
                content_type=kind,
                address=exchange.url,
                cut=cut,
                # The beginning of a PDF is none: how to read it stands at its end.
                pdf=self._reader.pdf_text if always and not cut else None,
                main=self._reader.main_text,
            )

        async with self._reading:  # one at a time: what is read lies in memory
            return await asyncio.to_thread(look)

    # The other forms of a doubtful address

    async def _try_forms(
        self, inquiry: Inquiry, cited: tuple[Citation, ...], about: Described, fits: Fit | None, slot: Slot
    ) -> tuple[Candidate, ...]:
        """Ask for the other forms as far as the evidence asks for it, and choose; returns the forms there are."""
        possible, doubtful = forms(cited), in_doubt(cited)
        if len(possible) < 2:
            return possible
        trails = [inquiry.counts]
        attempts = [_attempt(possible[0], inquiry.counts, fits)]
        for form in possible[1:]:
            if not go_on(attempts, doubtful=doubtful):
                break
            place = parse(form.url)
            assert isinstance(place, Url), "forms can be asked for"
            trail = inquiry.another(place.address)
            if await slot.move(place.queue):
                await self._pursuit.follow(place, trail, slot)
            else:
                trail.cut_short = True
            if trail.cut_short:
                return possible
            attempts.append(_attempt(form, trail, await self._judge(trail, about, slot)))
            trails.append(trail)
        if len(attempts) == 1 and not (doubtful and attempts[0].fits_clearly):
            return possible
        choice = choose(attempts)
        inquiry.candidates = tuple(_tried(attempt, trail) for attempt, trail in zip(attempts, trails, strict=True))
        if choice.place is not None:
            inquiry.counts = trails[choice.place]
            inquiry.chosen = inquiry.candidates[choice.place].url
        inquiry.counts.signal(in_words(attempts, choice))
        return possible

    # A copy made now

    async def _save(self, inquiry: Inquiry, slot: Slot) -> None:
        """Ask an archive to save the page as it is, where one is configured for that; its answer is kept and told."""
        if self._archives is None or self._manners.save_to is None or inquiry.target.need is not None:
            return
        place = parse(self._manners.save_to + inquiry.counts.address)
        if isinstance(place, BadUrl):
            return
        if not await slot.move(place.queue):
            inquiry.counts.cut_short = True
            return
        if (wish := await self._wishes.in_the_way(place.host, slot)) is not None:
            inquiry.counts.cut_short = slot.hurried
            inquiry.counts.signal(f"{self._manners.save_to} was not asked to save it: {retry.in_words(wish)}")
            return
        deadline = self._clock.monotonic() + self._manners.total_timeout
        exchange = await self._archives.session().fetch(place.address, deadline=deadline)
        inquiry.aside(exchange)
        self._wishes.heed(place.host, exchange)
        said = next((exchange.header(name) for name in (b"content-location", b"location") if exchange.header(name)), None)
        copy = f", a copy at {said.decode('utf-8', 'replace')}" if said else ""
        inquiry.counts.signal(
            f"asked {self._manners.save_to} to save it: {exchange.problem or f'status {exchange.status}'}{copy}"
        )


def _attempt(form: Candidate, trail: Trail, fits: Fit | None) -> Attempt:
    outcome, verdict = trail.ended
    final = trail.exchanges[-1].url if trail.exchanges else trail.address
    return Attempt(form=form, outcome=outcome, verdict=verdict, final=final, fit=fits)


def _tried(attempt: Attempt, trail: Trail) -> Tried:
    status = trail.exchanges[-1].status if trail.exchanges else None
    reasons = () if attempt.fit is None else attempt.fit.reasons
    why = "; ".join((attempt.form.why, *reasons))
    return Tried(url=attempt.form.url, outcome=attempt.outcome, status=status, verdict=attempt.verdict, why=why)


def _unaskable(address: str) -> bool:
    """Whether an address is none for strangers to hear of: it is not an address, or it names a machine by its number."""
    place = parse(address)
    return isinstance(place, BadUrl) or place.literal or "." not in place.hostname

"""What a captured response is worth.

A complete response is evidence whatever it says; the verdict tells a reader whether it is evidence *of the cited page*. Each verdict comes with
its signals, so that a person can disagree (docs/guide/verdicts.md). The head decides first, then the page: challenge, login-wall, empty-shell,
soft-404, mismatch, in this order. With little evidence the verdict is `ok`, and what was noticed all the same is a signal: nobody is accused on
a guess. Words that a "not found" page may use never decide alone; an article about such pages uses them too.
"""

from __future__ import annotations

import re

from preserve.model.page import Evidence, Fit, Judgement, Media, NotFound, Page, Presence
from preserve.model.pattern import pattern
from preserve.model.web import Verdict
from preserve.rules import guards
from preserve.rules.fit import authored, dated, fit, named
from preserve.rules.tongues import NOT_FOUND
from preserve.rules.verdict_head import by_head, glance, sent_home, split, told
from preserve.rules.words import coverage, normal, shorter, telling, vocabulary

_ERROR = pattern(
    r"(?:\A|[/_.?=&-])(?:404|410|error-?404|404-?error|not-?found|page-?not-?found|file-?not-?found|pagenotfound|notfound|error-?pages?|errors?|oops|missing|nicht-gefunden"
    r"|introuvable|no-encontrad[ao]|nao-encontrad[ao]|non-trovata)(?:\Z|[/_.?=&-])",
    re.IGNORECASE,
)
_PARTS = pattern(r"\s+[|\u2013\u2014\u00b7\u2022-]+\s+|\s+::\s+")
_SHORT, _VERY_SHORT = 700, 250
"""Extents of main text below which a page that calls itself "not found" may be just that."""


def judge(evidence: Evidence) -> Judgement:
    """The verdict and the signals that led to it, or that were noticed in spite of it."""
    page = evidence.page
    if page is None:
        return glance(evidence)
    judged = by_head(evidence.answer) or _by_page(page, evidence)
    remark = (page.remark,) if page.remark else ()
    return told(Judgement(verdict=judged.verdict, signals=(*judged.signals, *remark)))


def cleared(evidence: Evidence) -> bool:
    """Whether nothing speaks against a page that nobody describes, of which no main text was looked for yet.

    Every test here and in `guards` asks for a main text shorter than something, so that finding one only takes suspicions away.
    """
    assert evidence.page is not None
    assert not evidence.described.judgeable
    judged = judge(evidence)
    return judged.verdict is Verdict.OK and not judged.signals


def _by_page(page: Page, evidence: Evidence) -> Judgement:
    home = sent_home(evidence.asked, evidence.answer.address)
    fits = fit(page, evidence.described)
    found = _stands_before(page, evidence, fits)
    return found or _soft_404(page, evidence, fits, home) or _mismatch(page, evidence, fits)


def _stands_before(page: Page, evidence: Evidence, fits: Fit) -> Judgement | None:
    """A wall in front of the page, or a shell without it."""
    if signals := guards.shell(page) if page.media is Media.EMPTY else ():
        return Judgement(verdict=Verdict.EMPTY_SHELL, signals=signals)
    if page.media is not Media.HTML or fits.quote is Presence.PRESENT:
        return None
    if signals := guards.challenge(page):
        return Judgement(verdict=Verdict.CHALLENGE, signals=signals)
    if any(named(page, title) for title in evidence.described.titles):
        missed, there = False, True
    else:
        missed, there = evidence.described.judgeable and fits.title is not Presence.PRESENT, False
    asked, head = evidence.asked, evidence.answer
    if not there and (
        signals := guards.login(page, asked, head, missed=missed) or guards.consent(page, asked, head, missed=missed)
    ):
        return Judgement(verdict=Verdict.LOGIN_WALL, signals=signals)
    if not guards.parked(page, head) and (signals := guards.shell(page)):
        return Judgement(verdict=Verdict.EMPTY_SHELL, signals=signals)
    return None


def _soft_404(page: Page, evidence: Evidence, fits: Fit, home: tuple[str, ...]) -> Judgement | None:
    """A page that stands for "not here" although its status says otherwise."""
    if parked := guards.parked(page, evidence.answer):
        return Judgement(verdict=Verdict.SOFT_404, signals=parked)
    probe = evidence.not_found
    alike = _alike(page, probe) if probe is not None else ()
    cited, missing = _cited(page, evidence, fits, probe if alike else None)
    sent = home or _sent_to_error(evidence.asked, evidence.answer.address)
    if sent and not cited:
        return Judgement(verdict=Verdict.SOFT_404, signals=(*sent, *alike, *fits.reasons))
    says = _says_not_found(page)
    if missing and not cited and alike:
        return Judgement(verdict=Verdict.SOFT_404, signals=(*alike, *says, *fits.reasons))
    # A host that tells a made-up address the truth would have told this one too.
    honest = probe is not None and probe.answer.status >= 400
    if says and not honest and not cited and evidence.described.judgeable and Presence.PRESENT not in {fits.title, fits.quote}:
        return Judgement(
            verdict=Verdict.SOFT_404, signals=(*says, *fits.reasons, f"{len(page.main_text)} characters of main text")
        )
    noticed = (*sent, *alike, *says)
    if noticed and (cited or not evidence.described.judgeable or not missing):
        return Judgement(verdict=Verdict.OK, signals=(*noticed, *fits.reasons))
    return None


def _cited(page: Page, evidence: Evidence, fits: Fit, probe: NotFound | None) -> tuple[bool, bool]:
    """Whether what is cited is there, and whether it is missed. What the "not found" page says as well proves nothing."""
    there = fits.quote is Presence.PRESENT or any(named(page, title) for title in evidence.described.titles)
    if probe is not None and probe.page is not None and there:
        other = fit(probe.page, evidence.described)
        if other.quote is not Presence.PRESENT and other.title is not Presence.PRESENT:
            return True, False
        return False, True
    missing = fits.title is Presence.ABSENT or (fits.title is Presence.UNKNOWN and fits.quote is Presence.ABSENT)
    return there, missing or (probe is not None and evidence.described.judgeable and not there)


def _mismatch(page: Page, evidence: Evidence, fits: Fit) -> Judgement:
    """Whether the page is what the footnote describes."""
    described = evidence.described
    signals = fits.reasons
    if page.unread and described.judgeable:
        signals = (page.unread,)
    if Presence.PRESENT in {fits.title, fits.quote} or not described.judgeable:
        return Judgement(verdict=Verdict.OK, signals=signals)
    other = (dated(page, described), authored(page, described))
    if fits.title is Presence.ABSENT and other == (None, None):
        return Judgement(verdict=Verdict.MISMATCH, signals=signals)
    if not described.titles and fits.quote is Presence.ABSENT and other == (None, None):
        # Quoted words may come from elsewhere: they accuse a page only where hardly any of them is on it.
        text = vocabulary(normal("\n".join((*page.titles, page.text))))
        shares = [coverage(telling(quote), text) for quote in described.quotes if len(telling(quote)) >= 4]
        if shares and max(shares) < 0.4 and len(page.main_text) >= 300:
            return Judgement(verdict=Verdict.MISMATCH, signals=signals)
    return Judgement(verdict=Verdict.OK, signals=signals)


def _sent_to_error(asked: str, final: str) -> tuple[str, ...]:
    """A redirect to an address that itself says "not found"."""
    before, after = split(asked), split(final)
    if asked == final or _ERROR.search(before[1] + "?" + before[2]) or not _ERROR.search(after[1] + "?" + after[2][:200]):
        return ()
    return (f"redirected to the address of an error page, {final}",)


def _says_not_found(page: Page) -> tuple[str, ...]:
    """The title or heading by which a short page says that something was not found, and says little else."""
    if not shorter(page.main_text, _SHORT):
        return ()
    bare = shorter(page.main_text, _VERY_SHORT)
    title = (f"the title is “{page.title}”",) if _mostly_not_found(page.title, bare=bare) else ()
    heading = next((each for each in page.headings[:3] if _mostly_not_found(each, bare=bare)), None)
    return (*title, *((f"a heading is “{heading}”",) if heading is not None else ()))


def _mostly_not_found(name: str, *, bare: bool) -> bool:
    """Whether the words for "not found" are most of a name, or the page is so short that it has no room for anything else."""
    for part in _PARTS.split(name):
        said = sum(len(match[0]) for match in NOT_FOUND.finditer(part))
        if said and (said * 5 >= len(part) * 2 or bare):
            return True
    return False


def _alike(page: Page, probe: NotFound) -> tuple[str, ...]:
    """Whether the page is what the host answers to an address that was made up."""
    other = probe.page
    if probe.answer.address != probe.asked and probe.answer.address == page.address:
        return (f"the host sends a made-up address to the same place, {page.address}",)
    if other is None or other.media is not page.media or other.media is not Media.HTML:
        return ()
    mine, its = (page.main_text, other.main_text)
    if min(len(mine), len(its)) < 40:
        mine, its = page.text, other.text
    mine, its = _comparable(_without_names(mine, page)), _comparable(_without_names(its, other))
    from rapidfuzz import fuzz  # noqa: PLC0415 -- only where a host was asked for what it does not have

    share = fuzz.ratio(mine, its) if mine and its else 0.0
    same_title = _comparable(page.title) == _comparable(other.title)
    if share >= (90 if same_title else 97):
        return (f"the page is like the host's answer to a made-up address ({share:.0f} of 100)",)
    return ()


def _without_names(text: str, page: Page) -> str:
    """Text without the lines that only say what the page is called: an entry that nobody wrote has a name too."""
    names = {*page.titles, *page.headings}
    return "\n".join(line for line in text.splitlines() if line not in names)


def _comparable(text: str) -> str:
    """Text without what changes from one answer to the next: numbers, long runs of letters and digits."""
    return re.sub(r"\S*\d\S*|\S{30,}", "", normal(text[:6000]))

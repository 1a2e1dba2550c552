"""Which form of a doubtful address is asked for, when it is enough, and which one was probably meant. Pure.

The printed form is asked first, always, and what it gave is kept. The print is in doubt where a hyphen may be lost or two lines may
belong together: then the other forms are asked for too, until one clearly fits what is cited, for in a year nobody can ask any more.
A scheme that is not printed, tracking parameters and resolvers are no doubt about the print: their other forms are asked for only
when the one before leads to no page (docs/adr/0171-candidates-by-evidence.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from preserve.formats.url import BadUrl, parse
from preserve.model.document import Candidate, Citation
from preserve.model.noun import dataclass
from preserve.model.page import Fit, Presence
from preserve.model.web import Outcome, Verdict

MOST: Final = 6
"""Forms of one address that are asked for."""
_VERDICTS: Final = {
    Verdict.OK: "leads to another page",
    Verdict.MISMATCH: "leads to another page",
    Verdict.GONE: "is gone",
    Verdict.SOFT_404: "only says that nothing is there",
    Verdict.CHALLENGE: "is blocked",
    Verdict.LOGIN_WALL: "asks for a login",
    Verdict.EMPTY_SHELL: "is an empty shell",
}
_OUTCOMES: Final = {
    Outcome.CAPTURED: "answers",
    Outcome.TRUNCATED: "was cut",
    Outcome.FAILED: "does not answer",
    Outcome.REFUSED: "was not asked",
}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of asking for one form. `final` is where it led, `fit` how its page fits what is cited, None when it was not read."""

    form: Candidate
    outcome: Outcome
    verdict: Verdict | None
    final: str
    fit: Fit | None = None

    @property
    def leads_to_a_page(self) -> bool:
        return self.outcome is Outcome.CAPTURED and self.verdict is Verdict.OK

    @property
    def fits_clearly(self) -> bool:
        """Whether something cited stands on its page, and nothing cited is missing from it."""
        if not self.leads_to_a_page or self.fit is None:
            return False
        found = {self.fit.title, self.fit.quote}
        return Presence.PRESENT in found and (Presence.ABSENT not in found or self.fit.quote is Presence.PRESENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The attempt that is taken, by its place, and in words why; None when nothing speaks for any."""

    place: int | None
    why: str


def forms(citations: Iterable[Citation]) -> tuple[Candidate, ...]:
    """The forms to ask for, the printed one first; of two that are asked alike the first. Those that cannot be asked are left out."""
    found: dict[str, Candidate] = {}
    last: list[Candidate] = []
    for citation in citations:
        if citation.url is None or citation.kind.refers:
            continue
        for candidate in citation.candidates or (Candidate(url=citation.url, why="as printed"),):
            _add(found, candidate)
        if citation.url.startswith("https://") and citation.url_as_printed and not _SCHEME.match(citation.url_as_printed):
            plain = "http" + citation.url.removeprefix("https")
            last.append(Candidate(url=plain, why="http, since no scheme is printed"))
    for candidate in last:
        _add(found, candidate)
    return tuple(found.values())[:MOST]


def _add(found: dict[str, Candidate], candidate: Candidate) -> None:
    parsed = parse(candidate.url)
    if not isinstance(parsed, BadUrl):
        found.setdefault(parsed.address, candidate)


def in_doubt(citations: Iterable[Citation]) -> bool:
    """Whether the print itself is in doubt."""
    return any(citation.uncertain for citation in citations)


def go_on(attempts: Sequence[Attempt], *, doubtful: bool) -> bool:
    """Whether the next form is asked for."""
    if doubtful:
        return not any(attempt.fits_clearly for attempt in attempts)
    return not any(attempt.leads_to_a_page for attempt in attempts)


def choose(attempts: Sequence[Attempt]) -> Choice:
    """The form that was probably meant. On equal evidence it is the earlier one, so never another than the printed without a reason."""
    pages = [place for place, attempt in enumerate(attempts) if attempt.leads_to_a_page]
    if not pages:
        return Choice(place=None, why=f"none of the {len(attempts)} forms of the address leads to a page")
    fitting = [place for place in pages if attempts[place].fits_clearly]
    if fitting:
        best = max(fitting, key=lambda place: (_score(attempts[place]), -place))
        return Choice(place=best, why=_how(attempts[best].fit))
    if len({attempts[place].final for place in pages}) == 1:
        return Choice(
            place=pages[0], why="alone leads to a page" if len(pages) == 1 else "leads to the same page as the others"
        )
    return Choice(place=None, why=f"{len(pages)} forms of the address lead to pages, and nothing cited tells which was meant")


def _score(attempt: Attempt) -> int:
    return 0 if attempt.fit is None else attempt.fit.score


def _how(fit: Fit | None) -> str:
    assert fit is not None, "it fits clearly"
    both = fit.title is Presence.PRESENT and fit.quote is Presence.PRESENT
    if both:
        return "fits the cited title and holds the quoted words"
    return "fits the cited title" if fit.title is Presence.PRESENT else "holds the quoted words"


def in_words(attempts: Sequence[Attempt], choice: Choice) -> str:
    """The signal that tells of a choice: candidates are counted from 1, the printed form being the first."""
    if choice.place is None:
        return choice.why
    if choice.place == 0:
        return f"the printed address {choice.why}"
    return f"the printed address {_fared(attempts[0])}; candidate {choice.place + 1} {choice.why}"


def _fared(printed: Attempt) -> str:
    if printed.outcome is Outcome.CAPTURED and printed.verdict is not None:
        return _VERDICTS[printed.verdict]
    return _OUTCOMES[printed.outcome]

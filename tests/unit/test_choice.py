"""Which form of a doubtful address was meant: as far as the evidence goes, and not a step further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.model.document import Candidate, Citation, CitationKind, Where
from preserve.model.page import Fit, Presence
from preserve.model.web import Outcome, Verdict
from preserve.rules.choice import MOST, Attempt, choose, forms, go_on, in_doubt, in_words

PRESENT, ABSENT, UNKNOWN = Presence.PRESENT, Presence.ABSENT, Presence.UNKNOWN


def fit(score: int, title: Presence = UNKNOWN, quote: Presence = UNKNOWN) -> Fit:
    return Fit(score=score, title=title, quote=quote)


def tried(
    name: str,
    verdict: Verdict | None = Verdict.OK,
    fits: Fit | None = None,
    *,
    outcome: Outcome = Outcome.CAPTURED,
    final: str = "",
) -> Attempt:
    url = f"http://a.example/{name}"
    return Attempt(form=Candidate(url=url, why="?"), outcome=outcome, verdict=verdict, final=final or url, fit=fits)


GONE = tried("gone", Verdict.GONE)
DEAD = tried("dead", None, outcome=Outcome.FAILED)
PLAIN = tried("plain", fits=fit(50))
FITS = tried("fits", fits=fit(80, PRESENT))
BETTER = tried("better", fits=fit(100, PRESENT, PRESENT))
QUOTED = tried("quoted", fits=fit(70, UNKNOWN, PRESENT))
OTHER = tried("other", Verdict.MISMATCH, fits=fit(20, ABSENT))


@pytest.mark.parametrize(
    ("attempts", "place", "words"),
    [
        ([GONE, FITS], 1, "the printed address is gone; candidate 2 fits the cited title"),
        ([OTHER, GONE, QUOTED], 2, "the printed address leads to another page; candidate 3 holds the quoted words"),
        ([PLAIN, FITS], 1, "the printed address leads to another page; candidate 2 fits the cited title"),
        (
            [FITS, BETTER],
            1,
            "the printed address leads to another page; candidate 2 fits the cited title and holds the quoted words",
        ),
        ([FITS, tried("same", fits=fit(80, PRESENT))], 0, "the printed address fits the cited title"),
        ([DEAD, PLAIN], 1, "the printed address does not answer; candidate 2 alone leads to a page"),
        ([PLAIN, GONE], 0, "the printed address alone leads to a page"),
        ([PLAIN, tried("2", final=PLAIN.final)], 0, "the printed address leads to the same page as the others"),
        (
            [PLAIN, tried("2", fits=fit(50))],
            None,
            "2 forms of the address lead to pages, and nothing cited tells which was meant",
        ),
        ([GONE, DEAD, OTHER], None, "none of the 3 forms of the address leads to a page"),
    ],
)
def test_what_is_chosen_and_how_it_is_told(attempts: list[Attempt], place: int | None, words: str) -> None:
    choice = choose(attempts)
    assert choice.place == place
    assert in_words(attempts, choice) == words


def test_how_long_it_goes_on() -> None:
    assert go_on([GONE], doubtful=True)
    assert go_on([PLAIN], doubtful=True)
    assert not go_on([GONE, FITS], doubtful=True)
    assert go_on([GONE], doubtful=False)
    assert not go_on([PLAIN], doubtful=False)


@pytest.mark.parametrize("verdict", Verdict)
def test_how_the_printed_address_fared_is_told_of_every_verdict(verdict: Verdict) -> None:
    told = in_words([tried("printed", verdict), FITS], choose([tried("printed", verdict), FITS]))
    assert told.endswith("; candidate 2 fits the cited title")


ATTEMPTS = st.lists(
    st.builds(
        tried,
        st.sampled_from("abc"),
        st.sampled_from([*Verdict, None]),
        st.none() | st.builds(fit, st.integers(0, 100), st.sampled_from(Presence), st.sampled_from(Presence)),
        outcome=st.sampled_from(Outcome),
    ),
    min_size=1,
    max_size=6,
)


@given(ATTEMPTS)
def test_only_a_page_is_chosen_and_never_another_on_equal_evidence(attempts: list[Attempt]) -> None:
    choice = choose(attempts)
    if choice.place is not None:
        best = attempts[choice.place]
        assert best.leads_to_a_page
        earlier = attempts[: choice.place]
        assert not any(each.leads_to_a_page and each.fit == best.fit and each.final == best.final for each in earlier)
    assert in_words(attempts, choice)


def citation(
    url: str, *others: str, printed: str | None = None, kind: CitationKind = CitationKind.URL, doubt: bool = False
) -> Citation:
    return Citation(
        document="d",
        where=Where.NOTES,
        kind=kind,
        url=url,
        url_as_printed=printed or url,
        candidates=tuple(Candidate(url=each, why="?") for each in (url, *others)),
        uncertain=doubt,
    )


def test_forms_come_in_order_once_each_and_bounded() -> None:
    first = citation(
        "https://a.example/x#y", "https://a.example/x", "https://a.example/x-y", "mailto:a@b", printed="a.example/x#y"
    )
    second = citation("https://a.example/x", "https://a.example/x-z", doubt=True)
    assert [form.url for form in forms([first, second])] == [
        "https://a.example/x#y",
        "https://a.example/x-y",
        "https://a.example/x-z",
        "http://a.example/x#y",
    ]
    assert in_doubt([first, second])
    assert not in_doubt([first])
    many = citation("https://a.example/", *(f"https://a.example/{number}" for number in range(20)))
    assert len(forms([many])) == MOST


def test_a_cross_reference_brings_no_forms() -> None:
    assert forms([citation("https://a.example/x", "https://a.example/y", kind=CitationKind.IBID)]) == ()

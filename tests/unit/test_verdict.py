"""Verdicts: what head and page decide, in which order, with which signals; and how a page is compared with what is cited."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import pagelayouts as lay
from pagecorpus import HOST, Case, cited, corpus
from pagetexts import TONGUES
from preserve.cite import citations
from preserve.documents import read as read_document
from preserve.model.document import Citation, CitationKind, Where
from preserve.model.page import Answer, Described, Evidence, Media, Page, Presence
from preserve.model.web import Exchange, Outcome, Verdict
from preserve.pages.reading import read
from preserve.rules.described import described, quotations
from preserve.rules.fit import fit, quote_present, title_present
from preserve.rules.verdict import judge
from preserve.rules.verdict_head import answer, needs_page, wants_probe
from preserve.rules.words import foreign, language, normal, scripts, tokens

EN = TONGUES["en"]
ARTICLE = lay.news(EN, EN.title, EN.body)


def seen(html: bytes, address: str = HOST) -> Page:
    return read(html, content_type="text/html; charset=utf-8", address=address)


def head(status: int, *headers: tuple[bytes, bytes], size: int = 900, address: str = f"{HOST}/a/b") -> Evidence:
    return Evidence(asked=f"{HOST}/a/b", answer=Answer(address=address, status=status, headers=headers, size=size))


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "ok"),
        (203, "ok"),
        (300, "gone"),
        (304, "gone"),
        (401, "login-wall"),
        (403, "challenge"),
        (404, "gone"),
        (405, "gone"),
        (407, "login-wall"),
        (410, "gone"),
        (429, "challenge"),
        (451, "challenge"),
        (500, "gone"),
        (503, "challenge"),
        (511, "login-wall"),
    ],
)
def test_the_head_decides_what_it_can(status: int, verdict: str) -> None:
    judged = judge(head(status))
    assert judged.verdict == verdict
    assert status < 300 or judged.signals[0] == f"status {status}"
    assert needs_page(head(status)) is (status < 300)


def test_a_guard_that_says_so_is_believed() -> None:
    judged = judge(head(404, (b"CF-Mitigated", b"challenge")))
    assert (judged.verdict, judged.signals) == (Verdict.CHALLENGE, ("status 404", "header cf-mitigated: challenge"))
    assert judge(head(200, (b"x-datadome", b"protected"))).verdict is Verdict.OK  # it says that on every page


def test_an_empty_body() -> None:
    assert judge(head(200, size=0)).verdict is Verdict.EMPTY_SHELL


def test_an_answer_is_the_head_of_an_exchange() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    exchange = Exchange(
        url=HOST, started=now, ended=now, outcome=Outcome.CAPTURED, status=200, headers=((b"A", b" b "),), entity_size=7
    )
    found = answer(exchange)
    assert (found.address, found.status, found.size, found.header(b"a"), found.header(b"c")) == (HOST, 200, 7, "b", "")


@pytest.mark.parametrize(
    ("evidence", "needed"),
    [
        (head(200, (b"content-type", b"text/html")), True),
        (head(200, (b"content-type", b"text/html"), size=1 << 20), False),
        (head(200, (b"content-type", b"text/html"), size=1 << 20, address=f"{HOST}/"), True),
        (head(202, (b"content-type", b"text/html"), size=1 << 20), True),
        (head(200, (b"content-type", b"application/pdf")), False),
        (head(200, (b"content-type", b"image/png")), False),
        (replace(head(200, (b"content-type", b"text/html"), size=1 << 20), described=cited("Ferry")), True),
        (replace(head(200, (b"content-type", b"application/pdf")), described=cited("Ferry")), True),
        (replace(head(200, (b"content-type", b"image/png")), described=cited("Ferry")), False),
        (replace(head(404), described=cited("Ferry")), False),
        (replace(head(200), page=Page(address=HOST, media=Media.HTML)), False),
    ],
)
def test_a_page_is_read_only_where_it_matters(evidence: Evidence, needed: bool) -> None:
    assert needs_page(evidence) is needed


def test_a_host_is_asked_only_where_something_is_cited() -> None:
    assert not wants_probe(head(200))
    assert wants_probe(replace(head(200), described=cited("Ferry")))
    assert wants_probe(replace(head(200), described=cited(None, "the ferry sails twice")))
    assert not wants_probe(replace(head(404), described=cited("Ferry")))
    assert not wants_probe(replace(head(200, (b"content-type", b"application/pdf")), described=cited("Ferry")))


def test_without_the_page_a_redirect_home_is_told() -> None:
    assert judge(head(200, address=f"{HOST}/")).verdict is Verdict.SOFT_404
    judged = judge(replace(head(200, address=f"{HOST}/"), described=cited("Ferry")))
    assert (judged.verdict, len(judged.signals)) == (Verdict.OK, 2)  # the home page may be what is cited


def test_an_unread_page_is_told() -> None:
    assert judge(replace(head(200), described=cited("Ferry"))).signals == ("the page was not read",)
    assert judge(head(200)).signals == ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in corpus()[::9]])
def test_every_accusation_has_signals(case: Case) -> None:
    judged = judge(case.evidence())
    assert judged.verdict == case.verdict
    assert judged.signals or judged.verdict is Verdict.OK
    assert all(signal.strip() and len(signal) <= 401 for signal in judged.signals)


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0344\u0323", "\u3099\u0323"])
def test_marks_without_end_on_one_letter_cost_no_time(marks: str) -> None:
    """Putting a million of them in order takes hours; what a page may hold must not stop a run."""
    began = time.process_time()
    assert normal(f"ferry a{marks * 200_000} book").startswith("ferry a")
    assert time.process_time() - began < 5


def test_hundreds_of_notes_on_one_page_do_not_make_hundreds_of_signals() -> None:
    about = Described(titles=tuple(f"The {number}th report of the night ferry" for number in range(300)))
    page = seen(ARTICLE)
    judged = judge(replace(head(200), page=page, described=about))
    assert len(judged.signals) == 41
    assert judged.signals[-1] == "260 more signals are left out"


def test_precedence() -> None:
    """A page that is everything at once: each verdict shows when the ones before it are taken away."""
    challenge = '<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>'
    password = "<input type=password>"
    shell = '<div id="root"></div><script src=/app.js></script>'
    parts = [
        (challenge, Verdict.CHALLENGE),
        (password, Verdict.LOGIN_WALL),
        (shell, Verdict.EMPTY_SHELL),
        ("", Verdict.SOFT_404),
    ]
    for at, (_, verdict) in enumerate(parts):
        html = "<html><title>Not found</title>" + "".join(part for part, _ in parts[at:]) + "<p>Not found</p>"
        evidence = replace(head(200, address=f"{HOST}/"), page=seen(html.encode()), described=cited(EN.title))
        assert judge(evidence).verdict is verdict


def test_likeness_without_anything_cited_is_a_signal() -> None:
    case = next(case for case in corpus() if case.name.endswith("not found, nothing cited"))
    judged = judge(case.evidence())
    assert judged.verdict is Verdict.OK
    assert any("made-up address" in signal for signal in judged.signals)


def test_words_of_the_page_stand_in_signals_as_they_are() -> None:
    html = "<html><title>Page not found \u202e\x1b[31m</title><h1>Page not found</h1>"
    judged = judge(replace(head(200), page=seen(html.encode()), described=cited(EN.title)))
    assert judged.verdict is Verdict.SOFT_404
    assert "the title is “Page not found \u202e\x1b[31m”" in judged.signals


# Comparing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Don’t “wait” – go", "don't 'wait' - go"),
        ("CAFÉ Müller", "cafe\u0301 muller"),
        ("STRASSE", "Straße"),
        ("ﬁnal ① ｗｉｄｅ", "final 1 wide"),
        ("1,200 and 1\u202f200", "1200 and 1200"),
        ("İstanbul", "istanbul"),
        ("مُوَاصَلَات", "مواصلات"),
        ("הַמַּעְבֹּרֶת", "המעברת"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("ΟΔΟΣ", "οδός"),
    ],
)
def test_texts_are_folded(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_what_carries_meaning_is_not_folded() -> None:
    assert normal("はは") != normal("ばば")
    assert normal("कि") != normal("की")
    assert normal("3.5") != normal("35")
    assert normal("6.40") != normal("640")


def test_tokens_of_scripts_without_spaces() -> None:
    assert tokens("渡し船が 2 便") == ("渡し", "し船", "船が", "2", "便")


@pytest.mark.parametrize("code", sorted(set(TONGUES) - {"hi"}))
def test_languages_are_told_by_small_words(code: str) -> None:
    assert language(" ".join(TONGUES[code].body)) == code


def test_foreign() -> None:
    assert foreign(EN.title, "de") is True
    assert foreign(EN.title, "en") is False
    assert foreign("Lindholm 2021", "de") is None
    assert foreign("時刻表", "ja") is False
    assert scripts("Ferry паром") == {"latin", "cyrillic"}


@pytest.mark.parametrize(
    ("words", "presence"),
    [
        ("children under seven travel free", "present"),
        ("Children under seven travel free, and bicycles — are carried", "present"),
        ("“We have waited eleven years for an afternoon boat”", "present"),
        ("The town council decided […] that the second crossing", "present"),
        ("The town council decided... that the second crossing", "present"),
        ("[t]he second crossing is to be tried", "present"),
        ("the second crossing [of the ferry] is to be tried", "present"),
        ("chil dren under seven travel free", "present"),
        ("the old vessel was given a new engine in the wintre, which uses a third less fuel", "present"),
        ("the second crossing … The town council decided", "absent"),
        ("children under eight travel free", "absent"),
        ("children under seven do not travel free", "absent"),
        ("children under 7 travel free", "absent"),
        ("A return ticket costs 6.50, children under seven travel free", "absent"),
        ("Kinder unter sieben Jahren fahren frei und der Rest zahlt", "unknown"),
        ("дети до семи лет едут бесплатно", "unknown"),
        ("ferry", "present"),
        ("dog", "unknown"),
        ("…", "unknown"),
    ],
)
def test_quoted_words(words: str, presence: str) -> None:
    assert quote_present(seen(ARTICLE), words) == presence


def test_quoted_words_on_a_page_that_was_cut_are_not_missed() -> None:
    page = replace(seen(ARTICLE), cut=True)
    assert quote_present(page, "children under eight travel free") is Presence.UNKNOWN
    assert quote_present(page, "children under seven travel free") is Presence.PRESENT
    assert quote_present(Page(address=HOST, media=Media.PDF, unread="no"), "children under seven") is Presence.UNKNOWN


@pytest.mark.parametrize(
    ("title", "presence"),
    [
        (EN.title, "present"),
        (f"{EN.title} | {EN.site}", "present"),
        ("Ferry to the North Shore", "present"),
        ("Ferry to the north shore will sail three times a day from May", "present"),
        ("Timetable of the ferry: what the town council decided", "unknown"),
        (EN.other, "absent"),
        ("Fähre ans Nordufer fährt ab Mai zweimal am Tag", "unknown"),
        ("Home", "unknown"),
        ("", "unknown"),
    ],
)
def test_titles(title: str, presence: str) -> None:
    assert title_present(seen(ARTICLE), title) == presence


def test_a_title_of_another_year_is_another_title() -> None:
    report = seen(lay.repository(EN, "Annual report of the harbour office 2019", EN.essay))
    assert title_present(report, "Annual report of the harbour office 2019") is Presence.PRESENT
    assert title_present(report, "Annual report of the harbour office 2020") is not Presence.PRESENT


def test_fit_orders_candidates() -> None:
    wanted = Described(titles=(EN.title,), quotes=(EN.body[3],), dates=("2021-05-03",), texts=("Anna Berg, 3 May 2021",))
    right, moved, other = seen(ARTICLE), seen(lay.plain(EN, EN.title, ["Moved."])), seen(lay.news(EN, EN.about, EN.essay))
    best, middle, worst = (fit(page, wanted) for page in (right, moved, other))
    assert (best.score, best.title, best.quote) == (100, Presence.PRESENT, Presence.PRESENT)
    assert best.score > middle.score > worst.score >= 0
    assert fit(right, Described()).score == 50
    assert fit(right, Described()).reasons == ()
    assert "the page is dated 2021-05-03, as cited" in best.reasons
    assert "the note names “Anna Berg”, the page's author" in best.reasons


# What is cited


def test_what_several_citations_say() -> None:
    cite = Citation(
        document="a.txt", where=Where.NOTES, kind=CitationKind.URL, url=HOST, title="Ferry twice a day", date="2021-05-03"
    )
    both = described(
        [
            replace(cite, text="“We have waited eleven years,” she said. “Ferry twice a day”, 3 May 2021, https://…"),
            replace(cite, title=None, date="2021", text="See “Ferry twice a day” and „ein Schiff am frühen Nachmittag“."),
        ]
    )
    assert both.titles == ("Ferry twice a day",)
    assert both.quotes == ("We have waited eleven years,", "ein Schiff am frühen Nachmittag")
    assert both.dates == ("2021-05-03", "2021")
    assert len(both.texts) == 2
    assert both.judgeable
    assert not described([replace(cite, title=None, text="see there")]).judgeable


def test_quotations() -> None:
    assert quotations("a “quotation of five whole words” and “a term”") == ("quotation of five whole words",)
    assert quotations("「午後の船を十一年待ちました」") == ("午後の船を十一年待ちました",)
    assert quotations("« nous avons attendu onze ans »") == ("nous avons attendu onze ans",)


def test_from_a_document_to_a_verdict() -> None:
    note = f"1. “{EN.title}”, {EN.site}, 3 May 2021, {HOST}/news/2021/05/story-4711.\n"
    document = read_document("paper.txt", f"The ferry sails.[1]\n\n{note}".encode())
    wanted = described(citations(document))
    assert wanted.titles == (EN.title,)
    for html, verdict in ((ARTICLE, Verdict.OK), (lay.plain(EN, EN.about, EN.essay), Verdict.MISMATCH)):
        case = Case(name="", verdict="", html=html, held=False, described=wanted)
        assert judge(case.evidence()).verdict is verdict

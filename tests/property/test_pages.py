"""Pages and verdicts on anything: nothing raises, everything is bounded, what is there is found."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from pagetexts import TONGUES
from preserve.formats.html import pieces
from preserve.model.page import Answer, Described, Evidence, Media, Page, Presence
from preserve.pages.reading import outlined, read
from preserve.rules.fit import fit, quote_present
from preserve.rules.verdict import cleared, judge
from preserve.rules.words import normal, tokens

_SNIPPETS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<div class=nav hidden>",
        "</div>",
        "<a href='/x'>",
        "</a>",
        "<h1>",
        "</h2>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<title>",
        "</title>",
        "<svg>",
        "</svg>",
        "<meta http-equiv=refresh content='0;url=//[x'>",
        "<input type=password>",
        "&#x110000;",
        "&amp",
        "<noscript>",
        "<base href='::'>",
        "<html lang=",
        "\x00",
        "<iframe src=data:x>",
        "<script type=application/ld+json>{",
        "Fähre ",
        "渡し船",
        "العبّارة",
        " words ",
    ]
)
_HTML = st.lists(_SNIPPETS | st.text(max_size=8), max_size=40).map("".join)
_NOUNS = ["ferry", "shore", "bread", "engine", "morning", "council", "pier", "october"]
_WORDS = st.lists(st.sampled_from(_NOUNS), min_size=3, max_size=12)


@settings(max_examples=150)
@given(
    data=st.binary(max_size=400) | _HTML.map(lambda text: text.encode("utf-8", "replace")),
    said=st.sampled_from(["", "text/html", "text/html; charset=utf-16", "text/plain"]),
)
def test_any_body_is_read_and_judged(data: bytes, said: str) -> None:
    page = read(data, content_type=said, address="https://a.example/x")
    assert "\0" not in page.text
    wanted = Described(titles=("Ferry to the north shore",), quotes=("the ferry sails at noon",))
    answer = Answer(address="https://a.example/", status=200, size=len(data))
    judged = judge(Evidence(asked="https://a.example/x?y", answer=answer, page=page, described=wanted))
    assert all(judged.signals)
    assert 0 <= fit(page, wanted).score <= 100


@settings(max_examples=150)
@given(
    text=_HTML,
    final=st.sampled_from(["https://a.example/x", "https://login.a.example/?next=/x", "https://a.example/404"]),
    share=st.integers(0, 3),
)
def test_a_longer_main_text_accuses_nobody(text: str, final: str, share: int) -> None:
    """What lets a page that nobody describes be cleared before its main text is looked for."""
    bare = outlined(text.encode("utf-8", "replace"), content_type="text/html", address=final)
    answer = Answer(address=final, status=200, size=len(text) + 1)
    before = Evidence(asked="https://a.example/x", answer=answer, described=Described(), page=bare)
    if cleared(before):
        longer = replace(bare, main_text=bare.main_text + "main " * 400 * share)
        assert cleared(replace(before, page=longer))


@given(text=_HTML)
def test_pieces_lose_no_text(text: str) -> None:
    """What stands outside of markup comes out, in order."""
    words = "".join(piece for piece in pieces(text) if isinstance(piece, str))
    place = 0
    for char in words:
        place = text.index(char, place) + 1


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["p", "div", "li", "b", "span", "h2", "td"]), st.text("abc é渡&<", max_size=6)), max_size=12
    )
)
def test_words_are_those_that_a_parser_sees(parts: list[tuple[str, str]]) -> None:
    html = "<!doctype html><html><body>" + "".join(
        f"<{tag}>{text.replace('&', '&amp;').replace('<', '&lt;')}</{tag}> " for tag, text in parts
    )
    body = LexborHTMLParser(html).body
    assert body is not None
    page = read(html.encode(), content_type="text/html; charset=utf-8", main=None)
    assert page.text.split() == body.text().split()


@given(text=st.text(max_size=60))
def test_folding_is_done_once_for_all(text: str) -> None:
    once = normal(text)
    assert normal(once) == once
    assert "  " not in once


@given(words=_WORDS, code=st.sampled_from(sorted(TONGUES)))
def test_a_passage_of_a_page_is_present(words: list[str], code: str) -> None:
    body = TONGUES[code].body
    page = Page(address="https://a.example", media=Media.HTML, text="\n".join((*body[:3], " ".join(words), *body[3:])))
    assert quote_present(page, " ".join(words)) is Presence.PRESENT
    assert quote_present(page, f"{body[1]} {body[2]}") is Presence.PRESENT
    assert tokens(body[0])


@given(
    words=st.lists(st.sampled_from(_NOUNS), min_size=8, max_size=12, unique=False),
    at=st.integers(0, 7),
)
def test_a_changed_number_or_a_lost_word_is_never_overlooked(words: list[str], at: int) -> None:
    numbered = [*words[:at], "17", *words[at:]]
    page = Page(
        address="https://a.example", media=Media.HTML, text=f"begin {' '.join(numbered)} end {' '.join(TONGUES['en'].body)}"
    )
    changed = [*words[:at], "18", *words[at:]]
    assert quote_present(page, " ".join(changed)) is not Presence.PRESENT
    assert quote_present(page, " ".join([*words[:at], "not", "17", *words[at:]])) is not Presence.PRESENT

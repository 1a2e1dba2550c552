"""Where an address goes on after a line end: each rule with the break it was made for."""

from __future__ import annotations

import pytest

from preserve.cite import citations
from preserve.cite.flat import Width
from preserve.cite.joining import Join, at_line_end
from preserve.documents import read

JOINED = [
    ("https://a.example.org/", "reports/2020.pdf", "after a slash"),
    ("https://a.example.org/news/", "article.", "after a slash, the last word"),
    ("https://a.example.org/well-", "known/x", "after its own hyphen"),
    ("https://a.example.org/x?a=", "1&b=2", "after ="),
    ("https://a.example.org/x_", "y.html", "after an underscore"),
    ("https://a.example.org/a%2", "0b/c", "inside an escape"),
    ("https://", "www.example.org/x", "after the scheme"),
    ("https://www.example.", "org/path", "inside the host, after a dot"),
    ("https://www.example", ".org/path", "inside the host, before a dot"),
    ("https://a.example.org/report", ".pdf", "before the file's suffix"),
    ("https://a.example.org/report.", "pdf", "after the file's dot"),
    ("https://a.example.org/x", "-y-z/", "before a hyphen"),
    ("https://a.example.org/x", "/y", "before a slash"),
    ("https://a.example.org/x", "?q=1", "before ?"),
    ("https://a.example.org/x?a=1", "&b=2", "before &"),
    ("https://a.example.org/some-long-ti", "tle-of-a-page.html", "in mid-word, a suffix"),
    ("https://a.example.org/some-long-ti", "tle/of/it", "in mid-word, a slash"),
    ("https://a.example.org/id/1234", "5678a9", "in mid-number"),
    ("https://web.archive.org/web/20160412083000/", "http://www.example.org/x", "an archived address"),
]
STOPPED = [
    ("https://a.example.org/x.", "The next sentence", "a full stop"),
    ("https://a.example.org/", "Accessed 3 May 2020", "a capital after a slash"),
    ("https://a.example.org/", "accessed 3 May 2020", "a word of the sentence"),
    ("https://a.example.org/", "https://b.example.org/", "another address"),
    ("https://a.example.org/x", "www.b.example.org/y", "another address without scheme"),
    ("https://a.example.org/x", "b.example.org/y", "another host"),
    ("https://a.example.org/x", "[2] Next", "a mark in brackets"),
    ("https://a.example.org/x", "(last visited 2020)", "a parenthesis"),
    ("https://a.example.org/x", "12", "a note number"),
    ("https://a.example.org/x", "and so on", "a word"),
    ("https://a.example.org/x,", "see also", "a comma"),
    ("https://a.example.org/x", "- a list item", "a dash"),
    ("https://a.example.org/x", "", "nothing"),
]


@pytest.mark.parametrize(("url", "following", "why"), JOINED, ids=lambda value: value)
def test_joins(url: str, following: str, why: str) -> None:
    assert at_line_end(url, url, following, None) is Join.JOIN


@pytest.mark.parametrize(("url", "following", "why"), STOPPED, ids=lambda value: value)
def test_stops(url: str, following: str, why: str) -> None:
    assert at_line_end(url, url, following, None) is Join.STOP


def test_a_line_with_room_left_was_not_broken_there() -> None:
    url, following = "https://a.example.org/", "reports/2020.pdf"
    assert at_line_end(url, url, following, Width(least=90, most=100)) is Join.STOP
    assert at_line_end(url, "x" * 78 + url, following, Width(least=90, most=100)) is Join.JOIN


def found(text: str) -> list[str | None]:
    return [citation.url for citation in citations(read("a.txt", text.encode()))]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("See <https://a.example.org/x\ny-z\n/w> now.", ["https://a.example.org/xy-z/w"]),
        ("See <URL:http://a.example.org/x>.", ["http://a.example.org/x"]),
        ("See https://en.wikipedia.org/wiki/Ferry_(Lower).", ["https://en.wikipedia.org/wiki/Ferry_(Lower)"]),
        ("(see https://en.wikipedia.org/wiki/Ferry_(Lower))", ["https://en.wikipedia.org/wiki/Ferry_(Lower)"]),
        ("“https://a.example.org/x”, and", ["https://a.example.org/x"]),
        ("https://a.example.org/x;https://b.example.org/y", ["https://a.example.org/x", "https://b.example.org/y"]),
        ("at a.example.org/x, mail anna@b.example.org or fig.3/b", ["https://a.example.org/x"]),
        ("soft https://a.example.org/long\u00ad\nword/x here", ["https://a.example.org/longword/x"]),
        ("dash https://a.example.org/long\u2010\nword/x here", ["https://a.example.org/longword/x"]),
        ("pdfium https://a.example.org/long\ufffe\nword/x here", ["https://a.example.org/long-word/x"]),
        ("http://[2001:db8::1]:8080/x and http://192.0.2.7/y.", ["http://[2001:db8::1]:8080/x", "http://192.0.2.7/y"]),
        ("Адрес: http://пример.рф/путь, и дальше", ["http://пример.рф/путь"]),
        ("hxxps://a.example.org/x", ["https://a.example.org/x"]),
        ("No address in Brown v. Board, in e.g. this, or in file.txt", []),
        ("https:// and http:// alone", []),
        ("zero\u200bwidth https://a.example.org/\u200bx/y", ["https://a.example.org/x/y"]),
    ],
)
def test_addresses_in_a_text(text: str, urls: list[str]) -> None:
    assert found("A first line of the text.\n" + text + "\n") == urls


def test_an_assumed_scheme_is_said() -> None:
    (citation,) = citations(read("a.txt", b"Text: see <www.example.org/x> there."))
    assert (citation.url, citation.url_as_printed) == ("https://www.example.org/x", "www.example.org/x")
    assert "https assumed" in citation.candidates[0].why
    assert not citation.uncertain


def test_tracking_parameters_are_fetched_as_printed_and_the_clean_form_is_second() -> None:
    (citation,) = citations(read("a.txt", b"Text https://a.example.org/x?id=1&utm_source=z&fbclid=y#f there."))
    assert [candidate.url for candidate in citation.candidates] == [
        "https://a.example.org/x?id=1&utm_source=z&fbclid=y#f",
        "https://a.example.org/x?id=1#f",
    ]
    assert not citation.uncertain


@pytest.mark.parametrize(
    ("wrapped", "original"),
    [
        ("https://web.archive.org/web/2013/http:/a.example.org/x", "http://a.example.org/x"),
        ("https://web.archive.org/web/20130921072548if_/https://a.example.org/x?y=1", "https://a.example.org/x?y=1"),
        ("https://archive.ph/2020.01.02-030405/https://a.example.org/x", "https://a.example.org/x"),
        ("web.archive.org/web/20130921072548/a.example.org/x", "http://a.example.org/x"),
    ],
)
def test_an_archive_copy_and_its_original_are_both_known(wrapped: str, original: str) -> None:
    (citation,) = citations(read("a.txt", f"Text <{wrapped}> there.".encode()))
    assert citation.url_as_printed == wrapped
    assert original in [candidate.url for candidate in citation.candidates]


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        ("<www.example.org/a/b%20c%2C%", "the address ends inside an escape"),
        ("<www.example.org/a/well-", "the document ends inside the address"),
        ("https://", "the document ends inside the address"),
        ("https://www.example.org/very/long…", "the print shortens the address"),
    ],
)
def test_a_cut_address_is_reported_and_never_fetched(end: str, problem: str) -> None:
    (citation,) = citations(read("a.txt", f"A text.1\n\n1 Weir, “The Winch”, online: {end}\n".encode()))
    assert (citation.url, citation.problem, citation.fetchable, citation.note) == (None, problem, False, "1")
    assert citation.url_as_printed == end.strip("<…")


def test_where_the_next_line_may_belong_to_it_both_forms_stand() -> None:
    text = "See https://a.example.org/articles/a-very-long-ti\ntle. Then more text follows on this line here.\n"
    (citation,) = citations(read("a.txt", text.encode()))
    assert citation.uncertain
    assert [candidate.url for candidate in citation.candidates] == [
        "https://a.example.org/articles/a-very-long-ti",
        "https://a.example.org/articles/a-very-long-title",
    ]

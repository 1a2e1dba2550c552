"""Dates in six languages, and whether somebody wrote or read on that day."""

from __future__ import annotations

import pytest

from preserve.cite import citations
from preserve.cite.dates import dates
from preserve.documents import read


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("12 January 2021", "2021-01-12"),
        ("January 12, 2021", "2021-01-12"),
        ("Jan. 2nd, 2021", "2021-01-02"),
        ("2021-01-12", "2021-01-12"),
        ("2015-11", "2015-11"),
        ("November 2015", "2015-11"),
        ("2013", "2013"),
        ("3.5.2024", "2024-05-03"),
        ("3. Mai 2024", "2024-05-03"),
        ("1er mars 2019", "2019-03-01"),
        ("5 août 2012", "2012-08-05"),
        ("12 de mayo de 2019", "2019-05-12"),
        ("7 марта 1931", "1931-03-07"),
        ("12 մայիսի 2019", "2019-05-12"),
        ("2019, April 2", "2019-04-02"),
        ("25/12/2020", "2020-12-25"),
        ("12/25/2020", "2020-12-25"),
        ("3/5/2024", "2024"),
        ("31 June 2020", "2020-06"),
    ],
)
def test_as_precise_as_the_print(text: str, iso: str) -> None:
    assert [date.iso for date in dates(f"on {text}, they")] == [iso]


@pytest.mark.parametrize("text", ["99.99.2020 x", "13/13/2020", "no date", "10.1234/5678", "section 12.3.4"])
def test_what_is_no_date(text: str) -> None:
    assert not [date for date in dates(text) if not date.year_only]


@pytest.mark.parametrize(
    "text",
    [
        "(accessed 3 May 2024)",
        "last visited on 3 May 2024",
        "Retrieved May 3, 2024, from",
        "zuletzt abgerufen am 3. Mai 2024",
        "Zugriff am 3.5.2024",
        "consulté le 3 mai 2024",
        "consultado el 3 de mayo de 2024",
        "дата обращения: 03.05.2024",
        "վերջին այցելություն՝ 3.05.2024",
    ],
)
def test_a_date_of_access_is_none_of_publication(text: str) -> None:
    assert [date.iso for date in dates(text) if date.access] == ["2024-05-03"]
    (citation,) = citations(read("a.txt", f"Weir (7 March 1931), https://a.example.org/x, {text}.".encode()))
    assert citation.date == "1931-03-07"
    (citation,) = citations(read("a.txt", f"Weir, https://a.example.org/x, {text}.".encode()))
    assert citation.date is None
    assert "2024" in citation.text


@pytest.mark.parametrize(
    ("text", "title", "date"),
    [
        ("Weir, “The Winch”, Gazette (12 May 2019), online: <{}>.", "The Winch", "2019-05-12"),
        ("Weir, “On “The Winch” of 1887” (2 May 2019) {}", "On “The Winch” of 1887", "2019-05-02"),
        ("Weir, «Le treuil», 2019, {}", "Le treuil", "2019"),
        ("Weir, „Die Winde“, 3.5.2019, {}", "Die Winde", "2019-05-03"),
        ('Weir, "The Winch." Gazette, March 2019. {}', "The Winch", "2019-03"),
        ("Weir, A. (2019). The winch at the crossing. Gazette. {}", "The winch at the crossing", "2019"),
        ("Вейр А. Лебёдка переправы // Вестник. 2019. URL: {}", "Лебёдка переправы", "2019"),
        ("Weir, The Winch, {}", None, None),
        ("Weir, “The Winch”, {} (12 May 2019).", "The Winch", "2019-05-12"),
    ],
)
def test_title_and_date_nearest_before_the_address(text: str, title: str | None, date: str | None) -> None:
    (citation,) = citations(read("a.txt", text.format("https://a.example.org/x").encode()))
    assert (citation.title, citation.date) == (title, date)


def test_each_address_of_a_note_has_its_own_title_and_text() -> None:
    note = "1 Weir, “One” (2 May 2019), https://a.example.org/1. See also Holm, “Two” (2011), https://b.example.org/2; https://c.example.org/3."
    found = citations(read("a.txt", f"A text.1\n\n{note}\n".encode()))
    assert [(c.title, c.date, c.text) for c in found] == [
        ("One", "2019-05-02", "Weir, “One” (2 May 2019), https://a.example.org/1."),
        ("Two", "2011", "See also Holm, “Two” (2011), https://b.example.org/2;"),
        ("Two", "2011", "https://c.example.org/3."),
    ]


def test_an_archive_beside_the_original_shares_its_title() -> None:
    found = citations(read("a.txt", "Weir, “One” (2 May 2019), https://a.example.org/1 [https://perma.cc/AB12-CD34].".encode()))
    assert [(c.url, c.title) for c in found] == [("https://a.example.org/1", "One"), ("https://perma.cc/AB12-CD34", "One")]

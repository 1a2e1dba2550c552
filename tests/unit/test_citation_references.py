"""Cross references and identifiers: where they lead, or why they lead nowhere."""

from __future__ import annotations

import pytest

from preserve.cite import citations
from preserve.documents import read
from preserve.model.document import Citation, CitationKind


def of(*notes: str) -> tuple[Citation, ...]:
    body = " ".join(f"The ferry runs again.{n}" for n in range(1, len(notes) + 1))
    listed = "\n".join(f"{n}. {note}" for n, note in enumerate(notes, 1))
    return citations(read("a.txt", f"{body}\n\nNotes\n\n{listed}\n".encode()))


FIRST = "Weir, “The Winch”, https://a.example.org/1."


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        ("Ibid.", "ibid"),
        ("Ibid, at 4.", "ibid"),
        ("Id. at 12.", "ibid"),
        ("See ibid.", "ibid"),
        ("Ebd., S. 3.", "ibid"),
        ("Vgl. ebenda.", "ibid"),
        ("Там же. С. 4.", "ibid"),
        ("Ibíd., p. 4.", "ibid"),
        ("Նույն տեղում, էջ 4։", "ibid"),
        ("Weir, supra note 1, at 4.", "supra"),
        ("Supra n. 1.", "supra"),
        ("See note 1 above.", "supra"),
        ("Weir (n 1) 45.", "supra"),
        ("Weir (wie Anm. 1), S. 3.", "supra"),
        ("Siehe Fn. 1.", "supra"),
        ("Voir note 1 ci-dessus.", "supra"),
        ("Véase nota 1.", "supra"),
        ("См. прим. 1.", "supra"),
        ("Տե՛ս ծանոթ. 1։", "supra"),
        ("Weir, op. cit., p. 7.", "supra"),
        ("Weir, a.a.O., S. 7.", "supra"),
    ],
)
def test_forms_of_reference(note: str, kind: str) -> None:
    _, refers = of(FIRST, note)
    assert (str(refers.kind), refers.refers_to, refers.url, refers.problem) == (kind, "1", "https://a.example.org/1", None)
    assert not refers.fetchable
    assert refers.url_as_printed is None


def test_a_chain_is_followed_and_the_named_note_is_told() -> None:
    found = of(FIRST, "Ibid.", "Ibid.", "Supra note 3.")
    assert [(c.note, c.refers_to, c.url) for c in found[1:]] == [
        ("2", "1", "https://a.example.org/1"),
        ("3", "2", "https://a.example.org/1"),
        ("4", "3", "https://a.example.org/1"),
    ]


def test_one_row_for_each_address_of_the_note_referred_to() -> None:
    found = of(FIRST + " See also https://b.example.org/2.", "Ibid.")
    assert [c.url for c in found if c.kind is CitationKind.IBID] == ["https://a.example.org/1", "https://b.example.org/2"]


def test_ibid_after_a_citation_of_the_same_note_means_that_one() -> None:
    found = of(FIRST, "Holm, https://b.example.org/2; ibid., p. 3.")
    assert [(c.refers_to, c.url) for c in found if c.kind.refers] == [("2", "https://b.example.org/2")]


@pytest.mark.parametrize(
    ("notes", "problem"),
    [
        ((FIRST, "Supra note 3.", "https://c.example.org/3."), "note 3, which it names, comes later"),
        ((FIRST, "Supra note 2."), "note 2, which it names, is this note itself"),
        (("Weir, p. 3 (1931).", "Ibid."), "note 1 cites no address"),
        (("Ibid.", FIRST), "there is no note before it"),
        ((FIRST, "Lund, op. cit., p. 7."), "no earlier note with “Lund” in it"),
    ],
)
def test_what_stays_unresolved_says_why(notes: tuple[str, ...], problem: str) -> None:
    (refers,) = [c for c in of(*notes) if c.kind.refers]
    assert (refers.url, refers.problem) == (None, problem)


def test_a_note_without_a_text_stays_unresolved() -> None:
    text = "Runs.1 Runs.2 Runs.3 Runs.4\n\n1 Weir, https://a.example.org/1.\n4 Holm, supra note 2, p. 3.\n"
    (refers,) = [c for c in citations(read("a.txt", text.encode())) if c.kind.refers]
    assert (refers.refers_to, refers.problem) == ("2", "note 2, which it names, has no text in the document")


@pytest.mark.parametrize(
    ("printed", "kind", "url"),
    [
        ("doi:10.1234/abc.5", "doi", "https://doi.org/10.1234/abc.5"),
        ("DOI 10.1234/abc(2019)5", "doi", "https://doi.org/10.1234/abc(2019)5"),
        ("10.1002/(SICI)1097<1:AID>3.0", "doi", "https://doi.org/10.1002/(SICI)1097"),
        ("arXiv:1704.01234v2", "arxiv", "https://arxiv.org/abs/1704.01234v2"),
        ("arXiv:hep-th/9901001", "arxiv", "https://arxiv.org/abs/hep-th/9901001"),
        ("hdl:2027/mdp.39015", "handle", "https://hdl.handle.net/2027/mdp.39015"),
        ("urn:nbn:de:101:1-2018", "urn-nbn", "https://nbn-resolving.org/urn:nbn:de:101:1-2018"),
        ("https://doi.org/10.1234/abc", "url", "https://doi.org/10.1234/abc"),
        ("doi.org/10.1234/abc", "url", "https://doi.org/10.1234/abc"),
    ],
)
def test_identifiers_and_their_resolvers(printed: str, kind: str, url: str) -> None:
    (found,) = of(f"Weir, {printed}, p. 3.")
    assert (str(found.kind), found.url) == (kind, url)
    assert found.fetchable


def test_a_book_number_is_left_alone() -> None:
    assert of("Weir, ISBN 978-3-16-148410-0, ISSN 1234-5678.") == ()


def test_a_broken_identifier_is_joined() -> None:
    text = "Runs.1\n\n1 Weir, The winch and its chains, Journal of the Valley, doi:10.1234/valley.\n2019.12.html and more.\n"
    (found,) = citations(read("a.txt", text.encode()))
    assert found.url in {"https://doi.org/10.1234/valley.2019.12.html", "https://doi.org/10.1234/valley"}


def test_an_address_that_is_missing_is_reported() -> None:
    found = of("Weir, “The Winch” (2 May 2019), online (pdf):", FIRST)
    assert (found[0].url, found[0].url_as_printed, found[0].title, found[0].date) == (None, None, "The Winch", "2019-05-02")
    assert found[0].problem == "the address is missing: no address follows"

"""Notes in plain text: marks told from other numbers, lost numbers inferred, notes that go on over a page."""

from __future__ import annotations

from preserve.cite import citations
from preserve.documents import read
from preserve.model.document import Document, Where


def text(*pages: str) -> Document:
    return read("a.txt", "\f".join(pages).encode())


def notes(document: Document) -> list[tuple[str | None, str | None]]:
    return [(passage.mark, passage.inferred) for passage in document.notes]


PAGE = "The ferry runs in spring.{} It rests in winter, when the river is low and the\nchain is taken out to be oiled.{} Then it runs.\n"


def test_a_page_number_is_no_note() -> None:
    document = text(
        PAGE.format(1, 2) + "\n1\nWeir, “The Winch”, <www.a.example.org/x>.\n2\nIbid.\n\n1\n",
        PAGE.format(3, 4) + "\n3\nHolm, “Rope”, <www.b.example.org/x>.\n4\nIbid.\n\n2\n",
    )
    assert notes(document) == [("1", None), ("2", None), ("3", None), ("4", None)]
    assert document.pages == 2
    assert [(c.note, c.page) for c in citations(document) if not c.kind.refers] == [("1", 1), ("3", 2)]


def test_a_list_in_the_body_is_no_note() -> None:
    document = text(
        "Steps:\n1. Open https://a.example.org/x first.\n2. Then go on to the next step.\n3. Close it.\n\nThe text goes on after it.\n"
        * 3
    )
    assert notes(document) == []


def test_a_lost_number_is_inferred_from_its_neighbours_and_the_marks() -> None:
    document = text(
        PAGE.format(1, 2) + "\n1\nWeir, “The Winch”, <www.a.example.org/x>.\n2\nIbid.\n",
        PAGE.format(3, 4) + "\nHolm, “Rope”, online: <www.b.example.org/x>.\n4\nLund, <www.c.example.org/y>.\n",
    )
    assert notes(document) == [("1", None), ("2", None), (None, "3"), ("4", None)]
    lost = [c for c in citations(document) if c.note is None]
    assert [(c.note_inferred, c.url) for c in lost] == [("3", "https://www.b.example.org/x")]


def test_a_cross_reference_swallowed_by_the_note_before_it_is_a_note() -> None:
    document = text(
        PAGE.format(1, 2) + PAGE.format(3, 4) + "\n1\nWeir, <www.a.example.org/x>.\nIbid, at 4.\n3\nHolm, p 3.\n4\nLund, p 2.\n"
    )
    assert notes(document) == [("1", None), (None, "2"), ("3", None), ("4", None)]


def test_an_address_goes_on_in_the_same_note_on_the_next_page() -> None:
    document = text(
        PAGE.format(1, 2) + "\n1 Weir, p. 3.\n2 Holm, “Rope”, https://a.example.org/reports/2019/\n\n7\n",
        "The River Almanac\n\n" + PAGE.format(3, "") + "\nrope-and-its-price.pdf (accessed 3 May 2020).\n3 Ibid.\n\n8\n",
    )
    assert [c.url for c in citations(document) if c.note == "2"] == [
        "https://a.example.org/reports/2019/rope-and-its-price.pdf"
    ]


def test_running_heads_and_feet_are_left_out_but_not_lost() -> None:
    page = (
        "The River Almanac   {}\n\n"
        + PAGE
        + "\n{} Weir, https://a.example.org/{}.\n\nDownloaded from https://foot.example.org/x\n"
    )
    document = text(*(page.format(n, n, "", n, n) for n in range(1, 6)))
    found = citations(document)
    assert [(c.note, c.url) for c in found if c.where is Where.NOTES] == [
        (str(n), f"https://a.example.org/{n}") for n in range(1, 6)
    ]


def test_numbering_may_start_over() -> None:
    chapter = PAGE.format(1, 2) + "\nNotes\n\n1. Weir, https://a.example.org/{0}.\n2. Holm, https://b.example.org/{0}.\n\n"
    document = text(chapter.format("one") + "Chapter Two\n\n" + chapter.format("two"))
    found = [(c.note, c.url) for c in citations(document)]
    assert found == [
        ("1", "https://a.example.org/one"),
        ("2", "https://b.example.org/one"),
        ("1", "https://a.example.org/two"),
        ("2", "https://b.example.org/two"),
    ]


def test_body_goes_on_after_the_notes_of_a_page() -> None:
    document = text(
        PAGE.format(1, 2) + "\n1 Weir, https://a.example.org/x.\n2 Ibid.\n\n",
        "The body goes on at https://b.example.org/y here.\n",
    )
    assert [(c.where, c.url) for c in citations(document) if not c.kind.refers] == [
        (Where.NOTES, "https://a.example.org/x"),
        (Where.BODY, "https://b.example.org/y"),
    ]


def test_marks_without_a_text_are_counted() -> None:
    document = text(
        PAGE.format(1, 2)
        + PAGE.format(3, 4)
        + PAGE.format(5, 6)
        + "\n1 Weir, https://a.example.org/x.\n2 Ibid.\n6 Lund, https://c.example.org/z.\n"
    )
    assert document.note_count == 6
    assert document.marks == ("1", "2", "3", "4", "5", "6")

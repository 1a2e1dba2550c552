"""PDF: what place, size and mark tell; each page is written by hand, so that the answer is known."""

from __future__ import annotations

import pytest

from pdfs import UNMAPPED, Sheet, pdf
from preserve.cite import citations
from preserve.documents import read
from preserve.documents.pdf_page import longer_than
from preserve.errors import FormatError
from preserve.model.document import Document, Where

PROSE = [
    "The ferry at the lower crossing has run since the spring of the year",
    "in which the old bridge was closed, and the council of the eastern bank",
    "has kept its minutes in a cupboard behind the toll house ever since. In",
    "dry summers the gauge at the mill shows less than a man is tall, and the",
    "crossing is made on foot by all who know where the chains lie in the bed",
]
SITE = "https://www.ferry.example.org"


def opened(*sheets: Sheet) -> Document:
    return read("paper.pdf", pdf(list(sheets)))


def notes(document: Document) -> list[tuple[str | None, str]]:
    return [(note.mark, "\n".join(line.text for line in note.lines)) for note in document.notes]


def body(document: Document) -> str:
    return "\n".join(line.text for passage in document.passages if passage.where is Where.BODY for line in passage.lines)


def page(first: int, *feet: str, marks: int | None = None, begin: int | None = None) -> Sheet:
    """A page of prose, from its line `begin` on, with raised marks from `first` on, and lines of notes at its foot."""
    at = first if begin is None else begin
    sheet = Sheet().lines(72, 720, (PROSE * 4)[at % 5 :][:15])
    for at in range(len(feet) if marks is None else marks):
        sheet.mark(445, 720 - 26 * at, str(first + at))
    return sheet.lines(72, 130, list(feet), size=8, leading=10)


def test_notes_at_the_foot_are_told_by_size_and_mark() -> None:
    document = opened(page(1, f"1 Anna Weir, The Winch, {SITE}/winch.", "2 Ibid.", "3 J. Holm, Rope and its Price (2011)."))
    assert [mark for mark, _ in notes(document)] == ["1", "2", "3"]
    assert document.marks == ("1", "2", "3")
    assert document.pages == 1
    assert body(document).splitlines()[0].endswith(" ¹")
    (first, *_) = document.notes
    assert (first.lines[0].page, first.lines[0].number) == (1, 16)


def test_a_number_within_a_note_is_no_mark() -> None:
    document = opened(
        page(
            11,
            "11 A. Weir, The Winch and the Long Shed, a lecture that was held before the council and printed in the Gazette of",
            "12 November 2011, at page 4.",
            "12 See the minutes of the council.",
            marks=2,
        )
    )
    assert [(mark, text.count("\n")) for mark, text in notes(document)] == [("11", 1), ("12", 0)]


def test_a_note_goes_on_over_the_page() -> None:
    first = page(1, f"1 The minutes are at {SITE}/minutes/of-the-", marks=1)
    second = page(2, "council/index.html and nowhere else.", "2 Ibid.", marks=1)
    document = opened(first, second)
    assert notes(document)[0][1].splitlines()[1] == "council/index.html and nowhere else."
    assert [line.page for line in document.notes[0].lines] == [1, 2]
    assert [row.url for row in citations(document) if row.url_as_printed] == [f"{SITE}/minutes/of-the-council/index.html"]


def test_notes_of_the_bodys_size_below_a_rule() -> None:
    sheet = Sheet().lines(72, 720, PROSE * 2).mark(445, 720, "1").mark(445, 707, "2").rule(72, 140)
    sheet.lines(72, 126, [f"1 Anna Weir, {SITE}/winch.", "2 See the minutes", "of the council."])
    assert notes(opened(sheet)) == [("1", f"1 Anna Weir, {SITE}/winch."), ("2", "2 See the minutes\nof the council.")]


def test_notes_that_start_with_a_raised_mark_and_signs() -> None:
    sheet = Sheet().lines(72, 720, PROSE * 2).mark(445, 720, "*").mark(445, 707, "1")
    sheet.mark(72, 130, "*", 8).text(77, 130, "The author keeps the light.", 8).mark(72, 120, "1", 8).text(
        77, 120, f"{SITE}/light.", 8
    )
    assert notes(opened(sheet)) == [("*", "* The author keeps the light."), ("1", f"¹ {SITE}/light.")]


def test_numbers_may_start_over_on_each_page() -> None:
    document = opened(page(1, "1 First.", "2 Second."), page(1, "1 Third.", "2 Fourth.", begin=3))
    assert notes(document) == [("1", "1 First."), ("2", "2 Second."), ("1", "1 Third."), ("2", "2 Fourth.")]


def test_small_print_without_a_mark_is_body() -> None:
    document = opened(
        Sheet()
        .lines(72, 720, PROSE * 2)
        .lines(72, 500, ["Figure 3: the winch house from the north.", "Picture: the council."], size=8)
    )
    assert notes(document) == []
    assert "Figure 3" in body(document)


def test_running_heads_and_page_numbers_are_dropped() -> None:
    def with_head(number: int) -> Sheet:
        return (
            page(number, f"{number} See {SITE}/{number}.")
            .text(200, 760, "Valley Studies, Volume 12")
            .text(300, 40, str(number + 40))
        )

    document = opened(*(with_head(number) for number in (1, 2, 3)))
    every = "\n".join(line.text for passage in document.passages for line in passage.lines)
    assert "Valley Studies" not in every
    assert not {"41", "42", "43"} & set(every.split())
    assert [mark for mark, _ in notes(document)] == ["1", "2", "3"]


def test_two_columns_are_read_one_after_the_other() -> None:
    short = [line[:38] for line in PROSE]
    sheet = Sheet().text(72, 750, "A title that runs over both of the columns of this page, from edge to edge", 13)
    sheet.lines(72, 720, short * 3, size=10).lines(320, 720, [line.upper() for line in short * 3], size=10)
    sheet.mark(268, 720, "1", 10).mark(560, 720, "2", 10)
    sheet.lines(72, 130, [f"1 {SITE}/left."], size=7).lines(320, 130, [f"2 {SITE}/right."], size=7)
    document = opened(sheet)
    assert notes(document) == [("1", f"1 {SITE}/left."), ("2", f"2 {SITE}/right.")]
    found = body(document)
    assert found.index(short[4]) < found.index(short[0].upper())
    assert found.startswith("A title")


def test_a_hyphen_at_a_line_end_is_one() -> None:
    document = opened(page(1, f"1 See {SITE}/the-winch-", "house.html for a picture.", marks=1))
    assert notes(document)[0][1].splitlines()[0].endswith("the-winch-")
    assert [row.url for row in citations(document)] == [f"{SITE}/the-winch-house.html"]


def test_a_link_decides_what_the_print_lost() -> None:
    sheet = page(1, "1 See https://ferry.example.org/the winch/house.html (2011).", marks=1)
    document = opened(sheet.link(93, 127, 262, 139, "https://ferry.example.org/the_winch/house.html"))
    (line,) = document.notes[0].lines
    assert [(line.text[link.start : link.end].strip(), link.href) for link in line.links] == [
        ("https://ferry.example.org/the winch/house.html", "https://ferry.example.org/the_winch/house.html")
    ]
    assert citations(document)[0].url == "https://ferry.example.org/the_winch/house.html"


def test_a_link_over_two_lines_is_one_citation() -> None:
    sheet = page(1, f"1 See {SITE}/exhibits/", "winch.html (2011).", marks=1)
    address = f"{SITE}/exhibits/winch.html"
    document = opened(sheet.link(88, 127, 240, 139, address).link(72, 117, 112, 129, address))
    assert [row.url for row in citations(document)] == [address]


def test_only_links_to_the_web_are_kept() -> None:
    sheet = (
        page(1, "1 See the file.", marks=1)
        .link(72, 127, 200, 139, "file:///etc/passwd")
        .link(72, 127, 200, 139, "javascript:alert")
    )
    assert citations(opened(sheet)) == ()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_is_shown_turned_is_read(turn: int) -> None:
    sheet = page(1, f"1 See {SITE}/winch.", marks=1)
    sheet.turn = turn
    assert notes(opened(sheet)) == [("1", f"1 See {SITE}/winch.")]


def test_text_that_is_set_sideways_is_read() -> None:
    sheet = Sheet()
    for at, line in enumerate(PROSE):
        sheet.parts.append(f"BT /F1 10 Tf 0 1 -1 0 {100 + 13 * at} 72 Tm ({line}) Tj ET")
    assert body(opened(sheet)).splitlines() == PROSE


def test_endnotes_under_a_heading() -> None:
    pages = [Sheet().lines(72, 720, PROSE * 3).mark(445, 720, "1").mark(445, 707, "2").mark(445, 694, "3")]
    pages.append(
        Sheet()
        .text(72, 720, "Notes", 14)
        .lines(72, 690, [f"1. Anna Weir, {SITE}/winch.", f"2. J. Holm, {SITE}/rope.", f"3. See {SITE}/light."])
    )
    assert [mark for mark, _ in notes(opened(*pages))] == ["1", "2", "3"]


SCANNED = Sheet(picture=True)
REFUSED = {
    "scanned": (pdf([SCANNED, SCANNED]), "scanned"),
    "empty": (pdf([Sheet()]), "no text"),
    "unmapped": (pdf([Sheet().lines(72, 700, PROSE)], UNMAPPED), "unreadable"),
    "cut": (pdf([Sheet().lines(72, 700, PROSE)])[:120], "broken"),
    "head only": (b"%PDF-1.7\n", "broken"),
    "no pages": (pdf([]), "broken"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_said_with_what_to_do(kind: str) -> None:
    data, words = REFUSED[kind]
    with pytest.raises(FormatError) as failure:
        read("paper.pdf", data)
    assert words in failure.value.message
    assert "pdf" in failure.value.hint.lower()


def test_pages_that_are_pictures_are_named() -> None:
    document = opened(page(1, "1 See the minutes.", marks=1), SCANNED, SCANNED)
    assert document.pages == 3
    assert document.remarks[0].startswith("pages 2, 3: a picture without text")


def test_other_bytes_before_the_header_are_passed_over() -> None:
    assert read("paper.pdf", b"\0\0junk\n" + pdf([page(1, "1 See the minutes.", marks=1)])).media_type == "application/pdf"
    assert read("paper.txt", b"A text about %PDF-1.4 files.").media_type == "text/plain"


def test_sections_and_items_have_numbers_and_are_no_notes() -> None:
    first = (
        Sheet().text(72, 740, "1 The Crossing", 14).lines(72, 715, PROSE).text(72, 600, "2 The Light", 14).lines(72, 575, PROSE)
    )
    first.lines(
        90, 480, ["1. See page 1 of the minutes.", f"2. See page 2, and {SITE}/light.", "3. See page 3, then ask the council."]
    )
    document = opened(first, Sheet().text(72, 740, "3 The Gauge", 14).lines(72, 715, PROSE))
    assert notes(document) == []
    assert [(row.where, row.url) for row in citations(document)] == [(Where.BODY, f"{SITE}/light")]


def test_a_line_drawn_below_an_address_is_no_rule_above_notes() -> None:
    sheet = page(1, f"1 {SITE}/winch.", f"2 {SITE}/rope.", "3 Ibid.").rule(72, 128.5, 110).rule(80, 118.5, 100)
    assert [mark for mark, _ in notes(opened(sheet))] == ["1", "2", "3"]


def test_places_far_off_the_page_are_passed_over() -> None:
    sheet = page(1, "1 See the minutes.", marks=1).text(9e11, 400, "far").text(100, -4e12, "deep").text(100, 400, "huge", 1e9)
    assert [mark for mark, _ in notes(opened(sheet))] == ["1"]


def test_how_long_a_pdf_is_can_be_told_without_reading_it() -> None:
    sheets = [Sheet().text(72, 700, "The ferry runs at noon.") for _ in range(4)]
    assert longer_than(pdf(sheets), 80)
    assert not longer_than(pdf(sheets), 200)
    assert not longer_than(b"%PDF-1.7 nothing more", 0)

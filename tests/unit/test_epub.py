"""EPUB: a book of pages whose notes may lie in another file."""

from __future__ import annotations

import pytest

from packages import epub, packed
from preserve.documents import read
from preserve.errors import FormatError
from preserve.model.document import Document

LINK = "https://www.ferry.example.org/exhibits/winch"


def opened(data: bytes) -> Document:
    return read("book.epub", data)


def test_notes_in_another_file_with_the_same_ids() -> None:
    def chapter(number: int) -> str:
        return f'<p><a id="top"/>Chapter {number} says.<a epub:type="noteref" href="notes.xhtml#c{number}n1">1</a></p>'

    def note(number: int) -> str:
        return f'<li id="c{number}n1"><p>A. Weir, {LINK}/{number} <a href="{number}.xhtml#top">↩</a></p></li>'

    document = opened(epub({"1.xhtml": chapter(1), "2.xhtml": chapter(2), "notes.xhtml": f"<ol>{note(1)}{note(2)}</ol>"}))
    assert [(each.mark, each.lines[0].text) for each in document.notes] == [
        ("1", f"A. Weir, {LINK}/1"),
        ("1", f"A. Weir, {LINK}/2"),
    ]
    assert all(line.number is None for passage in document.passages for line in passage.lines)


def test_asides_within_a_chapter_and_links_to_the_web() -> None:
    page = f'<p>It runs.<a epub:type="noteref" href="#f1">*</a></p><aside epub:type="footnote" id="f1"><p>* See <a href="{LINK}">the winch</a>.</p></aside>'
    document = opened(epub({"a%20b.xhtml": "<p>front</p>", "c.xhtml": page}))
    (note,) = document.notes
    assert (note.mark, [link.href for link in note.lines[0].links]) == ("*", [LINK])


def test_the_order_is_the_spines() -> None:
    document = opened(epub({"z.xhtml": "<p>first</p>", "a.xhtml": "<p>second</p>"}))
    assert [passage.lines[0].text for passage in document.passages] == ["first", "second"]


def test_copy_protection_is_told_and_protected_fonts_do_not_matter() -> None:
    encryption = (
        '<encryption xmlns="e"><EncryptedData><CipherData><CipherReference URI="{}"/></CipherData></EncryptedData></encryption>'
    )
    assert opened(epub({"a.xhtml": "<p>x</p>"}, encryption=encryption.format("OEBPS/font.otf"))).passages
    with pytest.raises(FormatError, match="encrypted"):
        opened(epub({"a.xhtml": "<p>x</p>"}, encryption=encryption.format("OEBPS/a.xhtml")))


def test_a_book_without_pages_or_without_a_package_is_told() -> None:
    with pytest.raises(FormatError, match="no page"):
        opened(epub({}))
    with pytest.raises(FormatError, match="missing"):
        opened(packed({"mimetype": "application/epub+zip"}))
    with pytest.raises(FormatError, match="names no book"):
        opened(packed({"mimetype": "application/epub+zip", "META-INF/container.xml": "<container/>"}))


def test_an_older_package_names_a_document_type_that_is_not_fetched() -> None:
    parts = {
        "META-INF/container.xml": '<!DOCTYPE container PUBLIC "x" "http://127.0.0.1:9/x.dtd"><container><rootfile full-path="b.opf"/></container>',
        "b.opf": '<package><manifest><item id="a" href="a.html" media-type="text/html"/></manifest><spine><itemref idref="a"/></spine></package>',
        "a.html": "<p>old</p>",
    }
    assert opened(packed(parts)).passages[0].lines[0].text == "old"

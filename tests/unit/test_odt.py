"""ODT: printed marks, links, lists, what is deleted."""

from __future__ import annotations

import pytest

from packages import odt, packed
from preserve.documents import read
from preserve.errors import FormatError
from preserve.model.document import Document, Where

LINK = "https://www.ferry.example.org/exhibits/winch"


def opened(data: bytes) -> Document:
    return read("paper.odt", data)


def body(document: Document) -> list[str]:
    return ["\n".join(line.text for line in passage.lines) for passage in document.passages if passage.where is Where.BODY]


def note(mark: str, text: str, kind: str = "footnote") -> str:
    return f'<text:note text:note-class="{kind}"><text:note-citation>{mark}</text:note-citation><text:note-body><text:p>{text}</text:p></text:note-body></text:note>'


def test_marks_are_those_that_were_printed() -> None:
    document = opened(
        odt(
            f"<text:p>One{note('*', 'star')} two{note('1', 'first')} three{note('i', 'end', 'endnote')}.</text:p><text:p>Later.</text:p>"
        )
    )
    assert [(each.mark, each.lines[0].text, each.order) for each in document.notes] == [
        ("*", "star", None),
        ("1", "first", 1),
        ("i", "end", None),
    ]
    assert body(document) == ["One* two¹ threei.", "Later."]
    assert document.passages[-1].mark == "i"


def test_links_spaces_and_line_breaks() -> None:
    text = f'<text:p>See<text:s text:c="2"/><text:a xlink:href="{LINK}">the <text:span>winch</text:span></text:a><text:tab/>and<text:line-break/>more.</text:p>'
    document = opened(odt(text))
    assert body(document) == ["See  the winch and\nmore."]
    line = document.passages[0].lines[0]
    assert [(line.text[link.start : link.end], link.href) for link in line.links] == [("the winch", LINK)]


def test_a_link_over_a_line_break_lies_on_both_lines() -> None:
    document = opened(odt(f'<text:p><text:a xlink:href="{LINK}">one<text:line-break/>two</text:a> three</text:p>'))
    assert [[(link.start, link.end) for link in line.links] for line in document.passages[0].lines] == [[(0, 3)], [(0, 3)]]


def test_what_is_deleted_or_said_beside_the_text_is_left_out() -> None:
    text = "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region></text:tracked-changes>"
    text += "<text:p>kept<office:annotation><text:p>remark</text:p></office:annotation> text</text:p>"
    assert body(opened(odt(text))) == ["kept text"]


def test_lists_have_their_numbers() -> None:
    styles = '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-prefix="[" style:num-suffix="]"/></text:list-style>'
    listed = "".join(
        f"<text:list-item><text:p>{each}</text:p><text:p>more</text:p></text:list-item>" for each in ("one", "two")
    )
    text = f'<text:list text:style-name="L">{listed}</text:list><text:list text:style-name="L" text:continue-numbering="true"><text:list-item><text:p>three</text:p></text:list-item></text:list>'
    assert body(opened(odt(text, styles))) == ["[1] one", "more", "[2] two", "more", "[3] three"]


def test_raised_digits_are_raised() -> None:
    styles = '<style:style style:name="T1"><style:text-properties style:text-position="super 58%"/></style:style><style:style style:name="T2"><style:text-properties style:text-position="-33% 58%"/></style:style>'
    assert body(
        opened(
            odt(
                '<text:p>a<text:span text:style-name="T1">12</text:span>b<text:span text:style-name="T2">2</text:span></text:p>',
                styles,
            )
        )
    ) == ["a¹²b2"]


def test_a_text_box_follows_its_paragraph() -> None:
    assert body(
        opened(odt("<text:p>a<draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame>b</text:p>"))
    ) == ["ab", "boxed"]


def test_an_encrypted_document_is_told() -> None:
    manifest = '<manifest:manifest xmlns:manifest="m"><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    with pytest.raises(FormatError, match="encrypted ODT"):
        opened(odt("<text:p>x</text:p>", manifest=manifest))


@pytest.mark.parametrize(
    "content", ["<a/>", "<a", "", "<office:document-content xmlns:office='o'><office:body/></office:document-content>"]
)
def test_a_broken_content_is_named(content: str) -> None:
    with pytest.raises(FormatError, match=r"content\.xml"):
        opened(packed({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content}))

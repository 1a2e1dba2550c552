"""DOCX: what a printed page shows of notes, links, revisions and numbers."""

from __future__ import annotations

import pytest

from packages import docx, docx_parts, foot, packed, para, run
from preserve.documents import read
from preserve.errors import FormatError
from preserve.model.document import Document, Where

LINK = "https://www.ferry.example.org/exhibits/winch"


def opened(data: bytes) -> Document:
    return read("paper.docx", data)


def texts(document: Document, where: Where = Where.BODY) -> list[str]:
    return ["\n".join(line.text for line in passage.lines) for passage in document.passages if passage.where is where]


def hrefs(document: Document) -> list[tuple[str, str]]:
    return [
        (line.text[link.start : link.end], link.href)
        for passage in document.passages
        for line in passage.lines
        for link in line.links
    ]


def test_notes_are_numbered_by_the_order_of_their_marks() -> None:
    body = para(run("First."), foot(7)) + para(run("Second."), foot(3), run(" Third."), foot(5))
    document = opened(docx(body, {3: para(run("three")), 5: para(run("five")), 7: para(run(" seven"))}))
    assert [(note.mark, note.lines[0].text) for note in document.notes] == [("1", "seven"), ("2", "three"), ("3", "five")]
    assert texts(document) == ["First.¹", "Second.² Third.³"]
    assert [passage.where.value for passage in document.passages] == ["body", "notes", "body", "notes", "notes"]
    assert document.marks == ("1", "2", "3")


def test_endnotes_are_roman_unless_the_settings_say_otherwise() -> None:
    body = para(run("A"), foot(2, "endnote"), run(" B"), foot(3, "endnote"), foot(2))
    notes = {2: para(run("x")), 3: para(run("y"))}
    assert [note.mark for note in opened(docx(body, {2: para(run("f"))}, notes)).notes] == ["1", "i", "ii"]
    settings = '<w:endnotePr><w:numFmt w:val="decimal"/><w:numStart w:val="5"/></w:endnotePr>'
    assert [note.mark for note in opened(docx(body, {2: para(run("f"))}, notes, settings=settings)).notes] == ["1", "5", "6"]


def test_numbers_start_over_where_a_section_says_so() -> None:
    section = (
        '<w:sectPr><w:footnotePr><w:numFmt w:val="lowerLetter"/><w:numRestart w:val="eachSect"/></w:footnotePr></w:sectPr>'
    )
    body = para(run("A"), foot(1), foot(2), properties=section) + para(run("B"), foot(3)) + section
    document = opened(docx(body, {number: para(run("n")) for number in (1, 2, 3)}))
    assert [note.mark for note in document.notes] == ["a", "b", "a"]


def test_a_mark_of_the_authors_own_stands_as_it_is_and_does_not_count() -> None:
    own = '<w:r><w:footnoteReference w:id="1" w:customMarkFollows="1"/><w:sym w:font="Symbol" w:char="F02A"/></w:r>'
    document = opened(docx(para(run("A"), own, run(" B"), foot(2)), {1: para(run("star")), 2: para(run("one"))}))
    assert [(note.mark, note.order) for note in document.notes] == [("∗", None), ("1", 1)]
    assert texts(document) == ["A∗ B¹"]


def test_links_by_relationship_and_by_field() -> None:
    by_relation = '<w:hyperlink r:id="rId9" w:anchor="part"><w:r><w:t>the winch</w:t></w:r></w:hyperlink>'
    simple = f'<w:fldSimple w:instr=\' HYPERLINK "{LINK}" \\o "a tip" \'>{run("simple")}</w:fldSimple>'
    nested = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> HYPER</w:instrText></w:r><w:r><w:instrText>LINK </w:instrText></w:r>'
        f'<w:r><w:instrText>"{LINK}" \\l "top"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("a ")}'
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        f'{run("field")}<w:r><w:fldChar w:fldCharType="end"/></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>{run(" after")}'
    )
    document = opened(docx(para(by_relation, run(", "), simple, run(", "), nested), links={"rId9": f"{LINK}/a b"}))
    assert hrefs(document) == [("the winch", f"{LINK}/a%20b#part"), ("simple", LINK), ("a field", f"{LINK}#top")]
    assert texts(document) == ["the winch, simple, a field after"]


def test_links_within_the_document_are_none() -> None:
    inside = '<w:hyperlink w:anchor="_Toc1"><w:r><w:t>see below</w:t></w:r></w:hyperlink>'
    field = '<w:fldSimple w:instr="HYPERLINK \\l _Toc1"><w:r><w:t>there</w:t></w:r></w:fldSimple>'
    assert hrefs(opened(docx(para(inside, field)))) == []


def test_inserted_text_counts_and_deleted_text_does_not() -> None:
    body = para(
        run("kept "),
        f"<w:ins>{run('inserted ')}{foot(1)}</w:ins>",
        f"<w:del><w:r><w:delText>deleted</w:delText></w:r>{foot(2)}</w:del>",
        f"<w:moveFrom>{run('moved away')}</w:moveFrom><w:moveTo>{run('moved here')}</w:moveTo>",
        run("hidden", "<w:vanish/>"),
        run(" shown", '<w:vanish w:val="0"/>'),
        foot(3),
    )
    document = opened(docx(body, {1: para(run("one")), 2: para(run("gone")), 3: para(run("two"))}))
    assert texts(document) == ["kept inserted ¹moved here shown²"]
    assert [note.lines[0].text for note in document.notes] == ["one", "two"]


def test_what_is_no_letter() -> None:
    odd = '<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t><w:softHyphen/><w:t>d</w:t><w:br/><w:t>e</w:t><w:sym w:font="Symbol" w:char="F0B7"/></w:r>'
    assert texts(opened(docx(para(odd)))) == ["a b-c\u00add\ne•"]


def test_raised_numbers_are_marks_typed_by_hand() -> None:
    raised = '<w:vertAlign w:val="superscript"/>'
    body = para(run("The ferry has run since 1931."), run("1", raised), run(" It stops in winter."), run("2", raised))
    notes = (
        para(run("Notes"))
        + para(run("1", raised), run(f" Anna Weir, {LINK}."))
        + para(run("2", raised), run(f" See {LINK}/b."))
    )
    document = opened(docx(body + notes))
    assert [(note.mark, note.lines[0].text) for note in document.notes] == [
        ("1", f"¹ Anna Weir, {LINK}."),
        ("2", f"² See {LINK}/b."),
    ]


def test_numbers_of_lists_are_printed_as_their_level_says() -> None:
    numbering = (
        '<w:abstractNum w:abstractNumId="4"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="[%1]"/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="2"><w:abstractNumId w:val="4"/></w:num>'
    )

    def item(text: str, level: int = 0) -> str:
        return para(run(text), properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="2"/></w:numPr>')

    document = opened(docx(item("one") + item("in", 1) + item("in two", 1) + item("two") + item("in", 1), numbering=numbering))
    assert texts(document) == ["[1] one", "1.a) in", "1.b) in two", "[2] two", "2.a) in"]


def test_a_numbered_list_of_sources_is_read_as_notes() -> None:
    numbering = '<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:lvlText w:val="[%1]"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
    style = '<w:style w:styleId="Ref"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    listed = "".join(
        para(run(f"A. Weir, “Ferry {at}” (2019), {LINK}/{at}."), properties='<w:pStyle w:val="Ref"/>') for at in (1, 2, 3)
    )
    body = para(run("The ferry [1] and the winch [2] and the light [3].")) + para(run("References")) + listed
    document = opened(docx(body, numbering=numbering, styles=style))
    assert [note.mark for note in document.notes] == ["1", "2", "3"]


def test_a_text_box_is_read_once_after_its_paragraph() -> None:
    box = f"<wps:txbx><w:txbxContent>{para(run('in the box'))}</w:txbxContent></wps:txbx>"
    body = para(
        run("before"),
        f"<w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>",
        run(" after"),
    )
    assert texts(opened(docx(body))) == ["before after", "in the box"]


def test_a_table_and_a_content_control_are_read_in_order() -> None:
    body = f"<w:tbl><w:tr><w:tc>{para(run('cell'))}</w:tc></w:tr></w:tbl><w:sdt><w:sdtContent>{para(run('control'))}</w:sdtContent></w:sdt>"
    assert texts(opened(docx(body))) == ["cell", "control"]


def test_a_mark_whose_note_is_missing_is_told() -> None:
    document = opened(docx(para(run("A"), foot(9))))
    assert document.remarks == ("footnote 1 has no text",)
    assert document.note_count == 1


def test_the_strict_form_reads_alike() -> None:
    parts = docx_parts(para(run("A"), foot(1)), {1: para(run("strict"))})
    strict = {
        name: data.replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main"
        ).replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            "http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name, data in parts.items()
        if isinstance(data, str)
    }
    assert [note.lines[0].text for note in opened(packed(strict)).notes] == ["strict"]


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("word/document.xml", "<w:document xmlns:w='x'/>", "no body"),
        ("word/document.xml", "<w:document", "not well-formed"),
        ("_rels/.rels", "<Relationships", "not well-formed"),
        ("word/footnotes.xml", "plain words", "not well-formed"),
    ],
)
def test_a_broken_part_is_named(part: str, text: str, message: str) -> None:
    parts = docx_parts(para(run("A")), {1: para(run("x"))})
    parts[part] = text
    with pytest.raises(FormatError) as failure:
        opened(packed(parts))
    assert message in failure.value.message
    assert part in failure.value.message
    assert failure.value.hint

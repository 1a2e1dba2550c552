"""LaTeX, BibTeX, AsciiDoc, reStructuredText, DocBook and exports: what the golden documents do not show in one line each."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from preserve.cite import citations
from preserve.documents import read
from preserve.errors import FormatError
from preserve.model.document import Document, Where


def rows(name: str, text: str) -> list[tuple[str | None, str | None]]:
    return [(each.note, each.url) for each in citations(read(name, text.encode()))]


def notes(document: Document) -> list[tuple[str | None, str]]:
    return [(note.mark, " ".join(line.text for line in note.lines)) for note in document.notes]


@pytest.mark.parametrize(
    ("name", "text", "media_type"),
    [
        ("a.txt", "\\documentclass{article}\\begin{document}x\\end{document}", "text/x-tex"),
        ("a", "One.\\footnote{See \\url{https://a.example.org/}.}", "text/x-tex"),
        ("a.txt", "In TeX one writes \\footnote{like this}.", "text/plain"),
        ("a.txt", "@online{k, url={https://a.example.org/}}", "application/x-bibtex"),
        ("a.txt", "@weir said that https://a.example.org/ is down, {really}", "text/plain"),
        ("a.txt", "Text footnote:[https://a.example.org/] more.", "text/asciidoc"),
        ("a.txt", "A [#]_\n\n.. [#] https://a.example.org/", "text/x-rst"),
        ("a.xml", "<article><para>x</para></article>", "application/docbook+xml"),
        ("a.html", "<article><p>A page</p></article>", "text/html"),
        ("a.txt", "TY  - ELEC\nUR  - https://a.example.org/\nER  - \n", "application/x-research-info-systems"),
        ("a.txt", "note,url\n1,https://a.example.org/\n", "text/csv"),
        ("a.txt", "url\nhttps://a.example.org/a,b\nhttps://b.example.org/\n", "text/csv"),
        ("a.txt", "Weir, Holm and Lund\nwent to https://a.example.org/, or so they said\n", "text/plain"),
        (
            "a.txt",
            '[{"type": "book", "title": "x", "URL": "https://a.example.org/"}]',
            "application/vnd.citationstyles.csl+json",
        ),
        ("a.txt", '[{"name": "no record"}]', "text/plain"),
        ("a.md", "`\\footnote{x}` and `\\url{https://a.example.org/}`", "text/markdown"),
    ],
)
def test_forms_are_told_by_content(name: str, text: str, media_type: str) -> None:
    assert read(name, text.encode()).media_type == media_type


def test_latex_numbers_are_printed_as_the_document_says() -> None:
    text = "\\documentclass{article}\\renewcommand{\\thefootnote}{\\fnsymbol{footnote}}\\begin{document}a\\footnote{A} b\\footnote{B}\\end{document}"
    assert notes(read("a.tex", text.encode())) == [("*", "A"), ("†", "B")]
    text = "\\begin{document}\\setcounter{footnote}{11}a\\footnote{A} b\\footnote[3]{B} c\\footnote{C}\\end{document}"
    assert notes(read("a.tex", text.encode())) == [("12", "A"), ("3", "B"), ("13", "C")]


def test_latex_prints_characters() -> None:
    text = "\\begin{document}M\\\"uller \\& S\\o n, \\v{C}apek, na\\\"{\\i}ve, 5\\,\\% --- ``so''\\end{document}"
    document = read("a.tex", text.encode())
    assert document.passages[0].lines[0].text == "Müller & Søn, Čapek, naïve, 5 % — “so”"


def test_latex_takes_an_address_as_it_is_written() -> None:
    text = "\\begin{document}\\url{https://a.example.org/100%/a\\_b~c\\#d} \\href{https://b.example.org/?x=1\\&y=2}{this one}\\end{document}"
    assert rows("a.tex", text) == [
        (None, "https://a.example.org/100%/a_b~c#d"),
        (None, "https://b.example.org/?x=1&y=2"),
    ]


def test_latex_macros_that_feed_on_themselves_end() -> None:
    text = "\\newcommand{\\a}{\\a\\a}\\newcommand{\\b}[1]{\\b{#1#1}}\\begin{document}x\\a\\b{y}\\footnote{\\url{https://a.example.org/}}\\end{document}"
    assert rows("a.tex", text) == [("1", "https://a.example.org/")]


def test_latex_names_the_files_that_it_leaves_out() -> None:
    document = read("a.tex", b"\\begin{document}\\input{part}x\\footcite{k}\\bibliography{refs}\\end{document}")
    assert document.remarks == (
        "note 1 cites by a key, which this file does not resolve",
        "its references stand in refs, another file: read that too",
        "it takes in part, another file: read that too",
    )


def test_a_bibtex_entry_says_its_title_its_dates_and_where_it_stands() -> None:
    text = '\n@misc{k, title = "A {B} C", year = 2011, month = may, url = {https://a.example.org/}, urldate = {2020-05-03}}\n'
    (found,) = citations(read("a.bib", text.encode()))
    assert (found.note, found.title, found.date, found.line, found.where) == ("k", "A B C", "2011-05", 2, Where.NOTES)
    assert "(accessed 2020-05-03)" in found.text


def test_asciidoc_reads_what_a_reader_sees() -> None:
    assert rows(
        "a.adoc", "ifdef::x[]\nfootnote:[https://no.example.org/]\nendif::[]\nB.footnote:[https://yes.example.org/y]\n"
    ) == [("1", "https://yes.example.org/y")]
    assert rows("a.adoc", "A \\footnote:[https://text.example.org/t]") == [(None, "https://text.example.org/t")]


def test_rst_numbers_leave_out_those_that_are_taken() -> None:
    document = read("a.rst", b"[#]_ [1]_ [#b]_ [*]_\n\n.. [#] A\n.. [1] B\n.. [#b] C\n.. [*] D\n.. [*] E\n")
    assert notes(document) == [("2", "A"), ("1", "B"), ("3", "C"), ("*", "D"), ("†", "E")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<!DOCTYPE article [<!ENTITY a "b">]><article><para>&a;</para></article>', "document type"),
        ('<!DOCTYPE article [<!ENTITY a SYSTEM "file:///etc/hostname">]><article><para>&a;</para></article>', "document type"),
        ("<article><para>x</article>", "not well-formed"),
        ("<article><para>&unknown;</para></article>", "not well-formed"),
    ],
)
def test_docbook_that_is_not_safe_or_not_whole_is_refused(text: str, says: str) -> None:
    with pytest.raises(FormatError) as refused:
        read("a.xml", text.encode())
    assert says in refused.value.message


def test_records_without_keys_are_body() -> None:
    (found,) = citations(read("a.ris", b"TY  - ELEC\nTI  - The Winch\nUR  - https://a.example.org/\nER  - \n"))
    assert (found.note, found.where, found.title) == (None, Where.BODY, "The Winch")


def test_json_records_stand_on_their_lines() -> None:
    records = [
        {"id": str(n), "type": "webpage", "URL": "https://same.example.org/", "issued": {"date-parts": [[2019, n]]}}
        for n in (1, 2)
    ]
    found = citations(read("a.json", json.dumps(records, indent=1).encode()))
    assert [(each.note, each.line, each.date) for each in found] == [("1", 2, "2019-01"), ("2", 15, "2019-02")]


def test_a_table_reads_several_addresses_in_one_cell() -> None:
    text = "note\turl\n4\tsee https://a.example.org/ and www.b.example.org/b\n"
    assert rows("a.tsv", text) == [("4", "https://a.example.org/"), ("4", "https://www.b.example.org/b")]


def test_what_cite_prints_as_csv_is_a_table() -> None:
    text = "document,note,where,url,title\npaper.txt,12,notes,https://a.example.org/,The Winch\n"
    assert rows("a.csv", text) == [("12", "https://a.example.org/")]


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("a.tex", "\\footnote{"),
        ("a.tex", "\\label{\n\n"),
        ("a.tex", "%\n "),
        ("a.txt", "<!---->"),
        ("a.bib", "@a{b,c={"),
        ("a.adoc", "footnote:["),
        ("a.rst", "`a <"),
        ("a.csv", 'url,"\n'),
    ],
)
def test_time_grows_with_the_text_alone(name: str, piece: str) -> None:
    """A pattern that looks back too far would take minutes here, and the test run would show it."""
    with suppress(FormatError):
        read(name, (piece * (40_000 // len(piece))).encode())

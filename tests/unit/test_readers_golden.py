"""Documents typeset by LibreOffice, XeLaTeX and WeasyPrint (tests/golden/typeset), scored against the answer that is known.

The floors are what is reached; they may only rise.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from preserve.cite import citations
from preserve.cli.documents import load
from preserve.documents import read
from preserve.errors import ExitCode, FormatError
from preserve.model.document import CitationKind, Where

FOLDER = Path(__file__).parents[1] / "golden" / "typeset"
ANSWERS = [json.loads(line) for line in (FOLDER / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
READABLE = (
    "a5.pdf",
    "columns.pdf",
    "endnotes.docx",
    "endnotes.pdf",
    "letter.docx",
    "letter.epub",
    "letter.odt",
    "letter.pdf",
    "samesize.pdf",
    "tex.pdf",
    "web.pdf",
)


def found(name: str) -> Counter[tuple[str | None, str | None]]:
    """(note, address) of every citation in the notes of a document; cross references are not counted."""
    document = read(name, (FOLDER / name).read_bytes())
    rows = [row for row in citations(document) if row.where is Where.NOTES and not row.kind.refers]
    return Counter((row.note, row.url) for row in rows)


@pytest.mark.parametrize("name", READABLE)
def test_every_citation_is_found_with_its_note_and_nothing_else(name: str) -> None:
    assert found(name) == Counter((row["note"], row["url"]) for row in ANSWERS)


@pytest.mark.parametrize("name", READABLE)
def test_every_note_is_found(name: str) -> None:
    document = read(name, (FOLDER / name).read_bytes())
    assert [note.mark for note in document.notes] == [str(number) for number in range(1, 25)]
    assert document.note_count == 24


def test_links_and_print_are_one_citation() -> None:
    document = read("tex.pdf", (FOLDER / "tex.pdf").read_bytes())
    drawn = [row for row in citations(document) if row.url and "_" in row.url and row.kind is CitationKind.URL]
    assert drawn, "an underscore that is drawn as a rule stands only in the link"
    assert len(drawn) == sum("_" in row["url"] for row in ANSWERS)


def test_pages_are_told() -> None:
    document = read("a5.pdf", (FOLDER / "a5.pdf").read_bytes())
    pages = [row.page for row in citations(document) if row.page]
    assert document.pages == max(pages)
    assert pages == sorted(pages)


def test_an_encrypted_pdf_is_told() -> None:
    with pytest.raises(FormatError, match="encrypted PDF") as failure:
        read("encrypted.pdf", (FOLDER / "encrypted.pdf").read_bytes())
    assert "qpdf --decrypt" in failure.value.hint


def test_the_golden_documents_are_small() -> None:
    assert all(file.stat().st_size < 100_000 for file in FOLDER.iterdir())


def test_a_folder_of_documents_is_read_and_what_cannot_be_is_named() -> None:
    loaded = load([str(FOLDER)], 60)
    assert {opened.document.name for opened in loaded.documents} >= set(READABLE)
    assert [problem.message for problem in loaded.problems] == ["encrypted.pdf: this is an encrypted PDF"]
    assert loaded.exit_code is ExitCode.PARTIAL

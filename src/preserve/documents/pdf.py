"""PDF: print, read as a reader does: lines in columns, notes at the foot, links where they lie.

A PDF holds characters with places, no text: what is a line, a column, a note is found by place, size and mark.

    pdf_page    words with places, rules and links; the only module that knows pdfium
    pdf_lines   words to lines, in reading order over columns
    pdf_furniture  running heads and page numbers, which are dropped
    pdf_notes   lines to notes and the rest

A page without characters is a picture of one; a font without a map to Unicode shows what no program can know. Both are said, and
nothing is guessed from them. `number` of a line counts the printed lines of its page from the top.
"""

from __future__ import annotations

from preserve.documents.pdf_furniture import without_furniture
from preserve.documents.pdf_lines import Column, columns_of
from preserve.documents.pdf_notes import notes_of, passages
from preserve.documents.pdf_page import Page, pages
from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.model.document import Document

_SCANNED = "make the text of a scanned document readable first: ocrmypdf IN.pdf OUT.pdf"
_UNREADABLE = "recognise its characters from their shapes: ocrmypdf --force-ocr IN.pdf OUT.pdf"


def read_pdf(source: Source) -> Document:
    """A PDF; raises FormatError for one that is encrypted, broken, scanned, or whose fonts do not tell their characters."""
    found = pages(source.name, source.data)
    remarks = _remarks(source.name, found)
    columns: list[Column] = []
    for page in found:
        if page.readable:
            for place, column in enumerate(columns_of(page)):
                for line in column.lines:
                    line.column = place
                columns.append(column)
    notes = notes_of(without_furniture(columns))
    parts, marks = passages(notes)
    return Document(
        name=source.name,
        media_type="application/pdf",
        size=source.size,
        sha256=source.sha256,
        pages=len(found),
        passages=parts,
        marks=marks,
        remarks=remarks,
    )


def _remarks(name: str, found: list[Page]) -> tuple[str, ...]:
    """Which pages could not be read; raises FormatError when none could."""
    unreadable = [page.number for page in found if not page.readable]
    pictures = [page.number for page in found if not page.words and page.pictures]
    read = [page for page in found if page.words and page.readable]
    if not read:
        if unreadable:
            raise FormatError(
                f"{name}: the fonts of this PDF do not tell which characters they show: its text is unreadable", _UNREADABLE
            )
        if pictures:
            raise FormatError(f"{name}: this is a scanned PDF: its pages are pictures without text", _SCANNED)
        raise FormatError(
            f"{name}: this PDF has no text",
            "if its pages are drawn, recognise their characters: ocrmypdf --force-ocr IN.pdf OUT.pdf",
        )
    remarks = []
    if unreadable:
        remarks.append(
            f"{_listed(unreadable)}: fonts do not tell which characters they show; the text there is unreadable ({_UNREADABLE})"
        )
    if pictures:
        remarks.append(f"{_listed(pictures)}: a picture without text ({_SCANNED})")
    return tuple(remarks)


def _listed(numbers: list[int]) -> str:
    """Page numbers in words: page 3; pages 3, 5 and 12 more."""
    shown = ", ".join(map(str, numbers[:8]))
    more = f" and {len(numbers) - 8} more" if len(numbers) > 8 else ""
    return f"page{'s' if len(numbers) > 1 else ''} {shown}{more}"

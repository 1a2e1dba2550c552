"""Documents: bytes to a Document of notes, paragraphs and links. No file, no network, no decision about citations.

    detect   by content first, by name where the content leaves it open
    text     plain text: pages, note marks at line starts, note bodies
    html     markup with links: marks and their targets, reference lists
    markdown through its HTML, with the line numbers of the source
    plan     what `preserve cite --json` printed, and plain lists of addresses
    docx, odt  word processors' files: a package of XML parts
    epub     a package of HTML pages, read as one
    latex, bibtex, asciidoc, rst, docbook  markup with notes of its own
    exports  RIS, CSL-JSON, Zotero's JSON, tables
    pdf      print: characters with their places become lines, columns, notes

`read` raises FormatError, and nothing else, whatever the bytes are.
"""

from __future__ import annotations

from importlib import import_module

from preserve.documents.detect import Form, binary, detect
from preserve.documents.source import Source
from preserve.model.document import Document

__all__ = ["read"]

# By name: each reader brings a parser of its own, and a list of addresses should not wait for the PDF library.
_READERS = {
    Form.TEXT: ("text", "read_text"),
    Form.HTML: ("html", "read_html"),
    Form.MARKDOWN: ("markdown", "read_markdown"),
    Form.PLAN: ("plan", "read_plan"),
    Form.LIST: ("plan", "read_list"),
    Form.DOCX: ("docx", "read_docx"),
    Form.ODT: ("odt", "read_odt"),
    Form.EPUB: ("epub", "read_epub"),
    Form.PDF: ("pdf", "read_pdf"),
    Form.LATEX: ("latex", "read_latex"),
    Form.BIBTEX: ("bibtex", "read_bibtex"),
    Form.ASCIIDOC: ("asciidoc", "read_asciidoc"),
    Form.RST: ("rst", "read_rst"),
    Form.DOCBOOK: ("docbook", "read_docbook"),
    Form.TABLE: ("exports", "read_table"),
    Form.RIS: ("exports", "read_ris"),
    Form.RECORDS: ("exports", "read_json"),
}


def read(name: str, data: bytes) -> Document:
    """The document in `data`; `name` is its file name without folders. Raises FormatError when it is none that we read."""
    source = Source.of(name, data)
    form = binary(source)
    if form is None:
        source = source.decoded()
        form = detect(source)
    module, function = _READERS[form]
    document: Document = getattr(import_module(f"preserve.documents.{module}"), function)(source)
    return document

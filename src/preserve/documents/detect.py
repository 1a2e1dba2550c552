"""Which reader a file needs: told by its content, by its name only where the content fits more than one.

A page saved as `paper.txt` is HTML all the same; a text that someone named `paper.html` is text.

    binary   PDF by its header, the ZIP formats by what they hold
    detect   the forms of text
"""

from __future__ import annotations

import json
import re
from enum import Enum

from preserve.documents import traits
from preserve.documents.package import Package
from preserve.documents.source import READS, Source
from preserve.errors import FormatError


class Form(Enum):
    """The forms that there are readers for."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    ODT = "application/vnd.oasis.opendocument.text"
    EPUB = "application/epub+zip"
    TEXT = "text/plain"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    PLAN = "application/jsonl"
    LIST = "text/uri-list"
    LATEX = "text/x-tex"
    BIBTEX = "application/x-bibtex"
    ASCIIDOC = "text/asciidoc"
    RST = "text/x-rst"
    DOCBOOK = "application/docbook+xml"
    TABLE = "text/csv"
    RIS = "application/x-research-info-systems"
    RECORDS = "application/vnd.citationstyles.csl+json"


_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*|<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"</(?:p|div|a|li|ol|ul|table|h[1-6]|sup|span|em|section|article|blockquote)\s*>", re.IGNORECASE)
_NOTE_DEFINITION = re.compile(r"^ {0,3}\[\^[^\]\s]{1,60}\]:", re.MULTILINE)
_INLINE_LINK = re.compile(r"(?<!\\)\]\(<?(?:https?:|www\.)")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:(?://)?\S+|(?:[\w-]+\.)+[a-z]{2,24}(?:[/:?#]\S*)?)\Z", re.IGNORECASE)
_WEB = re.compile(r"https?:|www\.|[\w.-]+\.[a-z]{2,24}/", re.IGNORECASE)
_HEADER_WITHIN = 1024
"""Bytes before which a PDF's header must start: older files have other bytes first, and viewers pass over them."""
_OTHER_ZIPS = (
    ("xl/", "an XLSX workbook", "save its list of addresses as text"),
    ("ppt/", "a PPTX presentation", "save it as PDF"),
    ("datapackage.json", "a WACZ file", "that is a capture, not a document that cites"),
)


def binary(source: Source) -> Form | None:
    """The form of a file that is no text; None when it may be text. Raises FormatError for a ZIP file that is no document."""
    data = source.data
    if data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return _zipped(Package(source.name, data))
    header = data.find(b"%PDF-", 0, _HEADER_WITHIN + 5)
    if header == 0 or (header > 0 and b"endobj" in data and b"\0" in data):  # a text may speak of PDF
        return Form.PDF
    return None


def _zipped(package: Package) -> Form:
    mimetype = package.read("mimetype").strip() if "mimetype" in package else b""
    if mimetype in {b"application/vnd.oasis.opendocument.text", b"application/vnd.oasis.opendocument.text-template"}:
        return Form.ODT
    if mimetype == b"application/epub+zip" or "META-INF/container.xml" in package:
        return Form.EPUB
    if any(name.startswith("word/") for name in package.names):
        return Form.DOCX
    for start, what, hint in _OTHER_ZIPS:
        if any(name.startswith(start) for name in package.names):
            raise FormatError(f"{package.name}: this is {what}", f"{hint}; {READS}")
    raise FormatError(f"{package.name}: this is a ZIP file that holds no document", f"unpack it first; {READS}")


def detect(source: Source) -> Form:
    """The form of `source`, which is text."""
    text, name = source.text, source.name.lower()
    if _is_plan(text):
        return Form.PLAN
    if _PAGE.match(text):
        return Form.HTML
    tags = sum(1 for _ in zip(_TAG.finditer(text[:100_000]), range(4), strict=False))
    if name.endswith((".html", ".htm", ".xhtml")) and tags:
        return Form.HTML
    named = name.endswith((".md", ".markdown", ".mkd", ".mdown"))
    if not named and (form := _structured(text, name)) is not None:
        return form
    if named or _NOTE_DEFINITION.search(text):
        return Form.MARKDOWN
    if tags >= 4 and text.lstrip().startswith("<"):
        return Form.HTML
    if _is_list(text):
        return Form.LIST
    links = sum(1 for _ in zip(_INLINE_LINK.finditer(text), range(2), strict=False))
    return Form.MARKDOWN if links >= 2 else Form.TEXT


def _structured(text: str, name: str) -> Form | None:
    """The form of markup other than HTML and Markdown, and of what reference managers export."""
    if traits.is_ris(text):
        return Form.RIS
    if traits.is_bibtex(text, name):
        return Form.BIBTEX
    if traits.is_docbook(text):
        return Form.DOCBOOK
    if traits.is_records(text):
        return Form.RECORDS
    if traits.is_latex(text, name):
        return Form.LATEX
    if traits.is_table(text):
        return Form.TABLE
    if traits.is_rst(text, name):
        return Form.RST
    return Form.ASCIIDOC if traits.is_asciidoc(text, name) else None


def _is_plan(text: str) -> bool:
    """The first line is a JSON object with an address in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first.lstrip().startswith("{"):
        return False
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "url" in row


def _is_list(text: str) -> bool:
    """Nothing but addresses, one a line, and comments."""
    lines = [line.strip() for line in text.splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries or not all(_ADDRESS.match(entry) for entry in entries):
        return False
    return sum(1 for entry in entries if _WEB.match(entry)) * 2 >= len(entries)

"""A file as every reader gets it: its name, its bytes measured, its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from preserve.documents.encoding import decode
from preserve.errors import FormatError

_KNOWN = (
    (b"%PDF-", "a PDF", "make a text of it with `pdftotext -layout` (its default mode loses hyphens at line ends)"),
    (b"PK\x03\x04", "a ZIP file (DOCX, ODT, EPUB and WACZ files are such)", "save the document as HTML or text"),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save the document as HTML or text"),
    (b"{\\rtf", "an RTF file", "save the document as HTML or text"),
    (b"\x1f\x8b", "a gzip file", "unpack it first"),
    (b"BZh", "a bzip2 file", "unpack it first"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z file", "unpack it first"),
    (b"\x89PNG", "a picture", "a scanned page must be made text first"),
    (b"\xff\xd8\xff", "a picture", "a scanned page must be made text first"),
    (b"GIF8", "a picture", "a scanned page must be made text first"),
    (b"II*\x00", "a picture", "a scanned page must be made text first"),
    (b"MM\x00*", "a picture", "a scanned page must be made text first"),
    (b"WARC/", "a WARC file", "that is a capture, not a document that cites"),
    (b"\x7fELF", "a program", ""),
    (b"MZ\x90", "a program", ""),
)
_ZIPS = (
    (b"word/", "a DOCX file"),
    (b"application/vnd.oasis.opendocument.text", "an ODT file"),
    (b"application/epub+zip", "an EPUB file"),
    (b"datapackage.json", "a WACZ file"),
)
READS = "preserve reads plain text, Markdown, HTML, lists of addresses, and plans printed by `preserve cite --json`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document's file, decoded. Line ends are as in the file."""

    name: str
    size: int
    sha256: str
    text: str
    encoding: str
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, data: bytes) -> Source:
        """Measure and decode `data`; raises FormatError for what is no text, saying what it seems to be."""
        if not data:
            raise FormatError(f"{name}: the file is empty (0 bytes)", READS)
        for magic, what, hint in _KNOWN:
            if data.startswith(magic):
                raise FormatError(f"{name}: this is {_closer(data, what)}", f"{hint}; {READS}" if hint else READS)
        decoded = decode(data)
        if decoded is None:
            raise FormatError(f"{name}: this is binary data, not text", READS)
        if not decoded.text.strip(" \t\r\n\f\v\ufeff"):
            raise FormatError(f"{name}: the file holds nothing but white space", READS)
        return cls(
            name=name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            text=decoded.text,
            encoding=decoded.encoding,
            remarks=(decoded.remark,) if decoded.remark else (),
        )


def _closer(data: bytes, what: str) -> str:
    if data.startswith(b"%PDF-") and b"/Encrypt" in data:
        return "an encrypted PDF"
    if data.startswith(b"PK"):
        return next((name for sign, name in _ZIPS if sign in data[:65536] or sign in data[-65536:]), what)
    return what

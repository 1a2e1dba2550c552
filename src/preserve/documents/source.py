"""A file as every reader gets it: its name, its bytes, and their text where they are text."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from preserve.documents.encoding import decode
from preserve.errors import FormatError
from preserve.model.noun import dataclass

_KNOWN = (
    (b"\xd0\xcf\x11\xe0", "an old Office file", "open it in a word processor and save it as DOCX or ODT"),
    (b"{\\rtf", "an RTF file", "open it in a word processor and save it as DOCX or ODT"),
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
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
READS = (
    "preserve reads PDF, DOCX, ODT, EPUB, HTML, Markdown, LaTeX, BibTeX, AsciiDoc, reStructuredText, DocBook, plain text, RIS, CSL-JSON, "
    "tables (CSV, TSV), lists of addresses, and plans printed by `preserve cite --json`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document's file, measured. `text` is its content decoded, line ends as in the file; "" where the form is no text."""

    name: str
    size: int
    sha256: str
    data: bytes
    text: str = ""
    encoding: str = ""
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, data: bytes) -> Source:
        """Measure `data`; raises FormatError when there is none."""
        if not data:
            raise FormatError(f"{name}: the file is empty (0 bytes)", READS)
        return cls(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), data=data)

    def decoded(self) -> Source:
        """The same with its text; raises FormatError for what is no text, saying what it seems to be."""
        name, data = self.name, self.data
        if data.startswith(b"\xd0\xcf\x11\xe0") and _ENCRYPTED_OFFICE in data:
            raise FormatError(
                f"{name}: this is an encrypted Office document", "open it with its password and save it without one"
            )
        for magic, what, hint in _KNOWN:
            if data.startswith(magic):
                raise FormatError(f"{name}: this is {what}", f"{hint}; {READS}" if hint else READS)
        decoded = decode(data)
        if decoded is None:
            raise FormatError(f"{name}: this is binary data, not text", READS)
        if not decoded.text.strip(" \t\r\n\f\v\ufeff"):
            raise FormatError(f"{name}: the file holds nothing but white space", READS)
        return replace(self, text=decoded.text, encoding=decoded.encoding, remarks=(decoded.remark,) if decoded.remark else ())

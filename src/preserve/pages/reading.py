"""A response's body read as a page.

Strategy: one pass of a tokenizer without a tree (docs/adr/0120), which takes time in proportion to the page, makes the visible text, its
headings, what the page calls itself, and the facts of its markup; only then, and only for a page of sane depth and size, trafilatura
looks for the main text. What a body is, is told by its first bytes where they tell, else by its Content-Type. Nothing is raised for what
a body holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from preserve.model.page import Extract, Media, Page
from preserve.model.pattern import pattern
from preserve.pages import charset, content
from preserve.pages.markup import Reading, read_markup

LIMIT = 4 << 20
"""Bytes of a body that are read."""
_MAX_TEXT = 2_000_000
_MAGIC = (
    (pattern(rb"\s{0,64}%PDF-"), Media.PDF),
    (pattern(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|BM....\0\0\0\0|II\*\0|MM\0\*|....ftyp(?:avif|heic|mif1)", re.DOTALL), Media.IMAGE),
    (pattern(rb"PK\x03\x04|\x1f\x8b\x08|Rar!\x1a|7z\xbc\xaf|OggS|ID3|....ftyp|\xd0\xcf\x11\xe0", re.DOTALL), Media.OTHER),
)  # fmt: skip
_HTML = pattern(
    rb"(?:\xef\xbb\xbf)?\s{0,512}(?:<\?xml[^>]{0,200}>\s{0,512})?(?:<!--[\s\S]{0,2000}?-->\s{0,512})*"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|div|table|frameset|h1|p|a|style|center|b|font|iframe|br)[\s/>]",
    re.IGNORECASE,
)


def read(
    data: bytes,
    *,
    content_type: str = "",
    address: str = "",
    cut: bool = False,
    pdf: Callable[[bytes], Extract] | None = None,
    main: Callable[[str], Extract] | None = content.here,
) -> Page:
    """What `data`, an entity without content coding, shows a reader.

    `content_type` is the header's value, `address` where it came from, `cut` says that the entity is longer than `data`. `pdf` reads the
    text of a PDF, `main` the main text of markup; both belong into a reading room (`ports.Reader`) where strangers wrote the page. Without
    `main` the main text, which is the slow part, is left empty.
    """
    data, cut = data[:LIMIT], cut or len(data) > LIMIT
    media = media_of(data, content_type)
    size = len(data)
    if media is Media.HTML:
        reading, text = _markup(data, content_type, address, cut=cut)
        return reading.page if main is None else content.with_main_text(reading, text, main)
    if media is Media.TEXT:
        text, encoding = charset.decode(data, content_type)
        return _plain(text, address=address, size=size, cut=cut, media=media, encoding=encoding)
    if media is Media.PDF and pdf is not None:
        found = pdf(data)
        return _plain(found.text, address=address, size=size, cut=cut, media=media, problem=found.problem)
    unread = {Media.PDF: "the text of the PDF was not read", Media.EMPTY: "the body is empty"}.get(
        media, "it has no text that is read here"
    )
    return Page(address=address, media=media, size=size, cut=cut, unread=unread)


def outlined(data: bytes, *, content_type: str = "", address: str = "", cut: bool = False) -> Page:
    """As `read`, but the main text is not looked for: as many letters stand for it as it has at the least."""
    data, cut = data[:LIMIT], cut or len(data) > LIMIT
    if media_of(data, content_type) is not Media.HTML:
        return read(data, content_type=content_type, address=address, cut=cut, main=None)
    return content.with_least_main_text(_markup(data, content_type, address, cut=cut)[0])


def _markup(data: bytes, content_type: str, address: str, *, cut: bool) -> tuple[Reading, str]:
    text, encoding = charset.decode(data, content_type)
    return read_markup(text, address=address, size=len(data), cut=cut, encoding=encoding), text


def media_of(data: bytes, content_type: str) -> Media:
    """What kind of thing a body is."""
    if not data.strip(b" \t\r\n"):
        return Media.EMPTY
    for magic, media in _MAGIC:
        if magic.match(data):
            return media
    said = content_type.partition(";")[0].strip().lower()
    if _HTML.match(data) and said not in {"text/plain", "application/json"}:
        return Media.HTML
    if said in {"text/html", "application/xhtml+xml"}:
        return Media.HTML
    if said.startswith("image/") and said != "image/svg+xml":
        return Media.IMAGE
    if said.startswith(("audio/", "video/", "font/")) or b"\0" in data[:1024]:
        return Media.TEXT if data.startswith((b"\xff\xfe", b"\xfe\xff")) and said.startswith("text/") else Media.OTHER
    if said.startswith("text/") or said.endswith(("json", "xml", "javascript")) or said in {"", "application/octet-stream"}:
        return Media.TEXT
    return Media.OTHER


def _plain(text: str, *, address: str, size: int, cut: bool, media: Media, encoding: str = "", problem: str = "") -> Page:
    lines = (" ".join(line.replace("\0", "\ufffd").split()) for line in text[:_MAX_TEXT].splitlines())
    whole = "\n".join(line for line in lines if line)
    nothing = "no text could be read in the PDF" if media is Media.PDF else "there is no text in it"
    unread = "" if whole else problem or nothing
    return Page(address=address, media=media, size=size, cut=cut, encoding=encoding, text=whole, main_text=whole, unread=unread)

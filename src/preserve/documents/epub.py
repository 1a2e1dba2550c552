"""EPUB: the pages of the spine, in its order, as one page (EPUB 3.3 sections 5.7 and 6.1, OCF 3.3).

Marks in one file may point to notes in another. So every id becomes unique to its file, every way within the book becomes a way
within the page, and the HTML reader sees notes wherever they lie: `epub:type="noteref"`, `role="doc-noteref"`, or a number that links.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

from lxml import etree

from preserve.documents.encoding import decode
from preserve.documents.html import document_of
from preserve.documents.markup import tree as html_tree
from preserve.documents.package import Package, attribute, local, parse, resolved
from preserve.documents.source import Source
from preserve.errors import FormatError
from preserve.model.document import Document

_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})\b)([A-Za-z][\w.-]*)((?:\s[^<>]*?)?)/>")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!DOCTYPE\s[^\[>]{0,500}>")
"""One without declarations of its own; what it names is not fetched. Older package documents have it."""


def read_epub(source: Source) -> Document:
    """An EPUB book; raises FormatError for a package that is none, and for one that is encrypted."""
    package = Package(source.name, source.data)
    pages = [page for page in _spine(package) if page in package]
    if not pages:
        raise FormatError(f"{source.name}: no page of this EPUB file is there", "get another copy of the file")
    if locked := _encrypted(package) & set(pages):
        raise FormatError(f"{source.name}: this EPUB file is encrypted ({min(locked)})", "get a copy without copy protection")
    places = {page: index for index, page in enumerate(pages)}
    html = "".join(_page(package, page, places) for page in pages)
    document = document_of(source, f"<!DOCTYPE html><body>{html}</body>", "application/epub+zip")
    passages = tuple(
        replace(each, lines=tuple(replace(line, number=None) for line in each.lines)) for each in document.passages
    )
    return replace(document, passages=passages)


def _spine(package: Package) -> list[str]:
    """The parts of the book in reading order."""
    container = _xml(package, _CONTAINER)
    opf = next((attribute(each, "full-path") for each in container.iter() if local(each) == "rootfile"), None)
    if not opf:
        raise FormatError(f"{package.name}: the part {_CONTAINER} names no book", "get another copy of the file")
    book = _xml(package, opf)
    items = {
        attribute(item, "id"): resolved(opf, attribute(item, "href") or "")
        for item in book.iter("{*}item")
        if (attribute(item, "media-type") or "").lower() in _PAGES
    }
    order = [items[attribute(each, "idref")] for each in book.iter("{*}itemref") if attribute(each, "idref") in items]
    return list(dict.fromkeys(order))


def _xml(package: Package, part: str) -> etree._Element:
    return parse(package.name, part, _DOCTYPE.sub(b"", package.read(part), count=1))


def _encrypted(package: Package) -> set[str]:
    """The parts that are encrypted; fonts often are, and do not matter."""
    if "META-INF/encryption.xml" not in package:
        return set()
    references = package.xml("META-INF/encryption.xml").iter("{*}CipherReference")
    return {unquote(attribute(each, "URI") or "").lstrip("/") for each in references}


def _page(package: Package, part: str, places: dict[str, int]) -> str:
    """The body of a page with its ids and its ways made those of the one page."""
    decoded = decode(package.read(part))
    if decoded is None:
        raise FormatError(f"{package.name}: the part {part} is binary data, not text", "get another copy of the file")
    # In HTML an element that XML closed at once would stay open.
    tree = html_tree(_SELF_CLOSED.sub(r"<\1\2></\1>", decoded.text))
    own = places[part]
    for node in tree.css("[id], a[name]"):
        for key in ("id", "name"):
            if (name := node.attributes.get(key)) and (key == "id" or node.tag == "a"):
                node.attrs[key] = f"{own}/{name}"
    for node in tree.css("a[href]"):
        href = (node.attributes.get("href") or "").strip()
        if _SCHEME.match(href):
            continue
        target = places.get(resolved(part, href))
        node.attrs["href"] = f"#{target}/{href.partition('#')[2]}" if target is not None else ""
    body = tree.body
    return f'<section id="{own}/">{body.inner_html}</section>' if body is not None else ""

"""What a page needs to be seen as it was: images, styles, scripts, fonts, frames. Pure: bytes in, addresses out.

A cited page is read for its requisites, and the style sheets among them for theirs, two sheets deep (a sheet, and one that it imports).
Frames are fetched, not read. What scripts would ask for is not known here. An address that the page names again is named once;
`data:` and its like need nothing; a fragment stays at home. The rules are those of a browser that would show the page at any
width, with lazy images loaded: every candidate of a `srcset`, and the attributes in which pages park an address for a script.
HTML Living Standard sections 4.2.4 (link), 4.8 (embedded content), 15.3 (rendering); docs/adr/0024 says what is left out and why.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from enum import Enum

from preserve.formats import css, html
from preserve.formats.printable import printable
from preserve.formats.url import BadUrl, Url, parse, reference
from preserve.model.noun import dataclass
from preserve.model.pattern import pattern
from preserve.model.web import Exchange, Outcome, Requisite

MOST = 2000
"""Requisites of one cited page, those of its style sheets among them."""
READ = 1 << 22
"""Bytes of a page or a sheet that are looked at."""
SHEETS_DEEP = 2
"""How deep style sheets are read: those of the page, and those that they import."""

_PLAIN = {
    "audio": ("src",),
    "embed": ("src",),
    "frame": ("src",),
    "iframe": ("src", "data-src"),
    "image": ("href", "xlink:href", "src"),  # of SVG; and the old name of img
    "feimage": ("href", "xlink:href"),
    "img": ("src", "data-src", "data-original", "data-lazy-src", "data-lazy"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "data-src"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster", "data-src", "data-poster"),
}
"""Attributes that name one address, by element."""
_SETS = {
    "img": ("srcset", "data-srcset", "data-lazy-srcset", "data-original-set"),
    "source": ("srcset", "data-srcset", "data-lazy-srcset"),
    "link": ("imagesrcset",),
}
"""Attributes that name several, with widths or densities."""
_ANYWHERE = ("background", "data-bg", "data-background", "data-background-image")
_BEYOND = pattern(r"style|background|data-bg", re.IGNORECASE)
"""What the attributes of an element without a line above must hold to be worth reading."""
_LINKS = frozenset({"stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "mask-icon", "modulepreload"})
_PRELOADS = frozenset({"audio", "font", "image", "script", "style", "track", "video"})
_SIGNS = (
    "src",
    "<link",
    "url(",
    "@import",
    "background",
    "data-",
    "<object",
    "<image",
    "<use",
    "<feimage",
    "poster",
    "refresh",
)
"""A page without any of these, in small letters, needs nothing."""
_PARKED = pattern(r"[^\s{}<>\"|\\^`]+")
"""What a parking attribute must look like to be an address: scripts keep other things there too."""
_REFRESH = pattern(r"\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.IGNORECASE)
_CHARSET = pattern(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{2,40})|\A@charset "([\w.:-]{2,40})";|<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WEB_NAMES = {"iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252"}
_NO_CHARSETS = frozenset({"utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
"""Codecs of Python's that turn bytes into text, and that no page is written in."""


class Kind(Enum):
    """What is read for requisites."""

    PAGE = "page"
    SHEET = "sheet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What was found in one page or sheet: in the order in which it is named, each once.

    `signals` are remarks for the capture's line: where a meta refresh leads, which nobody follows; that something was cut off.
    """

    requisites: tuple[Requisite, ...] = ()
    signals: tuple[str, ...] = ()


def kind(exchange: Exchange, level: int) -> Kind | None:
    """How a response is read for requisites; None when it is not.

    `level` 0 is a cited page, 1 what a page needs, and so on. Only what a successful answer brought is read, also when it was cut.
    """
    if exchange.status is None or not 200 <= exchange.status < 300 or exchange.outcome is Outcome.FAILED:
        return None
    media_type = _media_type(exchange)
    if level == 0:
        return Kind.PAGE if media_type in {"text/html", "application/xhtml+xml", ""} else None
    return Kind.SHEET if media_type == "text/css" and level <= SHEETS_DEEP else None


def needed(exchange: Exchange, entity: bytes, as_: Kind) -> Needed:
    """What the page or sheet names; `entity` is its body, decoded, up to READ bytes. Never raises for what the bytes are."""
    media_type = _media_type(exchange)
    if not media_type and not re.match(rb"\s*(?:<!doctype html|<html)", entity[:512], re.IGNORECASE):
        return Needed()
    text = _text(entity, exchange.header(b"content-type") or b"")
    page = _Page(exchange.url)
    if as_ is Kind.SHEET:
        page.names(css.references(text))
    else:
        _read_page(page, text, xml=media_type.endswith("xml"))
    signals = list(page.signals)
    if len(entity) >= READ:
        signals.append(f"only the first {READ} bytes were looked at for requisites")
    if page.more:
        signals.append(f"it names more than {MOST} requisites: {page.more} of them are left out")
    return Needed(requisites=tuple(page.found.values()), signals=tuple(signals))


def referrer(page: str, asked: Url) -> str | None:
    """What a browser would say it comes from: the page to its own origin, its origin to others, nothing from https to http.

    Referrer Policy section 3.5, strict-origin-when-cross-origin, the default.
    """
    source = parse(page)
    if isinstance(source, BadUrl) or (source.scheme == "https" and asked.scheme == "http"):
        return None
    if (source.scheme, source.host) == (asked.scheme, asked.host):
        return source.address
    return f"{source.scheme}://{source.authority.decode('ascii')}/"


class _Page:
    """The addresses found so far, resolved against the base."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.base = address
        self.based = False
        self.found: dict[str, Requisite] = {}
        self.more = 0
        self.signals: list[str] = []
        self._seen: set[str] = set()

    def names(self, references: Iterable[str]) -> None:
        for text in references:
            if text in self._seen:
                continue
            self._seen.add(text)
            if text[:5].lower() == "data:" or text[:1] == "#":
                continue
            url = reference(text, self.base)
            if not isinstance(url, Url) or url.address == self.address or url.address in self.found:
                continue
            if len(self.found) < MOST:
                self.found[url.address] = Requisite(url.address, url.queue)
            else:
                self.more += 1

    def bases(self, href: str) -> None:
        """The first <base href> counts, for what stands before it too where we can help it: see `_read_page`."""
        if not self.based:
            self.based = True
            url = reference(href, self.address)
            if isinstance(url, Url):
                self.base = url.address


def _read_page(page: _Page, text: str, *, xml: bool) -> None:
    lowered = text.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return
    if "<base" in lowered:  # a browser resolves what stood before it too
        for tag in html.tags(text, xml=xml):
            if tag.name == "base" and (href := tag.attributes.get("href")) is not None:
                page.bases(href)
                break
    for tag in html.tags(text, xml=xml):
        if tag.text:
            page.names(css.references(tag.text))
        if tag.name in _PLAIN or tag.name in _SETS or tag.name == "meta" or _BEYOND.search(tag.raw):
            page.names(_of_tag(page, tag))


def _of_tag(page: _Page, tag: html.Tag) -> Iterator[str]:
    attributes = tag.attributes
    if tag.name == "input" and attributes.get("type", "").strip().lower() != "image":
        return
    for name in _PLAIN.get(tag.name, ()):
        if (value := attributes.get(name, "").strip()) and (not name.startswith("data-") or _PARKED.fullmatch(value)):
            yield value
    for name in _SETS.get(tag.name, ()):
        yield from candidates(attributes.get(name, ""))
    for name in _ANYWHERE:
        value = attributes.get(name, "").strip()
        if "(" in value:
            yield from css.references(value)
        elif value and _PARKED.fullmatch(value):
            yield value
    if style := attributes.get("style"):
        yield from css.references(style)
    if tag.name == "link" and _is_needed(attributes):
        yield attributes.get("href", "").strip() or "#"
    elif tag.name == "meta" and attributes.get("http-equiv", "").strip().lower() == "refresh":
        _note_refresh(page, attributes.get("content", ""))
    elif tag.name == "iframe" and (inner := attributes.get("srcdoc")):
        for child in html.tags(inner):
            if child.name != "iframe":  # one frame deep
                yield from css.references(child.text)
                yield from _of_tag(page, child)


def _is_needed(attributes: dict[str, str]) -> bool:
    """Whether a <link> brings something that the page is made of."""
    relations = frozenset(attributes.get("rel", "").lower().split())
    return bool(relations & _LINKS) or ("preload" in relations and attributes.get("as", "").strip().lower() in _PRELOADS)


def candidates(srcset: str) -> Iterator[str]:
    """The addresses of a srcset attribute (HTML Living Standard section 4.8.4.2.2), whatever their width or density."""
    place, end = 0, len(srcset)
    while place < end:
        while place < end and (srcset[place].isspace() or srcset[place] == ","):
            place += 1
        start = place
        while place < end and not srcset[place].isspace():
            place += 1
        address = srcset[start:place]
        if address.endswith(","):
            address = address.rstrip(",")
        else:  # a descriptor follows, up to a comma outside of brackets
            depth = 0
            while place < end and (depth or srcset[place] != ","):
                depth += (srcset[place] == "(") - (srcset[place] == ")" and depth > 0)
                place += 1
        if address:
            yield address


def _note_refresh(page: _Page, content: str) -> None:
    match = _REFRESH.match(content)
    address = match[1].strip() if match else ""
    if not address:
        return
    url = reference(address, page.base)
    if not isinstance(url, Url) or url.address != page.address:
        where = url.address if isinstance(url, Url) else address
        page.signals.append(f"a meta refresh leads to {printable(where)[:300]}; it was not followed")


def _media_type(exchange: Exchange) -> str:
    value = exchange.header(b"content-type") or b""
    return value.partition(b";")[0].strip().lower().decode("latin-1")


def _text(entity: bytes, content_type: bytes) -> str:
    """The text: byte order mark, HTTP's charset, the page's own, UTF-8, and what is none of these as Western European."""
    for mark, codec in _MARKS:
        if entity.startswith(mark):
            return entity[len(mark) :].decode(codec, "replace")
    said = re.search(rb"charset\s*=\s*[\"']?([\w.:-]{2,40})", content_type, re.IGNORECASE)
    label = said[1] if said else None
    if label is None and (meta := _CHARSET.search(entity[:4096])):
        label = meta[1] or meta[2] or meta[3]
    declared = _codec(label)
    if declared is not None:
        return entity.decode(declared, "replace")
    try:
        return entity.decode("utf-8")
    except UnicodeDecodeError:
        return entity.decode("cp1252", "replace")


def _codec(label: bytes | None) -> str | None:
    """A codec of Python's for a charset label; UTF-16 without a byte order mark is a mistaken label (section 13.2.3.3)."""
    if label is None:
        return None
    name = label.decode("ascii").lower()
    try:
        info = codecs.lookup(_WEB_NAMES.get(name, name))
    except LookupError:
        return None
    name = info.name.replace("_", "-")
    usual = getattr(info, "_is_text_encoding", False) and name not in _NO_CHARSETS and not name.startswith(("utf-16", "utf-32"))
    return info.name if usual else None

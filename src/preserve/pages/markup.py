"""The visible text of an HTML page, block by block, what it calls itself, and the facts of its markup, in one pass without a tree.

What a tree would add is approximated: a bounded stack of open elements says whether text is hidden, inside a link, a heading, navigation
or the main part. Every list is bounded, and so is the search for the start of what an end tag ends: time is linear in the page.
"""

from __future__ import annotations

import re
from dataclasses import field

from preserve.formats import url as urls
from preserve.formats.html import EndTag, Tag, pieces, resolve
from preserve.model.noun import dataclass
from preserve.model.page import Markup, Media, Page
from preserve.model.pattern import pattern
from preserve.pages.metadata import KINDS, linked


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _words("area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen")
_BLOCKS = _words(
    "address article aside blockquote body br center dd details dialog dir div dl dt fieldset figcaption figure footer form frameset"
    " h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav noscript ol optgroup option p pre section summary table tbody"
    " tfoot thead tr ul"
)
_LOOSE = _words("p li td th tr dt dd option tbody thead tfoot optgroup rt rp colgroup")
"""Elements whose end tags are often left out: they are no part of the stack unless they hide something."""
_RAW = _words("script style title textarea iframe xmp noembed noframes")
_UNSEEN = _words("select option datalist template object audio video canvas")
_SEPARATE = _words("td th button label img")
"""Elements that part words without beginning a new block."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ASIDE = frozenset({"nav", "footer", "aside", "dialog", "menu"})
_ASIDE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "complementary", "menu", "menubar"}
)
_ASIDE_NAMES = pattern(
    r"(?:\A|[\s_-])(?:nav(?:bar|igation)?|menu|footer|side-?bar|cookies?|consent|gdpr|breadcrumbs?|share|sharing|social|related|comments?"
    r"|adverts?|advertisement|ads?|banner|newsletter|promo|skip|toolbar|pagination|widget)(?:\Z|[\s_-])",
    re.IGNORECASE,
)
_FURNITURE = pattern(r"header|top-?bar|quick|modal|drop-?down|pop-?up|tool-?bar|widget|side-?bar", re.IGNORECASE)
"""Names of the places where a site keeps a field to log in on all of its pages."""
_HIDDEN = pattern(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_REFRESH = pattern(r"\s*(\d{1,9})(?:\.\d*)?\s*(?:[;,\s]\s*(?:url\s*=\s*)?[\"']?\s*([^\"']+))?", re.IGNORECASE)
_DEEP, _BACK = 512, 64
_MANY, _LONG = 400, 400
_MAX_INLINE = 1 << 16
_MAX_TEXT = 2_000_000

_SEES_NOT, _ASIDE_PART, _MAIN_PART, _LINK, _NOSCRIPT, _FORM, _FURNISHED = (1 << bit for bit in range(7))
_PLACES = (_SEES_NOT, _ASIDE_PART, _MAIN_PART, _LINK, _NOSCRIPT, _FORM, _FURNISHED)


@dataclass(frozen=True, slots=True)
class Block:
    """A line of visible text, how many of its characters are links, and whether it stands in the main part or beside it."""

    text: str
    linked: int
    aside: bool
    main: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A page without its main text, and the blocks to find that in."""

    page: Page
    blocks: tuple[Block, ...]


def read_markup(text: str, *, address: str, size: int, cut: bool, encoding: str) -> Reading:
    """The page that `text` is."""
    reader = _Reader(base=address)
    for piece in pieces(text):
        if isinstance(piece, str):
            reader.words(piece)
        elif isinstance(piece, Tag):
            reader.start(piece)
        else:
            reader.end(piece)
    reader.flush()
    return reader.reading(address=address, size=size, cut=cut, encoding=encoding)


def fold(text: str) -> str:
    """White space folded; NUL, which no text has, shown as what it is."""
    return " ".join(text.replace("\0", "\ufffd").split())


@dataclass(slots=True)
class _Reader:
    base: str
    title: str = ""
    language: str = ""
    canonical: str | None = None
    metadata: list[tuple[str, str]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    forms: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    noscript: list[str] = field(default_factory=list)
    refresh: tuple[int, str] | None = None
    generator: str = ""
    noindex: bool = False
    elements: int = 0
    depth: int = 0
    deepest: int = 0
    passwords: int = 0
    passwords_aside: int = 0
    inputs: int = 0
    images: int = 0
    links: int = 0
    link_text: int = 0
    script_size: int = 0
    _inline_size: int = 0
    _text_size: int = 0
    _open: list[tuple[str, int]] = field(default_factory=list)
    _count: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_PLACES, 0))
    _parts: list[str] = field(default_factory=list)
    _linked: int = 0
    _heading: list[str] | None = None
    _level: str = ""

    # Text

    def words(self, raw: str) -> None:
        if self._text_size > _MAX_TEXT:
            return
        words = resolve(raw)
        self._text_size += len(words)
        count = self._count
        if count[_NOSCRIPT]:
            if len(self.noscript) < _MANY:
                self.noscript.append(words)
        elif count[_SEES_NOT]:
            if len(self.hidden) < _MANY:
                self.hidden.append(words)
        else:
            self._parts.append(words)
            if count[_LINK]:
                self._linked += len(words.strip())
            if self._heading is not None:
                self._heading.append(words)

    def flush(self) -> None:
        """A block ends here."""
        if not self._parts:
            return
        text, self._parts = fold("".join(self._parts)), []
        if text:
            self.link_text += self._linked
            count = self._count
            aside = count[_ASIDE_PART] > 0 or (count[_FORM] > 0 and len(text) < 80)
            self.blocks.append(Block(text, min(self._linked, len(text)), aside, count[_MAIN_PART] > 0))
        self._linked = 0

    # Elements

    def start(self, tag: Tag) -> None:
        self.elements += 1
        name = tag.name
        if name in _BLOCKS:
            self.flush()
            if self._heading is not None:
                self._heading.append(" ")
        elif name in _SEPARATE and self._parts:
            self._parts.append(" ")
        if self._heading is not None and name in _HEADINGS:
            self._end_heading()
        attributes = tag.attributes if tag.raw.strip(" /\n\t") else {}
        if attributes:
            self._note_names(attributes)
        self._facts(tag, attributes)
        if name in _VOID or name in _RAW:
            return
        if name == "a" and self._count[_LINK]:
            self._close("a")
        flags = self._flags(name, attributes)
        if name in _LOOSE:
            if self._open and self._open[-1][0] == name:
                self._close(name)
            if not flags & _SEES_NOT:
                return
        self._open_element(name, flags)
        if name in _HEADINGS:
            self._heading, self._level = [], name

    def end(self, tag: EndTag) -> None:
        name = tag.name
        if name in _BLOCKS:
            self.flush()
        if name in _HEADINGS:
            self._end_heading()
        self._close(name)

    def _open_element(self, name: str, flags: int) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        if len(self._open) < _DEEP:
            self._open.append((name, flags))
            self._mark(flags, 1)

    def _close(self, name: str) -> None:
        if self.depth > _DEEP:
            self.depth -= 1
            return
        for at in range(len(self._open) - 1, max(-1, len(self._open) - 1 - _BACK), -1):
            if self._open[at][0] == name:
                for _, flags in self._open[at:]:
                    self._mark(flags, -1)
                del self._open[at:]
                self.depth = len(self._open)
                return

    def _mark(self, flags: int, step: int) -> None:
        if flags:
            for place in _PLACES:
                if flags & place:
                    self._count[place] += step

    def _flags(self, name: str, attributes: dict[str, str]) -> int:
        flags = 0
        if name in _UNSEEN or "hidden" in attributes or _HIDDEN.search(attributes.get("style", "")[:500]):
            flags |= _SEES_NOT
        if name in {"html", "body"}:
            return 0  # a page that hides itself until its script has run is shown to readers all the same
        if name == "noscript":
            return flags | _NOSCRIPT
        if name == "a" and attributes.get("href"):
            self.links += 1
            return flags | _LINK
        role = attributes.get("role", "").lower()
        if name in {"main", "article"} or role in {"main", "article"}:
            flags |= _MAIN_PART
        elif (
            name in _ASIDE
            or role in _ASIDE_ROLES
            or (name == "header" and not self._count[_MAIN_PART])
            or (attributes and _ASIDE_NAMES.search(f"{attributes.get('id', '')} {attributes.get('class', '')}"[:_LONG]))
        ):
            flags |= _ASIDE_PART
        if name == "form":
            flags |= _FORM
        if attributes and _FURNITURE.search(f"{attributes.get('id', '')} {attributes.get('class', '')}"[:_LONG]):
            flags |= _FURNISHED
        return flags

    def _end_heading(self) -> None:
        if self._heading is None:
            return
        text, self._heading = fold("".join(self._heading))[:2000], None
        if text and len(self.headings) < _MANY:
            self.headings.append(text)
            if self._level == "h1":
                self._name(text)

    # Facts

    def _note_names(self, attributes: dict[str, str]) -> None:
        for key in ("id", "class", "name"):
            if (value := attributes.get(key)) and len(self.names) < _MANY:
                for word in value[:_LONG].split()[:8]:
                    self.names[word] = None

    def _facts(self, tag: Tag, attributes: dict[str, str]) -> None:
        match tag.name:
            case "meta":
                self._meta(attributes)
            case "title":
                if not self.title and not any(name == "svg" for name, _ in self._open[-6:]):
                    self.title = fold(resolve(tag.text[:4000]))[:2000]
            case "script":
                self._script(tag, attributes)
            case "html" if not self.language:
                self.language = (attributes.get("lang") or attributes.get("xml:lang") or "")[:35].strip().lower()
            case "base" if attributes.get("href"):
                self.base = self._absolute(attributes["href"]) or self.base
            case "link":
                if "canonical" in attributes.get("rel", "").lower().split() and self.canonical is None:
                    self.canonical = self._absolute(attributes.get("href", ""))
            case "iframe" | "frame":
                self._keep(self.frames, attributes.get("src", ""))
            case "img":
                self.images += 1
            case "time" if self._count[_MAIN_PART] and attributes.get("datetime"):
                if not any(key == "published" for key, _ in self.metadata):
                    self._say("published", attributes["datetime"])
            case "form" | "input" | "textarea":
                self._field(tag.name, attributes)

    def _field(self, name: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "text").lower()
        if name == "form":
            self._keep(self.forms, attributes.get("action", "") or self.base)
        elif name == "textarea":
            self.inputs += 1
        elif kind == "password":
            self.inputs += 1
            self.passwords += 1
            self.passwords_aside += self._count[_ASIDE_PART] > 0 or self._count[_FURNISHED] > 0
        else:
            self.inputs += kind not in {"hidden", "submit", "button", "image"}

    def _meta(self, attributes: dict[str, str]) -> None:
        value = attributes.get("content", "")[:4000]
        if (equiv := attributes.get("http-equiv", "").lower()) == "refresh":
            if self.refresh is None and not self._count[_NOSCRIPT] and (match := _REFRESH.match(value)):
                self.refresh = (int(match[1]), self._absolute(match[2].strip()) or "" if match[2] else self.base)
            return
        if equiv == "content-language" and not self.language:
            self.language = value[:35].strip().lower()
        for key in ("property", "name", "itemprop"):
            name = attributes.get(key, "").lower()
            if name in {"robots", "googlebot"}:
                self.noindex |= "noindex" in value.lower()
            elif name == "generator":
                self.generator = fold(value)[:200]
            elif (kind := KINDS.get(name)) == "title":
                self._name(fold(value))
            elif kind is not None:
                self._say(kind, value)

    def _script(self, tag: Tag, attributes: dict[str, str]) -> None:
        if source := attributes.get("src"):
            self._keep(self.scripts, source)
        if attributes.get("type", "").lower().strip() == "application/ld+json":
            for kind, value in linked(tag.text):
                if kind == "title":
                    self._name(fold(resolve(value)))
                else:
                    self._say(kind, resolve(value))
            return
        self.script_size += len(tag.text)
        if self._inline_size < _MAX_INLINE and tag.text:
            self.inline.append(tag.text[: _MAX_INLINE - self._inline_size])
            self._inline_size += len(self.inline[-1])

    def _name(self, title: str) -> None:
        if title and title not in self.named and len(self.named) < 40:
            self.named.append(title[:2000])

    def _say(self, kind: str, value: str) -> None:
        pair = (kind, fold(value)[:2000])
        if pair[1] and pair not in self.metadata and len(self.metadata) < 60:
            self.metadata.append(pair)

    def _keep(self, found: list[str], reference: str) -> None:
        if reference and len(found) < 200 and (address := self._absolute(reference)) and address not in found:
            found.append(address)

    def _absolute(self, reference: str) -> str | None:
        if not reference or len(reference) > 8000:
            return None
        found = urls.reference(reference.strip(), self.base) if self.base else urls.parse(reference)
        return found.address if isinstance(found, urls.Url) else None

    def reading(self, *, address: str, size: int, cut: bool, encoding: str) -> Reading:
        """What was read."""
        seconds, place = self.refresh or (0, None)
        titles = tuple(dict.fromkeys(([self.title] if self.title else []) + self.named))
        markup = Markup(
            elements=self.elements,
            depth=self.deepest,
            scripts=tuple(self.scripts),
            inline="\n".join(self.inline),
            script_size=self.script_size,
            frames=tuple(self.frames),
            names=tuple(self.names),
            forms=tuple(self.forms),
            passwords=self.passwords,
            passwords_aside=self.passwords_aside,
            inputs=self.inputs,
            images=self.images,
            links=self.links,
            link_text=self.link_text,
            refresh=place,
            refresh_after=seconds,
            noindex=self.noindex,
            noscript=fold(" ".join(self.noscript))[:4000],
            hidden=fold(" ".join(self.hidden))[:4000],
            generator=self.generator,
        )
        page = Page(
            address=address,
            media=Media.HTML,
            size=size,
            cut=cut,
            encoding=encoding,
            language=self.language,
            title=self.title,
            titles=titles,
            headings=tuple(self.headings),
            text="\n".join(block.text for block in self.blocks),
            visible_metadata=tuple(self.metadata),
            canonical=self.canonical,
            markup=markup,
        )
        return Reading(page, tuple(self.blocks))

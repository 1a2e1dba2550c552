"""A page taken apart for comparing it with another capture of itself: visible blocks with their place, and the markup without its chance parts.

One pass of the tokenizer, without a tree, in time proportional to the page (docs/adr/0024). Where a block stands is read from the
elements around it alone, never guessed from its words: what is not plainly navigation, a footer or an advert is main text, so that a doubt
makes a change louder and not quieter (docs/adr/0150).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from preserve.formats.html import EndTag, Tag, pieces, resolve
from preserve.model.change import Outline, Piece, Place
from preserve.pages.markup import fold
from preserve.pages.skeleton import line, word_set

_VOID = word_set("area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen")
_RAW = frozenset({"script", "style", "title", "textarea", "iframe", "xmp", "noembed", "noframes"})
_BLOCKS = word_set(
    "address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset figcaption"
    " figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html label legend li main menu nav ol optgroup"
    " option p pre section summary table tbody td tfoot th thead tr ul"
)
_LOOSE = word_set("p li td th tr dt dd option tbody thead tfoot optgroup rt rp colgroup")
_TABLES = frozenset({"table", "dl"})
_UNSEEN = word_set("select datalist template object audio video canvas noscript")
_BESIDE = frozenset({"nav", "footer", "aside", "dialog", "menu"})
_BESIDE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "complementary", "menu", "menubar"}
)
_BESIDE_NAMES = word_set(
    "nav navbar navigation menu footer sidebar cookies cookie consent gdpr breadcrumb breadcrumbs share sharing social"
    " toolbar pagination newsletter skip"
)
_ADVERTS = word_set(
    "ad ads adbox adslot adunit adsense adsbygoogle advert adverts advertisement advertisements advertising advertorial"
    " dfp gpt sponsor sponsored sponsors taboola outbrain werbung anzeige anzeigen publicité publicite publicidad"
    " pubblicità pubblicita reklam reklama реклама"
)
_NEVER_ADVERT = frozenset({"html", "body", "main", "article", "h1", "title", "form"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+")
_MARKED = word_set(
    "count counter counters counts view views viewcount pageviews hit hits hitcounter visit visits visitor visitors"
    " clock clocktime date today now servertime timestamp datetime likes shares comments followers reactions online"
    " downloads generated generation session token request"
)
"""Names that may mean something that changes by itself: such an element's text is a block of its own."""
_DEEP, _BACK, _LONG = 512, 64, 400
_MAX_TEXT, _MAX_PIECES, _MAX_MARKUP = 2_000_000, 40_000, 60_000

_SEES_NOT, _BESIDE_PART, _MAIN_PART, _ADVERT_PART, _TABLE = (1 << bit for bit in range(5))
_FLAGS = (_SEES_NOT, _BESIDE_PART, _MAIN_PART, _ADVERT_PART, _TABLE)


def outline(text: str) -> Outline:
    """Take the page `text` apart. Nothing is raised for what it holds; of a very large page the first part is taken."""
    reader = _Reader()
    for piece in pieces(text):
        if isinstance(piece, str):
            reader.words(piece)
        elif isinstance(piece, Tag):
            reader.start(piece)
        else:
            reader.end(piece)
    reader.flush()
    return Outline(pieces=_checked(reader.blocks), markup=tuple(reader.markup))


def plain(text: str) -> Outline:
    """The outline of something that has text and no markup: a line a block, all of it main text."""
    return Outline(pieces=tuple(Piece(text=line) for line in map(fold, text.splitlines()[:_MAX_PIECES]) if line))


def _checked(blocks: list[Piece]) -> tuple[Piece, ...]:
    """An advert is a small thing beside a page: where most of the text claims to be one, the names mean something else."""
    sizes = Counter[Place]()
    for block in blocks:
        sizes[block.place] += len(block.text)
    if sizes[Place.ADVERT] * 2 > sum(sizes.values()):
        return tuple(
            Piece(text=block.text, names=block.names, tabular=block.tabular) if block.place is Place.ADVERT else block
            for block in blocks
        )
    return tuple(blocks)


@dataclass(slots=True)
class _Open:
    name: str
    flags: int
    names: tuple[str, ...] = ()
    marked: bool = False


@dataclass(slots=True)
class _Reader:
    """What was read so far; `_count` says how many open elements carry each flag."""

    blocks: list[Piece] = field(default_factory=list)
    markup: list[str] = field(default_factory=list)
    _depth: int = 0
    _size: int = 0
    _open: list[_Open] = field(default_factory=list)
    _count: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_FLAGS, 0))
    _parts: list[str] = field(default_factory=list)
    _names: tuple[str, ...] = ()

    def words(self, raw: str) -> None:
        if self._count[_SEES_NOT] or self._size > _MAX_TEXT or (self._open and self._open[-1].name in _RAW):
            return
        words = resolve(raw)
        self._size += len(words)
        if not self._parts or not any(part.strip() for part in self._parts):
            self._names = self._open[-1].names if self._open else ()
        self._parts.append(words)

    def flush(self) -> None:
        """A block ends here."""
        if not self._parts:
            return
        text, self._parts = fold("".join(self._parts)), []
        if not text or len(self.blocks) >= _MAX_PIECES:
            return
        count = self._count
        place = Place.ADVERT if count[_ADVERT_PART] else Place.BESIDE if count[_BESIDE_PART] else Place.MAIN
        self.blocks.append(Piece(text=text, place=place, names=self._names, tabular=count[_TABLE] > 0))

    def start(self, tag: Tag) -> None:
        name = tag.name
        attributes = tag.attributes if tag.raw.strip(" /\n\t") else {}
        names = _words(attributes)
        marked = any(word.lower() in _MARKED for word in names)
        if name in _BLOCKS or marked:
            self.flush()
        elif name == "img" and self._parts:
            self._parts.append(" ")
        if name in _LOOSE and self._open and self._open[-1].name == name:
            self._close(name)
        flags = self._flags(name, attributes, names)
        if not self._count[_ADVERT_PART] and not flags & _ADVERT_PART and len(self.markup) < _MAX_MARKUP:
            self.markup.append(line(tag, attributes))
        if name not in _VOID:
            self._push(_Open(name, flags, names, marked))

    def end(self, tag: EndTag) -> None:
        if tag.name in _BLOCKS:
            self.flush()
        self._close(tag.name)

    def _push(self, element: _Open) -> None:
        self._depth += 1
        if len(self._open) < _DEEP:
            self._open.append(element)
            self._mark(element.flags, 1)

    def _close(self, name: str) -> None:
        if self._depth > _DEEP:
            self._depth -= 1
            return
        for at in range(len(self._open) - 1, max(-1, len(self._open) - 1 - _BACK), -1):
            if self._open[at].name == name:
                if any(element.marked for element in self._open[at:]):
                    self.flush()
                for element in self._open[at:]:
                    self._mark(element.flags, -1)
                del self._open[at:]
                self._depth = len(self._open)
                return

    def _mark(self, flags: int, step: int) -> None:
        for flag in _FLAGS:
            if flags & flag:
                self._count[flag] += step

    def _flags(self, name: str, attributes: dict[str, str], names: tuple[str, ...]) -> int:
        if name in {"html", "body"}:
            return 0  # a page that hides itself until its script has run is shown to readers all the same
        flags = _TABLE if name in _TABLES else 0
        if name in _UNSEEN or "hidden" in attributes or _HIDDEN.search(attributes.get("style", "")[:500]):
            flags |= _SEES_NOT
        role = attributes.get("role", "").lower()
        words = frozenset(word.lower() for word in names)
        if name not in _NEVER_ADVERT and role not in {"main", "article"} and _is_advert(words, attributes):
            return flags | _ADVERT_PART
        if name in {"main", "article"} or role in {"main", "article"}:
            return flags | _MAIN_PART
        beside = name in _BESIDE or role in _BESIDE_ROLES or (name == "header" and not self._count[_MAIN_PART])
        return flags | _BESIDE_PART if beside or words & _BESIDE_NAMES else flags


def _words(attributes: dict[str, str]) -> tuple[str, ...]:
    """The words of which an element's names are made: `class="adSlot-top"` gives ad, Slot, top; a space ends a name ("")."""
    found: list[str] = []
    for key in ("id", "class"):
        if value := attributes.get(key):
            for name in value[:_LONG].split()[:12]:
                found += _WORDS.findall(name)[:12]
                found.append("")
    return tuple(found)


def _is_advert(words: frozenset[str], attributes: dict[str, str]) -> bool:
    label = attributes.get("aria-label", "").strip().lower()
    return (
        not words.isdisjoint(_ADVERTS)
        or label in _ADVERTS
        or any(key.startswith(("data-ad-", "data-google-")) for key in attributes)
    )

"""HTML as a list of blocks: the text between two block-level edges, with its links, its in-page anchors and where it lies.

The tree is walked without recursion, so that no depth of nesting can hurt. Digits in `<sup>` become superscript digits, as a
reader sees them. Navigation, scripts and forms are left out (HTML Living Standard sections 3.2.5 and 4.3.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin

from selectolax.lexbor import LexborNode

from preserve.documents.markup import tree as html_tree
from preserve.model.document import Line, Link

_BLOCKS = frozenset(
    re.findall(
        r"\S+",
        """address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form h1
        h2 h3 h4 h5 h6 header hgroup hr html li main menu ol p pre section summary table tbody td tfoot th thead tr ul""",
    )
)
_SKIPPED = frozenset(
    re.findall(
        r"\S+",
        """script style noscript template head nav svg button select textarea iframe object audio video canvas title option math""",
    )
)
_SKIPPED_CLASSES = re.compile(r"(?:^|\s)(?:navbox|mw-editsection|mw-jump-link|catlinks|vector-\S+|toc|noprint)(?:\s|$)")
_NOTES = re.compile(
    r"(?:^|[\s_-])(?:foot-?notes?|end-?notes?|references|reflist|refbegin|bibliography|works-?cited|citations)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NOTE_ROLES = frozenset({"doc-endnotes", "doc-footnote", "doc-endnote", "doc-biblioentry", "doc-bibliography", "doc-footnotes"})
_ASIDE = re.compile(
    r"(?:^|\s)(?:(?:foot|side|margin|end)-?note(?:-(?:text|content|body))?|foot-ref|\S*footnote__note|\S*footnote-(?:text|content|tooltip))(?:\s|$)",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"(?:([⁰¹²³⁴-⁹]{1,4})|\[(\d{1,4})\]|(?<![\d,.])(\d{1,4})|([*†‡§]{1,3}))\W{0,2}\Z")
_LEADING = re.compile(r"\s*[\[(]?(\d{1,4}|[⁰¹²³⁴-⁹]{1,4}|[*†‡§]{1,3})[\])]?[.:]?(?=\s|[^\W\d_])")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARK = re.compile(
    r"\s*[\[(]?\s*(?:note|nb|n|fn|lower-alpha)?\s*(\d{1,4}|[*†‡§¶]{1,4}|[a-z]{1,2}|[ivxlc]{1,6})\s*[\])]?\s*[.:]?\s*\Z",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"[\s^↑↩⤴⏎︎️*\[\]()a-z\d.,:]*\Z|\s*(?:back|return|jump|jump up|zurück|up|retour|назад)\b.{0,30}\Z", re.IGNORECASE
)


@dataclass(slots=True)
class Anchor:
    """A link within the page: over `start` to `end` of line `line` of its block, to the element `target`."""

    line: int
    start: int
    end: int
    target: str
    text: str
    raised: bool = False
    """Within `<sup>`."""

    @property
    def mark(self) -> str | None:
        """The mark that its text is, without brackets; None when it is more than a mark."""
        match = _MARK.match(self.text.translate(_DIGITS))
        return match[1] if match else None

    @property
    def leads_back(self) -> bool:
        """Whether it reads like the way back from a note to its mark."""
        return bool(_BACK.match(self.text.translate(_DIGITS)))


_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


@dataclass(slots=True)
class Block:
    """Text between two block-level edges; `path` are the elements around it, outermost first."""

    tag: str
    path: tuple[int, ...]
    lines: list[list[str]] = field(default_factory=lambda: [[]])
    links: list[list[Link]] = field(default_factory=lambda: [[]])
    anchors: list[Anchor] = field(default_factory=list)
    number: int | None = None
    """The source line, where it is known."""
    item: tuple[int, int] | None = None
    """The ordered list and the ordinal, for the first block of a list item."""
    noted: bool = False
    """Lies in an element that is marked as holding notes or references."""
    pre: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.texts())

    def texts(self) -> list[str]:
        return ["".join(pieces).rstrip() for pieces in self.lines]

    def passage_lines(self) -> tuple[Line, ...]:
        """Its lines, those at the ends that are empty left out."""
        texts = self.texts()
        lines = [
            Line(
                text=text,
                number=None if self.number is None else self.number,
                links=tuple(
                    Link(start=min(link.start, len(text)), end=min(link.end, len(text)), href=link.href)
                    for link in self.links[at]
                ),
            )
            for at, text in enumerate(texts)
        ]
        while lines and not lines[0].text.strip():
            lines.pop(0)
        while lines and not lines[-1].text.strip():
            lines.pop()
        return tuple(lines)


@dataclass(slots=True)
class Page:
    """The blocks of a page, and the block in which each id lies (with the element that carries it)."""

    blocks: list[Block]
    ids: dict[str, tuple[int, int]]
    asides: list[Aside]


@dataclass(slots=True)
class Aside:
    """A note in the midst of the text, which the page shows beside it or on a click: after block `at`."""

    at: int
    mark: str
    blocks: list[Block]


@dataclass(slots=True)
class _Body:
    """What was being read when an aside began."""

    element: int
    blocks: list[Block]
    block: Block | None
    link: tuple[str, int, int] | None
    sup: int
    hint: str


def page_of(html: str) -> Page:
    """The blocks of `html`, whatever it is: the parser of the living standard accepts everything."""
    return _Walker(html).walk()


class _Walker:
    def __init__(self, html: str) -> None:
        self.html = html
        tree = html_tree(html)
        self.root = tree.root
        self.tree = tree
        base = tree.css_first("base[href]")
        href = (base.attributes.get("href") or "") if base is not None else ""
        self.base = href.strip() if href.strip().lower().startswith(("http://", "https://")) else None
        self.blocks: list[Block] = []
        self.ids: dict[str, tuple[int, int]] = {}
        self.waiting: list[tuple[str, int]] = []
        self.path: list[tuple[int, str, bool]] = []
        self.lists: list[tuple[int, int, int]] = []
        self.block: Block | None = None
        self.item: tuple[int, int] | None = None
        self.link: tuple[str, int, int] | None = None
        self.sup = 0
        self.pre = 0
        self.body: _Body | None = None
        self.asides: list[Aside] = []
        self.described = {
            name
            for each in tree.css("[aria-describedby]")
            for name in (each.attributes.get("aria-describedby") or "").split()
            if len((each.text() or "").strip()) <= 6
        }
        hrefs = ((each.attributes.get("href") or "").partition("#")[2] for each in tree.css("a[href*='#']"))
        self.targets = {target for target in hrefs if target}
        self.cursor, self.line = 0, 1
        self.source_line: int | None = None

    def walk(self) -> Page:
        node = self.root
        while node is not None:
            entered = self._enter(node)
            if entered and node.first_child is not None:
                node = node.first_child
                continue
            if entered:
                self._leave(node)
            node = self._next(node)
        self._flush()
        self._drop_own()
        # An empty element at the very end has an id and no block.
        ids = {name: place for name, place in self.ids.items() if place[0] < len(self.blocks)}
        return Page(self.blocks, ids, self.asides)

    def _next(self, node: LexborNode) -> LexborNode | None:
        """The node after this one's whole subtree; elements that end on the way are left."""
        here: LexborNode | None = node
        while here is not None and here.next is None:
            here = here.parent
            if here is None or self.root is None or here.mem_id == self.root.mem_id:
                return None
            self._leave(here)
        return here.next if here is not None else None

    def _drop_own(self) -> None:
        """A mark may name its own page in full; then it is a way within the page and cites nothing."""
        for block in self.blocks:
            for line, links in enumerate(block.links):
                known = [anchor for anchor in block.anchors if anchor.line == line and anchor.target in self.ids]
                own = {(anchor.start, anchor.end) for anchor in known if anchor.mark is not None or anchor.leads_back}
                block.links[line] = [link for link in links if (link.start, link.end) not in own or link.start == link.end]

    def _enter(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag.startswith(("-", "!", "_")) or tag in _SKIPPED:
            return False
        attributes = node.attributes
        classes, role = attributes.get("class") or "", attributes.get("role") or ""
        if role == "navigation" or (classes and _SKIPPED_CLASSES.search(classes)):
            return False
        if tag in _BLOCKS:
            self._flush()
        if self.body is None and self._is_aside(node, tag, attributes, classes):
            self._open_aside(node, attributes, classes)
        noted = role in _NOTE_ROLES or bool(_NOTES.search(classes)) or "note" in (attributes.get("epub:type") or "")
        self.path.append((node.mem_id, tag, noted))
        for key in ("id", "name") if tag == "a" else ("id",):
            if name := attributes.get(key):
                self._identify(name, node.mem_id)
        if line := attributes.get("data-source-line"):
            self.source_line = int(line) if line.isdecimal() else None
        self._open(node, tag, attributes)
        return True

    def _open(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "br":
            block = self._here()
            block.lines.append([])
            block.links.append([])
        elif tag == "ol":
            start = attributes.get("start") or "1"
            self.lists.append((node.mem_id, int(start) - 1 if start.isdecimal() else 0, 1))
        elif tag == "ul":
            self.lists.append((node.mem_id, 0, 0))
        elif tag == "li" and self.lists:
            mem, count, ordered = self.lists[-1]
            value = attributes.get("value") or ""
            count = int(value) if value.isdecimal() else count + 1
            self.lists[-1] = (mem, count, ordered)
            self.item = (mem, count) if ordered else None
        elif tag == "sup":
            self.sup += 1
        elif tag == "pre":
            self.pre += 1
        elif tag == "a" and (href := attributes.get("href")) is not None:
            block = self._here()
            self.link = (href, len(block.lines) - 1, self._column())

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in {"ol", "ul"} and self.lists:
            self.lists.pop()
        elif tag == "sup":
            self.sup -= 1
        elif tag == "pre":
            self.pre -= 1
        elif tag == "a" and self.link is not None:
            self._close_link()
        if tag in _BLOCKS:
            self._flush()
        if self.path and self.path[-1][0] == node.mem_id:
            self.path.pop()
        if self.body is not None and self.body.element == node.mem_id:
            self._close_aside(self.body)

    def _is_aside(self, node: LexborNode, tag: str, attributes: dict[str, str | None], classes: str) -> bool:
        """Whether an element within a paragraph is the text of a note rather than its mark."""
        name = attributes.get("id") or ""
        if tag not in {"span", "cite", "small", "aside", "div"} or (tag == "div" and self.block is None):
            return False
        if not (name in self.described or _ASIDE.search(classes)) or name in self.targets:
            return False
        text = node.text(deep=True).strip()
        if name not in self.described and not re.search(r"[^\W\d_]{2}", text):
            return False  # a mark within an element that is called a note
        return not any((each.attributes.get("id") or "") in self.targets for each in node.css("[id]"))

    def _open_aside(self, node: LexborNode, attributes: dict[str, str | None], classes: str) -> None:
        hint = next((value for key, value in attributes.items() if key.startswith("data-") and value and value.isdecimal()), "")
        hint = hint or next(iter(re.findall(r"note-(\d{1,4})\b", classes)), "")
        self.body = _Body(node.mem_id, self.blocks, self.block, self.link, self.sup, hint)
        self.blocks, self.block, self.link, self.sup = [], None, None, 0

    def _close_aside(self, body: _Body) -> None:
        self._flush()
        blocks = self.blocks
        self.blocks, self.block, self.link, self.sup, self.body = body.blocks, body.block, body.link, body.sup, None
        if blocks:
            mark = self._aside_mark(blocks[0].text, body.hint) or str(len(self.asides) + 1)
            self.asides.append(Aside(at=len(self.blocks), mark=mark, blocks=blocks))

    def _aside_mark(self, text: str, hint: str) -> str:
        """The mark of an aside: what stands raised before it, else what its markup and its first characters say."""
        before = _BEFORE.search("".join(self.block.lines[-1])) if self.block is not None else None
        raised, loose = (before[1] or before[2] or before[4], before[3]) if before else (None, None)
        leading = found[1] if (found := _LEADING.match(text)) else None
        agreed = leading if leading and leading.translate(_DIGITS) == hint else None
        return (raised or agreed or hint or leading or loose or "").translate(_DIGITS)

    def _identify(self, name: str, element: int) -> None:
        if self.body is not None:
            return
        if self.block is not None:
            self.ids.setdefault(name, (len(self.blocks), element))
        else:
            self.waiting.append((name, element))

    def _here(self) -> Block:
        if self.block is None:
            tag = next((tag for _, tag, _ in reversed(self.path) if tag in _BLOCKS), "body")
            self.block = Block(
                tag=tag,
                path=tuple(mem for mem, _, _ in self.path),
                noted=any(noted for _, _, noted in self.path),
                item=self.item,
                pre=self.pre > 0,
                number=self.source_line,
            )
            self.item = None
        return self.block

    def _column(self) -> int:
        return sum(map(len, self._here().lines[-1]))

    def _text(self, text: str) -> None:
        if self.block is None and not text.strip():
            return
        block = self._here()
        if block.number is None and text.strip():
            block.number = self._locate(text)
        if self.pre:
            for at, line in enumerate(text.split("\n")):
                if at:
                    block.lines.append([])
                    block.links.append([])
                block.lines[-1].append(line)
            return
        text = _SPACE.sub(" ", text)
        pieces = block.lines[-1]
        if text[:1] == " " and (not pieces or pieces[-1][-1:] == " "):
            text = text[1:]
        if self.sup and text.strip().isdecimal():
            text = text.translate(_SUPERSCRIPT)
        if text:
            pieces.append(text)

    def _locate(self, text: str) -> int | None:
        """The source line of a piece of text: found from where the last one was. None where entities hide it."""
        sample = text.strip().split("\n")[0][:24].strip()
        if not sample or "&" in sample:
            return None
        at = self.html.find(sample, self.cursor, self.cursor + 100_000)
        if at < 0:
            return None
        self.line += self.html.count("\n", self.cursor, at)
        self.cursor = at
        return self.line

    def _close_link(self) -> None:
        assert self.link is not None
        href, line, start = self.link
        self.link = None
        block = self.block
        if block is None or line >= len(block.lines):
            return
        last = len(block.lines) - 1
        end = self._column() if last == line else sum(map(len, block.lines[line]))
        href = re.sub(r"[\t\r\n]", "", href.strip())
        _, hash_mark, target = href.partition("#")
        if hash_mark:
            text = "".join(block.lines[line])[start:end]
            block.anchors.append(
                Anchor(line=line, start=start, end=end, target=unquote(target), text=text, raised=self.sup > 0)
            )
        if (address := self._address(href)) is not None:
            block.links[line].append(Link(start=start, end=end, href=address))

    def _address(self, href: str) -> str | None:
        """The absolute web address that `href` is; None for anything else, relative links without a base included."""
        if re.match(r"(?:https?|ftp)://", href, re.IGNORECASE):
            return href
        if href.startswith("//") and "." in href:
            return "https:" + href
        if self.base and href and not re.match(r"[a-z][a-z0-9+.-]*:", href, re.IGNORECASE):
            try:
                return urljoin(self.base, href)
            except ValueError:
                return None
        return None

    def _flush(self) -> None:
        block = self.block
        if block is None:
            return
        if self.link is not None:
            href = self.link[0]
            self._close_link()
            self.link = (href, 0, 0)
        self.block = None
        if block.text.strip() or any(block.links):
            for name, element in self.waiting:
                self.ids.setdefault(name, (len(self.blocks), element))
            self.waiting.clear()
            self.blocks.append(block)
        elif block.item is not None:
            self.item = block.item

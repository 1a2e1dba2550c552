"""The nouns of judging: Page, what a footnote describes, the evidence, and the judgement.

A *page* is what a response shows a reader: names, headings, text, and the facts of its markup that tell a page from a wall in front of
one. `preserve.pages.reading` makes it from bytes; `preserve.rules` judges it (docs/guide/verdicts.md). All text is as the page has it,
white space folded; whoever prints it escapes it.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from preserve.model.noun import dataclass
from preserve.model.web import Verdict


class Media(StrEnum):
    """What kind of thing the body is."""

    HTML = "html"
    TEXT = "text"
    PDF = "pdf"
    IMAGE = "image"
    OTHER = "other"
    """Sound, video, archives, data: nothing that is read here."""
    EMPTY = "empty"


class Presence(StrEnum):
    """Whether something cited stands on a page. `UNKNOWN` is an honest answer: the two cannot be compared, or neither is likely."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """Facts of a page's markup. Addresses are absolute; every list is bounded, with the first ones kept.

    `scripts` and `frames` are addresses, `inline` what inline scripts hold (its first 64 Ki characters), `script_size` the characters of
    all of it. `names` are the values of `id`, `class` and `name`. `forms` are where forms are sent to. `links` counts links that lead
    anywhere, `link_text` the characters of visible text inside them. `passwords` counts the fields for a password, `passwords_aside` those
    among them that stand in a header, a side bar, or a dialog. `refresh` is the address of a `<meta http-equiv=refresh>` and
    `refresh_after` its seconds. `noscript` is what a reader without JavaScript is told. `hidden` is text that the markup hides.
    """

    elements: int = 0
    depth: int = 0
    scripts: tuple[str, ...] = ()
    inline: str = ""
    script_size: int = 0
    frames: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    passwords: int = 0
    passwords_aside: int = 0
    inputs: int = 0
    images: int = 0
    links: int = 0
    link_text: int = 0
    refresh: str | None = None
    refresh_after: int = 0
    noindex: bool = False
    noscript: str = ""
    hidden: str = ""
    generator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A text that was looked for in a page or a document, or in words why it could not be read (then `text` is "")."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a response shows a reader.

    `title` is its `<title>`, `titles` everything that it gives as its name, `title` first (the names in its metadata, its first-level
    headings), each once. `headings` are all headings in order. `text` is the visible text, a block a line; `main_text` the part of it
    that is not navigation, banners and the like. `visible_metadata` are pairs of a name out of `author`, `published`, `modified`,
    `site`, `description`, `type` and what the page says, in order, each once. `canonical` is the address that it calls its own.

    `language` is what it declares (BCP 47, lower case), "" when nothing. `size` counts the bytes read, `cut` says that there were more.
    `unread` says why there is no text although there may be some (a PDF without a reader at hand, another kind of file), `remark` what
    stood in the way of reading it as others are read.
    """

    address: str
    media: Media
    size: int = 0
    cut: bool = False
    encoding: str = ""
    language: str = ""
    title: str = ""
    titles: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    text: str = ""
    main_text: str = ""
    visible_metadata: tuple[tuple[str, str], ...] = ()
    canonical: str | None = None
    markup: Markup = field(default=Markup())
    unread: str = ""
    remark: str = ""

    def said(self, name: str) -> tuple[str, ...]:
        """What the visible metadata say under `name`."""
        return tuple(value for key, value in self.visible_metadata if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What footnotes say about one address: everything that several citations of it say, each thing once.

    `quotes` are words in quotation marks that are not a title. `dates` are ISO 8601, as precise as printed. `texts` are the parts of the
    notes that belong to the address.
    """

    titles: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def judgeable(self) -> bool:
        """Whether a title or a quotation is there to judge by."""
        return bool(self.titles or self.quotes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete final response as far as its head tells. `address` is the one that gave it, `size` the bytes of the entity on the wire."""

    address: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    size: int = 0

    def header(self, name: bytes) -> str:
        """The first header field of that name (lower case), "" when there is none."""
        for key, value in self.headers:
            if len(key) == len(name) and key.lower() == name:
                return value.decode("latin-1").strip()
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """What a host answers to an address that was made up: what its "not found" looks like. `page` is None where it was not read."""

    asked: str
    answer: Answer
    page: Page | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a verdict is made of. `asked` is the address of the target, before any redirect; `page` is None while it is not read."""

    asked: str
    answer: Answer
    page: Page | None = None
    described: Described = field(default=Described())
    not_found: NotFound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and its signals: short facts, so that a person can disagree. Words of the page stand in them as they are."""

    verdict: Verdict
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a page fits what a footnote describes: 0 to 100, 50 when nothing can be compared; `reasons` in words."""

    score: int
    reasons: tuple[str, ...] = ()
    title: Presence = Presence.UNKNOWN
    quote: Presence = Presence.UNKNOWN

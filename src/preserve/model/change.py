"""The nouns of comparing two captures of one address: what each showed (Version), and what became of it (Change).

An *outline* is a page taken apart for comparing: its visible text block by block with where each block stands, and its markup as a
collection of lines. `preserve.pages.outline` makes it; `preserve.rules.change` compares (docs/guide/change.md).
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from preserve.model.noun import dataclass
from preserve.model.page import Described, Page, Presence
from preserve.model.web import Outcome, Verdict


class ChangeKind(StrEnum):
    """What the difference between two captures comes to; the strongest that applies."""

    IDENTICAL = "identical"
    """The same payload, byte for byte."""
    NOISE = "noise"
    """Other bytes, and nothing a reader of the citation needs to hear of: counters, clocks, tokens, adverts."""
    MARKUP = "markup"
    """The main text is the same; what surrounds it, or what is not seen, differs."""
    TEXT = "text"
    """The main text differs, or what the page calls itself, its author or its dates; or something that is no text differs at all."""
    GONE = "gone"
    """There was a page, and now there is none."""
    BACK = "back"
    """There was none, and now there is."""

    @property
    def meaning(self) -> str:
        """It in a few words."""
        return _MEANINGS[self.value]

    @property
    def heading(self) -> str:
        """The word and what it means."""
        return f"{self.value}: {self.meaning}"

    @property
    def real(self) -> bool:
        """Whether it is worth telling anybody."""
        return self not in {ChangeKind.IDENTICAL, ChangeKind.NOISE}


NEITHER = "neither capture holds a page"
UNTOLD = "what changed cannot be told"
"""What a comparison comes to that could not be made."""
_MEANINGS = {
    "identical": "the same bytes both times",
    "noise": "other bytes, and nothing that a reader needs to hear of",
    "markup": "the main text is the same, what surrounds it is not",
    "text": "what a reader is shown differs",
    "gone": "there was a page, and now there is none",
    "back": "there was none, and now there is a page",
}


class Place(StrEnum):
    """Where on a page a block stands."""

    MAIN = "main"
    BESIDE = "beside"
    """Navigation, side bars, headers and footers of the site."""
    ADVERT = "advert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One block of visible text, white space folded. `names` are the words of the `id` and `class` of its own element, as they stand.

    `tabular`: it stands in a table or a list of definitions, where a number is no ornament.
    """

    text: str
    place: Place = Place.MAIN
    names: tuple[str, ...] = ()
    tabular: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A page taken apart. `markup` are its elements and scripts, one line each, without what is random in them."""

    pieces: tuple[Piece, ...] = ()
    markup: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One capture of an address, as far as it was read.

    `run` is the run's folder, `sequence` its number, `at` when it was asked for. `digest` is the SHA-256 of the payload as it came,
    `content` that of the decoded content, "" where they are not known. `page` and `outline` are None where there is nothing to read;
    `problem` says why. `altered`: what is stored is not what was sealed, and nothing of it is used.
    """

    run: str
    sequence: int
    at: datetime
    url: str
    final_url: str
    outcome: Outcome
    verdict: Verdict | None
    status: int | None
    reason: str = ""
    digest: str = ""
    content: str = ""
    cut: bool = False
    page: Page | None = None
    outline: Outline | None = None
    described: Described = field(default=Described())
    problem: str = ""
    altered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of an address between two captures.

    `added` and `removed` are sentences or lines as the page has them, in order, and bounded; `more` counts those left out. For
    `markup` they may be lines of markup, which begin with "<". `quote` says whether the words that a footnote quotes stand in the later
    capture, `quote_before` whether they stood in the earlier one. `reasons` says in short sentences what the judgement rests on.
    `neither`: there was no page either time, so that nothing could be compared; `kind` is noise then. `untold`: the bytes differ and
    could not be compared; `kind` is text then, so that nothing is passed over.
    """

    url: str
    before: Version
    after: Version
    kind: ChangeKind
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    more: int = 0
    quote: Presence = Presence.UNKNOWN
    quote_before: Presence = Presence.UNKNOWN
    reasons: tuple[str, ...] = ()
    neither: bool = False
    untold: bool = False

    @property
    def heading(self) -> str:
        """What it comes to, in one line."""
        if self.neither:
            return NEITHER
        return UNTOLD if self.untold else self.kind.heading

    @property
    def altered(self) -> bool:
        return self.before.altered or self.after.altered


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of an address from one capture to the next, as a line of time tells it: a Change without what was compared.

    `since` is the number of the earlier capture's run. `kind` is None where the two could not be compared; `reasons` say why.
    `heading` and `quoted` are words of `preserve diff`; `told` says what differs and how it reads now, "" where it is no real change.
    `quote` and `quote_before` are as a Change has them.
    """

    since: int
    kind: ChangeKind | None
    heading: str
    quoted: str = ""
    reasons: tuple[str, ...] = ()
    told: str = ""
    quote: Presence = Presence.UNKNOWN
    quote_before: Presence = Presence.UNKNOWN

    @property
    def real(self) -> bool:
        """Whether it is worth telling anybody; what could not be compared is."""
        return self.kind is None or self.kind.real


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two captures of one address: for each the name of its run, its number in it, and its payload as `Point.content` has it."""

    before: tuple[str, int, int]
    after: tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a line, and whether it differs from the line beside it."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of one page beside that of another; either is empty where it has none.

    `why` says why the difference does not count, "" where it does or there is none. `skipped` rows alike were left out before it.
    """

    left: tuple[Span, ...]
    right: tuple[Span, ...]
    why: str = ""
    skipped: int = 0

    @property
    def alike(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How the citations of a collection stood once a run was sealed: each counted once, by the latest that was known of it.

    `ok` were captured and are what they should be; `gone` answered that there is no such page; `doubtful` answered with something else
    (a wall, an empty shell, a soft 404, a page that does not fit, a cut reply); `failed` gave no usable answer; `never` were not asked or
    refused. Citations without an address are not among them: `unaddressed` counts those.
    """

    run: str
    sequence: int
    at: datetime
    ok: int = 0
    gone: int = 0
    doubtful: int = 0
    failed: int = 0
    never: int = 0
    unaddressed: int = 0

    @property
    def cited(self) -> int:
        """Citations with an address that this run or an earlier one knew of."""
        return self.ok + self.gone + self.doubtful + self.failed + self.never

"""The nouns of reading: Document, its Passages, and the Citations found in them.

A reader (`preserve.documents`) turns bytes into a Document: passages in reading order, each a note (with its mark) or a piece of
body, each made of the lines as they stand, with line number, page and links. `preserve.cite` turns that into Citations. A PDF
reader fills `page` and the links from annotations, a DOCX reader the links from relationships; nothing here knows of formats.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from preserve.model.noun import dataclass


class Where(StrEnum):
    """In which part of a document something stands."""

    NOTES = "notes"
    """Footnotes, endnotes, and lists of references whose entries carry a mark."""
    BODY = "body"
    """Everything else, lists of references without marks included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A hyperlink over the characters `start` to `end` (exclusive) of its line; `href` is absolute."""

    start: int
    end: int
    href: str

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError("a link covers a range of its line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as printed, indentation kept. `number` and `page` count from 1; None where the format has none.

    `full` says whether not one more character would have fitted on it, so that it may have been broken within a word; None where
    the format does not tell.
    """

    text: str
    number: int | None = None
    page: int | None = None
    links: tuple[Link, ...] = ()
    full: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A note or a paragraph: the stretch within which an address may run on from line to line.

    `mark` is the note's printed mark without brackets or dot ("12", "*", "RFC2119"). When the document lost it, `mark` is None
    and `inferred` the number that the neighbours leave for it. `order` is the note's place in the numbering, by which "ibid" finds
    the note before it even where the print displaced one.
    """

    where: Where
    lines: tuple[Line, ...]
    mark: str | None = None
    inferred: str | None = None
    order: int | None = None

    @property
    def note(self) -> str | None:
        """The mark, printed or inferred."""
        return self.mark if self.mark is not None else self.inferred


class CitationKind(StrEnum):
    """What stands in the document: an address, a bare identifier, or a pointer to another note."""

    URL = "url"
    DOI = "doi"
    ARXIV = "arxiv"
    HANDLE = "handle"
    URN_NBN = "urn-nbn"
    IBID = "ibid"
    """The work cited just before: ibid., id., ebenda, там же."""
    SUPRA = "supra"
    """A work cited in a note that is named by its number."""

    @property
    def refers(self) -> bool:
        """Whether it is a pointer to another note rather than a citation of its own."""
        return self in {CitationKind.IBID, CitationKind.SUPRA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One form of an address that may have been meant, and why."""

    url: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One thing that a document cites; the fields are those of `preserve cite --json` (docs/formats/citations.md), in order.

    `url` is the printed address, with `https` where no scheme was printed, or an identifier's resolver link; it is None when
    there is no usable address, and then `problem` says why. `candidates` starts with `url` itself and goes on with what else may
    have been meant, best first. `uncertain` means that the print itself is in doubt. Dates are ISO 8601, as precise as printed.
    """

    document: str
    note: str | None = None
    note_inferred: str | None = None
    where: Where
    kind: CitationKind
    url: str | None
    url_as_printed: str | None = None
    candidates: tuple[Candidate, ...] = ()
    text: str = ""
    title: str | None = None
    date: str | None = None
    page: int | None = None
    line: int | None = None
    uncertain: bool = False
    problem: str | None = None
    refers_to: str | None = None

    def __post_init__(self) -> None:
        if self.url is None and not self.problem:
            raise ValueError("a citation without an address says why")

    @property
    def fetchable(self) -> bool:
        """Whether there is an address of its own to ask for."""
        return self.url is not None and not self.problem and not self.kind.refers


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a reader made of a file. `size` is in bytes, `sha256` of the file as it was given.

    `pages` is None where the format has no pages. `marks` are the note marks found in the body, in order, whether or not a note's
    text was found for them. `citations` is filled only by a plan, which brings its citations ready made. `remarks` say in words
    what the reader had to assume (an encoding, a note without text).
    """

    name: str
    media_type: str
    size: int
    sha256: str
    encoding: str = "utf-8"
    pages: int | None = None
    passages: tuple[Passage, ...] = ()
    marks: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @property
    def notes(self) -> tuple[Passage, ...]:
        """The notes whose text was found."""
        return tuple(passage for passage in self.passages if passage.where is Where.NOTES)

    @property
    def note_count(self) -> int:
        """How many notes there are, by their text or by their mark in the body."""
        if len(numbers := {passage.note for passage in self.notes if passage.note}) < len(self.notes):
            return max(len(self.notes), len(numbers | set(self.marks)))  # numbering starts over somewhere: count texts
        return len(numbers | set(self.marks))

"""Which citations are asked for: each is either given a target or told why not. Pure.

An address is a target of its own by its key, so that what is cited twice is asked once. A cross reference (ibid., supra) is
answered by the target of the citation it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from preserve.formats import url as url_format
from preserve.model.document import Citation, Where


class Reach(StrEnum):
    """Which parts of a document count, in the words of `--where`."""

    NOTES = "notes"
    BODY = "body"
    ALL = "all"

    def includes(self, where: Where) -> bool:
        return self is Reach.ALL or self.value == where.value


def default_reach(citations: Iterable[Citation]) -> Reach:
    """The notes, or everything where a document has no notes."""
    return Reach.NOTES if any(citation.where is Where.NOTES for citation in citations) else Reach.ALL


def not_asked(citation: Citation, reach: Reach) -> str | None:
    """Why nothing will be asked for this citation, None when something will."""
    if citation.url is None or citation.problem:
        return citation.problem or "no address"
    if not reach.includes(citation.where):
        return f"stands in the {citation.where.value}, outside of what was asked for (--where {reach.value})"
    return None


def key(url: str) -> str:
    """What two spellings of one address have in common: targets are told apart by it."""
    parsed = url_format.parse(url)
    return f"unusable {url}" if isinstance(parsed, url_format.BadUrl) else parsed.address

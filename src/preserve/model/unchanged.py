"""The nouns of lists of unchanged requisites: what is kept of an answer where its whole record would say nothing new."""

from __future__ import annotations

from datetime import datetime

from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """One answer that was the one which the archive has already: who was asked, when, and what came, by its hash.

    `at` is when the exchange began, as a record's WARC-Date says it. `payload_sha256` is over the entity body, as a capture's line has it.
    `refers_to_date` is the WARC-Date of the response record that holds it, at this very address, in an earlier run. `signals` are
    remarks on it, as a capture has them.
    """

    url: str
    at: datetime
    status: int
    payload_sha256: str
    refers_to_date: datetime
    signals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.at <= self.refers_to_date:
            raise ValueError("it is not later than what it refers to")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageList:
    """All that was unchanged of what one page needs: the page's target and its address, and the answers."""

    page: int
    url: str
    answers: tuple[Unchanged, ...]

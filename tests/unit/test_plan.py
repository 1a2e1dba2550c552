"""Which citations are asked for, and what is said of the others."""

from __future__ import annotations

from preserve.cite import citations
from preserve.documents import read
from preserve.model.document import Citation
from preserve.rules.plan import Reach, default_reach, not_asked

BOTH = citations(read("a.txt", b"See https://b.example.org/x.[1]\n\nNotes\n\n[1] Weir, https://a.example.org/1.\n"))
BODY = citations(read("a.txt", b"See https://b.example.org/x.[1]\n\nNotes\n\n[1] Weir, p. 3 (1931).\n"))


def asked(found: tuple[Citation, ...], reach: Reach) -> list[str | None]:
    return [citation.url for citation in found if not_asked(citation, reach) is None]


def test_the_notes_count_or_everything_where_they_cite_nothing() -> None:
    assert asked(BOTH, default_reach(BOTH)) == ["https://a.example.org/1"]
    assert asked(BODY, default_reach(BODY)) == ["https://b.example.org/x"]


def test_each_reach_asks_its_part() -> None:
    assert asked(BOTH, Reach.BODY) == ["https://b.example.org/x"]
    assert sorted(filter(None, asked(BOTH, Reach.ALL))) == ["https://a.example.org/1", "https://b.example.org/x"]


def test_what_is_left_out_says_why() -> None:
    (body,) = (citation for citation in BOTH if citation.where == "body")
    assert not_asked(body, Reach.NOTES) == "stands in the body, outside of what was asked for (--where notes)"
    (missing,) = citations(read("a.txt", b'A claim.[1]\n\nNotes\n\n[1] Weir, "The Winch" (1931), online:\n'))
    assert not_asked(missing, Reach.ALL) == missing.problem
    assert missing.problem

"""Whatever the wrapping, the same citations; whatever the bytes, no crash."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preserve.cite import citations
from preserve.documents import read
from preserve.errors import FormatError
from preserve.formats.citations import decode, encode
from preserve.model.document import Candidate, Citation, CitationKind, Where
from typesetting import NOTES, Note, Style, typeset

BREAKS = (r"(?<=/)", r"(?<=[/-])", r"(?<=[/\-?&=_%])", r"(?=[/\-?&=_%])", r"(?<=/)|(?=[-?&=_])")
EVERYWHERE = [Note(re.sub(r"(?<!<)\{([^}]*)\}", r"<{\1}>", note.text)) for note in NOTES]


def answers(text: str) -> list[tuple[str | None, str, str | None, str | None]]:
    return [
        (each.note, str(each.kind), each.url, each.date)
        for each in citations(read("a.txt", text.encode()))
        if each.where == "notes"
    ]


WANTED = answers(typeset(NOTES, Style("reference", width=2000, lines=4000, feeds=False)).text)


def test_the_reference_is_what_the_notes_say() -> None:
    own = [(note, url) for note, kind, url, _ in WANTED if kind == "url"]
    made = typeset(NOTES, Style("reference", width=2000, lines=4000))
    assert own == [(each["note"], each["url"]) for each in made.rows]


@settings(max_examples=60)
@given(
    width=st.integers(50, 130),
    lines=st.integers(24, 80),
    breaks=st.sampled_from(BREAKS),
    mark=st.sampled_from(["bare", "alone", "super", "bracket"]),
    feeds=st.booleans(),
)
def test_any_wrapping_gives_the_same_citations(width: int, lines: int, breaks: str, mark: str, feeds: bool) -> None:
    made = typeset(NOTES, Style("any", width=width, lines=lines, breaks=breaks, mark=mark, feeds=feeds))
    assert answers(made.text) == WANTED


@settings(max_examples=40)
@given(width=st.integers(40, 130), mark=st.sampled_from(["bare", "alone", "super", "dot"]))
def test_in_brackets_an_address_may_break_anywhere(width: int, mark: str) -> None:
    style = Style("any", width=width, breaks=r"(?<=.)(?=.)", mark=mark, endnotes="Notes" if mark == "dot" else "")
    made = typeset(EVERYWHERE, style)
    own = [(note, url) for note, kind, url, _ in answers(made.text) if kind == "url"]
    assert own == [(each["note"], each["url"]) for each in made.rows]


PIECES = st.sampled_from(
    [
        "<",
        ">",
        "https://",
        "http:",
        "/",
        "www.",
        "\n",
        "\n\n",
        "\x0c",
        "[1]",
        "1.",
        "2",
        "¹",
        "<a",
        'href="',
        "<li",
        "id=x>",
        "</",
        "%",
        "doi:10.1234/",
        "ibid.",
        "supra",
        "note",
        "2",
        "online:",
        "(",
        ")",
        "[^1]:",
        "[^1]",
        '"',
        "“",
        "”\n",
        "",
        "",
        "",
        "12",
        "May",
        "2019",
        "<sup>",
        "<ol>",
        "<pre>",
        "<base",
        'href="http://[">',
        "\xad",
        "‐",
        "example.org/x",
        "*",
        "\ufffe",
        "31/12/2020",
        '#x"',
        "{",
        "}",
        '{"url":null}',
        "…",
        "²",
        "١",
    ]
) | st.text(max_size=12)
SOUP = st.lists(PIECES, max_size=60).map("".join)
NAMES = st.sampled_from(["a.txt", "a.html", "a.md", "a"])


@settings(max_examples=300)
@given(name=NAMES, data=st.binary(max_size=400) | SOUP.map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_crash_a_reader(name: str, data: bytes) -> None:
    with suppress(FormatError):
        check(name, data)


def check(name: str, data: bytes) -> None:
    document = read(name, data)
    for citation in citations(document):
        assert decode(encode(citation), "other") == citation
        if citation.url is not None:
            assert citation.candidates[0].url == citation.url
            assert not re.search(r"[\s<>\"]", citation.url) or citation.url_as_printed is None
        else:
            assert citation.problem


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Citation,
        document=TEXTS.filter(bool),
        note=st.none() | TEXTS,
        note_inferred=st.none() | TEXTS,
        where=st.sampled_from(Where),
        kind=st.sampled_from(CitationKind),
        url=TEXTS,
        url_as_printed=st.none() | TEXTS,
        candidates=st.lists(st.builds(Candidate, url=TEXTS, why=TEXTS), max_size=3).map(tuple),
        text=TEXTS,
        title=st.none() | TEXTS,
        date=st.none() | TEXTS,
        page=st.none() | st.integers(1, 10**6),
        line=st.none() | st.integers(1, 10**6),
        uncertain=st.booleans(),
        problem=st.none() | TEXTS,
        refers_to=st.none() | TEXTS,
    )
)
def test_a_row_comes_back_as_it_was_and_steers_no_terminal(citation: Citation) -> None:
    line = encode(citation)
    assert decode(line, "other") == citation
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", line)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not a citation"),
        ('{"note": "1"}', "no field `url`"),
        ('{"url": "a", "url": "b"}', "stands there twice"),
        ('{"url": "a", "uri": "b"}', "unknown field `uri`"),
        ('{"url": "a", "line": "3"}', "`line`"),
        ('{"url": "a", "page": true}', "`page`"),
        ('{"url": "a", "uncertain": 1}', "`uncertain`"),
        ('{"url": "a", "where": "margin"}', "margin"),
        ('{"url": "a", "kind": "book"}', "book"),
        ('{"url": "a", "candidates": ["b"]}', "`candidates`"),
        ('{"url": null}', "no `problem`"),
        ('{"url": "a", "page": -1}', "`page`"),
        ('{"url": "a", "line": 9007199254740992}', "`line`"),
        ('{"url": "a", "text": "' + "\u4e00" * 200_000 + '"}', "longer than"),
        ('{"url": "\\ud800"}', "not JSON"),
    ],
)
def test_a_plan_with_a_mistake_is_refused_by_name(line: str, says: str) -> None:
    with pytest.raises(FormatError) as refused:
        decode(line, "paper.txt")
    assert says in refused.value.message
    if line.startswith("{"):
        with pytest.raises(FormatError) as refused:
            read("plan.jsonl", b'{"url": "https://a.example.org/"}\n' + line.encode() + b"\n")
        assert "plan.jsonl: line 2: " in refused.value.message


def test_a_row_needs_only_its_address() -> None:
    citation = decode('{"note": "4", "url": "https://a.example.org/"}', "paper.txt")
    assert (citation.document, citation.note, citation.where, citation.kind) == (
        "paper.txt",
        "4",
        Where.NOTES,
        CitationKind.URL,
    )
    assert citation.fetchable

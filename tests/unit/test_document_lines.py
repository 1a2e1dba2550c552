"""A document handed from one process to another: all of it arrives, and whatever else is sent is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats.documents import decode, encode
from preserve.model.document import Document, Line, Link, Passage, Where

_TEXT = st.text(max_size=20)
_NUMBER = st.none() | st.integers(1, 10_000)
_LINKS = st.builds(
    lambda start, more, href: Link(start=start, end=start + more, href=href), st.integers(0, 9), st.integers(0, 9), _TEXT
)
_LINES = st.builds(
    Line,
    text=_TEXT,
    number=_NUMBER,
    page=_NUMBER,
    full=st.none() | st.booleans(),
    links=st.lists(_LINKS, max_size=2).map(tuple),
)
_PASSAGES = st.builds(
    Passage,
    where=st.sampled_from(Where),
    lines=st.lists(_LINES, max_size=3).map(tuple),
    mark=st.none() | _TEXT,
    inferred=st.none() | _TEXT,
    order=_NUMBER,
)
_DOCUMENTS = st.builds(
    Document,
    name=_TEXT,
    media_type=_TEXT,
    size=st.integers(0, 1 << 40),
    sha256=_TEXT,
    encoding=_TEXT,
    pages=_NUMBER,
    passages=st.lists(_PASSAGES, max_size=3).map(tuple),
    marks=st.lists(_TEXT, max_size=3).map(tuple),
    remarks=st.lists(_TEXT, max_size=3).map(tuple),
)


@given(_DOCUMENTS)
def test_what_is_sent_arrives(document: Document) -> None:
    assert decode(encode(document)) == document


@given(document=_DOCUMENTS, place=st.integers(0, 8), other=st.sampled_from([None, 1.5, -1, "x", [], {}, [[]], [None], True]))
def test_what_is_not_of_the_type_is_refused_or_harmless(document: Document, place: int, other: object) -> None:
    members = json.loads(encode(document))
    members[place] = other
    try:
        found = decode(json.dumps(members).encode())
    except FormatError:
        return
    assert encode(found) == json.dumps(members, separators=(",", ":")).encode()


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"[1,2", b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="in the form that was agreed"):
        decode(data)

"""Lists of unchanged requisites: what is written is read again, and nothing else is."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import unchanged
from preserve.model.unchanged import Unchanged

MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the bounds are naive, as hypothesis wants them
    datetime(2090, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ANSWERS = st.builds(
    lambda name, at, age, digest, signals: Unchanged(
        url=f"http://a.example/{name}", at=at, status=200, payload_sha256=digest.hex(), refers_to_date=at - age, signals=signals
    ),
    TEXTS,
    MOMENTS,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=3000)),
    st.binary(min_size=32, max_size=32),
    st.lists(TEXTS, max_size=2).map(tuple),
)
LISTS = st.lists(ANSWERS, min_size=1, max_size=5, unique_by=lambda answer: answer.url).map(tuple)
GOOD = Unchanged(
    url="http://a.example/one.png",
    at=datetime(2026, 11, 22, 2, 30, 5, 123456, UTC),
    status=200,
    payload_sha256="ab" * 32,
    refers_to_date=datetime(2026, 3, 2, 1, 30, 3, tzinfo=UTC),
)


@given(LISTS)
def test_what_is_written_is_read_again(answers: tuple[Unchanged, ...]) -> None:
    block = unchanged.encode(answers)
    assert unchanged.decode(block) == answers
    assert block.isascii()
    assert block.count(b"\n") == len(answers)


@given(LISTS, st.data())
def test_one_list_has_one_spelling(answers: tuple[Unchanged, ...], data: st.DataObject) -> None:
    """Whatever byte is another one, what is still read is spelled that way when it is written."""
    block = bytearray(unchanged.encode(answers))
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = unchanged.decode(bytes(block))
    except FormatError:
        return
    assert unchanged.encode(read) == block


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert unchanged.encode(unchanged.decode(data)) == data


def test_the_line_in_the_documentation() -> None:
    assert unchanged.encode((GOOD,)).decode() == (
        f'{{"at":"2026-11-22T02:30:05.123456Z","payload_sha256":"{"ab" * 32}",'
        '"refers_to_date":"2026-03-02T01:30:03.000000Z","status":200,"url":"http://a.example/one.png"}\n'
    )


def changed(**members: Any) -> bytes:
    return (
        json.dumps({**json.loads(unchanged.encode((GOOD,))), **members}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    )


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "empty"),
        (unchanged.encode((GOOD,))[:-1], "no newline"),
        (unchanged.encode((GOOD, GOOD)), "an earlier line"),
        (unchanged.encode((GOOD,)) + b"\n", "line 1"),
        (changed(extra=1), "unknown field"),
        (changed(status=404), "never listed"),
        (changed(status="200"), "wrong type"),
        (changed(url=""), "bad value"),
        (changed(url="urn:preserve:unchanged:http://a.example/"), "bad value"),
        (changed(signals=[]), "what its absence says"),
        (changed(at="2026-11-22T02:30:05.123Z"), "bad value"),
        (changed(at="2026-13-22T02:30:05.123456Z"), "bad value"),
        (changed(at="2026-03-02T01:30:03.000000Z"), "not later"),
        (changed(payload_sha256="AB" * 32), "bad value"),
        (changed().replace(b'"status":200', b'"status":200,"status":200'), "duplicate"),
        (changed().replace(b",", b", "), "not canonical"),
        (b"".join(unchanged.encode((GOOD,)) for _ in range(unchanged.MAX_LINES + 1)), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_of_the_form_is_refused(block: bytes, why: str) -> None:
    with pytest.raises(FormatError) as refused:
        unchanged.decode(block)
    assert why in refused.value.message

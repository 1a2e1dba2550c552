from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import strictjson
from preserve.formats.strictjson import Fields

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_SCALARS = st.none() | st.booleans() | st.integers(-strictjson.MAX_INTEGER, strictjson.MAX_INTEGER) | _TEXT
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=12
)


@given(_VALUES)
def test_what_is_written_reads_back_in_both_forms_and_elsewhere(value: Any) -> None:
    for data in (strictjson.encode(value), strictjson.encode_line(value)):
        assert data.isascii()
        assert strictjson.decode(data) == value
        assert json.loads(data) == value


@given(_VALUES)
def test_a_line_is_one_line_and_an_indented_form_ends_with_a_newline(value: Any) -> None:
    assert b"\n" not in strictjson.encode_line(value)
    assert strictjson.encode(value).endswith(b"\n")


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789-+.eE\\un truefalsnaN', max_size=40).map(str.encode))
def test_any_bytes_are_read_as_json_reads_them_or_refused(data: bytes) -> None:
    try:
        value = strictjson.decode(data)
    except FormatError:
        return
    assert value == json.loads(data)


def test_members_keep_their_order_for_people_and_are_sorted_on_lines() -> None:
    assert strictjson.encode({"b": 1, "a": [True]}) == b'{\n  "b": 1,\n  "a": [\n    true\n  ]\n}\n'
    assert strictjson.encode_line({"b": 1, "a": "\u202e"}) == b'{"a":"\\u202e","b":1}'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1.0, "not an integer"),
        (float("nan"), "not an integer"),
        (2**53, "integer too large"),
        (-(2**53), "integer too large"),
        ("\ud800", "lone surrogate"),
        ({"a": ["\udfff"]}, "lone surrogate"),
        ({1: 2}, "not a string"),
        (b"bytes", "not JSON: a bytes"),
    ],
)
def test_what_could_be_misread_is_not_written(value: Any, why: str) -> None:
    for encode in (strictjson.encode, strictjson.encode_line):
        with pytest.raises(FormatError, match=why):
            encode(value)


def test_depth_is_bounded_both_ways() -> None:
    value: Any = 1
    for _ in range(strictjson.MAX_DEPTH):
        value = [value]
    assert strictjson.decode(strictjson.encode(value)) == value
    with pytest.raises(FormatError, match="nested too deeply"):
        strictjson.encode([value])
    with pytest.raises(FormatError, match="nested too deeply"):
        strictjson.decode(b"[" + strictjson.encode_line(value) + b"]")


def test_an_integer_too_long_for_int_is_refused_not_crashed_on() -> None:
    with pytest.raises(FormatError, match="integer too large"):
        strictjson.decode(b"9" * 10_000)


def test_a_late_duplicate_among_many_members_costs_nothing() -> None:
    many = ",".join(f'"{number}":0' for number in range(100_000))
    with pytest.raises(FormatError, match="duplicate key: '99999'"):
        strictjson.decode(f'{{{many},"99999":1}}'.encode())


def test_fields_take_exact_types() -> None:
    fields = Fields({"n": 1, "s": "x", "b": True, "l": ["a"], "none": None, "o": {}}, "thing")
    assert fields.integer("n") == 1
    assert fields.text("s") == "x"
    assert fields.boolean("b") is True
    assert fields.array("l", strictjson.text) == ("a",)
    assert fields.or_null("none", fields.text) is None
    fields.object("o").end()
    fields.end()


@pytest.mark.parametrize("value", [True, "1", 1.0, None, [1]])
def test_nothing_else_is_an_integer(value: Any) -> None:
    with pytest.raises(FormatError, match="thing: wrong type: 'n' is not an integer"):
        Fields({"n": value}, "thing").integer("n")


def test_a_member_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(FormatError, match="thing: unknown field: 'x'"):
        Fields({"x": 1}, "thing").end()
    with pytest.raises(FormatError, match="thing: inner: unknown field: 'x'"):
        Fields({"inner": {"x": 1}}, "thing").object("inner").end()

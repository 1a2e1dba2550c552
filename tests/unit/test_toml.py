"""TOML texts that would end a parser: refused as TOML, wherever they are read."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import description, toml


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = 1\nx = " + "[" * 5000, r"nested too deeply \(at line 2, column 1\)"),
        ("x = " + "{a=" * 5000 + "\n[b]\n", r"nested too deeply \(at line 1, column 1\)"),
        ("\n\nx = " + "9" * 5000, r"a number of too many digits \(at line 3, column 1\)"),
        ("a = 1\na = 2\n", "Cannot overwrite a value"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match=why):
        toml.loads(text)


@given(st.text(max_size=60))
def test_else_it_is_what_tomllib_says(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(tomllib.TOMLDecodeError):
            toml.loads(text)
    else:
        assert toml.loads(text) == expected


def test_a_strangers_archive_toml_is_refused() -> None:
    for text in (b"x = " + b"[" * 5000, b"x = " + b"9" * 5000):
        with pytest.raises(FormatError, match=r"archive\.toml: "):
            description.decode(text)

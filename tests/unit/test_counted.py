"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from preserve.formats.counted import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "run", "0 runs"),
        (1, "run", "1 run"),
        (2, "run", "2 runs"),
        (1, "entry", "1 entry"),
        (9, "entry", "9 entries"),
        (3, "day", "3 days"),
        (1, "address", "1 address"),
        (2, "address", "2 addresses"),
        (2, "body", "2 bodies"),
        (12, "cited URL", "12 cited URLs"),
    ],
)
def test_one_is_singular_and_all_else_plural(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said

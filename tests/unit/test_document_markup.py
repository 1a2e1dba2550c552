"""HTML that would stall the tree builder is named instead."""

from __future__ import annotations

import pytest

from preserve.documents import read
from preserve.errors import FormatError


@pytest.mark.parametrize("tag", ["div", "b", "span", "table", "x-y"])
def test_unclosed_elements_without_end_are_refused(tag: str) -> None:
    with pytest.raises(FormatError, match="nested"):
        read("deep.html", b"<html><body>" + f"<{tag}>".encode() * 200_000)


def test_paragraphs_that_were_never_closed_are_read() -> None:
    document = read("old.html", b"<html><body>" + b"<p>One more. <img src=a> <br>\n" * 20_000)
    assert document.passages

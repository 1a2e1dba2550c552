"""Which pages that nobody quotes are read all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.pages.suspicion import suspicious

ARTICLE = (
    b"<!doctype html><title>The ferry</title>"
    + b"<p>It crosses the river at seven and at noon, and in winter not at all.</p>" * 8
)


@pytest.mark.parametrize(
    ("page", "read"),
    [
        (ARTICLE, False),
        (ARTICLE + b"<input type=PASSWORD>", True),
        (ARTICLE + b"<script src=https://guard.example/captcha.js></script>", True),
        (ARTICLE + b"<noscript>Enable it</noscript>", True),
        (b"<!doctype html><div id=root></div><script src=/app.js></script>", True),
        (b"ferry times: 7.00, 12.00", False),
        (b"", False),
    ],
)
def test_walls_and_shells_are_looked_at(page: bytes, read: bool) -> None:
    assert suspicious(page) is read


@given(st.binary(max_size=300))
def test_any_bytes_will_do(data: bytes) -> None:
    suspicious(data)

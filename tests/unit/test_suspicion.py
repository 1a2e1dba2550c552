"""Which pages that nobody quotes are read all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagecorpus import Case, corpus
from preserve.model.page import Described, Media
from preserve.model.web import Verdict
from preserve.pages.reading import outlined
from preserve.pages.suspicion import suspicious
from preserve.rules.verdict import cleared, judge
from preserve.rules.verdict_head import by_head

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
        (b"<P>one<bR>two<lI>three<td>four", True),
        (b"<P>one<bR>two<lI>three<td>four<p>five", False),
        (b"<p<p<p<p", True),
        (b"<p<p<p<p<p", False),
        (b"<li>" * 4 + b"&lt;p", True),
        (b"", False),
    ],
)
def test_walls_and_shells_are_looked_at(page: bytes, read: bool) -> None:
    assert suspicious(page) is read


@given(st.binary(max_size=300))
def test_any_bytes_will_do(data: bytes) -> None:
    suspicious(data)


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_a_page_that_is_cleared_without_its_main_text_is_cleared_with_it(case: Case) -> None:
    """Nothing that a page which nobody describes is accused of with its main text is overlooked without looking for that."""
    whole = replace(case.evidence(), described=Described(), not_found=None)
    assert whole.page is not None
    if by_head(whole.answer) is not None:
        return
    bare = outlined(case.html, content_type=case.content_type, address=whole.page.address, cut=case.cut)
    judged = judge(whole)
    accused = judged.verdict is not Verdict.OK or bool(judged.signals)
    if cleared(replace(whole, page=bare)):
        assert not accused
    assert len(bare.main_text) <= len(whole.page.main_text) or whole.page.media is not Media.HTML


def test_most_sound_pages_are_cleared_without_their_main_text() -> None:
    """Else it would save nothing. The corpus has more odd ones among them than the web."""
    sound = [case for case in corpus() if case.verdict == "ok" and case.final in {"", case.asked} and case.status == 200]
    seen = [
        replace(
            case.evidence(),
            described=Described(),
            not_found=None,
            page=outlined(case.html, content_type=case.content_type, address=case.asked),
        )
        for case in sound
    ]
    assert sum(map(cleared, seen)) * 3 >= len(seen) * 2

"""The verdicts' table of docs/accuracy.md is today's, and no verdict is below its floor."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from running import ROOT


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "bench" / "verdicts.py"))


@pytest.fixture(scope="module")
def scores(bench: dict[str, Any]) -> tuple[Any, Any]:
    found: tuple[Any, Any] = bench["scores"]()
    return found


def test_the_page_says_what_is_measured(bench: dict[str, Any], scores: tuple[Any, Any]) -> None:
    page = bench["PAGE"].read_text("utf-8")
    assert bench["woven"](page, bench["tables"](scores)) == page, "run `python bench/verdicts.py --write`"


def test_the_corpus_is_large_and_of_many_languages(scores: tuple[Any, Any]) -> None:
    assert sum(score.pages for score in scores) >= 400
    assert all(len(score.languages) >= 10 for score in scores)
    assert len(scores[0].languages | scores[1].languages) >= 22


def test_nothing_is_judged_wrongly(scores: tuple[Any, Any]) -> None:
    assert [each for score in scores for each in score.wrong] == []

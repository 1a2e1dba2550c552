"""Expressions that are compiled late are those that are compiled at once."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from preserve.model.pattern import pattern


@pytest.mark.parametrize("method", ["finditer", "findall", "fullmatch", "match", "search", "split"])
def test_it_answers_as_a_compiled_one(method: str) -> None:
    text = "a ferry at 7, a Ferry at 12"
    late, soon = pattern(r"(ferry) at (\d+)", re.IGNORECASE), re.compile(r"(ferry) at (\d+)", re.IGNORECASE)
    for _ in range(2):
        assert _shown(getattr(late, method)(text)) == _shown(getattr(soon, method)(text))


def test_it_replaces_and_tells_of_itself() -> None:
    late = pattern(rb"\d")
    assert late.sub(b"#", b"7 and 12") == b"# and ##"
    assert late.subn(b"#", b"7 and 12") == (b"# and ##", 3)
    assert (late.pattern, late.groups, late.flags) == (rb"\d", 0, 0)


def test_it_is_compiled_when_it_is_used_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_ = re.compile

    def counted(source: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(source)
        return compile_(source, flags)

    monkeypatch.setattr(re, "compile", counted)
    late = pattern("ferry")
    assert compiled == []
    assert late.search("the ferry")
    assert late.match("ferry")
    assert compiled == ["ferry"]


def test_a_mistake_is_told_when_it_is_used() -> None:
    late = pattern("(")
    with pytest.raises(re.error):
        late.search("")


def test_it_may_be_copied_before_and_after_it_was_used() -> None:
    late = pattern("ferry")
    for _ in range(2):
        assert copy.copy(late).search("a ferry")
        assert pickle.loads(pickle.dumps(late)).search("a ferry")
        assert late.search("a ferry")


def _shown(answer: object) -> object:
    if isinstance(answer, re.Match):
        return answer.span(), answer.groups()
    if answer is None or isinstance(answer, list):
        return answer
    return [match.span() for match in answer]  # type: ignore[attr-defined] # finditer's

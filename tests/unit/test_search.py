"""Looking for words in many texts: the fast way finds what the plain way finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preserve.rules.search import LONGEST, MOST_WORDS, Haystack, fold, words

TEXTS = st.lists(st.text(alphabet="ab éÉß\n\x00ﬁ北", max_size=12), max_size=12)


@given(texts=TEXTS, query=st.text(alphabet="ab éÉß\nﬁ北", max_size=6))
def test_it_finds_what_looking_at_each_text_finds(texts: list[str], query: str) -> None:
    haystack = Haystack()
    for number, text in enumerate(texts):
        haystack.add(text, number % 3, number % 2)
    wanted = words(query)
    expected = [number for number, text in enumerate(texts) if all(word in fold(text) for word in wanted)]
    assert list(haystack.find(wanted)) == expected
    assert list(haystack.find(wanted, state=1)) == [number for number in expected if number % 3 == 1]
    assert list(haystack.find(wanted, state=2, group=0)) == [number for number in expected if number % 6 == 2]


def test_case_accents_and_forms_do_not_count() -> None:
    haystack = Haystack()
    haystack.add("Émile  Hørby,\nThe ﬁrst Straße", 0, 0)
    for query in ("emile", "ÉMILE first", "strasse", "hørby the"):
        assert list(haystack.find(words(query))) == [0], query
    assert list(haystack.find(words("emile second"))) == []


def test_words_do_not_reach_over_the_end_of_a_text() -> None:
    haystack = Haystack()
    haystack.add("one", 0, 0)
    haystack.add("two", 0, 0)
    assert list(haystack.find(("one two",))) == []
    assert list(haystack.find(("e", "t"))) == []


def test_a_query_has_an_end() -> None:
    assert len(words(" ".join(map(str, range(1000))))) <= MOST_WORDS
    assert sum(map(len, words("x" * 10_000))) <= LONGEST

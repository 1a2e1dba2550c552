"""Lines of captures.jsonl for targets that have gaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preserve.model.web import Need
from preserve.rules.seal import LineNumbers


@given(st.sets(st.integers(0, 300), min_size=1))
def test_a_requisite_names_the_line_of_what_needs_it(done: set[int]) -> None:
    numbers = LineNumbers()
    lines = {target: numbers.add(target) for target in sorted(done)}
    assert list(lines.values()) == list(range(len(done)))
    for target, line in lines.items():
        assert numbers.needing(Need(of=target, page=-1, level=1)) == line


def test_where_what_names_it_is_unfinished_it_is_the_pages() -> None:
    numbers = LineNumbers()
    for target in (2, 3, 7):
        numbers.add(target)
    assert numbers.needing(Need(of=5, page=3, level=2)) == 1
    assert numbers.needing(Need(of=9, page=2, level=2)) == 0

"""What is printed as an address and cannot be one is a row with its problem, never left out in silence."""

from __future__ import annotations

import pytest

from preserve.cite import citations
from preserve.documents import read

_WHY = "what follows the scheme is no host name"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("http://two.exam-\nple/harbour.html", "http://two.exam-ple/harbour.html"),
        ("http://harbour/records", "http://harbour/records"),
        ("https://harbour_office/records", "https://harbour_office/records"),
    ],
)
def test_an_address_without_a_host_is_told_and_not_asked_for(printed: str, shown: str) -> None:
    text = f'The harbour.\n\nIt was dredged twice.1 It is lit.2\n\n1 "The Harbour", {printed}.\n2 "Lamps", http://three.example/x.\n'
    first, second = citations(read("paper.txt", text.encode()))
    assert (first.note, first.url, first.url_as_printed, first.problem) == ("1", None, shown, _WHY)
    assert first.uncertain
    assert (second.note, second.url) == ("2", "http://three.example/x")


def test_a_scheme_that_nothing_follows_is_no_address() -> None:
    assert citations(read("paper.txt", b"Addresses begin with http:// or https://, as a rule.\n")) == ()

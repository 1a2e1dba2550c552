"""The same notes in sixteen layouts: every address with its note, whatever the typesetter did; hyphens lost or kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from preserve.cite import citations
from preserve.documents import read
from typesetting import NOTES, STYLES, Style, typeset

TWICE = NOTES * 3
"""Longer than a page, and with rows that come again at several page ends."""


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_address_is_found_with_its_note(style: Style) -> None:
    made = typeset(TWICE, style)
    found = citations(read("layout.txt", made.text.encode()))
    own = [(each.note, each.url) for each in found if each.where == "notes" and not each.kind.refers]
    assert Counter(own) == Counter((each["note"], each["url"]) for each in made.rows)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_lost_hyphen_costs_no_citation_and_is_no_silent_repair(style: Style) -> None:
    made = typeset(TWICE, replace(style, drop_hyphens=True))
    found = citations(read("layout.txt", made.text.encode()))
    own = [each for each in found if each.where == "notes" and not each.kind.refers]
    assert [(each.note, str(each.url).replace("-", "")) for each in own] == [
        (each["note"], str(each["url"]).replace("-", "")) for each in made.rows
    ]
    for citation, meant in zip(own, made.rows, strict=True):
        printed = citation.url_as_printed or ""
        assert printed in "".join(made.text.split())  # the first form is what stands there
        if citation.url != meant["url"]:
            assert citation.candidates[0].url == citation.url


def test_most_lost_hyphens_are_found_again_among_the_candidates() -> None:
    lost = again = 0
    for style in STYLES:
        made = typeset(TWICE, replace(style, drop_hyphens=True))
        found = citations(read("layout.txt", made.text.encode()))
        own = [each for each in found if each.where == "notes" and not each.kind.refers]
        for citation, meant in zip(own, made.rows, strict=True):
            if citation.url != meant["url"]:
                lost += 1
                again += meant["url"] in [candidate.url for candidate in citation.candidates] and citation.uncertain
    assert lost >= 60
    assert again / lost >= 0.8


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_cross_references_resolve_in_every_layout(style: Style) -> None:
    made = typeset(NOTES, style)
    found = citations(read("layout.txt", made.text.encode()))
    refers = [(each.note, str(each.kind), each.refers_to, (each.url or "")[-10:]) for each in found if each.kind.refers]
    assert refers == [
        ("4", "ibid", "3", "ion-07.pdf"),
        ("4", "ibid", "3", "index.html"),
        ("6", "supra", "1", "r-crossing"),
    ]

"""What two captures of one address come to: noise, markup, text, gone, back."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changepairs import FIRST, PAIRS, SECOND, TEXT, Pair, page
from preserve.model.change import Change, ChangeKind, Version
from preserve.model.page import Described, Presence
from preserve.model.web import Outcome, Verdict
from preserve.pages import outline, reading
from preserve.rules import change, noise
from preserve.rules.sidebyside import rows
from running import ROOT


def version(body: str | bytes, at: datetime = FIRST, *, content_type: str = "text/html; charset=utf-8") -> Version:
    """A captured page, as the flow makes it."""
    data = body.encode() if isinstance(body, str) else body
    read = reading.read(data, content_type=content_type, address="http://one.example/", main=None)
    digest = hashlib.sha256(data).hexdigest()
    text = body if isinstance(body, str) else ""
    return Version(
        run="000000-20261120t120007z",
        sequence=0 if at == FIRST else 1,
        at=at,
        url="http://one.example/",
        final_url="http://one.example/",
        outcome=Outcome.CAPTURED,
        verdict=Verdict.OK,
        status=200,
        digest=digest,
        content=digest,
        page=read,
        outline=outline.outline(text) if content_type.startswith("text/html") else outline.plain(read.text),
        problem=read.unread,
    )


def judged(pair: Pair) -> Change:
    return change.compare(version(pair.before), version(pair.after, SECOND))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_careful_reader_agrees(pair: Pair) -> None:
    found = judged(pair)
    assert found.kind == pair.kind, (found.added, found.removed, found.reasons)
    assert any(pair.said in line for line in found.added) or not pair.said, found.added
    assert any(pair.unsaid in line for line in found.removed) or not pair.unsaid, found.removed
    if found.kind is ChangeKind.NOISE:
        assert (found.added, found.removed) == ((), ())
        assert found.reasons


def test_the_corpus_is_what_the_page_of_accuracy_says() -> None:
    kinds = [pair.kind for pair in PAIRS]
    assert len({pair.name for pair in PAIRS}) == len(PAIRS) >= 140
    assert f"{len(PAIRS)} pairs of pages, {kinds.count('noise')} of them noise" in (ROOT / "docs" / "accuracy.md").read_text(
        "utf-8"
    )


# --- what is no page


def _ended(outcome: Outcome, verdict: Verdict | None = None, status: int | None = None, at: datetime = SECOND) -> Version:
    return replace(
        version("", at), outcome=outcome, verdict=verdict, status=status, digest="", content="", page=None, outline=None
    )


@pytest.mark.parametrize(
    ("outcome", "verdict", "status", "quote"),
    [
        (Outcome.FAILED, None, None, Presence.UNKNOWN),
        (Outcome.CAPTURED, Verdict.GONE, 404, Presence.ABSENT),
        (Outcome.CAPTURED, Verdict.SOFT_404, 200, Presence.ABSENT),
        (Outcome.CAPTURED, Verdict.CHALLENGE, 403, Presence.UNKNOWN),
        (Outcome.CAPTURED, Verdict.LOGIN_WALL, 200, Presence.UNKNOWN),
        (Outcome.CAPTURED, Verdict.EMPTY_SHELL, 200, Presence.UNKNOWN),
        (Outcome.TRUNCATED, None, 500, Presence.UNKNOWN),
    ],
)
def test_a_page_goes_and_comes_back(outcome: Outcome, verdict: Verdict | None, status: int | None, quote: Presence) -> None:
    cited = Described(quotes=("both times the bill was late",), texts=("x",))
    there, lost = replace(version(page()), described=cited), replace(_ended(outcome, verdict, status), described=cited)
    gone = change.compare(there, lost)
    assert gone.kind is ChangeKind.GONE
    assert "The harbour was dredged in 1911 and again in 1934." in gone.removed
    assert (gone.quote, gone.quote_before) == (quote, Presence.PRESENT)
    back = change.compare(lost, there)
    assert (back.kind, back.added, back.removed, back.quote) == (ChangeKind.BACK, gone.removed, (), Presence.PRESENT)


def test_what_never_was_a_page_is_no_news() -> None:
    first = _ended(Outcome.CAPTURED, Verdict.GONE, 404, FIRST)
    found = change.compare(first, _ended(Outcome.FAILED))
    assert found.kind is ChangeKind.NOISE
    assert (found.neither, found.heading) == (True, "neither capture holds a page")


# --- what is no HTML


def test_plain_text_is_compared_by_lines() -> None:
    old, new = "One line.\nAnother.\n12 ships\n", "One line.\nA third.\n13 ships\n"
    found = change.compare(version(old, content_type="text/plain"), version(new, SECOND, content_type="text/plain"))
    assert (found.kind, found.removed, found.added) == (ChangeKind.TEXT, ("Another.", "12 ships"), ("A third.", "13 ships"))


def test_a_picture_is_the_same_or_another() -> None:
    old, new = b"\x89PNG\r\n\x1a\n" + b"1" * 50, b"\x89PNG\r\n\x1a\n" + b"2" * 50
    found = change.compare(version(old, content_type="image/png"), version(new, SECOND, content_type="image/png"))
    assert (found.kind, found.added, found.removed) == (ChangeKind.TEXT, (), ())
    assert (
        change.compare(version(old, content_type="image/png"), version(old, SECOND, content_type="image/png")).kind
        == "identical"
    )


def test_a_page_in_which_nothing_can_be_read_is_not_called_noise() -> None:
    found = change.compare(version('<div class="' * 9), version('<div id="' * 9, SECOND))
    assert found.kind is ChangeKind.TEXT


def test_another_kind_of_thing_is_told() -> None:
    found = change.compare(version(page()), version("The harbour was dredged.", SECOND, content_type="text/plain"))
    assert found.kind is ChangeKind.TEXT
    assert found.reasons == ("it was html and is text",)


def test_a_pdf_without_its_identifiers() -> None:
    old = b"%PDF-1.4 /CreationDate (D:20261120) /ID [<aa11> <bb22>] text"
    assert change.without_chance(old) == change.without_chance(old.replace(b"20261120", b"20261121").replace(b"bb22", b"cc33"))
    assert change.without_chance(old) != change.without_chance(old.replace(b"text", b"test"))


def test_what_was_altered_or_cut_is_never_called_noise() -> None:
    old, new = version(page(TEXT + "<p>1 view</p>")), version(page(TEXT + "<p>2 views</p>"), SECOND)
    assert change.compare(old, new).kind is ChangeKind.NOISE
    assert change.compare(replace(old, altered=True), new).kind is ChangeKind.TEXT
    assert change.compare(old, replace(new, cut=True)).kind is ChangeKind.TEXT
    assert "longer than what was compared" in " ".join(change.compare(old, replace(new, cut=True)).reasons)
    same = replace(new, digest=old.digest)
    assert change.compare(old, replace(same, cut=True)).kind is ChangeKind.IDENTICAL


def test_only_the_transfer_differs() -> None:
    old = version(page())
    assert change.compare(old, replace(version(page(), SECOND), digest="0" * 64)).kind is ChangeKind.NOISE


# --- the quoted words


def test_the_title_is_looked_for_where_nothing_else_is_quoted() -> None:
    cited = Described(titles=("The harbour",), texts=("Ada Lund, “The harbour”, online.",))
    old, new = replace(version(page()), described=cited), replace(version(page(title="The dock"), SECOND), described=cited)
    found = change.compare(old, new)
    assert (found.quote_before, found.kind) == (Presence.PRESENT, ChangeKind.TEXT)
    assert change.compare(old, replace(old, described=Described())).quote is Presence.UNKNOWN


def test_one_quotation_missing_is_a_quotation_missing() -> None:
    cited = Described(quotes=("both times the bill was late", "wrote down each of them by hand"), texts=("x",))
    new = replace(version(page(TEXT.replace("by hand", "by night")), SECOND), described=cited)
    assert change.compare(version(page()), new).quote is Presence.ABSENT
    assert change.compare(version(page()), replace(new, cut=True)).quote is Presence.UNKNOWN


# --- properties

_WORDS = st.text(st.sampled_from("abcdefgh ijk.,!?0123456789áéщж中の"), min_size=1, max_size=40)
_PARAGRAPHS = st.lists(_WORDS, max_size=8)


def _made(paragraphs: list[str]) -> str:
    return page("".join(f"<p>{text}</p>" for text in paragraphs))


@given(_PARAGRAPHS)
def test_the_same_bytes_are_identical(paragraphs: list[str]) -> None:
    assert change.compare(version(_made(paragraphs)), version(_made(paragraphs), SECOND)).kind is ChangeKind.IDENTICAL


def test_identical_by_what_was_signed_says_what_cannot_be_read_any_more() -> None:
    one, other = version("<p>The ferry left at nine.</p>"), version("<p>The ferry left at nine.</p>", SECOND)
    found = change.compare(replace(one, problem="it was removed"), other)
    assert (found.kind, found.reasons) == (ChangeKind.IDENTICAL, ("by the hashes that were signed: it was removed",))
    assert change.compare(one, other).reasons == ()


@pytest.mark.parametrize("lost", ["before", "after"])
def test_where_one_page_cannot_be_read_any_more_the_other_ones_text_is_neither_removed_nor_added(lost: str) -> None:
    pages = {"before": version("<p>The ferry left at nine.</p>"), "after": version("<p>It left at ten.</p>", SECOND)}
    pages[lost] = replace(pages[lost], page=None, outline=None, content="", problem="it was removed")
    found = change.compare(pages["before"], pages["after"])
    assert (found.untold, found.reasons) == (True, ("the payload differs: it was removed",))
    assert (found.added, found.removed, rows(found)) == ((), (), ())


@given(_PARAGRAPHS, st.integers(0, 8), st.text(st.sampled_from("abcdefgh 0123456789"), min_size=1, max_size=30))
def test_a_sentence_more_is_never_noise(paragraphs: list[str], place: int, more: str) -> None:
    sentence = f"Then {more} came."
    longer = [*paragraphs[:place], sentence, *paragraphs[place:]]
    found = change.compare(version(_made(paragraphs)), version(_made(longer), SECOND))
    assert found.kind is ChangeKind.TEXT
    assert " ".join(sentence.split()) in found.added


@given(_PARAGRAPHS, _PARAGRAPHS)
def test_exchanged_captures_exchange_what_was_added_and_removed(one: list[str], other: list[str]) -> None:
    old, new = version(_made(one)), version(_made(other), SECOND)
    there, back = change.compare(old, new), change.compare(new, old)
    assert (there.kind, there.added, there.removed) == (back.kind, back.removed, back.added)


@given(_PARAGRAPHS, _PARAGRAPHS)
def test_noise_shows_nothing_and_a_change_something(one: list[str], other: list[str]) -> None:
    found = change.compare(version(_made(one)), version(_made(other), SECOND))
    assert bool(found.added or found.removed) == found.kind.real


@given(st.text(st.sampled_from("<>/=\"' abdiv!-&;#x0aéclsp"), max_size=300))
def test_any_markup_is_taken_apart(text: str) -> None:
    found = outline.outline(text)
    assert all(piece.text for piece in found.pieces)
    assert outline.outline(text) == found


def test_a_page_of_many_alike_lines_is_compared_at_once() -> None:
    old = page("<p>ships</p>" * 6000 + "<p>one</p>")
    new = page("<p>boats</p><p>ships</p>" * 4000 + "<p>two</p>")
    assert change.compare(version(old), version(new, SECOND)).kind is ChangeKind.TEXT


def test_lines_are_bounded_and_counted() -> None:
    new = page("".join(f"<p>Ship number {number} sank.</p>" for number in range(1000)) + "<p>" + "long " * 1000 + "</p>")
    found = change.compare(version(page()), version(new, SECOND))
    assert len(found.added) == change.MAX_LINES
    assert found.more == 801
    assert max(map(len, found.added)) <= change.MAX_LINE


def test_a_line_that_moved_aside_is_told_as_markup() -> None:
    old, new = (
        page(TEXT + "<p>Opening hours: ask at the gate.</p>"),
        page(TEXT, after="<aside><p>Opening hours: ask at the gate.</p></aside>"),
    )
    found = change.compare(version(old), version(new, SECOND))
    assert (found.kind, found.added) == (ChangeKind.MARKUP, ("Opening hours: ask at the gate.",))


def test_in_words() -> None:
    found = change.compare(version(page()), version(page(TEXT.replace("1911", "1912")), SECOND))
    assert change.in_words(found) == "the main text differs; now “The harbour was dredged in 1912 and again in 1934.”"
    assert change.in_words(change.compare(version(page()), version(page(), SECOND))) == ""


def test_reasons_need_both_sides() -> None:
    from preserve.model.change import Piece

    def why(one: str, other: str) -> str:
        return noise.reason(Piece(text=one), Piece(text=other), FIRST, SECOND)

    assert why("12 views", "12 comments") == ""
    assert why("20 November 2026", "22 December 2026") == ""
    assert why("20 November 2025", "21 November 2025") == ""
    assert why("20 November 2026", "21 November 2026") == "a clock"
    assert why("© 2025 The museum", "© 2026 The museum") == ""  # the first was captured in 2026
    assert why("3 hours ago", "the gate fell 3 hours ago") == ""

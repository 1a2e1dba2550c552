"""How well a page fits what a footnote describes: its title, its quoted words, its dates.

Each is *present*, *absent* or *unknown*, and unknown is said wherever the two cannot be compared: other scripts, other languages, too few
words, a page that was cut or that has no text. A title that was changed a little, cut, or stands with the site's name is present; one
whose words are all over the text is not called absent. Of a quotation, a number, a missing or an added word is never tolerated: only
quotation marks, dashes, spaces, ellipses, and a misspelled letter are.
"""

from __future__ import annotations

from collections.abc import Iterable

from preserve.model.page import Described, Fit, Page, Presence
from preserve.model.pattern import pattern
from preserve.rules.words import coverage, foreign, language, normal, scripts, telling, tokens, vocabulary

_MAX_TEXT = 400_000
_GAP = pattern(
    r"\s*(?:\[\s*(?:…|\.\s?\.\s?\.)\s*\]|\(\s*(?:…|\.\s?\.\s?\.)\s*\)|…|\.\s?\.\s?\.(?:\s?\.)?|\[[^\]\[]{2,200}\])\s*"
)
_LETTER = pattern(r"\[(\w)\]")
_PARTS = pattern(r"\s+[|\u2013\u2014\u00b7\u2022»«:/-]+\s+|\s*[|\u00b7»«]\s*|:\s+")


def fit(page: Page, described: Described) -> Fit:
    """How well `page` fits, 0 to 100: 50 when nothing can be compared, above it when something speaks for it, below when against."""
    reasons: list[str] = []
    score = 50
    titles = [(title, *_title(page, title, described)) for title in described.titles]
    title = _best(presence for _, presence, _ in titles)
    for name, presence, how in titles:
        if presence is title or presence is Presence.PRESENT:
            reasons.append(f"the cited title “{name}” {how}")
    score += {Presence.PRESENT: 30, Presence.ABSENT: -30, Presence.UNKNOWN: 0}[title]
    if title is Presence.PRESENT and any(how.startswith("is the page's") for _, _, how in titles):
        score += 10
    quotes = [(words, quote_present(page, words)) for words in described.quotes]
    quote = _best(presence for _, presence in quotes)
    for words, presence in quotes:
        if presence is not Presence.UNKNOWN:
            reasons.append(
                f"the quoted words “{words}” {'stand on the page' if presence is Presence.PRESENT else 'are not on the page'}"
            )
    score += {Presence.PRESENT: 20, Presence.ABSENT: -15, Presence.UNKNOWN: 0}[quote]
    if (date := dated(page, described)) is not None:
        reasons.append(f"the page is dated {date}, as cited")
        score += 10
    if (author := authored(page, described)) is not None:
        reasons.append(f"the note names “{author}”, the page's author")
        score += 10
    return Fit(score=max(0, min(100, score)), reasons=tuple(reasons), title=title, quote=quote)


def title_present(page: Page, title: str, described: Described | None = None) -> Presence:
    """Whether `title` is the page's title or stands on the page; `described` tells in which language the notes are."""
    return _title(page, title, described or Described())[0]


def named(page: Page, title: str) -> bool:
    """Whether `title` is what the page calls itself: its title, the names in its metadata, a heading of the first level."""
    wanted = normal(title)
    return bool(wanted) and any(_same(wanted, title, candidate, site) for candidate, site in _candidates(page))


def quote_present(page: Page, words: str) -> Presence:
    """Whether the quoted `words` stand on the page, in their order; gaps marked by dots or brackets are allowed for."""
    pieces = [normal(piece) for piece in _GAP.split(_LETTER.sub(r"\1", words))]
    pieces = [piece for piece in pieces if piece]
    hay = text_of(page)
    if not pieces or not hay or len("".join(pieces)) < 8:
        return Presence.UNKNOWN if not (pieces and len(pieces) == 1 and f" {pieces[0]} " in f" {hay} ") else Presence.PRESENT
    if _in_order(pieces, hay):
        return Presence.PRESENT
    if page.cut or not _comparable(words, page, Described()):
        return Presence.UNKNOWN
    return Presence.ABSENT


def text_of(page: Page) -> str:
    """All words of a page in the form that is compared: what it shows, what it calls itself, and what it hides until asked."""
    return " ".join(filter(None, (normal("\n".join((*page.titles, page.text[:_MAX_TEXT]))), normal(page.markup.hidden))))


def dated(page: Page, described: Described) -> str | None:
    """A day that the note gives and that the page gives as the day of its publication or change."""
    days = {date for date in described.dates if len(date) >= 10}
    given = [value[:10] for key in ("published", "modified") for value in page.said(key)]
    return next((day for day in given if day.replace("/", "-") in days), None)


def authored(page: Page, described: Described) -> str | None:
    """An author of the page, all of whose names stand in a note."""
    for author in page.said("author"):
        names = [name for name in tokens(author) if len(name) > 1]
        if len(names) >= 2 and any(set(names) <= vocabulary(normal(text)) for text in described.texts):
            return author
    return None


def _best(found: Iterable[Presence]) -> Presence:
    presences = set(found)
    return next((each for each in (Presence.PRESENT, Presence.ABSENT) if each in presences), Presence.UNKNOWN)


def _title(page: Page, title: str, described: Described) -> tuple[Presence, str]:
    wanted = normal(title)
    if not wanted:
        return Presence.UNKNOWN, "has no words"
    for candidate, site in _candidates(page):
        if _same(wanted, title, candidate, site):
            return Presence.PRESENT, "is the page's" if candidate == title else f"is the page's “{candidate}”"
    if any(_same(wanted, title, heading, "") for heading in page.headings):
        return Presence.PRESENT, "is a heading on the page"
    hay, words = text_of(page), telling(title)
    if (len(words) >= 2 or len(wanted) >= 12) and quote_present(page, title) is Presence.PRESENT:
        return Presence.PRESENT, "stands on the page"
    if len(hay) < 100:
        return Presence.UNKNOWN, "cannot be looked for: the page has too little text"
    if len(words) < 2 or len("".join(words)) < 8:
        return Presence.UNKNOWN, "is too short to be missed"
    if not _comparable(title, page, described):
        return Presence.UNKNOWN, "cannot be compared: the page is in another language or script"
    everywhere = coverage(words, vocabulary(hay))
    called = max((coverage(words, vocabulary(normal(name))) for name in (*page.titles, *page.headings[:60])), default=0.0)
    if page.cut or everywhere >= 0.7 or called >= 0.5:
        return Presence.UNKNOWN, "is not on the page, but its words are"
    return Presence.ABSENT, "is not on the page"


def _candidates(page: Page) -> list[tuple[str, str]]:
    """What a page calls itself, whole and without the site's name, each with the site's name."""
    sites = [normal(site) for site in page.said("site")]
    found: dict[str, None] = dict.fromkeys(page.titles)
    for title in page.titles:
        found |= dict.fromkeys(part for part in _PARTS.split(title) if part and part != title)
    site = " ".join(sites)
    return [(name, site) for name in found if normal(name) not in sites]


def _same(wanted: str, title: str, candidate: str, site: str) -> bool:
    """Whether a candidate is the wanted title, give or take a letter, a subtitle, an ending that was cut off."""
    name = normal(candidate)
    if not name or name == site:
        return name == wanted and bool(name)
    if name == wanted or _compact(name) == _compact(wanted):
        return True
    mine, its = telling(title), telling(candidate)
    if len(mine) < 2 or len(its) < 2:
        return len(wanted) >= 5 and wanted in name and len(wanted) * 3 >= len(name)
    if _numbers(mine) != _numbers(its) and _numbers(mine) and _numbers(its):
        return False
    if _ratio(wanted, name) >= 85:
        return True
    shorter, longer = (mine, its) if len(mine) <= len(its) else (its, mine)
    # A title without its subtitle, or with the site's name at its end.
    return len(shorter) >= 3 and len(shorter) * 3 >= len(longer) and coverage(shorter, frozenset(longer)) >= 0.8


def _numbers(words: tuple[str, ...]) -> set[str]:
    return {word for word in words if word.isdigit()}


def _comparable(words: str, page: Page, described: Described) -> bool:
    """Whether words of a note can be missed on a page at all: same script, and no sign of another language."""
    text = page.main_text if len(page.main_text) >= 200 else page.text
    whole = " ".join((*page.titles, text[:6_000]))
    if not scripts(words) <= scripts(whole) and not scripts(words) & scripts(whole):
        return False
    # A long text whose language its small words do not tell is in one that is not known here, so in none of those that are.
    its = language(whole) or page.language.partition("-")[0] or ("unknown" if len(text) >= 600 else "")
    other = foreign(words, its) if its else None
    if other is not None:
        return not other
    if any(not char.isascii() and char.isalpha() and char not in whole.casefold() for char in words.casefold()):
        return False  # it has a letter that the page has nowhere
    note = language(" ".join(described.texts))
    return not (note and its and note != its)


def _compact(text: str) -> str:
    return text.replace(" ", "")


def _in_order(pieces: list[str], hay: str) -> bool:
    """Whether all pieces stand in `hay`, one behind the other: as words, without regard to spaces, or but for a letter here and there."""
    padded, place = f" {hay} ", 0
    for piece in pieces:
        if (found := padded.find(f" {piece} ", place)) < 0:
            break
        place = found + len(piece)
    else:
        return True
    tight, place = _compact(hay), 0
    for piece in pieces:
        if len(_compact(piece)) < 8 or (found := tight.find(_compact(piece), place)) < 0:
            break
        place = found + len(_compact(piece))
    else:
        return True
    return all(_nearly(piece, hay) for piece in pieces)


def _nearly(piece: str, hay: str) -> bool:
    """Whether the words of `piece` stand in `hay` in a row, one word in eight misspelled by a letter or two; never a number."""
    if len(piece) < 24 or len(piece) > 600 or " " not in piece or coverage(tuple(piece.split()), vocabulary(hay)) < 0.8:
        return False
    from rapidfuzz import fuzz  # noqa: PLC0415 -- most pages are read without it

    place = fuzz.partial_ratio_alignment(piece, hay, score_cutoff=92)
    if place is None:
        return False
    start = hay.rfind(" ", 0, place.dest_start + 1) + 1
    words = piece.split()
    for shift in (0, 1):
        window = hay[start:].split(" ", len(words) + shift)[shift : len(words) + shift]
        if len(window) == len(words):
            odd = [(mine, its) for mine, its in zip(words, window, strict=True) if mine != its]
            if len(odd) * 8 <= len(words) and all(
                not any(char.isdigit() for char in mine + its) and min(len(mine), len(its)) >= 5 and _ratio(mine, its) >= 80
                for mine, its in odd
            ):
                return True
    return False


def _ratio(one: str, other: str) -> float:
    """How alike two texts are, of 100."""
    from rapidfuzz import fuzz  # noqa: PLC0415 -- most pages are read without it

    return fuzz.ratio(one, other)

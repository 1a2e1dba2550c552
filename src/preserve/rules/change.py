"""What the difference between two captures of one address comes to (docs/guide/change.md).

    identical < noise < markup < text          gone, back: there was a page on one side only

In that order: the payload's hash, the decoded content, then what a reader is shown. Main text is compared block by block and in order;
what stands beside it and the markup as collections, because their order says nothing. A difference counts as noise only when `rules.noise`
knows every part of it; whatever is not known is reported. Nothing is learnt from what happened before, so that each judgement can be
done again from the two captures alone (docs/adr/0150).

The comparison is symmetric: with the captures exchanged, what was added was removed. Work is bounded by the size of the pages.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher

from preserve.model.change import Change, ChangeKind, Outline, Piece, Place, Step, Version
from preserve.model.page import Media, Page, Presence
from preserve.model.web import Outcome, Verdict
from preserve.rules import noise
from preserve.rules.described import quotations
from preserve.rules.fit import quote_present, title_present
from preserve.rules.words import calm

MAX_LINES = 200
"""Lines of `added`, and of `removed`; those beyond are counted."""
MAX_LINE = 1000
"""Characters of one of them."""
_MAX_WORK = 2_000_000
"""Pairs of equal lines that a comparison in order looks at; beyond it lines are compared as collections."""
_MAX_HUNK, _NEAR = 2000, 20
"""Blocks in a row that differ, and how far off their counterparts are looked for."""
_SHOWN_METADATA = ("author", "published", "modified")
_SENTENCE = re.compile(r"(?<=[.!?…։।॥؟])[\"'”’»)\]]*\s+|(?<=[。！？])")  # noqa: RUF001 - sentences end so in many scripts
_WITHOUT_PAGE = frozenset({Verdict.GONE, Verdict.SOFT_404, Verdict.CHALLENGE, Verdict.LOGIN_WALL, Verdict.EMPTY_SHELL})
_STANDING = {Presence.PRESENT: "stand", Presence.ABSENT: "do not stand"}
_PDF_CHANCE = re.compile(rb"/ID\s*\[\s*<[^>]{0,80}>\s*<[^>]{0,80}>\s*\]|/(?:CreationDate|ModDate)\s*\([^)]{0,80}\)")


def is_page(version: Version) -> bool:
    """Whether the capture holds a page at all: an answer that is neither an error nor a wall nor empty."""
    return holds_page(version.outcome, version.verdict, version.status)


def holds_page(outcome: Outcome, verdict: Verdict | None, status: int | None) -> bool:
    """The same, by how a capture ended."""
    if outcome not in {Outcome.CAPTURED, Outcome.TRUNCATED} or verdict in _WITHOUT_PAGE:
        return False
    return status is not None and status < 400


def compare(before: Version, after: Version) -> Change:
    """The change between two captures of one address, the earlier one first."""
    change = _compare(before, after)
    return replace(
        change,
        quote=quoted(after, after),
        quote_before=quoted(before, after),
        reasons=tuple(dict.fromkeys((*change.reasons, *_remarks(before, after)))),
    )


def quoted(version: Version, citing: Version) -> Presence:
    """Whether the words that footnotes quote (those known of `citing`) stand in a capture: all of them, or not, or nobody can say.

    Where the notes have nothing in quotation marks but the title, it is the title that is looked for.
    """
    described = citing.described
    if not (described.quotes or described.titles) or version.altered:
        return Presence.UNKNOWN
    if version.verdict in {Verdict.GONE, Verdict.SOFT_404}:
        return Presence.ABSENT
    page = version.page
    if not is_page(version) or page is None:
        return Presence.UNKNOWN
    words = described.quotes or tuple(words for text in described.texts for words in quotations(text))
    found = [quote_present(page, each) for each in words] or [
        title_present(page, each, described) for each in described.titles if any(each in text for text in described.texts)
    ]
    if not found or Presence.UNKNOWN in found:
        return Presence.ABSENT if Presence.ABSENT in found and not version.cut else Presence.UNKNOWN
    if Presence.ABSENT in found:
        return Presence.UNKNOWN if version.cut else Presence.ABSENT
    return Presence.PRESENT


def _compare(before: Version, after: Version) -> Change:
    def told(kind: ChangeKind, *reasons: str) -> Change:
        return Change(url=after.url, before=before, after=after, kind=kind, reasons=reasons)

    if before.altered or after.altered:  # the loudest word there is: not even "identical" can be relied on
        return replace(told(ChangeKind.TEXT, "what is stored was altered"), untold=True)
    was, is_ = is_page(before), is_page(after)
    if was != is_:
        lost = _lines(before if was else after)
        change = told(ChangeKind.BACK if is_ else ChangeKind.GONE, ending(after if was else before))
        return _with(change, added=() if was else lost, removed=lost if was else ())
    if before.digest and before.digest == after.digest:
        problem = before.problem or after.problem
        return told(ChangeKind.IDENTICAL, *([f"by the hashes that were signed: {problem}"] if problem else []))
    if not was:
        return replace(told(ChangeKind.NOISE, ending(before), ending(after)), neither=True)
    if before.content and before.content == after.content:
        if before.cut or after.cut:
            return told(ChangeKind.TEXT, "the payload differs beyond what was read")
        pdf = after.page is not None and after.page.media is Media.PDF
        what = "the identifiers and dates that a program writes into a PDF" if pdf else "the transfer coding"
        return told(ChangeKind.NOISE, f"nothing but {what} may differ")
    if before.page is None or after.page is None or before.outline is None or after.outline is None:
        why = f"the payload differs: {before.problem or after.problem or 'it was not read'}"
        return replace(told(ChangeKind.TEXT, why), untold=True)
    return _pages(told(ChangeKind.NOISE), before.page, after.page, before.outline, after.outline)


def step(change: Change) -> Step:
    """What a line of time tells of a change."""
    return Step(
        since=change.before.sequence,
        kind=None if change.untold else change.kind,
        heading=change.heading,
        quoted=quoted_words(change),
        reasons=change.reasons,
        told=_differs(change),
        quote=change.quote,
        quote_before=change.quote_before,
    )


def quoted_words(change: Change) -> str:
    """Whether the words that footnotes quote still stand there, as a sentence; "" where nobody can say."""
    if change.quote not in _STANDING:
        return ""
    before = {
        Presence.PRESENT: "; as before" if change.quote is Presence.PRESENT else "; they did before",
        Presence.ABSENT: "; nor before" if change.quote is Presence.ABSENT else "; not before",
    }
    return f"the quoted words {_STANDING[change.quote]} in the later capture{before.get(change.quote_before, '')}"


def in_words(change: Change) -> str:
    """A real change in one line: what differs, and how it reads now; "" for noise."""
    told = _differs(change)
    if told and change.quote is Presence.ABSENT and change.quote_before is Presence.PRESENT:
        told += "; the words that a footnote quotes are not there any more"
    return told


def _differs(change: Change) -> str:
    if not change.kind.real:
        return ""
    told = change.reasons[0] if change.reasons else change.kind.meaning
    if change.kind is ChangeKind.TEXT and (change.added or change.removed):
        sign, text = ("now", change.added[0]) if change.added else ("no longer", change.removed[0])
        told = f"{told}; {sign} “{_short(text, 160)}”"
    return told


def ending(version: Version) -> str:
    """How a capture ended, in a few words."""
    status = "" if version.status is None else f"status {version.status}"
    if version.outcome is Outcome.CAPTURED:
        return f"{status or 'captured'}, {version.verdict}" if version.verdict else status
    return ", ".join(part for part in (version.outcome.value, status, version.reason) if part)


def _remarks(before: Version, after: Version) -> Iterable[str]:
    if before.final_url != after.final_url and is_page(before) and is_page(after):
        yield "it was answered from another address"
    for version in (before, after):
        if version.outcome is Outcome.TRUNCATED:
            yield f"the capture of run {version.sequence} was cut short: what is missing at its end may be there"
        elif version.cut:
            yield f"the page of run {version.sequence} is longer than what was compared"
        if version.altered:
            yield f"the capture of run {version.sequence} is not what was sealed"


# ------------------------------------------------------------------------------------------------------------------ two pages


@dataclass(slots=True)
class _Found:
    """Differences of one kind; `noise` are the reasons for which others were passed over."""

    added: list[str]
    removed: list[str]
    noise: list[str]


def _pages(change: Change, before: Page, after: Page, old: Outline, new: Outline) -> Change:
    at = change.before.at, change.after.at
    if before.media is not after.media:
        lost, come = _lines(change.before), _lines(change.after)
        told = replace(change, kind=ChangeKind.TEXT, reasons=(f"it was {before.media} and is {after.media}",))
        return _with(told, added=come, removed=lost)
    if not (old.pieces or new.pieces or old.markup or new.markup):
        return replace(change, kind=ChangeKind.TEXT, reasons=("it is no text that can be compared: its bytes differ",))
    main = _in_order(_of(old, Place.MAIN), _of(new, Place.MAIN), at)
    beside = _as_collections(_of(old, Place.BESIDE), _of(new, Place.BESIDE), at)
    _move(main, beside)
    names = _metadata(before, after, at)
    noises = [*main.noise, *beside.noise, *names.noise]
    if _of(old, Place.ADVERT) != _of(new, Place.ADVERT):
        noises.append("adverts")
    reasons = tuple(f"not counted: {what}" for what in dict.fromkeys(noises))
    if main.added or main.removed or names.added or names.removed:
        whys = ["the main text differs"] if main.added or main.removed else []
        whys += ["the title, author or date differs"] if names.added or names.removed else []
        told = replace(change, kind=ChangeKind.TEXT, reasons=(*whys, *reasons))
        return _with(told, added=(*names.added, *main.added), removed=(*names.removed, *main.removed))
    if beside.added or beside.removed:
        told = replace(change, kind=ChangeKind.MARKUP, reasons=("what stands beside the main text differs", *reasons))
        return _with(told, added=beside.added, removed=beside.removed)
    if change.before.cut or change.after.cut:
        return replace(change, kind=ChangeKind.TEXT, reasons=("alike as far as it was read; the payload differs", *reasons))
    new_lines, old_lines = _counted(new.markup, old.markup), _counted(old.markup, new.markup)
    if new_lines or old_lines or before.media is Media.PDF:
        why = "the markup differs" if new_lines or old_lines else "the text is the same; other bytes of the file differ"
        return _with(replace(change, kind=ChangeKind.MARKUP, reasons=(why, *reasons)), added=new_lines, removed=old_lines)
    return replace(change, reasons=reasons or ("only what is random in the markup differs",))


def _of(outline: Outline, place: Place) -> list[Piece]:
    return [piece for piece in outline.pieces if piece.place is place]


def _in_order(old: Sequence[Piece], new: Sequence[Piece], at: tuple[datetime, datetime]) -> _Found:
    """What differs between two texts, block by block in order."""
    before, after = [compared(piece.text) for piece in old], [compared(piece.text) for piece in new]
    if before > after:  # the same work in either direction, so that the answer is the same
        found = _in_order(new, old, (at[1], at[0]))
        return _Found(found.removed, found.added, found.noise)
    found = _Found([], [], [])
    for mine, theirs in hunks(before, after):
        _differ(found, [old[i] for i in mine], [new[i] for i in theirs], at)
    return found


def _as_collections(old: Sequence[Piece], new: Sequence[Piece], at: tuple[datetime, datetime]) -> _Found:
    """What differs between two collections of blocks, whatever their order."""
    before, after = [compared(piece.text) for piece in old], [compared(piece.text) for piece in new]
    if before > after:
        found = _as_collections(new, old, (at[1], at[0]))
        return _Found(found.removed, found.added, found.noise)
    found = _Found([], [], [])
    _differ(found, _take(old, Counter(before) - Counter(after)), _take(new, Counter(after) - Counter(before)), at)
    return found


def _take(pieces: Sequence[Piece], wanted: Counter[str]) -> list[Piece]:
    left, taken = wanted.copy(), []
    for piece in pieces:
        if left[compared(piece.text)] > 0:
            left[compared(piece.text)] -= 1
            taken.append(piece)
    return taken


def hunks(before: Sequence[str], after: Sequence[str]) -> Iterable[tuple[range, range]]:
    """Where two lists differ; what lies between is alike."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    mine, theirs = before[start : len(before) - end], after[start : len(after) - end]
    common = Counter(mine)
    if sum(count * common[line] for line, count in Counter(theirs).items()) > _MAX_WORK:
        yield range(start, len(before) - end), range(start, len(after) - end)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            yield range(start + i1, start + i2), range(start + j1, start + j2)


def _differ(found: _Found, old: list[Piece], new: list[Piece], at: tuple[datetime, datetime]) -> None:
    """Enter what differs between blocks that stand for each other."""
    old, new = _without_noise(found, old, new, at)
    before = [sentence for piece in old for sentence in _sentences(piece.text)]
    after = [sentence for piece in new for sentence in _sentences(piece.text)]
    if len(before) > _MAX_HUNK * 5 or len(after) > _MAX_HUNK * 5:
        lost, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
        found.removed += lost.elements()
        found.added += come.elements()
        return
    for mine, theirs in hunks([compared(text) for text in before], [compared(text) for text in after]):
        found.removed += [before[i] for i in mine]
        found.added += [after[i] for i in theirs]


def _without_noise(
    found: _Found, old: list[Piece], new: list[Piece], at: tuple[datetime, datetime]
) -> tuple[list[Piece], list[Piece]]:
    """The blocks that have no counterpart from which they differ by noise alone."""
    if not old or not new or max(len(old), len(new)) > _MAX_HUNK:
        return old, new
    left, used = [], set[int]()
    for number, piece in enumerate(old):
        centre = number * len(new) // len(old)
        for place in range(max(0, centre - _NEAR), min(len(new), centre + _NEAR + 1)):
            if place not in used and (why := noise.reason(piece, new[place], *at)):
                found.noise.append(why)
                used.add(place)
                break
        else:
            left.append(piece)
    return left, [piece for place, piece in enumerate(new) if place not in used]


def _metadata(before: Page, after: Page, at: tuple[datetime, datetime]) -> _Found:
    """What the pages call themselves, their authors and dates."""
    found = _Found([], [], [])
    if noise.title(before.title) != noise.title(after.title):
        if why := noise.reason(Piece(text=before.title), Piece(text=after.title), *at):
            found.noise.append(why)
        else:
            found.removed += [f"title: {before.title}"] if before.title else []
            found.added += [f"title: {after.title}"] if after.title else []
    elif before.title != after.title:
        found.noise.append("a counter")
    for name in _SHOWN_METADATA:
        old, new = before.said(name), after.said(name)
        lost, come = [value for value in old if value not in new], [value for value in new if value not in old]
        if len(lost) == len(come) and lost:
            whys = [noise.reason(Piece(text=a), Piece(text=b), *at) for a, b in zip(lost, come, strict=True)]
            if all(whys):
                found.noise += whys
                continue
        found.removed += [f"{name}: {value}" for value in lost]
        found.added += [f"{name}: {value}" for value in come]
    return found


def _move(main: _Found, beside: _Found) -> None:
    """A line that left the main text and stands beside it now, or the other way round, was moved: it is told of beside alone."""
    for here, there in ((main.removed, beside.added), (main.added, beside.removed)):
        here[:] = _less(here, Counter(here) & Counter(there))


def _less(lines: Iterable[str], taken: Counter[str]) -> list[str]:
    left, kept = taken.copy(), []
    for line in lines:
        if left[line] > 0:
            left[line] -= 1
        else:
            kept.append(line)
    return kept


# ----------------------------------------------------------------------------------------------------------------------- lines


def compared(text: str) -> str:
    """What two lines are compared by: composed characters, no soft hyphens and zero-width spaces, white space folded."""
    if text.isascii():
        return text
    return " ".join(
        unicodedata.normalize("NFC", calm(text)).replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "").split()
    )


def _sentences(text: str) -> list[str]:
    return [part for part in (part.strip() for part in _SENTENCE.split(text)) if part]


def _lines(version: Version) -> tuple[str, ...]:
    """The main text of a capture, for a page that came or went as a whole."""
    if version.outline is None:
        return ()
    return tuple(sentence for piece in _of(version.outline, Place.MAIN) for sentence in _sentences(piece.text))


def _counted(lines: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The lines that stand more often here than there, in order."""
    more = Counter(lines) - Counter(others)
    found = []
    for line in lines if more else ():
        if more[line] > 0:
            more[line] -= 1
            found.append(line)
    return tuple(found)


def _with(change: Change, *, added: Sequence[str], removed: Sequence[str]) -> Change:
    """The change with its lines, within bounds."""
    more = max(0, len(added) - MAX_LINES) + max(0, len(removed) - MAX_LINES)
    return replace(
        change, added=tuple(map(_short, added[:MAX_LINES])), removed=tuple(map(_short, removed[:MAX_LINES])), more=more
    )


def _short(line: str, limit: int = MAX_LINE) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_chance(pdf: bytes) -> bytes:
    """A PDF without the identifiers and dates that a program writes into it anew each time it makes the same one."""
    return _PDF_CHANCE.sub(b"", pdf)

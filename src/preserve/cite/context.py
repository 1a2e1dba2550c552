"""What is said about an address: its part of the note, the title and the date nearest before it.

A title is what stands in quotation marks, or what follows an author and a year in parentheses; nothing else in plain text shows
where a title ends, and a title guessed wrong would accuse an honest page of being another.
"""

from __future__ import annotations

import re

from preserve.cite.dates import Dated, dates
from preserve.model.noun import dataclass

_OPEN = {"“": "”", "«": "»", "„": "“”", "‘": "’", "‹": "›", '"': '"'}
_APA = re.compile(
    r"\((?:1[89]|20)\d\d[a-z]?(?:,[^()]{1,30})?\)[.,:]?\s+(?P<title>[^.\n][^.]{8,200}(?:\.\d[^.]*)?)[.?!]\s", re.DOTALL
)
_GOST = re.compile(r"(?:\A|[.:]\s+|\d[.)]\s+)(?P<title>[^.\n/][^./]{8,200}(?:\n[^./]{3,200})?)\s//\s", re.DOTALL)
_CONTINUES = re.compile(
    r"[\s.,;:)\]>]*(?:[\[(]|archived(?: at| copy)?|archive|perma|mirror|cached|copy|pdf|also at|and|or|original|from)?[\s:,(\[<]*\Z",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[>)\]]*(?:\.(?=\s+[^\Wa-zа-яա-և\d_])|;|\.\Z)")
_AFTERTHOUGHT = re.compile(
    r"[>)\].,;\s]*(?:[(\[]\s*)?(?:(?:last|zuletzt|dernier|última?|zugriff|stand|abruf|дата|date|date d)?\W{0,3})"
    r"(?:access|retriev|visited|viewed|consult|abgeruf|abruf|zugriff|eingesehen|обращени|archived)[^;\n]*?(?:\d{4})[^\w\n;]{0,3}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The part of a passage that belongs to one address: `text[start:end]`, with its title and date."""

    start: int
    end: int
    title: str | None
    date: str | None


def context(text: str, start: int, end: int, before: int, after: int, previous: Context | None) -> Context:
    """What belongs to the address at `text[start:end]`, between the address `before` it and the one `after` it."""
    first = _skip(text, before, start)
    lead = text[first:start]
    title, dated = title_of(lead), _published(lead)
    date = dated.iso if dated else None
    last = _end(text, end, after)
    if date is None and (later := _published(_after(text[end:last]))) is not None:
        date = later.iso
    if previous is not None and title is None and len(lead) < 60 and _CONTINUES.match(_without_dates(lead)):
        title, date = previous.title, date or previous.date
    return Context(start=first, end=last, title=title, date=date)


def _skip(text: str, before: int, start: int) -> int:
    """Where this address's part begins: after the closers and the stop of the one before."""
    match = re.match(r"[>)\].,;:!?\s]*" if before else r"\s*", text[before:start])
    return before + (match.end() if match else 0)


def _end(text: str, end: int, after: int) -> int:
    """Where this address's part ends: with its sentence, or with the date of access that follows."""
    tail = text[end:after]
    stop = 0
    if (thought := _AFTERTHOUGHT.match(tail)) is not None:
        stop = thought.end()
    if (sentence := _SENTENCE_END.search(tail, stop)) is not None:
        return end + sentence.end()
    return end + (len(tail.rstrip()) if after >= len(text) else max(stop, len(re.match(r"[>)\].,;]*", tail)[0])))  # type: ignore[index] # an empty match is a match


def _after(tail: str) -> str:
    """A date in parentheses, or after a comma, directly behind an address."""
    match = re.match(r"[>\].,\s]{0,4}[(\[]([^()\[\]]{4,60})[)\]]", tail) or re.match(r"[>\s]{0,2},\s*([^;.\n]{4,40})", tail)
    return tail[: match.end() + 1] if match else ""


def _without_dates(lead: str) -> str:
    for date in reversed(list(dates(lead))):
        lead = lead[: date.start] + lead[date.end :]
    return lead


def title_of(lead: str) -> str | None:
    """The last quoted title in `lead`, or the title after "Author (2020)."."""
    quoted = [piece for piece in _quotations(lead) if len(piece) >= 3]
    if quoted:
        return _clean(quoted[-1])
    matches = [*_APA.finditer(lead), *_GOST.finditer(lead)]
    return _clean(matches[-1]["title"]) if matches else None


def _clean(title: str) -> str | None:
    return " ".join(title.split()).rstrip(",;").strip() or None


def _quotations(text: str) -> list[str]:
    """The outermost quotations, nested ones of the same marks within: “a “b” c” is one."""
    found: list[str] = []
    at = 0
    while at < len(text):
        opener = text[at]
        if opener not in _OPEN or (opener in '"‘' and at and text[at - 1].isalnum()):
            at += 1
            continue
        end = _closing(text, at, opener, _OPEN[opener])
        if end < 0:
            at += 1
            continue
        piece = text[at + 1 : end]
        # “Title.” Site has its stop from the style sheet; in “Title.”, Site it is the title's own.
        found.append(piece if re.match(r"[,.;]", text[end + 1 :]) else _unstopped(piece))
        at = end + 1
    return found


def _unstopped(piece: str) -> str:
    return piece if piece.endswith("..") else piece.removesuffix(".")


def _closing(text: str, at: int, opener: str, closers: str) -> int:
    if opener == '"':
        return text.find('"', at + 1)
    depth, last = 0, -1
    for place in range(at, len(text)):
        char = text[place]
        if char == opener and opener not in closers:
            depth += 1
        elif char in closers and not (char == "’" and text[place + 1 : place + 2].isalnum()):
            depth, last = depth - 1, place
            if depth <= 0:
                return place
    return last


def _published(lead: str) -> Dated | None:
    """The date of publication: the last date that is no date of access, in parentheses before all others, outside quotations."""
    masked = lead
    for piece in _quotations(lead):
        masked = masked.replace(piece, re.sub(r"\d", "x", piece))
    known = [date for date in dates(masked) if not date.access]
    bracketed = [date for date in known if _within_brackets(masked, date)]
    whole = [date for date in known if not date.year_only]
    loose = [
        date for date in known if re.match(r"\s*[.,;:]", masked[date.end :]) and re.search(r"[,.:]\s*\Z", masked[: date.start])
    ]
    choice = [date for date in bracketed if not date.year_only] or whole or bracketed or loose
    return choice[-1] if choice else None


def _within_brackets(text: str, date: Dated) -> bool:
    before = text[max(0, date.start - 80) : date.start]
    opened = max(before.rfind("("), before.rfind("["))
    return opened > max(before.rfind(")"), before.rfind("]"))

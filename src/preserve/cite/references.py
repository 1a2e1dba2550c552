"""Cross references: "ibid.", "supra note 12", "a.a.O. (Fn. 3)", "там же", and which addresses they lead to.

A reference is followed along the chain to notes that stand before it. It stays unresolved, with the reason, when the note it names
comes later, has no text, or cites no address: an error of the author is shown, not mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preserve.cite.flat import Spans
from preserve.model.document import CitationKind
from preserve.model.noun import dataclass

_NOTE = r"(?:foot|end)?(?:notes?|nn?\.|fn\.?|fns?\b)|anm(?:erkung|\.)?|fu(?:ß|ss)n(?:ote|\.)|nota|прим(?:ечание|ечания|\.)?|сноск[аиуе]|ծանոթ(?:ագրություն|\.)?"
_HEAD = r"(?:^|[.;:,(\[—–]\s*|\b(?:see(?: also)?|and|und|et|cf\.?|vgl\.|voir|véase|ver|см\.|տե՛ս)\s+)"
_IBID = re.compile(
    rf"{_HEAD}(?P<ibid>(?:ibid(?:em)?|ibíd(?:em)?|ebd|ebenda|ebendort|там же|նույն տեղում|նույն տեղը|ídem)\b\.?"
    rf"|(?:id|idem)\b\.?(?=\s*(?:$|at\b|[,§¶;]|pp?\.|para|art)))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED = re.compile(
    rf"(?:\b(?P<supra>supra|infra)\b,?\s*(?:at\s+)?(?:\(\s*)?(?:{_NOTE})\s*(?P<n1>\d{{1,4}}))"
    rf"|(?:\b(?:see|cf\.?|at|in|above)\s+(?:{_NOTE})\s*(?P<n2>\d{{1,4}})(?:,?\s+(?P<way>above|below|supra|infra))?)"
    rf"|(?:\b(?:{_NOTE})\s*(?P<n3>\d{{1,4}}),?\s+(?:above|supra|oben|ci-dessus|выше|վերը|précitée?|arriba|infra|below)\b)"
    rf"|(?:\(\s*n\.?\s?(?P<n4>\d{{1,4}})\))"
    rf"|(?:(?:\b(?:siehe|s\.|vgl\.|wie|oben|a\.\s?a\.\s?O\.|voir|précitée?|préc\.|véase|ver|см\.|указ\. соч\.|տե՛ս|տես|op\. ?cit\.)[\s,(]+(?:oben|supra|o\.|там же|ci-dessus)?[\s,(]*)(?:{_NOTE})\s*(?P<n5>\d{{1,4}}))"
    rf"|(?:\b(?:fn\.|fu(?:ß|ss)n(?:ote|\.)|anm\.)\s*(?P<n6>\d{{1,4}})\s*\))",
    re.IGNORECASE,
)
_AUTHORED = re.compile(r"(?:\b(?P<way>op\. ?cit|loc\. ?cit|a\.\s?a\.\s?O|указ\. соч|supra)\b\.?)", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w'’-]{2,}")
_STOP = frozenset({"see", "also", "vgl", "siehe", "and", "the", "note", "supra", "cit", "ibid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A pointer at `start` to `end` of a note's text. `number` is the note it names; None for "the one before"."""

    start: int
    end: int
    kind: CitationKind
    number: int | None = None
    author: str | None = None


def references(text: str, taken: Spans, lead: int = 0) -> Iterator[Reference]:
    """The cross references in a note's `text` from `lead` on (after its mark), outside the ranges that addresses took."""
    text = "\n" * lead + text[lead:]

    def free(match: re.Match[str], group: str | int = 0) -> bool:
        start, end = match.span(group)
        if taken.meets(start, end):
            return False
        taken.add(start, end)
        return True

    found = [
        Reference(start=match.start(), end=match.end(), kind=CitationKind.SUPRA, number=_number(match))
        for match in _NUMBERED.finditer(text)
        if free(match)
    ]
    found.extend(
        Reference(start=match.start("ibid"), end=match.end("ibid"), kind=CitationKind.IBID)
        for match in _IBID.finditer(text)
        if free(match, "ibid")
    )
    for match in _AUTHORED.finditer(text):
        names = [name for name in _NAME.findall(text[: match.start()]) if name.lower() not in _STOP]
        if names and not found and free(match):
            found.append(
                Reference(start=match.start(), end=match.end(), kind=CitationKind.SUPRA, author=_author(text[: match.start()]))
            )
    yield from sorted(found, key=lambda reference: reference.start)


def _number(match: re.Match[str]) -> int:
    return next(int(match[name]) for name in ("n1", "n2", "n3", "n4", "n5", "n6") if match[name])


def _author(lead: str) -> str | None:
    """The name nearest before "op. cit.": the last capitalised word."""
    piece = re.split(r"[;.]\s", lead)[-1] or lead
    names = [name for name in _NAME.findall(piece) if name[0].isupper() and name.lower() not in _STOP]
    return names[0] if names else None

"""Where cross references lead: along the chain of earlier notes to the addresses cited there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from preserve.cite.flat import Flat
from preserve.cite.references import Reference
from preserve.model.document import Citation, CitationKind, Passage, Where
from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A note with what it cites itself, each with its offset, and its cross references; `index` is its place in the document."""

    index: int
    flat: Flat
    passage: Passage
    own: tuple[tuple[int, Citation], ...]
    references: tuple[Reference, ...]


class _Book:
    """The notes read so far, and what each leads to."""

    def __init__(self, notes: list[Noted]) -> None:
        self.numbered: dict[int, Noted] = {}
        self.leads: dict[int, tuple[Citation, ...]] = {}
        self.seen: list[Noted] = []
        self.coming = {noted.passage.order for noted in notes if noted.passage.order is not None}

    def add(self, noted: Noted, found: tuple[Citation, ...]) -> None:
        self.seen.append(noted)
        self.leads[noted.index] = (*(citation for _, citation in noted.own if citation.url), *found)
        if noted.passage.order is not None:
            self.numbered[noted.passage.order] = noted


def resolve(document: str, notes: list[Noted]) -> Iterator[tuple[Noted, Reference, Citation]]:
    """A row for each address that a cross reference leads to, or one with the problem; with the note and the reference that it stands for."""
    book = _Book(notes)
    for noted in notes:
        led: list[Citation] = []
        for reference in noted.references:
            name, targets, problem = _target(book, noted, reference, led)
            rows = [_row(document, noted, reference, name, target, None) for target in targets] or [
                _row(document, noted, reference, name, None, problem)
            ]
            led.extend(targets)
            for row in rows:
                yield noted, reference, row
        book.add(noted, tuple(led))


def _target(
    book: _Book, noted: Noted, reference: Reference, led: list[Citation]
) -> tuple[str | None, tuple[Citation, ...], str]:
    """The note that is named, what it leads to, and why it leads nowhere."""
    if reference.kind is CitationKind.IBID:
        return _before(book, noted, reference, led)
    if reference.number is None:
        return _by_author(book, reference)
    name = str(reference.number)
    order = noted.passage.order
    if order is not None and reference.number >= order:
        way = "is this note itself" if reference.number == order else "comes later"
        return name, (), f"note {name}, which it names, {way}"
    target = book.numbered.get(reference.number)
    if target is None:
        later = reference.number in book.coming
        return name, (), f"note {name}, which it names, {'comes later' if later else 'has no text in the document'}"
    return _led(book, name, target)


def _before(
    book: _Book, noted: Noted, reference: Reference, led: list[Citation]
) -> tuple[str | None, tuple[Citation, ...], str]:
    earlier = [citation for at, citation in noted.own if at < reference.start and citation.url]
    if earlier or led:
        return noted.passage.note, (earlier or led)[-1:] if earlier else tuple(led[-1:]), ""  # type: ignore[return-value]
    order = noted.passage.order
    if order is not None and order > 1:
        target = book.numbered.get(order - 1)
        if target is None:
            return str(order - 1), (), f"note {order - 1}, the one before, has no text in the document"
        return _led(book, str(order - 1), target)
    if book.seen:
        return _led(book, book.seen[-1].passage.note, book.seen[-1])
    return None, (), "there is no note before it"


def _by_author(book: _Book, reference: Reference) -> tuple[str | None, tuple[Citation, ...], str]:
    if reference.author is None:
        return None, (), "it names no note"
    name = re.compile(rf"\b{re.escape(reference.author)}\b", re.IGNORECASE)
    for target in reversed(book.seen):
        if name.search(target.flat.text) and not (target.references and not target.own):
            return _led(book, target.passage.note, target)
    return None, (), f"no earlier note with “{reference.author}” in it"


def _led(book: _Book, name: str | None, target: Noted) -> tuple[str | None, tuple[Citation, ...], str]:
    leads = book.leads[target.index]
    unique = {citation.url: citation for citation in leads}
    return name, tuple(unique.values()), f"note {name} cites no address"


def _row(
    document: str, noted: Noted, reference: Reference, name: str | None, target: Citation | None, problem: str | None
) -> Citation:
    flat = noted.flat
    line = flat.line(reference.start)
    return Citation(
        document=document,
        note=noted.passage.mark,
        note_inferred=noted.passage.inferred if noted.passage.mark is None else None,
        where=Where.NOTES,
        kind=reference.kind,
        url=target.url if target else None,
        candidates=target.candidates if target else (),
        text=_sentence(flat.text, reference),
        title=None,
        date=None,
        page=line.page,
        line=line.number,
        uncertain=target.uncertain if target else False,
        problem=problem,
        refers_to=name,
    )


def _sentence(text: str, reference: Reference) -> str:
    """The sentence that holds the reference."""
    starts = [match.end() for match in re.finditer(r"(?<=[.;>])\s+(?=[^\Wa-z\d_])", text[: reference.start])]
    stop = re.search(r"[;\n]|\.(?=\s+[^\Wa-z\d_])|\Z", text[reference.end :])
    end = reference.end + (stop.end() if stop else 0)
    return text[starts[-1] if starts else 0 : end].strip()

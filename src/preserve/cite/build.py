"""From passages to Citations: every address, identifier and gap of a passage, then the cross references between notes."""

from __future__ import annotations

import re
from dataclasses import field, replace

from preserve.cite.context import Context, context
from preserve.cite.flat import Flat, Layout, Spans
from preserve.cite.identifiers import identifiers, resolver
from preserve.cite.links import linked
from preserve.cite.references import references
from preserve.cite.repair import candidates
from preserve.cite.resolve import Noted, resolve
from preserve.cite.urls import Found, addresses
from preserve.model.document import Candidate, Citation, CitationKind, Document, Where
from preserve.model.noun import dataclass

_MISSING = re.compile(
    r"(?:\b(?:online(?:\s*\([^()\n]{1,24}\))?|available(?: online)? at|retrieved from|abrufbar unter|verfügbar unter|"
    r"disponible (?:sur|en|à l['’]adresse)|en ligne|en línea|режим доступа|доступно по адресу|url)\s*:\s*"
    r"(?:[A-Z][\w.]{1,20})?|<\s*>)\s*(?:[.;]|\Z|(?=\bsee also\b))",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"h(?:tt|xx)ps?:|ftp:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A citation and where it stands: characters `start` to `end` of `Flat(document.passages[passage]).text`."""

    passage: int
    start: int
    end: int
    citation: Citation


@dataclass(slots=True)
class _Reader:
    document: Document
    layout: Layout
    rows: list[Located] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)


MAX_TEXT = 20_000
"""Characters of a citation's text; the longest footnotes of law reviews have a few thousand."""


def citations(document: Document) -> tuple[Citation, ...]:
    """Everything that `document` cites, in reading order; a plan's own citations as they stand."""
    return document.citations or tuple(_shortened(located.citation) for located in locate(document))


def _shortened(citation: Citation) -> Citation:
    """A passage without end is cut, and shows it: what goes into a sealed line has bounds, and nobody reads on for pages."""
    if len(citation.text) <= MAX_TEXT and len(citation.title or "") <= MAX_TEXT:
        return citation
    title = citation.title
    return replace(
        citation,
        text=citation.text if len(citation.text) <= MAX_TEXT else f"{citation.text[:MAX_TEXT]} […]",
        title=title if title is None or len(title) <= MAX_TEXT else f"{title[:MAX_TEXT]} […]",
    )


def locate(document: Document) -> tuple[Located, ...]:
    """The citations of `document` with their places, for showing them where they stand."""
    reader = _Reader(document, Layout(document))
    flats = [Flat(passage) for passage in document.passages]
    read = [(index, flat, _found(reader, index, flat)) for index, flat in enumerate(flats)]
    reader.layout.breaks_addresses = any("\n" in flat.text[each.start : each.end] for _, flat, found in read for each in found)
    for index, flat, found in read:
        _read(reader, index, flat, found)
    for noted, reference, citation in resolve(document.name, reader.notes):
        reader.rows.append(Located(passage=noted.index, start=reference.start, end=reference.end, citation=citation))
    return tuple(sorted(reader.rows, key=lambda row: (row.passage, row.start)))


def _found(reader: _Reader, index: int, flat: Flat) -> list[Found]:
    """The links, addresses, identifiers and gaps of a passage in their order."""
    passage = flat.passage
    width = reader.layout.width(passage.where)
    last = index == len(reader.document.passages) - 1
    found = linked(flat)
    links = Spans((link.start, link.end) for link in found)
    found.extend(address for address in addresses(flat, width, last=last) if not links.meets(address.start, address.end))
    found.extend(identifiers(flat, width, Spans((address.start, address.end) for address in found)))
    if passage.where is Where.NOTES:
        found.extend(_missing(flat, Spans((address.start, address.end) for address in found)))
    return sorted(found, key=lambda address: address.start)


def _read(reader: _Reader, index: int, flat: Flat, found: list[Found]) -> None:
    passage = flat.passage
    own: list[tuple[int, Citation]] = []
    previous: Context | None = None
    for place, address in enumerate(found):
        before = found[place - 1].end if place else flat.lead
        after = found[place + 1].start if place + 1 < len(found) else len(flat.text)
        around = context(flat.text, address.start, address.end, before, after, previous)
        citation = _citation(reader, flat, address, around)
        reader.rows.append(Located(passage=index, start=address.start, end=address.end, citation=citation))
        own.append((address.start, citation))
        previous = around
    if passage.where is Where.NOTES:
        spans = Spans((address.start, address.end) for address in found)
        reader.notes.append(
            Noted(
                index=index,
                flat=flat,
                passage=passage,
                own=tuple(own),
                references=tuple(references(flat.text, spans, flat.lead)),
            )
        )


def _missing(flat: Flat, taken: Spans) -> list[Found]:
    """Places that announce an address and give none: "online:" at the end of a note."""
    return [
        Found(start=match.end(), end=match.end(), printed="", cut="no address follows")
        for match in _MISSING.finditer(flat.text)
        if match.end() <= taken.after(match.start()) - 40
    ]


def _citation(reader: _Reader, flat: Flat, address: Found, around: Context) -> Citation:
    passage, line = flat.passage, flat.line(min(address.start, max(len(flat.text) - 1, 0)))
    text = flat.text[around.start : around.end].strip()
    url, forms, doubtful, problem = _forms(reader, flat, address, around)
    return Citation(
        document=reader.document.name,
        note=passage.mark if passage.where is Where.NOTES else None,
        note_inferred=passage.inferred if passage.mark is None and passage.where is Where.NOTES else None,
        where=passage.where,
        kind=address.kind,
        url=url,
        url_as_printed=address.printed or None,
        candidates=forms,
        text=text,
        title=address.label or around.title,
        date=around.date,
        page=line.page,
        line=line.number,
        uncertain=doubtful,
        problem=problem,
    )


def _forms(
    reader: _Reader, flat: Flat, address: Found, around: Context
) -> tuple[str | None, tuple[Candidate, ...], bool, str | None]:
    """The address to ask for, its candidates, whether it is in doubt, and what is wrong with it."""
    if not address.printed and not address.href:
        return None, (), False, "the address is missing: " + address.cut
    if address.cut:
        return None, (), bool(address.printed), address.cut
    if address.kind is not CitationKind.URL:
        return _identified(address)
    assumed = address.href is None and not _SCHEME.match(address.printed)
    url = address.href or ("https://" + address.printed if assumed else _written(address.printed))
    if address.spaced:
        url = url.replace(" ", "%20")
    forms, doubtful = candidates(address, flat, reader.layout, around.title, url, assumed=assumed)
    if address.other:
        why = "the text of the link shows this address" if address.href else "the link leads there"
        forms = (*forms, Candidate(url=_complete(address.other), why=why))
    return url, forms, doubtful or bool(address.other), None


def _complete(printed: str) -> str:
    return _written(printed) if _SCHEME.match(printed) else "https://" + printed


def _identified(address: Found) -> tuple[str, tuple[Candidate, ...], bool, None]:
    assert address.href is not None
    forms = {address.href: Candidate(url=address.href, why=f"the resolver of the printed {address.kind}")}
    if address.name and (own := resolver(address.kind, address.name)) not in forms:
        forms[own] = Candidate(url=own, why=f"the resolver of the printed {address.kind}, written out")
    return address.href, tuple(forms.values()), False, None


def _written(printed: str) -> str:
    """The scheme as it must be: "hxxp" of defanged lists, "http:/" of damaged print."""
    return re.sub(r"\Ah(?:xx|tt)p(s?):/{1,2}", r"http\1://", printed, flags=re.IGNORECASE)

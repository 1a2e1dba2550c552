"""Identifiers that stand without a resolver: DOI, arXiv, Handle, URN:NBN. Each gets the address its own system documents.

ISBN, ISSN, PubMed and shelf numbers name works, not places on the web; they are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preserve.cite.flat import Flat, Spans, Width
from preserve.cite.joining import Join, at_line_end
from preserve.cite.urls import Found, unwrap
from preserve.model.document import CitationKind

_TAIL = r"[^\s\"<>“”«»|]"
_PATTERNS = (
    (
        CitationKind.DOI,
        re.compile(rf"(?<![\w/.])(?:doi\s*[:=]?\s*)?(10\.\d{{4,9}}(?:\.\d+)*/(?:{_TAIL}+|\n\s*{_TAIL}+))", re.IGNORECASE),
    ),
    (
        CitationKind.ARXIV,
        re.compile(r"\barXiv\s*[: ]\s*((?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d{1,2})?)(?!\w)", re.IGNORECASE),
    ),
    (CitationKind.HANDLE, re.compile(rf"\b(?:hdl|handle)\s*:\s*(\d[\d.]*/{_TAIL}+)", re.IGNORECASE)),
    (CitationKind.URN_NBN, re.compile(r"\b(urn:nbn:[a-z]{2}(?::[a-z0-9]{1,8})?[:-][\w:./+-]+)", re.IGNORECASE)),
)
_SIGNS = {
    CitationKind.DOI: ("10.",),
    CitationKind.ARXIV: ("arxiv",),
    CitationKind.HANDLE: ("hdl", "handle"),
    CitationKind.URN_NBN: ("urn:nbn:",),
}
"""What every identifier of a kind holds: asked first, because most notes have none."""
_RESOLVERS = {
    CitationKind.DOI: "https://doi.org/",
    CitationKind.ARXIV: "https://arxiv.org/abs/",
    CitationKind.HANDLE: "https://hdl.handle.net/",
    CitationKind.URN_NBN: "https://nbn-resolving.org/",
}


def resolver(kind: CitationKind, identifier: str) -> str:
    """The address under which the identifier's own system answers; its characters are escaped where a URL needs it."""
    return _RESOLVERS[kind] + re.sub(r"[<>\"#%{}|\\^`\s?]", lambda match: f"%{ord(match[0]):02X}", identifier)


def identifiers(flat: Flat, width: Width | None, taken: Spans) -> Iterator[Found]:
    """The bare identifiers outside the ranges already `taken` by addresses."""
    lower = flat.text.lower()
    for kind, pattern in _PATTERNS:
        if not any(sign in lower for sign in _SIGNS[kind]):
            continue
        for match in pattern.finditer(flat.text):
            if taken.meets(*match.span()):
                continue
            end, pieces = match.end(), [piece.strip() for piece in match[1].split("\n")]
            if kind is not CitationKind.ARXIV:
                end = _go_on(flat, pieces, end, width)
            name = _trim(unwrap(pieces))
            if kind is CitationKind.DOI and not re.match(r"10\.[\d.]+/.", name):
                continue
            closers = len("".join(pieces)) - len(name) if len(name) < len(unwrap(pieces)) else 0
            end -= closers
            printed = re.sub(r"\s+", " ", flat.text[match.start() : match.start(1)]) + name
            yield Found(start=match.start(), end=end, printed=printed, kind=kind, href=resolver(kind, name))


def _go_on(flat: Flat, pieces: list[str], end: int, width: Width | None) -> int:
    for _ in range(2):
        line_end = flat.text.find("\n", end)
        if line_end < 0 or flat.text[end:line_end].strip():
            return end
        stop = flat.text.find("\n", line_end + 1)
        following = flat.text[line_end + 1 : stop if stop >= 0 else len(flat.text)]
        if at_line_end("https://doi.org/" + unwrap(pieces), flat.texts[flat.index(end - 1)], following, width) is not Join.JOIN:
            return end
        token = following.split(maxsplit=1)[0]
        pieces.append(token)
        end = flat.text.index(token, line_end) + len(token)
    return end


def _trim(name: str) -> str:
    while name:
        last = name[-1]
        if last in ".,;:!?'*" or (last in ")]" and name.count(last) > name.count({")": "(", "]": "["}[last])):
            name = name[:-1]
        else:
            break
    return name

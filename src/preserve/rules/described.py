"""What the footnotes that cite an address say about it: titles, quotations, dates."""

from __future__ import annotations

import re
from collections.abc import Iterable

from preserve.model.document import Citation
from preserve.model.page import Described
from preserve.rules.words import normal, tokens

_QUOTED = re.compile(
    '“([^“”]{8,600})”|«([^«»]{8,600})»|„([^„“”]{8,600})[“”]|「([^「」]{4,300})」|『([^『』]{4,300})』|(?<!\\w)"([^"]{8,600})"(?!\\w)'
)
_FEWEST_WORDS = 4
"""Quoted words that are fewer are a term or a name rather than a quotation."""


def described(citations: Iterable[Citation]) -> Described:
    """Everything that the citations of one address say about it, each thing once, in order."""
    cited = list(citations)
    titles = _each(citation.title for citation in cited)
    known = [normal(title) for title in titles]
    quotes = [
        quote
        for citation in cited
        for quote in quotations(citation.text)
        if not any(normal(quote) in title or title in normal(quote) for title in known)
    ]
    return Described(
        titles=titles,
        quotes=_each(quotes),
        dates=_each(citation.date for citation in cited),
        texts=_each(citation.text for citation in cited),
    )


def quotations(text: str) -> tuple[str, ...]:
    """The words in quotation marks that are long enough to be looked for."""
    found = (" ".join(next(filter(None, match.groups()), "").split()) for match in _QUOTED.finditer(text))
    return tuple(quote for quote in found if len(tokens(quote)) >= _FEWEST_WORDS)


def _each(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in found if text and text.strip()))

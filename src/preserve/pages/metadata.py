"""What a page says about itself in `<meta>` and in JSON-LD: names, authors, dates (Open Graph, Dublin Core, Highwire, schema.org)."""

from __future__ import annotations

import json
import re

_NAMES = {
    "title": "og:title twitter:title citation_title dc.title dcterms.title parsely-title headline title",
    "author": "author article:author citation_author dc.creator dcterms.creator parsely-author byl sailthru.author",
    "published": "article:published_time citation_publication_date citation_date citation_online_date date dc.date dc.date.issued"
    " dcterms.created dcterms.issued datepublished pubdate publishdate parsely-pub-date sailthru.date",
    "modified": "article:modified_time og:updated_time last-modified dcterms.modified datemodified",
    "site": "og:site_name application-name citation_journal_title",
    "description": "description og:description dc.description",
    "type": "og:type",
}
KINDS = {spelling: kind for kind, spellings in _NAMES.items() for spelling in spellings.split()}
"""The kind of fact that a `<meta>` name, property or itemprop gives."""
_MAX_JSON = 200_000
_WORK = re.compile(
    r"article|posting|report|book|page|dataset|videoobject|podcast|creativework|thesis|chapter|event", re.IGNORECASE
)


def linked(text: str) -> list[tuple[str, str]]:
    """Pairs of kind and words from a JSON-LD block; empty when it is none."""
    if len(text) > _MAX_JSON:
        return []
    try:
        data = json.loads(text.strip().removesuffix(";"))
    except (ValueError, RecursionError):
        return []
    found: list[tuple[str, str]] = []
    waiting, seen = [data], 0
    while waiting and seen < 200:
        node, seen = waiting.pop(0), seen + 1
        if isinstance(node, list):
            waiting += node[:50]
        elif isinstance(node, dict):
            waiting += [node[key] for key in ("@graph", "mainEntity") if isinstance(node.get(key), list | dict)]
            found += _facts(node)
    return found


def _facts(node: dict[str, object]) -> list[tuple[str, str]]:
    kinds = node.get("@type")
    name = " ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds)
    if not _WORK.search(name):
        return []
    found = [("title", node.get("headline")), ("published", node.get("datePublished")), ("modified", node.get("dateModified"))]
    if not node.get("headline"):
        found.append(("title", node.get("name")))
    authors = node.get("author")
    several = authors if isinstance(authors, list) else [authors]
    found += [("author", author.get("name") if isinstance(author, dict) else author) for author in several[:20]]
    return [(kind, value) for kind, value in found if isinstance(value, str)]

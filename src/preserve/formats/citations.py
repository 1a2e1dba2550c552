"""Citations as JSON Lines: what `preserve cite --json` prints and what a plan holds (docs/formats/citations.md section 1).

Writing gives every field, in one order. Reading is strict in the other way: a row needs only `url`, but an unknown field, a field
that stands twice or one of the wrong type is an error, because a typing mistake must not drop a citation in silence.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from preserve.errors import FormatError
from preserve.formats.printable import printable
from preserve.formats.strictjson import MAX_INTEGER
from preserve.model.document import Candidate, Citation, CitationKind, Where

FIELDS = tuple(field.name for field in fields(Citation))
"""The names of a row's fields, in the order in which they are written."""

_TEXTS = ("document", "note", "note_inferred", "url", "url_as_printed", "text", "title", "date", "problem", "refers_to")
_NUMBERS = ("page", "line")
_LONGEST = 1 << 20
"""Bytes of a citation in ASCII JSON: far from what a line of a sealed run may hold."""
_NOT_PLAIN = re.compile("[^\\x00-\\x7e]")


def row(citation: Citation) -> dict[str, Any]:
    """The citation as JSON values, every field present."""
    found: dict[str, Any] = {name: getattr(citation, name) for name in FIELDS}
    found["candidates"] = [{"url": candidate.url, "why": candidate.why} for candidate in citation.candidates]
    return found


def encode(citation: Citation) -> str:
    """One line of JSON, without its end. Characters that could steer a terminal are written as JSON escapes."""
    return _NOT_PLAIN.sub(_escaped, json.dumps(row(citation), ensure_ascii=False, separators=(",", ":")))


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\x7f":
        return "\\u007f"  # ASCII to JSON, a control character to a terminal
    return char if printable(char) == char else json.dumps(char)[1:-1]


def decode(line: str, document: str) -> Citation:
    """The citation in one line; `document` is its document where the line names none. Raises FormatError saying what is wrong."""
    try:
        found = json.loads(line, object_pairs_hook=_unique)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair could never be written again
        long = len(json.dumps(found))
    except (ValueError, RecursionError) as problem:
        raise FormatError(f"not JSON ({problem})") from problem
    if long > _LONGEST:
        raise FormatError(f"longer than {_LONGEST} bytes: no citation is")
    if not isinstance(found, dict) or "url" not in found:
        raise FormatError("not a citation: it has no field `url`")
    _check_types(found)
    try:
        where = Where(found.get("where", Where.NOTES if found.get("note") else Where.BODY))
        kind = CitationKind(found.get("kind", CitationKind.URL))
    except ValueError as problem:
        raise FormatError(str(problem)) from problem
    if found["url"] is None and not found.get("problem"):
        raise FormatError("`url` is null, and no `problem` says why")
    return Citation(
        document=found.get("document") or document,
        note=found.get("note"),
        note_inferred=found.get("note_inferred"),
        where=where,
        kind=kind,
        url=found["url"],
        url_as_printed=found.get("url_as_printed"),
        candidates=tuple(Candidate(url=each["url"], why=each.get("why", "")) for each in found.get("candidates", [])),
        text=found.get("text") or "",
        title=found.get("title"),
        date=found.get("date"),
        page=found.get("page"),
        line=found.get("line"),
        uncertain=found.get("uncertain", False),
        problem=found.get("problem"),
        refers_to=found.get("refers_to"),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands there twice")
    return found


def _check_types(found: dict[str, Any]) -> None:
    if unknown := sorted(found.keys() - set(FIELDS)):
        raise FormatError(f"unknown field `{unknown[0]}`")
    for name in _TEXTS:
        if not isinstance(found.get(name), str | None):
            raise FormatError(f"`{name}` is neither a string nor null")
    for name in _NUMBERS:
        if not isinstance(found.get(name), int | None) or isinstance(found.get(name), bool):
            raise FormatError(f"`{name}` is neither a number nor null")
        if not 0 <= (found.get(name) or 0) <= MAX_INTEGER:
            raise FormatError(f"`{name}` is no number of a {name}")
    if not isinstance(found.get("uncertain", False), bool):
        raise FormatError("`uncertain` is neither true nor false")
    candidates = found.get("candidates", [])
    if not isinstance(candidates, list) or not all(
        isinstance(each, dict) and isinstance(each.get("url"), str) and isinstance(each.get("why", ""), str)
        for each in candidates
    ):
        raise FormatError("`candidates` is not a list of objects with `url` and `why`")

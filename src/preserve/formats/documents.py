"""A document as one process hands it to another: JSON, each noun an array of its members in their order.

What reads a document may have been taken over by it (docs/adr/0210), so whoever receives this believes nothing of its form: every member has the
type that the noun asks for, or all of it is refused. What it says is no safer than the document itself. It is never stored.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from preserve.errors import FormatError
from preserve.model.document import Document, Line, Link, Passage, Where

_T = TypeVar("_T")


def encode(document: Document) -> bytes:
    """The document without `citations`, which only plans bring."""
    head = [getattr(document, name) for name in _HEAD]
    return json.dumps([*head, list(map(_passage, document.passages))], separators=(",", ":")).encode()


def decode(data: bytes) -> Document:
    """The document; raises FormatError for what `encode` does not write."""
    try:
        name, media_type, size, sha256, encoding, pages, marks, remarks, passages = _is(list, json.loads(data))
        return Document(
            name=_is(str, name),
            media_type=_is(str, media_type),
            size=_is(int, size),
            sha256=_is(str, sha256),
            encoding=_is(str, encoding),
            pages=_may(int, pages),
            marks=tuple(_is(str, mark) for mark in _is(list, marks)),
            remarks=tuple(_is(str, remark) for remark in _is(list, remarks)),
            passages=tuple(map(_to_passage, _is(list, passages))),
        )
    except (ValueError, TypeError, RecursionError) as problem:
        raise FormatError("what was read is not handed on in the form that was agreed") from problem


_HEAD = ("name", "media_type", "size", "sha256", "encoding", "pages", "marks", "remarks")


def _passage(passage: Passage) -> list[object]:
    return [passage.where, passage.mark, passage.inferred, passage.order, list(map(_line, passage.lines))]


def _line(line: Line) -> list[object]:
    return [line.text, line.number, line.page, line.full, [[link.start, link.end, link.href] for link in line.links]]


def _to_passage(value: Any) -> Passage:
    where, mark, inferred, order, lines = _is(list, value)
    return Passage(
        where=Where(where),
        mark=_may(str, mark),
        inferred=_may(str, inferred),
        order=_may(int, order),
        lines=tuple(map(_to_line, _is(list, lines))),
    )


def _to_line(value: Any) -> Line:
    text, number, page, full, links = _is(list, value)
    return Line(
        text=_is(str, text),
        number=_may(int, number),
        page=_may(int, page),
        full=_may(bool, full),
        links=tuple(
            Link(start=_is(int, start), end=_is(int, end), href=_is(str, href)) for start, end, href in _is(list, links)
        ),
    )


def _is(kind: type[_T], value: Any) -> _T:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value


def _may(kind: type[_T], value: Any) -> _T | None:
    return None if value is None else _is(kind, value)

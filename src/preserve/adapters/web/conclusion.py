"""What an exchange amounts to: captured, truncated or failed, and why, from what was read and how it ended.

A response is captured only when its own framing, or the orderly end of its connection, says that it is whole. `Truncation` takes
the words of WARC/1.1 section 5.13.
"""

from __future__ import annotations

from typing import NamedTuple

from preserve.adapters.web.connection import End, Ending
from preserve.formats.http1 import Framing, ResponseParser, State
from preserve.model.web import Outcome, Truncation


class Conclusion(NamedTuple):
    """The outcome in the words of an Exchange."""

    outcome: Outcome
    problem: str = ""
    truncated: Truncation | None = None
    garbage: bytes = b""
    notes: tuple[str, ...] = ()


def conclude(parser: ResponseParser, end: End, limit: float) -> Conclusion:
    """Judge one exchange; `limit` is the silence in seconds that was too long."""
    if end.ending is Ending.CLOSED:
        parser.close()
    notes = tuple(parser.notes)
    if parser.state is State.DONE:
        if end.detail and parser.framing is Framing.CLOSE:
            notes += (end.detail,)
        return Conclusion(Outcome.CAPTURED, notes=notes, garbage=parser.garbage)
    if parser.state is State.BODY:
        truncated, problem = _cut(parser, end, limit)
        return Conclusion(Outcome.TRUNCATED, problem, truncated, parser.garbage, notes)
    if parser.state is State.NOT_HTTP:
        return Conclusion(Outcome.FAILED, parser.broken, garbage=parser.garbage, notes=notes)
    return Conclusion(Outcome.FAILED, _no_head(parser, end, limit), garbage=parser.garbage + parser.partial_head, notes=notes)


def _cut(parser: ResponseParser, end: End, limit: float) -> tuple[Truncation, str]:
    """Why a body is not whole."""
    if parser.cut:
        return Truncation.LENGTH, f"the body was cut at the size limit of {parser.size} bytes"
    before = f"{parser.broken}, then " if parser.broken else ""
    if end.ending is Ending.SILENT:
        return Truncation.TIME, f"{before}no byte for {limit:g} s inside the body"
    if end.ending is Ending.OVERDUE:
        return Truncation.TIME, f"{before}the time limit was reached inside the body"
    if parser.broken:
        return Truncation.UNSPECIFIED, parser.broken
    how = {Ending.RESET: "the connection was reset", Ending.BROKEN: end.detail}.get(end.ending, "the connection closed")
    if parser.framing is Framing.LENGTH:
        return Truncation.DISCONNECT, f"{how} after {parser.size} of {parser.expected} body bytes"
    return Truncation.DISCONNECT, f"{how} inside the body"


def _no_head(parser: ResponseParser, end: End, limit: float) -> str:
    """Why there is no response."""
    if parser.partial_head:
        where = "inside the response head"
    elif parser.interim:
        where = "after an interim response"
    else:
        where = "before answering"
    if end.ending is Ending.SILENT:
        return f"no byte for {limit:g} s {where}"
    if end.ending is Ending.OVERDUE:
        return f"the time limit was reached {where}"
    if end.ending is Ending.RESET:
        return f"the server reset the connection {where}"
    return f"{end.detail or 'the server closed the connection'} {where}"

"""Whether a look at the head of a response is enough, so that nobody has to read its page.

Most targets of a list of addresses end here: what reads and compares pages (flows.judging) is not even loaded for them.
"""

from __future__ import annotations

from typing import Final

from preserve.flows.trail import Trail
from preserve.formats.entity import entity
from preserve.model.page import Evidence
from preserve.model.web import Outcome
from preserve.pages.suspicion import suspicious
from preserve.rules.verdict_head import answer, needs_page

AT_ONCE: Final = 1 << 14
"""Bytes of an entity up to which it is looked at on the spot."""
_WALL: Final = 12 << 10
"""Bytes on the wire up to which a page that nobody quotes may be a wall, a shell or a parked domain: these are short."""


def enough(trail: Trail) -> bool:
    """Whether there is nothing else to see in where this trail led, for a target of which no title and no words are cited."""
    last = trail.final
    if last is None or last.outcome is not Outcome.CAPTURED or last.status is None:
        return True
    if last.url == trail.address and last.entity_size > _WALL:
        return True
    if not needs_page(Evidence(asked=trail.address, answer=answer(last))):
        return True
    # What is small on the wire may be large when it is unpacked.
    return last.body.size <= AT_ONCE and len(data := entity(last, AT_ONCE + 1)) <= AT_ONCE and not suspicious(data)

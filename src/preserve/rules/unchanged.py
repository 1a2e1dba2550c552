"""What of an unchanged requisite is kept: a line where a revisit would say nothing else (docs/adr/0271). Pure.

    may_be_listed(target, exchange)   a requisite, and a plain answer
    says_nothing(capture)             nothing about it calls for a record
    is_the_same(exchange, original)   the archive has it under this address already
    record(listed)                    metadata urn:preserve:unchanged:PAGE, a line for each answer
    anchor(answer, digest)            a revisit for players, made when runs are handed over (docs/adr/0272)

What decides is as narrow as can be: where anything is odd, the revisit is written that always was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from preserve.formats import unchanged
from preserve.formats.warc import target_uri, warc_date
from preserve.model.unchanged import PageList, Unchanged
from preserve.model.web import Capture, Exchange, Original, Outcome, Record, Target, Verdict
from preserve.rules.record import SAME_PAYLOAD, is_plain, may_be_revisit, refers_to_date

_OK: Final = 200
_SAME: Final = (b"content-type", b"content-encoding")
"""Header fields by which a player knows what the bytes are: they must be the original's."""


def may_be_listed(target: Target, exchange: Exchange) -> bool:
    """Whether a line may stand for this exchange, if the archive has its answer: a requisite's, and nothing odd about it."""
    return target.need is not None and exchange.status == _OK and is_plain(exchange)


def is_the_same(exchange: Exchange, original: Original) -> bool:
    """Whether the record of a sealed run holds this very answer, under this address."""
    return (
        may_be_revisit(exchange, original)
        and original.url == target_uri(exchange.url)
        and original.date < exchange.started
        and _same_answer(exchange, original.answer)
    )


def says_nothing(capture: Capture) -> bool:
    """Whether a capture has nothing to say but that it came: asked once, straight from where it was sought, nothing remarked."""
    return (
        capture.outcome is Outcome.CAPTURED
        and capture.verdict is Verdict.OK
        and len(capture.hops) == 1
        and not (capture.reason or capture.signals or capture.retries or capture.truncated)
    )


def _same_answer(exchange: Exchange, answer: bytes) -> bool:
    head, gap, _ = answer.partition(b"\r\n\r\n")
    line, *rows = head.split(b"\r\n")
    words = line.split(b" ", 2)
    if not gap or len(words) < 2 or words[1] != b"%d" % _OK:
        return False
    named = [(name.strip().lower(), value.strip()) for name, _, value in (row.partition(b":") for row in rows)]
    came = [(name.lower(), value.strip()) for name, value in exchange.headers]
    return all(
        [value for key, value in named if key == name] == [value for key, value in came if key == name] for name in _SAME
    )


def record(listed: PageList, *, at: datetime, new_id: Callable[[], str]) -> Record:
    """The record of a page's list."""
    block = unchanged.encode(listed.answers)
    return Record(
        type="metadata",
        id=new_id(),
        date=at,
        fields=(
            ("WARC-Target-URI", target_uri(f"{unchanged.URN}{listed.url}")),
            ("WARC-Block-Digest", f"sha256:{hashlib.sha256(block).hexdigest()}"),
            ("Content-Type", unchanged.MEDIA_TYPE),
        ),
        head=block,
    )


def anchor(answer: Unchanged, digest: str | None) -> Record:
    """A revisit by which players find what was listed at its time: no evidence, it follows from the list alone, and so does its id.

    `digest` is the original's, where that has one: players look for a record with the same, and without one by date. Those that know
    times by the second would look after the second in which it came: its date is cut to that.
    """
    named = hashlib.sha256(f"preserve-unchanged {target_uri(answer.url)} {warc_date(answer.at)}".encode()).hexdigest()
    identifier = f"{named[:8]}-{named[8:12]}-8{named[13:16]}-8{named[17:20]}-{named[20:32]}"
    return Record(
        type="revisit",
        id=f"urn:uuid:{identifier}",
        date=answer.at,
        fields=(
            ("WARC-Target-URI", target_uri(answer.url)),
            ("WARC-Profile", SAME_PAYLOAD),
            ("WARC-Refers-To-Target-URI", target_uri(answer.url)),
            ("WARC-Refers-To-Date", refers_to_date(answer.refers_to_date)),
            *((("WARC-Payload-Digest", digest),) if digest else ()),
        ),
    )

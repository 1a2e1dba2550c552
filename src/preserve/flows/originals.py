"""Which body is in the archive already, so that its next response is kept as a revisit.

What the open run holds is asked of its journal, what sealed runs hold of their index. A body is known once its record is in the file.
The journal takes records in in the order of the file, so it never holds a revisit without its original, wherever a kill comes. Losing
what is known costs space, nothing else: it is written to the journal in batches, and only after the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from preserve.model.web import Exchange, Original, Payload, Record, Stored
from preserve.ports import Journal, Originals
from preserve.rules.record import WORTH_A_REVISIT, may_be_revisit

_BATCH = 1024


class KnownBodies:
    """What the archive holds already. `earlier` None: there are no sealed runs."""

    def __init__(self, journal: Journal, earlier: Originals | None) -> None:
        self._journal = journal
        self._earlier = earlier
        self._recent: dict[tuple[str, bool], Payload] = {}
        self._expected: dict[tuple[str, bool], Original] = {}

    def find(self, exchange: Exchange) -> Original | None:
        """What this exchange's response may be a revisit of; None when it is to be kept whole."""
        if exchange.body.size < WORTH_A_REVISIT:
            return None
        digest = exchange.body_sha256
        if (recent := self._recent.get((digest, exchange.chunked))) is not None:
            found: Original | None = recent.original
        else:
            found = self._expected.get((digest, exchange.chunked)) or self._journal.original(digest, framed=exchange.chunked)
        if found is None and self._earlier is not None:
            found = self._earlier.find(exchange.entity_sha256, digest, exchange.url)
        return found if found is not None and may_be_revisit(exchange, found) else None

    def find_sealed(self, exchange: Exchange) -> Original | None:
        """The record of a sealed run that holds this body, however short; None when there is none."""
        if self._earlier is None:
            return None
        return self._earlier.find(exchange.entity_sha256, exchange.body_sha256, exchange.url)

    def expect(self, exchange: Exchange, records: Sequence[Record]) -> None:
        """An exchange whose records are about to be written: what goes into the file with them, after them, may refer to its body."""
        response = next((one for one in records if one.type == "response"), None)
        if response is not None and (original := _original(exchange, response.id)) is not None:
            self._expected.setdefault((original.body_sha256, original.framed), original)

    def expect_no_more(self) -> None:
        """They are written, or never will be."""
        self._expected.clear()

    def learn(self, payloads: Iterable[Payload]) -> None:
        """Bodies whose records are in the file now."""
        for payload in payloads:
            self._recent.setdefault((payload.original.body_sha256, payload.original.framed), payload)

    def entered(self) -> None:
        """The records of all that was learnt are in the journal now."""
        if len(self._recent) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Bring what was learnt to the journal, which has the records already."""
        if self._recent:
            self._journal.remember(self._recent.values())
            self._recent = {}


def payloads(exchanges: Sequence[Exchange], stored: Sequence[Stored]) -> tuple[Payload, ...]:
    """The bodies worth knowing among exchanges that were written together; `stored` is what the store returned for them."""
    answered = [exchange for exchange in exchanges if exchange.status is not None]
    kept = [place for place in stored if place.type in {"response", "revisit"}]
    found = []
    for exchange, place in zip(answered, kept, strict=True):
        if place.type == "response" and (original := _original(exchange, place.record_id)) is not None:
            found.append(Payload(original=original, stored=place))
    return tuple(found)


def _original(exchange: Exchange, record_id: str) -> Original | None:
    """What later ones may refer to; None for a body that is not worth it, or that no revisit can stand for."""
    if exchange.body.size < WORTH_A_REVISIT:
        return None
    original = Original(
        record_id=record_id,
        url=exchange.url,
        date=exchange.started,
        body_sha256=exchange.body_sha256,
        framed=exchange.chunked,
    )
    return original if may_be_revisit(exchange, original) else None

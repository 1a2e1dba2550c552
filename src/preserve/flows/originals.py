"""Which body is in the archive already, so that its next response is kept as a revisit.

What the open run holds is asked of its journal, what sealed runs hold of their index. A body is known once its record is in the file.
The journal takes records in in the order of the file, so it never holds a revisit without its original, wherever a kill comes. Losing
what is known costs space, nothing else: it is written to the journal in batches, and only after the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from preserve.model.web import Exchange, Original, Payload, Stored
from preserve.ports import Journal, Originals
from preserve.rules.record import WORTH_A_REVISIT, may_be_revisit

_BATCH = 1024


class KnownBodies:
    """What the archive holds already. `earlier` None: there are no sealed runs."""

    def __init__(self, journal: Journal, earlier: Originals | None) -> None:
        self._journal = journal
        self._earlier = earlier
        self._recent: dict[str, Payload] = {}

    def find(self, exchange: Exchange) -> Original | None:
        """What this exchange's response may be a revisit of; None when it is to be kept whole."""
        if exchange.chunked or exchange.body.size < WORTH_A_REVISIT:
            return None
        digest = exchange.body_sha256
        if (recent := self._recent.get(digest)) is not None:
            found: Original | None = recent.original
        else:
            found = self._journal.original(digest)
        if found is None and self._earlier is not None:
            found = self._earlier.find(digest)
        return found if found is not None and may_be_revisit(exchange, found) else None

    def learn(self, payloads: Iterable[Payload]) -> None:
        """Bodies whose records are in the file now."""
        for payload in payloads:
            self._recent.setdefault(payload.original.body_sha256, payload)

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
        if place.type == "response" and exchange.body.size >= WORTH_A_REVISIT:
            original = Original(
                record_id=place.record_id, url=exchange.url, date=exchange.started, body_sha256=exchange.body_sha256
            )
            if may_be_revisit(exchange, original):
                found.append(Payload(original=original, stored=place))
    return tuple(found)

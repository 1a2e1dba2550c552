"""Everything that was asked because of one target: the forms of its address, and what archives said. It ends as one answer.

What an asked form gave is a Trail of its own; `counts` is the one that the footnote's answer tells of. All exchanges are kept, in the
order in which they were asked, whichever of them counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from preserve.flows.trail import Trail
from preserve.model.web import Capture, Exchange, Memento, Stored, Target, Tried
from preserve.ports import Clock


class Inquiry:
    """What is known about one target so far."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.target = target
        self.counts = Trail(target, clock)
        self.candidates: tuple[Tried, ...] = ()
        self.chosen: str | None = None
        self.memento: Memento | None = None
        self.listed: datetime | None = None
        """The date of the record that holds the very same answer, when this one is only listed."""
        self._clock = clock
        self._trails = [self.counts]
        self._aside: list[Exchange] = []

    def another(self, address: str) -> Trail:
        """A trail for another form of the address."""
        trail = Trail(self.target, self._clock, address)
        self._trails.append(trail)
        return trail

    @property
    def cut_short(self) -> bool:
        """Whether one of the trails is: then the target waits until the run is resumed."""
        return any(trail.cut_short for trail in self._trails)

    def aside(self, exchange: Exchange) -> None:
        """Keep an exchange with a third party, which is no answer of the page."""
        self._aside.append(exchange)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All of them, in the order in which they were asked: archives are asked last."""
        return (*(exchange for trail in self._trails for exchange in trail.exchanges), *self._aside)

    def capture(self, stored: tuple[Stored, ...]) -> Capture:
        """The answer, `stored` being where the exchanges went. Nothing more will be asked."""
        capture = self.counts.capture(stored)
        if self.listed is not None:
            return replace(capture, listed=self.listed)
        if not self.candidates and self.memento is None:
            return capture
        return replace(capture, candidates=self.candidates, chosen=self.chosen, memento=self.memento)

    def close(self) -> None:
        for exchange in self.exchanges:
            exchange.body.close()

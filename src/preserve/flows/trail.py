"""What happened to one target, exchange by exchange, until it is the answer that a footnote gets."""

from __future__ import annotations

import hashlib

from preserve.model.page import Evidence
from preserve.model.web import Capture, Exchange, Hop, Outcome, Stored, Target, Tls, TlsSummary
from preserve.ports import Clock
from preserve.rules import redirect
from preserve.rules.verdict import answer, judge


class Trail:
    """What happened to one target so far."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.exchanges: list[Exchange] = []
        self.target = target
        self._clock = clock
        self._began = clock.now()
        self._signals: list[str] = []
        self._end: tuple[Outcome, str] | None = None

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def signal(self, words: str) -> None:
        if words not in self._signals:
            self._signals.append(words)

    def end(self, outcome: Outcome, reason: str) -> None:
        """It ends here for a reason that is not in the last exchange."""
        self._end = (outcome, reason)

    @property
    def final(self) -> Exchange | None:
        """The exchange at which the reader ends up; None when he ends up nowhere."""
        return self.exchanges[-1] if self.exchanges and self._end is None else None

    def close(self) -> None:
        for exchange in self.exchanges:
            exchange.body.close()

    def capture(self, stored: tuple[Stored, ...]) -> Capture:
        """The answer, `stored` being where the exchanges went. Nothing more will be asked."""
        if not self.exchanges:
            outcome, reason = self._end or (Outcome.FAILED, "it was not asked")
            return Capture(
                target=self.target,
                outcome=outcome,
                reason=reason,
                final_url=self.target.address or self.target.url,
                requested_at=self._began,
                finished_at=self._clock.now(),
                signals=tuple(self._signals),
                records=stored,
            )
        last, verdict, signals = self.exchanges[-1], None, tuple(self._signals)
        outcome, reason = self._end or (last.outcome, last.problem or last.outcome.value)
        if outcome is Outcome.CAPTURED:
            judged = judge(Evidence(asked=self.target.address, answer=answer(last)))
            reason, verdict, signals = "", judged.verdict, (*judged.signals, *last.notes, *signals)
        date = last.header(b"date")
        return Capture(
            target=self.target,
            outcome=outcome,
            reason=reason,
            final_url=last.url,
            requested_at=self.exchanges[0].started,
            finished_at=last.ended,
            status=last.status,
            verdict=verdict,
            signals=signals,
            payload_sha256=last.entity_sha256 if last.status is not None else None,
            payload_size=last.entity_size,
            truncated=last.truncated,
            hops=tuple(_hop(exchange) for exchange in self.exchanges),
            records=stored,
            peer=last.peer,
            tls=None if last.tls is None else _summary(last.tls),
            http_date=None if date is None else date.decode("latin-1"),
            retries=last.retries,
        )


def _hop(exchange: Exchange) -> Hop:
    redirected = exchange.status is not None and 300 <= exchange.status < 400
    place = redirect.location(exchange) if redirected else None
    return Hop(url=exchange.url, status=exchange.status, location=place, outcome=exchange.outcome)


def _summary(tls: Tls) -> TlsSummary:
    digests = tuple(hashlib.sha256(certificate).hexdigest() for certificate in tls.chain)
    return TlsSummary(version=tls.version, cipher=tls.cipher, chain_sha256=digests, problem=tls.problem)

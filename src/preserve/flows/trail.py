"""What happened to one target, exchange by exchange, until it is the answer that a footnote gets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from preserve.model.page import Evidence, Judgement
from preserve.model.web import Capture, Exchange, Hop, Outcome, Stored, Target, Tls, TlsSummary, Verdict
from preserve.ports import Clock
from preserve.rules import redirect
from preserve.rules.verdict_head import answer, glance


class Trail:
    """What happened to one target so far."""

    def __init__(self, target: Target, clock: Clock, address: str | None = None) -> None:
        """`address` is what is asked for where it is not the target's own."""
        self.address = address or target.address or target.url
        self.judged: Judgement | None = None
        self.cut_short = False
        """The run was told to end while a host in trouble was waited for: this is not the answer yet."""
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

    @property
    def ended(self) -> tuple[Outcome, Verdict | None]:
        """How it ended so far: the outcome, and the verdict of what was judged."""
        if not self.exchanges or self._end is not None:
            return (self._end or (Outcome.FAILED, ""))[0], None
        outcome = self.exchanges[-1].outcome
        return outcome, self.judged.verdict if outcome is Outcome.CAPTURED and self.judged is not None else None

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
                final_url=self.address,
                requested_at=self._began,
                finished_at=self._clock.now(),
                signals=tuple(self._signals),
                records=stored,
            )
        last, verdict = self.exchanges[-1], None
        signals = (*last.notes, *self._signals)
        outcome, reason = self._end or (last.outcome, last.problem or last.outcome.value)
        if outcome is Outcome.CAPTURED:
            judged = self.judged or glance(Evidence(asked=self.address, answer=answer(last)))
            reason, verdict, signals = "", judged.verdict, (*judged.signals, *signals)
        date = last.header(b"date")
        return Capture(
            target=self.target,
            outcome=outcome,
            reason=reason,
            final_url=last.url,
            requested_at=_first(self.exchanges).started,
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
            retries=sum(1 for exchange in self.exchanges if exchange.retries),
        )


def _first(exchanges: Sequence[Exchange]) -> Exchange:
    """The exchange that led on from the cited address: what was tried in vain before it, players must not show instead."""
    for exchange, following in pairwise(exchanges):
        if not following.retries:
            return exchange
    return exchanges[-1]


def _hop(exchange: Exchange) -> Hop:
    redirected = exchange.status is not None and 300 <= exchange.status < 400
    place = redirect.location(exchange) if redirected else None
    return Hop(url=exchange.url, status=exchange.status, location=place, outcome=exchange.outcome)


def _summary(tls: Tls) -> TlsSummary:
    digests = tuple(hashlib.sha256(certificate).hexdigest() for certificate in tls.chain)
    return TlsSummary(version=tls.version, cipher=tls.cipher, chain_sha256=digests, problem=tls.problem)

"""What the rows of a run's journal say: nouns of the run packed into columns, and made of them again. Pure; the tables are the journal's.

What a row holds is read back by the same version of this program alone (the journal has one), so a field is what it is, without checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from preserve.model.document import Candidate, Citation, CitationKind, Where
from preserve.model.run import RunIdentity
from preserve.model.web import (
    Capture,
    CitedBy,
    Hop,
    Memento,
    Need,
    Outcome,
    Stored,
    Target,
    TlsSummary,
    Tried,
    Truncation,
    Verdict,
)


def pack_identity(identity: RunIdentity) -> str:
    """Which run it is."""
    return json.dumps(asdict(identity))


def identity(text: str) -> RunIdentity:
    """What `pack_identity` made."""
    return RunIdentity(**json.loads(text))


def pack_citation(citation: Citation) -> str:
    """A citation with all its candidates."""
    return json.dumps(asdict(citation))


def cited_by(rows: Iterable[Any]) -> tuple[CitedBy, ...]:
    """Who cites an address; a row is (number, document, its SHA-256, packed citation)."""
    found = []
    for number, name, sha256, text in rows:
        citation = json.loads(text)
        note = citation["note"] if citation["note"] is not None else citation["note_inferred"]
        written = citation["url_as_printed"] or citation["url"] or ""
        found.append(CitedBy(citation=number, document=name, document_sha256=sha256, note=note, as_written=written))
    return tuple(found)


def need(of: int | None, page: int, level: int, referrer: str | None) -> Need | None:
    """For which target, page and referring address a requisite is asked; None for what is cited."""
    return None if of is None else Need(of=of, page=page, level=level, referrer=referrer or "")


def body(sha256: str, framed: bool) -> bytes:
    """What a body is known by: its hash, and a byte more where it is chunk-framed."""
    return bytes.fromhex(sha256) + (b"\x01" if framed else b"")


def stored(row: Any) -> Stored:
    """A row of the table of records."""
    warc, index, offset, length, sha256, crc32, kind, record_id, _target = row
    return Stored(
        warc=warc, index=index, offset=offset, length=length, sha256=sha256, crc32=crc32, type=kind, record_id=record_id
    )


def citation(text: str) -> Citation:
    """What `pack_citation` made."""
    fields = json.loads(text)
    fields["candidates"] = tuple(Candidate(**candidate) for candidate in fields["candidates"])
    fields["where"], fields["kind"] = Where(fields["where"]), CitationKind(fields["kind"])
    return Citation(**fields)


def pack_capture(capture: Capture) -> str:
    """A Capture without its target and records, which have tables of their own."""
    tls = capture.tls
    return json.dumps(
        {
            "outcome": capture.outcome,
            "reason": capture.reason,
            "final_url": capture.final_url,
            "requested_at": capture.requested_at.isoformat(),
            "finished_at": capture.finished_at.isoformat(),
            "status": capture.status,
            "verdict": capture.verdict,
            "signals": capture.signals,
            "payload_sha256": capture.payload_sha256,
            "payload_size": capture.payload_size,
            "truncated": capture.truncated,
            "hops": [(hop.url, hop.status, hop.location, hop.outcome) for hop in capture.hops],
            "peer": capture.peer,
            "tls": None if tls is None else (tls.version, tls.cipher, tls.chain_sha256, tls.problem),
            "http_date": capture.http_date,
            "retries": capture.retries,
            **({} if capture.listed is None else {"listed": capture.listed.isoformat()}),
            **_pack_judged(capture),
        }
    )


def _pack_judged(capture: Capture) -> dict[str, object]:
    """What only doubtful and dead addresses have."""
    packed: dict[str, object] = {}
    if capture.candidates:
        packed["candidates"] = [(each.url, each.outcome, each.status, each.verdict, each.why) for each in capture.candidates]
        packed["chosen"] = capture.chosen
    if (memento := capture.memento) is not None:
        taken = None if memento.taken is None else memento.taken.isoformat()
        requested = memento.requested.isoformat()
        packed["memento"] = (memento.archive, requested, memento.url, taken, memento.payload_sha256, memento.problem)
    return packed


def _tried(url: str, outcome: str, status: int | None, verdict: str | None, why: str) -> Tried:
    return Tried(
        url=url, outcome=Outcome(outcome), status=status, verdict=None if verdict is None else Verdict(verdict), why=why
    )


def _memento(archive: str, requested: str, url: str | None, taken: str | None, sha256: str | None, problem: str) -> Memento:
    return Memento(
        archive=archive,
        requested=date.fromisoformat(requested),
        url=url,
        taken=None if taken is None else datetime.fromisoformat(taken),
        payload_sha256=sha256,
        problem=problem,
    )


def capture(text: str, target: Target, records: tuple[Stored, ...], unchanged: int) -> Capture:
    """What `pack_capture` made, with its target, its records and how many lines its list has."""
    fields = json.loads(text)
    tls = fields["tls"]
    return Capture(
        target=target,
        outcome=Outcome(fields["outcome"]),
        reason=fields["reason"],
        final_url=fields["final_url"],
        requested_at=datetime.fromisoformat(fields["requested_at"]),
        finished_at=datetime.fromisoformat(fields["finished_at"]),
        status=fields["status"],
        verdict=None if fields["verdict"] is None else Verdict(fields["verdict"]),
        signals=tuple(fields["signals"]),
        payload_sha256=fields["payload_sha256"],
        payload_size=fields["payload_size"],
        truncated=None if fields["truncated"] is None else Truncation(fields["truncated"]),
        hops=tuple(Hop(url=u, status=s, location=to, outcome=Outcome(o)) for u, s, to, o in fields["hops"]),
        records=records,
        peer=None if fields["peer"] is None else (fields["peer"][0], fields["peer"][1]),
        tls=None if tls is None else TlsSummary(version=tls[0], cipher=tls[1], chain_sha256=tuple(tls[2]), problem=tls[3]),
        http_date=fields["http_date"],
        retries=fields["retries"],
        candidates=tuple(_tried(*each) for each in fields.get("candidates", ())),
        chosen=fields.get("chosen"),
        memento=_memento(*fields["memento"]) if "memento" in fields else None,
        unchanged=unchanged,
    )

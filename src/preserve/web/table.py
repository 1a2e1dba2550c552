"""The rows of a report as data: JSON Lines for programs, comma-separated values for spreadsheets (docs/guide/report.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from preserve.formats import csvrow
from preserve.formats.lines import write_foreign
from preserve.formats.times import rfc3339
from preserve.model.change import NEITHER, ChangeKind
from preserve.model.report import Place, Point, Row
from preserve.web.render import flat
from preserve.web.report import Site, capture_path

COLUMNS = (
    "document", "note", "page", "text", "url", "state", "outcome", "verdict", "reason", "status", "final_url", "captured", "intact",
    "run", "log_entry", "not_before", "not_after", "payload_sha256", "warc", "record", "offset", "length", "record_sha256",
    "bluebook", "oscola", "chicago",
)  # fmt: skip
"""The columns of report.csv."""


def fields(site: Site, row: Row, places: Sequence[Place], points: Sequence[Point] | None = None) -> dict[str, Any]:
    """One row: the fields of `preserve status --json`, then what proves them; of all captures of its address, compared, what each changed."""
    line, cited, run = row.capture, row.citation, row.run
    memento = None if line is None else line.memento
    strings = None if line is None else site.strings(row.url, line, run, None if cited is None else cited.title)
    return {
        "document": row.document,
        "note": row.note,
        "url": row.url,
        "outcome": None if line is None else line.outcome,
        "verdict": None if line is None else line.verdict,
        "captured": _time(row.captured),
        "run": run.name,
        "intact": row.intact,
        "chosen": None if line is None else line.chosen,
        "memento": None
        if memento is None
        else {
            "timegate": memento.timegate,
            "url": memento.url,
            "requested": memento.requested,
            "datetime": _time(memento.taken),
            "distance_days": memento.distance_days,
            "problem": memento.problem,
        },
        **({} if line is None or line.foreign is None else {"foreign": write_foreign(line.foreign)}),
        "state": row.state,
        "reason": row.reason,
        "status": None if line is None else line.status,
        "final_url": None if line is None else line.final_url,
        "signals": [] if line is None else list(line.signals),
        "text": None if cited is None else cited.text,
        "title": None if cited is None else cited.title,
        "page": None if cited is None else cited.page,
        "uncertain": False if cited is None else cited.uncertain,
        "payload_sha256": None if line is None else line.payload_sha256,
        "payload_bytes": None if line is None else line.payload_bytes,
        "records": [_record(place) for place in places],
        "sealed": None if run.manifest is None else _time(run.manifest.created),
        "seal_sha256": run.seal_sha256,
        "log_entry": run.manifest.log.size_before if run.logged and run.manifest is not None else None,
        "not_before": [_stamp(stamp.authority, stamp.earliest) for stamp in run.started if stamp.proves],
        "not_after": [_stamp(stamp.authority, stamp.latest) for stamp in run.stamped if stamp.proves],
        "captures": len(row.points) + row.others,
        **({} if points is None else {"changes": list(_changes(points))}),
        "report": None if line is None else capture_path(run.sequence, line.capture),
        "archived_at": None
        if strings is None
        else {
            "location": strings.location,
            "bluebook": strings.bluebook,
            "oscola": strings.oscola,
            "chicago": strings.chicago,
            "robust_link": strings.robust_link,
        },
    }


def json_line(found: dict[str, Any]) -> str:
    """A row on one line, ASCII: nothing in it acts on a terminal."""
    return json.dumps(found).replace("\x7f", "\\u007f")


def csv_line(found: dict[str, Any]) -> str:
    """A row of report.csv. Times of authorities stand behind each other in one cell."""
    shown: dict[str, Any] = next((one for one in reversed(found["records"]) if one["type"] in {"response", "revisit"}), {})
    strings = found["archived_at"] or {}
    values = {
        **found,
        "text": flat(found["text"]),
        "intact": {True: "yes", False: "no", None: ""}[found["intact"]],
        "not_before": "; ".join(f"{one['time']} {one['authority']}" for one in found["not_before"]),
        "not_after": "; ".join(f"{one['time']} {one['authority']}" for one in found["not_after"]),
        "warc": shown.get("file"),
        "record": shown.get("index"),
        "offset": shown.get("offset"),
        "length": shown.get("length"),
        "record_sha256": shown.get("sha256"),
        **{name: strings.get(name) for name in ("bluebook", "oscola", "chicago")},
    }
    return csvrow.row(values[name] for name in COLUMNS)


def csv_head() -> str:
    return csvrow.row(COLUMNS)


def _changes(points: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """What each capture changed, in the members of `preserve diff --json` and the words of its line of time; the same bytes are no change."""
    for point in points:
        step, pair = point.step, point.pair
        if step is None or pair is None or step.kind is ChangeKind.IDENTICAL:
            continue
        yield {
            "from": pair.before[0],
            "to": point.run,
            "at": rfc3339(point.at),
            "change": step.kind or ChangeKind.TEXT,
            "heading": step.heading,
            "reasons": list(step.reasons),
            "told": step.told,
            "quote": step.quote,
            "quote_before": step.quote_before,
            **({"neither": True} if step.heading == NEITHER else {}),
            **({"untold": True} if step.kind is None else {}),
        }


def _record(place: Place) -> dict[str, Any]:
    return {
        "file": place.ref.warc,
        "index": place.ref.index,
        "type": place.ref.type,
        "offset": place.offset,
        "length": place.length,
        "sha256": place.sha256,
        "leaf_sha256": place.leaf_sha256,
    }


def _stamp(authority: str, time: datetime | None) -> dict[str, str | None]:
    return {"authority": authority, "time": _time(time)}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)

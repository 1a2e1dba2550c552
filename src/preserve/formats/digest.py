"""The digest of scheduled captures as JSON and as a letter's text (docs/formats/schedules.md section 6).

What comes from outside stands in it escaped: in the JSON everything beyond ASCII, in the text whatever could act on a terminal.
"""

from __future__ import annotations

from preserve.formats import strictjson
from preserve.formats.printable import printable
from preserve.formats.strictjson import Fields, Json
from preserve.formats.times import rfc3339
from preserve.model.digest import Digest, Event, Kind

TYPE = "preserve-digest"
VERSION = 1
MAX_TOLD = 500
"""Events that the text names one by one."""

_WORDS = {
    Kind.FAILED: "does not answer",
    Kind.RECOVERED: "answers again",
    Kind.VERDICT: "stands otherwise",
    Kind.CHANGED: "changed",
    Kind.DOCUMENT: "was read again",
    Kind.PROBLEM: "has a problem",
    Kind.SOLVED: "has no problem any more",
}


def encode(digest: Digest) -> bytes:
    """The one JSON line, with its newline: ASCII, members sorted."""
    value: Json = {
        "type": TYPE,
        "version": VERSION,
        "archive": digest.archive,
        "archive_id": digest.archive_id,
        "at": rfc3339(digest.at),
        "needs_a_person": digest.needs_a_person,
        "events": [members(event) for event in digest.events],
        "undelivered": [
            {"receiver": missed.receiver, "at": rfc3339(missed.at), "reason": missed.reason} for missed in digest.undelivered
        ],
    }
    return strictjson.encode_line(value) + b"\n"


def encode_event(event: Event) -> bytes:
    """One event as a line without its newline."""
    return strictjson.encode_line(members(event))


def decode_event(line: bytes) -> Event:
    """What `encode_event` wrote; raises FormatError."""
    fields = Fields(strictjson.decode_line(line), "event")
    event = Event(
        kind=fields.choice("kind", Kind),
        schedule=fields.text("schedule"),
        subject=fields.text("subject"),
        before=fields.text("before"),
        after=fields.text("after"),
        reason=fields.text("reason"),
        run=fields.or_null("run", fields.text),
        cited_by=fields.array("cited_by", _cited),
        attention=fields.boolean("attention"),
    )
    fields.end()
    return event


def members(event: Event) -> dict[str, Json]:
    """The members of one event."""
    return {
        "kind": event.kind.value,
        "schedule": event.schedule,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "run": event.run,
        "cited_by": [{"document": document, "locator": locator} for document, locator in event.cited_by],
        "attention": event.attention,
    }


def subject(digest: Digest) -> str:
    """One line of ASCII: how much there is, and how much of it needs a person."""
    need = sum(event.attention for event in digest.events)
    parts = [f"{need} to look at"] if need else []
    if rest := len(digest.events) - need:
        parts.append(f"{rest} changed")
    told = ", ".join(parts) or "a message could not be delivered"
    name = printable(digest.archive).encode("ascii", "backslashreplace").decode()
    return f"preserve: {name[:80]}: {told}"


def text(digest: Digest) -> str:
    """The letter, in plain text: first what needs a person, then the rest."""
    lines = [f"Archive {printable(digest.archive)}, {rfc3339(digest.at)}"]
    for title, events in (
        ("This needs a person", [event for event in digest.events if event.attention]),
        ("This changed", [event for event in digest.events if not event.attention]),
    ):
        if events:
            lines += ["", f"{title}:"]
            lines += [line for event in events[:MAX_TOLD] for line in _told(event)]
        if len(events) > MAX_TOLD:
            lines.append(f"  and {len(events) - MAX_TOLD} more; `preserve status` shows all")
    if digest.undelivered:
        lines += ["", "Messages that did not arrive:"]
        lines += [
            f"  {printable(missed.receiver)}, {rfc3339(missed.at)}: {printable(missed.reason)}" for missed in digest.undelivered
        ]
    return "\n".join(lines) + "\n"


def _told(event: Event) -> list[str]:
    from_to = " -> ".join(printable(word) for word in (event.before, event.after) if word)
    is_schedule = event.kind in {Kind.PROBLEM, Kind.SOLVED} and event.subject != "schedules.toml"
    name = f"schedule {event.subject}" if is_schedule else event.subject
    lines = [f"  {printable(name)} {_WORDS[event.kind]}: {from_to}" if from_to else f"  {printable(name)} {_WORDS[event.kind]}"]
    if event.reason:
        lines.append(f"      {printable(event.reason)}")
    if event.cited_by:
        cited = ", ".join(f"{document} {locator}" if locator else document for document, locator in event.cited_by[:5])
        more = f" and {len(event.cited_by) - 5} more" if len(event.cited_by) > 5 else ""
        lines.append(f"      cited by {printable(cited)}{more}")
    return lines


def _cited(value: Json, where: str) -> tuple[str, str | None]:
    fields = Fields(value, where)
    cited = fields.text("document"), fields.or_null("locator", fields.text)
    fields.end()
    return cited

"""What a run changed, told as events: pure comparisons of what was found before with what was found now.

Only differences speak. That a page is still gone, or that a host still does not answer, was told when it began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from preserve.model.digest import Event, Kind
from preserve.model.lines import CaptureLine
from preserve.model.schedule import Mistake, Progress, Reading, Schedule, Seen
from preserve.model.web import Outcome, Verdict
from preserve.rules import plan
from preserve.rules.due import held_until

Differs = Callable[[Seen, CaptureLine], str]
"""In which way a page is another one than before, in a few words; "" when it is not. What counts as noise is decided there.

Where there was no page before, the one that is there now is held against the last one that was; then it is told too that it is the same.
"""

FILE = "schedules.toml"
"""What is remembered of mistakes in it is remembered under this name, and under `FILE/ID` where an entry has an id."""
_LINE = re.compile(rf"({re.escape(FILE)}(?:, the entry at)? line) \d+")
_NO_ANSWER = frozenset({Outcome.FAILED.value, Outcome.REFUSED.value})
_FINE = frozenset({Verdict.OK.value, Outcome.CAPTURED.value})
_PAGE = _FINE | {Verdict.MISMATCH.value}


def other_bytes(before: Seen, line: CaptureLine) -> str:
    """The plainest Differs: the payload has another hash."""
    if not was_page(before) or before.payload_sha256 is None or before.payload_sha256 == line.payload_sha256:
        return ""
    return "other bytes than before"


def was_page(target: Seen) -> bool:
    """Whether what was found at an address was a page, that of the citation or another."""
    return _word(target) in _PAGE


def seen(line: CaptureLine, run: str, before: Seen | None, began: datetime, apart: timedelta) -> Seen:
    """What is to be remembered of a target after a run; `apart` is how far the schedule's runs are from each other."""
    now = Seen(
        key=plan.key(line.url),
        url=line.url,
        outcome=line.outcome,
        verdict=line.verdict,
        status=line.status,
        payload_sha256=line.payload_sha256,
        reason=line.reason or ", ".join(line.signals),
        run=run,
    )
    if line.outcome is not Outcome.FAILED:
        return now
    failures = 1 + (before.failures if before else 0)
    return replace(now, failures=failures, held=held_until(failures, began, apart))


def at_target(schedule: Schedule, before: Seen | None, now: Seen, line: CaptureLine, differs: Differs) -> Event | None:
    """The event of one target, None when there is nothing to tell."""
    was, is_ = _word(before), _word(now)
    change = differs(before, line) if before is not None and is_ in _PAGE else ""
    if is_ == was:
        if not change:
            return None
        kind, after = Kind.CHANGED, change
    elif is_ in _NO_ANSWER:
        if was in _NO_ANSWER:
            return None
        kind, after = Kind.FAILED, is_
    elif before is None and is_ in _FINE:
        return None
    else:
        kind, after = (Kind.RECOVERED if was in _NO_ANSWER else Kind.VERDICT), is_
    return Event(
        kind=kind,
        schedule=schedule.id,
        subject=now.url,
        before=was,
        after=after,
        reason="" if kind is Kind.CHANGED else "; ".join(filter(None, (change, now.reason))),
        run=now.run,
        cited_by=tuple((cited.name, cited.locator) for cited in line.cited_in),
        attention=kind is not Kind.CHANGED and is_ not in _FINE,
    )


def at_documents(schedule: Schedule, before: Iterable[Reading], now: Iterable[Reading]) -> tuple[Event, ...]:
    """An event for each document that reads otherwise than the last time."""
    known: Mapping[tuple[str, str], Reading] = {(reading.path, reading.name): reading for reading in before}
    return tuple(
        Event(
            kind=Kind.DOCUMENT,
            schedule=schedule.id,
            subject=reading.path,
            before=_citations(earlier.notes),
            after=_citations(reading.notes),
            reason="the document changed and was read again",
        )
        for reading in now
        if (earlier := known.get((reading.path, reading.name))) is not None and earlier.sha256 != reading.sha256
    )


def at_schedule(schedule: Schedule, before: str, now: str) -> tuple[Event, ...]:
    """An event when a schedule's problem came, went, or became another one; both are empty texts when there is none."""
    return () if _same(before, now) else (_problem(schedule.id, before, now),)


def at_file(mistakes: Iterable[Mistake], progress: Mapping[str, Progress]) -> tuple[tuple[str, Event], ...]:
    """What is new about the mistakes in schedules.toml: an event for each entry, by the name under which its problem is remembered."""
    now: dict[str, str] = {name: "" for name in progress if is_file(name)}
    for mistake in mistakes:
        name = FILE if mistake.id is None else f"{FILE}/{mistake.id}"
        now[name] = "; ".join(filter(None, (now.get(name, ""), mistake.message)))
    return tuple(
        (name, _problem(name.removeprefix(f"{FILE}/"), before, problem))
        for name, problem in now.items()
        if not _same(before := progress.get(name, Progress()).problem, problem)
    )


def is_file(name: str) -> bool:
    """Whether something is remembered of schedules.toml by this name, and not of a schedule."""
    return name.partition("/")[0] == FILE


def _same(before: str, now: str) -> bool:
    """Whether two problems are one: that it moved to another line of the file is no news."""
    return before == now or _LINE.sub(r"\1", before) == _LINE.sub(r"\1", now)


def _problem(subject: str, before: str, now: str) -> Event:
    kind = Kind.PROBLEM if now else Kind.SOLVED
    return Event(kind=kind, schedule=subject, subject=subject, before=before, after=now, attention=bool(now))


def _word(target: Seen | None) -> str:
    """How a target stands, in one word: the verdict where there is one."""
    if target is None:
        return ""
    if target.outcome is Outcome.CAPTURED and target.verdict is not None:
        return target.verdict.value
    return target.outcome.value


def _citations(number: int) -> str:
    return f"{number} citation{'' if number == 1 else 's'}"

"""What changed between captures: two of one address for `preserve diff`, and each of a run with the one before it.

Captures are read back only where their payloads differ, one page at a time, so that a run of any size takes the memory of two pages. The
judgement is `rules.change`'s. Changes are worked out when they are asked for and stand in no signed line (docs/adr/0151).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from preserve.errors import FormatError, UsageError
from preserve.flows.readback import Restored, Shelf
from preserve.flows.register import asked, glance, is_requisite, key
from preserve.flows.select import SealedRun
from preserve.model.change import Change, ChangeKind, Outline, Version
from preserve.model.document import Citation, CitationKind, Where
from preserve.model.lines import CaptureLine, CitationLine
from preserve.model.noun import dataclass
from preserve.model.page import Described, Media, Page
from preserve.model.web import Outcome
from preserve.pages import charset, outline, reading
from preserve.rules import change as judging
from preserve.rules.described import described

if TYPE_CHECKING:
    from preserve.ports import Folder, Reader
    from preserve.rules.damage import Damage

KEPT = 20
"""Lines of `added` and of `removed` that a change of a whole run keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One capture of an address: its line, and the run that it lies in."""

    run: SealedRun
    line: CaptureLine

    @property
    def sequence(self) -> int:
        return self.run.manifest.archive.sequence

    @property
    def at(self) -> datetime:
        return self.line.requested_at


def shelf(folder: Folder, names: Sequence[str], reader: Reader | None = None, *, unread: bool = False) -> Shelf:
    """The sealed runs `names`, oldest first, to read back from; one whose manifest cannot be read is left out: `verify` names it.

    `unread`: manifests are read when they are needed; then FormatError and FileNotFoundError may come from whoever uses the shelf.
    """
    if unread:
        return Shelf([SealedRun(folder, name, unread=True) for name in names], reader)
    runs = []
    for name in names:
        with suppress(FormatError, FileNotFoundError):
            runs.append(SealedRun(folder, name))
    return Shelf(runs, reader)


# ------------------------------------------------------------------------------------------------------------------ two of one


def captures_of(shelf: Shelf, url: str) -> tuple[Seen, ...]:
    """The captures of an address, oldest first, one a run: as it was asked for or cited, else as it went by on the way.

    What policy refused was never asked, and is none. A run that cannot be read is left out: `preserve verify` names it.
    """
    found = []
    keyed = cache(key)  # the same addresses stand in every run
    for run in shelf.runs:
        try:
            row = _fitting(run, url, keyed)
            if row is not None:
                found.append(Seen(run=run, line=run.capture(row)))
        except (FormatError, FileNotFoundError):
            continue
    return tuple(found)


def _fitting(run: SealedRun, url: str, keyed: Callable[[str], str]) -> bytes | None:
    """The line of the last capture of an address in a run."""
    address = keyed(url)
    exact, passing = list[tuple[bytes, bool]](), list[tuple[bytes, bool]]()
    for row in run.rows(run.manifest.captures.file):
        said = glance(row)
        if said.outcome is Outcome.REFUSED or said.foreign:  # what another tool saw is no change that we saw
            continue
        if keyed(said.url) == address or url in said.written:
            exact.append((row, said.requisite))
        elif any(keyed(other) == address for other in said.passed):
            passing.append((row, said.requisite))
    found = exact or passing
    asked_for = [row for row, requisite in found if not requisite] or [row for row, _ in found]
    return asked_for[-1] if asked_for else None


def choose(seen: Sequence[Seen], earlier: str | None, later: str | None) -> tuple[Seen, Seen] | None:
    """The two captures to compare; by default the last two. None when there is only one.

    `earlier` and `later` are a run's number or name, or a time (ISO 8601; a date means its end, UTC): then the last capture at or before
    it. Raises UsageError when there is none such.
    """
    if len(seen) < 2:
        if earlier is not None or later is not None:
            for wanted in (earlier, later):
                if wanted is not None:
                    _named(seen, wanted)
        return None
    last = len(seen) - 1 if later is None else _named(seen, later)
    first = last - 1 if earlier is None else _named(seen, earlier)
    if first < 0:
        raise UsageError(f"there is no capture before that of run {seen[last].sequence}", "name another with --from")
    if first == last:
        raise UsageError(f"both are the capture of run {seen[last].sequence}", "name two with --from and --to")
    return seen[first], seen[last]


def _named(seen: Sequence[Seen], wanted: str) -> int:
    if wanted.isdecimal() and wanted.isascii():
        number = int(wanted) if len(wanted) < 16 else -1
        for place, each in enumerate(seen):
            if each.sequence == number:
                return place
        raise UsageError(f"run {wanted} has no capture of it", f"runs that have: {_runs(seen)}")
    for place, each in enumerate(seen):
        if each.run.name == wanted:
            return place
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        raise UsageError(f"neither a run's number nor a time: {wanted}", "for example 3, or 2026-11-21T12:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if len(wanted) <= 10:
        moment += timedelta(days=1) - timedelta(microseconds=1)
    before = [place for place, each in enumerate(seen) if each.at <= moment]
    if not before:
        raise UsageError(f"there is no capture of it at or before {wanted}", f"the first is of {seen[0].at:%Y-%m-%d %H:%M} UTC")
    return before[-1]


def _runs(seen: Sequence[Seen]) -> str:
    numbers = [str(each.sequence) for each in seen]
    return ", ".join(numbers if len(numbers) <= 20 else [*numbers[:3], "…", *numbers[-3:]])


class Kept:
    """What the last two captures showed that were read: on a line of time each is compared twice."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Version] = {}

    def read(self, shelf: Shelf, seen: Seen, version: Version) -> Version:
        """The capture with what it showed."""
        place = seen.run.name, seen.line.capture
        found = self._found.pop(place, None) or _read(shelf, seen, version)
        while len(self._found) > 1:
            del self._found[next(iter(self._found))]
        self._found[place] = found
        return replace(found, described=version.described)


def difference(shelf: Shelf, before: Seen, after: Seen, damage: Damage | None = None, kept: Kept | None = None) -> Change:
    """The change between two captures, with everything that was compared. `damage` is what a verification of the archive found.

    `kept` is handed on by whoever compares many of one address, in their order.
    """
    kept = kept or Kept()
    cited = described(_citations(shelf, after))
    quotes = cited if cited.texts else described(_citations(shelf, before))
    versions = [_bare(seen, quotes) for seen in (before, after)]
    if damage is not None:
        versions = [_marked(version, seen, damage) for version, seen in zip(versions, (before, after), strict=True)]
    same = versions[0].digest == versions[1].digest != ""
    read = [
        version if version.altered or version.problem or (same and not quotes.texts) else kept.read(shelf, seen, version)
        for version, seen in zip(versions, (before, after), strict=True)
    ]
    return judging.compare(read[0], read[1])


def timeline(shelf: Shelf, seen: Iterable[Seen], damage: Damage | None = None) -> Iterator[Change]:
    """What became of an address from each of its captures to the next, oldest first; without the pages that were compared."""
    kept = Kept()
    for before, after in pairwise(seen):
        yield _light(difference(shelf, before, after, damage, kept))


def between(seen: Sequence[Seen], earlier: str | None, later: str | None) -> Sequence[Seen]:
    """The captures from `earlier` to `later`, named as in `choose`; raises as that does."""
    first = 0 if earlier is None else _named(seen, earlier)
    last = len(seen) - 1 if later is None else _named(seen, later)
    if first > last:
        raise UsageError(
            f"run {seen[first].sequence} comes after run {seen[last].sequence}", "name the earlier one with --from"
        )
    return seen[first : last + 1]


# ------------------------------------------------------------------------------------------------------------- a run as a whole


def changes(shelf: Shelf, name: str) -> tuple[Change, ...]:
    """The real changes that the run of this name brought: each capture against the one before it of the same address.

    In the order of its captures; noise and what is identical are not among them, nor what had never been captured before. Requisites are
    not compared. What cannot be read is left out, as far as it is no change by its outcome alone.
    """
    place = next(number for number, run in enumerate(shelf.runs) if run.name == name)
    run = shelf.runs[place]
    lines = {
        key(line.url): line for line in run.captures() if line.requisite_of is None and line.outcome is not Outcome.REFUSED
    }
    found = {}
    for address, seen in _previous(shelf.runs[:place], lines):
        before, after = seen.line, lines[address]
        if (
            before.payload_sha256 is not None
            and before.payload_sha256 == after.payload_sha256
            and before.verdict == after.verdict
        ):
            continue
        change = difference(shelf, seen, Seen(run=run, line=after))
        if change.kind is ChangeKind.BACK:
            change = _since(shelf, place, address, change, Seen(run=run, line=after))
        if change.kind.real:
            found[address] = _light(change)
    return tuple(found[address] for address in lines if address in found)


def _since(shelf: Shelf, place: int, address: str, back: Change, after: Seen) -> Change:
    """A page that is back, with what changed since it was last there."""
    for _, seen in _previous(
        shelf.runs[:place], [address], lambda line: judging.holds_page(line.outcome, line.verdict, line.status)
    ):
        since = difference(shelf, seen, after)
        word = f"{'as it was' if not since.kind.real else 'not as it was'} in run {seen.sequence}"
        return replace(back, added=since.added, removed=since.removed, more=since.more, reasons=(*back.reasons, word))
    return back


def since(shelf: Shelf, after: str, line: CaptureLine) -> str:
    """How a capture of the run `after` compares with the last earlier one of its address that held a page; "" when none did."""
    place = next((number for number, run in enumerate(shelf.runs) if run.name == after), 0)
    earlier = _previous(
        shelf.runs[:place], [key(line.url)], lambda one: judging.holds_page(one.outcome, one.verdict, one.status)
    )
    for _, seen in earlier:
        told = judging.in_words(difference(shelf, seen, Seen(run=shelf.runs[place], line=line)))
        return f"not as it was in run {seen.sequence}: {told}" if told else f"as it was in run {seen.sequence}"
    return ""


def words(shelf: Shelf, before: str, after: str, line: CaptureLine) -> str:
    """In which way a capture of the run `after` differs from that of the same address in the run `before`, for a digest.

    "" where nobody needs to hear of it: noise, the same bytes, or no earlier capture there.
    """
    runs = {run.name: run for run in shelf.runs}
    if before not in runs or after not in runs or runs[before] is runs[after]:
        return ""
    earlier = [one for one in shelf.register(runs[before]).captures(key(line.url)) if one.outcome is not Outcome.REFUSED]
    if not earlier or (line.payload_sha256 is not None and earlier[-1].payload_sha256 == line.payload_sha256):
        return ""
    return judging.in_words(difference(shelf, Seen(run=runs[before], line=earlier[-1]), Seen(run=runs[after], line=line)))


def _previous(
    runs: Sequence[SealedRun], wanted: Iterable[str], fits: Callable[[CaptureLine], bool] = lambda _: True
) -> Iterator[tuple[str, Seen]]:
    """The latest capture of each address in these runs, of those that fit."""
    missing = set(wanted)
    for run in reversed(runs):
        if not missing:
            return
        latest: dict[str, CaptureLine] = {}
        for row in run.rows(run.manifest.captures.file):
            if is_requisite(row) or (address := key(asked(row))) not in missing:
                continue
            if (line := _decoded(run, row)) is not None and fits(line):
                latest[address] = line
        missing -= latest.keys()
        for address, line in latest.items():
            yield address, Seen(run=run, line=line)


def _decoded(run: SealedRun, row: bytes) -> CaptureLine | None:
    line = run.capture(row)
    return None if line.requisite_of is not None or line.foreign is not None or line.outcome is Outcome.REFUSED else line


# ------------------------------------------------------------------------------------------------------------------- versions


def _bare(seen: Seen, quotes: Described) -> Version:
    """A capture as its line tells of it."""
    line = seen.line
    return Version(
        run=seen.run.name,
        sequence=seen.sequence,
        at=line.requested_at,
        url=line.url,
        final_url=line.final_url,
        outcome=line.outcome,
        verdict=line.verdict,
        status=line.status,
        reason=line.reason,
        digest=line.payload_sha256 or "",
        described=quotes,
    )


def _marked(version: Version, seen: Seen, damage: Damage) -> Version:
    run = f"runs/{seen.run.name}"
    if damage.removed(run, seen.line.records):
        return replace(version, problem="it was removed from the archive; preserve verify says by whom and why")
    intact = damage.intact(run, seen.line.records)
    return version if intact else replace(version, altered=True, problem="what is stored is not what was sealed")


def _read(shelf: Shelf, seen: Seen, version: Version) -> Version:
    """The capture with what it showed."""
    if not seen.line.records:
        return replace(version, problem="nothing was kept of an answer")
    found = shelf.restore(seen.run, seen.line, limit=reading.LIMIT)
    if found.altered or found.problem:
        return replace(version, altered=found.altered, problem=found.problem)
    page = page_of(found, seen.line.final_url, shelf.reader)
    body = judging.without_chance(found.body) if page.media is Media.PDF else found.body
    return replace(
        version,
        content=hashlib.sha256(body).hexdigest(),
        cut=found.cut,
        page=page,
        outline=outline_of(found, page),
        problem=page.unread,
    )


def page_of(found: Restored, address: str, reader: Reader | None) -> Page:
    """The page that a response shows, its main text left aside."""
    return reading.read(
        found.body,
        content_type=found.header(b"content-type"),
        address=address,
        cut=found.cut,
        pdf=None if reader is None else reader.pdf_text,
        main=None,
    )


def outline_of(found: Restored, page: Page) -> Outline:
    """The same, taken apart for comparing."""
    if page.media is not Media.HTML:
        return outline.plain(page.text)
    text, _ = charset.decode(found.body[: reading.LIMIT], found.header(b"content-type"))
    return outline.outline(text)


def _citations(shelf: Shelf, seen: Seen) -> Iterator[Citation]:
    """The citations of a run that a capture answers; none when it was asked for by hand."""
    numbers = {answer.citation for answer in seen.line.cited_in}
    if numbers:
        yield from map(_citation, shelf.register(seen.run).citations(numbers))


def _citation(line: CitationLine) -> Citation:
    return Citation(
        document=line.document,
        where=Where.NOTES,
        kind=CitationKind.URL,
        url=line.url,
        text=line.text or "",
        title=line.title,
        date=line.date,
        problem=None if line.url else line.problem or "no address",
    )


def _light(change: Change) -> Change:
    """The change without the pages, and with the first of its lines."""
    more = max(0, len(change.added) - KEPT) + max(0, len(change.removed) - KEPT)
    return replace(
        change,
        before=replace(change.before, page=None, outline=None),
        after=replace(change.after, page=None, outline=None),
        added=change.added[:KEPT],
        removed=change.removed[:KEPT],
        more=change.more + more,
    )

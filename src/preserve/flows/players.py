"""What a bundle has for players beside what was sealed: records without which they would show another capture than the one asked for.

`anchored` gives those by which they find what was only listed as unchanged (docs/adr/0272), `find` what nobody can be shown any more,
because it was removed or refers to something that was, and `noticed` the pages that stand in its place (docs/adr/0280). None of them is evidence:
they follow from what lies in the bundle, and `preserve verify` makes them again.

Memory: an entry for each address that was ever listed; where something was removed, the id of each response.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from preserve.errors import FormatError
from preserve.flows import listed
from preserve.flows.references import Place
from preserve.formats import cdxj, gzipmember, warc
from preserve.formats.redacted import is_replaced
from preserve.formats.warc import Header, target_uri
from preserve.model.handover import Absent, Gone, Lost, Notice
from preserve.model.lines import CaptureLine
from preserve.model.unchanged import Unchanged
from preserve.model.web import Record
from preserve.rules import handover, selection, unchanged

if TYPE_CHECKING:
    from preserve.flows.listed import Key
    from preserve.flows.select import SealedRun

_OK: Final = b"200"


def anchored(handed: Sequence[SealedRun], lent: Iterable[Unchanged] | None = None) -> Iterator[bytes]:
    """The members of the WARC file by which players find what was only listed; none where they need none. `lent`: None for what `handed` says.

    Of whole runs those around a change are enough. Where single captures are handed over, little of the rest is here, and each answer has one.
    """
    chosen = [run for run in handed if not run.whole]
    others = {one for run in chosen for one in run.lent} if lent is None else set(lent)
    wanted = list(listed.anchors(run for run in handed if run.whole))
    wanted += sorted(others | own(chosen), key=lambda one: (one.at, target_uri(one.url)))
    held = {key: (run, place) for key, run, place in originals(handed, {listed.key(answer) for answer in wanted})}
    for answer in wanted:
        if (found := held.get(listed.key(answer))) is not None:
            run, place = found
            yield _member(unchanged.anchor(answer, run.head(*place)[0].payload_digest))


def own(runs: Iterable[SealedRun]) -> frozenset[Unchanged]:
    """What the lists of the captures say that are handed over."""
    return frozenset(one for run in runs for line in listed.pages(run) for one in listed.answers(run, line))


def originals(handed: Sequence[SealedRun], wanted: Collection[Key]) -> Iterator[tuple[Key, SealedRun, Place]]:
    """Where the records lie, among those handed over, that lists name. One that is not here is left out."""
    missing = set(wanted)
    for run in handed:
        if run.whole:
            for key, _, place in listed.find([run], missing):
                missing.discard(key)
                yield key, run, place
            continue
        named: dict[tuple[str, datetime], list[Key]] = {}
        for key in missing:
            named.setdefault((key.uri, key.date), []).append(key)
        for place in places(run) if named else ():
            header, begins = _opened(run, place)
            if header is None or header.type != "response" or begins.partition(b"\r\n")[0].split(b" ", 2)[1:2] != [_OK]:
                continue
            for key in named.get((header.target_uri or "", header.date), ()):
                if key in missing and header.payload_digest in {None, f"sha256:{key.payload_sha256}"}:
                    missing.discard(key)
                    yield key, run, place


def places(run: SealedRun) -> Iterator[Place]:
    """Of every record that is here, the WARC file and the index."""
    for entry in run.warcs:
        yield from ((entry.path, index) for index in run.numbers(entry))
        run.forget(entry.path)


def _opened(run: SealedRun, place: Place) -> tuple[Header | None, bytes]:
    """A record's header and how its block begins; None of one that was so short that nothing which can be read stands where it was removed."""
    try:
        return run.head(*place)
    except FormatError:
        return None, b""


# ------------------------------------------------------------------------------------------------------- what is not there


def find(handed: Sequence[SealedRun]) -> Absent:
    """What of these runs, from which something was removed, players cannot show."""
    removed, orphans = _without(handed)
    notices = {Notice(uri=uri, date=date, why=Gone.ORIGINAL) for each in orphans.values() for uri, date in each.values()}
    lost: list[Lost] = []
    for run in handed:
        gone, orphaned = removed[run.name], orphans[run.name]
        for line in run.captures():
            shown = _shown(line)
            if not gone.isdisjoint(shown):
                notices |= _instead(run, line, gone)
            elif orphaned.keys().isdisjoint(shown):
                continue
            why = Gone.ORIGINAL if gone.isdisjoint(shown) else Gone.REMOVED
            lost.append(Lost(run=run.name, capture=line.capture, url=line.url, at=line.requested_at, why=why))
    for one, stands in _unlisted(handed):
        lost.append(one)
        if stands:
            notices.add(Notice(uri=target_uri(one.url), date=one.at, why=one.why))
    hidden = {name: frozenset(each) for name, each in orphans.items()}
    return Absent(hidden=hidden, lost=tuple(lost), notices=by_second(notices))


def _without(handed: Sequence[SealedRun]) -> tuple[dict[str, set[Place]], dict[str, dict[Place, tuple[str, datetime]]]]:
    """By run: the records that were removed; the revisits whose original is not here, each with its address and date."""
    here: set[bytes] = set()
    removed: dict[str, set[Place]] = {}
    waiting: list[tuple[bytes, str, Place, str, datetime]] = []
    for run in handed:
        gone = removed.setdefault(run.name, set())
        for place in places(run):
            header, _ = _opened(run, place)
            if header is None or is_replaced(header):
                gone.add(place)
            elif header.type == "response":
                here.add(_short(header.id))
            elif (
                header.type == "revisit"
                and cdxj.is_indexed(header)
                and (refers := _short(header.get("WARC-Refers-To") or "")) not in here
            ):
                waiting.append((refers, run.name, place, target_uri(header.target_uri or ""), header.date))
    orphans: dict[str, dict[Place, tuple[str, datetime]]] = {run.name: {} for run in handed}
    for refers, name, place, uri, date in waiting:
        if refers not in here:
            orphans[name][place] = (uri, date)
    return removed, orphans


def _short(identifier: str) -> bytes:
    """A record's id, in few bytes where it is a UUID as ours are."""
    text = identifier.strip("<>").removeprefix("urn:uuid:").replace("-", "")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()


def _shown(line: CaptureLine) -> list[Place]:
    """The records of a capture that players show. What was imported cannot be removed record by record."""
    if line.foreign is not None:
        return []
    return [(record.warc, record.index) for record in line.records if record.type in selection.REPLAYED]


def _instead(run: SealedRun, line: CaptureLine, removed: Collection[Place]) -> set[Notice]:
    """What stands for a capture of which records were removed. These do not say any more what they were: it stands where the capture begins and ends."""
    shown = _shown(line)
    kept = {header.target_uri for place in shown if place not in removed and (header := _opened(run, place)[0]) is not None}
    ends = {selection.first_address(line) if shown[0] in removed else None, target_uri(line.final_url)}
    return {Notice(uri=uri, date=line.requested_at, why=Gone.REMOVED) for uri in ends - kept if uri is not None}


def _unlisted(handed: Sequence[SealedRun]) -> Iterator[tuple[Lost, bool]]:
    """Answers that were only listed, and whose original is not here; and whether a page may stand there.

    Where the list is not here either, nobody could tell such a page from one that is to hide what came within the same second.
    """
    told = {run.name: (own([run]), run.lent) for run in handed}
    wanted = {listed.key(one) for each in told.values() for answers in each for one in answers}
    missing = wanted - {key for key, _, _ in originals(handed, wanted)}
    if not missing:
        return
    known = answers_here([run for run in handed if not run.whole], {key.uri for key in missing})
    for name, (listed_here, lent) in told.items():
        for one in sorted({*listed_here, *lent}, key=lambda one: (one.at, one.url)):
            if listed.key(one) in missing:
                lost = Lost(run=name, capture=None, url=one.url, at=one.at, why=Gone.ORIGINAL)
                yield lost, one in listed_here or not covers(known.get(target_uri(one.url), ()), one.at)


def answers_here(chosen: Iterable[SealedRun], uris: Collection[str | None]) -> dict[str, list[Header]]:
    """By address, what came from it."""
    found: dict[str, list[Header]] = {}
    for run in chosen:
        for place in places(run):
            header, _ = _opened(run, place)
            if header is not None and header.type in selection.REPLAYED and header.target_uri in uris:
                found.setdefault(header.target_uri or "", []).append(header)
    return found


def covers(known: Iterable[Header], at: datetime) -> bool:
    """Whether one of these came within the same second, which is what an index tells apart."""
    second = at.replace(microsecond=0)
    return any(header.date.replace(microsecond=0) == second for header in known)


def by_second(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """In order; one for each address and second, which is what an index tells apart."""
    found: dict[tuple[str, datetime], Notice] = {}
    for notice in sorted(notices, key=lambda one: (one.date, one.uri, one.why)):
        found.setdefault((notice.uri, notice.date.replace(microsecond=0)), notice)
    return tuple(found.values())


def noticed(notices: Iterable[Notice]) -> Iterator[bytes]:
    """The members of the WARC file of pages that stand for what is not there."""
    for notice in notices:
        yield _member(handover.notice(notice))


def _member(record: Record) -> bytes:
    try:
        header = warc.header(record)
    except ValueError as problem:  # an address that no record of ours can have had
        raise FormatError(f"no record for players can be made: {problem}") from None
    return gzipmember.store(header, record.head, warc.END)

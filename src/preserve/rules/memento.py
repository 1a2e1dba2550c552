"""Copies in web archives: how they are asked for, and which one is taken. Pure.

An archive is configured by the prefix that an address is put behind. Its shape says how it is asked:

    …/wayback/available?url=     the Wayback availability JSON
    …/cdx?url=, …/cdx/search/cdx?url=     a CDX index: Wayback's rows or pywb's lines of JSON
    anything else                a TimeGate (RFC 7089), asked with Accept-Datetime

The date is the citation's: the last second of the day, month or year that it names, so that a copy of that very day counts as *before*.
Taken is the nearest copy before it with status 200, else the nearest after it: what a reader saw cannot be younger than the reading.
"""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from preserve.errors import UsageError
from preserve.formats.linkformat import Link, http_date
from preserve.formats.url import BadUrl, Url, join, parse, surt
from preserve.model.noun import dataclass
from preserve.model.pattern import pattern

BEFORE: Final = 3
AFTER: Final = 2
"""How many copies on either side are asked for until one has status 200."""
_ROWS: Final = 100
"""Rows of an index that are asked for, nearest first."""
_STAMP: Final = pattern(r"/(\d{14})([a-z]{2}_)?/(?=.)")
_DAY: Final = pattern(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_OK: Final = frozenset({200})
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class Way(StrEnum):
    """How an archive is asked."""

    TIMEGATE = "timegate"
    AVAILABILITY = "availability"
    CDX = "cdx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A web archive to ask: the prefix as it was configured, the place it names, and how it is asked."""

    prefix: str
    place: Url
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A copy that an archive says it has. `taken` and `status` are None where it does not say."""

    url: str
    taken: datetime | None = None
    status: int | None = None


def archive(prefix: str) -> Archive:
    """The archive behind a prefix. Raises UsageError."""
    place = parse(prefix)
    if not re.match(r"https?://", prefix, re.IGNORECASE) or isinstance(place, BadUrl):
        raise UsageError(
            f"{prefix!r} is not the address of a web archive",
            "write what an address is put behind, for example https://archive.example/timegate/",
        )
    path = place.target.decode("ascii").partition("?")[0].rstrip("/")
    if path.endswith("/wayback/available"):
        way = Way.AVAILABILITY
    elif path.endswith(("/cdx", "-cdx")):
        way = Way.CDX
    else:
        way = Way.TIMEGATE
    return Archive(prefix=prefix, place=place, way=way)


def prefixes(given: Iterable[str]) -> tuple[str, ...]:
    """The prefixes of archives, each once, when all of them can be asked. Raises UsageError."""
    return tuple(dict.fromkeys(archive(prefix).prefix for prefix in given))


def day_of(dates: Iterable[str], today: date) -> tuple[date, bool]:
    """The day that is asked for, and whether it was cited: the last day of the first date that can be read, else today."""
    for text in dates:
        match = _DAY.match(text)
        if match is None:
            continue
        year, month = int(match[1]), int(match[2] or 12)
        try:
            found = date(year, month, int(match[3]) if match[3] else monthrange(year, month)[1])
        except ValueError:
            continue
        if date(1990, 1, 1) <= found:
            return min(found, today), True
    return today, False


def moment(day: date) -> datetime:
    """The last second of a day."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)


def question(where: Archive, address: str, day: date) -> str:
    """What is asked of an archive about an address."""
    stamp = f"{day:%Y%m%d}235959"
    if where.way is Way.TIMEGATE:
        return where.prefix + address
    asked = where.prefix + quote(address, safe="")
    if "url=" not in where.prefix:
        asked = f"{where.prefix}{'&' if '?' in where.prefix else '?'}url={quote(address, safe='')}"
    if where.way is Way.AVAILABILITY:
        return f"{asked}&timestamp={stamp}"
    return f"{asked}&output=json&sort=closest&closest={stamp}&limit={_ROWS}"


# ------------------------------------------------------------------------------------------------------- what an archive says


def from_links(links: Iterable[Link], base: Url) -> tuple[Snapshot, ...]:
    """The mementos among the links of a TimeMap or of a Link header."""
    return tuple(
        Snapshot(url=address, taken=http_date(link.parameter("datetime")) or stamp(address))
        for link in links
        if "memento" in link.relations and (address := absolute(link.target, base)) is not None
    )


def absolute(reference: str, base: Url) -> str | None:
    """Where a reference in an archive's answer leads; None when it cannot be asked."""
    found = join(base, reference.encode("utf-8", "replace"))
    return None if isinstance(found, BadUrl) else found.address


def from_availability(data: bytes) -> tuple[Snapshot, ...]:
    """The snapshot in an answer of the availability JSON; none when it has none, or is something else."""
    closest = _json(data)
    for name in ("archived_snapshots", "closest"):
        closest = closest.get(name) if isinstance(closest, dict) else None
    if not isinstance(closest, dict) or not closest.get("available") or not isinstance(closest.get("url"), str):
        return ()
    return (Snapshot(url=closest["url"], taken=_stamped(closest.get("timestamp")), status=_status(closest.get("status"))),)


def from_cdx(data: bytes, where: Archive) -> tuple[Snapshot, ...]:
    """The snapshots in rows of a CDX index: Wayback's arrays under a head row, or an object a line."""
    rows = _json(data)
    if isinstance(rows, list) and rows and isinstance(rows[0], list):
        head = [str(name) for name in rows[0]]
        objects = [dict(zip(head, row, strict=False)) for row in rows[1:] if isinstance(row, list)]
    else:
        lines = [_json(line) for line in data.split(b"\n") if line.strip()] if rows is None else [rows]
        objects = [line for line in lines if isinstance(line, dict)]
    base = _mementos(where)
    found = []
    for row in objects:
        text, original = row.get("timestamp"), row.get("original", row.get("url"))
        taken = _stamped(text)
        if taken is not None and isinstance(original, str):
            status = _status(row.get("statuscode", row.get("status")))
            found.append(Snapshot(url=f"{base}/{text}/{original}", taken=taken, status=status))
    return tuple(found)


def _mementos(where: Archive) -> str:
    """Where an archive with a CDX index has its mementos: beside pywb's index of a collection, below /web in a Wayback machine."""
    path = where.place.target.decode("ascii").partition("?")[0]
    collection = path.partition("/cdx")[0] or "/web"
    return f"{where.place.scheme}://{where.place.authority.decode()}{collection}"


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _status(value: object) -> int | None:
    return int(value) if isinstance(value, (str, int)) and re.fullmatch(r"[1-5]\d\d", str(value)) else None


def _stamped(value: object) -> datetime | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d{14}", value):
        return None
    try:
        return datetime.strptime(f"{value}+0000", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except ValueError:
        return None


def stamp(address: str) -> datetime | None:
    """The time in the address of a memento, where there is one (`/20190101000000/http…`)."""
    match = _STAMP.search(address)
    return None if match is None else _stamped(match[1])


def raw(address: str) -> str | None:
    """The address under which the archive gives the bytes as they came (`id_`); None when its addresses do not say."""
    return _STAMP.sub(r"/\1id_/", address, count=1) if _STAMP.search(address) else None


# ------------------------------------------------------------------------------------------------------- TimeMaps in pages


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPage:
    """A page of a TimeMap that another one links (RFC 7089 section 5.1.2): the times of its copies, None where it is not said."""

    url: str
    first: datetime | None = None
    last: datetime | None = None


def pages_in(links: Iterable[Link], base: Url) -> tuple[MapPage, ...]:
    """The pages among the links of a TimeMap, each address once.

    A link to a TimeMap that names no times leads to the same list in another form, unless this list holds no copy itself: then it is its
    index.
    """
    links = tuple(links)
    index = not any("memento" in link.relations for link in links)
    found: dict[str, MapPage] = {}
    for link in links:
        kind = link.parameter("type").partition(";")[0].strip().lower()
        if "timemap" not in link.relations or kind not in {"", "application/link-format"}:
            continue
        first, last = http_date(link.parameter("from")), http_date(link.parameter("until"))
        if (index or first or last) and (address := absolute(link.target, base)) is not None:
            found.setdefault(address, MapPage(url=address, first=first, last=last))
    return tuple(found.values())


def next_page(pages: Iterable[MapPage], listed: Iterable[Snapshot], asked: datetime) -> MapPage | None:
    """Of the pages that were not read, the one to read next: it may list the best copy, or one more of those to try; None when none can.

    `listed` are the copies that are known already. Wanted are `BEFORE` copies before the date that is asked for and, only where there is
    none, `AFTER` after it.
    """
    known = in_order(listed, asked)
    before = [_at(each) for each in known if _at(each) <= asked]
    after = [_at(each) for each in known if _at(each) > asked]
    # What could stand between these and the date that is asked for would be nearer.
    since = before[-1] if len(before) == BEFORE else _EARLIEST
    useful = [page for page in pages if (page.first or _EARLIEST) <= asked and (page.last or _LATEST) > since]
    if useful:
        return max(useful, key=lambda page: (min(page.last or asked, asked), page.first or _EARLIEST))
    if before:
        return None
    until = after[-1] if len(after) == AFTER else _LATEST
    later = [page for page in pages if asked < (page.first or _EARLIEST) < until]
    return min(later, key=lambda page: page.first or _EARLIEST, default=None)


# ---------------------------------------------------------------------------------------------------------- which one is taken


def in_order(snapshots: Iterable[Snapshot], asked: datetime) -> tuple[Snapshot, ...]:
    """The snapshots to try, each address once: the nearest before, then the nearest after; a few of each.

    Those that say another status than 200 are left out, and those that say no time.
    """
    known = {each.url: each for each in snapshots if each.taken is not None and each.status in {None, *_OK}}
    before = sorted((each for each in known.values() if _at(each) <= asked), key=_at, reverse=True)
    after = sorted((each for each in known.values() if _at(each) > asked), key=_at)
    return (*before[:BEFORE], *after[:AFTER])


def _at(snapshot: Snapshot) -> datetime:
    assert snapshot.taken is not None, "only dated snapshots are compared"
    return snapshot.taken


def nearer(listed: Snapshot, given: datetime, asked: datetime) -> bool:
    """Whether a listed copy would have been the right one rather than that of the time `given`: its day is another and better one."""
    at = _at(listed)
    if at.date() == given.date():
        return False
    if at <= asked:
        return given > asked or given < at
    return asked < at < given


def in_future(taken: datetime, now: datetime) -> bool:
    """Whether a copy is dated after the asking; a day is granted to clocks that differ."""
    return taken > now + timedelta(days=1)


def doubts(snapshot: Snapshot, address: str, said: datetime | None, *, moved: bool) -> Iterator[str]:
    """What speaks against the date of a copy: `address` gave it, with `said` in its Memento-Datetime; `moved`: not where it was listed."""
    if said is None:
        yield "the copy comes without Memento-Datetime: its date is only what the archive's index or address says"
        return
    if (own := stamp(address)) is not None and own.date() != said.date():
        yield f"the copy's address says {own:%Y-%m-%d}, its Memento-Datetime {said:%Y-%m-%d}"
    if snapshot.taken is not None and snapshot.taken.date() != said.date():
        where = "led on to one" if moved else "is"
        yield f"a copy listed as of {snapshot.taken:%Y-%m-%d} {where} of {said:%Y-%m-%d}"


def of_another(original: str, asked: str) -> bool:
    """Whether `original` is not the page that was asked for; http and https, www and its absence are one page to an archive."""
    return surt(original) != surt(asked)


def original_in(address: str) -> str | None:
    """The original's address in that of a memento (`/20190101000000/http://a.example/`); None when it does not show."""
    match = _STAMP.search(address)
    rest = address[match.end() :] if match else ""
    return rest if re.match(r"https?:/", rest) else None

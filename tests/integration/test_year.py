"""A year of nightly captures of fifty pages that change: every change told once, nothing told that is none, and what it costs.

The site knows what it truly showed, and that is what the digests are held against; nothing of the tool is asked for the truth. The
clock is moved by hand over both changes of the clocks, a month in which the machine was off, and New Year.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from changingweb import DEAD, GONE, SOFT, Shown, Web
from clockwork import Clockwork, Turn
from heavyweb import HeavyWeb
from postboxes import Hook, webhook, write_secret
from sites import AnyHostSite, Served

THERE = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 1)
DAYS = 365
OFF = range(200, 230)
"""Days on which the machine is off."""
JOINS = 180
"""The day on which the document gets a footnote more."""
DEATHS = {60: (2, 7), 120: (6, 3), 215: (4, 30), 300: (8, 12)}
"""On which day which host (that of this page) is dead, for how many days."""
BESIDE = 2300
"""Bytes that may be kept of an answer beside a body that is new: what was asked, when, what came, and the lines that are signed."""
HEAVY_DAYS, TINY_DAYS = 25, 41
CLOCKS_CHANGE = {date(2026, 3, 29), date(2026, 10, 25)}


@dataclass(slots=True, kw_only=True)
class Night:
    """One run: what it cost, and what it left."""

    run: str
    turn: Turn
    stored: int
    """Bytes by which the archive grew."""
    answers: int
    fresh: int
    """Bytes of the bodies that had not been sent before, each compressed by itself."""
    sent: int
    """Bytes of all bodies, each compressed by itself: what whoever keeps everything anew would keep."""


@dataclass(slots=True, kw_only=True)
class Year:
    """What came of it all. `standing` is how many pages stood how after each night."""

    archive: Path
    nights: list[Night] = field(default_factory=list)
    standing: list[Counter[str]] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    digests: int = 0
    meanwhile: int = 0
    """Pages that were not as they had been when they were there again."""


def document(pages: list[Shown]) -> str:
    notes = "".join(
        f'{number} Ada Lund, "{page.tongue.title.replace("#", str(page.number + 1))}" (2019), online: <{page.url}>.\n'
        for number, page in enumerate(pages, 1)
    )
    said = " ".join(f"The stage at berth {number} was seen.{number}" for number in range(1, len(pages) + 1))
    return f"{said}\n\n{notes}"


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def wanted(before: tuple[str, ...] | None, now: tuple[str, ...]) -> str:
    """The kind of event that these two sights of a page make; "" for none."""
    if before == now or (before is None and now[0] == ""):
        return ""
    if now[0] == DEAD:
        return "failed"
    if before is not None and before[0] == DEAD:
        return "recovered"
    return "changed" if before is not None and before[0] == now[0] == "" else "verdict"


class Watch:
    """Holds each night against what the site showed in it."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._seen: dict[str, tuple[str, ...]] = {}
        self._well: dict[str, tuple[str, ...]] = {}
        self._sent: set[bytes] = set()

    def events(self, served: tuple[Served, ...]) -> tuple[dict[str, str], dict[str, str]]:
        """What must be told of a night, by address: its kind, and words that must be in it."""
        asked = {f"http://{one.host}{one.target}" for one in served}
        kinds, words = {}, {}
        for page in self._web.pages:
            if page.url not in asked:
                continue
            now = self._web.truth(page)
            if kind := wanted(self._seen.get(page.url), now):
                kinds[page.url] = kind
            if now[0] == "":
                well = self._well.get(page.url, now)
                if kind in {"verdict", "recovered"}:
                    words[page.url] = "as it was in run" if well == now else "not as it was in run"
                self._well[page.url] = now
            self._seen[page.url] = now
        return kinds, words

    def standing(self) -> Counter[str]:
        words = {"": "ok", GONE: "gone", SOFT: "doubtful", DEAD: "failed"}
        return Counter(words[truth[0]] for truth in self._seen.values())

    def bytes(self, served: tuple[Served, ...]) -> tuple[int, int]:
        """Bytes of the bodies that were new, and of all."""
        fresh = sent = 0
        for one in served:
            head, _, body = one.response.partition(b"\r\n\r\n")
            size, digest = len(body) if b"\r\nContent-Encoding:" in head else len(zlib.compress(body, 6)), sha256(body).digest()
            sent += size
            fresh += 0 if digest in self._sent else size
            self._sent.add(digest)
        return fresh, sent


def live(year: Year, web: Web, site: AnyHostSite, hook: Hook, clockwork: Clockwork, paper: Path, days: int = DAYS) -> None:
    """Go through the days. Each night must be one run, and what was told of it what happened."""
    watch, size = Watch(web), 0
    for number in range(days):
        day = FIRST + timedelta(days=number)
        if number:
            web.pass_day()
        assert web.today == day
        if number in DEATHS:
            page, days = DEATHS[number]
            web.die(web.pages[page].host, days)
        if number in OFF:
            continue
        if number == JOINS:
            paper.write_text(document(web.pages))
        turns = [clockwork(at, "schedule", "run", "--once", "--quiet") for at in looks(day)]
        assert all(turn.code in {0, 10} and not turn.stderr for turn in turns), (day, turns)
        names = sorted(path.name for path in (year.archive / "runs").iterdir())
        assert len(names) == len(year.nights) + 1, day
        served = site.take_served()
        kinds, words = watch.events(served)
        if number == JOINS:
            kinds[str(paper)] = "document"
        told(year, hook, day, kinds, words)
        year.standing.append(watch.standing())
        fresh, sent = watch.bytes(served)
        before, size = size, size_of(year.archive)
        turn = max(turns, key=lambda turn: turn.cpu)
        year.nights.append(Night(run=names[-1], turn=turn, stored=size - before, answers=len(served), fresh=fresh, sent=sent))


def looks(day: date) -> list[datetime]:
    """When the timer looks: right after the time of the schedule and at noon; every half hour when the clocks change."""
    start = datetime(day.year, day.month, day.day, tzinfo=THERE).astimezone(UTC)
    if day in CLOCKS_CHANGE:
        return [start + timedelta(minutes=7 + 30 * step) for step in range(48)]
    return [datetime(day.year, day.month, day.day, 2, 33, tzinfo=THERE).astimezone(UTC), start + timedelta(hours=12)]


def told(year: Year, hook: Hook, day: date, kinds: dict[str, str], words: dict[str, str]) -> None:
    """Hold the digests of a night against what happened in it."""
    digests = [json.loads(post.body) for post in hook.posts]
    hook.posts.clear()
    events = [event for digest in digests for event in digest["events"]]
    assert Counter((event["subject"], event["kind"]) for event in events) == Counter(kinds.items()), (day, events)
    assert len(digests) == bool(kinds), day
    for event in events:
        assert event["reason"].startswith(words.get(event["subject"], "")), (day, event)
    year.told.update(event["kind"] for event in events)
    year.digests += len(digests)
    year.meanwhile += sum(event["reason"].startswith("not as it was") for event in events)


@contextmanager
def scheduled(site: AnyHostSite, tmp_path: Path, config_home: Path, *more: str) -> Iterator[tuple[Hook, Clockwork]]:
    """A schedule for `paper.txt`, every night, that tells a webhook what it finds; with `more` options."""
    with webhook() as hook, Clockwork(tmp_path) as clockwork:
        folder = config_home / "preserve"
        folder.mkdir()
        write_secret(folder / "hook.secret", "a secret of sixteen bytes and more")
        (folder / "config.toml").write_text(f'[[notify]]\nname = "hook"\nwebhook = "{hook.url}"\nsecret_file = "hook.secret"\n')
        added = clockwork(
            datetime(2026, 2, 28, 20, tzinfo=UTC), "schedule", "add", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin",
            "paper.txt", "--connect-to", site.connect_to, "--delay", "0", "--no-timestamp", *more,
        )  # fmt: skip
        assert added.code == 0, added.stderr
        yield hook, clockwork


@pytest.mark.long
def test_a_year_of_nights(site: AnyHostSite, tmp_path: Path, config_home: Path) -> None:
    web, year, paper = Web(site, seed=7), Year(archive=tmp_path / "archive"), tmp_path / "paper.txt"
    paper.write_text(document(web.pages[:-1]))
    with scheduled(site, tmp_path, config_home) as (hook, clockwork):
        live(year, web, site, hook, clockwork, paper)
        reads(year, clockwork, datetime.combine(web.today, datetime.min.time(), UTC) + timedelta(hours=20))
    assert set(year.told) == {"changed", "verdict", "failed", "recovered", "document"}
    assert year.digests < len(year.nights), "there were nights without news"
    assert year.meanwhile > 20
    costs(year)


@pytest.mark.long
def test_nights_at_the_weights_of_real_pages(site: AnyHostSite, tmp_path: Path, config_home: Path) -> None:
    """What a night leaves does not depend on the nights before it, so some of them stand for all."""
    web, year, paper = HeavyWeb(site, seed=7), Year(archive=tmp_path / "archive"), tmp_path / "paper.txt"
    paper.write_text(document(web.pages))
    with scheduled(site, tmp_path, config_home) as (hook, clockwork):
        live(year, web, site, hook, clockwork, paper, HEAVY_DAYS)
        end = datetime.combine(web.today, datetime.min.time(), UTC) + timedelta(hours=20)
        assert clockwork(end, "verify", year.archive, "--thorough").code == 0
    kept = kinds(year.archive, year.nights[1:])
    stored, fresh, sent, answers = (
        sum(getattr(night, what) for night in year.nights[1:]) for what in ("stored", "fresh", "sent", "answers")
    )
    print(
        f"{len(year.nights)} runs; {stored=} {fresh=} {sent=} {answers=}, {kept}; each answer {(stored - fresh) / answers:.0f}"
    )
    assert stored < fresh + BESIDE * answers
    assert stored < sent / 10
    assert kept["revisit"] > 0.8 * answers


@pytest.mark.long
@pytest.mark.parametrize(
    ("world", "days", "most"), [(Web, TINY_DAYS, 8.0), (HeavyWeb, HEAVY_DAYS, 2.0)], ids=["tiny pages", "real weights"]
)
def test_nights_that_list_what_is_unchanged(
    site: AnyHostSite, tmp_path: Path, config_home: Path, world: type[Web], days: int, most: float
) -> None:
    """The same nights with a line for each requisite that is as it was; `most` times what was new is what they may leave."""
    web, year, paper = world(site, seed=7), Year(archive=tmp_path / "archive"), tmp_path / "paper.txt"
    paper.write_text(document(web.pages))
    with scheduled(site, tmp_path, config_home, "--list-unchanged") as (hook, clockwork):
        live(year, web, site, hook, clockwork, paper, days)
        end = datetime.combine(web.today, datetime.min.time(), UTC) + timedelta(hours=20)
        assert clockwork(end, "verify", year.archive, "--thorough").code == 0
    kept, later = kinds(year.archive, year.nights[1:]), year.nights[1:]
    listed = sum(
        json.loads(row).get("unchanged", 0)
        for night in later
        for row in (year.archive / "runs" / night.run / "data" / "captures.jsonl").read_text().splitlines()
    )
    stored, fresh, sent, answers = (
        sum(getattr(night, what) for night in later) for what in ("stored", "fresh", "sent", "answers")
    )
    print(
        f"{len(year.nights)} runs; {stored=} {fresh=} {sent=} {answers=}, {kept}, {listed=}; {stored / fresh:.2f} times what was new"
    )
    assert listed > 0.1 * answers
    assert stored < most * fresh


def kinds(archive: Path, nights: list[Night]) -> Counter[str]:
    """How many responses and revisits these nights left."""
    rows = (
        row for night in nights for row in (archive / "runs" / night.run / "data" / "captures.jsonl").read_text().splitlines()
    )
    return Counter(record["type"] for row in rows for record in json.loads(row)["records"])


def say(what: str, turn: Turn) -> None:
    """A figure for docs/performance.md, shown by `pytest -s`."""
    print(f"{what}: {turn.cpu:.1f} s of CPU, {turn.seconds:.1f} s, {turn.memory >> 20} MiB")


def reads(year: Year, clockwork: Clockwork, now: datetime) -> None:
    """What is read of the archive afterwards is as it should be."""
    for command in (("verify", year.archive), ("verify", year.archive, "--thorough"), ("status", year.archive)):
        turn = clockwork(now, *command)
        say(" ".join(command[::2]), turn)
        assert turn.code == 0, turn.stdout + turn.stderr
        assert "Not all is well" not in turn.stderr
    turn = clockwork(now, "status", year.archive, "--history", "--json")
    say("status --history", turn)
    rows = [json.loads(row) for row in turn.stdout.splitlines()]
    assert [row["run"] for row in rows] == [night.run for night in year.nights]
    for row, standing in zip(rows, year.standing, strict=True):
        assert {name: row[name] for name in ("ok", "doubtful", "gone", "failed", "never")} == {
            name: standing[name] for name in ("ok", "doubtful", "gone", "failed", "never")
        }, row
    turn = clockwork(now, "diff", year.archive, "http://en.harbour.example/p0/")
    say("diff", turn)
    assert turn.code == 0, turn.stderr


def costs(year: Year) -> None:
    """The last nights cost what the first ones did, and what is kept of a night is what was new in it and a little for each answer."""
    early, late, later = year.nights[10:40], year.nights[-30:], year.nights[1:]
    for name, part in (("the first night", year.nights[:1]), ("early", early), ("late", late)):
        figures = {what: median(getattr(night, what) for night in part) for what in ("stored", "fresh", "sent", "answers")}
        say(f"{name}, {figures}", sorted(part, key=lambda night: night.turn.cpu)[len(part) // 2].turn)
    stored, fresh, sent, answers = (
        sum(getattr(night, what) for night in later) for what in ("stored", "fresh", "sent", "answers")
    )
    print(
        f"{len(year.nights)} runs, {year.digests} digests, {dict(year.told)}, {year.meanwhile} meanwhile; {stored=} {fresh=} {sent=} {answers=}"
    )
    assert stored < fresh + BESIDE * answers
    assert median(night.turn.cpu for night in late) < 1.5 * median(night.turn.cpu for night in early)
    assert max(night.turn.memory for night in late) < 1.15 * max(night.turn.memory for night in early)

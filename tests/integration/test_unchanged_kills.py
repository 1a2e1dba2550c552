"""Runs with lists of unchanged requisites that are killed: no line is lost, none is doubled, nothing that is known is asked again."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from killing import Killed
from preserve.adapters.archive import Staged
from preserve.adapters.clock import SystemClock
from preserve.adapters.journal import Journal
from preserve.adapters.warcfile import WarcWriter
from preserve.adapters.warcfile import resume as cut_back
from preserve.flows import listing, recover
from preserve.formats import unchanged
from preserve.model.web import Capture, Outcome, Record, Requisite, Target, Verdict
from preserve.rules import record
from preserve.wiring import facts
from running import Run
from sites import AnyHostSite, Reply, text, wait_until
from unchangedruns import args, captures, image, lists, run_folder

PAGES = 20


def night(site: AnyHostSite) -> list[str]:
    for number in range(PAGES):
        body = f'<link rel="stylesheet" href="/{number % 4}.css"><img src="/{number}.png"><p>{number}</p>' + "<p>more</p>" * 200
        site.route(f"/{number}", text(body, media_type="text/html"))
        site.route(f"/{number}.png", image(f"{number}"))
        site.route(f"/{number % 4}.css", text(f"p {{ margin: {number % 4}em }}\n" * 100, media_type="text/css"))
    return [f"http://h{number % 4}.example/{number}" for number in range(PAGES)]


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_at_random_instants(workers: str, preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    seed = random.SystemRandom().getrandbits(32)
    draw = random.Random(seed)
    urls = night(site)
    (tmp_path / "urls").write_text("\n".join(urls))
    arguments = args(site, "--url-list", "urls", "--workers", workers)
    began = time.monotonic()
    done = preserve(*arguments)
    whole, needed = time.monotonic() - began, {line["url"] for line in captures(run_folder(done)) if "requisite_of" in line}
    kills = 0
    while kills < 15:
        for attempt in range(3):
            running = subprocess.Popen(
                [sys.executable, "-m", "preserve", *arguments, *(("--resume",) if attempt else ())],
                cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                running.communicate(timeout=draw.uniform(0.2, 1.2 * whole))
                break
            except subprocess.TimeoutExpired:
                kills += 1
                running.send_signal(signal.SIGKILL)
                running.communicate()
        done = preserve(*arguments, "--resume")
        assert done.code == 0, (seed, done.stderr)
        run = max((tmp_path / "archive" / "runs").iterdir())
        listed = Counter(answer.url for answers in lists(run).values() for answer in answers)
        kept = Counter(line["url"] for line in captures(run) if "requisite_of" in line)
        assert set(listed) == needed, seed
        assert not kept, (seed, kept)
        assert set(listed.values()) == {1}, (seed, listed)
        assert sum(line.get("unchanged", 0) for line in captures(run)) == len(listed)
    assert preserve("verify", "archive", "--thorough").code == 0, seed


def test_what_is_known_is_not_asked_again(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.route("/page", text('<img src="/one.png"><img src="/slow.png">' + "<p>more</p>" * 200, media_type="text/html"))
    site.route("/one.png", image("one"))
    site.route("/slow.png", image("slow"))
    arguments = args(site, "--url", "http://a.example/page", "--robots", "ignore")
    assert preserve(*arguments).code == 0
    site.take_served()
    killed_while_one_is_slow(site, tmp_path, arguments)
    done = preserve(*arguments, "--resume")
    assert done.code == 0, done.stderr
    assert Counter(one.target for one in site.take_served())["/one.png"] == 1
    (answers,) = lists(run_folder(done)).values()
    assert [answer.url.rpartition("/")[2] for answer in answers] == ["one.png", "slow.png"]
    assert done.lines[-1]["counts"]["requisites_listed"] == 2
    # And the next one, killed, is sealed as it was by whoever comes after it.
    killed_while_one_is_slow(site, tmp_path, arguments)
    done = preserve(*args(site, "--url", "http://a.example/one.png", "--robots", "ignore"))
    assert done.code == 0, done.stderr
    interrupted, newest = sorted((tmp_path / "archive" / "runs").iterdir())[-2:]
    (answers,) = lists(interrupted).values()
    assert [answer.url for answer in answers] == ["http://a.example/one.png"]
    assert lists(newest) == {}, "what is asked for by itself is never listed"
    assert preserve("verify", "archive", "--thorough").code == 0


def killed_while_one_is_slow(site: AnyHostSite, folder: Path, arguments: Sequence[str]) -> None:
    """A capture that is killed when one picture is in its journal, and the other never comes."""
    site.route("/slow.png", lambda _: Reply(pieces=[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]))
    running = subprocess.Popen([sys.executable, "-m", "preserve", *arguments], cwd=folder, stdout=subprocess.DEVNULL)
    journal = folder / "archive" / "journal" / "journal.sqlite"
    wait_until(lambda: journal.exists() and listed_in(journal) == 1, timeout=20)
    running.kill()
    running.wait()
    site.route("/slow.png", image("slow"))


def listed_in(journal: Path) -> int:
    """How many requisites are listed in the journal of a capture that goes on."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db,
    ):
        (count,) = db.execute("SELECT count(*) FROM targets WHERE state=3").fetchone()
        return int(count)
    return 0


# ----------------------------------------------------------------------------------------------- between writing and entering


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Room:
    """A journal with pages that have unchanged requisites, and WARC files beside it."""

    def __init__(self, folder: Path, pages: int, each: int) -> None:
        (folder / "data").mkdir()
        self.folder = folder
        self.journal = Journal(folder / "journal.sqlite")
        for number in range(pages):
            url = f"http://a.example/{number}"
            page = Target(
                id=self.journal.add_target(key=url, url=url, address=url, host="a.example"),
                url=url,
                address=url,
                host="a.example",
            )
            self.journal.finish(capture(page), ())
            named = [Requisite(f"{url}/{place}.png", "a.example") for place in range(each)]
            self.journal.need(page, named, 1000)
        for target in self.journal.take(pages * each):
            assert target.need is not None
            self.journal.finish(capture(target, listed=NOW - timedelta(days=1)), ())

    def store(self) -> WarcWriter:
        return WarcWriter(self.folder, "slug-000000-x", warcinfo=warcinfo)

    def recover(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder / "journal.sqlite")
        recover.recover(self.journal, Staged(self.folder), lambda warc, length: cut_back(self.folder / warc, length))

    def listed(self) -> Counter[str]:
        """Addresses in lists that are in the journal, as they lie in the files."""
        found: Counter[str] = Counter()
        for warc in self.journal.warcs():
            data = (self.folder / warc).read_bytes()
            for place in self.journal.records(warc):
                block = gzip.decompress(data[place.offset : place.offset + place.length]).partition(b"\r\n\r\n")[2]
                if place.type == "metadata":
                    found.update(answer.url for answer in unchanged.decode(block.removesuffix(b"\r\n\r\n")))
        return found


def capture(target: Target, listed: datetime | None = None) -> Capture:
    return Capture(
        target=target, outcome=Outcome.CAPTURED, reason="", final_url=target.url, requested_at=NOW, finished_at=NOW, status=200,
        verdict=Verdict.OK, payload_sha256="0" * 64, payload_size=2000, listed=listed,
    )  # fmt: skip


def warcinfo(name: str) -> Record:
    return record.warcinfo(name, at=NOW, software="preserve/0", new_id=facts.new_id)


class Stumbles:
    """A journal or a store that dies at its n-th call of one name, before or after it was done."""

    def __init__(self, real: Any, name: str, at: int, *, after: bool) -> None:
        self._real, self._name, self._left, self._after = real, name, at, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != self._name:
            return real
        self._left -= 1
        return real if self._left else (self._late(real) if self._after else self._early)

    def _early(self, *_: Any) -> Any:
        raise Killed

    def _late(self, real: Any) -> Any:
        if asyncio.iscoroutinefunction(real):

            async def does(*given: Any) -> Any:
                await real(*given)
                raise Killed

            return does

        def does_now(*given: Any) -> Any:
            real(*given)
            raise Killed

        return does_now


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("who", "step", "at"),
    [
        ("store", "append", 1),
        ("store", "append", 2),
        ("journal", "list_unchanged", 1),
        ("journal", "list_unchanged", 2),
        ("journal", "sync", 1),
    ],
)
def test_a_kill_between_writing_and_entering(who: str, step: str, at: int, after: bool, tmp_path: Path) -> None:
    room = Room(tmp_path, pages=30, each=100)  # more than are written in one go
    store, journal = room.store(), room.journal
    with contextlib.closing(store), pytest.raises(Killed):
        asyncio.run(
            listing.write(
                Stumbles(journal, step, at, after=after) if who == "journal" else journal,
                Stumbles(store, step, at, after=after) if who == "store" else store,
                SystemClock(),
                facts.new_id,
            )
        )
    room.recover()
    with contextlib.closing(room.store()) as store:
        asyncio.run(listing.write(room.journal, store, SystemClock(), facts.new_id))
    assert room.listed() == Counter(f"http://a.example/{page}/{place}.png" for page in range(30) for place in range(100))
    assert room.journal.unlisted(1) == ()
    pages = list(room.journal.captures())
    assert [one.unchanged for one in pages] == [100] * 30
    assert [len(one.records) for one in pages] == [1] * 30
    room.journal.close()


def test_a_list_that_the_disk_lost_is_written_again(tmp_path: Path) -> None:
    room = Room(tmp_path, pages=2, each=3)
    with contextlib.closing(room.store()) as store:
        asyncio.run(listing.write(room.journal, store, SystemClock(), facts.new_id))
    (warc,) = room.journal.warcs()
    path = tmp_path / warc
    path.write_bytes(path.read_bytes()[:-10])
    room.recover()
    assert [one.url for one in room.journal.unlisted(5)] == ["http://a.example/1"]
    assert not room.journal.waiting, "the page itself is not asked again"
    room.journal.close()

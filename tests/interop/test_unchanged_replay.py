"""A bundle of runs in which little changed, with revisits or with lists of unchanged requisites, in others' players: at each time the bytes of that time.

`make replay-assets` fetches the players.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from browsing import PYWB, Browser, ReplayWebPage, pywb
from running import run_preserve
from sites import AnyHostSite, chunked, text, wait_until

pytestmark = pytest.mark.long

PAGE = "<!doctype html><link rel=stylesheet href=/s.css><link rel=stylesheet href=/framed.css><p>berths</p>"
PAGES = ("page", "other")
MARGINS = (1, 1, 2, 2, 1)
"""What the sheet says each night. It changes right after a night in which it was only listed: there the nearest capture is the wrong one."""
SHEETS = [f"p {{ margin-top: {margin * 10}px }}\n" * 100 for margin in MARGINS]


def seconds_later(seconds: int) -> None:
    """An index tells times apart by the second."""
    end = int(time.time()) + seconds
    wait_until(lambda: time.time() >= end, timeout=10)


def asked_at(lines: str) -> str:
    """When the first page of a run was asked for. ReplayWeb.page takes the first capture at or after a time: a second later, and it is the next night's."""
    first = min(line["requested_at"] for line in map(json.loads, lines.splitlines()) if "requisite_of" not in line)
    return "".join(char for char in first if char.isdigit())[:14]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Five nights of two pages that share their sheets; bundles of all, of a night in which the sheets were as before, and of each page."""

    moments: tuple[str, ...]
    every: Path
    second: Path
    chosen: tuple[Path, ...]
    """Of one of these pages the lists do not go along, for they are the other's."""


@pytest.fixture(scope="module", params=["revisits", "listed"])
def nights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    lists = request.param == "listed"
    folder = tmp_path_factory.mktemp("nights")
    env = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    with AnyHostSite() as site:
        options = (
            "--connect-to",
            site.connect_to,
            "--delay",
            "0",
            "--robots",
            "ignore",
            "--no-timestamp",
            *(["--list-unchanged"] if lists else []),
        )
        for sheet, pause in zip(SHEETS, (0, 6, 2, 2, 2), strict=True):
            seconds_later(pause)
            for name in PAGES:
                site.route(f"/{name}", text(PAGE, media_type="text/html"))
            site.route("/s.css", text(sheet, media_type="text/css"))
            site.route(
                "/framed.css", chunked(sheet[:500].encode(), sheet[500:].encode(), fields=[("Content-Type", "text/css")])
            )
            done = run_preserve(
                folder,
                "capture",
                *options,
                *(part for name in PAGES for part in ("--url", f"http://a.example/{name}")),
                env=env,
            )
            assert done.code == 0, done.stderr
    kept = [path.read_text() for path in sorted(folder.glob("archive/runs/*/data/captures.jsonl"))]
    listed = ['"unchanged":2' in lines for lines in kept]
    assert listed == [False, lists, False, lists, lists]
    chosen = [(f"{name}.wacz", ("--url", f"http://a.example/{name}")) for name in PAGES]
    for name, more in (("every.wacz", ()), ("second.wacz", ("--run", "1")), *chosen):
        assert run_preserve(folder, "bundle", "archive", "-o", name, *more, env=env).code == 0
        assert run_preserve(folder, "verify", name, env=env).code == 0
    return Nights(
        moments=tuple(map(asked_at, kept)),
        every=folder / "every.wacz",
        second=folder / "second.wacz",
        chosen=tuple(folder / name for name, _ in chosen),
    )


@pytest.mark.skipif(not (PYWB / "wayback").exists(), reason="pywb is not here: make replay-assets fetches it")
def test_each_night_has_its_own_sheet_in_pywb(nights: Nights, tmp_path: Path) -> None:
    for bundle in (nights.every, *nights.chosen):
        (tmp_path / bundle.stem).mkdir()
        with pywb(tmp_path / bundle.stem, bundle) as address:
            for moment, sheet in zip(nights.moments, SHEETS, strict=True):
                for name in ("s.css", "framed.css"):
                    with urllib.request.urlopen(f"{address}/{moment}id_/http://a.example/{name}", timeout=20) as answer:
                        assert answer.read() == sheet.encode(), (bundle.name, name, moment)


def shows(player: ReplayWebPage, margin: int) -> bool:
    return bool(player.ask(_MARGIN) == f"{margin * 10}px")


_MARGIN = "shown.getComputedStyle(shown.document.querySelector('p')).marginTop"


def test_each_night_has_its_own_sheet_in_replaywebpage(nights: Nights, browser: Browser, tmp_path: Path) -> None:
    for bundle, page in zip((nights.every, *nights.chosen), ("page", *PAGES), strict=True):
        with ReplayWebPage(browser, tmp_path, bundle) as player:
            for moment, margin in zip(nights.moments, MARGINS, strict=True):
                player.show(f"http://a.example/{page}", moment)
                wait_until(partial(shows, player, margin), timeout=20)


def test_a_night_by_itself_has_the_sheet_of_an_earlier_run(nights: Nights, browser: Browser, tmp_path: Path) -> None:
    with ReplayWebPage(browser, tmp_path, nights.second) as player:
        player.show("http://a.example/page")
        wait_until(partial(shows, player, 1), timeout=20)

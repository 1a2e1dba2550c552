"""Bundles of nights whose originals were removed, in others' players: what is not there any more is said, and no other night is shown in its place.

`make replay-assets` fetches the players, and py-wacz.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from browsing import PY_WACZ, PYWB, Browser, ReplayWebPage, pywb
from bundles import unpack
from running import Finished, run_preserve
from sites import AnyHostSite, text, wait_until

pytestmark = pytest.mark.long

NIGHTS = (1, 1, 2, 1)
"""What the page and its sheet say: after two nights alike another, then what was first once more."""
HOST = "http://a.example"


def page(night: int) -> str:
    long = f"<p>berth list {night}</p>" * 80
    return f"<!doctype html><title>Berths</title><link rel=stylesheet href=/s.css><p id=p>list of night {night}</p>{long}"


def sheet(night: int) -> str:
    return f"p {{ margin-top: {night * 10}px }}\n" * 100


def seconds_later(seconds: int) -> None:
    """An index tells times apart by the second."""
    end = int(time.time()) + seconds
    wait_until(lambda: time.time() >= end, timeout=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    folder: Path
    env: dict[str, str]
    moments: tuple[str, ...]

    def run(self, *arguments: str) -> Finished:
        return run_preserve(self.folder, *arguments, env=self.env)


BUNDLES = {
    "every": (),
    "two": ("--run", "1", "--run", "2"),
    "chosen": ("--url", f"{HOST}/page"),
}
"""What of the four nights is handed over."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Nights]:
    """Four nights of one page, its sheet kept as revisits and in lists; of the first night both were removed."""
    return {kind: make(tmp_path_factory.mktemp(kind), kind) for kind in ("revisits", "listed")}


def make(folder: Path, kind: str) -> Nights:
    env = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    options = ["--delay", "0", "--robots", "ignore", "--no-probe", "--no-timestamp", "--json"]
    options += ["--list-unchanged"] if kind == "listed" else []
    moments = []
    with AnyHostSite() as site:
        for night, pause in zip(NIGHTS, (0, 6, 2, 2), strict=True):
            seconds_later(pause)
            site.route("/page", text(page(night), media_type="text/html"))
            site.route("/s.css", text(sheet(night), media_type="text/css"))
            given = ("--connect-to", site.connect_to, "--url", f"{HOST}/page")
            done = run_preserve(folder, "capture", *options, *given, env=env)
            assert done.code == 0, done.stderr
            rows = Path(done.lines[-1]["manifest"]).parent.joinpath("data", "captures.jsonl").read_text().splitlines()
            asked = next(line["requested_at"] for line in map(json.loads, rows) if "requisite_of" not in line)
            moments.append("".join(char for char in asked if char.isdigit())[:14])
    found = Nights(folder=folder, env=env, moments=tuple(moments))
    for url in ("page", "s.css"):
        why = ("--run", "0", "--reason", "she asked for it", "--by", "the officer", "--no-timestamp", "--yes")
        done = found.run("redact", "archive", "--url", f"{HOST}/{url}", *why)
        assert done.code == 0, done.stderr
    for name, more in BUNDLES.items():
        done = found.run("bundle", "archive", "-o", f"{name}.wacz", *more)
        assert done.code == 0, done.stderr
        assert f"{HOST}/page  (as an earlier capture, which was removed)" in done.stderr
    return found


@pytest.fixture(params=["revisits", "listed"])
def nights(request: pytest.FixtureRequest, kept: dict[str, Nights]) -> Nights:
    return kept[request.param]


@pytest.fixture(params=BUNDLES)
def made(request: pytest.FixtureRequest, nights: Nights) -> Path:
    return nights.folder / f"{request.param}.wacz"


def test_the_bundle_verifies_and_names_the_removal(nights: Nights, made: Path) -> None:
    checked = nights.run("verify", made.name, "--json")
    assert checked.code == 41, checked.stdout
    assert not [line for line in checked.lines if line.get("result") == "fail"], checked.stdout
    told = [line["detail"] for line in checked.lines if "detail" in line]
    assert any("removed by" in detail and "she asked for it" in detail for detail in told)
    assert any("/page at " in detail and "cannot be replayed: it was as an earlier capture" in detail for detail in told)


def test_its_pages_name_what_is_not_there(nights: Nights, made: Path) -> None:
    rows = [json.loads(row) for row in dict(unpack(made))["pages/pages.jsonl"].splitlines()[1:]]
    shown = {"".join(char for char in row["ts"] if char.isdigit())[:14]: row["title"] for row in rows}
    assert {moment: title.endswith("(removed: nothing to replay)") for moment, title in shown.items()} == {
        moment: night == 1 for moment, night in zip(nights.moments, NIGHTS, strict=True) if moment in shown
    }
    assert nights.moments[1] in shown


def test_py_wacz_finds_it_valid(made: Path) -> None:
    if not (PY_WACZ / "wacz").exists():
        pytest.skip("py-wacz is not here: make replay-assets fetches it")
    done = subprocess.run([PY_WACZ / "wacz", "validate", "-f", made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expected(nights: Nights, made: Path) -> dict[str, int | None]:
    """By moment: which list a player may show, None for none."""
    here = range(len(NIGHTS)) if made.stem != "two" else (1, 2)
    return {nights.moments[night]: 2 if NIGHTS[night] == 2 else None for night in here}


@pytest.mark.skipif(not (PYWB / "wayback").exists(), reason="pywb is not here: make replay-assets fetches it")
def test_pywb_shows_no_other_night(nights: Nights, made: Path, tmp_path: Path) -> None:
    with pywb(tmp_path, made) as address:
        for moment, list_ in expected(nights, made).items():
            for name, true in (("page", page), ("s.css", sheet)):
                with urllib.request.urlopen(f"{address}/{moment}id_/{HOST}/{name}", timeout=20) as answer:
                    body = answer.read().decode()
                if list_ is not None:
                    assert body == true(list_), (name, moment)
                else:
                    assert "removed from the archive" in body, (name, moment, body[:200])


def test_replaywebpage_shows_no_other_night(nights: Nights, made: Path, browser: Browser, tmp_path: Path) -> None:
    with ReplayWebPage(browser, tmp_path, made) as player:
        for moment, list_ in expected(nights, made).items():
            player.show(f"{HOST}/page", moment)
            said = "list of night 2" if list_ else "removed from the archive"
            wait_until(partial(shows, player, said), timeout=20)
            if list_:
                wait_until(lambda: player.ask(_MARGIN) == "20px", timeout=20)


def shows(player: ReplayWebPage, said: str) -> bool:
    return said in str(player.ask("shown.document.body.textContent"))


_MARGIN = "shown.getComputedStyle(shown.document.querySelector('p')).marginTop"

"""Photograph the pages of `preserve view` for docs/guide/viewing.md: three runs of `preserve demo`, looked at in headless Chromium.

    .venv/bin/python tools/pictures.py [NAME...]

Writes docs/images/NAME.png, all of them when none is named. The picture of a replay is not among them: it needs a player's files.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browsing import Browser, RefusingProxy  # noqa: E402 -- found by the line above
from sites import wait_until  # noqa: E402
from viewing import Viewing  # noqa: E402

PICTURES = {
    "view": ("", 1100, 820, False),
    "view-check": ("check", 1100, 820, False),
    "view-search-dark": ("search?q=ferry", 1100, 820, True),
    "view-phone": ("search?q=ferry", 390, 844, False),
}
"""By name: the page, how wide and how high the window is, and whether it is dark."""


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        env = {"HOME": scratch, "XDG_CONFIG_HOME": f"{scratch}/config", "XDG_STATE_HOME": f"{scratch}/state"}
        for _ in range(3):
            subprocess.run([sys.executable, "-m", "preserve", "demo"], cwd=home, env=env, check=True, capture_output=True)
        (home / "profile").mkdir()
        with (
            RefusingProxy() as proxy,
            Browser(home / "profile", proxy.port) as browser,
            Viewing(home, env, "demo-archive") as viewing,
        ):
            for name in names or PICTURES:
                page, width, height, dark = PICTURES[name]
                browser.looks(width, height, dark=dark)
                address = viewing.address + page
                checked = "location.href + document.readyState + !document.querySelector('#checking')"
                while browser.run(checked) != f"{address}completetrue":
                    browser.go(address)
                    wait_until(lambda at=address: browser.run("location.href + document.readyState") == f"{at}complete")
                browser.screenshot(ROOT / "docs" / "images" / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])

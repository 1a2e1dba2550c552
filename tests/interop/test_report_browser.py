"""A report in a real browser, opened from the disk: its style and its filter work, nothing is asked of anyone, nothing hostile runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Browser, RefusingProxy, chromium
from running import run_preserve
from sites import AnyHostSite, raw, wait_until

pytestmark = pytest.mark.long

HOSTILE = '"><script>window.hurt = 1</script><img src="http://leak.example/x" onerror="window.hurt = 1">'
WATCH = """
window.problems = [];
addEventListener("error", (event) => problems.push(String(event.message || event.target.outerHTML)), true);
addEventListener("securitypolicyviolation", (event) => problems.push(event.violatedDirective + " " + event.blockedURI));
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on citations whose every field is hostile, and on plain ones."""
    folder = tmp_path_factory.mktemp("reported")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    rows = [
        {"url": f"http://page-{number}.example/", "note": str(number), "text": f"Note {number}, http://page-{number}.example/"}
        for number in range(6)
    ]
    rows += [
        {"url": f"http://page-0.example/?{HOSTILE}".replace(" ", "%20"), "note": HOSTILE, "text": HOSTILE, "title": HOSTILE},
        {"url": "javascript:window.hurt=1", "note": "j", "text": "javascript:window.hurt=1 \u202egnp.exe"},
    ]
    (folder / "plan.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with AnyHostSite() as site:
        site.otherwise(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Odd: " + HOSTILE.encode() + b"\r\n\r\nA page."))
        done = run_preserve(folder, "capture", "plan.jsonl", "--delay", "0", "--connect-to", site.connect_to, env=env)
        assert done.code in {0, 10}, done.stderr
    assert run_preserve(folder, "report", "archive", "-o", "out", "--certificate", "--changes", env=env).code == 0
    return folder / "out"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, proxy: RefusingProxy) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("there is no chromium on this machine")
    with Browser(tmp_path_factory.mktemp("profile"), proxy.port) as running:
        running._call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield running


def opened(browser: Browser, page: Path) -> None:
    browser.go(page.as_uri())
    wait_until(
        lambda: browser.run("location.href") == page.as_uri() and browser.run("document.readyState") == "complete", timeout=20
    )


def test_every_page_opens_from_the_disk_and_asks_nobody(report: Path, browser: Browser, proxy: RefusingProxy) -> None:
    pages = sorted(report.rglob("*.html"))
    assert len(pages) >= 9
    for page in pages:
        opened(browser, page)
        assert browser.run("problems") == [], page
        assert browser.run("window.hurt") is None, page
        assert browser.run("getComputedStyle(document.body).maxWidth") == "1216px", "the style sheet is there"
        assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1"), page
    assert not [asked for asked in proxy.asked if ".example" in asked]


def test_filters_show_what_was_chosen(report: Path, browser: Browser) -> None:
    opened(browser, report / "index.html")
    shown = "[...document.querySelectorAll('tr.row')].filter(row => row.offsetHeight).length"
    everything = browser.run(shown)
    assert everything == 8

    def choose(name: str, value: str) -> int:
        browser.run(
            f"(() => {{ const field = document.getElementById('filters').elements.{name};"
            f" field.value = {json.dumps(value)}; field.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
        )
        found = browser.run(shown)
        assert isinstance(found, int)
        return found

    assert choose("text", "page-3") == 1
    assert browser.run("document.getElementById('shown').textContent") == "1 of 8 shown"
    assert choose("text", "") == everything
    assert choose("state", "not-captured") == 1
    assert choose("state", "") == everything


def test_without_scripts_nothing_is_lost(report: Path, browser: Browser) -> None:
    browser._call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(browser, report / "index.html")
        assert browser.run("[...document.querySelectorAll('tr.row')].filter(row => row.offsetHeight).length") == 8
        assert browser.run("document.getElementById('filters').offsetHeight") == 0
    finally:
        browser._call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_a_phone(report: Path, browser: Browser, width: int) -> None:
    browser._call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
    for page in ("index.html", "certificate.html", "notes/0001.html", "captures/000000/0000/0000000.html"):
        opened(browser, report / page)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1"), page

"""`preserve view` in a real browser: what a reader does with it, and what a captured page cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import INNERMOST, PLAYER, Browser, RefusingProxy, chromium
from running import run_preserve
from sites import AnyHostSite, not_found, redirect, text, wait_until
from viewing import Outside, Viewing

pytestmark = pytest.mark.long

TITLE = '</title><script>document.title="obeyed"</script><img src=x onerror="document.title=1">'
DOCUMENT = f"""\
The bridge was built twice.1 Nobody knows why.2

1 Ada Lund, "The first bridge" (2 May 2019), online: <http://one.example/bridge>.
2 Bo Lund, "{TITLE}" (2020), online: <http://two.example/plans>.
"""
BRIDGE = """<!doctype html><title>bridge</title><link rel=stylesheet href=/style.css><h1>The bridge</h1><p>{more}</p>
<script src=/script.js></script>"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with an archive of two runs, and the user whose it is."""
    folder = tmp_path_factory.mktemp("made")
    env = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    (folder / "bridge.txt").write_text(DOCUMENT)
    with AnyHostSite() as site:
        site.otherwise(not_found)
        site.route("/style.css", text("h1 { color: rgb(1, 2, 3) }", media_type="text/css"))
        site.route("/script.js", text("document.querySelector('p').id = 'ran'", media_type="text/javascript"))
        site.route("/bridge", text(BRIDGE.format(more="It was built once."), media_type="text/html"))
        site.route("/plans", redirect("/bridge", "301 Moved Permanently"))
        options = ("--delay", "0", "--connect-to", site.connect_to)
        assert run_preserve(folder, "capture", "bridge.txt", *options, env=env).code in {0, 10}
        site.route("/bridge", text(BRIDGE.format(more="It was built twice."), media_type="text/html"))
        assert run_preserve(folder, "capture", "bridge.txt", *options, env=env).code in {0, 10}
    return folder, env


@pytest.fixture
def browser(tmp_path: Path, proxy: RefusingProxy) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("there is no chromium on this machine")
    with Browser(tmp_path / "profile", proxy.port) as running:
        running.listen()
        yield running


@pytest.fixture
def viewing(made: tuple[Path, dict[str, str]]) -> Iterator[Viewing]:
    with Viewing(*made, "archive") as running:
        yield running


@pytest.fixture
def playing(made: tuple[Path, dict[str, str]]) -> Iterator[Viewing]:
    if not (PLAYER / "sw.js").is_file():
        pytest.skip("ReplayWeb.page is not here: make replay-assets fetches it")
    with Viewing(*made, "archive", "--replay-assets", PLAYER) as running:
        yield running


def complaints(browser: Browser) -> list[str]:
    """What the browser found to complain of, the tab's icon apart, which no page of ours has."""
    browser.run("1")
    told = [event["params"] for event in browser.events if event["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]
    return [json.dumps(one) for one in told if "favicon.ico" not in json.dumps(one)]


def opened(browser: Browser, address: str) -> None:
    browser.go(address)
    wait_until(lambda: browser.run("location.href + document.readyState") == f"{address}complete", timeout=20)


def test_a_reader_goes_through_the_pages(viewing: Viewing, browser: Browser, proxy: RefusingProxy) -> None:
    opened(browser, viewing.address)
    assert browser.run("document.querySelector('.verdict h2').textContent").startswith("Unaltered")
    assert browser.run("document.querySelectorAll('tr.row').length") == 2
    for path in ("search", "check", "events", "certificate.html", "notes/0001.html", "captures/000001/0000/0000000.html"):
        opened(browser, viewing.address + path)
        assert browser.run("document.title"), path
    opened(browser, viewing.address + "captures/000001/0000/0000000.html")
    wait_until(
        lambda: browser.run("document.querySelector('#steps tr.text strong')?.textContent.startsWith('text:')"), timeout=20
    )
    assert browser.run("document.querySelectorAll('svg.timeline .change.text').length") == 1, "the line of time tells it, too"
    assert browser.run("document.querySelector('#steps').dataset.from") is None, "nothing is left to compare"
    browser.run("[...document.links].find(link => link.textContent.startsWith('Compare it with')).click()")
    wait_until(lambda: browser.run("document.querySelector('h1')?.textContent.startsWith('text:')"), timeout=20)
    assert "twice" in browser.run("document.querySelector('ins').textContent")

    opened(browser, viewing.address)
    browser.key("/")
    assert browser.run("document.activeElement.type") == "search"
    browser.run("document.activeElement.value = 'PLANS'; document.activeElement.form.requestSubmit()")
    wait_until(lambda: browser.run("document.querySelectorAll('tr.row').length") == 1, timeout=20)
    assert "two.example/plans" in browser.run("document.querySelector('tr.row').textContent")
    assert browser.run("document.title") == "Search"

    opened(browser, viewing.address + "check")
    browser.run("document.querySelector('form[method=post]').requestSubmit()")
    wait_until(lambda: browser.run("document.querySelector('h1').textContent") == "Checked", timeout=20)

    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    assert asked
    assert not [url for url in asked if not url.startswith(viewing.address) and "favicon.ico" not in url]
    assert not [name for name in proxy.asked if ".example" in name], "a page asked the live web"
    assert complaints(browser) == []


def test_changes_are_told_without_scripts(viewing: Viewing, browser: Browser) -> None:
    browser._call("Emulation.setScriptExecutionDisabled", value=True)
    opened(browser, viewing.address + "captures/000001/0000/0000000.html")
    assert "Not compared yet" in browser.run("document.getElementById('steps').textContent")
    browser.run("document.querySelector('#steps a[href$=\"-changes.html\"]').click()")
    wait_until(lambda: browser.run("document.querySelector('#steps tr.text')?.textContent.includes('text:')"), timeout=20)
    for width in (320, 1280):
        browser.looks(width, 800)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1")
    assert complaints(browser) == []


def test_what_was_captured_is_replayed(playing: Viewing, browser: Browser, proxy: RefusingProxy) -> None:
    for path, words in (
        ("replay/0-0", "It was built once."),
        ("replay/1-0", "It was built twice."),
        ("replay/1-1", "It was built twice."),
    ):
        shown = replayed(playing, browser, path)
        assert browser.run(f"{shown}.document.querySelector('p').textContent", browser.frame("/play")) == words
        assert browser.run(f"{shown}.document.querySelector('p').id", browser.frame("/play")) == "ran", "scripts do not run"
        color = f"{shown}.getComputedStyle({shown}.document.querySelector('h1')).color"
        assert browser.run(color, browser.frame("/play")) == "rgb(1, 2, 3)"
    assert not [name for name in proxy.asked if ".example" in name], "a replayed page asked the live web"


PEER = """
  const bare = document.createElement('iframe');
  Node.prototype.appendChild.call(SHOWN.document.body, bare);
  const peer = new bare.contentWindow.RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:PORT' }] });
  peer.createDataChannel('x');
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
"""


def replayed(playing: Viewing, browser: Browser, path: str) -> str:
    """Open a replay, wait for it, and give the script for the window of the replayed page."""

    def there() -> Any:
        try:
            return browser.run(f"{INNERMOST}?.document.querySelector('p')?.id === 'ran'", browser.frame("/play"))
        except StopIteration:
            return False

    opened(browser, playing.address + path)
    wait_until(there, timeout=40)
    return INNERMOST


ATTACKS = """void (async () => {
  const shown = SHOWN, outside = 'http://127.0.0.1:PORT', view = 'VIEW';
  // A frame that the archived page makes for itself: its functions are the browser's own, not the player's.
  const bare = document.createElement('iframe');
  Node.prototype.appendChild.call(shown.document.body, bare);
  const realm = bare.contentWindow, said = window.said = {};
  const attempt = async (name, act) => {
    try { said[name] = String(await Promise.race([act(), new Promise((go) => setTimeout(go, 1500, 'silence'))])); }
    catch (problem) { said[name] = 'refused: ' + problem.name; }
  };
  const put = (tag, fields, into = realm.document.documentElement) => {
    const made = realm.document.createElement(tag);
    Object.assign(made, fields);
    into.appendChild(made);
    return new Promise((go) => { made.onload = () => go('loaded'); made.onerror = () => go('refused'); });
  };
  said.native = realm.fetch.toString().includes('native code');
  await attempt('fetch view', () => realm.fetch(view).then((answer) => answer.status));
  await attempt('fetch view blindly', () => realm.fetch(view, { mode: 'no-cors' }).then((answer) => answer.type));
  await attempt('fetch outside', () => realm.fetch(outside + '/fetch', { mode: 'no-cors' }).then((answer) => answer.type));
  await attempt('start a check', () => realm.fetch(view + 'check', { method: 'POST', mode: 'no-cors' }).then((answer) => answer.type));
  await attempt('xhr', () => new Promise((go, no) => {
    const asked = new realm.XMLHttpRequest();
    asked.onload = () => go('loaded'); asked.onerror = () => no(new Error());
    asked.open('GET', outside + '/xhr'); asked.send();
  }));
  await attempt('websocket', () => new Promise((go, no) => {
    const socket = new realm.WebSocket(outside.replace('http', 'ws'));
    socket.onopen = () => go('open'); socket.onerror = () => no(new Error());
  }));
  await attempt('beacon', () => realm.navigator.sendBeacon(outside + '/beacon', 'x') && 'taken');
  await attempt('image', () => put('img', { src: outside + '/image' }));
  await attempt('script', () => put('script', { src: outside + '/script' }));
  await attempt('style', () => put('link', { rel: 'stylesheet', href: outside + '/style' }));
  await attempt('frame outside', () => put('iframe', { src: outside + '/frame' }));
  await attempt('frame of the view', () => put('iframe', { src: view }));
  for (const rel of ['preconnect', 'dns-prefetch', 'prefetch', 'preload', 'modulepreload'])
    await attempt(rel, () => { put('link', { rel, href: outside + '/' + rel, as: 'script' }); return 'asked'; });
  await attempt('form', () => {
    const form = realm.document.createElement('form');
    form.action = outside + '/form'; realm.document.documentElement.appendChild(form); form.submit(); return 'sent';
  });
  await attempt('popup', () => realm.open(outside + '/popup') === null ? 'refused: null' : 'open');
  await attempt('opener', () => shown.opener === null && realm.top.opener === null ? 'refused: null' : 'there');
  await attempt('page above', () => realm.top.document.title);
  await attempt('address above', () => realm.top.location.href);
  await attempt('lead the page above away', () => { realm.top.location.href = outside + '/top'; return 'led'; });
  const own = realm.parent.location.href.split('/replay/')[0];
  await attempt('worker over all', () => navigator.serviceWorker.register(own + '/replay/sw.js', { scope: '/' }).then(() => 'made'));
  await attempt('worker of its own', () => navigator.serviceWorker.register(shown.location.href, { scope: own + '/x/' }).then(() => 'made'));
  await attempt('without frame', () => realm.fetch(own + '/../').then((answer) => answer.status));
  said.finished = 'yes';
})()"""


def test_a_captured_page_reaches_nothing(playing: Viewing, browser: Browser, proxy: RefusingProxy) -> None:
    with Outside() as outside:
        shown = replayed(playing, browser, "replay/1-0")
        frame = browser.frame("/play")
        script = ATTACKS.replace("SHOWN", shown).replace("PORT", str(outside.port)).replace("VIEW", playing.address)
        browser.run(script, frame)
        wait_until(lambda: browser.run("window.said.finished", frame) == "yes", timeout=40)
        said = browser.run("window.said", frame)
        del said["finished"]
        assert said.pop("native"), "the attacks went through the player's wrappers"
        assert said.pop("without frame") in {"404", "403"}
        silent = {"preconnect", "dns-prefetch", "prefetch", "preload", "modulepreload", "form"}
        silent |= {"beacon", "frame outside", "frame of the view"}  # the browser does not say that it refused
        through = {name: answer for name, answer in said.items() if name not in silent and not answer.startswith("refused")}
        assert through == {}
        assert browser.run("location.href") == playing.address + "replay/1-0", "the page above was led away"
        # What may be the end of the frame: leading it away, which the policy of the page around it stops, and WebRTC.
        away = f"location.href = 'http://127.0.0.1:{outside.port}/away'"
        for last in (away, f"{shown}.{away}", PEER.replace("SHOWN", shown).replace("PORT", str(outside.port))):
            replayed(playing, browser, "replay/1-0")
            browser.run(f"void setTimeout(() => {{ {last} }}, 50)", browser.frame("/play"))
            browser.run("new Promise(go => setTimeout(go, 1500))")
        assert outside.heard == []
        assert browser.run("location.href") == playing.address + "replay/1-0"
        assert not [name for name in proxy.asked if "127.0.0.1" in name]


def test_a_replayed_page_does_not_run_outside_its_frame(playing: Viewing, browser: Browser) -> None:
    replayed(playing, browser, "replay/1-0")
    alone = browser.run(f"{INNERMOST}.location.href", browser.frame("/play"))
    browser.go(alone)
    wait_until(lambda: browser.run("location.href") in {alone, "chrome-error://chromewebdata/"}, timeout=20)
    assert browser.run("document.querySelector('#ran') === null")
    assert "It was built" not in browser.run("document.documentElement.outerHTML")

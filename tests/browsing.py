"""Others' players, run for real: headless Chromium with ReplayWeb.page, and pywb; each on loopback, each with no way out.

Chromium is driven over its own debugging pipe (Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/), so
that nothing but the browser is needed. All its traffic but that to this process goes to a proxy that refuses everything and
remembers what it was asked for: a page that replays has not leaked to a live site.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from running import ROOT
from sites import wait_until

ASSETS = Path(os.environ.get("REPLAY_ASSETS", ROOT / ".venv" / "replay"))
"""Where `make replay-assets` puts ReplayWeb.page, pywb and py-wacz, which are no part of this project and never shipped with it."""
PLAYER = ASSETS / "replaywebpage"
PYWB = ASSETS / "pywb" / "bin"
PY_WACZ = ASSETS / "py-wacz" / "bin"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1100,800",
    "--remote-debugging-pipe",
)
_ON_3_AND_4 = """
import fcntl, os, sys
from_us, to_us = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1:3])
os.dup2(from_us, 3)
os.dup2(to_us, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""The browser reads its commands on descriptor 3 and answers on 4."""


def chromium() -> str | None:
    """The browser's program, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class RefusingProxy:
    """A proxy that refuses; `asked` is what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def refuse(self) -> None:
                asked.append(self.path)
                self.send_error(403)

            do_GET = do_POST = do_CONNECT = do_HEAD = refuse  # noqa: N815 -- the names that http.server calls

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Shelf:
    """Files served on loopback with byte ranges, as a player wants them."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(body=True)

            def do_HEAD(self) -> None:
                self._send(body=False)

            def _send(self, *, body: bool) -> None:
                path = files.get(self.path.split("?")[0])
                if path is None:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.send_header("Connection", "close")
                    self.end_headers()
                    return
                size = path.stat().st_size
                start, end = 0, size - 1
                asked = self.headers.get("Range", "")
                if asked.startswith("bytes="):
                    first, _, last = asked.removeprefix("bytes=").partition("-")
                    start, end = (
                        (int(first), min(int(last or size), size - 1)) if first else (max(0, size - int(last)), size - 1)
                    )
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
                else:
                    self.send_response(200)
                kind = {".html": "text/html", ".js": "text/javascript"}.get(path.suffix, "application/octet-stream")
                self.send_header("Content-Type", kind)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(end - start + 1))
                self.send_header("Connection", "close")  # or a browser asks this one still, when the next has the same port
                self.end_headers()
                if body:
                    with path.open("rb") as file:
                        file.seek(start)
                        self.wfile.write(file.read(end - start + 1))

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


_LEFT = ("Inspected target navigated or closed", "Execution context was destroyed.", "Cannot find default execution context")
"""What Chromium answers when the page in which it evaluates goes away before there is a value."""


class _PageLeft(AssertionError):
    """The browser went on to another page during a call. A fault of the test everywhere but in `run`."""


class Browser:
    """One Chromium with a fresh profile and one page. `run` evaluates JavaScript in it."""

    def __init__(self, profile: Path, proxy: int) -> None:
        program = chromium()
        assert program is not None, "there is no browser"
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = [sys.executable, "-c", _ON_3_AND_4, str(theirs_in), str(theirs_out), program, *_FLAGS]
        command += [f"--user-data-dir={profile}", f"--proxy-server=127.0.0.1:{proxy}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        """What the browser told unasked, since the beginning."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)

    def go(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def forget(self, origin: str) -> None:
        """Leave the page, and drop an origin's service workers and stores: another server may get the same port."""
        self.go("about:blank")
        self._call("Storage.clearDataForOrigin", origin=origin, storageTypes="all")

    def run(self, script: str, session: str | None = None) -> Any:
        """The value of an expression in the page, or in the frame that `frame` gave; None when it throws, or when its page is left for another meanwhile."""
        try:
            done = self._call("Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True)
        except _PageLeft:
            return None
        return None if "exceptionDetails" in done else done["result"].get("value")

    def listen(self) -> None:
        """From now on be told of what pages log, ask for, and of frames of other origins."""
        for method in ("Log.enable", "Runtime.enable", "Network.enable"):
            self._call(method)
        self._call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)

    def frame(self, part: str) -> str:
        """The newest frame of another origin whose address holds `part`; `listen` first."""
        self._call("Runtime.enable")
        told = [event["params"] for event in self.events if event["method"] == "Target.attachedToTarget"]
        gone = {event["params"]["sessionId"] for event in self.events if event["method"] == "Target.detachedFromTarget"}
        gone |= {event["sessionId"] for event in self.events if event["method"] == "Inspector.targetCrashed"}
        frames = [one["sessionId"] for one in told if one["targetInfo"]["type"] == "iframe" and one["sessionId"] not in gone]
        return str(next(session for session in reversed(frames) if part in str(self.run("location.href", session))))

    def key(self, text: str) -> None:
        """Press a key that writes this."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, text=text if kind == "keyDown" else "", key=text)

    def looks(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window, and the scheme."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session or hasattr(self, "_session"):
            message["sessionId"] = session or self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                assert select.select([self._in], [], [], 60)[0], f"the browser does not answer: {method}"
                piece = os.read(self._in, 1 << 16)
                assert piece, "the browser has ended"
                self._buffer += piece
            raw, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(raw)
            if answer.get("id") == self._number:
                if answer.get("error", {}).get("message") in _LEFT:
                    raise _PageLeft(answer)
                assert "error" not in answer, answer
                found = answer["result"]
                assert isinstance(found, dict)
                return found
            if "method" in answer:
                self.events.append(answer)


# ------------------------------------------------------------------------------------------------------------ ReplayWeb.page

_PAGE = """<!doctype html><meta charset=utf-8><title>replay</title><style>html,body{{margin:0;height:100%}}</style>
<script src="ui.js"></script>
<replay-web-page source="{source}" url="{url}" ts="{ts}" replayBase="./replay/" style="height:100%"></replay-web-page>
"""
_WORKER = """navigator.serviceWorker.register("replay/sw.js?serveIndex=1", { scope: "./replay/" })
.then((worker) => worker.active?.state)"""
"""Registers what the player registers, which can be done again and again; the state in which it is."""
INNERMOST = """(() => {
  const seen = [];
  const look = (root) => {
    for (const node of root.querySelectorAll('*')) {
      if (node.shadowRoot) look(node.shadowRoot);
      if (node.tagName === 'IFRAME' && node.contentDocument) {
        if (/\\/w\\/[^/]+\\/.*mp_\\//.test(node.contentWindow.location.href)) seen.push(node.contentWindow);
        else look(node.contentDocument);
      }
    }
  };
  look(document);
  return seen[0];
})()"""


class ReplayWebPage:
    """A bundle opened in ReplayWeb.page. The window of the page shown is `shown` in scripts given to `ask`."""

    def __init__(self, browser: Browser, folder: Path, wacz: Path, *, worker: Path = PLAYER / "sw.js") -> None:
        self._browser = browser
        self._index = folder / "index.html"
        self._files = {
            "/": self._index,
            "/ui.js": PLAYER / "ui.js",
            "/replay/ui.js": PLAYER / "ui.js",
            "/replay/sw.js": worker,
            "/bundle.wacz": wacz,
        }
        self.shelf = Shelf(self._files)
        self._address = f"http://127.0.0.1:{self.shelf.port}/"
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shelf.__exit__()
        self._browser.forget(self._address)

    def show(self, url: str, ts: str = "") -> None:
        """Open a page of the bundle and wait until the player shows something."""
        if not self._begun:
            self._begin()
        self._index.write_text(_PAGE.format(source="/bundle.wacz", url=url, ts=ts))
        self._browser.go(self._address)
        wait_until(lambda: self.ask("shown.document.readyState") == "complete", timeout=30)

    def _begin(self) -> None:
        """Have the player's service worker run before the player is opened.

        The player's frame has an address that only the worker answers, and the player (2.5.3) does not wait for it: it opens the
        frame as soon as the worker is registered, and where that came too early loads it again three times, 100 ms apart, while
        no worker controls it. A worker that starts later than that, or that takes over the frame between the server's "404" and
        its load event, which a busy machine brings about, leaves the frame empty for good. `preserve view` does the same as this.
        """
        self._index.write_text("<!doctype html><meta charset=utf-8><title>the worker first</title>")
        self._browser.go(self._address)
        wait_until(lambda: self._browser.run(_WORKER) == "activated", timeout=30)
        self._begun = True

    def signature(self) -> Any:
        """The public key of the signature that the player read, as it tells it."""
        collection = "shown.location.pathname.split('/w/')[1].split('/')[0]"
        about = f"shown.parent.fetch('/replay/w/api/c/' + {collection} + '?all=1').then(answer => answer.json())"
        return self.ask(f"{about}.then(told => told.verify.publicKey)")

    def ask(self, script: str) -> Any:
        """The value of a script in which `shown` is the window of the replayed page; None while there is none."""
        return self._browser.run(f"(async () => {{ const shown = {INNERMOST}; return await ({script}); }})()")


# ---------------------------------------------------------------------------------------------------------------------- pywb


@contextmanager
def pywb(folder: Path, *files: Path) -> Iterator[str]:
    """pywb with a collection that holds these files; yields its address, to which "/TIMESTAMPid_/URL" is added."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    subprocess.run([PYWB / "wb-manager", "init", "t"], cwd=folder, env=clean, check=True, capture_output=True)
    for file in files:
        unpack = ["--unpack-wacz"] if file.suffix == ".wacz" else []
        command: list[str | Path] = [PYWB / "wb-manager", "add", *unpack, "t", file]
        subprocess.run(command, cwd=folder, env=clean, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [PYWB / "wayback", "-b", "127.0.0.1", "-p", str(port)],
        cwd=folder,
        env=clean,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(port), timeout=30)
        yield f"http://127.0.0.1:{port}/t"
    finally:
        server.terminate()
        server.wait(20)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def fetched(url: str) -> tuple[int, Mapping[str, str], bytes]:
    """(status, header, body) without following a redirect."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        with opener.open(url, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, dict(problem.headers), problem.read()

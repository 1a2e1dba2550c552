"""Where archived content runs: an origin of its own, in which nothing leads anywhere (docs/adr/0136).

Everything that a browser is given there, the player's own files and what its service worker makes of the archive, stands under one
Content-Security-Policy: scripts may run, and may talk to this origin only. The frame around it (`web.view`) takes away popups, forms
and the window above; its own policy takes away leading the frame elsewhere. Each capture has a folder of its own under a name that
cannot be guessed, so that one replayed page does not find the records of another.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from preserve.errors import PreserveError
from preserve.model.viewing import Answer, Asked, Showing
from preserve.web import render

JAVASCRIPT = "text/javascript; charset=utf-8"
_MOST = 256
"""Captures that can be replayed at a time; the one opened longest ago goes first."""
_FILE = re.compile(r"([A-Za-z0-9_-]{43})/(|play|ui\.js|captures\.wacz|replay/(?:ui|sw|player)\.js)")


CONFINED = {
    "Connection-Allowlist": "(response-origin);redirects=allow;webrtc=block",
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "no-referrer",
}
"""Header fields of every answer there, besides its policy: what a policy has no word for, where a browser knows them."""


def policy(port: int) -> str:
    """What every page of a replay stands under. `port` is that of the pages that may hold its frame."""
    return (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; object-src 'none'; "
        "form-action 'none'; sandbox allow-scripts allow-same-origin; "
        f"frame-ancestors 'self' http://127.0.0.1:{port} http://localhost:{port}"
    )


class Stage:
    """The origin of replays. `ui` and `worker` are the player's files; `bundle` makes the records of a capture into a file."""

    def __init__(self, ui: Path, worker: Path, bundle: Callable[[Showing], Path], *, view_port: int) -> None:
        self._ui = ui
        self._worker = worker
        self._bundle = bundle
        self._confined = {**CONFINED, "Content-Security-Policy": policy(view_port)}
        self._shown: dict[str, Showing] = {}
        self._names: dict[Showing, str] = {}
        self._lock = threading.Lock()

    def name(self, showing: Showing) -> str:
        """The folder in which a capture is shown; the same for the same capture."""
        with self._lock:
            if showing not in self._names:
                if len(self._names) >= _MOST:
                    oldest = next(iter(self._names))
                    del self._shown[self._names.pop(oldest)]
                name = secrets.token_urlsafe(32)
                self._names[showing], self._shown[name] = name, showing
            return self._names[showing]

    def answer(self, asked: Asked) -> Answer | None:
        """What stands at a path of this origin; None for everything that was not given out."""
        found = _FILE.fullmatch(asked.path)
        showing = self._shown.get(found[1]) if found else None
        if found is None or showing is None or asked.method != "GET":
            return None
        match found[2]:
            case "" | "play" as part:
                page = render.page("stage.html", ready=part == "play", url=showing.url, ts=f"{showing.at:%Y%m%d%H%M%S}")
                return Answer(text=page, fields=self._confined)
            case "captures.wacz":
                return self._records(showing)
            case "replay/sw.js":
                guard = render.asset("guard.js").replace("__CONFINED__", json.dumps(self._confined))
                return Answer(text=guard, media_type=JAVASCRIPT, fields=self._confined)
            case "replay/player.js":
                return Answer(file=self._worker, media_type=JAVASCRIPT, fields=self._confined)
        return Answer(file=self._ui, media_type=JAVASCRIPT, fields=self._confined)

    def _records(self, showing: Showing) -> Answer:
        try:
            return Answer(file=self._bundle(showing), media_type="application/wacz", fields=self._confined)
        except PreserveError:
            return Answer(status=404, fields=self._confined)  # the page around the frame has said what is wrong

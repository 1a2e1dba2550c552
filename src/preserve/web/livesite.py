"""A report's pages as they are served: at which paths they are, which page a path names, and what a browser may do with one."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import Any, Final

from markupsafe import Markup

from preserve.model.noun import dataclass
from preserve.model.report import Row, SealedRun
from preserve.model.viewing import POLICY
from preserve.web import render
from preserve.web.report import Site, environment, timeline_path

_PATHS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("rows", r"(?:index\.html)?|rows/(\d{4,9})\.html"),
        ("style", r"(preserve\.css|view\.css)"),
        ("capture", r"captures/(\d{6,12})/\d{4,12}/(\d{7,12})\.html"),
        ("timeline", r"captures/(\d{6,12})/\d{4,12}/(\d{7,12})-changes\.html"),
        ("notes", r"notes/(\d{4,9})(?:-(\d{4,9}))?\.(html|md)"),
        ("certificate", r"certificate\.(html|md)"),
        ("search", r"search"),
        ("check", r"check"),
        ("progress", r"check\.json"),
        ("events", r"events"),
        ("changes", r"changes/(\d{1,12})-(\d{1,12})/(\d{1,12})-(\d{1,12})"),
        ("replay", r"replay/(\d{1,12})-(\d{1,12})"),
    )
)


@cache
def _script() -> str:
    return render.asset("view.js")


@cache
def _scripts() -> str:
    """The scripts of the pages, as a policy names them: by their hashes."""
    hashes = (hashlib.sha256(render.asset(name).encode()).digest() for name in ("view.js", "filter.js"))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSite(Site):
    """A Site that is served. `frames` is the origin that a replay's page may show a frame of."""

    frames: str = ""

    def policy(self) -> str:
        """The Content-Security-Policy of its pages: two style sheets and two scripts of our own, and nothing from anywhere else."""
        frame = f" frame-src {self.frames};" if self.frames else ""
        return (
            f"default-src 'none'; style-src 'self'; script-src {_scripts()}; connect-src 'self';{frame} img-src 'none'; "
            "base-uri 'none'; form-action 'self'"
        )

    def script(self) -> Markup:
        return Markup(_script())  # noqa: S704 -- our own file, named by its hash in the policy

    def replay(self, row: Row) -> str:
        assert row.capture is not None, "there is something to replay"
        return self.played(row.run.sequence, row.capture.capture)

    def played(self, sequence: int, capture: int) -> str:
        return f"{self.root}replay/{sequence}-{capture}"

    def line_of_time(self, row: Row) -> str:
        """The page that tells of every capture of a row's address."""
        assert row.capture is not None, "it was captured"
        return self.root + timeline_path(row.run.sequence, row.capture.capture)

    def sealed(self, run: SealedRun, intact: bool | None) -> Markup:
        """What is said of a run on every row: nothing that only a verification knows, before there was one."""
        if not self.pending:
            return Site.sealed(self, run, intact)
        link = f'<li>Sealed in <a href="{self.root}index.html#run-{run.sequence}">run {run.sequence}</a>, not checked yet</li>'
        stamps = environment().get_template("parts.html").module.stamps(run)  # type: ignore[attr-defined]
        return Markup(link) + Markup(stamps)  # noqa: S704 -- numbers, and what a template made


def routed(path: str) -> tuple[str, tuple[Any, ...]] | None:
    """Which page a path names, and the numbers in it."""
    for kind, pattern in _PATHS:
        found = pattern.fullmatch(path)
        if found:
            return kind, found.groups()
    return None


def framed(site: LiveSite) -> dict[str, str]:
    """The policy as a header says it: there no other page may show ours in a frame."""
    return {POLICY: f"{site.policy()}; frame-ancestors 'none'"}

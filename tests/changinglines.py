"""An archive of six runs over a site whose pages change in every way there is, for the lines of time of reports and views."""

from __future__ import annotations

from pathlib import Path

from changepairs import TEXT, page
from pdfs import Sheet, pdf
from running import run_preserve
from sites import AnyHostSite, Handler, not_found, text

DOCUMENT = """\
The harbour was old.1 So was the lock.2 And the pier.3 And the plan.4

1 Ada Lund, "The harbour" (2 May 2019), online: <http://one.example/harbour>.
2 Bo Lund, The lock (2020) says that "What became of his ledgers nobody can say", online: <http://two.example/lock>.
3 Cy Lund, "The pier" (2021), online: <http://three.example/pier>.
4 Di Lund, "The plan" (2021), online: <http://four.example/plan>.
"""
HARBOUR, LOCK, PLAN = "http://one.example/harbour", "http://two.example/lock", "http://four.example/plan"
LOST = TEXT.replace("nobody can say", 'Ada <i>knows</i>\x1b[31m\u202e &lt;script&gt;alert("x")&lt;/script&gt;')


def _html(body: str) -> Handler:
    return text(body, media_type="text/html; charset=utf-8")


def _plan(words: str) -> Handler:
    return text(pdf([Sheet().text(72, 700, words)]), media_type="application/pdf")


def home(root: Path) -> dict[str, str]:
    """The environment of the archive's user."""
    return {"HOME": str(root), "XDG_CONFIG_HOME": str(root / "config"), "XDG_STATE_HOME": str(root / "state")}


def make(root: Path) -> None:
    """Capture the document six times into `root`/archive."""
    (root / "harbour.txt").write_text(DOCUMENT)
    harbour = (
        *[_html(page(TEXT + f"<p>{count} views</p>")) for count in (12, 12, 15)],
        _html(page(TEXT.replace("1911", "1912") + "<p>15 views</p>")),
        not_found,
        _html(page(TEXT.replace("1911", "1912"))),
    )
    lock = (*[page()] * 2, page(LOST), page(), page(before='<nav><a href="/c">Cranes</a></nav>'))
    plans = (*["The first plan of the pier"] * 3, *["The second plan of the pier"] * 3)
    with AnyHostSite() as site:
        for number in range(6):
            site.route("/harbour", harbour[number])
            site.route("/lock", _html(lock[min(number, 4)]))
            site.route("/pier", _html(page(TEXT, title="The pier")))
            site.route("/plan", _plan(plans[number]))
            site.route("/alone", text(f"It was written down {number // 3} times."))
            options = (
                "--url",
                "http://five.example/alone",
                "--delay",
                "0",
                "--connect-to",
                site.connect_to,
                "--no-timestamp",
                "--no-probe",
            )
            done = run_preserve(root, "capture", "harbour.txt", *options, env=home(root))
            assert done.code in {0, 10}, done.stderr

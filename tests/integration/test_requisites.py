"""Pages that replay: what they need is captured with them, politely, once, and never from where it may not be."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from running import Finished, Run
from sites import AnyHostSite, Handler, not_found, redirect, respond, slow, text, wait_until


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--delay", "0", "--json", *more)


def run_folder(done: Finished) -> Path:
    return Path(done.lines[-1]["manifest"]).parent


def captures(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]


def records(run: Path) -> list[tuple[str, str, bytes]]:
    found = []
    for warc in sorted(run.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), record.raw_stream.read()))
    return found


def page(body: str) -> Handler:
    return text(f"<!doctype html><html><body>{body}</body></html>", media_type="text/html; charset=utf-8")


def sheet(body: str) -> Handler:
    return text(body, media_type="text/css")


def image(name: str) -> Handler:
    return text(f"the bytes of {name}\n" * 100, media_type="image/png")


PAGE = """<link rel=stylesheet href=/style/main.css><link rel=icon href=/favicon.png><script src=/script.js></script>
<style>@import "/style/inline.css"; body { background: url(/paper.png) }</style>
<img src=/one.png srcset="/one-2x.png 2x"><img data-src=/lazy.png src=data:,><img src=//cdn.example/cross.png>
<picture><source srcset=/wide.png><img src=/narrow.png></picture><video poster=/poster.png src=/film.mp4></video>
<iframe src=/frame></iframe><input type=image src=/button.png><object data=/thing.svg></object><svg><use href=/icons.svg#a /></svg>
<p style="background: url('/inline.png')">text</p><table background=/table.png></table><img src=/moved.png><img src=/missing.png>"""

NEEDED = {
    *(
        "http://a.example" + path
        for path in ("/style/main.css", "/favicon.png", "/script.js", "/style/inline.css", "/paper.png")
    ),
    *(
        "http://a.example" + path
        for path in ("/one.png", "/one-2x.png", "/lazy.png", "/wide.png", "/narrow.png", "/poster.png")
    ),
    *("http://a.example" + path for path in ("/film.mp4", "/frame", "/button.png", "/thing.svg", "/icons.svg", "/inline.png")),
    *("http://a.example" + path for path in ("/table.png", "/moved.png", "/missing.png")),
    "http://cdn.example/cross.png",
}
BY_SHEETS = {
    "http://a.example/style/imported.css": "http://a.example/style/main.css",
    "http://a.example/style/sprite.png": "http://a.example/style/main.css",
    "http://a.example/fonts/f.woff2": "http://a.example/style/imported.css",
}


@pytest.fixture
def pages(site: AnyHostSite) -> AnyHostSite:
    site.otherwise(not_found)
    site.route("/page", page(PAGE))
    site.route("/again", page("<link rel=stylesheet href=/style/main.css><img src=/one.png>"))
    site.route("/style/main.css", sheet('@import "imported.css"; a { background: url(sprite.png) }'))
    site.route("/style/imported.css", sheet("@font-face { src: url(../fonts/f.woff2) }"))
    site.route("/style/inline.css", sheet("p { margin: 0 }"))
    site.route("/fonts/f.woff2", image("font"))
    site.route("/style/sprite.png", image("sprite"))
    site.route("/frame", page("<img src=/inside-the-frame.png>"))
    site.route("/moved.png", redirect("http://b.example/elsewhere.png"))
    site.route("/elsewhere.png", image("elsewhere"))
    for url in NEEDED:
        name = "/" + url.split("/", 3)[3]
        if name.endswith((".png", ".mp4", ".svg", ".js")) and name not in {"/moved.png", "/missing.png"}:
            site.route(name, image(name))
    return site


def test_a_page_with_twenty_requisites(preserve: Run, pages: AnyHostSite) -> None:
    done = preserve(*args(pages, "--robots", "ignore", "--url", "http://a.example/page", "--url", "http://a.example/again"))
    assert done.code == 0, done.stderr
    assert {line["url"] for line in done.lines[:-1]} == {"http://a.example/page", "http://a.example/again"}
    run = run_folder(done)
    found = captures(run)
    by_number = {line["capture"]: line for line in found}
    needs = {line["url"]: by_number[line["requisite_of"]]["url"] for line in found if "requisite_of" in line}
    pages_of_sheets = {url: needs.pop(url) for url in BY_SHEETS}
    assert pages_of_sheets == BY_SHEETS
    assert set(needs) == NEEDED
    assert set(needs.values()) <= {"http://a.example/page", "http://a.example/again"}
    assert [line["url"] for line in found if "cited_in" in line] == ["http://a.example/page", "http://a.example/again"]
    counts = done.lines[-1]["counts"]
    assert (counts["total"], counts["captured"], counts["requisites"], counts["requisites_lacking"]) == (2, 2, 24, 0)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["captures"]["count"] == manifest["captures"]["captured"] == len(found) == 26
    kept = records(run)
    served = pages.await_served(27)
    assert sorted(block for kind, _, block in kept if kind == "response") == sorted(one.response for one in served)
    assert len({(one.host, one.target) for one in served}) == len(served), "each is asked once"
    assert not [one for one in served if one.target == "/inside-the-frame.png"]
    moved = next(line for line in found if line["url"].endswith("/moved.png"))
    assert (moved["final_url"], len(moved["hops"])) == ("http://b.example/elsewhere.png", 2)
    assert preserve("verify", "archive").code == 0


def test_a_requisite_says_where_it_is_asked_from(preserve: Run, pages: AnyHostSite) -> None:
    preserve(*args(pages, "--robots", "ignore", "--url", "http://a.example/page"))
    asked = {one.target: one.request for one in pages.await_served(25)}
    assert b"Referer: http://a.example/page\r\n" in asked["/one.png"]
    assert b"Referer: http://a.example/\r\n" in asked["/cross.png"]
    assert b"Referer: http://a.example/style/imported.css\r\n" in asked["/fonts/f.woff2"]
    assert b"Referer" not in asked["/page"]


def test_the_page_alone_where_that_is_asked_for(preserve: Run, pages: AnyHostSite) -> None:
    done = preserve(*args(pages, "--robots", "ignore", "--no-requisites", "--no-timestamp", "--url", "http://a.example/page"))
    assert (done.code, len(pages.await_served(1))) == (0, 1)
    assert done.lines[-1]["counts"]["requisites"] == 0
    warc = next(run_folder(done).glob("data/*.warc.gz"))
    with warc.open("rb") as file:
        info = next(ArchiveIterator(file)).content_stream().read()
    assert b'"requisites":false' in info


def test_what_is_cited_stays_cited(preserve: Run, pages: AnyHostSite) -> None:
    done = preserve(*args(pages, "--robots", "ignore", "--url", "http://a.example/page", "--url", "http://a.example/one.png"))
    assert {line["url"] for line in done.lines[:-1]} == {"http://a.example/page", "http://a.example/one.png"}
    (line,) = [line for line in captures(run_folder(done)) if line["url"] == "http://a.example/one.png"]
    assert line["cited_in"] == []


def test_requisites_that_fail_touch_neither_exit_nor_lines(preserve: Run, site: AnyHostSite) -> None:
    site.route("/page", page("<img src=http://127.0.0.1:9/x><img src=/broken><img src=http://[::1]:9/><img src=/gone>"))
    site.route("/broken", lambda request: (_ for _ in ()).throw(OSError("nothing is answered")))
    site.route("/gone", not_found)
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://a.example/page"))
    assert done.code == 0, done.stderr
    assert len(done.lines) == 2
    outcomes = {line["url"]: line["outcome"] for line in captures(run_folder(done))[1:]}
    assert outcomes == {
        "http://127.0.0.1:9/x": "refused",
        "http://[::1]:9/": "refused",
        "http://a.example/broken": "failed",
        "http://a.example/gone": "captured",
    }
    counts = done.lines[-1]["counts"]
    assert (counts["total"], counts["requisites"], counts["requisites_lacking"]) == (1, 4, 3)
    manifest = json.loads((run_folder(done) / "manifest.json").read_text())["captures"]
    assert [manifest[name] for name in ("count", "captured", "failed", "refused")] == [5, 2, 1, 2]
    assert preserve("verify", "archive").code == 0


def test_a_private_place_sees_nothing_of_pages_sheets_and_redirects(preserve: Run, site: AnyHostSite) -> None:
    with AnyHostSite() as inside:
        forms = (
            "127.0.0.1",
            "127.0.0.2",
            "0x7f.1",
            "2130706433",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "0.0.0.0",
        )
        there = [f"http://{form}:{inside.port}/" for form in forms]
        images = "".join(f"<img src={url}><iframe src={url}f></iframe>" for url in there)
        site.route("/page", page(f"<link rel=stylesheet href=/s.css><img src=/moved>{images}"))
        site.route("/s.css", sheet("".join(f"@import url({url}s.css); a {{ b: url({url}i) }}" for url in there)))
        site.route("/moved", redirect(there[0]))
        done = preserve(*args(site, "--robots", "ignore", "--url", "http://a.example/page"))
        assert done.code == 0, done.stderr
        assert inside.connections == 0
    outcomes = [line["outcome"] for line in captures(run_folder(done))[1:]]
    assert outcomes.count("captured") == 1
    assert set(outcomes) == {"captured", "refused"}


def test_robots_are_obeyed_for_requisites_too(preserve: Run, pages: AnyHostSite) -> None:
    pages.route("/robots.txt", text("User-agent: *\nDisallow: /style/"))
    done = preserve(*args(pages, "--robots", "obey", "--url", "http://a.example/page"))
    assert done.code == 0
    assert not [one for one in pages.served if one.target.startswith("/style/")]
    refused = [line for line in captures(run_folder(done)) if line["outcome"] == "refused"]
    assert {line["url"] for line in refused} == {"http://a.example/style/main.css", "http://a.example/style/inline.css"}


@pytest.mark.long
def test_too_many_are_cut_and_that_is_told(preserve: Run, site: AnyHostSite) -> None:
    site.otherwise(text("x"))
    site.route("/page", page("".join(f"<img src=/i/{number}>" for number in range(2003))))
    done = preserve(*args(site, "--robots", "ignore", "--per-host", "20", "--url", "http://a.example/page"))
    assert done.code == 0
    assert done.lines[-1]["counts"]["requisites"] == 2000
    assert "3 of them are left out" in done.lines[0]["signals"][0]


def begin(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "preserve", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def done_targets(tmp_path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{tmp_path / 'archive/journal/journal.sqlite'}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM targets WHERE state=2").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def slow_image(name: str) -> Handler:
    return slow(respond(f"the bytes of {name}".encode()), pause=0.03)


@pytest.fixture
def many(site: AnyHostSite) -> list[str]:
    """Six pages that share a sheet and need images of their own; the addresses of all that is to be captured."""
    site.otherwise(slow_image("x"))
    site.route("/s.css", sheet("".join(f"a{{b:url(/shared/{number})}}" for number in range(8))))
    for number in range(6):
        images = "".join(f"<img src=/own/{number}/{image}>" for image in range(6))
        site.route(f"/page/{number}", page(f"<link rel=stylesheet href=/s.css>{images}"))
    return [
        "http://a.example/s.css",
        *(f"http://a.example/page/{number}" for number in range(6)),
        *(f"http://a.example/shared/{number}" for number in range(8)),
        *(f"http://a.example/own/{number}/{image}" for number in range(6) for image in range(6)),
    ]


@pytest.mark.long
@pytest.mark.parametrize("at", [1, 7, 20, 40])
def test_killed_and_resumed_nothing_is_lost_or_doubled(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, many: list[str], at: int
) -> None:
    urls = [part for number in range(6) for part in ("--url", f"http://a.example/page/{number}")]
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--per-host", "4", *urls))
    wait_until(lambda: done_targets(tmp_path) >= at)
    running.send_signal(signal.SIGKILL)
    printed, _ = running.communicate()
    done = preserve(*args(site, "--robots", "ignore", "--per-host", "4", "--resume"))
    assert done.code == 0, done.stderr
    told = [json.loads(line)["url"] for line in printed.splitlines() if line.endswith("}")]
    told += [line["url"] for line in done.lines[:-1]]
    assert len(told) == len(set(told)) <= 6  # a line may be lost in the pipe, never doubled
    found = captures(run_folder(done))
    assert sorted(line["url"] for line in found) == sorted(many)
    lines = {line["capture"]: line["url"] for line in found}
    assert all(
        "/page/" in lines[line["requisite_of"]] or lines[line["requisite_of"]].endswith(".css")
        for line in found
        if "requisite_of" in line
    )
    assert sorted(uri for kind, uri, _ in records(run_folder(done)) if kind == "response") == sorted(many)
    assert preserve("verify", "archive").code == 0


@pytest.mark.long
def test_interrupted_and_sealed_as_it_was_lines_count_and_name_each_other(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, many: list[str]
) -> None:
    urls = [part for number in range(6) for part in ("--url", f"http://a.example/page/{number}")]
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--per-host", "4", *urls))
    wait_until(lambda: done_targets(tmp_path) >= 25)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)
    assert running.returncode == 130
    done = preserve(*args(site, "--robots", "ignore", "--no-requisites", "--url", "http://new.example/"))
    assert done.code == 0, done.stderr
    first = min((tmp_path / "archive" / "runs").iterdir())
    found = captures(first)
    assert [line["capture"] for line in found] == list(range(len(found)))
    assert 25 <= len(found) < len(many)
    assert all(line["requisite_of"] < line["capture"] for line in found if "requisite_of" in line)
    assert preserve("verify", "archive").code == 0


@pytest.mark.long
def test_a_requisite_that_is_cited_later_in_the_run_is_captured_as_cited(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, many: list[str]
) -> None:
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--per-host", "1", "--url", "http://a.example/page/0"))
    wait_until(lambda: done_targets(tmp_path) >= 3)
    running.kill()
    running.communicate()
    done = preserve(*args(site, "--robots", "ignore", "--resume", "--url", "http://a.example/s.css"))
    assert done.code == 0, done.stderr
    assert [line["url"] for line in done.lines[:-1]] == ["http://a.example/s.css"]
    lines = [line for line in captures(run_folder(done)) if line["url"] == "http://a.example/s.css"]
    assert [line.get("cited_in") for line in lines] == [[]]
    assert preserve("verify", "archive").code == 0

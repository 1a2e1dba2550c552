"""Doubtful and dead citations, against real servers: what is tried, what is chosen, what a web archive answers, what is recorded."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from gates import WebArchive
from running import Finished, Run
from sites import AnyHostSite, Handler, Reply, Request, not_found, raw, redirect, respond, text

PARAGRAPH = (
    "<p>The harbour keeps a book of every crossing, with the weather, the load and the name of the man at the winch.</p>"
)
PLAN: dict[str, Any] = {
    "document": "paper.txt",
    "note": "1",
    "note_inferred": None,
    "where": "notes",
    "kind": "url",
    "url": "http://tides.example/reports/nightcrossings",
    "url_as_printed": "http://tides.example/reports/nightcrossings",
    "candidates": [],
    "text": "Harbour Office, “Night Crossings of the Lower Ferry”.",
    "title": "Night Crossings of the Lower Ferry",
    "date": "2019-06-15",
    "page": None,
    "line": 1,
    "uncertain": False,
    "problem": None,
    "refers_to": None,
}


def html(title: str, *, body: str = PARAGRAPH * 6) -> bytes:
    return f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>".encode()


def page(title: str, status: str = "200 OK", fields: tuple[tuple[str, str], ...] = ()) -> bytes:
    return respond(html(title), status=status, fields=[("Content-Type", "text/html; charset=utf-8"), *fields])


def plan(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "plan.jsonl"
    path.write_text("".join(json.dumps({**PLAN, **row}) + "\n" for row in rows or ({},)))
    return path


def run(preserve: Run, site: AnyHostSite, *more: str | Path, first: str = "") -> Finished:
    """Capture; `first` is a --connect-to that goes before that to the site. Dead hosts are not waited for."""
    settings = Path(os.environ["XDG_CONFIG_HOME"]) / "preserve" / "config.toml"
    if not settings.exists():
        settings.parent.mkdir(exist_ok=True)
        settings.write_text("[capture]\npatience = 0\n")
    way = ("--connect-to", first) if first else ()
    return preserve("capture", *way, "--connect-to", site.connect_to, "--delay", "0", "--json", *more)


@contextmanager
def closing_port() -> Iterator[int]:
    """A port of this machine at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def records(done: Finished) -> list[tuple[str, str, bytes]]:
    found = []
    for warc in sorted(Path(done.lines[-1]["manifest"]).parent.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), record.raw_stream.read()))
    return found


HYPHENED = "http://tides.example/reports/night-crossings"
DOUBTFUL = {
    "uncertain": True,
    "candidates": [
        {"url": PLAN["url"], "why": "as printed"},
        {"url": HYPHENED, "why": "a hyphen may be lost"},
        {"url": "http://tides.example/reports/nightcross-ings", "why": "a hyphen may be lost"},
    ],
}
TITLE = "Night Crossings of the Lower Ferry"


def served(body: bytes) -> Handler:
    return raw(body, keep=True)


def asked(site: AnyHostSite, host: str = "tides.example") -> list[str]:
    return [each.target for each in site.served if each.host == host and each.target != "/robots.txt"]


# ------------------------------------------------------------------------------------------------------------- candidates


def test_the_form_whose_page_fits_is_chosen_and_every_attempt_is_kept(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(not_found)
    site.route("/reports/nightcrossings", served(page("Reports of the harbour office")))
    picture = html(TITLE, body=PARAGRAPH * 6 + "<img src=/winch.png>")
    site.route("/reports/night-crossings", text(picture, media_type="text/html"))
    site.route("/winch.png", text(b"a picture of the winch", media_type="image/png"))
    done = run(preserve, site, plan(tmp_path, DOUBTFUL))
    assert done.code == 0, done.stderr
    line = done.lines[0]
    assert (line["url"], line["final_url"], line["status"], line["verdict"]) == (PLAN["url"], HYPHENED, 200, "ok")
    assert line["chosen"] == HYPHENED
    assert [(each["url"], each["outcome"], each["status"], each["verdict"]) for each in line["candidates"]] == [
        (PLAN["url"], "captured", 200, "mismatch"),
        (HYPHENED, "captured", 200, "ok"),
    ]
    assert line["candidates"][0]["why"].startswith("as printed; the cited title")
    assert "the printed address leads to another page; candidate 2 fits the cited title" in line["signals"]
    assert "note 1     captured   200" in done.stderr
    assert "candidate 2 fits the cited title" in done.stderr
    responses = [uri for kind, uri, _ in records(done) if kind == "response"]
    assert {PLAN["url"], HYPHENED, "http://tides.example/winch.png"} <= set(responses)
    assert [record["type"] for record in line["records"]] == ["request", "response"] * 2
    assert preserve("verify", "archive").code == 0
    status = preserve("status", "archive", "--json")
    assert (status.lines[0]["chosen"], status.lines[0]["verdict"], status.lines[0]["intact"]) == (HYPHENED, "ok", True)


def test_the_printed_form_that_fits_is_chosen_and_the_others_are_left_alone(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    site.otherwise(not_found)
    site.route("/reports/nightcrossings", served(page(TITLE)))
    done = run(preserve, site, plan(tmp_path, DOUBTFUL), "--no-probe")
    line = done.lines[0]
    assert (done.code, line["chosen"], [each["url"] for each in line["candidates"]]) == (0, PLAN["url"], [PLAN["url"]])
    assert asked(site) == ["/reports/nightcrossings"]


def test_when_nothing_fits_the_printed_form_answers_and_nothing_is_chosen(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    site.otherwise(not_found)
    done = run(preserve, site, plan(tmp_path, DOUBTFUL))
    line = done.lines[0]
    assert (done.code, line["final_url"], line["status"], line["verdict"]) == (10, PLAN["url"], 404, "gone")
    assert "chosen" not in line
    assert [each["status"] for each in line["candidates"]] == [404, 404, 404]
    assert "none of the 3 forms of the address leads to a page" in line["signals"]


def test_two_pages_that_nothing_cited_tells_apart_leave_the_printed_one(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    site.otherwise(served(page("A page")))
    done = run(preserve, site, plan(tmp_path, {**DOUBTFUL, "title": None, "text": "Harbour Office, online."}))
    line = done.lines[0]
    assert (done.code, line["verdict"], line["final_url"]) == (0, "ok", PLAN["url"])
    assert "chosen" not in line
    assert len(line["candidates"]) == 3


@pytest.mark.long
@pytest.mark.parametrize("obey", [True, False])
def test_robots_txt_counts_for_candidates_and_for_the_made_up_address(
    preserve: Run, site: AnyHostSite, tmp_path: Path, obey: bool
) -> None:
    site.otherwise(not_found)
    site.route("/robots.txt", text("User-agent: *\nDisallow: /reports/n"))
    site.route("/reports/Other", served(page("Something else")))
    row = {
        **DOUBTFUL,
        "url": "http://tides.example/reports/Other",
        "candidates": [
            {"url": "http://tides.example/reports/Other", "why": "as printed"},
            {"url": HYPHENED, "why": "a hyphen may be lost"},
        ],
    }
    done = run(preserve, site, plan(tmp_path, row), "--robots", "obey" if obey else "record")
    line = done.lines[0]
    assert [each["outcome"] for each in line["candidates"]] == ["captured", "refused" if obey else "captured"]
    assert (asked(site) == ["/reports/Other"]) is obey


def test_http_is_tried_where_no_scheme_is_printed_and_https_does_not_answer(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    site.otherwise(not_found)
    site.route("/reports/crossings", served(page(TITLE)))
    (tmp_path / "paper.txt").write_text(f"A text.[1]\n\n[1] Harbour Office, “{TITLE}”, www.tides.example/reports/crossings.\n")
    with closing_port() as refused:
        done = run(preserve, site, "paper.txt", "--connect-to", f"*:443:127.0.0.1:{refused}")
    line = done.lines[0]
    assert (done.code, line["url"]) == (0, "https://www.tides.example/reports/crossings")
    assert line["chosen"] == "http://www.tides.example/reports/crossings"
    assert [(each["outcome"], each["verdict"]) for each in line["candidates"]] == [("failed", None), ("captured", "ok")]
    assert "the printed address does not answer; candidate 2 fits the cited title" in line["signals"]


def test_a_tracking_parameter_is_left_where_the_printed_form_answers(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(served(page("Anything")))
    (tmp_path / "paper.txt").write_text("A text.[1]\n\n[1] Harbour Office, http://tides.example/x?utm_source=letter\n")
    done = run(preserve, site, "paper.txt")
    assert asked(site) == ["/x?utm_source=letter"]
    assert "candidates" not in done.lines[0]


@pytest.mark.long
def test_a_packet_of_the_chosen_page_holds_every_attempt(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(not_found)
    site.route("/reports/night-crossings", served(page(TITLE)))
    done = run(preserve, site, plan(tmp_path, DOUBTFUL))
    assert done.code == 0, done.stderr
    made = preserve("prove", "archive", HYPHENED, "-o", "packet.zip")
    assert made.code == 0, made.stderr
    assert preserve("verify", "packet.zip").code == 0
    with zipfile.ZipFile(tmp_path / "packet.zip") as packet:
        (tmp_path / "verify.py").write_bytes(packet.read("verify.py"))
        warcs = [name for name in packet.namelist() if name.endswith(".warc.gz")]
        kept = b"".join(gzip.decompress(packet.read(name)) for name in warcs)
    assert kept.count(b"WARC-Type: response") >= 2
    alone = subprocess.run(
        [sys.executable, str(tmp_path / "verify.py"), "packet.zip"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "no --key was given" in alone.stdout
    assert f"tried: {HYPHENED}: ok  (chosen)" in alone.stdout
    assert f"tried: {PLAN['url']}: gone" in alone.stdout
    assert preserve("bundle", "archive", "-o", "all.wacz").code == 0
    assert preserve("verify", "all.wacz").code == 0


# ------------------------------------------------------------------------------------------------------ the made-up address


def test_a_host_is_asked_once_for_a_page_that_nobody_has(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(served(page("We could not find that", status="200 OK")))
    site.route("/fine", served(page(TITLE)))
    rows = [
        {"note": "1", "url": "http://tides.example/fine", "url_as_printed": "http://tides.example/fine"},
        {"note": "2", "url": "http://tides.example/lost", "url_as_printed": "http://tides.example/lost"},
        {"note": "3", "url": "http://tides.example/also", "url_as_printed": "http://tides.example/also"},
    ]
    done = run(preserve, site, plan(tmp_path, *rows), "--per-host", "1")
    assert {line["url"][21:]: line["verdict"] for line in done.lines[:-1]} == {
        "fine": "ok",
        "lost": "soft-404",
        "also": "soft-404",
    }
    made_up = [target for target in asked(site) if "no-such-page" in target]
    assert len(made_up) == 1
    uris = [(kind, uri) for kind, uri, _ in records(done) if "no-such-page" in str(uri)]
    address = f"http://tides.example{made_up[0]}"
    assert sorted(uris) == [
        ("resource", f"urn:preserve:probe:{address}"),
        ("resource", f"urn:preserve:probe:{address}"),
    ]
    kept = [block for kind, uri, block in records(done) if uri == f"urn:preserve:probe:{address}"]
    sent = next(each for each in site.served if each.target == made_up[0])
    assert kept == [sent.request, sent.response]
    assert preserve("verify", "archive", "--thorough").code == 0


def test_no_probe_asks_for_nothing_but_what_is_cited(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    site.otherwise(served(page(TITLE)))
    run(preserve, site, plan(tmp_path), "--no-probe")
    assert asked(site) == ["/reports/nightcrossings"]


def test_a_made_up_address_leads_to_no_host_whose_robots_txt_asks_to_be_left_alone(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    """That host is another one, and nobody knew of it before its robots.txt was asked for."""
    site.otherwise(redirect("http://lost.example/"))
    site.route("/robots.txt", not_found, host="tides.example")
    site.route("/reports/nightcrossings", served(page(TITLE)))
    told = respond(b"not now\n", status="429 Too Many Requests", fields=[("Retry-After", "3600")])
    site.route("/robots.txt", served(told), host="lost.example")
    done = run(preserve, site, plan(tmp_path), "--robots", "obey")
    assert [line["verdict"] for line in done.lines[:-1]] == ["ok"], done.stderr
    assert any("no-such-page" in target for target in asked(site))
    assert [each.target for each in site.served if each.host == "lost.example"] == ["/robots.txt"]


def test_without_words_to_judge_by_nothing_is_made_up(preserve: Run, site: AnyHostSite) -> None:
    run(preserve, site, "--url", "http://tides.example/x", "--url", "http://tides.example/y")
    assert sorted(asked(site)) == ["/x", "/y"]


# ---------------------------------------------------------------------------------------------------------------- mementos


@pytest.fixture
def archive(site: AnyHostSite) -> WebArchive:
    return WebArchive(site)


def ask(preserve: Run, site: AnyHostSite, tmp_path: Path, archive: WebArchive, **row: Any) -> tuple[Finished, Any]:
    done = run(preserve, site, plan(tmp_path, row), "--memento", archive.prefix)
    return done, done.lines[0].get("memento")


@pytest.mark.long
def test_a_dead_page_is_answered_by_the_nearest_copy_before(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    archive.holds(PLAN["url"], "20100101000000", html(TITLE))
    wanted = archive.holds(PLAN["url"], "20190601120000", html(TITLE))
    archive.holds(PLAN["url"], "20190620120000", html("Another title"))
    done, memento = ask(preserve, site, tmp_path, archive)
    line = done.lines[0]
    assert (done.code, line["status"], line["verdict"], line["final_url"]) == (10, 404, "gone", PLAN["url"])
    problem = memento.pop("problem")
    assert problem == "the TimeGate led to a copy of 2019-06-20, its TimeMap lists one of 2019-06-01"
    assert memento == {
        "timegate": archive.prefix,
        "url": wanted,
        "requested": "2019-06-15",
        "datetime": "2019-06-01T12:00:00.000Z",
        "distance_days": 14,
        "payload_sha256": hashlib.sha256(html(TITLE)).hexdigest(),
    }
    assert {request.field("Accept-Datetime") for request in archive.asked} == {None, "Sat, 15 Jun 2019 23:59:59 GMT"}
    kept = {uri: block for kind, uri, block in records(done) if kind == "response"}
    assert kept[wanted].endswith(b"<!-- the archive's banner -->")
    assert kept[wanted.replace("120000/", "120000id_/")].endswith(html(TITLE))
    assert kept[PLAN["url"]].startswith(b"HTTP/1.1 404")
    assert "which learns that they are read" in done.stderr
    assert preserve("verify", "archive").code == 0
    assert preserve("status", "archive", "--json").lines[0]["memento"]["url"] == wanted
    packet = preserve("prove", "archive", PLAN["url"], "-o", "packet.zip")
    assert packet.code == 0, packet.stderr
    assert preserve("verify", "packet.zip").code == 0


def test_status_is_counted_and_else_the_nearest_after_is_taken(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    archive.holds(PLAN["url"], "20190601000000", html("Gone"), status=404)
    later = archive.holds(PLAN["url"], "20200101000000", html(TITLE))
    archive.holds(PLAN["url"], "20210101000000", html(TITLE))
    _, memento = ask(preserve, site, tmp_path, archive)
    assert (memento["url"], memento["distance_days"]) == (later, 200)


def test_of_a_timemap_in_pages_those_are_read_that_may_list_the_copy(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    archive = WebArchive(site, per_page=4)
    for year in range(2000, 2026):
        archive.holds(PLAN["url"], f"{year}0701000000", html(TITLE))
    archive.holds(PLAN["url"], "20190601000000", html("Gone"), status=404)
    wanted = f"{archive.prefix}20180701000000/{PLAN['url']}"
    _, memento = ask(preserve, site, tmp_path, archive)
    assert (memento["url"], memento["distance_days"]) == (wanted, 349)
    read = [request.target for request in archive.asked if "/timemap/" in request.target]
    assert [target.split("/")[3] for target in read] == ["link", "page", "page"], "not all seven of them"


def test_without_a_configured_archive_nothing_is_asked(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    archive.holds(PLAN["url"], "20190601000000", html(TITLE))
    assert "memento" not in run(preserve, site, plan(tmp_path)).lines[0]
    refused = run(preserve, site, plan(tmp_path), "--memento", archive.prefix, "--no-memento", "--archive", "b")
    assert "memento" not in refused.lines[0]
    assert archive.asked == []


def test_a_page_that_is_well_is_not_asked_for_elsewhere(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    site.route("/reports/nightcrossings", served(page(TITLE)))
    done, memento = ask(preserve, site, tmp_path, archive)
    assert (done.code, memento, archive.asked) == (0, None, [])


def test_the_configuration_names_archives(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path, config_home: Path
) -> None:
    wanted = archive.holds(PLAN["url"], "20190601000000", html(TITLE))
    (config_home / "preserve").mkdir()
    (config_home / "preserve" / "config.toml").write_text(f'[[memento]]\nurl = "{archive.prefix}"\n')
    assert run(preserve, site, plan(tmp_path)).lines[0]["memento"]["url"] == wanted
    (config_home / "preserve" / "config.toml").write_text('[[memento]]\nurl = "ftp://arc.example/"\n')
    wrong = run(preserve, site, plan(tmp_path), "--archive", "b")
    assert wrong.code == 3
    assert "line 2" in wrong.stderr


def test_a_second_archive_is_asked_where_the_first_has_nothing(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    wanted = archive.holds(PLAN["url"], "20190601000000", html(TITLE))
    done = run(preserve, site, plan(tmp_path), "--memento", "http://none.example/tg/", "--memento", archive.prefix)
    memento = done.lines[0]["memento"]
    assert (memento["timegate"], memento["url"]) == (archive.prefix, wanted)


@pytest.mark.long
def test_an_archive_on_a_private_address_may_be_asked_and_nothing_beside_it(
    preserve: Run, site: AnyHostSite, tmp_path: Path
) -> None:
    with AnyHostSite() as inside, AnyHostSite() as secret:
        archive = WebArchive(inside, f"127.0.0.1:{inside.port}")
        wanted = archive.holds(PLAN["url"], "20190601000000", html(TITLE))
        site.otherwise(not_found)
        _, memento = ask(preserve, site, tmp_path, archive)
        assert (memento["url"], "problem" in memento) == (wanted, False)
        place = f"http://127.0.0.1:{secret.port}/secret"
        archive.lie = redirect(place)
        done = run(preserve, site, plan(tmp_path), "--memento", archive.prefix, "--archive", "b")
        memento = done.lines[0]["memento"]
        assert memento["url"] is None
        assert "not a public address" in memento["problem"]
        assert secret.connections == 0
        # What an archive may be asked for opens no door to what is cited.
        cited = run(preserve, site, "--url", archive.prefix, "--memento", archive.prefix, "--archive", "c")
        assert cited.lines[0]["outcome"] == "refused"


KEPT_ALL_THE_SAME = {"an error page as a copy", "another date than its address", "no date", "another page by its header"}
"""What is doubtful but is a copy: it is taken, and the doubt is told."""
Lie = Callable[[WebArchive, Request], Reply | None]


def _lie_by(target: str, *pieces: bytes) -> Lie:
    return lambda archive, request: Reply(pieces=pieces, keep=bool(pieces)) if re.search(target, request.target) else None


LIES: dict[str, tuple[Lie, str]] = {
    "an error page as 200": (_lie_by("/web/http", page("Sorry")), "without Memento-Datetime: that is no copy"),
    "an error page as a copy": (
        _lie_by(r"/web/\d", page("Sorry", fields=(("Memento-Datetime", "Sat, 01 Jun 2019 00:00:00 GMT"),))),
        "the copy itself may be worthless (mismatch)",
    ),
    "a loop": (lambda archive, request: redirect(request.target)(request), "redirect loop"),
    "on and on": (
        lambda archive, request: redirect(f"{request.target}x")(request),
        "more than 5 redirects",
    ),
    "a date in the future": (
        _lie_by(r"/web/\d", page(TITLE, fields=(("Memento-Datetime", "Fri, 01 Jun 2090 00:00:00 GMT"),))),
        "in the future",
    ),
    "another date than its address": (
        _lie_by(r"/web/\d", page(TITLE, fields=(("Memento-Datetime", "Wed, 01 Jun 2011 00:00:00 GMT"),))),
        "the copy's address says 2019-06-01, its Memento-Datetime 2011-06-01",
    ),
    "no date": (_lie_by(r"/web/\d", page(TITLE)), "without Memento-Datetime"),
    "a copy of another page": (
        _lie_by(
            "/web/http",
            respond(b"", status="302 Found", fields=[("Location", "/web/20190601000000/http://other.example/")]),
        ),
        "the copy is of another address: http://other.example/",
    ),
    "another page by its header": (
        _lie_by(
            r"/web/\d",
            page(
                TITLE,
                fields=(
                    ("Memento-Datetime", "Sat, 01 Jun 2019 00:00:00 GMT"),
                    ("Link", '<http://other.example/>; rel="original"'),
                ),
            ),
        ),
        "the copy's address says that it is of http://tides.example/lie/8, its header of http://other.example/",
    ),
    "nothing at all": (_lie_by("."), "fails"),
    "an error": (_lie_by(".", page("Down", status="503 Busy")), "status 503"),
}


def test_a_timegate_that_lies_or_fails_is_told(preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path) -> None:
    urls = [f"http://tides.example/lie/{number}" for number in range(len(LIES))]
    for url in (*urls, "http://other.example/"):
        archive.holds(url, "20190601000000", html(TITLE))

    def lie(request: Request) -> Reply | None:
        number = re.search(r"/lie/(\d+)", request.target)
        return None if number is None else [*LIES.values()][int(number[1])][0](archive, request)

    archive.lie = lie
    rows = [{"note": str(number), "url": url, "url_as_printed": url} for number, url in enumerate(urls)]
    done = run(preserve, site, plan(tmp_path, *rows), "--memento", archive.prefix)
    assert done.code == 10, done.stderr
    found = {line["url"]: line for line in done.lines[:-1]}
    for url, (name, (_, expected)) in zip(urls, LIES.items(), strict=True):
        assert found[url]["verdict"] == "gone"
        memento = found[url]["memento"]
        assert expected in memento["problem"], (name, memento)
        assert (memento["url"] is None) is (name not in KEPT_ALL_THE_SAME), (name, memento)
    assert len(archive.asked) <= 24 * len(LIES)
    assert preserve("verify", "archive").code == 0


def test_availability_and_cdx_are_asked_by_the_shape_of_the_prefix(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    early = archive.holds(PLAN["url"], "20190601000000", html(TITLE))
    archive.holds(PLAN["url"], "20190610000000", html("Gone"), status=404)
    archive.holds(PLAN["url"], "20190801000000", html(TITLE))
    rows = [["timestamp", "original", "statuscode"]]
    rows += [
        ["20190610000000", PLAN["url"], "404"],
        ["20190601000000", PLAN["url"], "200"],
        ["20190801000000", PLAN["url"], "200"],
    ]
    closest = {"available": True, "url": early, "timestamp": "20190601000000", "status": "200"}
    answers = {
        "/cdx/search/cdx?": json.dumps(rows).encode(),
        "/wayback/available?": json.dumps({"archived_snapshots": {"closest": closest}}).encode(),
    }

    def index(request: Request) -> Reply | None:
        found = next((body for path, body in answers.items() if request.target.startswith(path)), None)
        return None if found is None else Reply(pieces=[respond(found, fields=[("Content-Type", "application/json")])])

    archive.lie = index
    for number, path in enumerate(answers):
        prefix = f"http://{archive.host}{path}url="
        done = run(preserve, site, plan(tmp_path), "--memento", prefix, "--archive", str(number))
        memento = done.lines[0]["memento"]
        assert (memento["timegate"], memento["url"], memento["distance_days"]) == (prefix, early, 14)
        assert "problem" not in memento


def test_without_a_cited_date_the_newest_copy_is_asked_for(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    archive.holds(PLAN["url"], "20190601000000", html(TITLE))
    newest = archive.holds(PLAN["url"], "20220601000000", html(TITLE))
    done, memento = ask(preserve, site, tmp_path, archive, date=None)
    assert memento["url"] == newest
    assert "no date is cited: the archive was asked for its newest copy" in done.lines[0]["signals"]


def test_a_dead_host_is_looked_up_and_the_right_form_of_a_doubtful_address_too(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    wanted = archive.holds(HYPHENED, "20190601000000", html(TITLE))
    with closing_port() as refused:
        done = run(
            preserve,
            site,
            plan(tmp_path, DOUBTFUL),
            "--memento",
            archive.prefix,
            "--connect-to",
            f"tides.example:80:127.0.0.1:{refused}",
            first=f"tides.example:80:127.0.0.1:{refused}",
        )
    line = done.lines[0]
    assert (done.code, line["outcome"], line["verdict"]) == (11, "failed", None)
    assert line["memento"]["url"] == wanted


def test_an_archive_is_asked_to_save_a_page_that_is_well(
    preserve: Run, site: AnyHostSite, archive: WebArchive, tmp_path: Path
) -> None:
    site.route("/reports/nightcrossings", served(page(TITLE)))
    archive.lie = lambda request: Reply(pieces=[respond(b"saved", fields=[("Content-Location", "/web/20260101000000/x")])])
    prefix = f"http://{archive.host}/save/"
    done = run(preserve, site, plan(tmp_path), "--save-to", prefix)
    assert f"asked {prefix} to save it: status 200, a copy at /web/20260101000000/x" in done.lines[0]["signals"]
    assert [request.target for request in archive.asked] == [f"/save/{PLAN['url']}"]
    assert f"{prefix}{PLAN['url']}" in [uri for kind, uri, _ in records(done) if kind == "response"]


@pytest.mark.parametrize("prefix", ["", "arc.example", "ftp://arc.example/", "http://"])
def test_a_prefix_that_is_no_address_is_refused_before_anything_is_asked(preserve: Run, site: AnyHostSite, prefix: str) -> None:
    done = run(preserve, site, "--url", "http://a.example/", "--memento", prefix)
    assert done.code == 2
    assert "web archive" in done.stderr
    assert site.connections == 0

"""Requisites that are as the archive has them, listed: a line for each answer, and everything that a revisit would have brought."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from archives import Pen
from bundles import Entries, changed, repack, resigned, unpack
from preserve.adapters.folder import DiskFolder
from preserve.flows import verify_unchanged
from preserve.formats import cdxj, gzipmember, wacz, warc, warcscan
from preserve.formats.warc import Header
from preserve.model.finding import Result
from preserve.rules.unchanged import anchor
from running import ROOT, Run, run_preserve
from sites import AnyHostSite, Reply, respond, text
from unchangedruns import PAGE, args, captures, dates, image, lists, records, run_folder

CHECK_RUN = ROOT.parent / "shared" / "tools" / "check_run.py"
BOTH = ("--url", "http://a.example/page", "--url", "http://a.example/again")
CSS = "http://a.example/a.css"
ANCHORS = "preserve-unchanged.warc.gz"
PLAYERS = f"archive/{ANCHORS}"
ANCHORED = b'"filename":"preserve-unchanged.warc.gz"'
DAY = timedelta(days=1)
LISTED = {f"http://a.example/{name}" for name in ("a.css", "f.woff2", "one.png", "two.png", "small.png")}


@pytest.fixture
def pages(site: AnyHostSite) -> AnyHostSite:
    routes(site)
    return site


def routes(site: AnyHostSite) -> None:
    """Two pages that share a sheet; the sheet names a font."""
    for name in ("page", "again"):
        site.route(f"/{name}", text(PAGE.format(name) + "<p>more of it</p>" * 100, media_type="text/html"))
    site.route("/a.css", text("@font-face { src: url(/f.woff2) }\n" + "p { margin: 0 }\n" * 100, media_type="text/css"))
    site.route("/f.woff2", image("font"))
    site.route("/one.png", image("one"))
    site.route("/two.png", image("two"))
    site.route("/small.png", text("small", media_type="image/png"))


def test_a_second_night_lists_what_is_as_it_was(preserve: Run, pages: AnyHostSite) -> None:
    first = preserve(*args(pages, *BOTH))
    assert (first.code, lists(run_folder(first))) == (0, {}), first.stderr
    asked = {one.target for one in pages.take_served()}
    second = preserve(*args(pages, *BOTH))
    assert second.code == 0, second.stderr
    assert {one.target for one in pages.take_served()} == asked, "everything is asked for as ever"
    run = run_folder(second)
    assert {answer.url for answers in lists(run).values() for answer in answers} == LISTED
    found = captures(run)
    originals = dates(run_folder(first))
    payloads = {line["final_url"]: line["payload_sha256"] for line in captures(run_folder(first))}
    for answers in lists(run).values():
        for answer in answers:
            assert answer.refers_to_date.isoformat().replace("+00:00", "Z") == originals[answer.url]
            assert answer.payload_sha256 == payloads[answer.url]
    assert not [line for line in found if "requisite_of" in line]
    by_page = {line["final_url"]: line.get("unchanged", 0) for line in found if "cited_in" in line}
    assert by_page == {
        f"http://a.example/{name}": len(lists(run).get(f"http://a.example/{name}", ())) for name in ("page", "again")
    }
    assert all(uri.endswith(("page", "again")) for uri, _ in records(run, "revisit"))
    assert (
        second.lines[-1]["counts"] | {"requisites": 5, "requisites_listed": 5, "requisites_lacking": 0}
        == second.lines[-1]["counts"]
    )
    for command in (("verify", "archive"), ("verify", "archive", "--thorough"), ("verify", run)):
        done = preserve(*command)
        assert done.code in {0, 41 if command[-1] == run else 0}, done.stdout + done.stderr
    if CHECK_RUN.exists():
        checked = subprocess.run([sys.executable, CHECK_RUN, run], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout


def change(site: AnyHostSite) -> None:
    """One picture and the sheet are others now."""
    site.route("/one.png", image("another one"))
    site.route("/a.css", text("@font-face { src: url(/f.woff2) }\n" + "p { margin: 1em }\n" * 100, media_type="text/css"))


def nights(preserve: Run, site: AnyHostSite) -> list[Path]:
    """Four runs: as it is, the same again, something changed, that again."""
    found = []
    for number in range(4):
        if number == 2:
            change(site)
        done = preserve(*args(site, *BOTH))
        assert done.code == 0, done.stderr
        found.append(run_folder(done))
    return found


def test_what_changes_is_kept_and_what_it_was_is_not_forgotten(preserve: Run, pages: AnyHostSite) -> None:
    runs = nights(preserve, pages)
    listed = [{answer.url.rpartition("/")[2] for answers in lists(run).values() for answer in answers} for run in runs]
    every = {url.rpartition("/")[2] for url in LISTED}
    assert listed == [set(), every, every - {"one.png", "a.css"}, every]
    assert {uri.rpartition("/")[2] for uri, _ in records(runs[2], "response")} == {"one.png", "a.css", "robots.txt"}
    refers = {answer.url: answer.refers_to_date for answers in lists(runs[3]).values() for answer in answers}
    first, third = dates(runs[0]), dates(runs[2])
    assert {url: date.isoformat().replace("+00:00", "Z") for url, date in refers.items()} == {
        url: third.get(url, first[url]) for url in LISTED
    }
    done = preserve("verify", "archive", "--thorough")
    assert done.code == 0, done.stdout


def index_of(wacz: Path) -> list[tuple[str, str, str]]:
    """(address, time, offset) of each line."""
    with zipfile.ZipFile(wacz) as bundle:
        (name,) = (name for name in bundle.namelist() if name.startswith("indexes/") and name.endswith((".cdx", ".cdx.gz")))
        data = bundle.read(name)
    rows = (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()
    found = []
    for row in rows:
        _, moment, members = row.split(" ", 2)
        said = json.loads(members)
        found.append((said["url"], moment, f"{said['filename']} {said['offset']}"))
    return found


@pytest.mark.long
def test_bundles_hold_what_lists_refer_to(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    runs = nights(preserve, pages)
    whole, one, page = (tmp_path / f"{name}.wacz" for name in ("whole", "one", "page"))
    for command in (("-o", whole), ("--run", "1", "-o", one), ("--run", "3", "--url", "http://a.example/again", "-o", page)):
        done = preserve("bundle", "archive", *command)
        assert done.code == 0, done.stderr
        checked = preserve("verify", command[-1])
        assert checked.code == 0, checked.stdout + checked.stderr
    originals = {
        name: {uri for path in wacz_warcs(bundle, tmp_path / name) for uri in responses(path)}
        for name, bundle in (("one", one), ("page", page))
    }
    assert originals["one"] >= LISTED
    assert originals["page"] >= LISTED, "the other page's list names what this page needs"
    moments = {answer.url: f"{answer.at:%Y%m%d%H%M%S}" for answers in lists(runs[1]).values() for answer in answers}
    others = {f"http://a.example/{name}" for name in ("one.png", "a.css")}
    anchors = {(url, moment) for url, moment, place in index_of(whole) if place.startswith("preserve-unchanged.warc.gz ")}
    assert anchors == {(url, moments[url]) for url in others}, "the last night before each was otherwise"
    assert not [place for _, _, place in index_of(one) if place.startswith("preserve-unchanged")]
    last = {answer.url: f"{answer.at:%Y%m%d%H%M%S}" for answers in lists(runs[3]).values() for answer in answers}
    chosen = {(url, moment) for url, moment, place in index_of(page) if place.startswith("preserve-unchanged.warc.gz ")}
    assert chosen == set(last.items()), "what the page needs, also where another page's list has it"
    entries, alone = unpack(whole), unpack(one)
    (records_for_players,) = (data for name, data in entries if name == PLAYERS)
    odd = {
        "left out": without(entries),
        "put in": [
            (PLAYERS, records_for_players),
            *changed_entries(
                alone, wacz.INDEX, lambda data: b"".join(sorted([*data.splitlines(True), *rows_of(entries, ANCHORED)]))
            ),
        ],
    }
    for what, made in odd.items():
        done = preserve("verify", repack(tmp_path / f"{what}.wacz", resigned(made, pen=Pen("somebody"))))
        assert done.code == 40, done.stdout
        assert "preserve-unchanged.warc.gz: " in done.stdout
        assert "forged: " in done.stdout


@pytest.mark.long
def test_a_selection_has_records_for_players_of_what_its_pages_need(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    """Also of what only another page's list has, which does not go along: that is the word of whoever made the bundle, within bounds."""
    runs = nights(preserve, pages)
    every = {answer.url: answer for answers in lists(runs[3]).values() for answer in answers}
    for page in ("page", "again"):
        assert preserve("bundle", "archive", "--url", f"http://a.example/{page}", "-o", f"{page}.wacz").code == 0
        done = preserve("verify", f"{page}.wacz")
        assert done.code == 0, done.stdout
        here = {(url, moment) for url, moment, place in index_of(tmp_path / f"{page}.wacz") if place.startswith(f"{ANCHORS} ")}
        assert here >= {(answer.url, f"{answer.at:%Y%m%d%H%M%S}") for answer in every.values()}
    told = "for players: what other pages' lists say, which are not here"
    lent = "page" if told in preserve("verify", "page.wacz").stdout else "again"
    assert told in preserve("verify", f"{lent}.wacz").stdout
    entries = unpack(tmp_path / f"{lent}.wacz")
    (old,) = (data for name, data in entries if name == PLAYERS)
    true = every[CSS]
    digest = next(header.payload_digest for header in headers(old) if (header.target_uri, header.date) == (CSS, true.at))
    first = next(answer for answers in lists(runs[1]).values() for answer in answers if answer.url == CSS)
    odd = {
        "of a time when nothing came": replace(true, refers_to_date=first.refers_to_date - DAY),
        "before there was anything": replace(
            true, at=first.refers_to_date - DAY, refers_to_date=first.refers_to_date - 2 * DAY
        ),
        "after all was sealed": replace(true, at=true.at + DAY),
        "of another address": replace(true, url="http://a.example/else.css"),
    }
    for what, answer in odd.items():
        member = gzipmember.store(warc.header(anchor(answer, digest)), b"", warc.END)
        done = preserve(
            "verify", repack(tmp_path / "odd.wacz", resigned(with_records(entries, old + member), pen=Pen("somebody")))
        )
        assert done.code == 40, what
        assert "preserve-unchanged.warc.gz: " in done.stdout, done.stdout
    owner = next(uri.rpartition("/")[2] for uri in lists(runs[3]))
    entries = without(unpack(tmp_path / f"{owner}.wacz"))
    done = preserve("verify", repack(tmp_path / "less.wacz", resigned(entries, pen=Pen("somebody"))))
    assert (done.code, "it is not what follows from the lists" in done.stdout) == (40, True), done.stdout


def headers(data: bytes) -> list[Header]:
    return [found.header for found in warcscan.scan([data]) if found.header is not None]


def with_records(entries: Entries, data: bytes) -> Entries:
    """The bundle with another file of records for players, and its lines of the index."""
    lines = [
        cdxj.line(
            found.header,
            found.block,
            filename=ANCHORS,
            offset=found.offset,
            length=found.length,
            sha256=found.sha256,
        ).encode()
        + b"\n"
        for found in warcscan.scan([data])
        if found.header is not None
    ]
    made = changed_entries(entries, PLAYERS, lambda _: data)
    return changed_entries(
        made,
        wacz.INDEX,
        lambda index: b"".join(sorted([*lines, *(row for row in index.splitlines(keepends=True) if ANCHORED not in row)])),
    )


def without(entries: Entries) -> Entries:
    """The bundle without these records, and without their lines of the index."""
    rest = [(name, data) for name, data in entries if name != PLAYERS]
    return changed_entries(
        rest, wacz.INDEX, lambda data: b"".join(row for row in data.splitlines(keepends=True) if ANCHORED not in row)
    )


def changed_entries(entries: Entries, name: str, change: Callable[[bytes], bytes]) -> Entries:
    return changed(entries, lambda one: one == name, change)


def rows_of(entries: Entries, part: bytes) -> list[bytes]:
    """The index's lines with these bytes in them."""
    (index,) = (data for name, data in entries if name == wacz.INDEX)
    return [row for row in index.splitlines(keepends=True) if part in row]


def wacz_warcs(wacz: Path, folder: Path) -> list[Path]:
    with zipfile.ZipFile(wacz) as bundle:
        bundle.extractall(folder, [name for name in bundle.namelist() if name.startswith("archive/")])
    return sorted(folder.glob("archive/*.warc.gz"))


def responses(warc: Path) -> set[str]:
    with warc.open("rb") as file:
        return {
            record.rec_headers.get_header("WARC-Target-URI")
            for record in ArchiveIterator(file, no_record_parse=True)
            if record.rec_type == "response"
        }


@pytest.mark.long
def test_it_is_told_where_a_person_looks(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    preserve(*args(pages, "--url", "http://a.example/page"))
    second = preserve(*(part for part in args(pages, "--url", "http://a.example/page") if part != "--json"))
    assert "5 requisites (5 unchanged, listed)" in second.stderr
    (standing,) = preserve("status", "archive", "--json").lines
    assert standing["requisites_listed"] == 5
    assert preserve("report", "archive", "-o", "report").code == 0
    texts = [path.read_text() for path in (tmp_path / "report").rglob("*.html")]
    assert sum("5 were asked for and came as earlier runs have them" in text for text in texts) == 1
    assert preserve("diff", "archive", "http://a.example/page").code == 0
    assert preserve("prove", "archive", "http://a.example/page", "-o", "page.zip").code == 0
    assert preserve("verify", "page.zip").code == 0
    with zipfile.ZipFile(tmp_path / "page.zip") as packet:
        packet.extractall(tmp_path / "page")
    keyid = json.loads((tmp_path / "page" / "manifest.json").read_text())["signers"][0]["keyid"]
    command = [sys.executable, str(tmp_path / "page" / "verify.py"), "--key", keyid, str(tmp_path / "page.zip")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_made_again_depends_on_no_deflater(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    """A deflater promises what comes out again, and may make other bytes in another process of the same machine."""
    for _ in range(2):
        preserve(*args(pages, "--url", "http://a.example/page"))
    why = ("--reason", "a person asked for it", "--by", "that person", "--no-timestamp", "--yes")
    assert preserve("redact", "archive", "--url", "http://a.example/one.png", *why).code == 0
    assert preserve("bundle", "archive", "--url", "http://a.example/page", "-o", "some.wacz").code == 0
    entries = unpack(tmp_path / "some.wacz")
    members = [data for name, data in entries if name in {PLAYERS, "archive/preserve-removed.warc.gz"}]
    assert len(members) == 2
    for data in members:
        assert data[len(gzipmember.HEADER)] >> 1 & 3 == 0, "its first block is stored (RFC 1951 section 3.2.3)"


@pytest.mark.long
def test_an_original_that_is_removed(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    """As with revisits: what refers to it stays and is told of, and goes along with --all-copies."""
    for _ in range(2):
        preserve(*args(pages, "--url", "http://a.example/page"))
    why = ("--reason", "a person asked for it", "--by", "that person", "--no-timestamp", "--yes")
    shown = preserve("redact", "archive", "--url", "http://a.example/one.png", *why)
    assert shown.code == 0, shown.stderr
    assert "run 1 lists it, or the same content, as unchanged for http://a.example/page" in shown.stdout + shown.stderr
    done = preserve("verify", "archive", "--thorough", "--json")
    assert done.code in {0, 41}
    (told,) = (line["detail"] for line in done.lines if "listed as unchanged" in line.get("detail", ""))
    assert "records were removed" in told
    for chosen in (("--run", "1"), (), ("--url", "http://a.example/page")):
        made = preserve("bundle", "archive", *chosen, "-o", "some.wacz")
        assert made.code == 0, made.stderr
        assert "http://a.example/one.png  (as an earlier capture, which was removed)" in made.stderr
        checked = preserve("verify", "some.wacz", "--json")
        assert checked.code == 41, checked.stdout
        told = [line["detail"] for line in checked.lines if "cannot be replayed" in line.get("detail", "")]
        assert any(detail.startswith("listed as unchanged, http://a.example/one.png at ") for detail in told)
        stands = [url for url, _, place in index_of(tmp_path / "some.wacz") if place.startswith("preserve-removed.warc.gz ")]
        assert set(stands) == {"http://a.example/one.png"}
    assert preserve("redact", "archive", "--url", "http://a.example/two.png", *why, "--all-copies").code == 0
    done = preserve("verify", "archive", "--thorough", "--json")
    assert done.code in {0, 41}, done.stdout
    page = next(line for line in preserve("status", "archive", "--json").lines if line.get("url") == "http://a.example/page")
    assert page["intact"] is True, page
    assert preserve("report", "archive", "-o", "report").code == 41
    (told,) = (tmp_path / "report" / "captures" / "000001").rglob("*.html")
    assert "came as earlier runs have them. The list of them is not there any more." in told.read_text()


@pytest.mark.long
def test_what_came_again_after_a_removal_is_kept_once(preserve: Run, pages: AnyHostSite) -> None:
    """The index of payloads forgets the record that is gone, and knows the new one."""
    preserve(*args(pages, "--url", "http://a.example/page"))
    why = ("--reason", "a person asked for it", "--by", "that person", "--no-timestamp", "--yes")
    assert preserve("redact", "archive", "--url", "http://a.example/one.png", *why).code == 0
    again, then = (run_folder(preserve(*args(pages, "--url", "http://a.example/page"))) for _ in range(2))
    assert "http://a.example/one.png" in dates(again)
    assert "http://a.example/one.png" not in dates(then)
    (answers,) = lists(then).values()
    assert {answer.url for answer in answers} == LISTED
    assert preserve("verify", "archive", "--thorough").code in {0, 41}


@pytest.mark.long
def test_workers_and_schedules_list_too(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    assert preserve(*args(pages, *BOTH, "--workers", "2")).code == 0
    done = preserve(*args(pages, *BOTH, "--workers", "2"))
    assert done.lines[-1]["counts"]["requisites_listed"] == 5
    added = preserve(
        "schedule", "add", "--every", "1d", "--url", "http://a.example/page", "--connect-to", pages.connect_to, "--delay", "0",
        "--no-timestamp", "--list-unchanged",
    )  # fmt: skip
    assert added.code == 0, added.stderr
    assert "list-unchanged = true" in (tmp_path / "archive" / "schedules.toml").read_text()
    assert preserve("schedule", "run", "--once").code == 0
    newest = max((tmp_path / "archive" / "runs").iterdir())
    assert sum(len(answers) for answers in lists(newest).values()) == 5
    assert preserve("verify", "archive", "--thorough").code == 0


def test_without_the_option_revisits_are_written(preserve: Run, pages: AnyHostSite) -> None:
    preserve(*args(pages, *BOTH))
    done = preserve(*(part for part in args(pages, *BOTH) if part != "--list-unchanged"))
    assert (lists(run_folder(done)), done.lines[-1]["counts"]["requisites_listed"]) == ({}, 0)
    assert {uri for uri, _ in records(run_folder(done), "revisit")} >= LISTED - {"http://a.example/small.png"}


@pytest.mark.parametrize(
    "odd", ["address", "type", *(pytest.param(odd, marks=pytest.mark.long) for odd in ("status", "coding", "interim", "cut"))]
)
def test_what_is_odd_is_not_listed(odd: str, preserve: Run, pages: AnyHostSite) -> None:
    body = b"the bytes of one\n" * 100
    preserve(*args(pages, "--url", "http://a.example/page"))
    answers: dict[str, list[bytes]] = {
        "status": [respond(body, status="203 Non-Authoritative Information", fields=[("Content-Type", "image/png")])],
        "type": [respond(body, fields=[("Content-Type", "image/gif")])],
        "coding": [respond(body, fields=[("Content-Type", "image/png"), ("Content-Encoding", "identity")])],
        "interim": [b"HTTP/1.1 103 Early Hints\r\n\r\n", respond(body, fields=[("Content-Type", "image/png")])],
    }
    if odd == "address":
        changed_page = PAGE.format("page").replace("/one.png", "/one.png?again") + "<p>more of it</p>" * 100
        pages.route("/page", text(changed_page, media_type="text/html"))
        pages.route("/one.png?again", image("one"))
    elif odd == "cut":
        pages.route(
            "/one.png", lambda _: Reply(pieces=[respond(body, fields=[("Content-Type", "image/png")])[:-100]], keep=False)
        )
    else:
        pages.route("/one.png", lambda _: Reply(pieces=list(answers[odd])))
    done = preserve(*args(pages, "--url", "http://a.example/page"))
    assert done.code == 0, done.stderr
    listed = {answer.url for answers in lists(run_folder(done)).values() for answer in answers}
    assert listed == LISTED - {"http://a.example/one.png"}
    assert [line["url"] for line in captures(run_folder(done)) if "/one.png" in line["url"]]


def test_a_run_by_itself_says_what_cannot_be_seen(preserve: Run, pages: AnyHostSite, tmp_path: Path) -> None:
    preserve(*args(pages, "--url", "http://a.example/page"))
    done = preserve(*args(pages, "--url", "http://a.example/page"))
    shutil.copytree(run_folder(done), tmp_path / "alone")
    checked = preserve("verify", "alone", "--thorough", "--json")
    assert [
        line["result"] for line in checked.lines if "needs the archive: whether what 5 unchanged" in line.get("detail", "")
    ] == ["not-checked"]


def forge(run: Path, change: Callable[[bytes], bytes]) -> None:
    """Put another block into the record of the one list of a run; the record index is brought to agree, as a dishonest signer would."""
    warc = max(run.glob("data/*.warc.gz"))
    index = warc.with_name(warc.name.removesuffix(".warc.gz") + ".records")
    rows = [row.split(" ") for row in index.read_text().splitlines()]
    info, found = (warc.read_bytes()[int(row[2]) : int(row[2]) + int(row[3])] for row in rows)
    head, _, block = gzip.decompress(found).removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
    changed = change(head + b"\r\n\r\n" + block)
    head, _, block = changed.partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(block), head)
    member = gzip.compress(head + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)
    warc.write_bytes(info + member)
    rows[1][3] = str(len(member))
    index.write_text("".join(" ".join(row) + "\n" for row in rows))


FORGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a member more": (lambda data: data.replace(b'"status":200', b'"status":200,"trust":true', 1), "unknown field"),
    "a line less": (lambda data: data[: data.rindex(b"{")], "its capture says 5"),
    "another page's": (
        lambda data: data.replace(b"unchanged:http://a.example/page", b"unchanged:http://b.example/page"),
        "another page's",
    ),
    "no list": (lambda data: data.replace(b"urn:preserve:unchanged:", b"urn:preserve:exchange:"), "and has none"),
    "another hash": (
        lambda data: re.sub(rb'"payload_sha256":"[0-9a-f]{8}', b'"payload_sha256":"00000000', data, count=1),
        "no earlier run",
    ),
    "an earlier date": (
        lambda data: re.sub(rb'"refers_to_date":"20\d\d', b'"refers_to_date":"2019', data, count=1),
        "no earlier run",
    ),
}


@pytest.fixture(scope="module")
def listing_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two runs, the second with a list."""
    folder = tmp_path_factory.mktemp("listing")
    env = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    with AnyHostSite() as site:
        routes(site)
        for _ in range(2):
            done = run_preserve(folder, *args(site, "--url", "http://a.example/page"), env=env)
            assert done.code == 0, done.stderr
    return folder / "archive"


@pytest.mark.parametrize("name", FORGED)
def test_a_dishonest_list_is_found(name: str, listing_archive: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(listing_archive, archive)
    names = sorted(path.name for path in (archive / "runs").iterdir())
    change, why = FORGED[name]
    with DiskFolder(archive) as folder:
        assert list(verify_unchanged.check(folder, names, removals=False)) == []
        forge(archive / "runs" / names[1], change)
        (found,) = verify_unchanged.check(folder, names, removals=False)
    assert (found.result, why in found.detail) == (Result.FAIL, True), found


def test_a_record_on_the_way_to_an_answer_is_not_what_a_list_refers_to(
    preserve: Run, pages: AnyHostSite, tmp_path: Path
) -> None:
    """A redirect's record lies in the capture that has the answer's hash: a dishonest list may not name the one with the other."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /else.png\r\nContent-Length: 0\r\n\r\n"
    pages.route("/moved.png", lambda _: Reply(pieces=[moved]))
    pages.route("/else.png", image("else"))
    pages.route("/page", text(PAGE.format("page") + "<img src=/moved.png>" + "<p>more of it</p>" * 100, media_type="text/html"))
    first, second = (run_folder(preserve(*args(pages, "--url", "http://a.example/page"))) for _ in range(2))
    (payload,) = (line["payload_sha256"] for line in captures(first) if line["url"] == "http://a.example/moved.png")
    named = {
        "url": "http://a.example/moved.png",
        "payload_sha256": payload,
        "refers_to_date": dates(first)["http://a.example/moved.png"],
    }

    def other(row: re.Match[bytes]) -> bytes:
        return json.dumps(json.loads(row[0]) | named, sort_keys=True, separators=(",", ":")).encode()

    forge(second, lambda data: re.sub(rb"\{.*/two\.png.*\}", other, data))
    with DiskFolder(tmp_path / "archive") as folder:
        (found,) = verify_unchanged.check(folder, [first.name, second.name], removals=False)
    assert (found.result, "moved.png is listed as unchanged" in found.detail) == (Result.FAIL, True), found

"""The main job as a user runs it, against a real server: what is captured, what is said, and what is left after trouble."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from running import Finished, Run
from sites import AnyHostSite, Reply, Request, redirect, respond, slow, text, wait_until


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--delay", "0", "--json", *more)


def run_folder(done: Finished) -> Path:
    return Path(done.lines[-1]["manifest"]).parent


def records(run: Path) -> list[Any]:
    found = []
    for warc in sorted(run.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), record.raw_stream.read()))
    return found


def test_what_the_server_logged_is_what_the_archive_holds(preserve: Run, site: AnyHostSite) -> None:
    site.route("/moved", redirect("http://b.example/page"))
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://a.example/page", "--url", "http://a.example/moved"))
    assert done.code == 0, done.stderr
    *targets, last = done.lines
    assert sorted((line["url"], line["final_url"], line["outcome"], line["verdict"]) for line in targets) == [
        ("http://a.example/moved", "http://b.example/page", "captured", "ok"),
        ("http://a.example/page", "http://a.example/page", "captured", "ok"),
    ]
    run = run_folder(done)
    assert hashlib.sha256((run / "SEAL").read_bytes()).hexdigest() == last["seal_sha256"]
    kept = records(run)
    assert sorted(block for kind, _, block in kept if kind == "request") == sorted(served.request for served in site.served)
    assert sorted(block for kind, _, block in kept if kind == "response") == sorted(served.response for served in site.served)
    for line in targets:
        for record in line["records"]:
            assert (run / record["file"]).is_file()


def test_an_address_cited_twice_is_asked_once(preserve: Run, site: AnyHostSite) -> None:
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://a.example/x#one", "--url", "http://A.example:80/x#two"))
    assert [line["url"] for line in done.lines[:-1]] == ["http://a.example/x#one"]
    assert len(site.served) == 1


def test_what_cannot_be_asked_is_told_and_never_asked(preserve: Run, site: AnyHostSite) -> None:
    done = preserve(*args(site, "--url", "javascript:alert(1)", "--url", "file:///etc/passwd", "--url", "http://a b/"))
    assert done.code == 11
    assert [(line["outcome"], line["records"]) for line in done.lines[:-1]] == [
        ("refused", []),
        ("refused", []),
        ("failed", []),
    ]
    assert all(line["reason"] for line in done.lines[:-1])
    assert site.connections == 0


def test_a_private_address_is_refused_and_sees_nothing(preserve: Run, site: AnyHostSite) -> None:
    port = site.connect_to.rpartition(":")[2]
    done = preserve("capture", "--json", "--url", f"http://127.0.0.1:{port}/", "--url", f"http://0x7f.1:{port}/")
    assert done.code == 11
    assert {line["outcome"] for line in done.lines[:-1]} == {"refused"}
    assert site.connections == 0


def test_a_redirect_loop_fails_with_its_hops_kept(preserve: Run, site: AnyHostSite) -> None:
    site.route("/a", redirect("/b"))
    site.route("/b", redirect("/a"))
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://loop.example/a"))
    assert done.code == 11
    line = done.lines[0]
    assert line["outcome"] == "failed"
    assert "loop" in line["reason"]
    assert [record["type"] for record in line["records"]].count("response") == 2


@pytest.mark.parametrize("place", ["javascript:alert(1)", "file:///etc/passwd", "http://[::", "//"])
def test_an_unusable_location_fails_with_the_hop_kept(preserve: Run, site: AnyHostSite, place: str) -> None:
    site.route("/a", redirect(place))
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://odd.example/a"))
    line = done.lines[0]
    assert (done.code, line["outcome"], line["status"]) == (11, "failed", 302)
    assert "response" in [record["type"] for record in line["records"]]


def test_a_redirect_to_a_private_place_is_refused(preserve: Run, site: AnyHostSite) -> None:
    with AnyHostSite() as inside:
        site.route("/a", redirect(f"http://127.0.0.1:{inside.connect_to.rpartition(':')[2]}/secret"))
        done = preserve(*args(site, "--robots", "ignore", "--url", "http://odd.example/a"))
        assert done.lines[0]["outcome"] == "refused"
        assert inside.connections == 0
    assert [record["type"] for record in done.lines[0]["records"]].count("response") == 1


def test_a_missing_page_is_captured_as_gone(preserve: Run, site: AnyHostSite) -> None:
    site.route("/gone", text("no", status="404 Not Found"))
    done = preserve(*args(site, "--url", "http://a.example/gone"))
    line = done.lines[0]
    assert (done.code, line["outcome"], line["status"], line["verdict"]) == (10, "captured", 404, "gone")


def test_robots_are_noted_obeyed_or_not_asked(preserve: Run, site: AnyHostSite) -> None:
    site.route("/robots.txt", text("User-agent: *\nDisallow: /private"))
    noted = preserve(*args(site, "--url", "http://a.example/private"))
    assert (noted.lines[0]["outcome"], noted.lines[0]["signals"]) == ("captured", ["robots.txt asks not to fetch it"])
    obeyed = preserve(*args(site, "--robots", "obey", "--url", "http://a.example/private", "--url", "http://a.example/open"))
    assert {line["url"]: line["outcome"] for line in obeyed.lines[:-1]} == {
        "http://a.example/private": "refused",
        "http://a.example/open": "captured",
    }
    asked = len(site.served)
    preserve(*args(site, "--robots", "ignore", "--url", "http://a.example/other"))
    assert len(site.served) == asked + 1


def test_a_body_over_the_limit_is_cut_and_told(preserve: Run, site: AnyHostSite) -> None:
    site.route("/big", text(b"x" * 3_000_000))
    done = preserve(*args(site, "--max-size", "1M", "--robots", "ignore", "--url", "http://a.example/big"))
    line = done.lines[0]
    assert (done.code, line["outcome"]) == (10, "truncated")
    assert line["reason"]
    block = next(block for kind, _, block in records(run_folder(done)) if kind == "response")
    assert 1_000_000 <= len(block) <= 2_100_000


def test_nothing_to_capture_makes_no_archive(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("A text that cites nothing at all.\n" * 5)
    done = preserve("capture", "plain.txt", "--json")
    assert (done.code, done.stdout) == (11, "")
    assert not (tmp_path / "archive").exists()
    assert preserve("capture").code == 2
    assert preserve("capture", "--resume").code == 0
    assert not (tmp_path / "archive").exists()


def test_a_folder_that_is_something_else_is_left_alone(preserve: Run, tmp_path: Path, site: AnyHostSite) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "thesis.doc").write_text("mine")
    done = preserve(*args(site, "--url", "http://a.example/"))
    assert done.code == 30
    assert "thesis.doc" in done.stderr
    assert os.listdir(tmp_path / "archive") == ["thesis.doc"]


def begin(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "preserve", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def journal_of(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "journal" / "journal.sqlite"


def done_targets(tmp_path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{journal_of(tmp_path)}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM targets WHERE state=2").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill_after(done: int, tmp_path: Path, site: AnyHostSite) -> None:
    """Begin a capture of the list and kill it when that many targets are done."""
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--concurrency", "2", "--url-list", "urls"))
    try:
        wait_until(lambda: done_targets(tmp_path) >= done)
    finally:
        running.kill()
        running.communicate()


@pytest.fixture
def urls(tmp_path: Path) -> list[str]:
    found = [f"http://h{number % 7}.example/{number}" for number in range(40)]
    (tmp_path / "urls").write_text("\n".join(found))
    return found


def test_killed_and_resumed_nothing_is_lost_or_doubled(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n" * 1000), pause=0.02))
    options = args(site, "--robots", "ignore", "--concurrency", "4", "--url-list", "urls")
    running = begin(tmp_path, *options)
    wait_until(lambda: done_targets(tmp_path) >= 10)
    running.send_signal(signal.SIGKILL)
    printed, _ = running.communicate()
    before = [json.loads(line)["url"] for line in printed.splitlines() if line.endswith("}")]

    done = preserve(*args(site, "--robots", "ignore", "--resume"))
    assert done.code == 0, done.stderr
    after = [line["url"] for line in done.lines[:-1]]
    assert not set(before) & set(after)
    run = run_folder(done)
    asked = [uri for kind, uri, _ in records(run) if kind in {"response", "revisit"}]
    assert sorted(asked) == sorted(urls)
    captures = [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]
    assert sorted(line["url"] for line in captures) == sorted(urls)
    assert preserve("verify", "archive").code == 0


def test_interrupted_it_says_so_and_goes_on(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n"), pause=0.05))
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--concurrency", "2", "--url-list", "urls"))
    wait_until(lambda: done_targets(tmp_path) >= 3)
    running.send_signal(signal.SIGTERM)
    printed, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "--resume" in said
    assert preserve("verify", "archive").code in {0, 20}  # no run yet: nothing to verify, nothing broken
    done = preserve(*args(site, "--robots", "ignore", "--resume"))
    assert done.code == 0
    assert len(printed.splitlines()) + len(done.lines) - 1 == len(urls)


def test_an_open_run_is_sealed_as_interrupted_by_the_next_capture(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n"), pause=0.05))
    kill_after(3, tmp_path, site)
    done = preserve(*args(site, "--robots", "ignore", "--url", "http://new.example/"))
    assert done.code == 0
    first, second = sorted((tmp_path / "archive" / "runs").iterdir())
    assert json.loads((first / "manifest.json").read_text())["interrupted"] is True
    assert json.loads((second / "manifest.json").read_text())["interrupted"] is False
    assert preserve("verify", "archive").code == 0


def test_a_second_writer_is_told_who_holds_the_lock(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n"), pause=0.2))
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--concurrency", "1", "--url-list", "urls"))
    wait_until(lambda: done_targets(tmp_path) >= 1)
    second = preserve(*args(site, "--url", "http://b.example/"))
    running.kill()
    running.communicate()
    assert second.code == 30
    assert f"process {running.pid}" in second.stderr


def test_a_full_disk_ends_with_30_and_keeps_what_is_there(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:

    def noise(request: Request) -> Reply:
        return text(os.urandom(100_000))(request)

    site.otherwise(noise)
    options = args(site, "--robots", "ignore", "--concurrency", "2", "--url-list", "urls")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(
        [sys.executable, "-m", "preserve", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 30, done.stderr
    kept = [json.loads(line)["url"] for line in done.stdout.splitlines()]
    assert kept
    resumed = preserve(*args(site, "--robots", "ignore", "--resume"))
    assert resumed.code == 0, resumed.stderr
    assert not set(kept) & {line["url"] for line in resumed.lines[:-1]}
    assert sorted(uri for kind, uri, _ in records(run_folder(resumed)) if kind == "response") == sorted(urls)


def test_what_a_power_cut_took_is_noticed_and_asked_again(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n" * 50), pause=0.02))
    kill_after(10, tmp_path, site)
    warc = next((tmp_path / "archive" / "journal").glob("*/data/*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    warc.write_bytes(data)
    done = preserve(*args(site, "--robots", "ignore", "--resume"))
    assert done.code == 0, done.stderr
    run = run_folder(done)
    captures = [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]
    assert sorted(line["url"] for line in captures) == sorted(urls)
    assert list(run.glob("data/*torn*.bin"))
    assert preserve("verify", "archive").code == 0


def test_a_clock_in_the_past_is_told_and_not_borne_out(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    assert preserve(*args(site, "--url", "http://a.example/")).code == 0
    set_back = (
        "import sys, time_machine, preserve.cli\n"
        "sys.argv = ['preserve', *sys.argv[1:]]\n"
        "with time_machine.travel('2020-01-01T00:00:00Z', tick=True):\n"
        "    preserve.cli.main()\n"
    )
    options = args(site, "--robots", "ignore", "--url", "http://b.example/")
    done = subprocess.run([sys.executable, "-c", set_back, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clock" in done.stderr
    assert preserve("verify", "archive").code == 41


def test_resuming_what_is_sealed_already_asks_nothing(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("A claim.1\n\n1 Ada Lund, online: <http://one.example/page>.\n")
    options = args(site, "--robots", "ignore", "note.txt", "--url", "http://two.example/")
    assert preserve(*options).code == 0
    asked = len(site.served)
    again = preserve(*options, "--resume")
    assert (again.code, again.stdout) == (0, "")
    assert len(site.served) == asked
    more = preserve(*options, "--url", "http://three.example/", "--resume")
    assert more.code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 2


def test_a_run_that_goes_on_with_other_settings_says_both(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"a page\n"), pause=0.05))
    kill_after(3, tmp_path, site)
    done = preserve(*args(site, "--robots", "ignore", "--resume", "--per-host", "5"))
    assert done.code == 0
    infos = [block for kind, _, block in records(run_folder(done)) if kind == "warcinfo"]
    assert len(infos) == 2
    assert b'"resumed_with"' not in infos[0]
    settings = json.loads(infos[1].split(b"preserve-settings: ")[1].split(b"\r\n")[0])
    assert settings["manners"]["per_host"] == 2
    assert [later["manners"]["per_host"] for later in settings["resumed_with"]] == [5]


def test_a_line_without_end_is_sealed_so_that_it_verifies(preserve: Run, site: AnyHostSite, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("See http://one.example/page " + "字符 " * 600_000)
    assert preserve(*args(site, "--robots", "ignore", "long.txt")).code == 0
    assert preserve("verify", "archive").code == 0

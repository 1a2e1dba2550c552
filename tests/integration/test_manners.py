"""Good manners, seen from the server: hosts in trouble, Retry-After, one queue a host, who is asking."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from running import Finished, Run, whole_line
from sites import AnyHostSite, Handler, Reply, Request, page, raw, respond, text


def args(site: AnyHostSite, *more: str | Path) -> tuple[str | Path, ...]:
    return ("capture", "--connect-to", site.connect_to, "--robots", "ignore", "--no-probe", "--json", *more)


def lines_of(done: Finished) -> dict[str, dict[str, Any]]:
    """The lines of captures.jsonl by address."""
    text = (Path(done.lines[-1]["manifest"]).parent / "data/captures.jsonl").read_text()
    return {line["url"]: line for line in map(whole_line, text.splitlines())}


def patience(config_home: Path, seconds: float) -> None:
    folder = config_home / "preserve"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(f"[capture]\npatience = {seconds}\n")


class Diary:
    """When each host was asked; `timed` wraps a handler."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def timed(self, answer: Callable[[Request, int], Reply]) -> Handler:
        def handler(request: Request) -> Reply:
            before = self.times.setdefault(request.host, [])
            before.append(time.monotonic())
            return answer(request, len(before) - 1)

        return handler


def busy(status: str = "503 Busy", *fields: tuple[str, str]) -> Reply:
    return Reply(pieces=[respond(b"not now\n", status=status, fields=fields)])


@pytest.mark.long
def test_retry_after_delays_the_whole_host_and_nobody_else(preserve: Run, site: AnyHostSite) -> None:
    diary = Diary()
    site.otherwise(diary.timed(lambda request, before: busy("503 Busy", ("Retry-After", "2")) if before == 0 and "a." in request.host
                               else page(request)))  # fmt: skip
    urls = ["http://a.example/1", "http://a.example/2", "http://a.example/3", "http://b.example/1"]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *(word for url in urls for word in ("--url", url))))
    assert done.code == 0, done.stderr
    first, *later = diary.times["a.example"]
    assert all(asked - first >= 2 for asked in later)
    assert diary.times["b.example"][0] - first < 1
    line = lines_of(done)["http://a.example/1"]
    assert [(hop["url"], hop["status"]) for hop in line["hops"]] == [("http://a.example/1", 503), ("http://a.example/1", 200)]
    assert (line["status"], line["retries"], line["verdict"]) == (200, 1, "ok")
    kept = [(status, date) for url, status, date in responses(done) if url == "http://a.example/1"]
    assert [status for status, _ in kept] == ["503", "200"]
    assert line["requested_at"][:22] == kept[1][1][:22], "a player that goes there finds the page"
    assert kept[0][1][:19] != kept[1][1][:19]
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("robots", ["record", "obey"])
def test_a_long_robots_txt_is_read_to_its_end(preserve: Run, site: AnyHostSite, robots: str) -> None:
    rules = "".join(f"Disallow: /*{number:x}*.cgi$\n" for number in range(18_000))
    site.route("/robots.txt", text(f"User-agent: *\n{rules}Disallow: /private\n"))
    told = ("--robots", robots, "--no-probe", "--json", "--delay", "0")
    urls = [
        word for number in range(6) for word in ("--url", f"http://a.example/{'private' if number % 2 else 'open'}/{number}")
    ]
    done = preserve("capture", "--connect-to", site.connect_to, *told, *urls)
    found = lines_of(done)
    private = [line for url, line in found.items() if "private" in url]
    assert {line["outcome"] for url, line in found.items() if "open" in url} == {"captured"}
    assert {line["outcome"] for line in private} == {"captured" if robots == "record" else "refused"}
    said = "robots.txt asks not to fetch it"
    assert all(said in (line["signals"] if robots == "record" else line["reason"]) for line in private)


@pytest.mark.long
def test_a_redirect_that_asks_to_be_followed_later_is(preserve: Run, site: AnyHostSite) -> None:
    diary = Diary()
    onward = [("Location", "http://b.example/there"), ("Retry-After", "2")]
    leads = respond(b"", status="302 Found", fields=onward)
    site.otherwise(diary.timed(lambda request, _: Reply(pieces=[leads]) if request.target == "/here" else page(request)))
    done = preserve(*args(site, "--delay", "0", "--url", "http://a.example/here", "--url", "http://b.example/"))
    assert done.code == 0, done.stderr
    ((led,), (own, came)) = diary.times["a.example"], diary.times["b.example"]
    assert came - led >= 2
    assert own - led < 1, "the other host's own pages do not wait"


def test_a_rest_too_long_is_told_and_not_waited_for(preserve: Run, site: AnyHostSite) -> None:
    site.otherwise(lambda request: busy("429 Too Many Requests", ("Retry-After", "3600")))
    began = time.monotonic()
    done = preserve(*args(site, "--url", "http://a.example/1"))
    assert time.monotonic() - began < 5
    line = lines_of(done)["http://a.example/1"]
    assert (done.code, line["outcome"], line["status"], line["retries"]) == (10, "captured", 429, 0)
    assert "the host asks to be asked again in 3600 s" in line["signals"]
    assert len(site.served) == 1


@pytest.mark.parametrize("seconds", ["3600", "60"])
def test_no_other_address_of_a_host_is_asked_before_its_time(
    preserve: Run, site: AnyHostSite, config_home: Path, seconds: str
) -> None:
    """Too long in itself, and too long for the patience of a run that has nothing else to do: the others of that host are left for later."""
    patience(config_home, 1)
    told = f"the host asks to be asked again in {seconds} s"
    site.route("/", page, host="b.example")
    site.otherwise(lambda request: busy("429 Too Many Requests", ("Retry-After", seconds)))
    urls = [word for number in range(9) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *urls, "--url", "http://b.example/"))
    found = lines_of(done)
    assert [request.host for request in site.served].count("a.example") == 1
    assert found.pop("http://b.example/")["outcome"] == "captured"
    ((asked, line),) = [(url, line) for url, line in found.items() if line["hops"] or line["outcome"] == "captured"]
    assert (line["outcome"], line["status"], told in line["signals"]) == ("captured", 429, True)
    del found[asked]
    assert {line["outcome"] for line in found.values()} == {"failed"}
    assert {line["reason"] for line in found.values()} == {
        f"{told}, longer than this run waits: this address was left for later"
    }


def test_what_a_host_asked_for_is_not_made_shorter_by_who_asked_at_the_same_time(preserve: Run, site: AnyHostSite) -> None:
    """Two are under way; the third comes when both have their answers."""
    asked = threading.Event()

    def late(request: Request) -> Reply:
        asked.set()
        return Reply(pieces=[0.2, *busy("503 Busy", ("Retry-After", "200")).pieces])

    def early(request: Request) -> Reply:
        asked.wait(10)
        return busy("503 Busy", ("Retry-After", "3600"))

    site.route("/0", early)
    site.route("/1", late)
    urls = [word for number in range(4) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0.5", "--per-host", "2", *urls))
    found = lines_of(done)
    assert {request.target for request in site.served} == {"/0", "/1"}
    for number in (2, 3):
        assert found[f"http://a.example/{number}"]["reason"].startswith("the host asks to be asked again in 3600 s")


def test_a_host_that_asks_for_it_in_its_robots_txt_is_left_alone(preserve: Run, site: AnyHostSite) -> None:
    site.otherwise(page)
    site.route("/robots.txt", lambda request: busy("429 Too Many Requests", ("Retry-After", "3600")))
    done = preserve(
        *args(site, "--robots", "record", "--delay", "0", "--url", "http://a.example/1", "--url", "http://a.example/2")
    )
    told = "the host asks to be asked again in 3600 s, longer than this run waits: this address was left for later"
    assert {(line["outcome"], line["reason"]) for line in lines_of(done).values()} == {("failed", told)}
    assert {request.target for request in site.served} == {"/robots.txt"}


def test_a_host_that_always_asks_to_be_left_alone_is_left_alone(preserve: Run, site: AnyHostSite, config_home: Path) -> None:
    """It says no time that could be waited for: so it is given up after some addresses."""
    patience(config_home, 1)
    site.otherwise(lambda request: busy("429 Too Many Requests", ("Retry-After", "0")))
    urls = [word for number in range(30) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *urls))
    found = lines_of(done)
    assert len({request.target for request in site.served}) == 8
    assert len(found) == 30
    assert [line["outcome"] for line in found.values()].count("captured") == 8
    given_up = [line for line in found.values() if line["outcome"] == "failed"]
    assert {line["reason"] for line in given_up} == {
        "the host was given up before this address was asked: it answered 429 to 8 addresses and asks to be left alone"
    }


def test_a_host_that_closes_every_connection_is_left_alone(preserve: Run, site: AnyHostSite) -> None:
    site.route("/", page, host="b.example")
    site.otherwise(raw())
    urls = [word for number in range(30) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *urls, "--url", "http://b.example/"))
    found = lines_of(done)
    assert len(site.served) == 2 * 8 + 1, "each once more"
    assert found.pop("http://b.example/")["outcome"] == "captured"
    assert {line["outcome"] for line in found.values()} == {"failed"}
    told = [line["reason"] for line in found.values() if not line["hops"]]
    assert len(told) == 30 - 8
    assert set(told) == {
        "the host was given up before this address was asked: for 8 addresses it closed the connection without an answer"
    }


@pytest.mark.long
@pytest.mark.parametrize("answers", [7, 8])
def test_a_host_that_answers_now_and_then_is_not_given_up(preserve: Run, site: AnyHostSite, answers: int) -> None:
    """One answer, whatever it is, between those that close the connection."""
    site.otherwise(raw())
    for number in range(answers - 1, 30, answers):
        site.route(f"/{number}", page)
    urls = [word for number in range(30) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *urls))
    assert [line["outcome"] for line in lines_of(done).values()].count("captured") == 30 // answers
    assert len(site.served) == 2 * 30 - 30 // answers


@pytest.mark.long
def test_a_dead_host_is_asked_a_few_times_and_then_given_up(preserve: Run, site: AnyHostSite, config_home: Path) -> None:
    patience(config_home, 1.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    dead = [f"http://dead.example:{port}/{number}" for number in range(10)]
    urls = [word for url in [*dead, "http://a.example/"] for word in ("--url", url)]
    began = time.monotonic()
    done = preserve(*args(site, "--connect-to", f"dead.example:{port}:127.0.0.1:{port}", "--delay", "0", *urls))
    assert time.monotonic() - began < 6
    found = lines_of(done)
    assert (done.code, found["http://a.example/"]["outcome"]) == (10, "captured")
    assert {found[url]["outcome"] for url in dead} == {"failed"}
    asked = [found[url] for url in dead if found[url]["hops"]]
    assert 1 <= len(asked) <= 2
    assert {line["reason"] for line in asked} == {"connection refused"}
    assert max(line["retries"] for line in asked) >= 1
    for line in asked:
        assert [record["type"] for record in line["records"] if record["type"] == "metadata"]
    told = {found[url]["reason"] for url in dead if not found[url]["hops"]}
    assert told == {"connection refused: the host was given up before this address was asked"}


@pytest.mark.long
def test_a_host_that_comes_back_is_captured(preserve: Run, site: AnyHostSite) -> None:
    """Each of several addresses of a host that was down when the run began: the first one to be asked finds it up again."""
    diary = Diary()
    site.otherwise(diary.timed(lambda request, before: page(request) if before > 1 else busy("502 Bad Gateway")))
    urls = [word for number in range(5) for word in ("--url", f"http://a.example/{number}")]
    done = preserve(*args(site, "--delay", "0", "--per-host", "1", *urls))
    assert done.code == 0, done.stderr
    assert len(diary.times["a.example"]) == 7
    assert {line["status"] for line in lines_of(done).values()} == {200}


@pytest.mark.parametrize(("addresses", "concurrency"), [(300, "32"), (2, "1")], ids=["more than a window", "one at a time"])
def test_a_run_of_hosts_in_trouble_comes_to_its_end(
    preserve: Run, site: AnyHostSite, config_home: Path, tmp_path: Path, addresses: int, concurrency: str
) -> None:
    """While everything that was begun rests, what was not begun yet is looked at all the same."""
    patience(config_home, 0.5)
    site.otherwise(lambda request: busy("429 Too Many Requests", ("Retry-After", "0")))
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"http://{'ab'[number % 2]}.example/{number}\n" for number in range(addresses)))
    began = time.monotonic()
    done = preserve(*args(site, "--delay", "0", "--concurrency", concurrency, "--url-list", listed))
    assert time.monotonic() - began < 30
    assert done.code == 10
    assert len(done.lines) == addresses + 1
    assert {line["outcome"] for line in done.lines[:-1]} <= {"captured", "failed"}


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_was_waited_for_when_a_signal_came_is_asked_again(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, workers: str
) -> None:
    """A wait that a person cuts short is no answer: the run stays open, and nothing is said of the address yet."""
    patience(config_home, 100)
    diary = Diary()
    site.otherwise(diary.timed(lambda request, before: page(request) if before else busy("503 Busy", ("Retry-After", "60"))))
    told = args(site, "--delay", "0", "--workers", workers, "--url", "http://a.example/1")
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", *map(str, told)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    site.await_served(1)
    time.sleep(0.3)  # it has its answer, and rests
    running.send_signal(signal.SIGINT)
    printed, said = running.communicate(timeout=30)
    assert (running.returncode, printed) == (130, ""), said
    done = preserve(*args(site, "--delay", "0", "--resume"))
    assert done.code == 0, done.stderr
    assert [(line["url"], line["status"], line["verdict"]) for line in done.lines[:-1]] == [("http://a.example/1", 200, "ok")]
    assert [status for url, status, _ in responses(done) if url == "http://a.example/1"] == ["503", "200"], "nothing is lost"
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_wait_before_a_made_up_address_leaves_the_page_to_be_judged(
    preserve: Run, site: AnyHostSite, tmp_path: Path, workers: str
) -> None:
    """Whether a page is there is seen by what its host answers to an address that is not: without it nothing is said of the page."""
    citation = {
        "document": "ferry.md", "note": "1", "kind": "url", "url": "http://a.example/1", "text": "Night Crossings of the Lower Ferry",
        "title": "Night Crossings of the Lower Ferry",
    }  # fmt: skip
    (tmp_path / "plan.jsonl").write_text(json.dumps(citation) + "\n")
    site.otherwise(text("<!doctype html><title>Not found</title><p>There is no such page here.</p>", media_type="text/html"))
    common = ("capture", "--connect-to", site.connect_to, "--robots", "ignore", "--json")
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", *common, "--delay", "60", "--workers", workers, "plan.jsonl"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    site.await_served(1)
    time.sleep(0.3)  # it has its answer, and waits for the distance
    running.send_signal(signal.SIGTERM)
    printed, said = running.communicate(timeout=30)
    assert (running.returncode, printed) == (130, ""), said
    assert len(site.served) == 1
    done = preserve(*common, "--delay", "0", "--resume")
    assert done.code == 10, done.stderr
    (line,) = done.lines[:-1]
    assert line["verdict"] != "ok"
    assert [status for url, status, _ in responses(done) if url == "http://a.example/1"] == ["200", "200"], "nothing is lost"
    assert len({request.target for request in site.served}) == 2, "and the address that was made up"
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("robots", ["record", "obey"])
def test_an_interrupted_wait_for_robots_txt_is_no_answer_of_it(
    preserve: Run, site: AnyHostSite, config_home: Path, tmp_path: Path, robots: str
) -> None:
    patience(config_home, 100)
    busy_once = Diary().timed(
        lambda request, before: text("User-agent: *")(request) if before else busy("503 Busy", ("Retry-After", "60"))
    )
    site.route("/robots.txt", busy_once)
    common = ("capture", "--connect-to", site.connect_to, "--robots", robots, "--no-probe", "--json", "--delay", "0")
    told = (*common, "--per-host", "2", "--url", "http://a.example/1", "--url", "http://a.example/2")
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", *told],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    site.await_served(1)
    time.sleep(0.3)  # it has its answer, and rests
    running.send_signal(signal.SIGINT)
    printed, said = running.communicate(timeout=30)
    assert (running.returncode, printed) == (130, ""), said
    done = preserve(*common, "--resume")
    assert done.code == 0, done.stderr
    assert {(line["url"], line["outcome"]) for line in done.lines[:-1]} == {
        ("http://a.example/1", "captured"),
        ("http://a.example/2", "captured"),
    }
    asked = [status for url, status, _ in responses(done) if url.endswith("/robots.txt")]
    assert asked == ["503", "200"], "nothing is lost"
    assert preserve("verify", "archive").code == 0


@pytest.mark.long
@pytest.mark.parametrize("robots", ["record", "obey"])
def test_a_host_that_is_given_up_keeps_nobody_waiting(
    preserve: Run, site: AnyHostSite, config_home: Path, tmp_path: Path, robots: str
) -> None:
    """Where nothing is asked there is no distance to keep: a hundred addresses of a dead host do not take a hundred delays."""
    patience(config_home, 0)
    site.route("/robots.txt", text("User-agent: *\nDisallow: /\n"))
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"http://a.example/{number}\n" for number in range(100)))
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"*:80:127.0.0.1:{taken.getsockname()[1]}"
        way = dead if robots == "record" else site.connect_to
        began = time.monotonic()
        done = preserve("capture", "--connect-to", way, "--robots", robots, "--delay", "0.5", "--json", "--url-list", listed)
    assert time.monotonic() - began < 15
    assert {line["outcome"] for line in done.lines[:-1]} == {"failed" if robots == "record" else "refused"}
    assert (done.code, len(done.lines)) == (11, 101)


@pytest.mark.long
def test_two_ports_of_a_host_are_one_host(preserve: Run) -> None:
    diary = Diary()
    with AnyHostSite() as one, AnyHostSite() as other:
        for site in (one, other):
            site.otherwise(diary.timed(lambda request, _: page(request)))
        urls = [f"http://a.example:{site.port}/{number}" for number in range(2) for site in (one, other)]
        done = preserve(
            "capture", "--resolve", f"a.example:{one.port}:127.0.0.1", "--resolve", f"a.example:{other.port}:127.0.0.1",
            "--robots", "ignore", "--no-probe", "--delay", "0.4", "--json", *(word for url in urls for word in ("--url", url)),
        )  # fmt: skip
    assert done.code == 0, done.stderr
    times = sorted(moment for moments in diary.times.values() for moment in moments)
    assert len(times) == 4
    assert all(after - before > 0.35 for before, after in pairwise(times))


@pytest.mark.long
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('contact = "https://library.example/archiving"', "; +https://library.example/archiving)"),
        ('contact = "mailto:web@library.example"', "; mailto:web@library.example)"),
        ('user_agent = "library/1 (web@library.example)"', "library/1 (web@library.example)"),
    ],
)
def test_who_is_asking_says_how_to_be_reached(
    setting: str, said: str, preserve: Run, site: AnyHostSite, config_home: Path
) -> None:
    (config_home / "preserve").mkdir()
    (config_home / "preserve" / "config.toml").write_text(f"[capture]\n{setting}\n")
    done = preserve(*args(site, "--url", "http://a.example/"))
    (served,) = site.await_served(1)
    agent = served.request.split(b"User-Agent: ")[1].split(b"\r\n")[0].decode()
    assert agent.endswith(said)
    manifest = json.loads(Path(done.lines[-1]["manifest"]).read_text())
    assert manifest["environment"]["user_agent"] == agent


def test_where_from_is_told_only_by_the_user(preserve: Run, site: AnyHostSite, config_home: Path) -> None:
    silent = json.loads(Path(preserve(*args(site, "--url", "http://a.example/1")).lines[-1]["manifest"]).read_text())
    (config_home / "preserve" / "config.toml").write_text('[environment]\negress_ip = "192.0.2.9"\n')
    done = preserve(*args(site, "--url", "http://a.example/2"))
    told = json.loads(Path(done.lines[-1]["manifest"]).read_text())
    assert (silent["environment"]["egress_ip"], told["environment"]["egress_ip"]) == (None, "192.0.2.9")
    assert told["clock"]["ntp_synchronised"] in {True, False, None}
    assert "openssl" in told["tool"]["dependencies"]
    info = next(record for record in records(done) if record[0] == "warcinfo")[2]
    assert b"\r\nip: 192.0.2.9\r\n" in info
    assert b"\r\npreserve-libraries: python " in info


def test_who_waits_for_robots_txt_does_not_use_up_more_patience_than_there_is(preserve: Run, site: AnyHostSite) -> None:
    """Two wait for one answer, and the host asks for a minute: with nothing else to do that is not waited for."""
    site.route("/robots.txt", lambda request: busy("503 Busy", ("Retry-After", "60")))
    began = time.monotonic()
    told = ("capture", "--connect-to", site.connect_to, "--no-probe", "--json", "--delay", "0", "--per-host", "2")
    done = preserve(*told, "--url", "http://a.example/1", "--url", "http://a.example/2")
    assert done.code == 0, done.stderr
    assert time.monotonic() - began < 20


def test_robots_txt_of_a_dead_host_is_not_insisted_on(preserve: Run, site: AnyHostSite, config_home: Path) -> None:
    patience(config_home, 0)
    done = preserve(
        "capture", "--resolve", "dead.example:9:127.0.0.1", "--delay", "0", "--json", "--url", "http://dead.example:9/"
    )
    assert done.code == 11
    asked = [uri for kind, uri, _, _, _ in records(done) if kind == "metadata" and "urn:preserve:exchange:" in uri]
    assert asked == ["urn:preserve:exchange:http://dead.example:9/robots.txt", "urn:preserve:exchange:http://dead.example:9/"]


def records(done: Finished) -> list[tuple[str, str, bytes, str, str]]:
    """(type, URI, block, status, date) of every record of the run, in order."""
    found = []
    for warc in sorted(Path(done.lines[-1]["manifest"]).parent.glob("data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file):
                status = record.http_headers.get_statuscode() if record.rec_type == "response" else ""
                uri = record.rec_headers.get_header("WARC-Target-URI") or ""
                date = record.rec_headers.get_header("WARC-Date") or ""
                found.append((record.rec_type, uri, record.raw_stream.read(), status, date))
    return found


def responses(done: Finished) -> list[tuple[str, str, str]]:
    """(URI, status, date) of the response records, in order."""
    return [(uri, status, date) for kind, uri, _, status, date in records(done) if kind == "response"]

"""Every request of a run keeps its host's limits, whoever causes it: seen from the server, which counts who is there at once."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from preserve.rules.partition import part_of
from running import Run
from sites import AnyHostSite, Handler, Reply, Request, page, redirect, respond, text, wait_until

_ROBOTS = "User-agent: *\nDisallow: /private\n"


class Watch:
    """How many requests each host answers at once, and when each began."""

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()
        self.most_of_all = 0
        self.began: dict[str, list[float]] = {}
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def over(self, handler: Handler, *, seconds: float = 0.0) -> Handler:
        """The same answers, each so much later, and counted."""

        def watched(request: Request) -> Reply:
            reply = handler(request)
            return Reply(pieces=self._counted(request.host, seconds, reply), keep=reply.keep)

        return watched

    def _counted(self, host: str, seconds: float, reply: Reply) -> Iterator[bytes | float]:
        with self._lock:
            self._now[host] += 1
            self.most[host] = max(self.most[host], self._now[host])
            self.most_of_all = max(self.most_of_all, self._now.total())
            self.began.setdefault(host, []).append(time.monotonic())
        yield seconds
        with self._lock:  # before the answer: who has it may be back at once
            self._now[host] -= 1
        yield from reply.pieces

    def distances(self, host: str) -> list[float]:
        return [after - before for before, after in pairwise(self.began[host])]


@pytest.fixture
def watch(site: AnyHostSite) -> Watch:
    watch = Watch()
    site.otherwise(watch.over(page))
    return watch


def args(site: AnyHostSite, urls: list[str], *more: str) -> tuple[str, ...]:
    given = [word for url in urls for word in ("--url", url)]
    return ("capture", "--connect-to", site.connect_to, "--no-probe", "--no-timestamp", "--json", *more, *given)


@pytest.mark.parametrize("robots", ["record", "obey"])
def test_where_many_robots_txt_lead_is_asked_in_that_hosts_queue(
    preserve: Run, site: AnyHostSite, watch: Watch, robots: str
) -> None:
    site.route("/robots.txt", watch.over(redirect("http://common.example/rules.txt")))
    site.route("/rules.txt", watch.over(text(_ROBOTS), seconds=0.1))
    urls = [f"http://h{number}.example/" for number in range(10)]
    done = preserve(*args(site, urls, "--delay", "0", "--per-host", "1", "--robots", robots))
    assert done.code == 0, done.stderr
    assert len(watch.began["common.example"]) == 10
    assert watch.most["common.example"] == 1
    assert preserve("verify", "archive").code == 0


def test_the_distance_is_kept_where_robots_txt_leads(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    """Also on the way from one scheme or port of a host to another, and by those who waited for the answer."""
    site.route("/robots.txt", watch.over(redirect("/rules.txt"), seconds=0.3))
    site.route("/rules.txt", watch.over(text(_ROBOTS), seconds=0.3))
    urls = [f"http://a.example/{number}" for number in range(3)]
    done = preserve(*args(site, urls, "--delay", "0.2", "--per-host", "3"))
    assert done.code == 0, done.stderr
    assert len(watch.began["a.example"]) == 5
    assert min(watch.distances("a.example")) > 0.15


@pytest.mark.parametrize("robots", ["record", "obey"])
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_hosts_whose_robots_txt_lead_to_each_other_come_to_their_end(
    preserve: Run, site: AnyHostSite, watch: Watch, workers: str, robots: str
) -> None:
    """A to B, B to A, C to itself, a chain of D, E and F: with one place at each host, nobody waits for a place that waits for him."""
    for host, place in {"a": "b", "b": "a", "c": "c", "d": "e", "e": "f", "f": "g"}.items():
        site.route("/robots.txt", watch.over(redirect(f"http://{place}.example/robots.txt")), host=f"{host}.example")
    site.route("/robots.txt", watch.over(text(_ROBOTS), seconds=0.05))
    urls = [f"http://{host}.example/{number}" for number in range(6) for host in "abcdefg"]
    began = time.monotonic()
    done = preserve(*args(site, urls, "--delay", "0", "--per-host", "1", "--robots", robots, "--workers", workers))
    assert time.monotonic() - began < 20
    assert done.code == 0, done.stderr
    assert len(done.lines) == len(urls) + 1
    assert max(watch.most.values()) == 1


def test_a_dead_host_to_which_many_robots_txt_lead_is_asked_once(
    preserve: Run, site: AnyHostSite, watch: Watch, tmp_path: Path
) -> None:
    site.route("/robots.txt", watch.over(redirect("http://dead.example:9/robots.txt")))
    urls = [f"http://h{number}.example/" for number in range(8)]
    done = preserve(*args(site, urls, "--delay", "0", "--per-host", "1", "--resolve", "dead.example:9:127.0.0.1"))
    assert done.code == 0, done.stderr
    (warc,) = tmp_path.glob("archive/runs/*/data/*.warc.gz")
    with warc.open("rb") as file:
        kept = [record.rec_headers.get_header("WARC-Target-URI") for record in ArchiveIterator(file)]
    assert kept.count("urn:preserve:exchange:http://dead.example:9/robots.txt") == 1
    assert kept.count("http://h7.example/robots.txt") == 2, "what led there is kept, request and response"


def test_a_host_to_which_a_robots_txt_led_in_vain_speaks_for_itself(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    """It was down then, and answers when its own addresses are asked: what it says is what counts."""
    with socket.socket() as unheard:  # bound, and not listening yet: nobody is reached there
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        asked: list[str] = []

        def answer() -> None:
            while True:
                try:
                    connection, _ = unheard.accept()
                except OSError:
                    return
                with connection:
                    line, *_ = connection.recv(1 << 16).split(b"\r\n")
                    asked.append(line.split()[1].decode())
                    body = _ROBOTS.encode() if asked[-1] == "/robots.txt" else b"<title>One</title><p>It is up.</p>"
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        def begin(request: Request) -> Reply:
            unheard.listen()
            threading.Thread(target=answer, daemon=True).start()
            return page(request)

        site.route("/robots.txt", redirect(f"http://late.example:{port}/robots.txt"), host="a.example")
        site.route("/robots.txt", text("User-agent: *\n"), host="b.example")
        site.route("/begin", begin, host="b.example")
        urls = ["http://a.example/", "http://b.example/begin", f"http://late.example:{port}/page"]
        told = ("--delay", "0", "--concurrency", "1", "--robots", "obey", "--resolve", f"late.example:{port}:127.0.0.1")
        done = preserve(*args(site, urls, *told))
        with suppress(OSError):  # nobody listened
            unheard.shutdown(socket.SHUT_RDWR)
    assert asked == ["/robots.txt", "/page"]
    outcomes = {line["url"]: line["outcome"] for line in done.lines if "url" in line}
    assert outcomes[urls[0]] == "refused", "of a.example nobody knows what its robots.txt says"
    assert outcomes[urls[2]] == "captured"


@pytest.mark.long
def test_no_more_are_asked_at_once_than_the_run_may(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    """Hosts that rested together come back together, and keep the limit of the run all the same."""
    seen: set[str] = set()

    def busy_once(request: Request) -> Reply:
        if request.host in seen:
            return page(request)
        seen.add(request.host)
        return Reply(pieces=[respond(b"not now\n", status="503 Busy", fields=[("Retry-After", "1")])])

    site.otherwise(watch.over(busy_once, seconds=0.1))
    urls = [f"http://h{number}.example/" for number in range(24)]
    done = preserve(*args(site, urls, "--delay", "0", "--concurrency", "3", "--robots", "ignore"))
    assert done.code == 0, done.stderr
    assert watch.most_of_all <= 3


@pytest.mark.long
def test_a_slow_host_does_not_hold_the_others(preserve: Run, site: AnyHostSite, watch: Watch, tmp_path: Path) -> None:
    """It has more addresses than are kept at hand, and so have they."""
    slow, fast = Watch(), Watch()
    at_once, later = fast.over(page), slow.over(page, seconds=0.1)
    site.otherwise(lambda request: (later if request.host == "slow.example" else at_once)(request))
    listed = tmp_path / "list.txt"
    both = [f"http://{host}.example/{number}\n" for number in range(80) for host in ("slow", "fast")]
    listed.write_text("".join([*both, *(f"http://fast.example/{number}\n" for number in range(80, 300))]))
    told = ("--delay", "0", "--per-host", "2", "--concurrency", "4", "--robots", "ignore", "--url-list", str(listed))
    done = preserve(*args(site, [], *told))
    assert done.code == 0, done.stderr
    assert sum(moment < fast.began["fast.example"][-1] for moment in slow.began["slow.example"]) < 30


def test_a_host_that_leads_to_slow_ones_goes_on(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    """Its place is free as soon as the redirect has come, though nothing else happens."""
    for number in range(4):
        site.route(f"/{number}", watch.over(redirect(f"http://slow{number}.example/")), host="a.example")
        site.route("/", watch.over(page, seconds=1.0), host=f"slow{number}.example")
    urls = [f"http://a.example/{number}" for number in range(4)]
    done = preserve(*args(site, urls, "--delay", "0", "--per-host", "1", "--robots", "ignore"))
    assert done.code == 0, done.stderr
    asked = watch.began["a.example"]
    assert asked[-1] - asked[0] < 0.9


@pytest.mark.long
def test_who_queues_up_at_a_slow_host_does_not_keep_the_others_from_being_asked(
    preserve: Run, site: AnyHostSite, watch: Watch
) -> None:
    site.route("/there", watch.over(redirect("http://slow.example/")))
    site.route("/", watch.over(page, seconds=0.2), host="slow.example")
    led = [f"http://a{number}.example/there" for number in range(12)]
    others = [f"http://b{number}.example/" for number in range(12)]
    done = preserve(*args(site, [*led, *others], "--delay", "0", "--per-host", "1", "--concurrency", "4", "--robots", "ignore"))
    assert done.code == 0, done.stderr
    last = max(watch.began[f"b{number}.example"][0] for number in range(12))
    assert sum(moment < last for moment in watch.began["slow.example"]) < 6
    assert watch.most_of_all <= 4


def test_who_waits_for_a_robots_txt_does_not_keep_the_others_from_being_asked(
    preserve: Run, site: AnyHostSite, watch: Watch
) -> None:
    """Twice as many as may be asked at once wait for one answer, which comes when all others were asked."""
    others = {f"b{number}.example" for number in range(12)}
    seen: list[bool] = []

    def slow(request: Request) -> Reply:
        deadline = time.monotonic() + 5
        while not others <= watch.began.keys() and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(others <= watch.began.keys())
        return text(_ROBOTS)(request)

    site.route("/there", watch.over(redirect("http://slow.example/")))
    site.route("/robots.txt", text("User-agent: *\n"))
    site.route("/robots.txt", slow, host="slow.example")
    urls = [*(f"http://a{number}.example/there" for number in range(10)), *(f"http://{host}/" for host in sorted(others))]
    done = preserve(*args(site, urls, "--delay", "0", "--per-host", "4", "--concurrency", "4"))
    assert done.code == 0, done.stderr
    assert seen == [True]


@pytest.mark.long
def test_processes_that_share_a_run_keep_the_limits_together(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    """All of them are led to one host, which belongs to one of them."""
    for number in range(16):
        site.route("/", watch.over(redirect(f"http://common.example/{number}"), seconds=0.02), host=f"h{number}.example")
        site.route(f"/{number}", watch.over(page, seconds=0.15), host="common.example")
    urls = [f"http://h{number}.example/" for number in range(16)]
    told = ("--delay", "0.1", "--per-host", "1", "--concurrency", "5", "--robots", "ignore", "--workers", "3")
    done = preserve(*args(site, urls, *told))
    assert done.code == 0, done.stderr
    assert watch.most["common.example"] == 1
    assert min(watch.distances("common.example")) > 0.08
    assert watch.most_of_all <= 5


_LEADING = tuple(f"http://h{number}.example/" for number in range(8))
_COMMON = tuple(f"http://common.example/own{number}" for number in range(2))


def leads_to_a_busy_one(site: AnyHostSite, watch: Watch, seconds: int, *, date: bool = False) -> list[str]:
    """Pages of eight hosts, of both processes, that lead to a ninth; and two of its own. Who comes there first is told when to come back."""
    comes = itertools.count()

    def answer(request: Request) -> Reply:
        if next(comes):
            return page(request)
        now, then = (formatdate(time.time() + more, usegmt=True) for more in (0, seconds))
        told = [("Date", now), ("Retry-After", then if date else f"{seconds}")]
        return Reply(pieces=[respond(b"not now\n", status="429 Too Many Requests", fields=told)])

    for number in range(8):
        site.route("/", redirect(f"http://common.example/{number}"), host=f"h{number}.example")
        site.route(f"/{number}", watch.over(answer), host="common.example")
    for number in range(2):
        site.route(f"/own{number}", watch.over(answer), host="common.example")
    return [*_LEADING, *_COMMON]


@pytest.mark.long
@pytest.mark.parametrize(("workers", "date"), [("1", False), ("2", False), ("2", True)], ids=["one process", "seconds", "date"])
def test_what_one_request_is_told_of_a_host_is_obeyed_by_all(
    preserve: Run, site: AnyHostSite, watch: Watch, workers: str, date: bool
) -> None:
    urls = leads_to_a_busy_one(site, watch, 3, date=date)
    told = ("--delay", "0.2", "--robots", "ignore", "--workers", workers)
    done = preserve(*args(site, urls, *told))
    assert done.code == 0, done.stderr
    assert {line["status"] for line in done.lines[:-1]} == {200}
    first, *others = watch.began["common.example"]
    assert len(others) == 10
    assert min(others) - first >= 3
    assert min(watch.distances("common.example")) > 0.18
    assert preserve("verify", "archive").code == 0


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_has_nothing_else_to_do_waits_while_another_process_works(
    preserve: Run, config_home: Path, site: AnyHostSite, watch: Watch, workers: str
) -> None:
    """One process has two addresses of a busy host, and no patience; the other one is at work all the while."""
    (config_home / "preserve").mkdir(exist_ok=True)
    (config_home / "preserve" / "config.toml").write_text("[capture]\npatience = 0\n")
    comes = itertools.count()
    busy = respond(b"not now\n", status="503 Busy", fields=[("Retry-After", "2")])
    site.otherwise(watch.over(lambda request: page(request) if next(comes) else Reply(pieces=[busy]), seconds=0.1))
    urls = [f"http://h0.example/{number}" for number in range(2)]
    work = [f"http://h1.example/slow?{number}" for number in range(16)]
    for url in work:
        site.route("/" + url.rpartition("/")[2], watch.over(page, seconds=0.25), host="h1.example")
    assert part_of("h0.example", 2) != part_of("h1.example", 2)
    told = ("--delay", "0", "--per-host", "1", "--robots", "ignore", "--no-requisites", "--workers", workers)
    done = preserve(*args(site, urls + work, *told))
    assert done.code == 0, done.stderr
    assert {line["status"] for line in done.lines[:-1]} == {200}
    first, *others = watch.began["h0.example"]
    assert len(others) == 2
    assert min(others) - first >= 2


@pytest.mark.long
@pytest.mark.parametrize("what", ["robots.txt", "requisites"])
def test_what_a_robots_txt_or_a_requisite_is_told_is_obeyed_by_all(
    preserve: Run, site: AnyHostSite, watch: Watch, what: str
) -> None:
    """Pages of hosts of both processes need something of one host, or lead there; it is busy at first."""
    comes = itertools.count()

    def answer(request: Request) -> Reply:
        if next(comes):
            return text(_ROBOTS)(request) if request.target == "/robots.txt" else text("p {}", media_type="text/css")(request)
        return Reply(pieces=[respond(b"not now\n", status="503 Busy", fields=[("Retry-After", "2")])])

    site.route("/robots.txt", text(_ROBOTS))
    for number in range(8):
        site.route(f"/{number}.css", watch.over(answer), host="common.example")
        needs = text(f'<link rel="stylesheet" href="http://common.example/{number}.css">', media_type="text/html")
        leads = redirect(f"http://common.example/{number}.css")
        site.route("/", needs if what == "requisites" else leads, host=f"h{number}.example")
    if what == "robots.txt":
        site.route("/robots.txt", watch.over(answer), host="common.example")
    robots = "ignore" if what == "requisites" else "obey"
    done = preserve(*args(site, list(_LEADING), "--delay", "0.1", "--robots", robots, "--workers", "2"))
    assert done.code == 0, done.stderr
    first, *others = watch.began["common.example"]
    assert len(others) >= 8
    assert min(others) - first >= 2


@pytest.mark.long
def test_a_signal_ends_the_waiting_of_all_for_what_one_process_was_told(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, watch: Watch
) -> None:
    (config_home / "preserve").mkdir(exist_ok=True)
    (config_home / "preserve" / "config.toml").write_text("[capture]\npatience = 100\n")
    urls = leads_to_a_busy_one(site, watch, 60)
    told = args(site, urls, "--delay", "0.2", "--robots", "ignore", "--workers", "2")
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", *told], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(site.served) == 8 + 1)
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    printed, said = running.communicate(timeout=60)
    assert (running.returncode, printed) == (130, ""), said
    assert time.monotonic() - began < 5
    assert len(watch.began["common.example"]) == 1
    done = preserve(*args(site, [], "--delay", "0", "--robots", "ignore", "--workers", "2", "--resume"))
    assert done.code == 0, done.stderr
    assert sorted(line["url"] for line in done.lines[:-1]) == sorted(urls)
    assert preserve("verify", "archive").code == 0


def test_more_processes_than_requests_are_not_started(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    site.otherwise(watch.over(page, seconds=0.05))
    urls = [f"http://h{number}.example/" for number in range(12)]
    done = preserve(*args(site, urls, "--delay", "0", "--concurrency", "1", "--robots", "ignore", "--workers", "3"))
    assert done.code == 0, done.stderr
    assert watch.most_of_all == 1


@pytest.mark.long
def test_what_is_waited_for_a_place_is_not_counted_as_the_targets_time(preserve: Run, site: AnyHostSite, watch: Watch) -> None:
    site.route("/there", watch.over(redirect("http://common.example/")))
    site.route("/robots.txt", watch.over(text(_ROBOTS), seconds=0.7), host="common.example")
    urls = [f"http://h{number}.example/there" for number in range(8)]
    done = preserve(*args(site, urls, "--delay", "0.4", "--per-host", "1", "--total-timeout", "1.5"))
    assert done.code == 0, done.stderr
    assert len(watch.began["common.example"]) == 9


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_does_not_wait_until_everybody_in_the_queue_was_asked(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, watch: Watch, workers: str
) -> None:
    site.route("/there", watch.over(redirect("http://common.example/")))
    urls = [f"http://h{number}.example/there" for number in range(30)]
    told = args(site, urls, "--delay", "1", "--per-host", "1", "--robots", "ignore", "--workers", workers)
    running = subprocess.Popen(
        [sys.executable, "-m", "preserve", *told], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(watch.began) == 31)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    printed, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert time.monotonic() - began < 8
    done = preserve(*args(site, [], "--delay", "0", "--robots", "ignore", "--workers", workers, "--resume"))
    assert done.code == 0, done.stderr
    assert len(printed.splitlines()) + len(done.lines) == 30 + 1
    assert preserve("verify", "archive").code == 0

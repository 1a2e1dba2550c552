"""What a host asks for (Retry-After) counts for every request of a run: those under way beside it, and those of other processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preserve.rules.partition import part_of
from running import Finished, Run, whole_line
from sites import AnyHostSite, Handler, Reply, Request, not_found, page, raw, redirect, respond, text

LATER = "longer than this run waits: this address was left for later"


def busy(seconds: int, status: str = "429 Too Many Requests") -> Handler:
    return raw(respond(b"not now\n", status=status, fields=[("Retry-After", f"{seconds}")]), keep=True)


def after(event: threading.Event, handler: Handler) -> Handler:
    """The same answer, once that has happened."""

    def wait(request: Request) -> Reply:
        assert event.wait(30), "it did not happen in time"
        return handler(request)

    return wait


def when(event: threading.Event, handler: Handler = page) -> Handler:
    """The same answer; that it is asked for is what happens."""

    def tell(request: Request) -> Reply:
        event.set()
        return handler(request)

    return tell


def patience(config_home: Path, seconds: float) -> None:
    folder = config_home / "preserve"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(f"[capture]\npatience = {seconds}\n")


def capture(preserve: Run, site: AnyHostSite, urls: list[str], *more: str) -> Finished:
    given = [word for url in urls for word in ("--url", url)]
    told = ("--connect-to", site.connect_to, "--no-probe", "--no-timestamp", "--delay", "0", "--json")
    return preserve("capture", *told, *more, *given)


def lines_of(done: Finished) -> dict[str, dict[str, Any]]:
    """The lines of captures.jsonl by address."""
    kept = (Path(done.lines[-1]["manifest"]).parent / "data/captures.jsonl").read_text()
    return {line["url"]: line for line in map(whole_line, kept.splitlines())}


def asked(site: AnyHostSite, host: str) -> list[str]:
    return [each.target for each in site.served if each.host == host]


# ------------------------------------------------------------------------------------------------------------- in one process


@pytest.mark.parametrize(
    "seconds", [3600, pytest.param(60, marks=pytest.mark.long)], ids=["longer than any wait", "longer than the patience"]
)
@pytest.mark.parametrize(
    "second",
    [busy(1, "503 Busy"), busy(0), raw(), redirect("/elsewhere"), text("no", status="502 Bad Gateway")],
    ids=["asks for less", "asks for nothing", "closes", "leads on", "says nothing of it"],
)
def test_an_answer_on_its_way_makes_no_rest_shorter(
    preserve: Run, config_home: Path, site: AnyHostSite, second: Handler, seconds: int
) -> None:
    """Two are under way at a host; the second has its answer when the first was told. A place of the run that is free is how that is known."""
    patience(config_home, 2)
    both, heard = threading.Event(), threading.Event()
    site.route("/0", after(both, busy(seconds)), host="a.example")
    site.route("/1", when(both, after(heard, second)), host="a.example")
    site.route("/0", after(heard, page), host="b.example")
    site.route("/1", when(heard), host="b.example")
    urls = [f"http://{host}.example/{number}" for number in range(2) for host in "ab"]
    done = capture(preserve, site, [*urls, "http://a.example/2"], "--robots", "ignore", "--concurrency", "3")
    assert done.code == 10, done.stderr
    assert sorted(asked(site, "a.example")) == ["/0", "/1"]
    assert sorted(asked(site, "b.example")) == ["/0", "/1"]
    found = lines_of(done)
    assert found["http://a.example/2"]["reason"] == f"the host asks to be asked again in {seconds} s, {LATER}"
    assert preserve("verify", "archive").code == 0


# ------------------------------------------------------------------------------------------------------------- over processes

HOSTS = tuple(f"h{number}.example" for number in range(20))
COMMON = "common.example"


def in_part(part: int) -> str:
    """A host of that part, of two."""
    return next(host for host in HOSTS if part_of(host, 2) == part)


class Scene:
    """One of two processes is led to a common host, and told to come back much later; then the other one has its first answer.

    Each asks one at a time: whatever the first one asks for after that shows that it has heard.
    """

    def __init__(self, site: AnyHostSite, seconds: int, first: str, second: str) -> None:
        self.heard = threading.Event()
        self.urls = [f"http://{first}/", f"http://{second}/", *(f"http://{first}/{number}" for number in range(8))]
        self._site = site
        told = threading.Event()

        def more(request: Request) -> Reply:
            if told.is_set():
                self.heard.set()
            return page(request)

        site.route("/", redirect(f"http://{COMMON}/0"), host=first)
        for number in range(8):
            site.route(f"/{number}", more, host=first)
        site.route("/0", when(told, busy(seconds)), host=COMMON)
        self._told = f"the host asks to be asked again in {seconds} s, {LATER}"

    def capture(self, preserve: Run, *more: str) -> dict[str, dict[str, Any]]:
        done = capture(preserve, self._site, self.urls, "--concurrency", "2", "--workers", "2", *more)
        assert done.code in {0, 10}, done.stderr
        assert preserve("verify", "archive").code == 0
        return lines_of(done)

    def left(self, line: dict[str, Any]) -> bool:
        return (line["outcome"], line["reason"]) == ("failed", self._told)


@pytest.mark.long
@pytest.mark.parametrize("seconds", [3600, 60], ids=["longer than any wait", "longer than the patience"])
def test_what_one_process_does_not_wait_for_no_other_one_asks_for(
    preserve: Run, config_home: Path, site: AnyHostSite, seconds: int
) -> None:
    patience(config_home, 1)
    first, second = in_part(0), in_part(1)
    scene = Scene(site, seconds, first, second)
    site.route("/", after(scene.heard, redirect(f"http://{COMMON}/1")), host=second)
    found = scene.capture(preserve, "--robots", "ignore")
    assert asked(site, COMMON) == ["/0"]
    line = found[f"http://{second}/"]
    assert scene.left(line)
    assert [hop["status"] for hop in line["hops"]] == [302]


@pytest.mark.long
def test_what_a_page_needs_is_not_asked_of_a_host_that_told_another_process(preserve: Run, site: AnyHostSite) -> None:
    """The host of the style sheet belongs to the process that was not told."""
    other = part_of(COMMON, 2)
    first, second = in_part(1 - other), in_part(other)
    scene = Scene(site, 3600, first, second)
    sheet = f'<link rel="stylesheet" href="http://{COMMON}/1.css"><p>Timetable.</p>'
    site.route("/", after(scene.heard, text(sheet, media_type="text/html")), host=second)
    found = scene.capture(preserve, "--robots", "ignore")
    assert asked(site, COMMON) == ["/0"]
    assert scene.left(found[f"http://{COMMON}/1.css"])


@pytest.mark.long
@pytest.mark.parametrize("robots", ["record", "obey"])
def test_no_robots_txt_is_sought_at_a_host_that_told_another_process(preserve: Run, site: AnyHostSite, robots: str) -> None:
    first, second = in_part(0), in_part(1)
    scene = Scene(site, 3600, first, second)
    site.route("/robots.txt", text("User-agent: *\n"))
    site.route("/robots.txt", after(scene.heard, redirect(f"http://{COMMON}/rules.txt")), host=second)
    site.route("/", page, host=second)
    found = scene.capture(preserve, "--robots", robots)
    assert asked(site, COMMON) == ["/robots.txt", "/0"]
    line = found[f"http://{second}/"]
    obeyed = ("refused", "robots.txt could not be read")
    assert (line["outcome"], line["reason"]) == (obeyed if robots == "obey" else ("captured", ""))


# ---------------------------------------------------------------------------------------------------------------- web archives

ARCHIVE = "arc.example"


def dead(preserve: Run, site: AnyHostSite, tmp_path: Path, urls: list[str], *more: str) -> Finished:
    plan = tmp_path / "plan.jsonl"
    row = {"document": "ferry.md", "note": "1", "kind": "url", "text": "Night Crossings of the Lower Ferry"}
    plan.write_text("".join(json.dumps({**row, "url": url}) + "\n" for url in urls))
    return capture(preserve, site, [], "--robots", "ignore", *more, str(plan))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
@pytest.mark.parametrize("what", ["a copy", "to save"])
def test_an_archive_that_asks_for_it_is_left_alone(
    preserve: Run, site: AnyHostSite, tmp_path: Path, workers: str, what: str
) -> None:
    first, second = in_part(0), in_part(1)
    heard = threading.Event()
    site.otherwise(not_found if what == "a copy" else page)
    prefix = f"http://{ARCHIVE}/{'web' if what == 'a copy' else 'save'}/"
    urls = [f"http://{first}/", f"http://{second}/", f"http://{first}/next"]
    for url in urls:
        site.route(f"/{'web' if what == 'a copy' else 'save'}/{url}", busy(3600), host=ARCHIVE)
    answer: Callable[[Request], Reply] = not_found if what == "a copy" else page
    site.route("/next", when(heard, answer), host=first)
    site.route("/", after(heard, answer), host=second)
    told = ("--memento" if what == "a copy" else "--save-to", prefix, "--concurrency", workers, "--workers", workers)
    if workers == "1":
        urls = [urls[0], urls[2]]
    done = dead(preserve, site, tmp_path, urls, *told)
    assert asked(site, ARCHIVE) == [prefix.removeprefix(f"http://{ARCHIVE}") + urls[0]]
    words = "the host asks to be asked again in 3600 s"
    for url, line in lines_of(done).items():
        if url == urls[0]:
            continue
        if what == "a copy":
            assert line["memento"]["problem"] == f"the TimeGate was not asked: {words}"
        else:
            assert f"{prefix} was not asked to save it: {words}" in line["signals"]
    assert preserve("verify", "archive").code == 0

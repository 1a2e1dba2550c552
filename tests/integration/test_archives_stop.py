"""A signal ends the wait for an archive's distance too; what it was asked for is asked when the run is resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from gates import WebArchive
from running import Run
from sites import AnyHostSite, not_found, page, text, wait_until

Start = Callable[..., "subprocess.Popen[str]"]

ROW = {"document": "ferry.md", "note": "1", "kind": "url", "text": "Night Crossings of the Lower Ferry", "date": "2019-06-15"}
COPY = b"<!doctype html><title>Night Crossings of the Lower Ferry</title><p>The ferry crosses at ten.</p>"


def plan(folder: Path, *urls: str) -> None:
    (folder / "plan.jsonl").write_text("".join(json.dumps({**ROW, "url": url}) + "\n" for url in urls))


def common(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--robots", "ignore", "--no-probe", "--no-timestamp", "--json", *more)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begins a command line; what a test leaves running is ended."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "preserve", *words]
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, encoding="utf-8"))
        return begun[-1]

    yield start
    for running in begun:
        running.kill()
        running.communicate()


def kept(folder: Path) -> list[str]:
    """The addresses of all responses, in the order in which they were written."""
    found = []
    for warc in sorted(folder.glob("archive/runs/*/data/*.warc.gz")):
        with warc.open("rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type in {"response", "revisit"}:
                    found.append(record.rec_headers.get_header("WARC-Target-URI"))
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_a_signal_does_not_wait_for_an_archives_distance(
    preserve: Run, start: Start, site: AnyHostSite, tmp_path: Path, workers: str, end: signal.Signals
) -> None:
    """The TimeGate leads to the copy, which may be asked for in a minute."""
    archive = WebArchive(site)
    url = "http://a.example/1"
    wanted = archive.holds(url, "20190601000000", COPY)
    plan(tmp_path, url)
    told = common(site, "--memento", archive.prefix)
    running = start(*told, "--delay", "60", "--workers", workers, "plan.jsonl")
    site.await_served(2)
    began = time.monotonic()
    running.send_signal(end)
    printed, said = running.communicate(timeout=50)
    assert time.monotonic() - began < 20
    assert (running.returncode, printed) == (130, ""), said
    assert len(archive.asked) == 1
    done = preserve(*told, "--delay", "0", "--resume")
    assert done.code == 10, done.stderr
    (line,) = done.lines[:-1]
    assert (line["memento"]["url"], line["memento"].get("problem")) == (wanted, None)
    assert kept(tmp_path)[:2] == [url, archive.prefix + url], "what came before the signal is kept"
    assert kept(tmp_path).count(url) == 2, "and the page was asked for again"
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_a_signal_does_not_wait_until_an_archive_may_be_asked_to_save_the_next_page(
    preserve: Run, start: Start, site: AnyHostSite, tmp_path: Path, workers: str
) -> None:
    archive = WebArchive(site, otherwise=page)
    archive.lie = text("saved")
    prefix = f"http://{archive.host}/save/"
    urls = [f"http://h{number}.example/" for number in range(4)]
    plan(tmp_path, *urls)
    told = common(site, "--save-to", prefix)
    running = start(*told, "--delay", "60", "--workers", workers, "plan.jsonl")
    wait_until(lambda: len(site.served) == 4 + 1)
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    printed, said = running.communicate(timeout=50)
    assert time.monotonic() - began < 20
    assert running.returncode == 130, said
    before = [json.loads(line)["url"] for line in printed.splitlines()]
    assert len(before) == len(archive.asked) == 1
    done = preserve(*told, "--delay", "0", "--workers", workers, "--resume")
    assert done.code == 0, done.stderr
    assert sorted([*before, *(line["url"] for line in done.lines[:-1])]) == urls
    assert sorted(request.target for request in archive.asked) == [f"/save/{url}" for url in urls], "each once"
    assert preserve("verify", "archive").code == 0


@pytest.mark.parametrize("archives", ["first", "second"])
def test_in_the_middle_of_several_archives_none_of_them_has_the_last_word(
    preserve: Run, start: Start, site: AnyHostSite, tmp_path: Path, archives: str
) -> None:
    """The first has nothing; whether the second has something is found out when the run is resumed."""
    archive = WebArchive(site)
    urls = ["http://a.example/1", "http://b.example/1"]
    wanted = [archive.holds(url, "20190601000000", COPY) for url in urls]
    site.route(f"/tg/{urls[0]}", not_found, host="none.example")
    plan(tmp_path, *urls)
    prefixes = ["http://none.example/tg/", archive.prefix]
    given = prefixes if archives == "second" else prefixes[::-1]
    told = common(site, *(word for prefix in given for word in ("--memento", prefix)))
    running = start(*told, "--delay", "60", "plan.jsonl")
    # Both pages, and one question at each archive that can be asked without waiting.
    wait_until(lambda: len(site.served) == (4 if archives == "second" else 3))
    running.send_signal(signal.SIGTERM)
    printed, said = running.communicate(timeout=50)
    assert (running.returncode, printed) == (130, ""), said
    done = preserve(*told, "--delay", "0", "--resume")
    assert done.code == 10, done.stderr
    assert [line["memento"]["url"] for line in sorted(done.lines[:-1], key=lambda line: line["url"])] == wanted
    assert preserve("verify", "archive").code == 0

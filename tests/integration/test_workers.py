"""Several processes share a run: nothing is lost, doubled or asked by two of them, whichever of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from preserve.rules.partition import part_of
from running import Finished, Run
from sites import AnyHostSite, page, respond, slow, text, wait_until

_SHARED = "a style that all pages share\n" * 100


def args(site: AnyHostSite, *more: str) -> tuple[str, ...]:
    return ("capture", "--connect-to", site.connect_to, "--delay", "0", "--json", "--no-timestamp", *more)


@pytest.fixture
def urls(tmp_path: Path, site: AnyHostSite) -> list[str]:
    """Pages on twelve hosts, each with a style sheet of its own host, an image of another and a style that all of them share."""
    for number in range(48):
        body = (
            f'<link rel="stylesheet" href="/s{number}.css"><img src="http://i{number % 5}.example/{number}.png"><p>{number}</p>'
        )
        site.route(f"/{number}", text(body, media_type="text/html"))
        site.route(f"/s{number}.css", text(f"{_SHARED}", media_type="text/css"))
        site.route(f"/{number}.png", text(f"an image, number {number}", media_type="image/png"))
    found = [f"http://h{number % 12}.example/{number}" for number in range(48)]
    (tmp_path / "urls").write_text("\n".join(found))
    return found


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "preserve", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def children(process: int) -> list[int]:
    """The processes that were started by this one and capture."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                command = (place / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == process and b"spawn_main" in command:
                found.append(int(place.name))
    return found


def runs(process: int) -> bool:
    """Whether it runs: one that has ended and that nobody asked about has no command line left."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def run_of(done: Finished) -> Path:
    return Path(done.lines[-1]["manifest"]).parent


def captured(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "data" / "captures.jsonl").read_text().splitlines()]


def check(preserve: Run, done: Finished, urls: list[str]) -> None:
    """The run holds every page once with all that it needs, and verifies."""
    lines = captured(run_of(done))
    assert sorted(str(line["url"]) for line in lines if line.get("requisite_of") is None) == sorted(urls)
    assert Counter(str(line["url"]) for line in lines).most_common(1)[0][1] == 1
    assert {line["outcome"] for line in lines} == {"captured"}
    assert len(lines) == 3 * len(urls)
    verified = preserve("verify", "--thorough", "archive")
    assert verified.code == 0, verified.stdout


def test_hosts_are_divided_whatever_the_port_and_with_their_www() -> None:
    assert part_of("a.example:80", 7) == part_of("a.example:443", 7) == part_of("www.a.example:8080", 7)
    assert part_of("[::1]:80", 5) == part_of("[::1]:81", 5)
    assert {part_of(f"h{number}.example:80", 3) for number in range(50)} == {0, 1, 2}
    assert part_of("a.example:80", 1) == 0


@pytest.mark.long
def test_three_processes_capture_one_run(preserve: Run, tmp_path: Path, site: AnyHostSite, urls: list[str]) -> None:
    done = preserve(*args(site, "--workers", "3", "--url-list", "urls"))
    assert done.code == 0, done.stderr
    assert sorted(line["url"] for line in done.lines[:-1]) == sorted(urls)
    check(preserve, done, urls)
    asked = Counter((one.host, one.target) for one in site.served)
    assert set(asked.values()) == {1}  # no address and no robots.txt was asked for twice
    warcs = sorted(path.name for path in (run_of(done) / "data").glob("*.warc.gz"))
    assert len(warcs) == 3
    assert [name[-12:-8] for name in warcs] == ["0001", "0002", "0003"]


@pytest.mark.long
def test_a_run_goes_on_with_another_number_of_processes(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"nothing\n", status="404 Not Found"), pause=0.2))  # robots.txt takes its time
    running = begin(tmp_path, *args(site, "--workers", "2", "--concurrency", "2", "--url-list", "urls"))
    wait_until(lambda: len(site.served) >= 8)
    running.send_signal(signal.SIGINT)
    printed, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    site.otherwise(page)
    done = preserve(*args(site, "--workers", "3", "--resume"))
    assert done.code == 0, done.stderr
    before = [json.loads(line)["url"] for line in printed.splitlines()]
    assert sorted(before + [line["url"] for line in done.lines[:-1]]) == sorted(urls)
    check(preserve, done, urls)


@pytest.mark.long
@pytest.mark.parametrize("victim", ["starter", "all", "part"])
def test_killed_and_resumed_nothing_is_lost_or_doubled(
    victim: str, preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, urls: list[str]
) -> None:
    site.otherwise(slow(respond(b"nothing\n", status="404 Not Found"), pause=0.1))
    running = begin(tmp_path, *args(site, "--workers", "2", "--concurrency", "2", "--url-list", "urls"))
    wait_until(lambda: len(site.served) >= 12)
    parts = children(running.pid)
    assert len(parts) == 2
    match victim:
        case "starter":
            running.kill()
        case "all":
            os.killpg(running.pid, signal.SIGKILL)
        case _:
            os.kill(parts[0], signal.SIGKILL)
    printed, said = running.communicate(timeout=30)
    assert "Traceback" not in said
    if victim == "part":
        assert running.returncode == 30
        assert "one of the processes that capture was lost" in said
    site.otherwise(page)
    done = preserve(*args(site, "--resume"))
    assert done.code == 0, done.stderr
    assert not any(runs(part) for part in parts)
    before = [json.loads(line)["url"] for line in printed.splitlines() if line.endswith("}")]
    assert not set(before) & {line["url"] for line in done.lines[:-1]}
    check(preserve, done, urls)


@pytest.mark.long
def test_a_second_signal_ends_every_process_at_once(
    preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite
) -> None:
    site.otherwise(slow(respond(b"a page"), pause=20))
    hosts = [f"http://h{number}.example/" for number in range(6)]
    given = [word for url in hosts for word in ("--url", url)]
    running = begin(tmp_path, *args(site, "--robots", "ignore", "--workers", "2", *given))
    wait_until(lambda: site.connections >= 6)
    began = time.monotonic()
    running.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=15)
    assert running.returncode == 130, said
    assert time.monotonic() - began < 10
    site.otherwise(page)
    done = preserve(*args(site, "--robots", "ignore", "--resume"))
    assert (done.code, len(done.lines)) == (0, 7)


@pytest.mark.long
@pytest.mark.parametrize("wait", [0.0, 0.03, 0.1])
def test_a_signal_from_the_terminal_while_the_processes_start_is_no_loss(
    preserve: Run, tmp_path: Path, site: AnyHostSite, urls: list[str], wait: float
) -> None:
    site.route("/robots.txt", slow(respond(b"", status="404 Not Found"), pause=0.3))
    running = begin(tmp_path, *args(site, "--url-list", "urls", "--workers", "2"))
    wait_until(lambda: bool(children(running.pid)))
    time.sleep(wait)  # until it is somewhere among its imports
    os.killpg(running.pid, signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert "Traceback" not in told
    assert running.returncode == 130, told
    check(preserve, preserve(*args(site, "--resume")), urls)


def test_what_cannot_be_used_is_said_once_and_leaves_nothing_open(preserve: Run, tmp_path: Path, site: AnyHostSite) -> None:
    done = preserve(*args(site, "--workers", "2", "--url", "http://a.example/", "--user-agent", "\u00e9"))
    assert done.code == 3
    assert done.stderr.count("no header can carry") == 1
    assert preserve(*args(site, "--workers", "2", "--url", "http://a.example/")).code == 0
    assert len(list((tmp_path / "archive" / "runs").iterdir())) == 1

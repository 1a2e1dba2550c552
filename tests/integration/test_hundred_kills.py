"""A capture killed at a hundred random instants: nothing is lost, nothing is doubled, and what is sealed in the end verifies.

Each round captures the same pages into a new archive and kills the capture (kill -9) at random instants: while it starts, plans,
captures, seals, enters the log, moves the run into place. Then `--resume` brings it to its end. The instants are drawn from a seed
that a failure prints.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from running import Run
from sites import AnyHostSite, Reply, Request, respond, text

pytestmark = pytest.mark.long

KILLS = 100
_PAGES = 30
_ROUNDS = 10
"""Parts that the test is divided into, so that several can run at once."""


def _site(site: AnyHostSite) -> list[str]:
    """Pages with requisites of their own, one that they share, a redirect and a large body among them."""
    for number in range(_PAGES):
        body = f'<link rel="stylesheet" href="/all.css"><img src="/{number}.png"><p>{number}</p>'
        site.route(f"/{number}", text(body, media_type="text/html"))
        site.route(f"/{number}.png", text(f"image {number} " * 500, media_type="image/png"))
    site.route("/all.css", text("p { margin: 1em }\n" * 400, media_type="text/css"))
    site.route("/29", text("x" * 3_000_000, media_type="text/plain"))

    def redirected(request: Request) -> Reply:
        return Reply(pieces=[respond(b"", status="302 Found", fields=[("Location", "/0.png")])])

    site.route("/28", redirected)
    return [f"http://h{number % 6}.example/{number}" for number in range(_PAGES)]


def _capture(folder: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "preserve", "capture", *arguments],
            cwd=folder,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def _whole_run(preserve: Run, common: tuple[str, ...]) -> float:
    """Seconds that a capture takes when nobody kills it."""
    began = time.monotonic()
    done = preserve("capture", *common, "--url-list", "urls", "--archive", "whole")
    assert done.code == 0, done.stderr
    return time.monotonic() - began


@pytest.mark.parametrize("part", range(_ROUNDS))
def test_killed_at_random_instants(
    part: int, preserve: Run, config_home: Path, tmp_path: Path, site: AnyHostSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seed = random.SystemRandom().getrandbits(32)
    draw = random.Random(seed)
    urls = _site(site)
    (tmp_path / "urls").write_text("\n".join(urls))
    workers = str(1 + part % 2)
    common = ("--connect-to", site.connect_to, "--delay", "0", "--no-timestamp", "--json", "--workers", workers)
    whole = _whole_run(preserve, common)
    kills = 0
    for number in range(KILLS):
        if kills >= KILLS // _ROUNDS:
            break
        archive, log = f"a{number}", tmp_path / f"a{number}.jsonl"
        arguments = (*common, "--archive", archive)
        for attempt in range(draw.choice((1, 1, 2, 3))):
            running = _capture(tmp_path, log, *arguments, *(("--url-list", "urls") if not attempt else ("--resume",)))
            try:
                running.communicate(timeout=draw.uniform(0.02, whole))
            except subprocess.TimeoutExpired:
                kills += 1
                everybody = draw.random() < 0.5
                (os.killpg if everybody else os.kill)(running.pid, signal.SIGKILL)
                running.communicate()
        done = preserve("capture", *arguments, "--url-list", "urls", "--resume")
        assert done.code == 0, (seed, archive, done.code, done.stderr)
        _check(preserve, tmp_path / archive, urls, log, f"seed {seed}, {archive}")
    assert kills >= KILLS // _ROUNDS


def _check(preserve: Run, archive: Path, urls: list[str], log: Path, which: str) -> None:
    runs = sorted((archive / "runs").iterdir())
    assert len(runs) == 1, which
    lines: list[dict[str, Any]] = [json.loads(line) for line in (runs[0] / "data" / "captures.jsonl").read_text().splitlines()]
    assert all(line["outcome"] == "captured" for line in lines), which
    asked = [line["url"] for line in lines if line.get("requisite_of") is None]
    assert sorted(asked) == sorted(urls), which
    assert max(Counter(line["url"] for line in lines).values()) == 1, which
    named = Counter((ref["warc"], ref["index"]) for line in lines for ref in line["records"])
    assert max(named.values()) == 1, which
    printed = Counter(said["url"] for said in map(_json, log.read_bytes().splitlines()) if "url" in said)
    assert not printed or max(printed.values()) == 1, which
    verified = preserve("verify", "--thorough", archive)
    assert verified.code == 0, (which, verified.stdout)


def _json(line: bytes) -> dict[str, Any]:
    """A line that a kill may have cut: then it says nothing."""
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return said

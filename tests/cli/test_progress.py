"""The progress of a capture, on a real terminal and without one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from running import Run
from sites import AnyHostSite, respond, slow, text


def on_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `preserve` with stderr on a terminal; its exit code and what the terminal got, without colours and cursor moves."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "preserve", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return done.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_on_a_terminal_a_bar_counts_and_what_needs_a_look_stays(config_home: Path, tmp_path: Path, site: AnyHostSite) -> None:
    site.otherwise(slow(respond(b"a page"), pause=0.3))
    site.route("/gone", text("no", status="404 Not Found"))
    urls = [f"--url=http://h{number}.example/{number}" for number in range(4)]
    code, shown = on_terminal(
        tmp_path, "capture", *urls, "--url", "http://x.example/gone", "--connect-to", site.connect_to, "--robots", "ignore"
    )
    assert code == 10, shown
    assert re.search(r"\d of 5", shown)
    assert "gone" in shown
    assert "Sealed" in shown
    assert "Traceback" not in shown


def test_a_hostile_address_cannot_steer_the_terminal(preserve: Run, site: AnyHostSite) -> None:
    done = preserve("capture", "--url", "http://a.example/\x1b[31mred\u202e", "--connect-to", site.connect_to)
    assert done.code == 11
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr


def test_quiet_says_nothing(preserve: Run, site: AnyHostSite) -> None:
    done = preserve("capture", "-q", "--url", "http://a.example/", "--connect-to", site.connect_to)
    assert (done.code, done.stdout) == (0, "")
    assert "signing key" not in done.stderr

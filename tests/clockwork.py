"""`preserve` in a process whose clock is moved by hand: a command line and a time go in, what it cost comes out.

One process for many commands, so that a year takes minutes; each command is the real one, from its arguments to its exit code. The clock goes
on while a command runs. What it uses up is measured here, away from the test and its servers.

    with Clockwork(tmp_path) as clockwork:
        turn = clockwork(datetime(2026, 3, 29, 1, 2, tzinfo=UTC), "schedule", "run", "--once")
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one command came to. `seconds` and `cpu` are its own, `memory` is what the process holds afterwards, in bytes, without what is only not yet given back."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu: float
    memory: int


class Clockwork:
    """The process; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __call__(self, at: datetime, *arguments: str | Path) -> Turn:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([at.isoformat(), *map(str, arguments)]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process ended"
        return Turn(**json.loads(answer))


def _serve() -> None:
    import time_machine

    from preserve.cli import _run as command_line

    for line in sys.stdin:
        at, *arguments = json.loads(line)
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["preserve", *arguments]
        began, used = time.monotonic(), time.process_time()
        with time_machine.travel(at, tick=True), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command_line()
        seconds, cpu = time.monotonic() - began, time.process_time() - used
        gc.collect()
        if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
            trim(0)
        turn = {
            "code": int(code),
            "stdout": out.getvalue(),
            "stderr": err.getvalue(),
            "seconds": seconds,
            "cpu": cpu,
            "memory": int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(),
        }
        print(json.dumps(turn), flush=True)


if __name__ == "__main__":
    _serve()

"""The command line as a process of its own, and the project's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[1]
"""The checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run of the command line left: its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output read as JSON Lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class Run(Protocol):
    """What the fixture `preserve` is."""

    def __call__(
        self, *arguments: str | Path, stdin: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Finished: ...


def run_preserve(
    folder: Path, *arguments: str | Path, stdin: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Finished:
    """Run `preserve` in `folder`, or in `cwd`, with warnings as errors; a traceback is a failure whatever the exit code."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "preserve", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd or folder,
        env={**os.environ, "COLUMNS": "120", **(env or {})},
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def whole_line(text: str | bytes) -> dict[str, Any]:
    """A line of captures.jsonl with the members that it leaves out because they say nothing (docs/formats/captures.md section 3)."""
    line = json.loads(text)
    hop = {"url": line["final_url"], "status": line["status"], "location": None, "outcome": line["outcome"]}
    return {"reason": "", "signals": [], "truncated": None, "http_date": None, "retries": 0, "hops": [hop], **line}

"""Completion works with the lazily loaded commands, by the line that the reference tells users to write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from running import ROOT

_ENV = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _complete(*words: str) -> set[str]:
    asked = {"_PRESERVE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(["preserve"], env={**_ENV, **asked}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("preserve", "ver"), {"verify"}),
        (("preserve", "demo", "--ar"), {"--archive"}),
        (("preserve", "key", "ex"), {"export"}),
        (("preserve", "capture", "--tls", "re"), {"require", "record"}),
    ],
)
def test_words_are_completed(words: tuple[str, ...], expected: set[str]) -> None:
    assert _complete(*words) == expected


def test_the_documented_line_is_understood_by_bash() -> None:
    (line,) = re.findall(r"^eval .+$", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{line}\ncomplete -p preserve"], env=_ENV, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("preserve")

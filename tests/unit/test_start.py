"""Asking for help starts at once: nothing heavy is imported before a command has something to do.

Time itself depends on the machine and is measured in bench/; what costs the time is known, and looked for here.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = ("asyncio", "cryptography", "httpx", "rich", "sqlite3", "ssl")
_ASK = f"""
import sys
from preserve.cli import main
sys.argv[0] = "preserve"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *[name for name in {_HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["verify", "--help"], ["cite", "--help"], ["capture", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _ASK, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"

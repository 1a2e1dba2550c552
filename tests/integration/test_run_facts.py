"""What a run says of the program that made it: others come to the same."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from pathlib import Path

import preserve
from preserve.wiring import facts


def test_the_source_is_hashed_as_sha256sum_lists_it() -> None:
    home = Path(preserve.__file__).parent
    paths = sorted(path.relative_to(home).as_posix() for kind in ("*.py", "*.c") for path in home.rglob(kind))
    listing = subprocess.run(["sha256sum", *paths], cwd=home, stdout=subprocess.PIPE, check=True).stdout
    assert facts._source_sha256() == hashlib.sha256(listing).hexdigest()


def test_python_is_called_as_it_calls_itself() -> None:
    assert platform.python_version() == facts._PYTHON

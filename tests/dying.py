"""A `preserve` that dies before whichever thing that it does to the file system, as often as is asked.

This file is a program of its own too: it has loaded the whole command line, reads one JSON line for each command to be run, and forks for
it. So a command costs what it does, and not the start of a Python; a sweep over every instant of it becomes possible. What SQLite does in
its own files is not counted: it is written to be killed, and the kills at random instants meet it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEAD = 9
"""The exit code of a command that died on the way."""
_CALLS = ("fsync", "mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link", "symlink", "ftruncate", "pwrite", "chmod")
_ENVIRONMENT = ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and everything that it printed."""

    code: int
    output: str


class Mortal:
    """Runs commands in any folder, whole or to their death."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, *arguments: str, last: int | None = None) -> Ended:
        """Run `preserve` in `folder`, with the home below it; it dies before step `last`, counted from 0, if it comes so far."""
        home = folder / "home"
        places = (os.environ["PATH"], home, home / ".config", home / ".local" / "state")
        order = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(zip(_ENVIRONMENT, map(str, places), strict=True)),
            "last": last,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return Ended(code, (folder / ".printed").read_text(errors="replace"))


@contextmanager
def mortal() -> Iterator[Mortal]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        with process:
            yield Mortal(process)
            assert process.stdin is not None
            process.stdin.close()
    finally:
        process.kill()


# -------------------------------------------------------------------------------------------------------------- the program


def _count(last: int | None) -> None:
    """Let the process die before the call that is the `last`-th of those that change what is on the disk."""
    done = 0

    def counted(real: Callable[..., Any], changes: Callable[..., bool] = lambda *_, **__: True) -> Callable[..., Any]:
        def does(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            if changes(*arguments, **options):
                if done == last:
                    os._exit(DEAD)
                done += 1
            return real(*arguments, **options)

        return does

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))
    os.open = counted(os.open, lambda _path, flags=0, *_, **__: flags & os.O_CREAT != 0)


def _become(order: dict[str, Any]) -> None:
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    printed = os.open(".printed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, handle in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(given, handle)
    sys.argv = ["preserve", *order["arguments"]]


def _live(order: dict[str, Any]) -> None:
    """Run the command in this process, which ends with it."""
    code: Any = 1
    try:
        _become(order)
        from preserve.cli import main

        _count(order["last"])
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _serve() -> None:
    import preserve

    for module in pkgutil.walk_packages(preserve.__path__, "preserve."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _live(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()

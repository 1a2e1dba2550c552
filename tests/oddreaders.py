"""What a reading room's desk may be taken over by: readers that stall, swell, crash and lie. Run as the desk of a room, never imported by one."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from pathlib import Path

from preserve.adapters.reading import desk

_HOARD: list[bytearray] = []
_ASKED: list[bytes] = []


def _stall(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Takes for ever in C code that holds the interpreter's lock, so that no Python code gets a turn."""
    re.match(r"(a+)+\Z", "a" * 60 + "b")
    return b"T", b"never"


def _swell(name: str, data: bytes) -> tuple[bytes, bytes]:
    while True:
        _HOARD.append(bytearray(b"x" * (64 << 20)))


def _crash(name: str, data: bytes) -> tuple[bytes, bytes]:
    ctypes.string_at(0)
    return b"T", b"never"


def _talk() -> None:
    sys.stdout.write("a library that talks\n")
    sys.stdout.flush()
    os.write(1, b"and writes\n")


def _tired(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Reads what is asked first, and nothing after it."""
    if len(_ASKED) == 1:
        return b"T", data
    return _swell(name, data) if b"hungry" in data else _crash(name, data)


_DEEDS = {"stall": _stall, "swell": _swell, "crash": _crash, "tired": _tired}


def _main(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Does as the page says, as a parser that was taken over does."""
    told = data.decode().split()
    _ASKED.append(data)
    if told[:1] == ["begin"]:  # whoever waits for the beginning finds a file there
        Path(told[1]).touch()
        told = told[2:]
    match told:
        case [("stall" | "swell" | "crash" | "tired") as deed, *_]:
            return _DEEDS[deed](name, data)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["exit", code]:
            os._exit(int(code))
        case ["print"]:
            _talk()
        case ["endless"]:
            return b"T", _Endless(b"and so on")
        case ["twice"]:
            return b"T", _Short(b"this much and a forged answer")
        case ["letter"]:
            return b"?", b""
        case ["garbage"]:
            return b"D", b'[["name"]]'
        case ["environment"]:
            return b"T", " ".join(sorted(os.environ)).encode()
        case ["who"]:
            return b"T", str(os.getpid()).encode()
        case _:
            pass
    return b"T", data


class _Endless(bytes):
    """A text that says it is longer than any memory."""

    def __len__(self) -> int:
        return 1 << 60


class _Short(bytes):
    """A text that says it is shorter than it is: the rest lies there when the next question is asked."""

    def __len__(self) -> int:
        return 9


def main(lifeline: int, memory: int) -> None:
    desk.serve({"main": _main, "pdf": _main, "document": _main}, lifeline, memory)

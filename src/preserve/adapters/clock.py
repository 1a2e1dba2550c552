"""The system's clock, and what the system knows of it."""

from __future__ import annotations

import ctypes
import sys
import time
from datetime import UTC, datetime

_UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of <sys/timex.h>."""
_ERROR = 5
"""TIME_ERROR: what adjtimex(2) returns for a clock that nobody keeps."""


class SystemClock:
    """ports.Clock over the operating system."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class _Timex(ctypes.Structure):
    """struct timex as far as it is looked at; the kernel writes 208 bytes on 64-bit machines."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def synchronisation() -> tuple[bool | None, int | None]:
    """Whether the kernel holds its clock for synchronised, and the greatest error in milliseconds that it then admits to.

    (None, None) where it does not say: the question is Linux's own (adjtimex(2)), asked without changing anything.
    """
    if not sys.platform.startswith("linux"):
        return None, None
    facts = _Timex(modes=0)
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(facts))
    except (OSError, AttributeError):
        return None, None
    if state < 0:
        return None, None
    kept = state != _ERROR and not facts.status & _UNSYNCHRONISED
    return kept, -(-facts.maxerror // 1000) if kept and facts.maxerror >= 0 else None

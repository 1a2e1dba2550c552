"""What the system says of its clock."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import pytest

from preserve.adapters import clock


class _Kernel:
    """A C library whose adjtimex(2) answers as told."""

    def __init__(self, state: int, status: int, maxerror: int) -> None:
        self._answer = (state, status, maxerror)

    def adjtimex(self, facts: Any) -> int:
        state, facts._obj.status, facts._obj.maxerror = self._answer
        return state


def test_the_kernel_is_asked_and_nothing_is_changed() -> None:
    kept, error = clock.synchronisation()
    assert kept in {None, True, False}
    assert (error is not None) is (kept is True)


@pytest.mark.parametrize(
    ("state", "status", "maxerror", "said"),
    [
        (0, 0x2001, 12_345, (True, 13)),
        (0, 0x2001, 0, (True, 0)),
        (5, 0x0040, 16_000_000, (False, None)),
        (0, 0x0040, 100, (False, None)),
        (5, 0, 100, (False, None)),
        (-1, 0, 0, (None, None)),
    ],
)
def test_what_it_says_is_told(
    state: int, status: int, maxerror: int, said: tuple[bool | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: _Kernel(state, status, maxerror))
    assert clock.synchronisation() == said


def test_other_systems_are_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert clock.synchronisation() == (None, None)

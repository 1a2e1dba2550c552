"""A process that is killed between two things that it does to the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


class Killed(BaseException):
    """The process is gone."""


class Steps:
    """Everything that reaches the disk, counted; the process is killed before step `last`."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int | None) -> None:
        self.count = 0
        self._last = last
        for where, name in (
            (os, "fsync"),
            (Path, "rename"),
            (Path, "replace"),
            (Path, "mkdir"),
            (Path, "rmdir"),
            (Path, "unlink"),
        ):
            patch.setattr(where, name, self._counted(getattr(where, name)))

    def _counted(self, real: Any) -> Any:
        def does(*arguments: Any, **options: Any) -> Any:
            if self.count == self._last:
                raise Killed
            self.count += 1
            return real(*arguments, **options)

        return does

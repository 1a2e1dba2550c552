"""Where a user's own things lie (XDG Base Directory Specification). Light to import: commands that start fast use it."""

from __future__ import annotations

import os
from pathlib import Path


def config_folder() -> Path:
    """Keys, trust and configuration: `$XDG_CONFIG_HOME/preserve`, else ~/.config/preserve."""
    return _folder("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """Remembered checkpoints: `$XDG_STATE_HOME/preserve`, else ~/.local/state/preserve."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, otherwise: str) -> Path:
    given = os.environ.get(variable, "")
    # The specification: a path that is not absolute is invalid and is to be ignored.
    base = Path(given) if given.startswith("/") else Path.home() / otherwise
    return base / "preserve"

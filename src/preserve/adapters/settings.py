"""Reading the user's config.toml from `$XDG_CONFIG_HOME/preserve`; preserve/config.py says what may stand in it."""

from __future__ import annotations

from pathlib import Path

from preserve import config
from preserve.config import Config
from preserve.errors import ConfigError


def read_config(folder: Path) -> Config:
    """The settings in `folder`; those of nobody when there is no file. Raises ConfigError naming file and line."""
    path = folder / config.NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: not UTF-8 at byte {problem.start}", "correct it by hand") from problem
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror}") from problem
    return config.parse(text, str(path), folder)

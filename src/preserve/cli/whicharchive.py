"""How a command is told its archive: as an argument or with --archive, else by $PRESERVE_ARCHIVE, else it is ./archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from preserve.cli.names import FOLDER

_VARIABLE: Final = "PRESERVE_ARCHIVE"
_ELSE: Final = "archive"

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)

argument: Final = click.argument("archive", envvar=_VARIABLE, default=_ELSE, metavar="[ARCHIVE]", type=FOLDER)


def option(text: str) -> Callable[[_Command], _Command]:
    """`--archive DIR`; `text` says what the archive is to the command."""
    return click.option(
        "--archive",
        envvar=_VARIABLE,
        default=_ELSE,
        show_default=f"${_VARIABLE}, else ./{_ELSE}",
        metavar="DIR",
        type=FOLDER,
        help=text,
    )

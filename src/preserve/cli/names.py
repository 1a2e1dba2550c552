"""Names of files and folders as they come from the command line.

A name that the system cannot even look up, because it is too long, leads through a folder that may not be entered, or through links
that lead to each other, is a mistake in the command, told in the system's words. That nothing lies there is for each command to judge:
what it names may be still to be made.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

import click

_NOTHING_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


class Name(click.Path):
    """`click.Path`, for names that can be looked up."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        try:
            Path(value).stat()
        except OSError as problem:
            if problem.errno not in _NOTHING_THERE:
                self.fail(f"{os.fsdecode(value)!r}: {problem.strerror}", param, ctx)
        return super().convert(value, param, ctx)


NAME: Final = Name(path_type=Path)
FILE: Final = Name(path_type=Path, dir_okay=False)
FOLDER: Final = Name(path_type=Path, file_okay=False)
FILE_THERE: Final = Name(path_type=Path, dir_okay=False, exists=True)
"""A file that is there, or a pipe."""

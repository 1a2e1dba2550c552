"""A file that is read more than once, as it comes from the command line: what gives its bytes only once is refused at once.

Where a file is read once, a pipe is as good as a file, and whoever names one is waited for (docs/adr/0285).
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from preserve.cli.names import Name


class _PlainFile(Name):
    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        found = super().convert(value, param, ctx)
        if not Path(os.fsdecode(found)).is_file():
            self.fail(f"{os.fsdecode(found)!r} is not a plain file, and it is read more than once", param, ctx)
        return found


PLAIN_FILE = _PlainFile(path_type=Path, exists=True, dir_okay=False)
"""For `click.option(type=…)` of a file that is there, or a link to one: a `Path`."""

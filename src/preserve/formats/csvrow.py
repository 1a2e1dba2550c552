"""Rows of comma-separated values (RFC 4180) that a spreadsheet shows and does not run.

Cells come from strangers: a spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula and may
send what stands beside it to the web. Such a cell gets an apostrophe in front, which spreadsheets take for "this is text". Other
characters that act rather than show are escaped (`formats.printable`), so that a cell is one line. Whoever needs the exact text takes
the JSON Lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from preserve.formats.printable import printable

_FORMULA = re.compile(r"\s*[=+\-@\t\r\n|%\uff0b\uff0d\uff1d\uff20]")
"""What begins a formula in one of the common spreadsheets; the wide forms are taken for the plain ones by some."""
_QUOTED = re.compile(r'[",\r\n]')


def row(cells: Iterable[str | int | None]) -> str:
    """One line with its end, CRLF. None is an empty cell; a number is written as it is, for it can run nothing."""
    return ",".join(_cell(cell) for cell in cells) + "\r\n"


def _cell(cell: str | int | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return str(cell)
    text = printable(cell)
    if _FORMULA.match(cell) or _FORMULA.match(text):
        text = f"'{text}"
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) or text != text.strip() else text

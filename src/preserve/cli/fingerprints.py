"""A key's fingerprint on a terminal: what two people read to each other stands in rows that end where a group ends."""

from __future__ import annotations

import shutil
import sys

from preserve.formats.publickey import fingerprint_groups

_ROW = 40
"""Characters of eight groups, with the hyphen that says that it goes on."""


def in_rows(label: str, keyid: str, *, err: bool = True) -> str:
    """`label` and the fingerprint behind it: in two rows on a terminal (of standard error, or with `err` false of standard output) that has
    no room for one, else in one.
    """
    groups = fingerprint_groups(keyid)
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty() or shutil.get_terminal_size().columns >= len(label) + len(groups):
        return label + groups
    return f"{label}{groups[:_ROW]}\n{' ' * len(label)}{groups[_ROW:]}"

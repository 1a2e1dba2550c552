"""What a folder holds, as lstat sees it."""

from __future__ import annotations

from enum import StrEnum

from preserve.model.noun import dataclass


class Kind(StrEnum):
    """What lies at a path; anything but a plain file or a folder has no place in an archive."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symlink"
    OTHER = "special file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path below a folder: relative, "/"-separated; `size` in bytes (0 for all but files), `links` the hard-link count."""

    path: str
    kind: Kind
    size: int
    links: int

"""Writing that survives a kill or a power cut: beside the name, flushed to the disk, then renamed.

A reader sees the old bytes or the new ones, never a part. A rename is on the disk only when its folder is (`sync_folder`); the
order in which names appear after a power cut is the order of these calls. Plain functions over `os`, for the adapters alone.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_file(path: Path, data: bytes, *, mode: int = 0o644, beside: Path | None = None) -> None:
    """Make `path` hold `data`. The bytes are on the disk when this returns; the name is once its folder is synced.

    `beside` is where the bytes wait, in the same file system; what a killed writer left there is overwritten.
    """
    unfinished = beside or waiting(path)
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def waiting(path: Path) -> Path:
    """Where the bytes of `path` wait until they are whole."""
    return path.with_name(f".{path.name}.part")


def sync_folder(path: Path) -> None:
    """Bring a folder's names to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(path: Path, *, mode: int = 0o777) -> None:
    """Make `path` and what is missing above it, each name on the disk before what lies below it."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)

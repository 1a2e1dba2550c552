"""Where a report is written: a folder that stands whole under its name, or not at all.

It is written beside its final name and renamed. A report can always be made again, so its thousands of small files are not flushed to
the disk one by one; a full disk is told when it is met, and nothing half-written stays. A folder is replaced only when it is a report
and nothing else lies in it. Two never write one report: who comes second is told.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from preserve import durable
from preserve.errors import LockedError, StoreError

MARK = ".preserve-report"
"""A file that says of a folder that it is a report."""
_TEXT = "A report, written by preserve report. It is made anew by the same command: keep nothing of your own here.\n"
_AT_ONCE = 1 << 18
"""Bytes that are written in one go."""
_HINTS = {
    errno.ENOSPC: "free some space; nothing half-written was left behind",
    errno.EDQUOT: "free some of your quota; nothing half-written was left behind",
    errno.ENOENT: "make the folder that it is to lie in first",
}


class ReportFolder:
    """A report being written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[str] = {""}

    def write(self, path: str, pieces: Iterable[str]) -> None:
        """One file. Raises StoreError when it cannot be written."""
        folder = path.rpartition("/")[0]
        place = f"{self._root}/{path}"
        try:
            if folder not in self._made:
                (self._root / folder).mkdir(parents=True, exist_ok=True)
                self._made.add(folder)
            # There may be a hundred thousand of them: a Path and a buffer for each would cost more than the writing.
            file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                for data in _gathered(pieces):
                    written = 0
                    while written < len(data):  # of a full disk, a part may be taken before the error comes
                        written += os.write(file, data[written:] if written else data)
            finally:
                os.close(file)
        except OSError as problem:
            raise _store_error(Path(place), problem) from problem


def _gathered(pieces: Iterable[str]) -> Iterator[bytes]:
    """The same, encoded, in larger pieces."""
    waiting, size = list[bytes](), 0
    for piece in pieces:
        data = piece.encode("utf-8", "backslashreplace")
        waiting.append(data)
        size += len(data)
        if size >= _AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


@contextmanager
def report_folder(path: Path, names: Collection[str]) -> Iterator[ReportFolder]:
    """A report that stands at `path` once the block has ended well; `names` are those that may lie in one.

    Raises StoreError, at once when something else than a report lies there.
    """
    path = path.resolve()
    waiting, old = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.old")
    try:
        if old.exists() and not path.exists():  # a kill came between the two renames
            old.replace(path)
        _check(path, names)
        held = _alone(waiting, path)
    except OSError as problem:
        raise _store_error(path, problem) from problem
    try:
        folder = ReportFolder(waiting)
        folder.write(MARK, [_TEXT])
        yield folder
        try:
            durable.sync_folder(waiting)
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
                path.replace(old)
            waiting.replace(path)
            durable.sync_folder(path.parent)
        except OSError as problem:
            raise _store_error(path, problem) from problem
    finally:
        os.close(held)
        with suppress(OSError):
            shutil.rmtree(waiting, ignore_errors=True)
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)


def _alone(waiting: Path, path: Path) -> int:
    """An empty folder, and a descriptor that holds it for us.

    Forked processes share the descriptor: as long as one of them lives, and may write, nobody else begins here. Raises LockedError.
    """
    waiting.mkdir(exist_ok=True)
    held = os.open(waiting, os.O_RDONLY | os.O_DIRECTORY)
    with ExitStack() as ending:
        ending.callback(os.close, held)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.fstat(held).st_ino == waiting.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            mine = False  # or it was just renamed: then somebody's report stands now
        if not mine:
            raise LockedError(f"{path}: another report is being written there", "wait until it has ended")
        for item in waiting.iterdir():  # of one who was killed
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
        ending.pop_all()
    return held


def _check(path: Path, names: Collection[str]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise StoreError(f"{path}: is a file", "name a folder")
    found = {item.name for item in path.iterdir()}
    if found and (MARK not in found or found - {MARK, *names}):
        strange = min(found - {MARK, *names} or found)
        raise StoreError(
            f"{path}: is there already, and holds what is not of a report: {strange}",
            "name a folder that does not exist yet, an empty one, or a report made before",
        )


def _store_error(path: Path, problem: OSError) -> StoreError:
    return StoreError(f"{path}: {problem.strerror or problem}", _HINTS.get(problem.errno or 0, ""))

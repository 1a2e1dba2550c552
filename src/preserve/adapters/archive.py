"""An archive on disk: its description, its lock, its documents and the places where runs lie, open and sealed.

Promises. Everything is written beside its final name, flushed to the disk, then renamed. One writer at a time: an advisory lock
(flock) on `ARCHIVE/lock`, which names its owner and ends with the process, however that ends. Readers take no lock.
Layout: docs/formats/archive.md.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from preserve import durable
from preserve.errors import FormatError, LockedError, StoreError
from preserve.formats import description as description_format
from preserve.formats import manifest, seal
from preserve.model.archive import Description
from preserve.model.eventkind import EventKind

_RUN_NAME = re.compile(r"(\d{6,})-\d{8}t\d{6}z", re.ASCII)
_EVENT_NAME = re.compile(rf"(\d{{6,}})-({'|'.join(EventKind)})", re.ASCII)
_IMPORTED = re.compile(r"-foreign-\d{4}\.")
_BEFORE = {"lock", "journal", "schedules.toml", "index", durable.waiting(Path(description_format.NAME)).name}
"""What may lie in a folder that becomes an archive: the last is what a kill left of an earlier try."""
_PATIENCE = 5.0
"""Seconds that a lock is waited for whose taker is gone: the processes it shared a run with hold it until they have ended too."""


class Archive:
    """ports.ArchiveStore: a folder that is an archive, or is to become one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"
        self.events = root / "events"
        self.log = root / "log"
        self.documents = root / "documents"
        self.journal = root / "journal"
        self.index = root / "index"

    @property
    def exists(self) -> bool:
        return (self.root / description_format.NAME).is_file()

    @property
    def slug(self) -> str:
        """The folder's name as far as it fits a file name of ours; "archive" when nothing of it does."""
        return re.sub(r"[^a-z0-9]+", "-", self.root.resolve().name.lower()).strip("-")[:40].strip("-") or "archive"

    def describe(self) -> Description:
        """Read archive.toml. Raises FormatError when this is no archive or the file is not as it should be."""
        try:
            data = _read(self.root / description_format.NAME, description_format.MAX_SIZE)
            if data is not None:
                return description_format.decode(data)
        except FormatError as problem:
            raise FormatError(f"{self.root}: {problem.message}", "restore the file from a backup: it never changes") from None
        hint = "capture into it first, or name another folder with --archive"
        raise FormatError(f"{self.root} is not an archive: it has no {description_format.NAME}", hint)

    def create(self, description: Description) -> None:
        """Make the folder an archive. Raises StoreError when something else lies there."""
        with translated(self.root):
            strangers = sorted({entry.name for entry in self.root.iterdir()} - _BEFORE)
            if strangers:
                raise StoreError(
                    f"{self.root} is not an archive and not empty (it holds {strangers[0]!r})",
                    "name a new or empty folder with --archive",
                )
            durable.write_file(self.root / description_format.NAME, description_format.encode(description))
            durable.sync_folder(self.root)

    @contextmanager
    def lock(self, purpose: str, since: str) -> Iterator[int]:
        """Be the one writer. Raises LockedError naming the owner when somebody else is.

        Given is the handle that holds the lock: whoever inherits it holds it too, until the last of them has closed it.
        """
        path = self.root / "lock"
        with translated(self.root):
            durable.make_folders(self.root)
            handle = self._locked(path)
            owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "purpose": purpose}
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(owner).encode(), 0)
            self._leave_journal()  # a kill may have come just before
        try:
            yield handle
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def _locked(self, path: Path) -> int:
        patience = time.monotonic() + _PATIENCE
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                owner = os.pread(handle, 4096, 0)
                os.close(handle)
                if problem.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                    raise
                if _is_gone(owner) and time.monotonic() < patience:
                    time.sleep(0.02)
                    continue
                raise LockedError(
                    f"{self.root} is being written to by {_owner(owner)}", "wait for it to end, or stop it"
                ) from None
            try:
                if path.stat().st_ino == os.fstat(handle).st_ino:
                    return handle
            except FileNotFoundError:
                pass
            os.close(handle)  # the last owner removed it between our open and our lock

    def run_names(self) -> tuple[str, ...]:
        """The sealed runs by sequence number."""
        return _numbered(self.runs, _RUN_NAME)

    def event_names(self) -> tuple[str, ...]:
        """The events by their index in the log."""
        return _numbered(self.events, _EVENT_NAME)

    def staged_events(self) -> tuple[str, ...]:
        """Events that a kill kept from their place."""
        return _numbered(self.journal, _EVENT_NAME)

    def staged_imports(self) -> tuple[str, ...]:
        """Imports that a kill kept from their place: runs without a journal, whose captures are other tools' files alone."""
        if self.has_journal:
            return ()
        with translated(self.journal):
            return tuple(
                name
                for name in _numbered(self.journal, _RUN_NAME)
                if all(_IMPORTED.search(path.name) for path in (self.journal / name / "data").glob("*.warc*"))
            )

    def last_seal(self) -> tuple[int, bytes] | None:
        """Sequence number and SEAL of the newest run; None when there is none."""
        names = self.run_names()
        if not names:
            return None
        return int(names[-1].partition("-")[0]), self._sealed(names[-1], "SEAL", seal.MAX_SIZE)

    def last_manifest(self) -> bytes | None:
        """The manifest of the newest run; None when there is none."""
        names = self.run_names()
        if not names:
            return None
        return self._sealed(names[-1], "manifest.json", manifest.MAX_SIZE)

    def _sealed(self, name: str, path: str, limit: int) -> bytes:
        """What every sealed run has. Raises StoreError when it is gone, FormatError when it is nothing that was sealed."""
        data = self.read_run(name, path, limit)
        if data is None:
            raise StoreError(
                f"{self.runs / name / path} is missing",
                "restore the run from a backup; preserve verify says what else is missing",
            )
        return data

    def keep_document(self, sha256: str, name: str, data: bytes) -> None:
        """Keep an exact copy, to be put into documents/<sha256>/<name> by `place_documents`; one that is kept already stays.

        Until a run that cites from it is sealed it waits in journal/, and goes with that: in documents/ lies nothing that no run names.
        """
        folder = self._waiting / sha256
        path = folder / name
        with translated(path):
            for kept in (self.documents / sha256 / name, path):
                if kept.is_file() and kept.stat().st_size == len(data):
                    return
            durable.make_folders(folder)
            durable.write_file(path, data, beside=self._waiting / ".part")  # a name may be as long as names can be
            durable.sync_folder(folder)

    def place_documents(self, cited: Collection[tuple[str, str]]) -> None:
        """Put the copies that a sealed run cites from, (SHA-256, name), into their place; what else waits goes. Safe to repeat after a kill."""
        with translated(self.documents):
            if not self._waiting.is_dir():
                return
            for waiting in sorted(self._waiting.glob("*/*")):
                folder = self.documents / waiting.parent.name
                if (waiting.parent.name, waiting.name) not in cited:
                    continue
                durable.make_folders(folder)
                waiting.replace(folder / waiting.name)
                durable.sync_folder(folder)
            shutil.rmtree(self._waiting)
            durable.sync_folder(self.journal)

    @property
    def _waiting(self) -> Path:
        return self.journal / "documents"

    @property
    def journal_file(self) -> Path:
        return self.journal / "journal.sqlite"

    @property
    def has_journal(self) -> bool:
        """Whether a run is open."""
        return self.journal_file.exists()

    def make_journal(self) -> None:
        """Make room for the journal of a new run; what a killed `clear_journal` left goes first."""
        self.clear_unbegun()
        with translated(self.journal):
            durable.make_folders(self.journal)

    def staging(self, name: str) -> Staged:
        """The folder of the open run."""
        folder = self.journal / name
        with translated(folder):
            durable.make_folders(folder / "data")
        return Staged(folder)

    def event_staging(self, name: str) -> Staged:
        """The folder of an event that is being written."""
        folder = self.journal / name
        with translated(folder):
            durable.make_folders(folder)
        return Staged(folder)

    def drop_import(self, name: str) -> None:
        """Take away what is there of an import that was not sealed, the documents that it would have cited from among it."""
        with translated(self._waiting):
            if not self.has_journal and self._waiting.is_dir():
                shutil.rmtree(self._waiting)
        self.drop_event(name)

    def drop_event(self, name: str) -> None:
        """Take away what a kill left of an event that was not even sealed."""
        with translated(self.journal / name):
            shutil.rmtree(self.journal / name)
            self._leave_journal()

    def place(self, name: str) -> Path:
        """Move the staged run of that name into runs/, its last step; one that is there already stays."""
        return self._place(name, self.runs)

    def place_import(self, name: str) -> Path:
        """The same for an import, which has no journal."""
        final = self._place(name, self.runs)
        self._leave_journal()
        return final

    def place_event(self, name: str) -> Path:
        """The same for an event, into events/."""
        final = self._place(name, self.events)
        self._leave_journal()
        return final

    def _place(self, name: str, folder: Path) -> Path:
        staged, final = self.journal / name, folder / name
        with translated(final):
            durable.make_folders(folder)
            if not final.exists():
                staged.rename(final)
            durable.sync_folder(folder)
            durable.sync_folder(self.journal)
        return final

    def _leave_journal(self) -> None:
        """Remove journal/ and what kills left half written in it, unless something else lies there: a run is open, or it is not ours to remove."""
        if not self.has_journal:
            with contextlib.suppress(OSError):
                for left in self.journal.glob(".*.part"):
                    left.unlink()
                self.journal.rmdir()

    def read_run(self, name: str, path: str, limit: int) -> bytes | None:
        """A small file of a run in its place; None when it is not there. Raises FormatError when it is longer than `limit`."""
        return _read(self.runs / name / path, limit)

    def overwrite(self, name: str, path: str, offset: int, pieces: Iterable[bytes]) -> None:
        """Write other bytes over some of a file of a sealed run, in place, and see that they reach the disk: for a redaction alone.

        In place, because a file written anew would leave the old bytes on the disk.
        """
        place = self.runs / name / path
        with translated(place):
            handle = os.open(place, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for piece in pieces:
                    left = memoryview(piece)
                    while left:
                        written = os.pwrite(handle, left, offset)
                        offset, left = offset + written, left[written:]
                os.fsync(handle)
            finally:
                os.close(handle)

    def read_event(self, name: str, path: str, limit: int) -> bytes | None:
        """The same of an event."""
        return _read(self.events / name / path, limit)

    def keep_token(self, name: str, path: str, token: bytes) -> None:
        """Add a token to a run in its place: the only thing that a sealed run ever gains.

        It waits in journal/ until it is whole: what a kill leaves behind must not lie in a run, where nothing unlisted belongs.
        """
        self._keep(self.runs / name / path, token)

    def keep_event_token(self, name: str, path: str, token: bytes) -> None:
        """The same for an event."""
        self._keep(self.events / name / path, token)

    def _keep(self, place: Path, token: bytes) -> None:
        with translated(place):
            durable.make_folders(self.journal)
            durable.make_folders(place.parent)
            durable.write_file(place, token, beside=self.journal / ".token.part")
            durable.sync_folder(place.parent)
            self._leave_journal()

    def clear_unbegun(self) -> None:
        """Clear a journal in which no run was begun. Raises StoreError when records lie there all the same: then it was damaged."""
        with translated(self.journal):
            lost = next(self.journal.glob("*/data/*.warc.gz"), None)
        if lost is not None:
            raise StoreError(
                f"{lost}: captured records, and no journal that knows them",
                f"the disk lost the journal: move {self.journal} away and keep it, the WARC files in it are whole up to their last record",
            )
        self.clear_journal()

    def clear_journal(self) -> None:
        """The open run is sealed or was never begun: nothing of the journal is needed any more."""
        with translated(self.journal):
            if self.journal.exists():
                shutil.rmtree(self.journal)
                durable.sync_folder(self.root)


class Staged:
    """ports.Staging: the folder of a run that is not sealed yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Write a file anew: outside the run, and when the block ends well flushed to the disk and renamed.

        Outside, because the run may be sealed: what a kill leaves of its proof must not lie among what was signed.
        """
        place = self.folder / path
        with translated(place):
            durable.make_folders(place.parent)
            beside = durable.waiting(self.folder.parent / place.name)
            beside.unlink(missing_ok=True)
            with beside.open("xb") as file:  # anew: what lies there may be a link
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.rename(place)
            durable.sync_folder(place.parent)

    def open(self, path: str) -> BinaryIO:
        with translated(self.folder / path):
            return (self.folder / path).open("rb")

    def exists(self, path: str) -> bool:
        return (self.folder / path).is_file()

    def size(self, path: str) -> int:
        with translated(self.folder / path):
            return (self.folder / path).stat().st_size

    def remove(self, path: str) -> None:
        with translated(self.folder / path):
            (self.folder / path).unlink()

    def files(self) -> tuple[str, ...]:
        """Every file there is, sorted; what an interrupted write left beside its name is removed first."""
        with translated(self.folder):
            for left in self.folder.rglob(".*.part"):
                left.unlink()
            return tuple(sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()))


def _numbered(folder: Path, form: re.Pattern[str]) -> tuple[str, ...]:
    """The names in `folder` of that form, by the number that they begin with."""
    try:
        names = [entry.name for entry in folder.iterdir() if form.fullmatch(entry.name)]
    except FileNotFoundError:
        return ()
    return tuple(sorted(names, key=lambda name: (int(name.partition("-")[0]), name)))


def _read(place: Path, limit: int) -> bytes | None:
    try:
        with translated(place):
            status = place.lstat()
            if not stat.S_ISREG(status.st_mode):  # a FIFO would keep us waiting, a link lead elsewhere
                raise FormatError(f"{place}: not a plain file")
            with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                data = file.read(limit + 1)
    except StoreError as problem:
        if isinstance(problem.__cause__, FileNotFoundError):
            return None
        raise
    if len(data) > limit:
        raise FormatError(f"{place}: longer than {limit} bytes")
    return data


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a StoreError that names the place and what to do."""
    try:
        yield
    except OSError as problem:
        hint = {
            errno.ENOSPC: "free some space, then run the same command with --resume",
            errno.EDQUOT: "free some of your quota, then run the same command with --resume",
            errno.EACCES: "check who may write there",
            errno.EROFS: "the file system is read-only",
        }.get(problem.errno or 0, "")
        raise StoreError(f"{problem.filename or path}: {problem.strerror or problem}", hint) from problem


def _is_gone(owner: bytes) -> bool:
    """Whether the process that took the lock has ended: then those it shared the lock with are about to."""
    try:
        said = json.loads(owner)
        if said["host"] != socket.gethostname():
            return False
        os.kill(int(said["pid"]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, OSError):
        return False
    return False


def _owner(data: bytes) -> str:
    try:
        owner = json.loads(data)
        return f"process {owner['pid']} on {owner['host']} ({owner['purpose']}, since {owner['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"

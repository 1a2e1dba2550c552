"""Checkpoints remembered from run to run, by which a log that was rolled back or rewritten is noticed without any witness.

Two memories, kept apart: what `verify` saw (signed by a trusted log key, after consistency with the one before had passed), and
what this user's captures signed themselves. Each is a folder with one signed note for each origin, as it was signed, named by the
SHA-256 of the origin. A memory that cannot be written is no reason to stop: `remember` says so and the caller tells the user.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preserve import durable
from preserve.errors import ConfigError, FormatError
from preserve.formats import note
from preserve.formats.note import Checkpoint, SignedNote


class CheckpointMemory:
    """The newest checkpoint of each origin, never an older one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def seen(cls, state: Path) -> CheckpointMemory:
        """What verify saw, below the user's state folder."""
        return cls(state / "seen")

    @classmethod
    def signed(cls, state: Path) -> CheckpointMemory:
        """What this user's captures signed, below the user's state folder."""
        return cls(state / "signed")

    def recall(self, origin: str) -> SignedNote | None:
        """The note remembered for `origin`; raises ConfigError when the memory is there and cannot be read."""
        path = self._place(origin)
        try:
            signed = note.parse(path.read_bytes())
            if note.parse_checkpoint(signed.text).origin != origin:
                raise FormatError("it is of another log")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, FormatError) as problem:
            why = problem.message if isinstance(problem, FormatError) else problem.strerror
            raise ConfigError(
                f"{path}: the checkpoint remembered of {origin} cannot be read: {why}",
                "restore the file; without it nobody here would notice that the log was rolled back",
            ) from problem
        return signed

    def head(self, origin: str) -> Checkpoint | None:
        """What `recall` gives, as a Checkpoint."""
        signed = self.recall(origin)
        return None if signed is None else note.parse_checkpoint(signed.text)

    def remember(self, signed: SignedNote) -> str:
        """Keep a checkpoint that was verified, unless a newer one is kept. Returns "" or why it could not be kept."""
        head = note.parse_checkpoint(signed.text)
        try:
            durable.make_folders(self._folder, mode=0o700)
            with _locked(self._folder):
                known = self.head(head.origin)
                if known is not None and known.size > head.size:
                    return ""
                if known is not None and known.size == head.size and known.root != head.root:
                    return f"{self._place(head.origin)}: another log of the same size is remembered there"
                if signed != self.recall(head.origin):
                    durable.write_file(self._place(head.origin), signed.encode(), mode=0o600)
                    durable.sync_folder(self._folder)
        except OSError as problem:
            return f"{self._folder}: {problem.strerror}"
        return ""

    def replace(self, signed: SignedNote) -> str:
        """Keep this one, whatever was kept before: a user accepted that the log was rolled back. "" or why it could not be kept."""
        head = note.parse_checkpoint(signed.text)
        try:
            durable.make_folders(self._folder, mode=0o700)
            with _locked(self._folder):
                durable.write_file(self._place(head.origin), signed.encode(), mode=0o600)
                durable.sync_folder(self._folder)
        except OSError as problem:
            return f"{self._folder}: {problem.strerror}"
        return ""

    def _place(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time; the lock ends with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

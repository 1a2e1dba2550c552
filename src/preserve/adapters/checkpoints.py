"""Checkpoints remembered from run to run, by which a log that was rolled back or rewritten is noticed without any witness.

Two memories, kept apart: what `verify` saw (signed by a trusted log key, after consistency with the one before had passed), and
what this user's captures signed themselves. Each is a folder with one signed note for each origin, as it was signed, named by the
SHA-256 of the origin; beside it, where there are any, the rollbacks that were stated in that log by then. A memory that cannot be written is no reason to stop: `remember` says so and the caller tells the user.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from preserve import durable
from preserve.errors import ConfigError, FormatError
from preserve.formats import note
from preserve.formats.note import Checkpoint, SignedNote
from preserve.formats.strictjson import HASH
from preserve.rules.verify_log import Remembered


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

    def rollbacks(self, origin: str) -> frozenset[str]:
        """The rollbacks stated in the log that is remembered, by the SHA-256 of each statement. Raises ConfigError as `recall` does."""
        path = self._place(origin).with_suffix(".rollbacks")
        try:
            rows = path.read_text("ascii").splitlines()
            if any(not HASH.fullmatch(row) for row in rows):
                raise FormatError("not a list of hashes")
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except (OSError, UnicodeDecodeError, FormatError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "not a list of hashes"
            raise ConfigError(
                f"{path}: the rollbacks remembered of {origin} cannot be read: {why}", "restore the file"
            ) from problem
        return frozenset(rows)

    def remembered(self, origin: str) -> Remembered | None:
        """Head and rollbacks together."""
        head = self.head(origin)
        return None if head is None else Remembered(head=head, rollbacks=self.rollbacks(origin))

    def remember(self, signed: SignedNote, rollbacks: Collection[str] = ()) -> str:
        """Keep a checkpoint that was verified, and the rollbacks stated in its log, unless a newer one is kept. "" or why it could not be kept."""
        head = note.parse_checkpoint(signed.text)
        try:
            durable.make_folders(self._folder, mode=0o700)
            with _locked(self._folder):
                known = self.head(head.origin)
                if known is not None and known.size > head.size:
                    return ""
                if known is not None and known.size == head.size and known.root != head.root:
                    return f"{self._place(head.origin)}: another log of the same size is remembered there"
                # First what was stated, then the head that has it: cut short, this never forgets a rollback that was seen.
                self._keep_rollbacks(head.origin, self.rollbacks(head.origin) | frozenset(rollbacks))
                if signed != self.recall(head.origin):
                    durable.write_file(self._place(head.origin), signed.encode(), mode=0o600)
                    durable.sync_folder(self._folder)
        except OSError as problem:
            return f"{self._folder}: {problem.strerror}"
        return ""

    def replace(self, signed: SignedNote, rollbacks: Collection[str] = ()) -> str:
        """Keep this one, whatever was kept before: a user accepted that the log was rolled back, as `rollbacks` state. As `remember`."""
        head = note.parse_checkpoint(signed.text)
        try:
            durable.make_folders(self._folder, mode=0o700)
            with _locked(self._folder):
                durable.write_file(self._place(head.origin), signed.encode(), mode=0o600)
                self._keep_rollbacks(head.origin, frozenset(rollbacks))
                durable.sync_folder(self._folder)
        except OSError as problem:
            return f"{self._folder}: {problem.strerror}"
        return ""

    def _keep_rollbacks(self, origin: str, rollbacks: frozenset[str]) -> None:
        if rollbacks != self.rollbacks(origin):
            rows = "".join(f"{row}\n" for row in sorted(rollbacks))
            durable.write_file(self._place(origin).with_suffix(".rollbacks"), rows.encode(), mode=0o600)

    def _place(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


def newest_head(state: Path, origin: str) -> Checkpoint | None:
    """The largest head of a log that this user signed or verified, by the memories below the state folder (ADR 0286). Raises as `recall`."""
    heads = (memory.head(origin) for memory in (CheckpointMemory.signed(state), CheckpointMemory.seen(state)))
    return max((head for head in heads if head is not None), key=lambda head: head.size, default=None)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time; the lock ends with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

"""The error tree and the exit codes: what `preserve` raises when it could not look.

A *finding* (a 404, a broken signature, a dead host) is a value and never passes through here. An exception means that the
question itself could not be asked: the file is not a document, the disk is full, another process holds the archive.

    PreserveError
    ├── UsageError            2   the command line makes no sense
    ├── ConfigError           3   configuration, keys or trust store cannot be used
    ├── FormatError          20   these bytes are not in a format of ours
    ├── StoreError           30   the archive cannot be read or written
    │   └── LockedError      30   another process is writing to it
    └── TrustError           40   refusing to build on something that does not verify
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes that scripts may rely on."""

    DONE = 0
    USAGE = 2
    CONFIG = 3
    PARTIAL = 10
    NOTHING = 11
    FORMAT = 20
    STORE = 30
    ALTERED = 40
    UNESTABLISHED = 41
    INTERRUPTED = 130


class PreserveError(Exception):
    """Something stands in the way; `message` says what and where, `hint` what to do next."""

    exit_code: ExitCode = ExitCode.CONFIG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PreserveError):
    """The command line makes no sense."""

    exit_code = ExitCode.USAGE


class ConfigError(PreserveError):
    """The user's configuration, keys or trust store cannot be used as they are."""

    exit_code = ExitCode.CONFIG


class FormatError(PreserveError):
    """These bytes are not in the format they were taken for."""

    exit_code = ExitCode.FORMAT


class StoreError(PreserveError):
    """The archive cannot be read or written (locked, disk full, no permission)."""

    exit_code = ExitCode.STORE


class LockedError(StoreError):
    """Another process holds the archive's lock."""


class TrustError(PreserveError):
    """Refusing to build on something that does not verify."""

    exit_code = ExitCode.ALTERED

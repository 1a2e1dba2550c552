"""Telling a program: the digest as JSON on its standard input."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from preserve.formats import digest as digest_format
from preserve.model.digest import Digest, ToCommand

_TOTAL = 60.0
_MAX_SAID = 300


class CommandNotifier:
    """ports.Notifier: one program, started without a shell. `total` is the seconds that it gets."""

    def __init__(self, receiver: ToCommand, *, total: float = _TOTAL) -> None:
        self._command = receiver.command
        self._total = total

    def send(self, digest: Digest) -> str:
        """Return "" when the program ended with 0; else why it did not."""
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it starts can be ended with it
            )
        except (OSError, ValueError) as problem:
            return f"{self._command[0]}: {getattr(problem, 'strerror', None) or problem}"
        with process:
            try:
                _, said = process.communicate(digest_format.encode(digest), timeout=self._total)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return f"{self._command[0]} did not end within {self._total:g} s"
        if process.returncode == 0:
            return ""
        words = said.decode("utf-8", "backslashreplace").strip()[:_MAX_SAID]
        return f"{self._command[0]} ended with {process.returncode}{f': {words}' if words else ''}"

"""Passphrases, from wherever the user keeps them: a file, the environment, or the keyboard. Never from the command line itself,
which every process on the machine can read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ConfigError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.keys import StoredKey

FILE_VARIABLE = "PRESERVE_PASSPHRASE_FILE"
VARIABLE = "PRESERVE_PASSPHRASE"


def opener(file: Path | None = None) -> Callable[[StoredKey], bytes]:
    """What asks for the passphrase of a key that exists: `file`, else the environment, else the terminal."""

    def ask(key: StoredKey) -> bytes:
        given = _given(file)
        if given is None:
            _need_terminal(f"the key {key.keyid[:16]}… needs its passphrase")
            given = str(click.prompt(f"Passphrase of {printable(key.name)}", hide_input=True, err=True)).encode()
        return given

    return ask


def new(file: Path | None = None) -> bytes:
    """A passphrase for a key that is being made; typed twice where it is typed."""
    given = _given(file)
    if given is None:
        _need_terminal("a new key needs a passphrase")
        given = str(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)).encode()
    if not given:
        raise UsageError("the passphrase is empty", "say --no-passphrase if that is meant")
    return given


def _given(file: Path | None) -> bytes | None:
    if file is None and os.environ.get(FILE_VARIABLE):
        file = Path(os.environ[FILE_VARIABLE])
    if file is None:
        value = os.environ.get(VARIABLE)
        return None if value is None else os.fsencode(value)
    try:
        return file.read_bytes().split(b"\n", 1)[0].removesuffix(b"\r")
    except OSError as problem:
        raise ConfigError(f"{file}: {problem.strerror}", "the first line of this file is to be the passphrase") from problem


def _need_terminal(why: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            f"{why}, and there is no terminal to ask on", f"set {FILE_VARIABLE} to a file that holds it, or use --no-passphrase"
        )

"""Passphrases, from wherever the user keeps them: a file, the environment, the system's keyring, or the keyboard. Never from the
command line itself, which every process on the machine can read.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preserve.errors import ConfigError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.keys import StoredKey

FILE_VARIABLE = "PRESERVE_PASSPHRASE_FILE"
VARIABLE = "PRESERVE_PASSPHRASE"
SERVICE = "preserve"
"""What the passphrases are filed under in the keyring; each by its key id."""
_MAX_LINE = 1 << 16  # a passphrase file is not read further: it may be a device without end


def opener(file: Path | None = None) -> Callable[[StoredKey], bytes]:
    """What asks for the passphrase of a key that exists: `file`, the environment, the keyring where it lies there, the terminal."""

    def ask(key: StoredKey) -> bytes:
        given = _given(file)
        if given is None and key.keyring:
            given = recall(key.keyid)
        if given is None:
            _need_terminal(f"the key {key.keyid[:16]}… needs its passphrase")
            given = str(click.prompt(f"Passphrase of {printable(key.name)}", hide_input=True, err=True)).encode()
        return given

    return ask


def once(ask: Callable[[StoredKey], bytes]) -> Callable[[StoredKey], bytes]:
    """The same, but nobody is asked twice for the same key."""
    held: dict[str, bytes] = {}

    def answer(key: StoredKey) -> bytes:
        if key.keyid not in held:
            held[key.keyid] = ask(key)
        return held[key.keyid]

    return answer


def given_for(what: str, file: Path | None = None) -> bytes:
    """The passphrase of a key in the file called `what`, which is no key of ours yet."""
    given = _given(file)
    if given is None:
        _need_terminal(f"{printable(what)} needs its passphrase")
        given = str(click.prompt(f"Passphrase of {printable(what)}", hide_input=True, err=True)).encode()
    return given


def new(file: Path | None = None, *, environment: bool = True) -> bytes:
    """A passphrase for a key that is being made; typed twice where it is typed. `environment`: it may be given there too."""
    given = _given(file) if file is not None or environment else None
    if given is None:
        _need_terminal("a new key needs a passphrase", ", or use --no-passphrase")
        given = str(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)).encode()
    if not given:
        raise UsageError("the passphrase is empty", "say --no-passphrase if that is meant")
    return given


def recall(keyid: str) -> bytes:
    """The passphrase that the keyring holds for a key. Raises ConfigError when it does not."""
    ring = _keyring()
    found = _of_ring(ring, lambda: ring.get_password(SERVICE, keyid))
    if found is None:
        raise ConfigError(
            f"the keyring has no passphrase for the key {keyid[:16]}…",
            f"set {FILE_VARIABLE} to a file that holds it, and put it back: preserve key passphrase --keyring",
        )
    return str(found).encode()


def remember(keyid: str, passphrase: bytes) -> None:
    """Give the passphrase of a key to the keyring. Raises ConfigError when it takes none."""
    ring = _keyring()
    _of_ring(ring, lambda: ring.set_password(SERVICE, keyid, passphrase.decode()))


def forget(keyid: str) -> None:
    """Take the passphrase of a key out of the keyring, where it may be gone already."""
    ring = _keyring()
    if _of_ring(ring, lambda: ring.get_password(SERVICE, keyid)) is not None:
        _of_ring(ring, lambda: ring.delete_password(SERVICE, keyid))


def _keyring() -> Any:
    try:
        import keyring
    except ImportError:
        raise ConfigError(
            "the passphrase lies in the keyring, and keyring is not installed", "pip install 'preserve[keyring]'"
        ) from None
    return keyring


def _of_ring(ring: Any, call: Callable[[], Any]) -> Any:
    try:
        return call()
    # Not only its own errors: the first call loads the backend that the environment or a file of the user's names, whatever that is.
    except (ring.errors.KeyringError, ImportError, AttributeError, TypeError, ValueError, OSError) as problem:
        raise ConfigError(f"the keyring does not help: {printable(str(problem))}", f"set {FILE_VARIABLE} instead") from problem


def _given(file: Path | None) -> bytes | None:
    if file is None and os.environ.get(FILE_VARIABLE):
        file = Path(os.environ[FILE_VARIABLE])
    if file is None:
        value = os.environ.get(VARIABLE)
        return None if value is None else os.fsencode(value)
    try:
        with file.open("rb") as opened:
            _tell_of_readers(file, stat.S_IMODE(os.fstat(opened.fileno()).st_mode))
            return opened.readline(_MAX_LINE).removesuffix(b"\n").removesuffix(b"\r")
    except OSError as problem:
        raise ConfigError(f"{file}: {problem.strerror}", "the first line of this file is to be the passphrase") from problem


@functools.cache  # once for each file, however many keys it opens
def _tell_of_readers(file: Path, mode: int) -> None:
    """A secret that a service manager mounts is readable by all in there: told, and not refused as a private key would be."""
    context = click.get_current_context(silent=True)
    if mode & 0o044 and not (context is not None and context.params.get("quiet")):
        click.echo(f"{printable(str(file))}: others on this machine can read this passphrase (mode {mode:04o}).", err=True)


def _need_terminal(why: str, else_: str = "") -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{why}, and there is no terminal to ask on", f"set {FILE_VARIABLE} to a file that holds it{else_}")

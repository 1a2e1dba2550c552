"""Signing with an SSH key that lies in a file, in an agent or behind one: by OpenSSH's own `ssh-keygen -Y sign`.

The private half never comes here. ssh-keygen asks for a passphrase on the terminal itself, and takes the key from the agent where the
file that is named is the public one. What it answers is read strictly and verified by whoever called, like anybody's signature.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryFile

from preserve.errors import ConfigError, UsageError
from preserve.formats.printable import printable
from preserve.formats.sshkey import NAMESPACE

TIMEOUT = 120.0
"""Seconds: somebody may have to type a passphrase."""
_MOST = 8192
_SAID = 400


def command_for(key: Path) -> tuple[str, ...]:
    """What signs standard input with that key."""
    # An absolute path: one that begins with "-" would be an option.
    return ("ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(key.absolute()))


def sign(key: Path, message: bytes, *, timeout: float = TIMEOUT) -> bytes:
    """The signature over `message` as ssh-keygen writes it. Raises UsageError or ConfigError with what it said where there is none."""
    if not key.is_file():
        raise UsageError(f"{key}: no such file", "name your SSH key, or its .pub file where an agent holds the key")
    with TemporaryFile() as asked, TemporaryFile() as answer, TemporaryFile() as complaint:
        asked.write(message)
        asked.seek(0)
        try:
            done = subprocess.run(command_for(key), stdin=asked, stdout=answer, stderr=complaint, timeout=timeout, check=False)
        except FileNotFoundError:
            raise ConfigError("ssh-keygen is not installed", "it comes with OpenSSH, 8.2 or newer") from None
        except subprocess.TimeoutExpired:
            raise ConfigError(f"ssh-keygen did not answer within {timeout:g} seconds") from None
        except OSError as problem:
            raise ConfigError(f"ssh-keygen cannot be run: {problem.strerror}") from problem
        complaint.seek(0)
        why = printable(" / ".join(complaint.read(_SAID).decode(errors="replace").split("\n")).strip(" /\r"))
        answer.seek(0)
        signature = answer.read(_MOST)
    if done.returncode:
        raise ConfigError(f"ssh-keygen signed nothing: {why or f'it ended with {done.returncode}'}")
    return signature

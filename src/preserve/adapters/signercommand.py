"""A key that signs somewhere else: on a card, in a security module, in a key service, in an agent (docs/guide/keys.md).

A command is run as a list of arguments, by no shell. It gets the exact bytes to sign on its standard input and answers with the raw
signature on its standard output: 64 bytes for Ed25519, DER for ECDSA on P-256. The answer is verified with the public half before
anybody builds on it, so a command that errs costs a message and nothing else.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from tempfile import TemporaryFile
from typing import IO

from preserve.errors import ConfigError, UsageError
from preserve.formats.printable import printable
from preserve.formats.publickey import PublicKey, fingerprint_groups

TIMEOUT = 120.0
"""Seconds: somebody may have to find the card, type its PIN and touch it."""
_MOST = 8192
"""Bytes of an answer; the longest signature has 3,309."""
_SAID = 400
_SECRETS = ("PRESERVE_PASSPHRASE", "PRESERVE_PASSPHRASE_FILE")


def split(command: str) -> tuple[str, ...]:
    """The program and its arguments, by the quoting rules of a shell and no other of its powers."""
    try:
        arguments = tuple(shlex.split(command))
    except ValueError as problem:
        raise UsageError(f"--signer {command!r}: {problem}", "close the quotation marks") from None
    if not arguments:
        raise UsageError("--signer is empty", "name the program that signs")
    return arguments


class CommandSigner:
    """Signs through a command: fills `ports.Signer`."""

    __slots__ = ("_command", "_name", "_public", "_timeout")

    def __init__(self, public: PublicKey, name: str, command: tuple[str, ...], *, timeout: float = TIMEOUT) -> None:
        self._public = public
        self._name = name
        self._command = command
        self._timeout = timeout

    @property
    def keyid(self) -> str:
        return self._public.keyid

    @property
    def algorithm(self) -> str:
        return self._public.algorithm.value

    @property
    def public_pem(self) -> bytes:
        return self._public.pem

    @property
    def name(self) -> str:
        return self._name

    def sign(self, message: bytes) -> bytes:
        """Raises ConfigError, with what the command said, when there is no signature that verifies."""
        environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        # Files, not pipes: a grandchild that keeps a pipe open would keep us waiting after the time is up.
        with TemporaryFile() as asked, TemporaryFile() as answer, TemporaryFile() as complaint:
            asked.write(message)
            asked.seek(0)
            try:
                done = subprocess.run(
                    self._command,
                    stdin=asked,
                    stdout=answer,
                    stderr=complaint,
                    timeout=self._timeout,
                    check=False,
                    env=environment,
                )
            except subprocess.TimeoutExpired:
                raise self._failed(f"did not answer within {self._timeout:g} seconds") from None
            except OSError as problem:
                raise self._failed(f"cannot be run: {problem.strerror}") from problem
            said = _said(complaint)
            answer.seek(0)
            signature = answer.read(_MOST + 1)
        if done.returncode:
            raise self._failed(f"ended with {done.returncode}: {said or 'it said nothing'}")
        if not self._public.verify(message, signature):
            what = f"answered {len(signature)} bytes that are no signature by the key {fingerprint_groups(self.keyid)}"
            raise self._failed(f"{what}: {said}" if said else what)
        return signature

    def _failed(self, why: str) -> ConfigError:
        hint = "nothing was signed; mend it and say the same again (a capture goes on with --resume)"
        return ConfigError(f"the signer {printable(self._command[0])} {why}", hint)


def _said(complaint: IO[bytes]) -> str:
    """What a program complained about, on one line that no terminal obeys."""
    complaint.seek(0)
    stderr = complaint.read(_SAID * 4)
    text = " / ".join(line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip())
    return printable(text[:_SAID])

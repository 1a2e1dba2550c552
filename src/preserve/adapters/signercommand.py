"""A key that signs somewhere else: on a card, in a security module, in a key service, in an agent (docs/guide/keys.md).

A command is run as a list of arguments, by no shell. It gets the exact bytes to sign on its standard input and answers with the raw
signature on its standard output: 64 bytes for Ed25519, DER for ECDSA on P-256. The answer is verified with the public half before
anybody builds on it, so a command that errs costs a message and nothing else. Of what it prints no more is taken than an answer can
have; one that goes on is ended, and so is one that takes too long.
"""

from __future__ import annotations

import os
import secrets
import selectors
import shlex
import subprocess
from tempfile import TemporaryFile
from time import monotonic

from preserve.errors import ConfigError, UsageError
from preserve.formats.printable import printable
from preserve.formats.publickey import PublicKey, fingerprint_groups

TIMEOUT = 120.0
"""Seconds: somebody may have to find the card, type its PIN and touch it."""
_MOST = 8192
"""Bytes of an answer; the longest signature has 3,309."""
_COMPLAINT = 1 << 20
"""Bytes on standard error: some programs tell of every step."""
_SAID = 400
_LOOK = 0.05
_LINGER = 0.5
"""Seconds between two looks whether it has ended; and for what it left in its pipes, while something else goes on to write there."""
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
        with TemporaryFile() as asked:
            asked.write(message)
            asked.seek(0)
            try:
                process = subprocess.Popen(
                    self._command, stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=environment
                )
            except OSError as problem:
                raise self._failed(f"cannot be run: {problem.strerror}") from problem
        try:
            signature, complaint = _heard(process, self._timeout)
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not answer within {self._timeout:g} seconds") from None
        said = _said(complaint)
        if len(signature) > _MOST:
            what = f"answered more than {_MOST} bytes, and was ended: no signature by the key {fingerprint_groups(self.keyid)}"
            raise self._failed(f"{what}: {said}" if said else what)
        if len(complaint) > _COMPLAINT:
            raise self._failed(f"complained without end, and was ended: {said}")
        if process.returncode:
            raise self._failed(f"ended with {process.returncode}: {said or 'it said nothing'}")
        if not self._public.verify(message, signature):
            what = f"answered {len(signature)} bytes that are no signature by the key {fingerprint_groups(self.keyid)}"
            raise self._failed(f"{what}: {said}" if said else what)
        return signature

    def prove(self) -> None:
        """Have it sign a text that says what it is for and is nothing else (docs/formats/keys.md section 10); raises ConfigError."""
        try:
            self.sign(f"preserve-signer-check/v1\nkey {self.keyid}\nnonce {secrets.token_hex(32)}\n".encode())
        except ConfigError as problem:
            raise ConfigError(problem.message, "nothing was kept; mend the command and say the same again") from None

    def _failed(self, why: str) -> ConfigError:
        hint = "nothing was signed; mend it and say the same again (a capture goes on with --resume)"
        return ConfigError(f"the signer {printable(self._command[0])} {why}", hint)


def _heard(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes]:
    """What it answers and what it complains of, each up to one byte more than is taken; it has ended when this returns.

    A grandchild that keeps a pipe open is not waited for. Raises subprocess.TimeoutExpired.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    answer, complaint = bytearray(), bytearray()
    deadline, over = monotonic() + seconds, None
    with process.stdout, process.stderr, selectors.DefaultSelector() as open_pipes:
        open_pipes.register(process.stdout, selectors.EVENT_READ, (answer, _MOST))
        open_pipes.register(process.stderr, selectors.EVENT_READ, (complaint, _COMPLAINT))
        try:
            while open_pipes.get_map():
                now = monotonic()
                if over is None and process.poll() is not None:
                    over = now
                if over is None and now >= deadline:
                    raise subprocess.TimeoutExpired(process.args, seconds)
                ready = open_pipes.select(_LOOK)
                if over is not None and (not ready or now - over > _LINGER):
                    break
                for key, _ in ready:
                    into, most = key.data
                    piece = os.read(key.fd, most + 1 - len(into))
                    into += piece
                    if len(into) > most:
                        return bytes(answer), bytes(complaint)
                    if not piece:
                        open_pipes.unregister(key.fileobj)
            process.wait(max(0.0, deadline - monotonic()))
        finally:
            process.kill()  # does nothing to one that has ended
            process.wait()
    return bytes(answer), bytes(complaint)


def _said(complaint: bytes) -> str:
    """What a program complained about, on one line that no terminal obeys."""
    stderr = complaint[: _SAID * 4]
    text = " / ".join(line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip())
    return printable(text[:_SAID])

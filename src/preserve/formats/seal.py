"""SEAL: what binds a signed document to its signatures and public keys (docs/formats/seal.md).

A list that `sha256sum -c --strict SEAL` reads, in one possible spelling: a line for the document (manifest.json of a run,
statement.json of an event), each signature and each public key, sorted by the bytes of the path. Time-stamps are over its exact bytes,
and so is the log's leaf of a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from preserve.errors import FormatError
from preserve.model.lines import SealLine

MANIFEST = "manifest.json"
STATEMENT = "statement.json"
MAX_SIZE = (1 << 16) - 1
"""Bytes: a seal is an entry of the log, whose length is written in 16 bits."""

_LINES = {
    document: re.compile(
        rb"([0-9a-f]{64})  (" + re.escape(document.encode()) + rb"|keys/[0-9a-f]{64}\.pem|signatures/[0-9a-f]{64}\.sig)"
    )
    for document in (MANIFEST, STATEMENT)
}


def key_path(keyid: str) -> str:
    """Where a run or an event keeps a signer's public key."""
    return f"keys/{keyid}.pem"


def signature_path(keyid: str) -> str:
    """Where a run or an event keeps a signer's signature."""
    return f"signatures/{keyid}.sig"


def encode(lines: Iterable[SealLine], document: str = MANIFEST) -> bytes:
    """The seal over `lines`, given in any order; raises FormatError when `decode` would refuse it."""
    ordered = sorted(lines, key=lambda line: line.path)
    data = b"".join(f"{line.sha256}  {line.path}\n".encode() for line in ordered)
    decode(data, document)
    return data


def decode(data: bytes, document: str = MANIFEST) -> tuple[SealLine, ...]:
    """The lines of the seal of a `document`; raises FormatError naming what is wrong."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"SEAL: too long: {len(data)} bytes")
    if not data.endswith(b"\n"):
        raise FormatError("SEAL: no newline at the end")
    lines: list[SealLine] = []
    for number, row in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        if not (match := _LINES[document].fullmatch(row)):
            raise FormatError(f"SEAL: bad line: line {number}")
        line = SealLine(path=match[2].decode(), sha256=match[1].decode())
        if lines and lines[-1].path == line.path:
            raise FormatError(f"SEAL: duplicate path: {line.path} in line {number}")
        if lines and lines[-1].path > line.path:
            raise FormatError(f"SEAL: not sorted: line {number}")
        lines.append(line)
    if all(line.path != document for line in lines):
        raise FormatError(f"SEAL: no {document}")
    return tuple(lines)

"""What a log and its witness say to each other: `add-checkpoint` of C2SP tlog-witness (https://c2sp.org/tlog-witness).

The request is the size that the witness cosigned last, the consistency proof from there, an empty line and the checkpoint as it is signed:

    old 4
    3o7dxuPqbpP4aAgXlUHQzLiJHeFrgYGI18Yvly0DL2g=

    archive.example/main/log
    5
    G7oLM5Dnqb5K0h5WfTYE0D/fILx1wf6Y6Kk/w8NYZ88=

    — archive.example/main/log 0jQWlfc83r828CadB7aNxnvXKIIS4q20V3jIrQuxVMU8yyU42P95C4GazMpdAPQdEznLiM1w5KHdjTYreEBTzcND6Ao=

The answer is the witness's signature lines (`note.encode_signatures`), or a status; with 409 the size that it did cosign last.
"""

from __future__ import annotations

import base64

from preserve.errors import FormatError
from preserve.formats import merkle, note
from preserve.formats.note import SignedNote
from preserve.model.noun import dataclass

PATH = "/add-checkpoint"
"""Below the witness's submission prefix."""
SIZE_TYPE = "text/x.tlog.size"
"""The Content-Type of the answer to a request with the wrong old size."""
MAX_STEPS = 63
MAX_REQUEST = note.MAX_NOTE + 64 * 48
MAX_SIZE_REPLY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`proof` leads from the tree of `old` entries to that of `checkpoint`, a signed note of which nothing is verified yet."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: SignedNote


def encode(request: Request) -> bytes:
    """The request's body."""
    rows = (f"old {request.old}", *(base64.b64encode(step).decode("ascii") for step in request.proof))
    return "".join(row + "\n" for row in rows).encode("ascii") + b"\n" + request.checkpoint.encode()


def decode(data: bytes) -> Request:
    """The request in exactly these bytes; its checkpoint may have extension lines. Raises FormatError."""
    head, gap, tail = data.partition(b"\n\n")
    try:
        rows = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("add-checkpoint: not ASCII before the checkpoint") from None
    if not rows[0].startswith("old "):
        raise FormatError("add-checkpoint: no old size")
    if not gap:
        raise FormatError("add-checkpoint: no checkpoint")
    if len(rows) > 1 + MAX_STEPS:
        raise FormatError(f"add-checkpoint: too many hashes: {len(rows) - 1}")
    proof = tuple(note.unbase64(row) for row in rows[1:])
    if any(len(step) != merkle.HASH_SIZE for step in proof):
        raise FormatError("add-checkpoint: bad hash: not 32 bytes")
    request = Request(old=note.decimal(rows[0].removeprefix("old ")), proof=proof, checkpoint=note.parse(tail))
    note.parse_checkpoint(request.checkpoint.text, extensions=True)
    return request


def encode_size(size: int) -> bytes:
    """The answer to a wrong old size."""
    return b"%d\n" % size


def decode_size(data: bytes) -> int:
    """The size in such an answer; raises FormatError."""
    if not data.endswith(b"\n"):
        raise FormatError("add-checkpoint: no newline at the end")
    return note.decimal(data[:-1].decode("ascii", "replace"))

"""Who is asked to witness a log, and what a witness answers: C2SP tlog-witness (https://c2sp.org/tlog-witness), `add-checkpoint`.

The answer is found check by check in the order of that text: a pure function of the request and of what was cosigned last for the same
origin. Whoever asks for it holds that origin for itself alone until the checkpoint that was accepted is on the disk: then no two
checkpoints of one log are ever cosigned that do not fit together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

from preserve.errors import UsageError
from preserve.formats import merkle, note
from preserve.formats.note import COSIGNATURES, Checkpoint, VerifierKey
from preserve.formats.url import BadUrl, parse
from preserve.formats.witness import Request
from preserve.model.noun import dataclass
from preserve.model.settings import WitnessAddress


class Refusal(IntEnum):
    """The HTTP statuses of the answers that are no cosignature."""

    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    OTHER_SIZE = 409
    """The answer's body is the size that was cosigned last."""
    INCONSISTENT = 422
    """Another root of the same size too, which by version 1.0.0 of the standard is 409 (docs/adr/0268)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why nothing is cosigned. `fork`: the log signed two trees of one size, which proves that it does not only grow."""

    status: Refusal
    why: str
    fork: bool = False


def judge_signature(request: Request, keys: Sequence[VerifierKey]) -> Checkpoint | Refused:
    """Whether the checkpoint is of a log that is witnessed, and signed by it. `keys` are those of all logs witnessed."""
    checkpoint = note.parse_checkpoint(request.checkpoint.text, extensions=True)
    own = [key for key in keys if key.name == checkpoint.origin]
    if not own:
        return Refused(status=Refusal.UNKNOWN_LOG, why="this log is not witnessed here")
    opened = note.verify(request.checkpoint, own)
    if opened.failed or not opened.signed_by:
        return Refused(status=Refusal.NOT_SIGNED, why="no signature of the log's key, or one that does not verify")
    return checkpoint


def judge_growth(request: Request, checkpoint: Checkpoint, last: Checkpoint | None) -> Refused | None:
    """Whether `checkpoint`, which its log signed, may be cosigned after `last`; None when it may."""
    size, root = (0, merkle.EMPTY_ROOT) if last is None else (last.size, last.root)
    fork = last is not None and checkpoint.size == size and checkpoint.root != root
    if request.old > checkpoint.size:
        return Refused(status=Refusal.MALFORMED, why="the old size is larger than the checkpoint's")
    if request.old != size:
        return Refused(status=Refusal.OTHER_SIZE, why=f"the size cosigned last is {size}", fork=fork)
    if not merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, request.proof):
        return Refused(
            status=Refusal.INCONSISTENT, why="it is not shown that the log only grew since it was cosigned last", fork=fork
        )
    return None


# --------------------------------------------------------------------------------------------------------------- whom we ask


def address(url: str, vkey: str, name: str | None = None) -> WitnessAddress:
    """A witness to ask, called by its key's name unless `name` is given. Raises UsageError or FormatError."""
    key = VerifierKey.parse(vkey)
    if key.type not in COSIGNATURES:
        raise UsageError("the vkey is a log's, not a witness's", "a witness tells its own: preserve log witness prints it")
    if isinstance(parse(url), BadUrl) or not re.match("https?://", url, re.IGNORECASE) or re.search("[?#]", url):
        raise UsageError(f"{url!r} is not the address of a witness", "it is the part before /add-checkpoint")
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise UsageError("the address of a witness holds a user or a password", "witnesses ask for none")
    return WitnessAddress(name=name or key.name, url=url, vkey=vkey)


def distinct(addresses: Sequence[WitnessAddress]) -> tuple[WitnessAddress, ...]:
    """`addresses`, when no two have one name or one key; else UsageError."""
    for what in ("name", "vkey"):
        for value, count in Counter(getattr(address, what) for address in addresses).items():
            if count > 1:
                raise UsageError(f"two witnesses have one {what}: {value}")
    return tuple(addresses)

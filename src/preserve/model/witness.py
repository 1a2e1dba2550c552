"""What a witness answered."""

from __future__ import annotations

from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The answer to a checkpoint that was sent to a witness; none of it is verified.

    `lines` are signature lines as they came; `size` is what the witness says it cosigned last, when it was asked to start elsewhere;
    `problem` says why there is neither, "" otherwise. `conflict`: that is because what it was sent does not fit what it cosigned.
    """

    lines: bytes = b""
    size: int | None = None
    problem: str = ""
    conflict: bool = False

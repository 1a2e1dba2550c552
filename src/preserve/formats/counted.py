"""Numbers with their nouns, as a person reads them: "1 run", "2 runs"."""

from __future__ import annotations

_SIBILANTS = ("s", "x", "ch", "sh")


def counted(number: int, noun: str) -> str:
    """`number` and the singular `noun`, in the plural where there is not exactly one; of regular English nouns."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(_SIBILANTS):
        return f"{number} {noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"

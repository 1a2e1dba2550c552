"""A key on paper: every seed comes back, and every mistake that a hand makes is noticed and named."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preserve.errors import FormatError
from preserve.formats import paperkey

SEED = hashlib.sha256(b"a seed").digest()
LINES = paperkey.encode(SEED)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _bare(line: str) -> str:
    return line.split(": ")[1].replace("-", "")


def _with(number: int, letters: str) -> str:
    return "\n".join((*LINES[:number], letters, *LINES[number + 1 :]))


@given(st.binary(min_size=32, max_size=32))
def test_every_seed_comes_back(seed: bytes) -> None:
    assert paperkey.decode("\n".join(paperkey.encode(seed))) == seed


@pytest.mark.parametrize(
    "typed",
    [
        "\n".join(LINES).lower(),
        "\n".join(_bare(line) for line in LINES),
        "\r\n".join(line.replace("-", " ") for line in LINES),
        "\n\n".join(line.replace(": ", ") ") for line in LINES),
        "\n".join(f"{n + 1}. " + _bare(line).replace("0", "O").replace("1", "l") for n, line in enumerate(LINES)),
        "RECOVERY KEY of 3 people\n\n" + "\n".join("    " + line for line in LINES) + "\n\nKeep it.\n",
    ],
)
def test_however_it_is_typed(typed: str) -> None:
    assert paperkey.decode(typed) == SEED


@pytest.mark.parametrize("number", range(paperkey.LINES))
def test_every_wrong_letter_and_every_swap_is_noticed_and_its_line_named(number: int) -> None:
    right = _bare(LINES[number])
    wrong = {right[:place] + letter + right[place + 1 :] for place in range(10) for letter in LETTERS} - {right}
    for one in range(10):
        for other in range(one):
            swapped = list(right)
            swapped[one], swapped[other] = right[other], right[one]
            wrong.add("".join(swapped))
    wrong.discard(right)
    assert len(wrong) > 310
    for letters in wrong:
        with pytest.raises(FormatError, match=f"line {number + 1} is"):
            paperkey.decode(_with(number, letters))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (
            "\n".join((LINES[1], LINES[0], *LINES[2:])),
            "line 1 is the line that belongs at 2; line 2 is the line that belongs at 1",
        ),
        ("\n".join(LINES[:6]), "6 lines; it has 7"),
        ("\n".join((*LINES, LINES[0])), "8 lines"),
        ("", "0 lines"),
        (_with(2, _bare(LINES[2])[:9]), "line 3 has 9 letters, not 10"),
        (_with(4, "U" + _bare(LINES[4])[1:]), "line 5 has 'U', which no line has"),
        (_with(4, "\u202e" + _bare(LINES[4])[1:]), r"line 5 has '\\u202e'"),
        ("\n".join((*LINES[:6], paperkey.encode(bytes(32))[6])), "not those of one key"),
    ],
)
def test_what_is_wrong_is_said(typed: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        paperkey.decode(typed)


def test_a_line_is_checked_alone() -> None:
    for number, line in enumerate(LINES):
        paperkey.check_line(number, line)
        with pytest.raises(FormatError):
            paperkey.check_line((number + 1) % 7, line)


def test_only_keys_of_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        paperkey.encode(bytes(31))

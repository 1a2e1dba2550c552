"""Asking witnesses: what is kept of their answers, and what a person is told when there is nothing to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from archives import Archivist, WitnessPen
from preserve.flows.witness import Cosigner
from preserve.formats import merkle, note, witness
from preserve.formats.note import SignedNote
from preserve.model.witness import Submitted

PEN = WitnessPen("one", "one.example/w")
OTHER = WitnessPen("other", "other.example/w")


class Scripted:
    """ports.Witness: answers in turn, and remembers what it was asked."""

    def __init__(self, answers: Iterable[Callable[[witness.Request], Submitted]], pen: WitnessPen = PEN) -> None:
        self.name = pen.key.name
        self.vkey = pen.key.encode()
        self.asked: list[witness.Request] = []
        self._answers = iter(answers)

    def add_checkpoint(self, request: bytes) -> Submitted:
        self.asked.append(witness.decode(request))
        return next(self._answers)(self.asked[-1])


def _signs(pen: WitnessPen) -> Callable[[witness.Request], Submitted]:
    return lambda request: Submitted(lines=note.encode_signatures([pen.line(request.checkpoint.text, 7)]))


def _says(**answer: object) -> Callable[[witness.Request], Submitted]:
    return lambda _: Submitted(**answer)  # type: ignore[arg-type]


@pytest.fixture
def archivist() -> Archivist:
    found = Archivist()
    for _ in range(3):
        found.add_run(pages=1)
    return found


def _collect(archivist: Archivist, *witnesses: Scripted, before: SignedNote | None = None) -> tuple[list[str], list[str]]:
    """Whose lines were kept, and what was told."""
    leaves = [merkle.leaf_hash(entry) for entry in archivist.entries]
    told: list[str] = []
    cosigner = Cosigner(witnesses=witnesses, tell=told.append)
    lines = cosigner.collect(
        archivist.checkpoint(), before, lambda old: merkle.consistency_path(old, len(leaves), merkle.in_memory(leaves))
    )
    assert len(cosigner.missing) == len(told)
    return [line.name for line in lines], told


def test_asked_from_the_head_before_where_its_line_is(archivist: Archivist) -> None:
    archivist.witnesses = (PEN,)
    before = archivist.checkpoint(2)
    archivist.witnesses = ()
    one, other = Scripted([_signs(PEN)]), Scripted([_says(size=1), _signs(OTHER)], OTHER)
    assert _collect(archivist, one, other, before=before) == (["one.example/w", "other.example/w"], [])
    assert [request.old for request in one.asked] == [2]
    assert [request.old for request in other.asked] == [0, 1]
    assert all(len(request.checkpoint.signatures) == 1 for request in one.asked + other.asked)


def test_who_cosigned_already_is_not_asked(archivist: Archivist) -> None:
    archivist.witnesses = (PEN,)
    one = Scripted([])
    assert _collect(archivist, one) == ([], [])
    assert one.asked == []


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([_says(problem="it cannot be reached")], "it cannot be reached"),
        ([_says(size=0)], "keeps asking"),
        ([_says(size=1), _says(size=2)], "keeps asking"),
        ([_says(size=4)], "it has seen this log with 4 entries, and here are 3"),
        ([_says(size=3), _says(size=3)], "it cosigned another log of 3 entries"),
        (
            [_says(size=3), _says(problem="it answered with HTTP status 409", conflict=True)],
            "it cosigned another log of 3 entries",
        ),
        ([_says(size=3), _says(problem="not only grown", conflict=True)], "it cosigned another log of 3 entries"),
        ([_says(size=2), _says(problem="not only grown", conflict=True)], "not only grown"),
        ([_says(problem="it answered with HTTP status 409", conflict=True)], "HTTP status 409"),
        ([_says(lines=b"")], "cannot be read"),
        ([_says(lines=b"<html>\n")], "cannot be read"),
        ([_signs(OTHER)], "no line of its key"),
        ([lambda _: Submitted(lines=note.encode_signatures([PEN.line(b"another text\n", 7)]))], "does not verify"),
    ],
)
def test_what_is_not_kept(archivist: Archivist, answers: list[Callable[[witness.Request], Submitted]], why: str) -> None:
    kept, told = _collect(archivist, Scripted(answers), Scripted([_signs(OTHER)], OTHER))
    assert kept == ["other.example/w"], "the others go on"
    assert len(told) == 1
    assert told[0].startswith("one.example/w: no cosignature: ")
    assert why in told[0]


def test_lines_of_others_in_an_answer_are_left_alone(archivist: Archivist) -> None:
    def both(request: witness.Request) -> Submitted:
        return Submitted(lines=note.encode_signatures([pen.line(request.checkpoint.text, 7) for pen in (OTHER, PEN)]))

    assert _collect(archivist, Scripted([both])) == (["one.example/w"], [])

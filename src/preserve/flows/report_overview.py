"""What stands on top of a report: how the archive is called, what was checked, and how many citations stand how, document by document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from preserve.errors import FormatError, StoreError
from preserve.flows.report_run import STATES
from preserve.formats import description
from preserve.model.handover import Wanted
from preserve.model.report import Checked, DocumentCount, Overview, SealedRun, State

if TYPE_CHECKING:
    from preserve.ports import Folder


def overview(
    folder: Folder,
    checked: Checked,
    software: str,
    *,
    runs: tuple[SealedRun, ...],
    documents: Sequence[str | None],
    rows: Iterable[tuple[int, int]],
    captures: int,
    selection: str,
) -> Overview:
    """`rows` are, in the order in which they are shown, the numbers of each row's document (in `documents`) and of its state (in `STATES`)."""
    counts = [[0] * len(STATES) for _ in documents]
    firsts = [0] * len(documents)
    for place, (document, state) in enumerate(rows):
        if not any(counts[document]):
            firsts[document] = place
        counts[document][state] += 1
    try:
        described = description.decode(folder.read(description.NAME, description.MAX_SIZE))
        name, origin = described.id, described.origin
    except (FormatError, StoreError, FileNotFoundError):
        name, origin = "", ""  # that it is missing or altered is among what was checked
    return Overview(
        id=name,
        origin=origin,
        software=software,
        checked=checked,
        runs=runs,
        documents=tuple(
            DocumentCount(name=document, first=firsts[number], states=_named(counts[number]))
            for number, document in enumerate(documents)
        ),
        states=_named([sum(column) for column in zip(*counts, strict=True)] if counts else [0] * len(STATES)),
        captures=captures,
        open_run="journal" in folder.names(),
        selection=selection,
    )


def _named(counts: Sequence[int]) -> tuple[tuple[State, int], ...]:
    return tuple(zip(STATES, counts, strict=True))


def selected(wanted: Wanted, taken: int, everything: int) -> str:
    """Which runs and documents were asked for, in words; "" for all of them."""
    parts = []
    if wanted.runs:
        parts.append(f"{taken} of {everything} sealed runs: " + ", ".join(map(str, sorted(wanted.runs))))
    if wanted.documents:
        parts.append("the documents " + ", ".join(sorted(wanted.documents)))
    return "; ".join(parts)

"""What a line of time says in words: one line for each change, one for many alike that need nobody's attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from preserve.model.change import ChangeKind, Step
from preserve.model.noun import dataclass
from preserve.model.report import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of an address with the capture `last`, or with `count` captures in a row from `first` on; `step` is None where nobody compared yet."""

    first: Point
    last: Point
    count: int
    step: Step | None
    links: bool

    @property
    def kind(self) -> str:
        """The word of the change; "" where there is none yet."""
        return "" if self.step is None else word(self.step)


_ORDER = {
    "gone": "gone",
    "back": "back",
    "untold": "not to be compared",
    "text": "text",
    "markup": "markup",
    "noise": "noise",
    "": "not compared yet",
}
"""Kinds of changes, those first that trouble most, and how they are called where they are counted."""


def word(step: Step) -> str:
    """The kind of a change as a name for a drawing, or for a list."""
    return "untold" if step.kind is None else step.kind.value


def compared(points: Sequence[Point]) -> bool:
    """Whether anybody compares these captures at all."""
    return any(point.pair is not None for point in points)


def waiting(points: Sequence[Point]) -> int:
    """How many of them have not been compared yet."""
    return sum(point.pair is not None and point.step is None for point in points)


def told(points: Sequence[Point]) -> tuple[Told, ...]:
    """What became of the address, oldest first. Captures of the same bytes as before are left out; noise, and what waits, is gathered."""
    found: list[Told] = []
    together = False
    for point in points:
        step = point.step
        if point.pair is None or (step is not None and step.kind is ChangeKind.IDENTICAL):
            together = False
            continue
        last = found[-1] if found else None
        if together and last is not None and _alike(last.step, step):
            found[-1] = replace(last, last=point, count=last.count + 1, step=_joined(last.step, step), links=False)
        else:
            compares = step is not None and step.kind is not None and not _neither(step)
            found.append(Told(first=point, last=point, count=1, step=step, links=compares))
        together = True
    return tuple(found)


def by_kind(points: Sequence[Point]) -> Iterator[tuple[str, tuple[Point, ...]]]:
    """The captures that changed something by what it was, those first that trouble most; then those that nobody compared yet."""
    found: dict[str, list[Point]] = {name: [] for name in _ORDER}
    for point in points:
        if point.pair is not None and (name := "" if point.step is None else word(point.step)) in found:
            found[name].append(point)
    return ((_ORDER[name], tuple(those)) for name, those in found.items() if those)


def _neither(step: Step) -> bool:
    return step.kind is ChangeKind.NOISE and step.heading != ChangeKind.NOISE.heading


def _alike(one: Step | None, other: Step | None) -> bool:
    """Whether two changes in a row are told together: nobody needs to hear of either."""
    if one is None or other is None:
        return one is other
    return one.kind is other.kind is ChangeKind.NOISE and (one.heading, one.quoted) == (other.heading, other.quoted)


def _joined(one: Step | None, other: Step | None) -> Step | None:
    if one is None or other is None:
        return None
    return replace(one, reasons=tuple(dict.fromkeys((*one.reasons, *other.reasons))))


def real(points: Sequence[Point]) -> Iterator[Point]:
    """The captures that brought a change which somebody needs to hear of."""
    return (point for point in points if point.step is not None and point.step.real)


def noises(points: Sequence[Point]) -> int:
    """How many captures brought nothing but noise."""
    return sum(point.step is not None and point.step.kind is ChangeKind.NOISE for point in points)

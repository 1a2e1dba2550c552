"""Words with places become printed lines in reading order: runs, columns, lines with raised marks and links.

A run is what the page's content writes in one go on one base line. Columns are found by the gutters between runs: a strip that almost
no run crosses, with enough of them on both sides; what crosses it (a title, a wide figure's caption) cuts the page into bands. Within
a column the runs of one base line are one line, and a raised mark belongs to the line beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from preserve.documents.flow import RAISED
from preserve.documents.pdf_page import Area, Page, Word
from preserve.model.document import Link

_MARK = re.compile(r"\d{1,4}(?:[,;–-]\d{1,4})*\Z")
_HYPHENS = str.maketrans({"\ufffe": "-", "\x02": "-"})
_MOST_IN_LINE = 200
"""Runs; a table's row has fewer."""
_RAISED = 0.93
"""A raised mark is at most so large beside its text; some programs make it hardly smaller."""
_FARTHEST = 20_000
"""Points; a page may be 14,400 wide (ISO 32000-1 annex C)."""
_LEAST_IN_COLUMN = 5
"""Lines; fewer side by side are a table or an address block."""


@dataclass(slots=True)
class Run:
    """Words that follow each other on one base line."""

    words: list[Word]
    left: float
    right: float
    base: float
    size: float


@dataclass(slots=True)
class Printed:
    """A printed line. `size` and `base` are those of most of its characters; `mark` is what is raised at its very start."""

    text: str
    page: int
    left: float
    right: float
    base: float
    size: float
    links: tuple[Link, ...] = ()
    mark: str = ""
    apart: str = ""
    """Digits at its start that the page sets apart from what follows."""
    raised: tuple[str, ...] = ()
    """What is raised elsewhere on it and reads like a mark."""
    spaces: tuple[float, ...] = ()
    """How wide its spaces are."""
    full: bool = False
    """Not one more character would have fitted on it, had its spaces their natural width."""
    number: int = 0
    """Its place on the page, counted from the top."""
    column: int = 0


@dataclass(slots=True)
class Column:
    """Lines from top to bottom between two edges, and the horizontal rules among them (left, right, base)."""

    page: int
    left: float
    right: float
    lines: list[Printed] = field(default_factory=list)
    rules: list[tuple[float, float, float]] = field(default_factory=list)


def columns_of(page: Page) -> list[Column]:
    """The lines of a page, column by column in reading order; what runs another way than most of the page (a stamp at its edge) is left out."""
    runs = _runs(word for word in page.words if _is_placed(word))
    found: list[Column] = []
    for left, right, part in _parts(runs):
        column = Column(page.number, left, right, [_line(group, page) for group in _grouped(part)])
        if column.lines:
            top, bottom = column.lines[0].base - 2 * column.lines[0].size, column.lines[-1].base
            column.rules = sorted(
                (rule for rule in page.rules if rule[0] < right and rule[1] > left and top <= rule[2] <= bottom),
                key=lambda rule: rule[2],
            )
            _fill(column)
            found.append(column)
    for number, line in enumerate(
        sorted((line for column in found for line in column.lines), key=lambda line: (round(line.base), line.left)), 1
    ):
        line.number = number
    return found


def _is_placed(word: Word) -> bool:
    """Whether a word runs from left to right somewhere on a page that could be printed: damaged files place some beyond the moon."""
    return 0.5 < word.size < _FARTHEST and max(abs(word.left), abs(word.right), abs(word.base)) < _FARTHEST


def _fill(column: Column) -> None:
    """Find the lines that are full. A justified line always reaches the edge; without what its spaces were widened it may not."""
    spaces: dict[float, list[float]] = {}
    for line in column.lines:
        spaces.setdefault(round(line.size, 1), []).extend(line.spaces)
    natural = {size: sorted(found)[len(found) // 8] for size, found in spaces.items() if found}
    for line in column.lines:
        usual = natural.get(round(line.size, 1), 0.25 * line.size)
        widened = sum(max(space - usual, 0.0) for space in line.spaces)
        line.full = line.right - widened > column.right - 0.65 * line.size


def _runs(words: Iterable[Word]) -> list[Run]:
    runs: list[Run] = []
    run: Run | None = None
    for word in words:
        if run is not None and _goes_on(run, word):
            run.words.append(word)
            run.right = max(run.right, word.right)
            if word.size > run.size * 1.1:  # it began with a raised mark
                run.base, run.size = word.base, word.size
        else:
            run = Run([word], word.left, word.right, word.base, word.size)
            runs.append(run)
    return runs


def _goes_on(run: Run, word: Word) -> bool:
    """Whether a word stands beside a run on its line: justified lines have wide spaces, and raised marks another base line."""
    size = max(run.size, word.size)
    gap = word.left - run.words[-1].right
    if not -0.5 * size <= gap <= (3.2 if word.spaced else 1.2) * size:
        return False
    shift = word.base - run.base
    if abs(shift) <= 0.12 * size:
        return True
    if word.size <= _RAISED * run.size:
        return -0.75 * size < shift < 0.35 * size
    return run.size <= _RAISED * word.size and -0.35 * size < shift < 0.75 * size


def _parts(runs: list[Run]) -> list[tuple[float, float, list[Run]]]:
    """The runs by column, in reading order, each with the column's edges."""
    if not runs:
        return []
    left, right = min(run.left for run in runs), max(run.right for run in runs)
    gutter = _gutter(runs, left, right)
    if gutter is None:
        return [(left, right, runs)]
    crossing = sorted((run for run in runs if run.left < gutter[0] and run.right > gutter[1]), key=lambda run: run.base)
    parts: list[tuple[float, float, list[Run]]] = []
    beside = [run for run in runs if not (run.left < gutter[0] and run.right > gutter[1])]
    edges = [run.base for run in crossing]
    bands: dict[int, list[Run]] = {}
    for run in beside:
        bands.setdefault(bisect_left(edges, run.base), []).append(run)
    for band in range(len(crossing) + 1):
        if band and (not parts or parts[-1][0:2] != (left, right) or band - 1 in bands):
            parts.append((left, right, []))
        if band:
            parts[-1][2].append(crossing[band - 1])
        for side in _sides(bands.get(band, []), gutter):
            parts.extend(_parts(side))
    return parts


def _sides(runs: list[Run], gutter: tuple[float, float]) -> list[list[Run]]:
    middle = (gutter[0] + gutter[1]) / 2
    first = [run for run in runs if (run.left + run.right) / 2 < middle]
    second = [run for run in runs if (run.left + run.right) / 2 >= middle]
    return [side for side in (first, second) if side]


def _gutter(runs: list[Run], left: float, right: float) -> tuple[float, float] | None:
    """The widest strip in the middle that hardly any run crosses, with columns of text on both sides of it."""
    width = right - left
    if len(runs) < 2 * _LEAST_IN_COLUMN or width < 120:
        return None
    step = 2.0
    last = int(width / step) + 2
    changes = [0] * (last + 1)
    for run in runs:
        # A damaged file may have a run that ends before it begins: it covers nothing, wherever it says it is.
        start = min(int((run.left - left) / step), last)
        changes[start] += 1
        changes[min(max(int((run.right - left) / step) + 1, start), last)] -= 1
    cover = list(accumulate(changes))
    allowed = 0.15 * max(cover)
    best: tuple[int, int] | None = None
    first = None
    for bin_ in range(int(len(cover) * 0.15), int(len(cover) * 0.85) + 1):
        if cover[bin_] <= allowed:
            first = bin_ if first is None else first
            if best is None or bin_ - first > best[1] - best[0]:
                best = (first, bin_)
        else:
            first = None
    if best is None or (best[1] - best[0] + 1) * step < 0.6 * _common_size(runs):
        return None
    gutter = (left + best[0] * step, left + (best[1] + 1) * step)
    return gutter if _are_columns(runs, gutter) else None


def _are_columns(runs: list[Run], gutter: tuple[float, float]) -> bool:
    """Whether both sides hold running text: enough lines, side by side, most of them long."""
    sides = _sides([run for run in runs if not (run.left < gutter[0] and run.right > gutter[1])], gutter)
    if len(sides) < 2:
        return False
    spans = []
    for side in sides:
        lines = _grouped(side)
        if len(lines) < _LEAST_IN_COLUMN:
            return False
        # A side may be two columns itself; the cells of a table are shorter than any.
        edges = [(min(run.left for run in group), max(run.right for run in group)) for group in lines]
        width = max(end for _, end in edges) - min(start for start, _ in edges)
        chars = sorted(sum(len(word.text) + 1 for run in group for word in run.words) for group in lines)
        if sorted(end - start for start, end in edges)[len(edges) // 2] < 0.3 * width or chars[len(chars) // 2] < 18:
            return False
        spans.append((min(run.base for run in side), max(run.base for run in side)))
    overlap = min(spans[0][1], spans[1][1]) - max(spans[0][0], spans[1][0])
    return overlap > 0.4 * min(spans[0][1] - spans[0][0], spans[1][1] - spans[1][0])


def _common_size(runs: Sequence[Run]) -> float:
    sizes = Counter[float]()
    for run in runs:
        sizes[round(run.size, 1)] += sum(len(word.text) for word in run.words)
    return sizes.most_common(1)[0][0]


def _grouped(runs: list[Run]) -> list[list[Run]]:
    """Runs of one line together, lines from top to bottom. Smaller ones may stand higher or lower: marks and indices."""
    groups: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: run.base):
        for group in reversed(groups[-3:]):
            if len(group) > _MOST_IN_LINE:
                continue
            main = max(group, key=lambda each: (each.size, each.right - each.left))
            size = max(main.size, run.size)
            shift = run.base - main.base
            near = 0.25 * size if min(main.size, run.size) > _RAISED * size else 0.6 * size
            if abs(shift) < near and all(
                run.left >= each.right - 0.3 * size or run.right <= each.left + 0.3 * size for each in group
            ):
                group.append(run)
                break
        else:
            groups.append([run])
    for group in groups:
        group.sort(key=lambda run: run.left)
    return sorted(groups, key=lambda group: max(group, key=lambda each: (each.size, each.right - each.left)).base)


def _line(group: list[Run], page: Page) -> Printed:
    words = [word for run in group for word in run.words]
    base, size = words[0].base, words[0].size
    if any(word.size != size or word.base != base for word in words):
        weights = Counter[tuple[float, float]]()
        for word in words:
            weights[round(word.base, 1), round(word.size, 1)] += len(word.text)
        (base, size), _ = weights.most_common(1)[0]
    text, starts, mark, raised, spaces = "", [], "", [], []
    end: Word | None = None
    for word in words:
        if end is not None and (word.spaced or word.left - end.right > 0.25 * size):
            text += " "
            spaces.append(word.left - end.right)
        starts.append(len(text))
        shown = word.text
        if "\x02" in shown or not shown.isascii():
            shown = shown.translate(_HYPHENS)
        if "\u00ad" in shown and (word is not words[-1] or len(shown) == 1):
            shown = shown.replace("\u00ad", "-")  # a soft hyphen shows only at a line end: this one is a hyphen
        if word.size < _RAISED * size and word.base < base - 0.12 * size:
            if text.strip():
                raised.append(shown)
            else:
                mark += shown
            if _MARK.match(shown):
                shown = shown.translate(RAISED)
        text += shown
        end = word
    left = words[0].left
    printed = Printed(
        text.rstrip(),
        page.number,
        left,
        max(word.right for word in words),
        base,
        size,
        mark=mark,
        apart=words[0].text if words[0].apart else "",
        raised=tuple(raised),
        spaces=tuple(spaces),
    )
    if page.links:
        printed.links = tuple(_links(printed, words, starts, page.links))
    return printed


def _links(line: Printed, words: list[Word], starts: list[int], areas: list[Area]) -> Iterable[Link]:
    """The links that lie over this line, over the characters that they cover."""
    top, bottom = line.base - 0.8 * line.size, line.base + 0.25 * line.size
    for area in areas:
        middle = (area.top + area.bottom) / 2
        if not (top <= middle <= bottom or (area.top < top + 0.3 * line.size and area.bottom > bottom - 0.3 * line.size)):
            continue
        first, last = None, 0
        for word, start in zip(words, starts, strict=True):
            if word.right <= area.left or word.left >= area.right:
                continue
            wide = (word.right - word.left) / max(len(word.text), 1)
            begin = max(0, round((area.left - word.left) / wide)) if wide else 0
            end = min(len(word.text), round((area.right - word.left) / wide)) if wide else len(word.text)
            # A link's frame is drawn a little wide: one letter of a word beside it is not meant.
            if begin < end and not (end - begin == 1 < len(word.text) - 1):
                first = start + begin if first is None else first
                last = start + end
        if first is not None and first < len(line.text):
            yield Link(start=first, end=min(last, len(line.text)), href=area.href)

"""Running heads, running feet and page numbers: what neighbouring pages have at the same height as well.

Only the next two pages on each side are asked, so that heads that change with the chapter are known too. A note at the same place of
two pages may look alike ("12 Ibid.", "13 Ibid."): a line whose mark is set above it is a note, and a citation has to repeat more often.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from preserve.documents.marks import is_citing
from preserve.documents.pdf_lines import Column, Printed
from preserve.documents.pdf_notes import mark_of, numbers_in


def without_furniture(columns: list[Column]) -> list[Column]:
    """The columns without running heads, running feet and page numbers: what the next pages have at the same height as well."""
    by_page: dict[int, list[Printed]] = {}
    for column in columns:
        by_page.setdefault(column.page, []).extend(column.lines)
    edges: dict[int, list[Printed]] = {}
    for page, lines in by_page.items():
        lines.sort(key=lambda line: line.base)
        edges[page] = [*lines[:2], *lines[2:][-2:]]
    dropped: set[int] = set()
    for page, lines in edges.items():
        marks = {mark for line in by_page[page] for raised in line.raised for mark in numbers_in(raised)}
        for line in lines:
            if mark_of(line) in marks and len(line.text) > 5:
                continue  # a note whose mark is set above
            near = [other for step in (-2, -1, 1, 2) for other in edges.get(page + step, ()) if _repeats(line, other)]
            if len({other.page for other in near}) >= (2 if is_citing(line.text) else 1):
                dropped.add(id(line))
    offsets = Counter(
        int(line.text) - line.page
        for lines in edges.values()
        for line in lines
        if id(line) in dropped and line.text.isdecimal()
    )
    usual = offsets.most_common(1)[0][0] if offsets else 0
    for lines in edges.values():
        for line in (lines[0], lines[-1]):
            if (
                line.text.strip(" -–—[]").isdecimal()
                and len(line.text) < 9
                and int(line.text.strip(" -–—[]")) == line.page + usual
            ):
                dropped.add(id(line))
    kept = [replace(column, lines=[line for line in column.lines if id(line) not in dropped]) for column in columns]
    return [column for column in kept if column.lines]


def _repeats(line: Printed, other: Printed) -> bool:
    """Whether two lines at the same height of two pages say the same but for numbers that count with the pages."""
    if abs(line.base - other.base) > 3 or abs(line.size - other.size) > 0.5:
        return False
    if re.sub(r"\d+|\b[ivxlc]+\b", "#", line.text) != re.sub(r"\d+|\b[ivxlc]+\b", "#", other.text):
        return False
    numbers = zip(re.findall(r"\d{1,9}", line.text), re.findall(r"\d{1,9}", other.text), strict=False)
    return all(mine == theirs or int(theirs) - int(mine) == other.page - line.page for mine, theirs in numbers)

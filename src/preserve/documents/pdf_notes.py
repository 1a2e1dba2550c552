"""Which printed lines are notes: told by their place, their size and their marks.

Notes stand at the foot of their column, below its last line of body size, or below a rule. A note starts where a line starts with a
mark: a raised one, or a plain number that the body marks on this page or that is the next one. What stands before the first mark
of a foot goes on with the note before it, if that one may go on. Everything else is read as the rows of a text are: endnotes in the
size of the body, numbered references.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from preserve.documents.flow import RAISED, RAISED_MARKS
from preserve.documents.marks import HEADING, is_citing
from preserve.documents.pages import Row
from preserve.documents.pdf_lines import Column, Printed
from preserve.documents.text import passages_of
from preserve.model.document import Line, Link, Passage, Where

_PLAIN = re.compile(r"\s*(?:\[(\d{1,4})\]|\((\d{1,4})\)|(\d{1,4})(?:[.)](?=\s|\Z))?)(?:\s+|\Z|(?=[^\W\d_]|[\"“„«‘<]))(?![%°])")
_SIGN = re.compile(r"\s*([*†‡§¶]{1,4})\s*(?=\S)")
_NUMBERS = re.compile(r"\d{1,4}")
_RAISED_START = re.compile(r"\s*[\[⁰¹²³⁴-⁹*†‡§¶]")
_LONG = 4
"""Lines of body after which a heading announces no more notes."""
_CLOSED = re.compile(r"[.>!?;\])”\"»/]\s*\Z|(?:https?://|www\.)\S*\Z", re.IGNORECASE)
_CAPTION = re.compile(r"\s*(?:figure|fig\.|table|plate|source|abbildung|abb\.|tabelle|рис\.|табл\.)\s", re.IGNORECASE)
_OPENING = re.compile(
    r"[^\Wa-z\d_]|[\"“„«‘<(\[*]|(?i:https?:|www\.|(?:see|cf|ibid|id|e\.g|accord|supra|vgl|ebd|siehe|voir|vid)\b)"
)


@dataclass(slots=True)
class Note:
    """A note while it grows."""

    mark: str
    number: int | None
    lines: list[Printed]

    @property
    def closed(self) -> bool:
        return bool(_CLOSED.search(self.lines[-1].text))


@dataclass(slots=True)
class _Foot:
    """The lines at a column's foot that may be notes, and whether a rule stands above them."""

    lines: list[Printed]
    ruled: bool
    whole: bool
    """Nothing stands above them in their column."""


@dataclass(slots=True)
class Notes:
    """The notes found by place, and the lines that are left, by column."""

    notes: list[Note] = field(default_factory=list)
    rest: list[Column] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


def notes_of(columns: list[Column]) -> Notes:
    """Deal the lines of all columns, which are in reading order, out to notes and the rest."""
    found = Notes()
    size = body_size(columns)
    marks = _page_marks(columns, size)
    finder = _Finder(marks, found)
    for column in columns:
        foot = _foot(column, size, marks, finder.last)
        if foot is not None and foot.whole and not finder.last and not marks[column.page]:
            foot = None  # small print from top to bottom, no mark in sight: endnotes, which the rules for text know better
        taken = finder.take(column, foot) if foot is not None else 0
        keep = len(column.lines) - taken
        found.rest.append(replace(column, lines=column.lines[:keep]))
    found.marks = _body_marks(found)
    return found


def body_size(columns: list[Column]) -> float:
    """The size of the body: the largest in which a good part of the text is set. Notes may hold more text than the body does."""
    sizes = Counter[float]()
    for column in columns:
        for line in column.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    total = sum(sizes.values())
    return max((size for size, chars in sizes.items() if chars >= 0.15 * total), default=0.0)


def _is_small(line: Printed, size: float) -> bool:
    return line.size < 0.965 * size - 0.1


def _page_marks(columns: list[Column], size: float) -> dict[int, set[str]]:
    """What is raised among the lines of body size, by page."""
    marks: dict[int, set[str]] = {}
    for column in columns:
        on_page = marks.setdefault(column.page, set())
        for line in column.lines:
            if not _is_small(line, size):
                for raised in line.raised:
                    on_page.update(numbers_in(raised))
    return marks


def numbers_in(raised: str) -> list[str]:
    """The marks in what is raised: "12", "3,4", "*"."""
    return _NUMBERS.findall(raised) or [raised.strip(".,;:()[] ")]


def _foot(column: Column, size: float, marks: dict[int, set[str]], last: int) -> _Foot | None:
    """The part of a column, down to its end, that may be notes."""
    lines = column.lines
    start = len(lines)
    while start and _is_small(lines[start - 1], size):
        start -= 1
    rules = [rule for rule in column.rules if rule[0] < column.left + 0.3 * (column.right - column.left)]
    below = [next((at for at, line in enumerate(lines) if line.base > rule[2]), len(lines)) for rule in rules]
    for at in below:
        if at < len(lines) and at != start and (at > start or all(line.size <= size + 0.5 for line in lines[at:])):
            known = marks.get(column.page, set()) | {str(last + 1)}
            if at > start and any(mark_of(line) in known for line in lines[start:at]):
                continue  # a line below an address, not above the notes
            # Below a rule a note may go on from the page before, and others follow it.
            if mark_of(lines[at]) in known or (at < start and last and any(mark_of(line) in known for line in lines[at:])):
                start = at
                break
    if start == len(lines):
        start = _raised_start(column, size)
    if start == len(lines):
        return None
    return _Foot(lines[start:], start in below, whole=start == 0)


def _raised_start(column: Column, size: float) -> int:
    """Where notes of the body's size begin without a rule: the first line that starts with a raised mark set in the lines above it."""
    above: set[str] = set()
    for at, line in enumerate(column.lines):
        if line.mark and line.mark.strip() in above and line.size <= size:
            return at
        for raised in line.raised:
            above.update(numbers_in(raised))
    return len(column.lines)


def mark_of(line: Printed) -> str:
    """The mark with which a line starts, raised or plain; "" for none."""
    if line.mark:
        return line.mark.strip(" .)")
    if match := _PLAIN.match(line.text):
        return str(match[1] or match[2] or match[3])
    if match := _SIGN.match(line.text):
        return match[1]
    return ""


class _Finder:
    """Walks over the feet in reading order."""

    def __init__(self, marks: dict[int, set[str]], found: Notes) -> None:
        self.marks = marks
        self.found = found
        self.last = 0
        self.page = 0
        """The page of the last foot with notes."""
        self.sizes = Counter[float]()

    def take(self, column: Column, foot: _Foot) -> int:
        """Read a foot; returns how many of its lines are notes."""
        known = self.marks.get(column.page, set()) | (
            self.marks.get(column.page - 1, set()) if self.page < column.page else set()
        )
        note: Note | None = None
        taken: list[Printed] = []
        before: list[Printed] = []
        for at, line in enumerate(foot.lines):
            mark = mark_of(line)
            if mark and self._starts(column, foot, at, mark, known, note):
                note = self._begin(mark, line)
            elif note is not None:
                note.lines.append(line)
            else:
                before.append(line)
                continue
            taken.append(line)
        if before and self._goes_on(column, foot, before, found=bool(taken)):
            previous = self.found.notes[-1 - self._begun_since(taken)]
            previous.lines.extend(before)
            taken = [*before, *taken]
        if taken:
            self.page = column.page
        return len(taken)

    def _begun_since(self, taken: list[Printed]) -> int:
        """How many notes begin among these lines."""
        starts = {id(line) for line in taken}
        return sum(id(note.lines[0]) in starts for note in self.found.notes[-len(taken) :]) if taken else 0

    def _begin(self, mark: str, line: Printed) -> Note:
        number = int(mark) if mark.isdecimal() else None
        note = Note(mark, number, [line])
        self.found.notes.append(note)
        self.last = number if number is not None else self.last
        self.sizes[round(line.size, 1)] += 1
        return note

    def _starts(self, column: Column, foot: _Foot, at: int, mark: str, known: set[str], note: Note | None) -> bool:
        """Whether the line at `at` starts the note `mark`."""
        line = foot.lines[at]
        if not mark.isdecimal():
            return mark in known or (bool(line.mark) and len(mark) <= 2 and not mark.isalpha())
        number = int(mark)
        if line.mark:
            return mark in known or number == 1 or self.last < number <= self.last + 30
        if line.apart and number == self.last + 1:
            return True
        if number != self.last + 1 and not (mark in known and (number > self.last or number == 1)):
            return False
        if note is not None and line.left > note.lines[0].left + 0.6 * line.size:
            return False  # the marks of one foot stand below each other
        finished = note is None or self._is_finished(column, foot.lines[at - 1])
        if not finished and any(
            mark_of(other) == mark and self._is_finished(column, foot.lines[later - 1])
            for later, other in enumerate(foot.lines[at + 1 :], at + 1)
        ):
            return False
        if mark in known:
            return True
        match = _PLAIN.match(line.text)
        rest = line.text[match.end() :] if match else ""
        opens = not rest or bool(_OPENING.match(rest)) or bool(match and re.search(r"[.)\]]", match[0]))
        return finished and opens and (self.last > 0 or is_citing(rest) or foot.ruled)

    @staticmethod
    def _is_finished(column: Column, line: Printed) -> bool:
        """Whether a line may be the last of its note: it ends a sentence or an address, or is short."""
        return bool(_CLOSED.search(line.text)) or line.right < column.right - 5 * line.size

    def _goes_on(self, column: Column, foot: _Foot, before: list[Printed], *, found: bool) -> bool:
        """Whether the lines before the first mark of a foot go on with the last note."""
        if not self.found.notes or column.page > self.page + 1 or not self.sizes:
            return False
        if abs(self.sizes.most_common(1)[0][0] - before[0].size) > 0.4 or HEADING.match(before[0].text):
            return False
        notes = self.found.notes
        begun = self._begun_since(foot.lines)
        previous = notes[-1 - begun] if len(notes) > begun else None
        if previous is None:
            return False
        if foot.whole and not found and len(before) > 30:
            return False
        if foot.ruled or not previous.closed:
            return True
        # Close above the first mark, and no caption: a table's notes or a picture's words keep a distance.
        after = foot.lines[len(before)] if found else None
        return (
            after is not None
            and not foot.whole
            and after.base - before[-1].base < 1.7 * after.size
            and not _CAPTION.match(before[0].text)
        )


def _body_marks(found: Notes) -> list[str]:
    """The raised marks in the body that belong to the numbering of the notes, in order."""
    numbers = {note.number for note in found.notes} - {None}
    marks, last = list[str](), 0
    for column in found.rest:
        for line in column.lines:
            for raised in line.raised:
                for mark in numbers_in(raised):
                    if mark.isdecimal() and (int(mark) in numbers or int(mark) == last + 1):
                        marks.append(mark)
                        last = int(mark)
    return marks


def passages(found: Notes) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """The passages of a document in reading order, and the marks in its body."""
    order = {id(line): at for at, line in enumerate(_all_lines(found))}
    placed: list[tuple[float, Passage]] = []
    for note in found.notes:
        left = min(line.left for line in note.lines)
        lines = tuple(_printed(line, left) for line in note.lines)
        placed.append((order[id(note.lines[0])], Passage(where=Where.NOTES, lines=lines, mark=note.mark, order=note.number)))
    rows, lines_of = _rows(found)
    rest, marks = passages_of(rows)
    for passage in _borne_out(found, rest):
        own = [lines_of[line.number or 0] for line in passage.lines]
        placed.append((order[id(own[0][0])], replace(passage, lines=tuple(line for _, line in own))))
    placed.sort(key=lambda each: each[0])
    noted = {passage.mark for _, passage in placed if passage.where is Where.NOTES}
    return tuple(passage for _, passage in placed), tuple(
        dict.fromkeys((*found.marks, *(mark for mark in marks if mark in noted)))
    )


def _borne_out(found: Notes, rest: Iterable[Passage]) -> Iterator[Passage]:
    """The passages as the rules for text found them, but notes only where the page bears it out: sections and lists have numbers too.

    A heading announces them, or their marks are raised, here or in the body, or in brackets.
    """
    # Where notes stand at the feet, the raised marks are theirs.
    columns = () if found.notes else found.rest
    raised = {mark for column in columns for line in column.lines for text in line.raised for mark in numbers_in(text)}
    announced = False
    for passage in rest:
        if passage.where is Where.BODY:
            announced = bool(HEADING.match(passage.lines[-1].text)) or (announced and len(passage.lines) < _LONG)
            yield passage
        elif announced or passage.note in raised or _RAISED_START.match(passage.lines[0].text):
            yield passage
        else:
            yield replace(passage, where=Where.BODY, mark=None, inferred=None, order=None)


def _all_lines(found: Notes) -> list[Printed]:
    """Every line in reading order: by page and column, from top to bottom."""
    lines = [line for column in found.rest for line in column.lines] + [line for note in found.notes for line in note.lines]
    return sorted(lines, key=lambda line: (line.page, line.column, line.base))


def _printed(line: Printed, left: float) -> Line:
    """A line as it stands, indented as many spaces as it is set in from `left`."""
    pad = max(0, min(round((line.left - left) / (0.45 * line.size)), 40)) if line.size else 0
    links = tuple(Link(start=link.start + pad, end=link.end + pad, href=link.href) for link in line.links)
    return Line(text=" " * pad + line.text, number=line.number, page=line.page, links=links, full=line.full)


def _rows(found: Notes) -> tuple[list[Row], dict[int, tuple[Printed, Line]]]:
    """The lines that are no notes as rows, with empty rows between paragraphs; each row's number leads back to its line."""
    rows: list[Row] = []
    lines_of: dict[int, tuple[Printed, Line]] = {}
    previous: Printed | None = None
    for column in found.rest:
        if not column.lines:
            continue
        left = Counter(round(line.left) for line in column.lines).most_common(1)[0][0]
        least = min(line.left for line in column.lines)
        leading = _leading(column)
        for at, line in enumerate(column.lines):
            if previous is not None and _is_break(previous, line, left, column.right, leading, first=at == 0):
                rows.append(Row(text="", number=0, page=line.page))
            printed = _printed(line, least)
            text = RAISED_MARKS.sub("", printed.text) if found.notes else _analysed(line, printed)
            number = len(lines_of) + 1
            lines_of[number] = (line, printed)
            torn = previous is not None and previous.page != line.page and not _runs_on(previous, line)
            rows.append(Row(text=text, number=number, page=line.page, torn=torn))
            previous = line
    return rows, lines_of


def _analysed(line: Printed, printed: Line) -> str:
    """A row as the rules for text read it: a mark that the page sets apart from its note is as good as a raised one."""
    if not line.apart:
        return printed.text
    at = printed.text.index(line.apart)
    return printed.text[:at] + line.apart.translate(RAISED) + printed.text[at + len(line.apart) :]


def _leading(column: Column) -> float:
    """The usual distance of base lines."""
    steps = Counter(round(after.base - before.base) for before, after in zip(column.lines, column.lines[1:], strict=False))
    return steps.most_common(1)[0][0] if steps else 0.0


def _is_break(before: Printed, line: Printed, left: float, right: float, leading: float, *, first: bool) -> bool:
    """Whether a paragraph ends before this line: a wider gap, another size, or the first line of one set in or out."""
    if first:
        return before.page == line.page and not _runs_on(before, line)
    if line.base - before.base > 1.3 * max(leading, 1.1 * line.size) or abs(line.size - before.size) > 0.6:
        return True
    shift = line.left - left
    if abs(shift) < 0.6 * line.size:
        return False
    if shift < 0:
        return True
    # Set in: the first line of a paragraph, or the rest of one that hangs.
    finished = bool(re.search(r"[.!?:”\"»>]\s*\Z", before.text)) or before.right < right - 3 * line.size
    return finished and abs(line.left - before.left) > 0.6 * line.size


def _runs_on(before: Printed, line: Printed) -> bool:
    """Whether a paragraph goes on over the end of its column: nothing ends there and nothing begins here."""
    return (
        abs(before.size - line.size) < 0.3
        and not re.search(r"[.!?:”\"]\s*\Z", before.text)
        and not re.match(r"\s*[\[(]?\d", line.text)
    )

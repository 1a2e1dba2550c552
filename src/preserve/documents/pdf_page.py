"""PDF pages as words with places, through pdfium: the only module that knows it.

pdfium gives a page's characters in the order of the page's content, with spaces and line ends guessed between them; each has a place
and belongs to a text object, which has one size and one base line. Asking for every character's place would take most of the time, so
each word is asked at its ends, and at its digits, where a note's mark may be raised; only where these are of different objects, which
differ in place or size, it is asked character by character.

pdfium prints a hyphen at a line end as U+FFFE or U+0002 and drops the line end; here it is the end of its word again. One that is an
object of its own was put there by the program that broke the word: it becomes a soft hyphen, U+00AD, which is not the word's. pdfium is not
thread-safe: everything happens within one call of `pages`, under one lock.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pypdfium2.raw as pdfium

from preserve.errors import FormatError

PAGES = 10_000
"""More than any document has; a page tree may claim any number."""
CHARS = 40_000_000
"""Characters of a whole document: ten thousand full pages."""

_LOCK = threading.Lock()
_HYPHENS = "\ufffe\x02"
_WORD = re.compile(rf"[^\s{_HYPHENS}\0]+[{_HYPHENS}]?|[{_HYPHENS}]")
_MAY_BE_RAISED = re.compile(r"[\d*†‡§¶]+")
_UNREADABLE = re.compile("[\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")
_OPEN_ERRORS = {
    pdfium.FPDF_ERR_PASSWORD: ("this is an encrypted PDF", "remove the password: qpdf --decrypt --password=… IN.pdf OUT.pdf"),
    pdfium.FPDF_ERR_SECURITY: (
        "this PDF is encrypted in a way that is not known",
        "open it in the program that made it and save it without a password",
    ),
}
_BROKEN = "open it in another viewer and print it to a new PDF, or mend it with: qpdf IN.pdf OUT.pdf"

# Called for every word: with plain addresses for pdfium's handles, which saves making an object for each.
_text_object = ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int))
_origin = ctypes.cast(
    pdfium.FPDFText_GetCharOrigin,
    ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
)
_loose_box = ctypes.cast(
    pdfium.FPDFText_GetLooseCharBox, ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
)
_map_error = ctypes.cast(pdfium.FPDFText_HasUnicodeMapError, ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int))


@dataclass(slots=True)
class Word:
    """Characters without white space between, of one size on one base line. Places are in points; `base` counts downwards."""

    text: str
    left: float
    right: float
    base: float
    size: float
    at: int
    """The index of its first character on the page."""
    spaced: bool
    """White space stands before it that the page itself prints, or that the distance bears out."""
    apart: bool = False
    """Digits that open a line and are an object of their own."""


@dataclass(slots=True)
class Area:
    """A link's place on the page, and its address; the page's `base` counts downwards."""

    left: float
    right: float
    top: float
    bottom: float
    href: str


@dataclass(slots=True)
class Page:
    """The words of a page in the order of its content; thin horizontal rules as (left, right, base); the links on it."""

    number: int
    words: list[Word]
    rules: list[tuple[float, float, float]] = field(default_factory=list)
    links: list[Area] = field(default_factory=list)
    pictures: int = 0
    readable: bool = True
    """False when its fonts do not tell which characters they show."""


def pages(name: str, data: bytes) -> list[Page]:
    """The pages of a PDF; raises FormatError for one that is encrypted, broken, or larger than a document is."""
    with _LOCK:
        pdfium.FPDF_InitLibraryWithConfig(_config())
        buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
        document = pdfium.FPDF_LoadMemDocument64(buffer, len(data), None)
        if not document:
            what, hint = _OPEN_ERRORS.get(pdfium.FPDF_GetLastError(), ("this PDF is broken and cannot be opened", _BROKEN))
            raise FormatError(f"{name}: {what}", hint)
        try:
            count = pdfium.FPDF_GetPageCount(document)
            if count < 1:
                raise FormatError(f"{name}: this PDF is broken: it has no pages", _BROKEN)
            if count > PAGES:
                raise FormatError(f"{name}: this PDF claims to have {count} pages", f"more than {PAGES} are not read; split it")
            return list(_pages(name, document, count))
        finally:
            pdfium.FPDF_CloseDocument(document)


def longer_than(data: bytes, most: int) -> bool:
    """Whether a PDF holds more than `most` characters: found by counting, which costs a fraction of reading. False where it cannot be opened."""
    with _LOCK:
        pdfium.FPDF_InitLibraryWithConfig(_config())
        buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
        document = pdfium.FPDF_LoadMemDocument64(buffer, len(data), None)
        if not document:
            return False
        try:
            return _counted(document, most) > most
        finally:
            pdfium.FPDF_CloseDocument(document)


def _counted(document: object, most: int) -> int:
    """The characters of a document, page by page until there are more than `most`."""
    chars = 0
    for number in range(min(pdfium.FPDF_GetPageCount(document), PAGES)):
        page = pdfium.FPDF_LoadPage(document, number)
        text = pdfium.FPDFText_LoadPage(page) if page else None
        if text:
            chars += max(pdfium.FPDFText_CountChars(text), 0)
            pdfium.FPDFText_ClosePage(text)
        if page:
            pdfium.FPDF_ClosePage(page)
        if chars > most:
            break
    return chars


def _config() -> object:
    # No JavaScript, no forms, no system fonts needed: nothing is drawn.
    return ctypes.byref(pdfium.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=None, m_pIsolate=None, m_v8EmbedderSlot=0))


def _pages(name: str, document: object, count: int) -> Iterator[Page]:
    broken, chars = 0, 0
    for number in range(1, count + 1):
        page = pdfium.FPDF_LoadPage(document, number - 1)
        text = pdfium.FPDFText_LoadPage(page) if page else None
        try:
            if not text:
                broken += 1
                yield Page(number, [])
                continue
            chars += pdfium.FPDFText_CountChars(text)
            if chars > CHARS:
                raise FormatError(f"{name}: this PDF holds more than {CHARS} characters", "split it")
            yield _Reader(document, page, text, number).read()
        finally:
            if text:
                pdfium.FPDFText_ClosePage(text)
            if page:
                pdfium.FPDF_ClosePage(page)
    if broken == count:
        raise FormatError(f"{name}: this PDF is broken: none of its {count} pages can be opened", _BROKEN)


class _Reader:
    """One page."""

    def __init__(self, document: object, page: object, text: object, number: int) -> None:
        self.document, self.page, self.handle = document, page, text
        self.text = ctypes.cast(text, ctypes.c_void_p).value  # type: ignore[arg-type] # a handle is a pointer
        self.number = number
        self.turn = 0
        """In quarters, how the page has to be turned for most of its text to run from left to right."""
        self.count = 0
        self.sizes: dict[int | None, float] = {}
        self.box = pdfium.FS_RECTF()
        self.x, self.y = ctypes.c_double(), ctypes.c_double()
        self.matrix = pdfium.FS_MATRIX()
        # What is passed by reference for every word is made once.
        self.by_box, self.by_x, self.by_y = ctypes.byref(self.box), ctypes.byref(self.x), ctypes.byref(self.y)

    def read(self) -> Page:
        self.count = max(pdfium.FPDFText_CountChars(self.handle), 0)
        text = self._text(self.count)
        self.turn = self._direction(text)
        words, wrong = self._words(text)
        visible = sum(len(word.text) for word in words)
        wrong += len(_UNREADABLE.findall(text))
        page = Page(self.number, words, readable=not visible or wrong < 0.25 * visible)
        self._objects(page)
        page.links = list(self._links())
        return page

    def _text(self, count: int) -> str:
        """The page's characters, exactly one for each index."""
        buffer = (ctypes.c_ushort * (count + 1))()
        written = pdfium.FPDFText_GetText(self.handle, 0, count, buffer) - 1
        text = bytes(buffer)[: 2 * written].decode("utf-16-le", "replace") if written > 0 else ""
        if len(text) == count and written == count:
            return text
        points = (pdfium.FPDFText_GetUnicode(self.handle, at) for at in range(count))
        return "".join(chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd" for point in points)

    def _direction(self, text: str) -> int:
        """The quarter in which most of the text runs: tables are set sideways, and scanners turn pages."""
        votes = [0, 0, 0, 0]
        letters = [at for at in range(0, len(text), max(len(text) // 24, 1)) if not text[at].isspace()]
        for at in letters:
            pdfium.FPDFText_GetMatrix(self.handle, at, ctypes.byref(self.matrix))
            along = (self.matrix.a, self.matrix.b, -self.matrix.a, -self.matrix.b)
            votes[along.index(max(along))] += 1
        return votes.index(max(votes))

    def _words(self, text: str) -> tuple[list[Word], int]:
        """The words, and how many characters have no known meaning."""
        words: list[Word] = []
        wrong, end = 0, 0
        for match in _WORD.finditer(text):
            start, stop = match.span()
            if _map_error(self.text, start) == 1:
                wrong += stop - start
                text_of = "\ufffd" * (stop - start)
            else:
                text_of = match[0]
            if stop - start > 2 and self._is_inserted(text, stop - 1):
                text_of = text_of[:-1] + "\u00ad"
            before = words[-1] if words else None
            pieces = self._pieces(text_of, start, stop)
            if before is not None and end < start:
                pieces[0].spaced = self._is_space(before, pieces[0], end)
            if len(pieces) == 1 and text_of[0].isdigit() and (before is None or abs(before.base - pieces[0].base) > 1):
                pieces = self._marked(pieces[0], start, stop)
            words.extend(pieces)
            end = stop
        return words, wrong

    def _is_inserted(self, text: str, at: int) -> bool:
        """Whether the hyphen at a line end is the typesetter's: an object of its own, where the letters before it share one."""
        if text[at] not in _HYPHENS and not (text[at] == "-" and text[at + 1 : at + 2] in {"\r", "\n"}):
            return False
        before = _text_object(self.text, at - 1)
        return _text_object(self.text, at) != before and (text[at - 1] in "./" or before == _text_object(self.text, at - 2))

    def _is_space(self, before: Word, word: Word, at: int) -> bool:
        """Whether the white space at `at` is one: pdfium guesses some from distances, and letters set wide mislead it."""
        if abs(before.base - word.base) > 0.1 * word.size or word.left - before.right > 0.18 * word.size:
            return True
        return pdfium.FPDFText_IsGenerated(self.handle, at) != 1 or word.left - before.right > 0.12 * word.size

    def _pieces(self, text: str, start: int, stop: int) -> list[Word]:
        """A word as it is, or cut where its size or base line changes."""
        first = _text_object(self.text, start)
        left, base, size = self._place(start, first)
        if stop - start > 1:
            places = [stop - 1]
            for match in _MAY_BE_RAISED.finditer(text):
                places.extend(start + at for at in match.span() if 0 < at < stop - start)
            for at in places:
                other = _text_object(self.text, at)
                if other == first:
                    continue
                _, other_base, other_size = self._place(at, other)
                if abs(other_base - base) > 0.08 * size or abs(other_size - size) > 0.08 * size:
                    return self._cut(text, start)
        return [Word(text, left, self._right(stop - 1), base, size, start, spaced=False)]

    def _marked(self, word: Word, start: int, stop: int) -> list[Word]:
        """A word that opens a line, cut after the digits before it where they are an object of their own: a mark set close to its note."""
        first = _text_object(self.text, start)
        at = next((at for at in range(start + 1, min(stop, start + 5)) if _text_object(self.text, at) != first), stop)
        if at == stop or not word.text[: at - start].isdecimal():
            return [word]
        if len({_text_object(self.text, other) for other in range(at, min(at + 3, self.count))}) > 1:
            return [word]  # where each letter is an object of its own, this says nothing
        mark = replace(word, text=word.text[: at - start], right=self._right(at - 1), apart=True)
        return [
            mark,
            replace(
                word, text=word.text[at - start :], left=self._place(at, _text_object(self.text, at))[0], at=at, spaced=True
            ),
        ]

    def _cut(self, text: str, start: int) -> list[Word]:
        pieces: list[Word] = []
        for at, char in enumerate(text, start):
            left, base, size = self._place(at, _text_object(self.text, at))
            last = pieces[-1] if pieces else None
            if last is not None and abs(last.base - base) <= 0.08 * last.size and abs(last.size - size) <= 0.08 * last.size:
                last.text += char
                last.right = self._right(at)
            else:
                pieces.append(Word(char, left, self._right(at), base, size, at, spaced=False))
        return pieces

    def _place(self, at: int, thing: int | None) -> tuple[float, float, float]:
        """Left, base line and size of the character at `at`, which belongs to the text object `thing`, with the page turned; a size of 0 when it runs another way."""
        _origin(self.text, at, self.by_x, self.by_y)
        x, y = self.x.value, self.y.value
        if self.turn == 0 and (size := self.sizes.get(thing)) is not None:
            return x, -y, size
        left, base = ((x, -y), (y, x), (-x, y), (-y, -x))[self.turn]
        return left, base, self._size(at, thing)

    def _right(self, at: int) -> float:
        _loose_box(self.text, at, self.by_box)
        box = self.box
        return float((box.right, box.top, -box.left, -box.bottom)[self.turn])

    def _size(self, at: int, thing: int | None) -> float:
        """The size of the text object that the character belongs to, in points; the same for all of its characters."""
        if (known := self.sizes.get(thing)) is not None:
            return known
        matrix = self.matrix
        pdfium.FPDFText_GetMatrix(self.handle, at, ctypes.byref(matrix))
        along = (matrix.a, matrix.b, -matrix.a, -matrix.b)[self.turn]
        size: float = max(pdfium.FPDFText_GetFontSize(self.handle, at) * along, 0.0)
        if thing is not None:
            self.sizes[thing] = size
        return size

    def _objects(self, page: Page) -> None:
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        by = [ctypes.byref(each) for each in (left, bottom, right, top)]
        for index in range(min(pdfium.FPDFPage_CountObjects(self.page), 20_000)):
            thing = pdfium.FPDFPage_GetObject(self.page, index)
            kind = pdfium.FPDFPageObj_GetType(thing)
            if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
                page.pictures += 1
            elif kind == pdfium.FPDF_PAGEOBJ_PATH and self.turn == 0 and pdfium.FPDFPageObj_GetBounds(thing, *by):
                thin = top.value - bottom.value < 2.5
                if thin and right.value - left.value > 24:
                    page.rules.append((left.value, right.value, -top.value))

    def _links(self) -> Iterator[Area]:
        position, link = ctypes.c_int(0), pdfium.FPDF_LINK()
        for _ in range(20_000):
            if not pdfium.FPDFLink_Enumerate(self.page, ctypes.byref(position), ctypes.byref(link)):
                return
            action = pdfium.FPDFLink_GetAction(link)
            if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
                continue
            length = pdfium.FPDFAction_GetURIPath(self.document, action, None, 0)
            if not 1 < length < 20_000:
                continue
            buffer = ctypes.create_string_buffer(length)
            pdfium.FPDFAction_GetURIPath(self.document, action, buffer, length)
            href = buffer.value.decode("utf-8", "replace").strip()
            if re.match(r"(?:https?|ftp)://\S", href, re.IGNORECASE):
                yield from (Area(*edges, href) for edges in self._areas(link))

    def _areas(self, link: object) -> Iterator[tuple[float, float, float, float]]:
        """Where a link lies: each line of it, where it says so."""
        quad, rect = pdfium.FS_QUADPOINTSF(), pdfium.FS_RECTF()
        quads = pdfium.FPDFLink_CountQuadPoints(link)
        for index in range(min(quads, 1000)):
            if pdfium.FPDFLink_GetQuadPoints(link, index, ctypes.byref(quad)):
                across, down = (quad.x1, quad.x2, quad.x3, quad.x4), (quad.y1, quad.y2, quad.y3, quad.y4)
                yield self._shown_area(min(across), max(across), min(down), max(down))
        if quads == 0 and pdfium.FPDFLink_GetAnnotRect(link, ctypes.byref(rect)):
            yield self._shown_area(rect.left, rect.right, min(rect.bottom, rect.top), max(rect.bottom, rect.top))

    def _shown_area(self, left: float, right: float, bottom: float, top: float) -> tuple[float, float, float, float]:
        return (
            (left, right, -top, -bottom),
            (bottom, top, left, right),
            (-right, -left, bottom, top),
            (-top, -bottom, -right, -left),
        )[self.turn]

"""The documents that a command line names: files, folders, patterns and stdin, each read once, each failure named.

One document that cannot be read does not stop the others: it becomes a problem of its own, and the command's exit code tells.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from preserve.errors import ExitCode, FormatError
from preserve.model.document import Document
from preserve.model.noun import dataclass
from preserve.ports import Workers

if TYPE_CHECKING:
    from preserve.adapters.reading.room import ReadingRoom

T = TypeVar("T")

LIMIT = 256 * 1024 * 1024
"""Bytes; a larger file is no document that a person wrote."""

SUFFIXES = frozenset(
    {
        ".txt",
        ".text",
        ".md",
        ".markdown",
        ".mkd",
        ".html",
        ".htm",
        ".xhtml",
        ".jsonl",
        ".pdf",
        ".docx",
        ".odt",
        ".epub",
        ".tex",
        ".ltx",
        ".bib",
        ".adoc",
        ".asciidoc",
        ".rst",
        ".dbk",
        ".docbook",
        ".xml",
        ".csv",
        ".tsv",
        ".ris",
        ".json",
    }
)
"""Which files of a folder are taken; a file that is named is read whatever its suffix."""

_PACKAGES = frozenset({b"PK\x03\x04", b"PK\x05\x06"})
_PDF_HEADER = 1029
"""Bytes in which a PDF's header may stand (`documents.detect`); a text that speaks of PDF loses nothing by the room."""
_BATCH = 64
"""Documents handed to the processes at a time: forking again costs less than one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A document with the bytes that it was read from."""

    path: str
    data: bytes
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What could be read, and why the rest could not."""

    documents: tuple[Opened, ...]
    problems: tuple[FormatError, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0, or 20 when nothing could be read, or 10 when the others went on."""
        return exit_code(read=len(self.documents), failed=len(self.problems))


def exit_code(*, read: int, failed: int) -> ExitCode:
    """0, or 20 when nothing could be read, or 10 when the others went on."""
    if not failed:
        return ExitCode.DONE
    return ExitCode.PARTIAL if read else ExitCode.FORMAT


def load(paths: Iterable[str], seconds: float) -> Loaded:
    """Read every document that `paths` name: files, folders (with what lies below), patterns, `-` for stdin.

    `seconds` are allowed for one that needs a reading room.
    """
    documents: list[Opened] = []
    problems: list[FormatError] = []
    with _room(seconds) as room:
        for file in _named(paths):
            opened = file if isinstance(file, FormatError) else _opened(file, room)
            if isinstance(opened, FormatError):
                problems.append(opened)
            else:
                documents.append(opened)
    return Loaded(documents=tuple(documents), problems=tuple(problems))


def one(name: str, data: bytes, seconds: float) -> Document:
    """A document whose bytes are at hand already; raises FormatError when it cannot be read."""
    with _room(seconds) as room:
        return _document(name, data, room)


def each(paths: Iterable[str], task: Callable[[Document], T], workers: Workers, seconds: float) -> Iterator[T | FormatError]:
    """What `task` makes of every document that `paths` name, in their order, or why it cannot be read.

    `workers` get the files, a batch at a time, and send back only what `task` made: a thousand documents need no more memory than a
    batch does. `seconds` are allowed for a document that needs a reading room; each process has a room of its own.
    """
    room = _room(seconds)

    def made(file: str) -> T | FormatError:
        opened = _opened(file, room)
        return opened if isinstance(opened, FormatError) else task(opened.document)

    batch: list[str] = []
    with room:
        for file in _named(paths):
            if isinstance(file, FormatError):
                yield from workers.map(made, batch)
                batch = []
                yield file
                continue
            batch.append(file)
            if len(batch) >= _BATCH:
                yield from workers.map(made, batch)
                batch = []
        yield from workers.map(made, batch)


def _named(paths: Iterable[str]) -> Iterator[str | FormatError]:
    """The files that `paths` name, each once, and why a path names none."""
    seen: set[str] = set()
    for path in paths:
        try:
            files = list(_files(path))
        except FormatError as problem:
            yield problem
            continue
        yield from (file for file in files if file not in seen)
        seen.update(files)


def _opened(file: str, room: ReadingRoom) -> Opened | FormatError:
    try:
        name, data = _bytes(file)
        return Opened(path=file, data=data, document=_document(name, data, room))
    except FormatError as problem:
        return problem


def _document(name: str, data: bytes, room: ReadingRoom) -> Document:
    """Text is read on the spot; what other people's parsers take apart (PDF, packages of XML), in the room."""
    if data[:4] in _PACKAGES or b"%PDF-" in data[:_PDF_HEADER]:
        return room.document(name, data)
    from preserve.documents import read

    return read(name, data)


def _room(seconds: float) -> ReadingRoom:
    from preserve.adapters.reading.room import MEMORY_OF_DOCUMENTS, ReadingRoom

    return ReadingRoom(seconds=seconds, memory=MEMORY_OF_DOCUMENTS)


def _files(path: str) -> Iterator[str]:
    if path == "-":
        yield path
        return
    try:
        yield from _found(path)
    except OSError as problem:
        raise FormatError(f"{path}: {problem.strerror}", "check the path and who may read it") from problem


def _found(path: str) -> Iterator[str]:
    """What a folder holds or a pattern matches; what is neither is a file, there or not."""
    found = Path(path)
    if found.is_dir():
        files = sorted(file for file in found.rglob("*") if _is_document(file, found))
        if not files:
            raise FormatError(
                f"{path}: no document in this folder", f"files taken from a folder end in {', '.join(sorted(SUFFIXES))}"
            )
        yield from map(str, files)
    elif not os.path.lexists(path) and any(char in path for char in "*?["):
        parent, pattern = _pattern(path)
        matches = sorted(str(match) for match in parent.glob(pattern) if match.is_file())
        if not matches:
            raise FormatError(f"{path}: no file matches", "check the pattern, or name the files")
        yield from matches
    else:
        yield path


def _is_document(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in SUFFIXES and file.is_file()


def _pattern(path: str) -> tuple[Path, str]:
    """The folder before the first part with a wildcard, and the rest."""
    parts = Path(path).parts
    first = next(at for at, part in enumerate(parts) if any(char in part for char in "*?["))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _bytes(path: str) -> tuple[str, bytes]:
    """The name and the bytes of a file; raises FormatError saying why it cannot be read."""
    if path == "-":
        data = sys.stdin.buffer.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise _too_large("stdin")
        return "stdin", data
    try:
        with os.fdopen(_open(path), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise FormatError(f"{path}: not a file", "name a document, a folder of documents, or - for stdin")
            if before.st_size > LIMIT:
                raise _too_large(path)
            data = file.read(LIMIT + 1)
            after = os.fstat(file.fileno())
    except OSError as problem:
        raise FormatError(f"{path}: {problem.strerror or problem}", "check the path and who may read it") from problem
    except ValueError as problem:
        raise FormatError(f"{path}: no such path ({problem})", "check the path") from problem
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise FormatError(f"{path}: it changed while it was read", "wait until it is written, then try again")
    # The name goes into signed text: bytes of it that are not UTF-8 are written as \\xNN.
    return os.fsencode(Path(path).name).decode("utf-8", "backslashreplace"), data


def _open(path: str) -> int:
    # Without O_NONBLOCK a named pipe that nobody writes to would hold us for ever.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _too_large(path: str) -> FormatError:
    return FormatError(f"{path}: larger than {LIMIT // 1024 // 1024} MiB", "that is no document that a person reads; cut it")

"""The process in which pages and documents are read: one question after the other from stdin, each answered on stdout.

Run by `room.ReadingRoom` as a program of its own: it has none of the caller's memory, files or environment. It limits itself before it reads
anything: memory (RLIMIT_AS), processor time (RLIMIT_CPU) and, by an alarm that the kernel rings, the time on the wall; no core files. When
whoever started it is gone, even by kill -9, it ends in the middle of its work: a pipe that nobody writes to is held open for that, and its
end is a signal (O_ASYNC, where the system has it) and wakes a thread (everywhere).
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import BinaryIO, Final

from preserve.adapters.reading.wire import ANSWER, DOCUMENT, MEMORY, QUESTION, REFUSED, TEXT
from preserve.errors import FormatError

Reader = Callable[[str, bytes], tuple[bytes, bytes]]
"""Reads data of a name: (the answer's letter, the answer). What is no document or page is a FormatError."""

_PDF_CHARS: Final = 2_000_000
"""Characters of a captured PDF beyond which its words are not looked for: some kilobytes unpack to more pages than a run has time for."""
_GRACE: Final = 1
"""Seconds more than whoever asked waits: the limits here are for when nobody is left to end this process."""


def main(lifeline: int, memory: int) -> None:
    """Answer until stdin ends. `memory` is what may be held at most, in bytes."""
    serve({"pdf": _pdf_text, "main": _main_text, "document": _document}, lifeline, memory)


def serve(readers: Mapping[str, Reader], lifeline: int, memory: int) -> None:
    """The same with these readers, by the kind of question."""
    _end_with(lifeline)
    _limit(memory)
    asked = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    while question := asked.read(QUESTION.size):
        seconds, *lengths = QUESTION.unpack(question)
        kind, name, data = (asked.read(length) for length in lengths)
        _time(seconds + _GRACE)
        letter, answer = _answer(readers[kind.decode()], name.decode("utf-8", "surrogatepass"), data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, letter, answer)


def _answer(reader: Reader, name: str, data: bytes) -> tuple[bytes, bytes]:
    try:
        return reader(name, data)
    except FormatError as problem:
        return REFUSED, json.dumps([problem.message, problem.hint]).encode()
    except MemoryError:
        return MEMORY, b""


def _send(answers: BinaryIO, letter: bytes, answer: bytes) -> None:
    answers.write(ANSWER.pack(letter, len(answer)))
    answers.write(answer)
    answers.flush()


# ---------------------------------------------------------------------------------------------------------------------- bounds


def _limit(memory: int) -> None:
    """Bounds for the whole life of this process; each where the system has it."""
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 -- no file of anybody's
        file.write("1000")  # if memory runs out all the same, this process is the one to miss


def _time(seconds: float) -> None:
    """Let the kernel end this process when one question takes longer, on the wall or of a processor."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime + seconds) + 1, hard))


def _end_with(lifeline: int) -> None:
    """End this process when the other end of `lifeline` is closed, which the kernel does for whoever is killed."""
    # A parser may hold the interpreter's lock for as long as it likes: a signal does not wait for it. Its default is to end the process.
    with suppress(OSError, AttributeError):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


# --------------------------------------------------------------------------------------------------------------------- readers


def _pdf_text(name: str, data: bytes) -> tuple[bytes, bytes]:
    from preserve import documents  # noqa: PLC0415 -- each reader brings libraries that the others do without
    from preserve.documents.pdf_page import longer_than  # noqa: PLC0415 -- as above

    if longer_than(data, _PDF_CHARS):
        raise FormatError(f"the PDF holds more than {_PDF_CHARS} characters: its text was not read")
    document = documents.read(name, data)
    return TEXT, _utf8("\n".join(line.text for passage in document.passages for line in passage.lines))


def _main_text(_: str, data: bytes) -> tuple[bytes, bytes]:
    from preserve.pages.content import extracted  # noqa: PLC0415 -- as above

    return TEXT, _utf8(extracted(data.decode("utf-8", "surrogatepass")))


def _document(name: str, data: bytes) -> tuple[bytes, bytes]:
    from preserve import documents  # noqa: PLC0415 -- as above
    from preserve.formats.documents import encode  # noqa: PLC0415 -- as above

    return DOCUMENT, encode(documents.read(name, data))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

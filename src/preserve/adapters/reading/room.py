"""Reading what strangers wrote, where a parser that stalls, swells or crashes costs its answer and nothing else.

The parsers of PDF, of office files and of HTML trees are other people's C and C++. They run in a process of their own (`desk`), which is
started at the first question, answers one after the other, and is killed and started anew when one takes too long or ends it. Whoever asks
gets a text or the reason why there is none: both are findings. docs/adr/0210-a-room-for-reading.md.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from preserve.adapters.reading.wire import ANSWER, DOCUMENT, MEMORY, QUESTION, REFUSED, TEXT
from preserve.errors import FormatError
from preserve.formats.documents import decode
from preserve.model.document import Document
from preserve.model.page import Extract

SECONDS: Final = 20.0
"""For a captured page: a thousand times what most take."""
MEMORY_OF_PAGES: Final = 1 << 30
MEMORY_OF_DOCUMENTS: Final = 4 << 30
_LONGEST_TEXT: Final = 1 << 24
"""Bytes of an answer that is the text of a page: two million characters fit, whatever their script."""
_LONGEST_DOCUMENT: Final = 1 << 29
"""Bytes of one that is a document; forty million characters fit."""
_PIECE: Final = 1 << 18
_QUESTIONS: Final = 1000
"""Questions after which a desk is replaced: what its libraries never give back stays bounded."""
_ONCE: Final = frozenset({"pdf"})
"""Kinds after which it is replaced at once: a desk that a PDF has taken over shall not answer for the next page."""
_ENVIRONMENT: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
"""What the desk learns of the environment: how to find libraries, and no secret."""
_START: Final = "import sys; sys.path[:] = {path!r}; from {module} import main; main({lifeline}, {memory})"


class _Lost(Exception):
    """The desk gave no answer; why, in words."""


class _Ended(_Lost):
    """The desk gave no answer because its process ended by itself."""


class ReadingRoom:
    """A desk at which one thing is read at a time. Fills `ports.Reader`; safe to call from several threads, and after a fork."""

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        memory: int = MEMORY_OF_PAGES,
        module: str = "preserve.adapters.reading.desk",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds` for each question, `memory` in bytes for the desk as a whole; `module` has the `main` that it runs."""
        self._seconds = seconds
        self._memory = memory
        self._module = module
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._desk: _Desk | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the desk, also in the middle of a question that another thread asked: that one is told."""
        self._closed = True
        if (desk := self._desk) is not None:
            desk.kill()
        self.rest()

    def rest(self) -> None:
        """End the desk when it has answered; the next question has another one started."""
        with self._lock:
            self._end()

    def pdf_text(self, data: bytes) -> Extract:
        """The text of a captured PDF."""
        return self._text("pdf", "page.pdf", data, "the text of the PDF")

    def main_text(self, markup: str) -> Extract:
        """The main text of a page's markup; "" where none is found."""
        return self._text("main", "", markup.encode("utf-8", "surrogatepass"), "the main text of the page")

    def document(self, name: str, data: bytes) -> Document:
        """What `documents.read` makes of it; raises FormatError for what that refuses, and where it could not be read."""
        try:
            letter, answer = self._ask("document", name, data)
        except _Lost as problem:
            raise FormatError(
                f"{name}: it could not be read: {problem}",
                "a document that a person wrote takes seconds; allow more with --document-timeout, or save it anew from the program that made it",
            ) from None
        if letter == REFUSED:
            raise FormatError(*_refusal(answer))
        if letter != DOCUMENT:
            raise FormatError(f"{name}: it could not be read: {_odd(letter)}")
        return decode(answer)

    def _text(self, kind: str, name: str, data: bytes, what: str) -> Extract:
        try:
            letter, answer = self._ask(kind, name, data)
        except _Lost as problem:
            return Extract(problem=f"{what} could not be read: {problem}")
        if letter == REFUSED:
            said, _ = _refusal(answer)
            return Extract(problem=said.removeprefix(f"{name}: "))
        if letter != TEXT:
            return Extract(problem=f"{what} could not be read: {_odd(letter)}")
        return Extract(text=answer.decode("utf-8", "replace"))

    # The desk

    def _ask(self, kind: str, name: str, data: bytes) -> tuple[bytes, bytes]:
        """(the answer's letter, the answer); raises _Lost when there is none.

        A desk that ended, or has no memory left, after it had answered for others is no finding about this page: a new one is asked.
        """
        with self._lock:
            desk = self._ready()
            fresh = desk.asked == 0
            try:
                answer = self._answer(desk, kind, name, data)
            except _Ended:
                if fresh:
                    raise
            else:
                if fresh or answer[0] != MEMORY:
                    return answer
            return self._answer(self._ready(), kind, name, data)

    def _answer(self, desk: _Desk, kind: str, name: str, data: bytes) -> tuple[bytes, bytes]:
        try:
            answer = desk.ask(kind, name, data, self._monotonic() + self._seconds, self._seconds)
        except _Lost:
            self._end()
            self._go_on()
            raise
        except BaseException:  # an interruption: what the desk says later answers nothing that is asked then
            self._end()
            raise
        if answer[0] == MEMORY or desk.asked >= _QUESTIONS or kind in _ONCE:
            self._end()
        return answer

    def _ready(self) -> _Desk:
        if self._desk is not None and not self._desk.mine:
            self._desk.disown()
            self._desk = None
        if self._desk is not None and not self._desk.idle:
            self._end()
        self._go_on()
        if self._desk is None:
            self._desk = _Desk(self._module, self._memory, self._monotonic)
            self._go_on()  # another thread may have closed the room without seeing the desk
        return self._desk

    def _go_on(self) -> None:
        if self._closed:
            self._end()
            raise _Lost("reading was ended")

    def _end(self) -> None:
        if self._desk is not None:
            self._desk.end()
            self._desk = None


class _Desk:
    """The process, and the pipes to it."""

    def __init__(self, module: str, memory: int, monotonic: Callable[[], float]) -> None:
        """Start it; raises _Lost when there is no place for another process."""
        self.asked = 0
        self._memory = memory
        self._owner = os.getpid()
        self._monotonic = monotonic
        lifeline, self._held = os.pipe()
        start = _START.format(
            path=[os.path.abspath(place) for place in sys.path],  # noqa: PTH100 -- "" is a place here, and no file is opened
            module=module,
            lifeline=lifeline,
            memory=memory,
        )
        try:
            # In a group of its own: an interrupt at the terminal is for the one who waits for the answer.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(lifeline,),
                process_group=0,
                bufsize=0,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        except OSError as problem:
            os.close(self._held)
            raise _Lost(f"no process could be started for it: {problem.strerror}") from problem
        finally:
            os.close(lifeline)
        assert self._process.stdin is not None, "it has a pipe"
        assert self._process.stdout is not None, "it has a pipe"
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)
        os.set_blocking(self._from.fileno(), False)

    @property
    def mine(self) -> bool:
        """Whether this process started it; after a fork the child did not."""
        return self._owner == os.getpid()

    @property
    def idle(self) -> bool:
        """Whether it waits for a question: it neither ended nor says anything that nobody asked for."""
        try:
            os.read(self._from.fileno(), 1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def ask(self, kind: str, name: str, data: bytes, deadline: float, seconds: float) -> tuple[bytes, bytes]:
        """(the answer's letter, the answer); raises _Lost when none comes by `deadline`."""
        self.asked += 1
        named = name.encode("utf-8", "surrogatepass")
        head = QUESTION.pack(seconds, len(kind), len(named), len(data)) + kind.encode() + named
        late = _Lost(f"it takes longer than {seconds:g} s")
        with selectors.DefaultSelector() as selector:
            selector.register(self._to, selectors.EVENT_WRITE)
            selector.register(self._from, selectors.EVENT_READ)
            waiting, answer, expected = [memoryview(head), memoryview(data)], bytearray(), ANSWER.size
            longest = _LONGEST_DOCUMENT if kind == "document" else _LONGEST_TEXT
            while len(answer) < expected:
                ready = selector.select(max(0.0, deadline - self._monotonic()))
                if not ready and self._monotonic() >= deadline:
                    raise late
                for key, _ in ready:
                    if key.fileobj is self._to:
                        if not self._send(waiting):
                            selector.unregister(self._to)
                    else:
                        answer += self._receive()
                        if expected == ANSWER.size <= len(answer):
                            expected += _length(answer, longest)
        return bytes(answer[:1]), bytes(answer[ANSWER.size : expected])

    def _send(self, waiting: list[memoryview]) -> bool:
        """Write some of it; False when there is nothing left to write."""
        while waiting and not waiting[0]:
            waiting.pop(0)
        if not waiting:
            return False
        try:
            waiting[0] = waiting[0][os.write(self._to.fileno(), waiting[0][:_PIECE]) :]
        except BlockingIOError:
            return True
        except OSError:
            raise _Ended(self._ending()) from None
        return True

    def _receive(self) -> bytes:
        try:
            piece = os.read(self._from.fileno(), _PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        if not piece:
            raise _Ended(self._ending())
        return piece

    def _ending(self) -> str:
        """In which way it ended by itself."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "its reader broke off"
        if code in {-signal.SIGALRM, -signal.SIGXCPU}:
            return "it takes too long"
        if code >= 0:
            return f"its reader broke off (exit {code})"
        # The libraries end their process in one of these ways when they get no memory; so does the system.
        memory = f"; {self._memory >> 20} MiB of memory are allowed" if -code in _STARVED else ""
        return f"its reader crashed ({_name(-code)}{memory})"

    def kill(self) -> None:
        """End it now; whoever waits for its answer is told."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def end(self) -> None:
        """End it and take it away."""
        self.kill()
        self._process.wait()
        self.disown()

    def disown(self) -> None:
        """Close this process's ends of the pipes."""
        self._to.close()
        self._from.close()
        os.close(self._held)
        if not self.mine:
            self._process.returncode = 0  # not ours to wait for


_STARVED = frozenset({signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGSEGV, signal.SIGKILL, signal.SIGBUS})


def _length(answer: bytearray, longest: int) -> int:
    _, length = ANSWER.unpack_from(answer)
    if length > longest:
        raise _Lost("its reader answers without end")
    return int(length)


def _odd(letter: bytes) -> str:
    return "it takes more memory than is allowed" if letter == MEMORY else "its reader gave no answer"


def _refusal(answer: bytes) -> tuple[str, str]:
    """What is wrong with it, and what to do; the desk may have been taken over and say anything."""
    try:
        what, hint = json.loads(answer)
    except (ValueError, TypeError, RecursionError):
        what, hint = "it could not be read", ""
    return str(what)[:1000], str(hint)[:1000]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""Several processes for one kind of work: fills `ports.Workers` by forking.

A child inherits everything that it needs (open folders, lists already read), so nothing is sent to it; it takes the numbers of items
from a pipe, one at a time, and sends its answers back when the pipe is empty. Threads would not do: between two hashes of a few
kilobytes they spend their time handing the interpreter's lock to each other.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

from preserve.errors import PreserveError, StoreError

_T = TypeVar("_T")
_R = TypeVar("_R")
_NUMBER = struct.Struct("=I")
_AT_ONCE = 4096
"""Items handed out at a time: their numbers fit the smallest pipe buffer there is (16 KiB)."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ForkedWorkers:
    """`count` processes, this one among them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def map(self, task: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """`task` of every item, in order; the first PreserveError of a task is raised, StoreError when a child is lost."""
        answers: list[_R] = []
        for start in range(0, len(items), _AT_ONCE):
            answers += self._map(task, items[start : start + _AT_ONCE])
        return answers

    def _map(self, task: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        numbers, ready = os.pipe()
        os.write(ready, b"".join(map(_NUMBER.pack, range(len(items)))))
        os.close(ready)
        children: dict[int, int] = {}
        try:
            for _ in range(min(self._count, len(items)) - 1):
                self._fork(children, task, items, numbers)
            answers = _work(task, items, numbers)
            for pipe in children.values():
                with os.fdopen(os.dup(pipe), "rb") as file:
                    answers |= _received(file.read())
        finally:
            os.close(numbers)
            for child, pipe in children.items():
                os.close(pipe)
                os.kill(child, signal.SIGTERM)  # ended already, unless we stop for an error
                os.waitpid(child, 0)
        if len(answers) != len(items):
            raise StoreError("a process that was at work was killed", "is there enough memory? --workers 1 needs the least")
        return [answers[number] for number in range(len(items))]

    def _fork(self, children: dict[int, int], task: Callable[[_T], _R], items: Sequence[_T], numbers: int) -> None:
        mine, theirs = os.pipe()
        parent = os.getpid()
        child = os.fork()
        if child:
            os.close(theirs)
            children[child] = mine
            return
        code = 1
        try:
            import pickle  # noqa: PLC0415 -- one process alone starts faster without, and this one loads it beside the parent

            try:
                message = pickle.dumps(_work(task, items, numbers, parent))
            except PreserveError as problem:
                message = pickle.dumps(problem)
            with os.fdopen(theirs, "wb") as file:
                file.write(message)
            code = 0
        finally:
            os._exit(code)  # without the parent's buffers, handlers and tests


def _work(task: Callable[[_T], _R], items: Sequence[_T], numbers: int, parent: int | None = None) -> dict[int, _R]:
    """Items until there are none; a child ends with its parent, for nobody else would wait for what it does."""
    answers = {}
    while (parent is None or os.getppid() == parent) and (number := os.read(numbers, _NUMBER.size)):
        (place,) = _NUMBER.unpack(number)
        answers[place] = task(items[place])
    return answers


def _received(message: bytes) -> dict[int, _R]:
    if not message:
        return {}
    import pickle  # noqa: PLC0415 -- as above

    answers = pickle.loads(message)  # noqa: S301 -- written by our own child
    if isinstance(answers, PreserveError):
        raise answers
    return dict(answers)

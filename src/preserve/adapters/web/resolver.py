"""Names → addresses, once a run: what was checked is what is connected to, and the record can say what the answer was.

The system's resolver is asked in threads of our own, so that one slow name server holds up nobody else; an event loop that has threads
for that which know nothing of Python (uvloop's) does it without making the program wait for them. An answer, also "no such host", stands
for the whole run; a resolver that could not answer is asked again the next time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from preserve.model.web import Resolution
from preserve.ports import Clock

THREADS = 16
"""Names that are looked up at a time."""
_MOST_ADDRESSES = 16
_MOST_HOSTS = 10_000
"""Answers kept; the oldest goes first. A run over more hosts asks again rather than grow."""

_Found = Sequence[tuple[Any, Any, Any, Any, tuple[Any, ...]]]
_NO_SUCH_HOST = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)


class Answer(NamedTuple):
    """What the resolver said; `problem` is empty when there are addresses, `passing` says that it could not be asked."""

    resolution: Resolution
    problem: str = ""
    passing: bool = False


class Resolver:
    """The system's resolver with a memory."""

    def __init__(self, clock: Clock, limit: float) -> None:
        """`limit` is the most seconds that a lookup may take."""
        self._clock = clock
        self._limit = limit
        self._answers: dict[str, Answer] = {}
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")

    async def lookup(self, host: str) -> Answer:
        """The addresses of a name; the same answer for everyone who asks meanwhile."""
        if answer := self._answers.get(host):
            return answer
        task = self._asking.get(host)
        if task is None:
            task = self._asking[host] = asyncio.create_task(self._ask(host))
        return await asyncio.shield(task)  # one who gives up must not take the answer from the others

    def close(self) -> None:
        for task in self._asking.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, host: str) -> Answer:
        addresses: tuple[str, ...] = ()
        problem, final = "", True
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit):
                if looks_up_itself(loop):
                    found: _Found = await loop.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
                else:
                    found = await loop.run_in_executor(self._threads, _look_up, host)
                addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in found))[:_MOST_ADDRESSES]
        except socket.gaierror as error:
            final = error.errno in _NO_SUCH_HOST
            problem = "no such host" if final else f"the name cannot be resolved: {error.strerror}"
        except TimeoutError:
            problem, final = f"the name was not resolved within {self._limit:g} s", False
        except (UnicodeError, ValueError):
            problem = "not a name that can be resolved"
        except OSError as error:
            problem, final = f"the name cannot be resolved: {error.strerror}", False
        finally:
            del self._asking[host]
        answer = Answer(Resolution(host=host, addresses=addresses, source="dns", at=self._clock.now()), problem, not final)
        if final:
            if len(self._answers) >= _MOST_HOSTS:
                del self._answers[next(iter(self._answers))]
            self._answers[host] = answer
        return answer


def looks_up_itself(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the event loop has threads for names that the interpreter does not wait for; asyncio's own would use ours."""
    return not isinstance(loop, asyncio.BaseEventLoop)


def _look_up(host: str) -> _Found:
    # As bytes, for it is ASCII already: a str would be taken through Python's IDNA, which knows less than what made it ASCII.
    return socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)

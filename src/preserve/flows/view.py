"""`preserve view`: an archive that is looked at while it is being verified.

It is opened at once and says "not checked yet" until a verification has ended; one runs beside the pages in a thread, counts the
bytes that it has read, and leaves a new reading of the archive behind. The same again whenever it is asked for: what was sealed
meanwhile is then on the pages. Nothing is written.

Everything that reads the archive holds `lock`, for a Survey moves places in files that it keeps open.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

from preserve.errors import PreserveError
from preserve.flows.report import Survey
from preserve.model.finding import Claim, Report, unchecked
from preserve.model.handover import Wanted
from preserve.model.report import State
from preserve.model.tree import Entry, Kind
from preserve.model.viewing import Found, Progress, Stage
from preserve.rules.search import Haystack, note, words

if TYPE_CHECKING:
    from preserve.model.change import Pair, Step
    from preserve.model.report import Row
    from preserve.model.trust import TrustedKey
    from preserve.ports import Folder

_AT_ONCE = 200
"""Rows that are read for the search before somebody else gets a turn."""
_TURN = 0.002
"""Seconds that this turn lasts at least."""
_LISTS = ("/captures.jsonl", "/citations.jsonl")
_LONG = 4 << 20
"""Bytes of lists from which on an archive is read before it is verified: some 3,000 captures."""
_STATES = {state: number for number, state in enumerate(State)}
UNCHECKED = Report(findings=(unchecked(Claim.INTEGRITY, "the archive", "not checked yet", needed=True),))
"""What is known of an archive that nobody has looked at."""


class Desk:
    """One archive, open. `examine` verifies a folder; `now` is the clock."""

    def __init__(
        self,
        folder: Folder,
        examine: Callable[[Folder], Report],
        trusted: Sequence[TrustedKey],
        *,
        now: Callable[[], datetime],
        software: str,
        steps: Mapping[Pair, Step] | None = None,
    ) -> None:
        """`steps` is what is known of changes; somebody adds to it."""
        self.folder = folder
        self.lock = threading.RLock()
        self.report: Report | None = None
        self._examine = examine
        self._trusted = trusted
        self._now = now
        self._software = software
        self._steps = steps
        self._progress = Progress()
        self._counter: _Counting | None = None
        self._checking = threading.Lock()
        self._survey: Survey | None = None
        self._haystack = Haystack()
        self._stale = threading.Event()
        self._opened = threading.Event()

    @property
    def survey(self) -> Survey:
        """The archive as it was read last. Hold `lock` while you read from it."""
        assert self._survey is not None, "the desk was opened"
        return self._survey

    @property
    def ready(self) -> bool:
        """Whether it has been read, so that there are pages."""
        return self._survey is not None

    @property
    def checked(self) -> bool:
        """Whether a verification has ended, so that the pages rest on one."""
        return self.report is not None

    def open(self, patience: float) -> None:
        """Begin to verify, and wait so many seconds for it; what is not verified by then is read as it is, beside that.

        Where lists are so long that a verification could not end by then, the archive is read first, and verified afterwards: two
        threads that take lines apart would only take turns, and there would be nothing to see for the longer.
        """
        if self._is_long():
            threading.Thread(target=self._read_then_check, name="read", daemon=True).start()
            self._opened.wait(patience)
            return
        self._begin().join(patience)
        if self._survey is None:
            threading.Thread(target=self._read_unchecked, name="read", daemon=True).start()
            self._opened.wait(patience)

    def _is_long(self) -> bool:
        try:
            lists = sum(entry.size for entry in self.folder.walk() if entry.path.endswith(_LISTS))
        except PreserveError:
            return False  # the verification says why it cannot look
        return lists > _LONG

    def _read_then_check(self) -> None:
        self._read_unchecked()
        self._check()

    def close(self) -> None:
        with self.lock:
            if self._survey is not None:
                self._survey.close()

    # ------------------------------------------------------------------------------------------------------------ verifying

    def check(self) -> bool:
        """Verify it anew, beside everything else; False when that is under way already."""
        if self._checking.locked():
            return False
        self._begin()
        return True

    def progress(self) -> Progress:
        """How far the verification has come."""
        counter, now = self._counter, self._progress
        if now.stage is Stage.READING and counter is not None:
            return replace(now, done=min(counter.read_so_far, now.total))
        return now

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._check, name="verify", daemon=True)
        thread.start()
        return thread

    def _check(self) -> None:
        if not self._checking.acquire(blocking=False):
            return
        try:
            started = self._now()
            self._progress = Progress(stage=Stage.READING, started=started)
            total = sum(entry.size for entry in self.folder.walk() if entry.kind is Kind.FILE)
            self._counter = _Counting(self.folder)
            self._progress = Progress(stage=Stage.READING, total=total, started=started)
            self._read(self._examine(self._counter))
            self._progress = Progress(stage=Stage.DONE, done=total, total=total, started=started)
        except PreserveError as problem:
            self._progress = Progress(stage=Stage.FAILED, problem=problem.message)
        except FileNotFoundError as problem:
            self._progress = Progress(stage=Stage.FAILED, problem=f"{problem.filename} is gone")
        finally:
            if self._progress.stage is Stage.READING:  # whatever it was, nobody is to wait for it
                self._progress = Progress(stage=Stage.FAILED, problem="the check ended before its time")
            self._checking.release()

    def _read_unchecked(self) -> None:
        try:
            self._read(None)
        except (PreserveError, FileNotFoundError):
            return  # the verification says what is wrong

    def _read(self, report: Report | None) -> None:
        """Read the archive anew, for what is known of it now. The pages go on with the old reading until the new one is there."""
        now = self._now()
        survey = Survey(
            self.folder, report or UNCHECKED, self._trusted, Wanted(), now=now, software=self._software, steps=self._steps
        )
        with self.lock:
            if report is None and self.report is not None:
                survey.close()  # a verification was faster
                return
            before, self._survey, self.report = self._survey, survey, report
            self._opened.set()
            if before is not None:
                before.close()
            self._stale.set()
            self._stale = threading.Event()
            self._haystack = Haystack()
            gather = (survey, self._haystack, self._stale)
        threading.Thread(target=self._gather, args=gather, name="search", daemon=True).start()

    # ------------------------------------------------------------------------------------------------------------ searching

    def find(self, query: str, state: State | None, document: int | None, first: int, count: int) -> Found:
        """Rows that hold all these words, `count` of them from the `first` on."""
        haystack, everything = self._haystack, len(self.survey)
        found = haystack.find(words(query), None if state is None else _STATES[state], document)
        passed = sum(1 for _ in islice(found, first))
        shown = tuple(islice(found, count))
        rest = sum(1 for _ in found)
        return Found(numbers=shown, total=passed + len(shown) + rest, rows=len(haystack), all_rows=everything)

    def _gather(self, survey: Survey, haystack: Haystack, stale: threading.Event) -> None:
        documents = {document.name: number for number, document in enumerate(survey.overview.documents)}
        for first in range(0, len(survey), _AT_ONCE):
            stale.wait(_TURN)  # a lock that is taken again at once is never had by who waits for it
            with self.lock:
                if stale.is_set():
                    return
                for number in range(first, min(first + _AT_ONCE, len(survey))):
                    text, state, document = _text(survey, number)
                    haystack.add(text, state, documents.get(document, 0))


def _text(survey: Survey, number: int) -> tuple[str, int, str | None]:
    """What can be found of a row, how it stands, and its document."""
    try:
        row: Row = next(survey.rows(number, number + 1))
    except PreserveError:
        return "", _STATES[State.ALTERED], None
    cited, line = row.citation, row.capture
    parts = [row.document, row.url, row.reason]
    if cited is not None:
        parts += [cited.text, cited.title, cited.url_as_printed, note(row.note) if row.note else None]
    if line is not None:
        became = "third-party" if line.foreign else line.outcome.value
        parts += [line.final_url, became, line.verdict.value if line.verdict else None]
    return "  ".join(part for part in parts if part), _STATES[row.state], row.document


# --------------------------------------------------------------------------------------------------------------- counted reading


class _Counting:
    """A folder that counts what is read of it: fills `ports.Folder`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.read_so_far = 0

    def names(self) -> frozenset[str]:
        return self._folder.names()

    def walk(self) -> Iterator[Entry]:
        return self._folder.walk()

    def open(self, path: str) -> BinaryIO:
        return cast(BinaryIO, _CountedFile(self._folder.open(path), self))

    def read(self, path: str, limit: int) -> bytes:
        data = self._folder.read(path, limit)
        self.read_so_far += len(data)
        return data


class _CountedFile(io.RawIOBase):
    """A file being read, which tells its folder how much."""

    def __init__(self, file: BinaryIO, folder: _Counting) -> None:
        super().__init__()
        self._file = file
        self._folder = folder

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._folder.read_so_far += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # typeshed's Buffer has no name before 3.12
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined] # every binary file has it
        self._folder.read_so_far += count
        return count

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()

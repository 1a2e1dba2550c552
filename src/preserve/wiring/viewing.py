"""What `preserve view` rests on: the archive open and being verified, captures to compare, bundles to replay, events to list.

Bundles are made in a temporary folder, one capture each, when a player asks for them, and go when the view ends. Their signatures are
by a key that nobody keeps: a player needs a WACZ, and what was sealed is shown beside it, not by it.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preserve.adapters.checkpoints import CheckpointMemory
from preserve.adapters.folder import DiskFolder
from preserve.adapters.handover import zip_file
from preserve.adapters.keys import KeyUse, LocalSigner, StoredKey
from preserve.adapters.policy import read_demand
from preserve.adapters.reading.room import ReadingRoom
from preserve.adapters.sorting import SortedLines
from preserve.adapters.trust import TrustStore
from preserve.adapters.waczkey import WaczKey
from preserve.errors import FormatError
from preserve.flows import bundle, change
from preserve.flows.custody import check_events
from preserve.flows.readback import Shelf
from preserve.flows.select import select
from preserve.flows.timelines import Timelines
from preserve.flows.verify import verify
from preserve.flows.view import Desk
from preserve.formats import publickey
from preserve.formats.url import BadUrl, parse
from preserve.model.change import Change, Pair
from preserve.model.finding import Report, Result
from preserve.model.handover import Wanted
from preserve.model.lines import CaptureLine
from preserve.model.viewing import EventLine, Showing
from preserve.places import config_folder, state_folder
from preserve.ports import Folder
from preserve.rules.damage import Damage
from preserve.rules.events import describe


class Archive:
    """An archive that is looked at; a context manager. Nothing below it is ever written."""

    def __init__(self, path: Path, software: str) -> None:
        """Raises StoreError, ConfigError when it or the user's trust cannot be read."""
        self._folder = DiskFolder(path)
        self._trusted = TrustStore(config_folder()).trusted_keys()
        self._memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
        demand = read_demand(config_folder(), None)

        def examine(folder: Folder) -> Report:
            self._timelines.look_again()
            return verify(folder, self._trusted, self._memories, _now(), demand=demand)

        self._timelines = Timelines()
        self.desk = Desk(self._folder, examine, self._trusted, now=_now, software=software, steps=self._timelines.steps)
        self._software = software
        self._reader = ReadingRoom()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._bundling = threading.Lock()

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="preserve-view-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.desk.close()
        self._reader.close()
        assert self._scratch is not None, "it was entered"
        self._scratch.cleanup()

    def compare(self, before: tuple[str, CaptureLine], after: tuple[str, CaptureLine]) -> Change:
        """What became of an address between two captures: each the name of its run, and its line."""
        shelf = self._shelf()
        runs = {run.name: run for run in shelf.runs}
        if not {before[0], after[0]} <= runs.keys():
            raise FormatError("a run cannot be read", "preserve verify says what is wrong")
        seen = [change.Seen(run=runs[name], line=line) for name, line in (before, after)]
        try:
            return change.difference(shelf, seen[0], seen[1], self._damage())
        except FileNotFoundError:
            raise FormatError("a file of a run is missing", "preserve verify says which") from None

    def compare_all(self, pairs: Sequence[Pair], seconds: float) -> None:
        """Compare captures with those before them, until so many seconds are over; what they come to is in the pages then."""
        if not pairs:
            return
        end = time.monotonic() + seconds
        self._timelines.work_out(self._shelf(), pairs, self._both, self._damage(), lambda: time.monotonic() >= end)

    def _both(self, pair: Pair) -> tuple[CaptureLine, CaptureLine]:
        with self.desk.lock:
            return self.desk.survey.both(pair)

    def _shelf(self) -> Shelf:
        """Every run: a revisit has its payload in an earlier one."""
        return change.shelf(self._folder, bundle.run_names(self._folder), self._reader, unread=True)

    def _damage(self) -> Damage | None:
        report = self.desk.report
        return None if report is None else Damage(report.findings)

    def events(self) -> tuple[tuple[EventLine, ...], tuple[str, ...]]:
        """The events, oldest first, verified just now; and what does not hold of them or of the log."""
        checks, report = check_events(self._folder, self._trusted, self._memories, _now())
        lines = []
        for check in checks:
            said = check.statement
            who = check.signed if check.known else "by a key that is not trusted here"
            lines.append(
                EventLine(
                    entry=None if said is None else said.log.size_before,
                    text=f"{check.subject} cannot be read as what was signed" if said is None else describe(said),
                    signed=who,
                    altered=check.altered,
                )
            )
        wrong = tuple(f"{one.subject}: {one.detail}" for one in report.findings if one.result is Result.FAIL)
        return tuple(lines), wrong

    def bundle(self, showing: Showing) -> Path:
        """A bundle of one capture, with what its page needs; made once. Raises PreserveError when it cannot be."""
        assert self._scratch is not None, "it was entered"
        path = Path(self._scratch.name) / f"{showing.sequence}-{showing.capture}.wacz"
        with self._bundling:
            if not path.exists():
                self._write(showing, path)
        return path

    def _write(self, showing: Showing, path: Path) -> None:
        parsed = parse(showing.url)
        if isinstance(parsed, BadUrl):
            raise FormatError(f"{showing.url}: {parsed.problem}")
        names = bundle.run_names(self._folder)
        wanted = Wanted(runs=frozenset({showing.sequence}), urls=frozenset({parsed.address}))
        parts = select(self._folder, names, wanted)
        if not parts:
            raise FormatError(f"run {showing.sequence} has no records of {showing.url}")
        now = _now()
        about = bundle.About(title=showing.url, created=now, software=self._software)
        with zip_file(path, now) as sink, SortedLines() as sorter:
            bundle.write_wacz(
                self._folder, parts, sink, sorter, about, _passing(now), WaczKey(ec.generate_private_key(ec.SECP384R1()))
            )


def _passing(now: datetime) -> LocalSigner:
    """A key for one bundle."""
    private = Ed25519PrivateKey.generate()
    public = publickey.from_ed25519(private.public_key().public_bytes_raw())
    stored = StoredKey(use=KeyUse.MANIFEST, name="a view of the archive", created=now, public=public, encrypted=False)
    return LocalSigner(stored, private)


_now = partial(datetime.now, UTC)

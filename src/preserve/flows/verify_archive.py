"""Checking an archive: what lies where, every run, the log over them, the documents (docs/formats/verification.md, step 6).

Runs are checked in windows, so that memory does not grow with their number; of each one only what the next steps compare is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from preserve.errors import FormatError
from preserve.flows import verify_run
from preserve.flows.measure import WholeJob, measure_all
from preserve.flows.verify_run import RunCheck
from preserve.formats import description as description_format
from preserve.formats import note, tlog
from preserve.formats.note import SignedNote, VerifierKey
from preserve.model.archive import Description
from preserve.model.finding import Claim, Finding, Result, failed, passed, unchecked
from preserve.model.tree import Entry, Kind
from preserve.model.trust import Manifest, TrustedKey
from preserve.rules import verify_archive as archive_rules
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_signed as signed_rules
from preserve.rules import verify_tree as tree
from preserve.rules.verify_content import Whole

if TYPE_CHECKING:
    from preserve.ports import Folder, Workers

_RUN = re.compile(r"runs/((\d{6,})-\d{8}t\d{6}z)/", re.ASCII)
_WINDOW_BYTES = 1 << 28
_WINDOW_RUNS = 64


class Memory(Protocol):
    """The newest checkpoint of each log, kept in the user's state folder from one verification to the next."""

    def recall(self, origin: str) -> SignedNote | None:
        """Raises ConfigError when the memory is there and cannot be read."""
        ...

    def remember(self, signed: SignedNote) -> str:
        """Keep it unless a newer one is kept; "" or why it could not be kept."""
        ...


@dataclass(slots=True, kw_only=True)
class _Layout:
    """What lies in the archive, sorted out by what it is for."""

    top: list[Entry] = field(default_factory=list)
    runs: dict[str, list[Entry]] = field(default_factory=dict)
    staged: dict[str, list[Entry]] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    documents: list[Entry] = field(default_factory=list)


def check_archive(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    workers: Workers | None,
    *,
    thorough: bool,
) -> list[Finding]:
    """Every finding about the archive in `folder`. The first of `memories` learns the log's head when it is established."""
    layout = _lay_out(folder)
    findings = list(archive_rules.judge_top(layout.top))
    described, problems = _describe(folder, layout)
    findings += problems
    log = _Log(folder, layout, described, trusted, memories, now)
    findings += log.findings
    runs = _Runs(folder, layout, log, described, trusted, now, workers, thorough=thorough)
    findings += runs.check()
    findings += _check_documents(folder, layout, runs, workers)
    findings += log.conclude([finding for finding in findings if finding.claim is Claim.LOG_CONSISTENCY])
    return findings


def _lay_out(folder: Folder) -> _Layout:
    layout = _Layout()
    for entry in folder.walk():
        first, _, rest = entry.path.partition("/")
        if not rest:
            layout.top.append(entry)
        if match := _RUN.match(entry.path + "/"):
            run = layout.runs.setdefault(match[0], [])
            if entry.path + "/" != match[0]:
                run.append(entry)
            elif entry.kind is not Kind.FOLDER:
                layout.top.append(entry)
        elif first == "log" and rest:
            layout.log.append(entry)
        elif first == "documents" and rest:
            layout.documents.append(entry)
        elif first == "journal" and "/" in rest:
            layout.staged.setdefault(f"journal/{rest.partition('/')[0]}/", []).append(entry)
        elif first == "runs" and rest:
            layout.top.append(entry)
    return layout


def _describe(folder: Folder, layout: _Layout) -> tuple[Description | None, list[Finding]]:
    if all(entry.path != description_format.NAME or entry.kind is not Kind.FILE for entry in layout.top):
        return None, [failed(Claim.COMPLETENESS, description_format.NAME, "missing: an archive says here what it is called")]
    try:
        return description_format.decode(folder.read(description_format.NAME, description_format.MAX_SIZE)), []
    except FormatError as problem:
        return None, [failed(Claim.INTEGRITY, description_format.NAME, f"altered: {problem.message}")]


# ------------------------------------------------------------------------------------------------------------------- the log


class _Log:
    """The log as it lies in the archive, and what of it holds."""

    def __init__(
        self,
        folder: Folder,
        layout: _Layout,
        described: Description | None,
        trusted: Sequence[TrustedKey],
        memories: Sequence[Memory],
        now: datetime,
    ) -> None:
        self.findings: list[Finding] = []
        self.history: log_rules.History | None = None
        self.head: log_rules.Head | None = None
        self._folder = folder
        self._memories = memories
        self.files = {entry.path.removeprefix("log/"): entry for entry in layout.log if entry.kind is not Kind.FOLDER}
        self.findings += tree.misplaced(layout.log)
        said = self._said_key(described)
        checkpoint = self._read_checkpoint()
        origin = described.origin if described else _origin(checkpoint)
        self.keys = log_rules.log_keys(origin, trusted, said, now)
        if said is not None and not self.keys.doubt and said != self.keys.log:
            self.findings.append(
                failed(
                    Claim.INTEGRITY,
                    description_format.NAME,
                    f"altered: it names another log key than the one trusted for {origin}",
                )
            )
        self.remembered = [
            note.parse_checkpoint(known.text) for memory in memories if origin and (known := memory.recall(origin)) is not None
        ]
        if checkpoint is not None:
            self._open(checkpoint)
        elif layout.runs or self.files:
            self.findings.append(failed(Claim.LOG_CONSISTENCY, "log/checkpoint", "missing: the log has no head"))
        else:
            self.history = log_rules.History(())
        if self.history is not None:
            self.findings += log_rules.judge_memory(self.remembered, self.history, "log")

    def _said_key(self, described: Description | None) -> VerifierKey | None:
        if described is None:
            return None
        try:
            return VerifierKey.parse(described.log)
        except FormatError as problem:
            self.findings.append(failed(Claim.INTEGRITY, description_format.NAME, f"altered: {problem.message}"))
            return None

    def _read_checkpoint(self) -> bytes | None:
        entry = self.files.get(tlog.CHECKPOINT)
        if entry is None or entry.kind is not Kind.FILE:
            return None
        try:
            return self._folder.read(entry.path, note.MAX_NOTE)
        except FormatError as problem:
            self.findings.append(failed(Claim.LOG_CONSISTENCY, entry.path, f"altered: {problem.message}"))
            return b""

    def _open(self, data: bytes) -> None:
        head = log_rules.judge_head(data, self.keys, "log/checkpoint")
        if isinstance(head, Finding):
            self.findings.append(head)
            return
        self.findings += head.findings
        self.head = head
        size = head.checkpoint.size
        if absent := next((path for path in tlog.paths(size) if path not in self.files), None):
            self.findings.append(failed(Claim.LOG_CONSISTENCY, f"log/{absent}", f"missing: the checkpoint has {size} entries"))
            return
        try:
            history = log_rules.History(tlog.entries(size, self._read))
        except FormatError as problem:
            self.findings.append(failed(Claim.LOG_CONSISTENCY, "log/tile/entries", f"altered: {problem.message}"))
            return
        damage = list(self._compare(size))
        if history.roots[-1] != head.checkpoint.root:
            damage.append(
                failed(Claim.LOG_CONSISTENCY, "log", "altered: the entries are not those that the checkpoint was signed over")
            )
        else:
            self.history = history
        self.findings += damage

    def _compare(self, size: int) -> Iterator[Finding]:
        """Hold every tile against what the entries give."""
        for path, data in tlog.files(tlog.entries(size, self._read)):
            if path in self.files and self._read(path) != data:
                yield failed(Claim.LOG_CONSISTENCY, f"log/{path}", "altered: this tile does not agree with the entries")

    def _read(self, path: str) -> bytes:
        return self._folder.read(f"log/{path}", tlog.MAX_BUNDLE)

    def unexplained(self, *, interrupted: bool) -> Iterator[Finding]:
        """Files that the checkpoint does not call for; what an interrupted append leaves is expected while its run is staged."""
        if self.head is None:
            return
        size = self.head.checkpoint.size
        spare = {*tlog.leftovers(size), ".new"} if interrupted else set()
        for path, entry in self.files.items():
            if entry.kind is Kind.FILE and not tlog.explains(size, path) and path not in spare:
                yield failed(Claim.LOG_CONSISTENCY, entry.path, "unlisted file: the checkpoint does not call for it")

    def conclude(self, trouble: Iterable[Finding]) -> Iterator[Finding]:
        """What holds of the log as a whole; a head that is signed, consistent and trusted is remembered."""
        if any(finding.result is Result.FAIL for finding in trouble) or self.history is None:
            return
        if self.keys.doubt:
            yield unchecked(Claim.LOG_CONSISTENCY, "log", self.keys.doubt, needed=True)
            return
        if self.head is None:
            yield passed(Claim.LOG_CONSISTENCY, "log", "empty, and nothing else was seen here before")
            return
        seen = max((old.size for old in self.remembered), default=0)
        before = f"it only grew since {seen} entries were seen here" if seen else "not seen here before"
        why = self._memories[0].remember(self.head.note) if self._memories else ""
        kept = f"; not remembered for next time: {why}" if why else ""
        yield passed(
            Claim.LOG_CONSISTENCY,
            "log",
            f"{self.history.size} entries under the trusted key of {self.keys.origin}; {before}{kept}",
        )
        if not any(finding.claim is Claim.WITNESSES for finding in self.findings):
            yield unchecked(Claim.WITNESSES, "log", "no witness cosigned it")


def _origin(checkpoint: bytes | None) -> str:
    """The origin a checkpoint claims, for want of an archive.toml; "" when it claims none."""
    try:
        return note.parse_checkpoint(note.parse(checkpoint or b"").text).origin
    except FormatError:
        return ""


# ---------------------------------------------------------------------------------------------------------------------- runs


class _Runs:
    """Every run of the archive in order, and what they say of each other."""

    def __init__(
        self,
        folder: Folder,
        layout: _Layout,
        log: _Log,
        described: Description | None,
        trusted: Sequence[TrustedKey],
        now: datetime,
        workers: Workers | None,
        *,
        thorough: bool,
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._log = log
        self._described = described
        self._trusted = trusted
        self._now = now
        self._workers = workers
        self._thorough = thorough
        self._findings: list[Finding] = []
        self._previous: tuple[Manifest, str] | None = None
        self._indexes: set[int] = set()
        self.sources: dict[str, set[str]] = {}
        self.sources_known = True

    def check(self) -> list[Finding]:
        names = sorted(self._layout.runs, key=lambda at: (int(at.split("/")[1].partition("-")[0]), at))
        sequences = [int(at.split("/")[1].partition("-")[0]) for at in names]
        self._findings += archive_rules.judge_sequence(sequences)
        window: list[RunCheck] = []
        weight = 0
        for at in names:
            check = self._begin(at, staged=False)
            window.append(check)
            weight += sum(entry.size for entry in self._layout.runs[at])
            if weight > _WINDOW_BYTES or len(window) == _WINDOW_RUNS:
                self._finish(window)
                window, weight = [], 0
        self._finish(window)
        self._last_entry()
        return self._findings

    def _begin(self, at: str, *, staged: bool) -> RunCheck:
        entries = self._layout.staged[at] if staged else self._layout.runs[at]
        return verify_run.begin(self._folder, at, entries, self._trusted, self._now, thorough=self._thorough, staged=staged)

    def _finish(self, window: Sequence[RunCheck]) -> None:
        jobs = [job for check in window for job in check.jobs]
        measured = measure_all(self._folder, jobs, self._workers)
        place = 0
        for check in window:
            verify_run.finish(self._folder, check, measured[place : place + len(check.jobs)])
            place += len(check.jobs)
            self._link(check)
            self._findings += check.findings
            if check.manifest is None or check.sources is None:
                self.sources_known = False
            for line in check.sources or ():
                self.sources.setdefault(line.sha256, set()).add(line.name)

    def _link(self, check: RunCheck) -> None:
        """The run's ties to the archive, to the run before it and to the log."""
        manifest = check.manifest
        if manifest is None:
            self._previous = None
            return
        said = self._described
        check.findings += archive_rules.judge_place(manifest, check.at.split("/")[1], said, check.subject)
        if self._previous is not None:
            check.findings += archive_rules.judge_previous(manifest, *self._previous, check.subject)
            check.findings += signed_rules.judge_order(self._previous[0], manifest, check.subject)
        self._previous = (manifest, check.seal_sha256)
        self._indexes.add(manifest.log.size_before)
        check.findings += verify_run.judge_log(check, self._log.keys, self._log.history, self._log.remembered)

    def _last_entry(self) -> None:
        """Entries without a run: only the last may lack its own, and only while it is staged whole."""
        history = self._log.history
        interrupted = any(entry.path == at + "SEAL" for at, entries in self._layout.staged.items() for entry in entries)
        self._findings += self._log.unexplained(interrupted=interrupted)
        if not interrupted and any(entry.path == "journal" for entry in self._layout.top):
            self._findings.append(
                unchecked(Claim.STRUCTURE, "journal", "an open run: nothing in it is sealed yet, and nothing in it was checked")
            )
        if history is None:
            return
        for index in range(history.size):
            if index in self._indexes:
                continue
            staged = self._staged_run(index, history) if index == history.size - 1 else None
            if staged is not None:
                self._link(staged)
                self._findings += staged.findings
            if staged is not None and not staged.altered:
                what = "its run is staged whole in journal/; the next capture puts it in place"
                self._findings.append(passed(Claim.COMPLETENESS, f"log entry {index}", what))
            else:
                what = "missing: no run here is this entry of the log"
                self._findings.append(failed(Claim.COMPLETENESS, f"log entry {index}", what))

    def _staged_run(self, index: int, history: log_rules.History) -> RunCheck | None:
        """The run in journal/ whose SEAL is that entry, checked like any other."""
        for at in self._layout.staged:
            check = self._begin(at, staged=True)
            if check.manifest is not None and history.is_entry(index, check.seal):
                verify_run.finish(self._folder, check, measure_all(self._folder, check.jobs, self._workers))
                return check
        return None


# ----------------------------------------------------------------------------------------------------------------- documents


def _check_documents(folder: Folder, layout: _Layout, runs: _Runs, workers: Workers | None) -> Iterator[Finding]:
    """The kept copies against the lists that the runs signed."""
    copies = [entry for entry in layout.documents if entry.kind is Kind.FILE]
    yield from tree.misplaced(layout.documents)
    measured = measure_all(folder, [WholeJob(path=entry.path, weight=entry.size) for entry in copies], workers)
    hashes = {found.path: found.sha256 for found in measured if isinstance(found, Whole)}
    yield from archive_rules.judge_documents(
        hashes,
        runs.sources,
        known=runs.sources_known,
        open_run=bool(layout.staged) or any(e.path == "journal" for e in layout.top),
    )

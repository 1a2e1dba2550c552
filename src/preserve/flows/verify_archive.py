"""Checking an archive: what lies where, every run, the log over them, the documents (docs/formats/verification.md, step 6).

Runs are checked in windows, so that several processes have enough to read and memory holds no more than a few manifests at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import verify_run
from preserve.flows.measure import WholeJob, measure_all
from preserve.flows.verify_log import LogCheck, Memory
from preserve.flows.verify_run import RunCheck
from preserve.formats import description as description_format
from preserve.model.archive import Description
from preserve.model.finding import Claim, Finding, failed, passed, unchecked
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
    log = LogCheck(folder, layout.log, described, trusted, memories, now, runs=bool(layout.runs))
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


# ---------------------------------------------------------------------------------------------------------------------- runs


class _Runs:
    """Every run of the archive in order, and what they say of each other."""

    def __init__(
        self,
        folder: Folder,
        layout: _Layout,
        log: LogCheck,
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

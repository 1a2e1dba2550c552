"""Checking an archive: what lies where, every run, the log over them, the documents (docs/formats/verification.md, step 6).

Runs are checked in windows, so that several processes have enough to read and memory holds no more than a few manifests at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import verify_measured, verify_run
from preserve.flows.measure import Sample, WholeJob, measure_all
from preserve.flows.verify_log import LogCheck, Memory
from preserve.flows.verify_run import RunCheck, Told
from preserve.formats import description as description_format
from preserve.model.archive import Description
from preserve.model.finding import Claim, Finding, Result, failed, passed, unchecked
from preserve.model.manifest import Manifest
from preserve.model.tree import Entry, Kind
from preserve.model.trust import TrustedKey
from preserve.rules import verify_archive as archive_rules
from preserve.rules import verify_log as log_rules
from preserve.rules import verify_signed as signed_rules
from preserve.rules import verify_spoken as spoken
from preserve.rules import verify_tree as tree
from preserve.rules.verify_content import Whole
from preserve.rules.verify_order import Logged, judge_order
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:  # `verify` starts faster without what events are made of, and most archives have none
    from preserve.flows.verify_events import EventCheck, Events
    from preserve.model.event import Statement
    from preserve.ports import Folder, Workers
    from preserve.rules.succession import Rotated

_RUN = re.compile(r"runs/((\d{6,})-\d{8}t\d{6}z)/", re.ASCII)
_WINDOW_BYTES = 1 << 28
_WINDOW_RUNS = 64


@dataclass(slots=True, kw_only=True)
class Layout:
    """What lies in the archive, sorted out by what it is for; folders by their path with its last slash."""

    top: list[Entry] = field(default_factory=list)
    runs: dict[str, list[Entry]] = field(default_factory=dict)
    events: dict[str, list[Entry]] = field(default_factory=dict)
    staged: dict[str, list[Entry]] = field(default_factory=dict)
    """Runs below journal/."""
    stated: dict[str, list[Entry]] = field(default_factory=dict)
    """Events below journal/."""
    log: list[Entry] = field(default_factory=list)
    documents: list[Entry] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether something sealed waits in journal/ for the log or for its place: then an append may have been cut short."""
        staged = {**self.staged, **self.stated}
        return any(entry.path == at + "SEAL" for at, entries in staged.items() for entry in entries)

    def every(self) -> Iterator[Entry]:
        """What does not change any more once it is there."""
        yield from self.top
        yield from self.documents
        for folder in (*self.runs.values(), *self.events.values()):
            yield from folder


def check_archive(
    folder: Folder,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    workers: Workers | None,
    *,
    thorough: bool,
    demand: Demand | None = None,
    sample: Sample | None = None,
) -> list[Finding]:
    """Every finding about the archive in `folder`. The first of `memories` learns the log's head when it is established."""
    layout = lay_out(folder)
    findings = list(archive_rules.judge_top(layout.top))
    findings += tree.misplaced(entry for entry in layout.top if entry.kind is Kind.FILE)
    described, problems = describe(folder, layout)
    findings += problems
    rotations = _rotations(folder, layout)
    log = read_log(folder, layout, described, trusted, memories, now, rotations, demand)
    events = _events(folder, layout, trusted, described, log, now)
    findings += log.findings
    told, rollbacks = _told(events)
    findings += log.judge_memory(rollbacks)
    runs = _Runs(folder, layout, log, events, told, described, now, workers, thorough=thorough, sample=sample)
    findings += runs.check()
    findings += events.findings(runs.logged, runs.seals)
    findings += events.judge_countersignatures(runs.countersigned)
    present = {entry.path for entry in layout.every() if entry.kind is Kind.FILE}
    if not isinstance(events, NoEvents):
        from preserve.flows.verify_told import check_renewals  # noqa: PLC0415 -- as above

        signed = {**runs.signed, **{entry.path: entry.size for entry in _cited(layout, runs)}}
        findings += check_renewals(
            folder, present, events, told, runs.sealed, signed, thorough=thorough, sampled=sample is not None
        )
    if thorough and not any(finding.result is Result.FAIL for finding in findings):
        from preserve.flows import verify_unchanged  # noqa: PLC0415 -- most runs have no such lists

        names = [at.split("/")[1] for at in runs.sealed if at in layout.runs]
        findings += verify_unchanged.check(folder, names, removals=bool(told.removals))
    if sample is None or not sample.lists_alone:
        findings += _check_documents(folder, layout, runs, workers)
    findings += log.conclude([finding for finding in findings if finding.claim is Claim.LOG_CONSISTENCY])
    findings += runs.unlooked.findings()
    findings += spoken.unsaid(findings, "archive", spoken.everything(runs.signers.why, runs.signers.most))
    return findings


def lay_out(folder: Folder) -> Layout:
    """Sort out what lies in an archive by what it is for."""
    layout = Layout()
    for entry in folder.walk():
        first, _, rest = entry.path.partition("/")
        if not rest:
            layout.top.append(entry)
        runs, events = _RUN.match(entry.path + "/"), first == "events" and _event(entry.path + "/")
        if match := runs or events:
            held = (layout.runs if runs else layout.events).setdefault(match[0], [])
            if entry.path + "/" != match[0]:
                held.append(entry)
            elif entry.kind is not Kind.FOLDER:
                layout.top.append(entry)
        elif first == "log" and rest:
            layout.log.append(entry)
        elif first == "documents" and rest:
            layout.documents.append(entry)
        elif first == "journal" and "/" in rest and not rest.startswith("documents/"):
            at = f"journal/{rest.partition('/')[0]}/"
            (layout.stated if _is_staged_event(at) else layout.staged).setdefault(at, []).append(entry)
        elif first in {"runs", "events"} and rest:
            layout.top.append(entry)
    return layout


def describe(folder: Folder, layout: Layout) -> tuple[Description | None, list[Finding]]:
    """What archive.toml says; None, and why, when it cannot be believed."""
    if all(entry.path != description_format.NAME or entry.kind is not Kind.FILE for entry in layout.top):
        return None, [failed(Claim.COMPLETENESS, description_format.NAME, "missing: an archive says here what it is called")]
    try:
        return description_format.decode(folder.read(description_format.NAME, description_format.MAX_SIZE)), []
    except FormatError as problem:
        return None, [failed(Claim.INTEGRITY, description_format.NAME, f"altered: {problem.message}")]


def read_log(
    folder: Folder,
    layout: Layout,
    described: Description | None,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    rotations: Sequence[Rotated],
    demand: Demand | None = None,
) -> LogCheck:
    """The log as it lies in the archive, and what of it holds."""
    return LogCheck(
        folder,
        layout.log,
        described,
        trusted,
        memories,
        now,
        runs=bool(layout.runs or layout.events),
        interrupted=layout.interrupted,
        demand=demand,
        rotations=rotations,
    )


# -------------------------------------------------------------------------------------------------------------------- events


class NoEvents:
    """What `Events` is for an archive that has none."""

    indexes: frozenset[int] = frozenset()
    countersigned: frozenset[int] = frozenset()

    def __init__(self, trusted: Sequence[TrustedKey]) -> None:
        self.trusted = tuple(trusted)

    def staged(self, _index: int) -> EventCheck | None:
        return None

    def findings(self, runs: Sequence[Logged], _seals: Mapping[int, str]) -> list[Finding]:
        """About the order of the log."""
        return list(judge_order(runs))

    def judge_countersignatures(self, _runs: Mapping[int, tuple[str, Mapping[str, bytes]]]) -> Iterable[Finding]:
        return ()


def _event(path: str) -> re.Match[str] | None:
    from preserve.flows.verify_events import PLACE  # noqa: PLC0415 -- as above

    return PLACE.match(path)


def _is_staged_event(at: str) -> bool:
    from preserve.flows.verify_events import STAGED  # noqa: PLC0415 -- as above

    return STAGED.fullmatch(at) is not None


def _rotations(folder: Folder, layout: Layout) -> tuple[Rotated, ...]:
    """What events say of the log's key."""
    if not (layout.events or layout.stated):
        return ()
    from preserve.flows.verify_events import read_rotations  # noqa: PLC0415 -- as above

    return read_rotations(folder, {**layout.events, **layout.stated})


def _events(
    folder: Folder,
    layout: Layout,
    trusted: Sequence[TrustedKey],
    described: Description | None,
    log: LogCheck,
    now: datetime,
) -> Events | NoEvents:
    if not (layout.events or layout.stated):
        return NoEvents(trusted)
    from preserve.flows.verify_events import read_events  # noqa: PLC0415 -- as above

    return read_events(folder, layout.events, layout.stated, trusted, described, log, now)


def _told(events: Events | NoEvents) -> tuple[Told, Sequence[Statement]]:
    """What the events say of runs, and the rollbacks of the log that they accept."""
    if isinstance(events, NoEvents):
        return Told(), ()
    from preserve.flows.verify_told import told  # noqa: PLC0415 -- as above
    from preserve.model.event import EventKind  # noqa: PLC0415

    return told(events), [statement for statement, _ in events.established(EventKind.ROLLBACK)]


# ---------------------------------------------------------------------------------------------------------------------- runs


class _Runs:
    """Every run of the archive in order, and what they say of each other."""

    def __init__(
        self,
        folder: Folder,
        layout: Layout,
        log: LogCheck,
        events: Events | NoEvents,
        told: Told,
        described: Description | None,
        now: datetime,
        workers: Workers | None,
        *,
        thorough: bool,
        sample: Sample | None = None,
    ) -> None:
        self.sealed: dict[str, str] = {}
        """The SHA-256 of each run's SEAL, by the run's folder."""
        self.signed: dict[str, int] = {}
        """The length of each file that a manifest lists, by its path; where a renewal has to be held against them."""
        self._renewed = not isinstance(events, NoEvents) and any(check.listed for check in events.checks)
        self._sample = sample
        self._folder = folder
        self._layout = layout
        self._log = log
        self._events = events
        self._described = described
        self._told = told
        self._now = now
        self._workers = workers
        self._thorough = thorough
        self._findings: list[Finding] = []
        self.unlooked = spoken.Unlooked()
        self.signers = spoken.Signers()
        self._previous: tuple[Manifest, str] | None = None
        self.logged: list[Logged] = []
        self.seals: dict[int, str] = {}
        self.countersigned: dict[int, tuple[str, dict[str, bytes]]] = {}
        """Of the runs that others signed too: what findings call the run, and the digests of its manifest."""
        self.sources: dict[str, dict[str, int]] = {}
        """Of each document that is cited from, by its hash: the names that it goes by, and its size."""
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
        check = verify_run.begin(
            self._folder,
            at,
            entries,
            self._events.trusted,
            self._now,
            thorough=self._thorough,
            staged=staged,
            told=self._told,
            sample=self._sample,
        )
        self.sealed[at] = check.seal_sha256
        return check

    def _finish(self, window: Sequence[RunCheck]) -> None:
        jobs = [job for check in window for job in check.jobs]
        measured = measure_all(self._folder, jobs, self._workers)
        place = 0
        for check in window:
            verify_measured.finish(self._folder, check, measured[place : place + len(check.jobs)])
            place += len(check.jobs)
            self._link(check)
            self._findings += check.findings
            self.unlooked.add(check.unlooked)
            self.signers.add(check.signers)
            if self._renewed and check.manifest is not None:
                self.signed |= {check.at + entry.path: entry.bytes for entry in check.manifest.files}
            if check.manifest is None or check.sources is None:
                self.sources_known = False
            for line in check.sources or ():
                self.sources.setdefault(line.sha256, {})[line.name] = line.bytes

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
        self.logged.append(Logged(index=manifest.log.size_before, created=manifest.created, subject=check.subject, event=False))
        self.seals[manifest.archive.sequence] = check.seal_sha256
        if manifest.archive.sequence in self._events.countersigned:
            from preserve.formats import sshsig  # noqa: PLC0415 -- as above

            self.countersigned[manifest.archive.sequence] = check.subject, sshsig.digests_of(check.document)
        check.findings += verify_run.judge_log(check, self._log.keys, self._log.history, self._log.remembered)

    def _last_entry(self) -> None:
        """Entries without a run or an event: only the last may lack its own, and only while that is staged whole."""
        history = self._log.history
        self._findings += self._log.unexplained()
        if not self._layout.interrupted and any(entry.path == "journal" for entry in self._layout.top):
            self._findings.append(
                unchecked(Claim.STRUCTURE, "journal", "an open run: nothing in it is sealed yet, and nothing in it was checked")
            )
        if history is None:
            return
        explained = {entry.index for entry in self.logged} | self._events.indexes
        lacking = [index for index in range(history.size) if index not in explained]
        for index in lacking:
            what = self._staged(index, history) if index == history.size - 1 else ""
            if what:
                what = f"its {what} is staged whole in journal/; the next command that writes puts it in place"
                self._findings.append(passed(Claim.COMPLETENESS, f"log entry {index}", what))
            else:
                what = "missing: no run or event here is this entry of the log"
                self._findings.append(failed(Claim.COMPLETENESS, f"log entry {index}", what))
        if self._layout.interrupted and not lacking:
            what = "sealed, and not yet entered in the log: the next command that writes does that; nothing in it was checked"
            self._findings.append(unchecked(Claim.STRUCTURE, "journal", what))

    def _staged(self, index: int, history: log_rules.History) -> str:
        """What in journal/ is that entry of the log, whole: "run", "event", or ""."""
        run = self._staged_run(index, history)
        if run is None:
            return "event" if self._events.staged(index) is not None else ""
        self._link(run)
        if run.proof is None and self._log.vouched and not run.altered:
            # Its proof is written last. That it is the entry was seen in the log itself, or something would fail.
            what = f"entry {index} of {self._log.keys.origin}, by the log itself: its proof is still to be written"
            run.unlooked = [passed(Claim.LOG_INCLUSION, run.subject, what)]
        self._findings += [*run.findings, *run.unlooked]
        self.signers.add(run.signers)
        return "" if run.altered else "run"

    def _staged_run(self, index: int, history: log_rules.History) -> RunCheck | None:
        """The run in journal/ whose SEAL is that entry, checked like any other."""
        for at in self._layout.staged:
            check = self._begin(at, staged=True)
            if check.manifest is not None and history.is_entry(index, check.seal):
                verify_measured.finish(self._folder, check, measure_all(self._folder, check.jobs, self._workers))
                return check
        return None


# ----------------------------------------------------------------------------------------------------------------- documents


def _cited(layout: Layout, runs: _Runs) -> list[Entry]:
    """The copies that the runs cite from, and that are no longer than was signed."""
    return archive_rules.to_read((entry for entry in layout.documents if entry.kind is Kind.FILE), runs.sources)


def _check_documents(folder: Folder, layout: Layout, runs: _Runs, workers: Workers | None) -> Iterator[Finding]:
    """The kept copies against the lists that the runs signed."""
    copies = [entry for entry in layout.documents if entry.kind is Kind.FILE]
    yield from tree.misplaced(layout.documents)
    yield from archive_rules.judge_document_folders(layout.documents)
    read = _cited(layout, runs)
    measured = measure_all(folder, [WholeJob(path=entry.path, weight=entry.size) for entry in read], workers)
    hashes = dict.fromkeys((entry.path for entry in copies), "")
    hashes |= {found.path: found.sha256 for found in measured if isinstance(found, Whole)}
    yield from archive_rules.judge_documents(
        hashes,
        runs.sources,
        known=runs.sources_known,
        open_run=bool(layout.staged) or any(e.path == "journal" for e in layout.top),
    )

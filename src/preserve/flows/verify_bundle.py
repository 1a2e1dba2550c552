"""`preserve verify X.wacz`: a bundle of ours or of others, streamed, nothing unpacked (docs/formats/wacz-profile.md section 5).

Outside in: the ZIP, the signatures over datapackage.json, every entry's hash, the index against the WARC files; then each run in it
by the same rules as a run on disk, or, where only some of it was handed over, each record and line by its proof. Every record is
opened: a bundle comes from somebody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol

from isal import isal_zlib

from preserve.errors import FormatError
from preserve.flows import (
    bundle_foreign,
    bundle_pages,
    carried,
    countersigned,
    handed,
    players,
    verify_measured,
    verify_players,
    verify_run,
    verify_selected,
)
from preserve.flows.bundle_pages import Shown
from preserve.flows.carried import Carried
from preserve.flows.measure import measure_all
from preserve.flows.select import SealedRun
from preserve.flows.verify_index import IndexCheck
from preserve.flows.verify_log import Memory
from preserve.flows.verify_run import RunCheck, Told
from preserve.formats import note, publickey, seal, wacz, warcscan
from preserve.formats.note import Checkpoint
from preserve.formats.publickey import PublicKey
from preserve.formats.wacz import Digest, Package
from preserve.formats.zip import ZipEntry, ZipLayout
from preserve.model.finding import Claim, Finding, Result, failed, unchecked
from preserve.model.handover import Absent
from preserve.model.manifest import Manifest
from preserve.model.tree import Entry
from preserve.model.trust import TrustedKey
from preserve.rules import handover
from preserve.rules import verify_archive as archive_rules
from preserve.rules import verify_bundle as rules
from preserve.rules import verify_spoken as spoken
from preserve.rules.verify_log import log_keys
from preserve.rules.verify_signed import KEY
from preserve.rules.verify_witness import Demand

if TYPE_CHECKING:
    from preserve.flows.bundle import Sorter
    from preserve.ports import Folder, Workers

BLOCK = 1 << 20


class Container(Protocol):
    """A ZIP file being read."""

    @property
    def layout(self) -> ZipLayout: ...

    def folder(self, paths: Mapping[str, ZipEntry]) -> Folder:
        """Entries as files of a folder, under other paths."""
        ...


@dataclass(slots=True, kw_only=True)
class _Bundle:
    """The bundle being checked; `all` shows every entry under its own name."""

    entries: Mapping[str, ZipEntry]
    all: Folder
    ours: bool
    demand: Demand | None
    said: Carried
    """What the archive's log says of keys and of removed records, as far as it came along."""
    handed: Sequence[SealedRun] = ()
    """The runs in it, in their order, before they are judged; none where they cannot be read."""
    absent: Absent | None = None
    """What players cannot show; None where nothing was removed."""
    unread: str = ""
    """Why these two cannot be told."""
    findings: list[Finding] = field(default_factory=list)
    unlooked: spoken.Unlooked = field(default_factory=spoken.Unlooked)
    signers: spoken.Signers = field(default_factory=spoken.Signers)
    measured: dict[str, rules.Measured] = field(default_factory=dict)


def check_bundle(
    container: Container,
    sorters: tuple[Sorter, Sorter],
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    workers: Workers | None,
    demand: Demand | None = None,
) -> list[Finding]:
    """Every finding about the bundle. Raises FormatError when it is no WACZ, StoreError when it cannot be read."""
    entries = {entry.name: entry for entry in container.layout.entries}
    ours = any(name.startswith(wacz.OURS) for name in entries)
    bag = next((name for name in entries if name.count("/") == 1 and name.endswith("/bagit.txt")), None)
    if bag is not None:
        raise FormatError(
            "a BagIt bag in a ZIP: a bag is checked as the folder that it was made as",
            f"unzip it, then verify the folder {bag.partition('/')[0]} that it holds",
        )
    if wacz.PACKAGE not in entries and not ours:
        raise FormatError(
            f"not a WACZ: it has no {wacz.PACKAGE}", "name a .wacz, an evidence packet, an archive, or a run's folder"
        )
    files = {name: entry for name, entry in entries.items() if not entry.is_folder}
    events = {path: entry for name, entry in files.items() if (path := handover.event_in(name)) is not None}
    said = carried.follow(container.folder(events), trusted, now, demand, lambda origin: _remembered(memories, origin))
    trusted = said.trusted
    work = _Bundle(entries=entries, all=container.folder(files), ours=ours, demand=demand, said=said)
    work.findings += [*rules.judge_layout(container.layout), *said.findings]
    package = _package(work, trusted, now)
    if ours and not any(finding.result is Result.FAIL for finding in work.findings):
        _look_through(container, work)
    index = IndexCheck(*sorters, ours=ours, hidden=_hidden(work))
    for name in files:
        work.measured[name] = _measure(work, name, index)
    if package is not None:
        work.findings += rules.judge_resources(package, entries, work.measured)
    work.findings += index.check(work.all, files)
    if ours:
        work.findings += _check_runs(container, work, trusted, memories, now, workers)
        if not any(finding.result is Result.FAIL for finding in work.findings):
            if work.unread:
                why = f"what players cannot show cannot be told: {work.unread}"
                work.findings.append(failed(Claim.STRUCTURE, rules.SUBJECT, why))
            work.findings += verify_players.judge(work.handed, work.absent, work.all, work.measured)
    if package is not None:
        work.findings += rules.conclude(work.findings, package.resources, ours=ours)
    work.findings += work.unlooked.findings()
    work.findings += spoken.unsaid(work.findings, rules.SUBJECT, _left_open(work))
    return work.findings


def _left_open(work: _Bundle) -> dict[Claim, str]:
    """Why nothing is said of a claim that nothing is said of."""
    if work.ours:
        return spoken.everything(spoken.STOPPED, work.signers.most)
    stopped = dict.fromkeys((Claim.INTEGRITY, Claim.COMPLETENESS, Claim.SIGNER), spoken.STOPPED)
    return spoken.everything(spoken.NOT_OURS) | stopped


def _look_through(container: Container, work: _Bundle) -> None:
    """Which runs are here and, where something was removed, what players cannot show. Nothing of it is judged yet."""
    views = sorted(_views(work.entries).items(), key=lambda one: (len(one[0].partition("-")[0]), one[0]))
    try:
        work.handed = [handed.of_bundle(container.folder(paths), name) for name, paths in views]
        if work.said.redactions:
            work.absent = players.find(work.handed)
    except FormatError as problem:
        work.unread = problem.message
    except FileNotFoundError:
        work.unread = "a file is missing"


def _hidden(work: _Bundle) -> frozenset[tuple[str, int]]:
    """(entry, offset) of the revisits that are in no index."""
    return frozenset(
        (handover.warc_path(warc, whole=run.whole), run.place(warc, index).offset)
        for run in work.handed
        for warc, index in (work.absent or Absent()).hidden.get(run.name, ())
    )


def _package(work: _Bundle, trusted: Sequence[TrustedKey], now: datetime) -> Package | None:
    """datapackage.json, and what its signatures are worth."""
    if wacz.PACKAGE not in work.entries:
        work.findings.append(failed(Claim.COMPLETENESS, wacz.PACKAGE, "missing: without it nothing says what belongs here"))
        return None
    digest: Digest | None = None
    try:
        data = work.all.read(wacz.PACKAGE, wacz.MAX_PACKAGE)
        package = wacz.decode_package(data)
    except FormatError as problem:
        work.findings.append(failed(Claim.INTEGRITY, wacz.PACKAGE, f"altered: {problem.message}"))
        return None
    try:
        if wacz.DIGEST in work.entries:
            digest = wacz.decode_digest(work.all.read(wacz.DIGEST, wacz.MAX_DIGEST))
    except FormatError as problem:
        work.findings.append(failed(Claim.INTEGRITY, wacz.DIGEST, f"altered: {problem.message}"))
        return package
    sha256 = hashlib.sha256(data).hexdigest()
    created = _created(package, now)
    work.findings += rules.judge_signature(sha256, digest, list(_keys(work)), trusted, created, ours=work.ours)
    return package


def _created(package: Package, now: datetime) -> datetime:
    """When the bundle says it was made: what a key's validity is held against."""
    try:
        moment = datetime.fromisoformat(package.created)
    except ValueError:
        return now
    return moment if moment.tzinfo is not None and moment < now else now


def _keys(work: _Bundle) -> Iterator[PublicKey]:
    """The keys that lie in the bundle to check its maker's signature with; one that is odd is a finding."""
    for name in work.entries:
        if name.startswith(wacz.KEYS) and name.endswith(".pem"):
            try:
                key = publickey.decode(work.all.read(name, publickey.MAX_PEM))
            except FormatError as problem:
                work.findings.append(failed(Claim.INTEGRITY, name, problem.message))
                continue
            if name == f"{wacz.KEYS}{key.keyid}.pem":
                yield key
            else:
                work.findings.append(failed(Claim.INTEGRITY, name, "forged: another key under this key's name"))


def _measure(work: _Bundle, name: str, index: IndexCheck) -> rules.Measured:
    """One reading of an entry: hash, CRC-32, and of a WARC file what each record says of itself."""
    digest, crc, size = hashlib.sha256(), 0, 0

    def pieces(file: BinaryIO) -> Iterator[bytes]:
        nonlocal crc, size
        while piece := file.read(BLOCK):
            digest.update(piece)
            crc = isal_zlib.crc32(piece, crc)
            size += len(piece)
            yield piece

    with work.all.open(name) as file:
        stream = pieces(file)
        if work.ours and handover.is_theirs(name):
            for found in bundle_foreign.found(stream):
                assert found.header is not None, "these have been read"
                index.expect(found, found.header, name)
        elif name.startswith(wacz.ARCHIVE) and name.endswith(".gz"):
            for found in warcscan.scan(stream):
                if found.problem and found.sha256 not in work.said.replacements:
                    why = f"the record at offset {found.offset}: {found.problem}"
                    work.findings.append(failed(Claim.STRUCTURE, name, why))
                elif found.header is not None:
                    index.expect(found, found.header, name)
        elif not work.ours and name.startswith(wacz.ARCHIVE) and name.endswith(".warc"):
            index.pass_over(name)
            why = "not compressed: its records, and the lines of the index that lead to them, were not looked at"
            work.findings.append(unchecked(Claim.STRUCTURE, name, why))
        for _ in stream:  # what a damaged member left unread
            pass
    return rules.Measured(size=size, sha256=digest.hexdigest(), crc32=crc)


# ---------------------------------------------------------------------------------------------------------------------- runs


def _check_runs(
    container: Container,
    work: _Bundle,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    now: datetime,
    workers: Workers | None,
) -> Iterator[Finding]:
    """Each run in the bundle, in order, and what they say of each other."""
    runs = _views(work.entries)
    if not runs:
        yield failed(Claim.COMPLETENESS, rules.SUBJECT, "missing: it says that it is ours, and no run is in it")
    claimed = {entry.name for paths in runs.values() for entry in paths.values()}
    files = [name for name, entry in work.entries.items() if not entry.is_folder]
    claimed |= {name for name in files if handover.extracted(name) is not None}
    yield from bundle_foreign.judge_extracts(work.all, files, work.measured)
    claimed |= handover.MADE
    for name in sorted(name for name in work.entries if name.startswith(wacz.ARCHIVE) and name not in claimed):
        if not work.entries[name].is_folder:
            yield failed(Claim.COMPLETENESS, name, "forged: no run in this bundle sealed it")
    earlier: RunCheck | None = None
    seals: dict[int, str] = {}
    shown: list[tuple[str, Manifest, Shown]] = []
    for name in sorted(runs, key=lambda name: (len(name.partition("-")[0]), name)):
        folder = container.folder(runs[name])
        at = f"runs/{name}/"
        entries = list(folder.walk())
        added = [entry for entry in entries if countersigned.PLACE.fullmatch(entry.path.removeprefix(at))]
        entries = [entry for entry in entries if entry not in added and entry.path != at + countersigned.FOLDER]
        below = [entry for entry in entries if entry.path.startswith(at)]
        whole = not any(entry.path.startswith(at + handover.PROOFS) for entry in below)
        told = _told(folder, at, below, work.said)
        if whole:
            check = verify_run.begin(folder, at, below, trusted, now, thorough=True, told=told)
            verify_measured.finish(folder, check, measure_all(folder, check.jobs, workers))
            lines = _shown(folder, name) if check.manifest and not check.altered else None
        else:
            check = verify_run.open_sealed(folder, at, below, trusted, now, thorough=True, told=told)
            lines = verify_selected.check(folder, check, entries, workers)
        yield from check.findings
        work.signers.add(check.signers)
        if check.manifest is None:
            work.unlooked.add(check.unlooked)
            earlier = None
            continue
        yield from work.said.judge_archive(check.manifest, "events")
        yield from work.said.judge_head(check.proof, check.subject)
        seals[check.manifest.archive.sequence] = check.seal_sha256
        yield from countersigned.judge(folder, check, added, trusted)
        if lines is not None:
            shown.append((name, check.manifest, lines))
        yield from _judge_log(check, trusted, memories, now, work)
        work.unlooked.add(check.unlooked)
        yield from _judge_chain(check, earlier)
        earlier = check
    yield from work.said.judge_references(seals)
    if not any(finding.result is Result.FAIL for finding in work.findings) and len(shown) == len(runs):
        yield from _judge_pages(work, shown)


def _told(folder: Folder, at: str, entries: Iterable[Entry], said: Carried) -> Told:
    """What is said of the records of one run. SEAL binds its keys, so that their names are those of its signers, or something fails."""
    keys = {match[1] for entry in entries if (match := KEY.fullmatch(entry.path.removeprefix(at))) is not None}
    try:
        sealed = hashlib.sha256(folder.read(f"{at}SEAL", seal.MAX_SIZE)).hexdigest()
    except (FileNotFoundError, FormatError):
        return Told()  # which is found where it is judged
    return said.told(sealed, keys)


def _views(entries: Mapping[str, ZipEntry]) -> dict[str, dict[str, ZipEntry]]:
    """By run: the paths of its folder and the entries that stand for them, WARC files put back where the run has them."""
    runs: dict[str, dict[str, ZipEntry]] = {}
    for name, entry in entries.items():
        if (place := handover.run_path(name)) is not None:
            run, path = place
            runs.setdefault(run, {})[f"runs/{run}/{path}"] = entry
    for name, entry in entries.items():
        if (theirs := handover.imported_in(name)) is not None and theirs[0] in runs:
            runs[theirs[0]][f"runs/{theirs[0]}/{theirs[1]}"] = entry
    for run, paths in runs.items():
        for path in list(paths):
            inside = path.removeprefix(f"runs/{run}/")
            if inside.startswith("data/") and inside.endswith(".records"):
                warc = inside.removesuffix(".records") + ".warc.gz"
                places = (f"runs/{run}/{warc}", handover.warc_path(warc, whole=True))
            else:
                selected = handover.selected_warc(inside) if inside.startswith(handover.PROOFS) else ""
                places = (selected, selected)
            if places[1] in entries:
                paths[places[0]] = entries[places[1]]
    return runs


def _remembered(memories: Sequence[Memory], origin: str) -> list[Checkpoint]:
    """What was seen of a log before."""
    return [note.parse_checkpoint(known.text) for memory in memories if (known := memory.recall(origin)) is not None]


def _judge_log(
    check: RunCheck, trusted: Sequence[TrustedKey], memories: Sequence[Memory], now: datetime, work: _Bundle
) -> Iterator[Finding]:
    manifest = check.manifest
    assert manifest is not None
    origin = manifest.log.origin
    keys = log_keys(origin, trusted, None, now, work.demand, rotations=work.said.rotations, created=manifest.created)
    findings = verify_run.judge_log(check, keys, None, _remembered(memories, origin))
    yield from findings
    for claim, why in (
        (Claim.LOG_CONSISTENCY, "needs the archive: whether its log only grew cannot be seen from a bundle"),
        (Claim.DOCUMENTS, "needs the archive: the copies of the documents lie there"),
        (Claim.WITNESSES, "no witness cosigned it"),
    ):
        wanted = claim is not Claim.WITNESSES or not any(finding.claim is claim for finding in findings)
        if wanted and not any(finding.claim is claim and finding.result is Result.FAIL for finding in findings):
            yield unchecked(claim, check.subject, why)


def _judge_chain(check: RunCheck, earlier: RunCheck | None) -> Iterator[Finding]:
    """What consecutive runs say of each other, and which are not here."""
    assert check.manifest is not None
    if earlier is not None and earlier.manifest is not None:
        yield from archive_rules.judge_previous(check.manifest, earlier.manifest, earlier.seal_sha256, check.subject)
    before = -1 if earlier is None or earlier.manifest is None else earlier.manifest.archive.sequence
    if check.manifest.archive.sequence > before + 1:
        gap = f"runs {before + 1} to {check.manifest.archive.sequence - 1} of the archive are not in this bundle"
        yield unchecked(Claim.COMPLETENESS, check.subject, gap)


def _shown(folder: Folder, name: str) -> Shown:
    run = SealedRun(folder, name)
    return Shown(captures=run.captures(), citations=run.citations())


def _judge_pages(work: _Bundle, shown: Iterable[tuple[str, Manifest, Shown]]) -> Iterator[Finding]:
    """pages.jsonl says what the runs say, and nothing else."""
    expected = hashlib.sha256(wacz.PAGES_HEAD)
    for name, manifest, lines in shown:
        for page in bundle_pages.pages(name, manifest, lines, work.absent or Absent()):
            expected.update(wacz.encode_page(page))
    if wacz.PAGES not in work.measured or work.measured[wacz.PAGES].sha256 != expected.hexdigest():
        yield failed(Claim.STRUCTURE, wacz.PAGES, "the list of pages is not what the runs say of their citations")

"""`preserve verify`: each claim shown alone, what is proven and what is not, never one green tick."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli.custodyoptions import check_custody, custody, leave_event
from preserve.cli.findings import show
from preserve.cli.names import FILE_THERE, NAME
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.printable import printable
from preserve.model.finding import Claim, Report, Result
from preserve.model.pattern import pattern

if TYPE_CHECKING:
    from preserve.flows.measure import Sample
    from preserve.flows.verify_log import Memory
    from preserve.model.trust import TrustedKey
    from preserve.ports import Folder, Workers
    from preserve.rules.verify_witness import Demand

_PERCENT = pattern(r"(\d{1,3}(?:\.\d{1,6})?) ?%?", re.ASCII)
FOUND = {
    ExitCode.DONE: "nothing altered, missing or forged; every needed claim established",
    ExitCode.ALTERED: "something altered, missing or forged",
    ExitCode.UNESTABLISHED: "nothing found altered; a needed claim not established",
}
"""What a verification found, for the custody event that may record it."""


@click.command("verify")
@click.argument("path", type=NAME)
@click.option(
    "--require",
    multiple=True,
    type=click.Choice([claim.value for claim in Claim]),
    metavar="CLAIM",
    help="Exit 41 unless this claim passes too; repeatable. One of: " + ", ".join(Claim) + ".",
)
@click.option(
    "--thorough", is_flag=True, help="Open every record that is read, too: gzip, WARC header, block and payload digests."
)
@click.option(
    "--sample",
    metavar="N%",
    help="Read only N % of the records of each WARC file, picked at random, at least one; the rest is checked as always.",
)
@click.option("--sample-seed", metavar="TEXT", help="Pick the same records again.  [default: others each time]")
@click.option(
    "--policy",
    type=FILE_THERE,
    metavar="FILE",
    help="Exit 41 unless the log's witnesses are those that this C2SP policy asks for.  [default: policy in your configuration"
    " folder, for information]",
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes that read [default: one for each processor]."
)
@custody
@click.option("--json", "as_json", is_flag=True, help="One finding a line, then the result, as JSON Lines.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding.")
@click.option("-q", "--quiet", is_flag=True, help="Show only what fails or is needed and not established.")
def command(
    path: Path,
    require: tuple[str, ...],
    sample: str | None,
    sample_seed: str | None,
    policy: Path | None,
    workers: int | None,
    custody: str | None,
    *,
    thorough: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> ExitCode:
    """Check that an archive, the folder of one run, a bundle (.wacz) or an evidence packet (.zip) is what was sealed, by whom, and whole.

    Works offline and writes nothing below PATH (but what --custody asks for); a bundle is not unpacked. Keys are trusted only when you pinned them yourself: your own when they were made,
    others with `preserve trust add`.

    \b
    Exit codes: 0 nothing altered and every needed claim established
                40 something altered, missing or forged
                41 unaltered, but a claim is not established (unknown signer)
                20 none of these
    """
    check_custody(path, custody)
    chosen = _sample(sample, sample_seed)
    report = check(
        path, require=frozenset(map(Claim, require)), workers=workers, thorough=thorough, policy=policy, sample=chosen
    )
    code = show(report, path, as_json=as_json, verbose=verbose, quiet=quiet)
    found = FOUND[code] if chosen is None else f"of a sample of {sample} of the records: {FOUND[code]}"
    left = leave_event(path, custody, action="verify", result=found)  # damage that was found is worth recording, too
    return code or left


def check_lists(archive: Path) -> Report:
    """Verify of an archive what those commands read that read its lines alone, or few of its records; they say so.

    Seals, signatures, manifests, tokens, the log, the events, which files there are, and the lines of citations and captures; no record.
    """
    from preserve.flows.measure import LISTS

    click.echo(
        f"Checked first: seals, log and lists, not every record; preserve verify {printable(str(archive))} reads all of it.",
        err=True,
    )
    return check(archive, sample=LISTS)


def check(
    path: Path,
    *,
    require: frozenset[Claim] = frozenset(),
    workers: int | None = None,
    thorough: bool = False,
    policy: Path | None = None,
    sample: Sample | None = None,
) -> Report:
    """Verify what lies at `path`, with the user's own trust and memory; also what other commands rest on."""
    from preserve.adapters.checkpoints import CheckpointMemory
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.policy import read_demand
    from preserve.adapters.trust import TrustStore
    from preserve.adapters.workers import ForkedWorkers, processors
    from preserve.flows.verify import verify
    from preserve.places import config_folder, state_folder

    if not path.exists():
        raise FormatError(
            f"{path}: no such file or folder",
            "name an archive, the folder of one run in its runs/, a .wacz, or an evidence packet",
        )
    memories = (CheckpointMemory.seen(state_folder()), CheckpointMemory.signed(state_folder()))
    trusted = TrustStore(config_folder()).trusted_keys()
    demand = read_demand(config_folder(), policy)
    if sample is not None and (_is_packet(path) or not path.is_dir()):
        raise UsageError("--sample is for archives and runs: what was handed over is always read whole")
    if _is_packet(path):
        return _check_packet(path, trusted, memories, require, demand)
    if (path / "bagit.txt").is_file() and not any((path / name).exists() for name in ("archive.toml", "manifest.json")):
        return _check_bag(path, trusted, memories, require, ForkedWorkers(workers or processors()), demand)
    if not path.is_dir():
        return _check_file(path, trusted, memories, require, ForkedWorkers(workers or processors()), demand)
    with DiskFolder(path) as folder, _around(path) as around:
        try:
            return verify(
                folder,
                trusted,
                memories,
                datetime.now(UTC),
                workers=ForkedWorkers(workers or processors()),
                require=require,
                thorough=thorough,
                demand=demand,
                sample=sample,
                around=around,
            )
        except FormatError as problem:
            raise FormatError(f"{path}: {problem.message}", problem.hint) from None


@contextmanager
def _around(path: Path) -> Iterator[Folder | None]:
    """The archive that the folder of one run lies in; None for any other folder."""
    from preserve.adapters.folder import DiskFolder

    place = path.resolve()
    if place.parent.name != "runs" or not (place.parent.parent / "archive.toml").is_file():
        yield None
        return
    with DiskFolder(place.parent.parent) as archive:
        yield archive


def _sample(text: str | None, seed: str | None) -> Sample | None:
    """How much to read; None for everything, which 100% is too."""
    if text is None:
        if seed is not None:
            raise UsageError("--sample-seed goes with --sample")
        return None
    match = _PERCENT.fullmatch(text)
    share = float(match[1]) / 100 if match else 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--sample {text!r} is no share", "give 10% or 0.5%: more than nothing, 100% at most")
    if share == 1:
        return None
    import secrets

    from preserve.flows.measure import Sample

    return Sample(share=share, seed=seed if seed is not None else secrets.token_hex(8))


def _is_packet(path: Path) -> bool:
    """Whether it is an evidence packet, or what was unpacked from one, rather than a bundle, an archive or a run."""
    from preserve.model.packet import CAPTURE, MARKER

    if path.is_dir():
        return (path / MARKER).is_file() or ((path / CAPTURE).is_file() and not (path / "archive.toml").exists())
    from preserve.adapters.packets import is_packet

    return path.is_file() and is_packet(path)


def _check_packet(
    path: Path,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    require: frozenset[Claim],
    demand: Demand | None,
) -> Report:
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.packets import PacketZip, aids
    from preserve.flows.verify_packet import verify_packet

    now = datetime.now(UTC)
    if path.is_dir():
        with DiskFolder(path) as folder:
            return verify_packet(folder, (), trusted, memories, now, aids(), require=require, demand=demand)
    with PacketZip(path) as packet:
        return verify_packet(packet, list(packet.problems()), trusted, memories, now, aids(), require=require, demand=demand)


def _check_bag(
    path: Path,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    require: frozenset[Claim],
    workers: Workers,
    demand: Demand | None,
) -> Report:
    """A bundle in a BagIt bag: first the bag, then the bundle."""
    from dataclasses import replace

    from preserve.adapters.folder import DiskFolder
    from preserve.flows.verify_bag import check_bag

    with DiskFolder(path) as folder:
        findings, bundles = check_bag(folder)
    if len(bundles) != 1 or not (path / bundles[0]).is_file():
        if any(finding.result is Result.FAIL for finding in findings):
            return Report(findings=tuple(findings), require=require)
        raise FormatError(f"{path}: a bag with {len(bundles)} bundles in its payload", "name the .wacz that you mean")
    report = _check_file(path / bundles[0], trusted, memories, require, workers, demand)
    return replace(report, findings=(*findings, *report.findings))


def _check_file(
    path: Path,
    trusted: Sequence[TrustedKey],
    memories: Sequence[Memory],
    require: frozenset[Claim],
    workers: Workers,
    demand: Demand | None,
) -> Report:
    """A bundle. Every record in it is opened, asked for or not: it comes from somebody else."""
    from preserve.adapters.packets import begins
    from preserve.adapters.sorting import SortedLines
    from preserve.adapters.zipfolder import ZipContainer
    from preserve.flows.verify import verify_bundle

    if not path.is_file():  # a pipe would never open
        raise FormatError(f"{path}: neither a plain file nor a folder", "name what was handed over, or a copy of it on a disk")
    try:
        with ZipContainer(path) as container, SortedLines() as expected, SortedLines() as indexed:
            now = datetime.now(UTC)
            sorters = (expected, indexed)
            return verify_bundle(container, sorters, trusted, memories, now, workers=workers, require=require, demand=demand)
    except FormatError as problem:
        if problem.message.startswith("not a ZIP") and not begins(path).startswith(b"PK"):
            raise FormatError(
                f"{path}: there is nothing to verify in this file: it is no bundle and no packet",
                "for a document whose footnotes were captured, name the archive; preserve status ARCHIVE shows each footnote",
            ) from None
        hint = problem.hint or "name an archive, the folder of one run in its runs/, a .wacz, or an evidence packet"
        raise FormatError(f"{path}: {problem.message}", hint) from None

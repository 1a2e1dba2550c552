"""`preserve verify`: each claim shown alone, what is proven and what is not, never one green tick."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ExitCode, FormatError
from preserve.formats.printable import printable
from preserve.model.finding import Claim, Finding, Report, Result

if TYPE_CHECKING:
    from preserve.flows.verify_log import Memory
    from preserve.model.trust import TrustedKey
    from preserve.ports import Workers

_ENDINGS = {
    ExitCode.DONE: "Nothing is altered, missing or forged, and every claim that was asked for is established.",
    ExitCode.ALTERED: "ALTERED, MISSING OR FORGED: see the claims that fail. Do not rely on what they name.",
    ExitCode.UNESTABLISHED: "Nothing was found altered, but a claim that was asked for is NOT ESTABLISHED: see what is not proven.",
}
_SOME = "time: self-asserted. Authorities vouch for some of the runs only: not-after says for which."
_TIMES = {
    "self-asserted": "time: self-asserted. When this was made rests on the signer's word; no authority vouches for it.",
    "stamped": "time: stamped. Time-stamp authorities vouch for when this existed.",
}


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--require",
    multiple=True,
    type=click.Choice([claim.value for claim in Claim]),
    metavar="CLAIM",
    help="Exit 41 unless this claim passes too; repeatable. One of: " + ", ".join(Claim) + ".",
)
@click.option("--thorough", is_flag=True, help="Open every record as well: gzip, WARC header, block and payload digests.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Processes that read [default: one for each processor]."
)
@click.option("--json", "as_json", is_flag=True, help="One finding a line, then the result, as JSON Lines.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding.")
@click.option("-q", "--quiet", is_flag=True, help="Show only what fails or is needed and not established.")
def command(
    path: Path, require: tuple[str, ...], workers: int | None, *, thorough: bool, as_json: bool, verbose: bool, quiet: bool
) -> ExitCode:
    """Check that an archive, the folder of one run, a bundle (.wacz) or an evidence packet (.zip) is what was sealed, by whom, and whole.

    Works offline and writes nothing below PATH; a bundle is not unpacked. Keys are trusted only when you pinned them yourself: your own when they were made,
    others with `preserve trust add`.

    \b
    Exit codes: 0 nothing altered and every needed claim established
                40 something altered, missing or forged
                41 unaltered, but a claim is not established (an unknown signer, for one)
                20 none of these
    """
    report = check(path, require=frozenset(map(Claim, require)), workers=workers, thorough=thorough)
    if as_json:
        for line in _json_lines(report):
            click.echo(line)
    else:
        for line in _text_lines(report, path, verbose=verbose, quiet=quiet):
            click.echo(line)
    return report.exit_code


def check(path: Path, *, require: frozenset[Claim] = frozenset(), workers: int | None = None, thorough: bool = False) -> Report:
    """Verify what lies at `path`, with the user's own trust and memory; also what other commands rest on."""
    from preserve.adapters.checkpoints import CheckpointMemory
    from preserve.adapters.folder import DiskFolder
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
    if _is_packet(path):
        return _check_packet(path, trusted, memories, require)
    if not path.is_dir():
        return _check_file(path, trusted, memories, require, ForkedWorkers(workers or processors()))
    with DiskFolder(path) as folder:
        try:
            return verify(
                folder,
                trusted,
                memories,
                datetime.now(UTC),
                workers=ForkedWorkers(workers or processors()),
                require=require,
                thorough=thorough,
            )
        except FormatError as problem:
            raise FormatError(f"{path}: {problem.message}", problem.hint) from None


def _is_packet(path: Path) -> bool:
    """Whether it is an evidence packet, or what was unpacked from one, rather than a bundle, an archive or a run."""
    from preserve.adapters.packets import begins
    from preserve.formats.packet import CAPTURE, MARKER, is_packet

    if path.is_dir():
        return (path / MARKER).is_file() or ((path / CAPTURE).is_file() and not (path / "archive.toml").exists())
    return path.is_file() and is_packet(begins(path))


def _check_packet(path: Path, trusted: Sequence[TrustedKey], memories: Sequence[Memory], require: frozenset[Claim]) -> Report:
    from preserve.adapters.folder import DiskFolder
    from preserve.adapters.packets import PacketZip, aids
    from preserve.flows.verify_packet import verify_packet

    now = datetime.now(UTC)
    if path.is_dir():
        with DiskFolder(path) as folder:
            return verify_packet(folder, (), trusted, memories, now, aids(), require=require)
    with PacketZip(path) as packet:
        return verify_packet(packet, list(packet.problems()), trusted, memories, now, aids(), require=require)


def _check_file(
    path: Path, trusted: Sequence[TrustedKey], memories: Sequence[Memory], require: frozenset[Claim], workers: Workers
) -> Report:
    """A bundle. Every record in it is opened, asked for or not: it comes from somebody else."""
    from preserve.adapters.sorting import SortedLines
    from preserve.adapters.zipfolder import ZipContainer
    from preserve.flows.verify import verify_bundle

    try:
        with ZipContainer(path) as container, SortedLines() as expected, SortedLines() as indexed:
            now = datetime.now(UTC)
            return verify_bundle(container, (expected, indexed), trusted, memories, now, workers=workers, require=require)
    except FormatError as problem:
        hint = problem.hint or "name an archive, the folder of one run in its runs/, or a .wacz"
        raise FormatError(f"{path}: {problem.message}", hint) from None


def _json_lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield json.dumps(
            {"claim": finding.claim, "result": finding.result, "subject": finding.subject, "detail": finding.detail}
        )
    code = report.exit_code
    refusal = {"refusal": report.refusal} if report.refusal else {}
    yield json.dumps({"ok": code == ExitCode.DONE, "exit": int(code), "time": report.time, **refusal})


def _text_lines(report: Report, path: Path, *, verbose: bool, quiet: bool) -> Iterator[str]:
    fails = [finding for finding in report.findings if finding.result is Result.FAIL]
    needed = [finding for finding in report.findings if _holds_up(finding, report)]
    if not quiet:
        yield f"Checked {printable(str(path))}"
    if fails:
        yield from _group("\nFAILS", fails, verbose=verbose)
    if quiet:
        yield from _group("\nNEEDED AND NOT ESTABLISHED", needed, verbose=verbose) if needed else ()
        return
    yield from _group("\nProven", (f for f in report.findings if f.result is Result.PASS), verbose=verbose)
    open_claims = [finding for finding in report.findings if finding.result is Result.NOT_CHECKED]
    yield from _group("\nNot proven", (f for f in open_claims if f not in needed), verbose=verbose)
    if needed:
        yield from _group("\nNEEDED AND NOT ESTABLISHED", needed, verbose=verbose)
    if silent := report.require - {finding.claim for finding in report.findings}:
        yield "\nREQUIRED, AND NOTHING IS SAID OF IT: " + ", ".join(sorted(silent))
    yield ""
    some = not report.stamped and any(f.claim is Claim.NOT_AFTER and f.result is Result.PASS for f in report.findings)
    yield _SOME if some else _TIMES[report.time]
    yield _ENDINGS[report.exit_code]
    if report.refusal:
        yield f"{'REFUSED' if report.exit_code is ExitCode.ALTERED else 'NOT ESTABLISHED'} {report.refusal}"


def _holds_up(finding: Finding, report: Report) -> bool:
    return finding.result is Result.NOT_CHECKED and (finding.needed or finding.claim in report.require)


def _group(title: str, findings: Iterable[Finding], *, verbose: bool) -> Iterator[str]:
    """Findings by claim; what is said alike of several subjects is said once, unless `verbose`."""
    groups: dict[Claim, dict[str, list[str]]] = {}
    for finding in findings:
        key = f"{finding.subject} {finding.detail}" if verbose or finding.result is Result.FAIL else _alike(finding)
        groups.setdefault(finding.claim, {}).setdefault(key, []).append(f"{finding.subject}: {finding.detail}")
    if not groups:
        return
    yield title
    for claim in Claim:
        for place, told in enumerate(groups.get(claim, {}).values()):
            label = claim.value if place == 0 else ""
            more = f" (and {len(told) - 1} more like it: --verbose)" if len(told) > 1 else ""
            yield f"  {label:<16}{printable(told[0])}{more}"


def _alike(finding: Finding) -> str:
    """The detail without its numbers."""
    return re.sub(r"\d+", "0", finding.detail)

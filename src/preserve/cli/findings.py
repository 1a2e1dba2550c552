"""What a verification found, as a person reads it and as a program does: each claim alone, what is proven and what is not."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from preserve.errors import ExitCode
from preserve.formats.printable import printable
from preserve.model.finding import Claim, Finding, Report, Result

_ENDINGS = {
    ExitCode.DONE: "Nothing was found altered, missing or forged, and every needed claim is established.",
    ExitCode.ALTERED: "ALTERED, MISSING OR FORGED: see the claims that fail. Do not rely on what they name.",
    ExitCode.UNESTABLISHED: "Nothing was found altered, but a needed claim is NOT ESTABLISHED: see what is needed and not established.",
}
_OF_LOG = {
    ExitCode.DONE: "Of the log, nothing was found altered, missing or forged, and every needed claim is established."
    " Whether the archive is what it says was not looked at: preserve verify.",
    ExitCode.ALTERED: _ENDINGS[ExitCode.ALTERED],
    ExitCode.UNESTABLISHED: "Of the log, nothing was found altered, but a needed claim is NOT ESTABLISHED: see what is needed and not established.",
}
_SAMPLED = "It was a SAMPLE: the records that it did not pick were not looked at."
_ALL_READ_IS_SOUND = "Of what was read, nothing was found altered, missing or forged."
_SILENCE = "required, and nothing that was checked speaks of it"
_SOME = "time: self-asserted. Authorities vouch for some of the runs only: not-after says for which."
_SEALS = "Authorities vouch for the seals named under not-after, and for nothing that fails."
_SOURCE = "source: self-asserted. That a site sent this is the word of whoever captured it; verification cannot show it."
_TIMES = {
    "self-asserted": "time: self-asserted. When this was made rests on the signer's word; no authority vouches for it.",
    "stamped": "time: stamped. The authorities named under not-after vouch that this existed by then.",
}


def show(report: Report, path: Path, *, as_json: bool, verbose: bool, quiet: bool, timed: bool = True) -> ExitCode:
    """Print it; the exit code. `timed`: what was checked has a time that can be proven, and is no log alone."""
    lines = json_lines(report, timed=timed) if as_json else text_lines(report, path, verbose=verbose, quiet=quiet, timed=timed)
    width = 0 if as_json or not sys.stdout.isatty() else _columns()
    for line in lines:
        for part in line.split("\n"):
            click.echo(wrapped(part, width))
    return report.exit_code


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def wrapped(line: str, width: int, below: int = 18) -> str:
    """A finding's line as the terminal is wide, its rest `below` its beginning; whole where there is none (`width` 0)."""
    if not 0 < width < len(line):
        return line
    import textwrap

    label = line[:below] if line.startswith("  ") else ""
    return textwrap.fill(
        line[len(label) :],
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def json_lines(report: Report, *, timed: bool = True) -> Iterator[str]:
    for finding in report.findings:
        yield json.dumps(
            {"claim": finding.claim, "result": finding.result, "subject": finding.subject, "detail": finding.detail}
        )
    for claim in _silent(report):
        yield json.dumps({"claim": claim, "result": Result.NOT_CHECKED, "subject": "everything", "detail": _SILENCE})
    code = report.exit_code
    refusal = {"refusal": report.refusal} if report.refusal else {}
    time = {"time": report.time} if timed else {}
    sampled = {"sampled": True} if report.sampled else {}
    yield json.dumps({"ok": code == ExitCode.DONE, "exit": int(code), **time, **sampled, **refusal})


def _silent(report: Report) -> list[Claim]:
    """What was required, and no finding is about."""
    return sorted(report.require - {finding.claim for finding in report.findings})


def text_lines(report: Report, path: Path, *, verbose: bool, quiet: bool, timed: bool = True) -> Iterator[str]:
    fails = [finding for finding in report.findings if finding.result is Result.FAIL]
    needed = [finding for finding in report.findings if _holds_up(finding, report)]
    if not quiet:
        yield f"Checked {printable(str(path))}"
    if fails:
        yield from _group("\nFAILS", fails, verbose=verbose)
    silent = "\nREQUIRED, AND NOTHING IS SAID OF IT: " + ", ".join(_silent(report)) if _silent(report) else ""
    if quiet:
        yield from _group("\nNEEDED AND NOT ESTABLISHED", needed, verbose=verbose) if needed else ()
        yield from [silent] if silent else ()
        return
    yield from _group("\nProven", (f for f in report.findings if f.result is Result.PASS), verbose=verbose)
    open_claims = [finding for finding in report.findings if finding.result is Result.NOT_CHECKED]
    yield from _group("\nNot proven", (f for f in open_claims if f not in needed), verbose=verbose)
    if needed:
        yield from _group("\nNEEDED AND NOT ESTABLISHED", needed, verbose=verbose)
    yield from [silent] if silent else ()
    yield ""
    if timed:
        vouched = any(f.claim is Claim.NOT_AFTER and f.result is Result.PASS for f in report.findings)
        if vouched and fails:
            yield f"time: {report.time}. {_SEALS}"
        else:
            yield _SOME if vouched and not report.stamped else _TIMES[report.time]
        yield _SOURCE
    done = report.exit_code is ExitCode.DONE
    ending = (_ENDINGS if timed else _OF_LOG)[report.exit_code]
    yield f"{_ALL_READ_IS_SOUND if done else ending} {_SAMPLED}" if report.sampled else ending
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
    """The detail without its numbers, and what they count in the singular or the plural alike."""
    return re.sub(r"\d+(?: (\w+?)(?:ies|y|s)?\b)?", r"0 \1", finding.detail)

"""What a verification found, as a person reads it and as a program does: each claim alone, what is proven and what is not."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import click

from preserve.errors import ExitCode
from preserve.formats.printable import printable
from preserve.model.finding import REDACTED, Claim, Finding, Report, Result
from preserve.rules.likeness import likeness


class About(StrEnum):
    """What was checked, and by what words its ending speaks of it."""

    CAPTURES = "Nothing"
    LOG = "Of the log, nothing"
    CHECKPOINT = "Of this checkpoint, nothing"


_SOUND = "{} was found altered, missing or forged, and every needed claim is established."
_ALTERED = "ALTERED, MISSING OR FORGED: see the claims that fail. Do not rely on what they name."
_OPEN = "{} was found altered, but a needed claim is NOT ESTABLISHED: see what is needed and not established."
_REMOVED = (
    "Records were REMOVED under signed statements, which say by whom and why. {} else was found altered, missing or forged"
)
_NOT_LOOKED_AT = {
    About.CAPTURES: "",
    About.LOG: " Whether the archive is what it says was not looked at: preserve verify.",
    About.CHECKPOINT: " No entry of the log was looked at, nor any archive: preserve log verify ARCHIVE, preserve verify ARCHIVE.",
}
_FINGERPRINT = re.compile(r"\b((?:[0-9a-f]{4}-){8})((?:[0-9a-f]{4}-){7}[0-9a-f]{4})\b")
"""As two halves: it is what people compare, and a terminal would cut it anywhere."""
_FINGERPRINT_WIDTH = 79
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


def show(report: Report, path: Path, *, as_json: bool, verbose: bool, quiet: bool, about: About = About.CAPTURES) -> ExitCode:
    """Print it; the exit code."""
    lines = json_lines(report, about) if as_json else text_lines(report, path, verbose=verbose, quiet=quiet, about=about)
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
    if width < len(label) + _FINGERPRINT_WIDTH:
        line = _FINGERPRINT.sub(r"\1 \2", line)
    return textwrap.fill(
        line[len(label) :],
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def json_lines(report: Report, about: About = About.CAPTURES) -> Iterator[str]:
    for finding in report.findings:
        yield json.dumps(
            {"claim": finding.claim, "result": finding.result, "subject": finding.subject, "detail": finding.detail}
        )
    for claim in _silent(report):
        yield json.dumps({"claim": claim, "result": Result.NOT_CHECKED, "subject": "everything", "detail": _SILENCE})
    code = report.exit_code
    refusal = {"refusal": report.refusal} if report.refusal else {}
    time = {"time": report.time} if about is About.CAPTURES else {}
    sampled = {"sampled": True} if report.sampled else {}
    yield json.dumps({"ok": code == ExitCode.DONE, "exit": int(code), **time, **sampled, **refusal})


def _silent(report: Report) -> list[Claim]:
    """What was required, and no finding is about."""
    return sorted(report.require - {finding.claim for finding in report.findings})


def text_lines(report: Report, path: Path, *, verbose: bool, quiet: bool, about: About = About.CAPTURES) -> Iterator[str]:
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
    yield from _group("\nNot proven", (f for f in open_claims if not _holds_up(f, report)), verbose=verbose)
    if needed:
        yield from _group("\nNEEDED AND NOT ESTABLISHED", needed, verbose=verbose)
    yield from [silent] if silent else ()
    yield ""
    if about is About.CAPTURES:  # a log alone has no time that can be proven
        vouched = any(f.claim is Claim.NOT_AFTER and f.result is Result.PASS for f in report.findings)
        if vouched and fails:
            yield f"time: {report.time}. {_SEALS}"
        else:
            yield _SOME if vouched and not report.stamped else _TIMES[report.time]
        yield _SOURCE
    ending = _ending(report, about)
    if report.sampled:
        ending = f"{_ALL_READ_IS_SOUND if report.exit_code is ExitCode.DONE else ending} {_SAMPLED}"
    yield ending
    if report.refusal:
        yield f"{'REFUSED' if report.exit_code is ExitCode.ALTERED else 'NOT ESTABLISHED'} {report.refusal}"


def _ending(report: Report, about: About) -> str:
    if report.exit_code is ExitCode.ALTERED:
        return _ALTERED
    if report.exit_code is ExitCode.DONE:
        return _SOUND.format(about) + _NOT_LOOKED_AT[about]
    if not any(finding.code == REDACTED for finding in report.findings):
        return _OPEN.format(about)
    others = bool(_silent(report)) or any(
        _holds_up(finding, report) and finding.code != REDACTED for finding in report.findings
    )
    more = ", but another needed claim is NOT ESTABLISHED: see what is needed and not established." if others else "."
    return _REMOVED.format(about) + more


def _holds_up(finding: Finding, report: Report) -> bool:
    return finding.result is Result.NOT_CHECKED and (finding.needed or finding.claim in report.require)


def _group(title: str, findings: Iterable[Finding], *, verbose: bool) -> Iterator[str]:
    """Findings by claim; what is said alike of several subjects (rules/likeness.py) is said once, unless `verbose`."""
    groups: dict[Claim, dict[str, list[str]]] = {}
    for finding in findings:
        key = f"{finding.subject} {finding.detail}" if verbose or finding.result is Result.FAIL else likeness(finding)
        groups.setdefault(finding.claim, {}).setdefault(key, []).append(f"{finding.subject}: {finding.detail}")
    if not groups:
        return
    yield title
    for claim in Claim:
        for place, told in enumerate(groups.get(claim, {}).values()):
            label = claim.value if place == 0 else ""
            more = f" (and {len(told) - 1} more like it: --verbose)" if len(told) > 1 else ""
            yield f"  {label:<16}{printable(told[0])}{more}"

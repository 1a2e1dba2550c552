"""Lists of unchanged requisites, checked: each is in its form and as long as its page says, and what it refers to is in the archive.

Part of a thorough verification (docs/formats/unchanged.md section 4). The bytes were held against what was signed before; here it is
what they say. Of a run by itself it cannot be seen whether what its lists refer to is there: that lies in other runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from preserve.errors import FormatError
from preserve.flows import listed
from preserve.flows.select import SealedRun
from preserve.formats import unchanged
from preserve.formats.counted import counted
from preserve.formats.redacted import is_replaced
from preserve.formats.warc import target_uri
from preserve.model.finding import Claim, Finding, failed, unchecked
from preserve.model.lines import CaptureLine
from preserve.model.unchanged import Unchanged

if TYPE_CHECKING:
    from preserve.ports import Folder

_SHOWN: Final = 10
"""Findings of one kind that are told one by one."""


def check(folder: Folder, names: Sequence[str], *, removals: bool) -> Iterator[Finding]:
    """The lists of these runs, in their order, which are all of an archive; `removals`: records were removed from it."""
    runs = [SealedRun(folder, name) for name in names]
    wanted: dict[listed.Key, int] = {}
    for number, run in enumerate(runs):
        for line in listed.pages(run):
            try:
                for answer in _read(run, line):
                    wanted.setdefault(listed.key(answer), number)
            except FormatError as problem:
                told = (
                    unchecked if removals else failed
                )  # what stands for a short record that was removed says nothing of itself
                yield told(Claim.STRUCTURE, run.at + run.manifest.captures.file, f"capture {line.capture}: {problem.message}")
    places = {name: number for number, name in enumerate(names)}
    for key, run, _ in listed.find(runs, wanted):
        if places[run.name] < wanted[key]:
            del wanted[key]
    yield from _missing(sorted(wanted.items(), key=lambda item: (item[1], item[0])), runs, removals=removals)


def check_alone(folder: Folder, subject: str) -> Iterator[Finding]:
    """The lists of a run that lies by itself: their form."""
    run = SealedRun(folder, "", at="")
    count = 0
    for line in listed.pages(run):
        try:
            count += len(_read(run, line))
        except FormatError as problem:
            yield failed(Claim.STRUCTURE, run.manifest.captures.file, f"capture {line.capture}: {problem.message}")
    if count:
        told = f"needs the archive: whether what {counted(count, 'unchanged requisite')} refer to is there; it lies in earlier runs"
        yield unchecked(Claim.COMPLETENESS, subject, told)


def _read(run: SealedRun, line: CaptureLine) -> tuple[Unchanged, ...]:
    """What a page's list says; nothing when it was removed. Raises FormatError when it is not as it should be."""
    record = listed.record_of(run, line)
    if record is None:
        if any(is_replaced(run.head(ref.warc, ref.index)[0]) for ref in line.records if ref.type == "metadata"):
            return ()
        raise FormatError("it says that it has a list of unchanged requisites, and has none")
    if run.head(record.warc, record.index)[0].target_uri != target_uri(unchanged.URN + line.final_url):
        raise FormatError(f"record {record.index} of {record.warc} is another page's list")
    return listed.answers(run, line)


def _missing(wanted: Sequence[tuple[listed.Key, int]], runs: Sequence[SealedRun], *, removals: bool) -> Iterator[Finding]:
    for key, number in wanted[:_SHOWN]:
        what = f"{key.uri} is listed as unchanged since {key.date:%Y-%m-%d %H:%M:%S}, and no earlier run has a record of that"
        if removals:
            yield unchecked(Claim.COMPLETENESS, runs[number].at.rstrip("/"), f"{what}: records were removed from this archive")
        else:
            yield failed(Claim.COMPLETENESS, runs[number].at.rstrip("/"), what)
    if len(wanted) > _SHOWN:
        told = unchecked if removals else failed
        yield told(
            Claim.COMPLETENESS, "runs", f"{len(wanted) - _SHOWN} more are listed as unchanged, and no earlier run has them"
        )

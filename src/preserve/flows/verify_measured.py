"""Judging what was measured of one run: files, lists, records, and what holds of the run as a whole (docs/formats/verification.md).

The second half of checking a run; the first, `verify_run.begin`, said what is to be measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from preserve.flows import measure
from preserve.flows.measure import LinesJob, Measured
from preserve.formats.counted import counted
from preserve.model.finding import Claim, Finding, Result, passed, unchecked
from preserve.model.manifest import Manifest, Role
from preserve.rules import verify_content as content
from preserve.rules import verify_lines as listed
from preserve.rules import verify_spoken as spoken

if TYPE_CHECKING:  # `verify` starts faster without what removals are made of, and most archives have none
    from preserve.flows.verify_run import RunCheck
    from preserve.ports import Folder
    from preserve.rules.verify_redaction import Removal


def finish(folder: Folder, check: RunCheck, measured: Sequence[Measured]) -> None:
    """Judge what was measured and say what holds of the run as a whole. `measured` answers check.jobs, in their order."""
    manifest = check.manifest
    if manifest is None:
        check.findings.append(
            unchecked(Claim.COMPLETENESS, check.subject, "not checked: the manifest is not to be believed", needed=True)
        )
        return
    files = {check.at + entry.path: entry for entry in manifest.files}
    segments: dict[str, list[content.Segment]] = {}
    samples: dict[str, content.Sampled] = {}
    lists: dict[str, content.Lines] = {}
    opened: dict[str, tuple[str, ...]] = {}
    for found in measured:
        if isinstance(found, content.Segment):
            segments.setdefault(found.path, []).append(found)
        elif isinstance(found, content.Sampled):
            samples[found.path] = found
            check.findings += content.judge_sample(files[found.path], check.at, found)
        else:
            damage = list(content.judge_file(files[found.path], check.at, found))
            check.findings += damage
            if isinstance(found, content.Lines) and not damage:
                lists[found.path] = found
            if isinstance(found, content.Whole) and found.types is not None and not damage:
                opened[found.path.removeprefix(check.at)] = found.types
    _judge_lists(check, manifest, lists, segments, opened)
    damaged: dict[str, Sequence[content.Spoiled]] = {path: found.spoiled for path, found in samples.items() if found.spoiled}
    for path, parts in segments.items():
        spoiled, findings = content.judge_records(files[path], check.at, parts)
        check.findings += findings
        if spoiled:
            damaged[path] = spoiled
    gone: dict[str, dict[int, Removal]] = {}
    if check.removed:
        from preserve.flows.verify_removed import sort_out  # noqa: PLC0415 -- as above

        gone = {path: sort_out(folder, check, path, damaged) for path in check.removed if path in segments or path in samples}
    wanted = [(path.removeprefix(check.at), record.index) for path, spoiled in damaged.items() for record in spoiled]
    wanted += [(path.removeprefix(check.at), index) for path, removed in gone.items() for index in removed]
    captures = lists.get(check.at + manifest.captures.file)
    owners = None if captures is None else _owners(folder, captures, wanted)
    if gone:
        from preserve.rules.verify_redaction import judge_removed  # noqa: PLC0415 -- as above

        for path, removed in gone.items():
            check.findings += judge_removed(files[path].path, path, removed, owners)
    for path, broken in damaged.items():
        check.findings += content.describe_damage(files[path].path, path, broken, owners)
    _conclude(check, manifest, samples, sum(len(removed) for removed in gone.values()))


def _judge_lists(
    check: RunCheck,
    manifest: Manifest,
    lists: Mapping[str, content.Lines],
    segments: Mapping[str, Sequence[content.Segment]],
    opened: Mapping[str, Sequence[str]],
) -> None:
    """`opened`: the WARC-Types in files of other tools, as far as they were opened."""
    indexes = [manifest.sources, manifest.citations, *(entry.records for entry in manifest.files if entry.records is not None)]
    for index in indexes:
        if found := lists.get(check.at + index.file):
            check.findings += content.judge_list(index.count, index.root, found)
    captures = lists.get(check.at + manifest.captures.file)
    if captures is not None:
        check.findings += content.judge_list(manifest.captures.count, manifest.captures.root, captures)
    types: dict[str, Sequence[str]] = dict(opened)
    types |= {
        path.removeprefix(check.at): [
            "" if number in check.removed.get(path, ()) else type_
            for number, type_ in enumerate(type_ for part in parts for type_ in part.types)
        ]
        for path, parts in segments.items()
        if check.thorough and not any(part.spoiled or part.problem for part in parts)
    }
    sources_found = lists.get(check.at + manifest.sources.file)
    if sources_found and isinstance(sources_found.content, listed.Sources) and not sources_found.content.problem:
        check.sources = sources_found.content.lines
    read = [lists.get(check.at + index.file) for index in (manifest.sources, manifest.citations)]
    match [found.content if found else None for found in (*read, captures)]:
        case [listed.Sources() as sources, listed.Citations() as citations, listed.Captures() as captured]:
            check.findings += content.judge_lists(manifest, check.at, sources, citations, captured, types)


def _owners(folder: Folder, captures: content.Lines, wanted: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    """Whose captures these records are; one more reading of the capture index, only when something is wrong with them.

    Raises VanishedError when it is another one by now than the one that was found to be what was signed.
    """
    if not wanted:
        return {}
    job = LinesJob(path=captures.path, weight=0, tree=False, reader=lambda: listed.Finder(wanted))
    found = measure.measure(folder, job)
    if isinstance(found, content.Lines) and found.sha256 != captures.sha256:
        raise measure.VanishedError(captures.path)
    return found.content.captures if isinstance(found, content.Lines) and isinstance(found.content, listed.Found) else {}


def _conclude(check: RunCheck, manifest: Manifest, samples: Mapping[str, content.Sampled], removed: int) -> None:
    failing = {finding.claim for finding in check.findings if finding.result is Result.FAIL}
    size = sum(entry.bytes for entry in manifest.files)
    records = sum(entry.records.count for entry in manifest.files if entry.records is not None)
    if not failing & {Claim.INTEGRITY, Claim.COMPLETENESS}:
        check.findings.append(_integrity(check, samples, removed, len(manifest.files), records, size))
        open_end = "; it was interrupted, and says so: what was still open is not in it" if manifest.interrupted else ""
        check.findings.append(
            passed(
                Claim.COMPLETENESS,
                check.subject,
                f"no file and no line is missing or added: {_counts(check, manifest)}{open_end}",
            )
        )
    else:
        reasons = {Claim.INTEGRITY: spoken.INCOMPLETE, Claim.COMPLETENESS: spoken.ALTERED}
        check.unlooked += spoken.unsaid(check.findings, check.subject, reasons)
    if foreign := sum(entry.role is Role.FOREIGN for entry in manifest.files):
        what = f"{foreign} file{'s' if foreign > 1 else ''} made with other tools: what was imported, byte for byte"
        check.findings.append(
            unchecked(
                Claim.STRUCTURE, check.subject, f"third-party: {what}; whether what is in it is true or whole is not shown"
            )
        )
    if Claim.STRUCTURE not in failing:
        check.findings.append(_structure(check, samples, records - removed, altered=Claim.INTEGRITY in failing))


def _counts(check: RunCheck, manifest: Manifest) -> str:
    """What the lists hold; and, where their lines were read, that each citation is answered."""
    captures = manifest.captures
    bad = [f"{number} {how}" for number, how in ((captures.failed, "failed"), (captures.refused, "refused")) if number]
    made = counted(captures.count, "capture") + (f" ({', '.join(bad)})" if bad else "")
    made += f", {counted(manifest.citations.count, 'citation')}"
    if not manifest.citations.count or (check.sample is not None and check.sample.lists_alone):
        return made
    return f"{made}, each of these answered by a capture or a reason"


def _integrity(
    check: RunCheck, samples: Mapping[str, content.Sampled], removed: int, files: int, records: int, size: int
) -> Finding:
    """What was found of the bytes, where nothing is wrong with them."""
    if check.sample is not None and check.sample.lists_alone:
        said = "only the lists of citations and captures were read; they are what was signed"
        return unchecked(Claim.INTEGRITY, check.subject, said, code="sampled")
    every = "every other byte" if removed else "every byte"
    if not samples:
        whole = f"{counted(files, 'file')}, {counted(records, 'record')}, {counted(size, 'byte')}"
        gone = f", {counted(removed, 'record')} of them removed" if removed else ""
        return passed(Claim.INTEGRITY, check.subject, f"{every} is what was signed: {whole}{gone}")
    read = sum(found.read for found in samples.values())
    rest = "; the other files were read whole, and are what was signed"
    return unchecked(Claim.INTEGRITY, check.subject, f"sampled: {content.sampled(read, records)}{rest}", code="sampled")


def _structure(check: RunCheck, samples: Mapping[str, content.Sampled], records: int, *, altered: bool) -> Finding:
    """What was found in the `records` that were not removed, where nothing in them is wrong."""
    hold = "each a whole WARC record whose digests hold"
    if check.thorough and altered:
        return unchecked(Claim.STRUCTURE, check.subject, "not shown: not every record is what was sealed, see what fails")
    if check.thorough and samples:
        read = sum(found.read for found in samples.values())
        said = f"sampled: of the {counted(read, 'record')} that {'was' if read == 1 else 'were'} read, {hold}; the others were not opened"
        return unchecked(Claim.STRUCTURE, check.subject, said)
    if check.thorough:
        said = f"{counted(records, 'record')} opened, {hold}" if records else "there is no record of its own to open"
        return passed(Claim.STRUCTURE, check.subject, said)
    how = "--thorough, without --sample," if samples else "--thorough"
    return unchecked(Claim.STRUCTURE, check.subject, f"not checked here, checked at sealing; {how} opens every record")

"""`preserve capture`: the main job."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preserve.cli import captureoptions
from preserve.errors import ExitCode, FormatError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preserve.cli.progress import Quiet
    from preserve.flows.run import Input, Inputs
    from preserve.model.document import Document
    from preserve.model.web import Capture
    from preserve.wiring.options import CaptureOptions, CaptureResult


@click.command()
@captureoptions.inputs
@captureoptions.options
@click.option("--resume", is_flag=True, help="Finish the run that an interruption left open.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each target as it ends.")
@click.option("-v", "--verbose", is_flag=True, help="Name every capture, not only what needs a look.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    documents: tuple[str, ...],
    archive: Path,
    urls: tuple[str, ...],
    lists: tuple[str, ...],
    resume: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Capture what documents cite, and seal it: the main job.

    DOC is anything that `preserve cite` reads: a document whose footnotes count, a bibliography, a list of addresses, or a plan printed
    by `preserve cite --json`. Every address they cite is fetched into WARC files below DIR/runs, with hashes and times in a signed
    manifest and an entry in the archive's log. Addresses can also be given with --url and --url-list. The first capture makes a
    signing key when there is none.

    Exit code: 0 all captured; 10 sealed, but some are missing or worthless; 11 nothing captured; 130 interrupted, go on
    with --resume.
    """
    from preserve.flows.run import Inputs
    from preserve.rules.plan import Reach

    if not (documents or urls or lists or resume):
        raise UsageError("nothing to capture", "name a document, or give --url or --url-list; try `preserve demo` first")
    said = captureoptions.Given(**given)
    options = said.settle(archive, resume=resume)
    if len(options.authorities) == 1:
        _say(
            "One time-stamp authority alone: name a second, independent one, so that nobody has to trust just it.", quiet=quiet
        )
    read, problems = read_documents(documents, quiet=quiet, seconds=said.document_timeout)
    inputs = Inputs(
        documents=read,
        urls=_given(urls, lists, resume=resume),
        where=None if said.where is None else Reach(said.where),
    )
    if problems and not (read or urls or lists):
        return ExitCode.FORMAT
    return perform(options, inputs, problems=len(problems), as_json=as_json, verbose=verbose, quiet=quiet)[1]


def perform(
    options: CaptureOptions, inputs: Inputs, *, problems: int, as_json: bool, verbose: bool, quiet: bool
) -> tuple[CaptureResult, int]:
    """Capture, and say what comes of it; also the exit code. `problems` is how many documents could not be read."""
    from preserve.cli.passphrase import opener
    from preserve.wiring.capturing import capture

    started = time.monotonic()
    watcher = _watcher(as_json=as_json, verbose=verbose, quiet=quiet)
    try:
        result = capture(options, inputs, watcher, lambda words: _say(words, quiet=quiet), opener())
    finally:
        watcher.close()
    _conclude(result, options.archive, as_json=as_json, quiet=quiet, seconds=time.monotonic() - started)
    return result, _exit_code(result, problems=problems)


def read_documents(paths: tuple[str, ...], *, quiet: bool, seconds: float) -> tuple[tuple[Input, ...], tuple[FormatError, ...]]:
    """The documents with their citations, and why others could not be read (each was said); `seconds` are allowed for each."""
    if not paths:
        return (), ()
    from preserve.cli.documents import load

    loaded = load(paths, seconds)
    for problem in loaded.problems:
        _say(f"preserve: {problem.message}", quiet=False)
        if problem.hint:
            _say(f"  {problem.hint}", quiet=False)
    return tuple(cited(entry.document, entry.data, quiet=quiet) for entry in loaded.documents), loaded.problems


def cited(document: Document, data: bytes, *, quiet: bool) -> Input:
    """A document with its citations, which are summed up for whoever looks on; `data` is what it was read from."""
    from preserve.cite import citations
    from preserve.cli.cite import summary
    from preserve.flows.run import Input
    from preserve.model.run import Source

    found = citations(document)
    _say(summary(document, found), quiet=quiet)
    source = Source(name=document.name, media_type=document.media_type, size=document.size, sha256=document.sha256)
    return Input(source=source, data=data, citations=found)


def _given(urls: tuple[str, ...], lists: tuple[str, ...], *, resume: bool) -> Iterable[str] | None:
    """What --url and --url-list name; None when nothing. To resume they are looked at twice, so they are kept."""
    if not urls and not lists:
        return None
    given = captureoptions.addresses(urls, lists)
    return tuple(given) if resume else given


def _watcher(*, as_json: bool, verbose: bool, quiet: bool) -> Quiet:
    from preserve.cli.progress import Plain, Quiet

    def emit(capture: Capture) -> None:
        if as_json:
            _print(_line(capture))

    if quiet:
        return Quiet(emit)
    # With JSON on the same terminal a bar would be torn apart line by line.
    if sys.stderr.isatty() and not (as_json and sys.stdout.isatty()):
        from preserve.cli.bar import Bar

        return Bar(emit, verbose=verbose)
    return Plain(emit, verbose=verbose)


def _line(capture: Capture) -> dict[str, object]:
    """The JSON line of one target."""
    line: dict[str, object] = {
        "url": capture.target.url,
        "final_url": capture.final_url,
        "outcome": capture.outcome,
        "reason": capture.reason,
        "status": capture.status,
        "verdict": capture.verdict,
        "records": [{"file": r.warc, "offset": r.offset, "type": r.type} for r in capture.records],
        "cited_by": [{"document": cited.document, "note": cited.note} for cited in capture.target.cited_by],
    }
    if capture.signals:
        line["signals"] = list(capture.signals)
    if capture.candidates:
        line["candidates"] = [
            {"url": tried.url, "outcome": tried.outcome, "status": tried.status, "verdict": tried.verdict, "why": tried.why}
            for tried in capture.candidates
        ]
    if capture.chosen is not None:
        line["chosen"] = capture.chosen
    if capture.memento is not None:
        from preserve.formats.lines import write_memento
        from preserve.rules.seal import memento_line

        line["memento"] = write_memento(memento_line(capture.memento))
    return line


def _conclude(result: CaptureResult, archive: Path, *, as_json: bool, quiet: bool, seconds: float) -> None:
    from dataclasses import asdict

    from preserve.cli.progress import duration
    from preserve.formats.publickey import fingerprint_groups

    counts = result.counts
    if result.interrupted:
        _say(f"Interrupted: {counts.done} of {counts.total} done, everything so far is kept. Go on with --resume.", quiet=quiet)
        return
    sealed = result.sealed
    if sealed is None:
        _say(
            "Nothing to do: no run is open, and the newest holds what was asked for."
            if result.idle
            else "Nothing to capture: no address to ask for.",
            quiet=quiet,
        )
        return
    if as_json:
        manifest = (Path(sealed.folder) / "manifest.json").resolve()
        said = asdict(counts)
        del said["fetched"]  # all of them, in a run that came to its end
        said["requisites_lacking"] = said.pop("lacking")
        said["requisites_listed"] = said.pop("listed")
        _print({"run": sealed.name, "manifest": str(manifest), "seal_sha256": sealed.seal_sha256, "counts": said})
    worthless = f" ({counts.worthless} of them not worth much: see above)" if counts.worthless else ""
    parts = [f"{counts.captured} captured{worthless}"]
    parts += [f"{number} {word}" for word in ("truncated", "failed", "refused") if (number := getattr(counts, word))]
    among = [f"{counts.lacking} of them not captured"] if counts.lacking else []
    among += [f"{counts.listed} unchanged, listed"] if counts.listed else []
    told = f" ({', '.join(among)})" if among else ""
    parts += [f"{counted(counts.requisites, 'requisite')}{told}"] if counts.requisites else []
    _say(f"Sealed   {printable(str(sealed.folder))}   {', '.join(parts)}   {duration(seconds)}", quiet=quiet)
    stamped = sealed.stamped
    told = f"Stamped  {len(stamped.there)} of {len(stamped.named)} authorities" if stamped.named else "Time  self-asserted"
    _say(f"Signed   {fingerprint_groups(result.keyid)[:19]}-…   {told}   Log  entry {sealed.log_index}", quiet=quiet)
    if stamped.missing:
        _say(
            f"No time-stamp came from {', '.join(stamped.missing)}. The run is sealed all the same; fetch it later with:"
            f" preserve timestamp {printable(str(archive))}",
            quiet=quiet,
        )
    _say(f"Check it with: preserve verify {printable(str(archive))}", quiet=quiet)


def _exit_code(result: CaptureResult, *, problems: int) -> int:
    counts = result.counts
    if result.interrupted:
        return ExitCode.INTERRUPTED
    if result.sealed is None:
        return ExitCode.DONE if result.idle else ExitCode.NOTHING
    if counts.captured + counts.truncated == 0:
        return ExitCode.NOTHING
    if counts.captured < counts.total or counts.worthless or problems:
        return ExitCode.PARTIAL
    return ExitCode.DONE


def _print(line: dict[str, object]) -> None:
    click.echo(json.dumps(line, ensure_ascii=True))


def _say(words: str, *, quiet: bool) -> None:
    if not quiet:
        click.echo(printable(words), err=True)

"""`preserve capture`: the main job."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.errors import ConfigError, ExitCode, FormatError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preserve import wiring
    from preserve.cli.progress import Bar, Plain, Quiet
    from preserve.flows.run import Input
    from preserve.model.web import Capture

_SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


def _size(text: str) -> int:
    """Bytes: a number with k, M, G or T behind it."""
    value = text.strip().lower().removesuffix("b")
    unit = value[-1:] if value[-1:].isalpha() else ""
    number = value.removesuffix(unit) if unit else value
    if unit not in _SIZES or not number.isascii() or not number.isdigit() or int(number) == 0:
        raise click.BadParameter(f"{text!r} is not a size; write for example 500M or 2G")
    return int(number) * _SIZES[unit]


class _Seconds(click.FloatRange):
    """A finite number of seconds: NaN passes every comparison of a range, and nobody waits for ever."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{seconds} is not a number of seconds", param, ctx)
        return seconds


_POSITIVE = _Seconds(min=0, min_open=True)


@click.command()
@click.argument("documents", nargs=-1, metavar="[DOC]...")
@click.option(
    "--archive",
    envvar="PRESERVE_ARCHIVE",
    default="archive",
    show_default="$PRESERVE_ARCHIVE, else ./archive",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where captures are kept; made when it is not there.",
)
@click.option("--url", "urls", multiple=True, metavar="U", help="Capture this address too; repeatable.")
@click.option(
    "--url-list", "lists", multiple=True, metavar="FILE", help="Capture the addresses in FILE, one a line; - is stdin."
)
@click.option(
    "--where",
    type=click.Choice(["notes", "body", "all"]),
    help="Which citations count.  [default: notes, or all in a document without notes]",
)
@click.option(
    "--resolve", multiple=True, metavar="HOST:PORT:ADDR", help="Connect to ADDR for HOST and PORT, as in curl; * is any name."
)
@click.option("--connect-to", multiple=True, metavar="H1:P1:H2:P2", help="Connect to H2:P2 instead of H1:P1, as in curl.")
@click.option(
    "--cacert",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Trust these certificate authorities (PEM) instead of the bundled ones.",
)
@click.option("--allow-private", is_flag=True, help="Let cited addresses lead to this machine and to private networks.")
@click.option(
    "--tls",
    type=click.Choice(["require", "record"]),
    default="require",
    show_default=True,
    help="What an invalid certificate means: no capture, or a capture that is marked.",
)
@click.option("--concurrency", type=click.IntRange(1, 1000), default=32, show_default=True, help="Targets at once.")
@click.option("--per-host", type=click.IntRange(1, 100), default=2, show_default=True, help="Requests at once to one host.")
@click.option("--delay", type=_Seconds(min=0), default=0.5, show_default=True, help="Seconds between two requests to a host.")
@click.option(
    "--timeout", type=_POSITIVE, default=30.0, show_default=True, help="Give up after so many seconds without a byte."
)
@click.option("--total-timeout", type=_POSITIVE, default=900.0, show_default=True, help="Seconds for one target in all.")
@click.option("--max-size", type=_size, metavar="SIZE", default="2G", show_default=True, help="Cut a body after so many bytes.")
@click.option(
    "--robots",
    type=click.Choice(["record", "obey", "ignore"]),
    default="record",
    show_default=True,
    help="Ask for robots.txt and note its answer, obey it, or do not ask.",
)
@click.option("--no-requisites", is_flag=True, help="Fetch the pages alone, not the images, styles and scripts they need.")
@click.option(
    "--tsa",
    multiple=True,
    envvar="PRESERVE_TSA",
    metavar="[NAME=]URL",
    help="Have the run stamped by this time-stamp authority (RFC 3161); repeatable, two are better."
    "  [default: $PRESERVE_TSA, else config.toml]",
)
@click.option("--no-timestamp", is_flag=True, help="Ask no time-stamp authority: the times are self-asserted.")
@click.option("--user-agent", metavar="TEXT", help="What to say who is asking.")
@click.option("--key", metavar="ID", help="Sign with this key; see `preserve key list`.")
@click.option("--operator", metavar="NAME", help="Who stands for this capture; signed.")
@click.option("--case", metavar="REF", help="What this capture belongs to; signed.")
@click.option("--resume", is_flag=True, help="Finish the run that an interruption left open.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each target as it ends.")
@click.option("-v", "--verbose", is_flag=True, help="Name every capture, not only what needs a look.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    documents: tuple[str, ...],
    archive: Path,
    urls: tuple[str, ...],
    lists: tuple[str, ...],
    where: str | None,
    resolve: tuple[str, ...],
    connect_to: tuple[str, ...],
    cacert: Path | None,
    allow_private: bool,
    tls: str,
    concurrency: int,
    per_host: int,
    delay: float,
    timeout: float,
    total_timeout: float,
    max_size: int,
    robots: str,
    no_requisites: bool,
    tsa: tuple[str, ...],
    no_timestamp: bool,
    user_agent: str | None,
    key: str | None,
    operator: str | None,
    case: str | None,
    resume: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Capture what documents cite, and seal it: the main job.

    DOC is anything that `preserve cite` reads: a document whose footnotes count, a bibliography, a list of addresses, or a plan printed
    by `preserve cite --json`. Every address they cite is fetched into WARC files below DIR/runs, with hashes and times in a signed
    manifest and an entry in the archive's log. Addresses can also be given with --url and --url-list. The first capture makes a
    signing key when there is none.

    Exit code: 0 all captured; 10 sealed, but some are missing or worthless; 11 nothing captured; 130 interrupted, go on
    with --resume.
    """
    from preserve import __version__, wiring
    from preserve.cli.authorities import configured, user_agent_of
    from preserve.cli.passphrase import opener
    from preserve.flows.manners import Manners
    from preserve.flows.run import Inputs
    from preserve.model.settings import FetchSettings, TlsMode
    from preserve.rules.plan import Reach
    from preserve.rules.robots import Robots
    from preserve.rules.route import parse_connect_to, parse_resolve

    if not (documents or urls or lists or resume):
        raise UsageError("nothing to capture", "name a document, or give --url or --url-list; try `preserve demo` first")
    config, authorities = configured(tsa)
    agent = user_agent or user_agent_of(config, __version__)
    options = wiring.CaptureOptions(
        archive=archive,
        fetch=FetchSettings(
            user_agent=agent,
            timeout=timeout,
            max_size=max_size,
            allow_private=allow_private,
            tls=TlsMode(tls),
            cacert=cacert,
            per_host=per_host,
            resolve=tuple(parse_resolve(rule) for rule in resolve),
            connect_to=tuple(parse_connect_to(rule) for rule in connect_to),
        ),
        manners=Manners(
            concurrency=concurrency,
            per_host=per_host,
            delay=delay,
            total_timeout=total_timeout,
            robots=Robots(robots),
            requisites=not no_requisites,
            user_agent=agent,
        ),
        key=key,
        operator=operator or config.operator.name,
        organisation=config.operator.organisation,
        role=config.operator.role,
        case=case,
        authorities=() if no_timestamp else authorities,
        resume=resume,
    )
    if len(options.authorities) == 1:
        _say(
            "One time-stamp authority alone: name a second, independent one, so that nobody has to trust just it.", quiet=quiet
        )
    read, problems = _read(documents, quiet=quiet)
    inputs = Inputs(
        documents=read,
        urls=_given(urls, lists, resume=resume),
        where=None if where is None else Reach(where),
    )
    if problems and not (read or urls or lists):
        return ExitCode.FORMAT
    started = time.monotonic()
    watcher = _watcher(as_json=as_json, verbose=verbose, quiet=quiet)
    try:
        result = wiring.capture(options, inputs, watcher, lambda words: _say(words, quiet=quiet), opener())
    finally:
        watcher.close()
    _conclude(result, archive, as_json=as_json, quiet=quiet, seconds=time.monotonic() - started)
    return _exit_code(result, problems=problems)


def _read(paths: tuple[str, ...], *, quiet: bool) -> tuple[tuple[Input, ...], int]:
    """The documents with their citations, and how many could not be read (each was said)."""
    if not paths:
        return (), 0
    from preserve.cite import citations
    from preserve.cli.cite import summary
    from preserve.cli.documents import load
    from preserve.flows.run import Input
    from preserve.model.run import Source

    loaded = load(paths)
    for problem in loaded.problems:
        _say(f"preserve: {problem.message}", quiet=False)
        if problem.hint:
            _say(f"  {problem.hint}", quiet=False)
    inputs = []
    for entry in loaded.documents:
        document = entry.document
        found = citations(document)
        _say(summary(document, found), quiet=quiet)
        source = Source(name=document.name, media_type=document.media_type, size=document.size, sha256=document.sha256)
        inputs.append(Input(source=source, data=entry.data, citations=found))
    return tuple(inputs), len(loaded.problems)


def _given(urls: tuple[str, ...], lists: tuple[str, ...], *, resume: bool) -> Iterable[str] | None:
    """What --url and --url-list name; None when nothing. To resume they are looked at twice, so they are kept."""
    if not urls and not lists:
        return None
    given = _addresses(urls, lists)
    return tuple(given) if resume else given


def _addresses(urls: tuple[str, ...], lists: tuple[str, ...]) -> Iterator[str]:
    """The addresses of `--url`, then those of each list: one a line, empty lines and lines that begin with # left out."""
    for url in urls:
        if not _is_text(url):
            raise UsageError(f"--url {url}: not UTF-8 text", "write the odd bytes as %XX")
        yield url
    for name in lists:
        for line in _lines(name):
            text = line.strip()
            if text and not text.startswith("#"):
                yield text


def _lines(name: str) -> Iterator[str]:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            for number, line in enumerate(file):
                yield line.decode("utf-8" if number else "utf-8-sig")
    except OSError as problem:
        raise ConfigError(f"{name}: {problem.strerror}", "give --url-list a text file with one address a line") from problem
    except UnicodeDecodeError as problem:
        raise FormatError(f"{name} is not UTF-8 text", "give --url-list a text file with one address a line") from problem


def _is_text(text: str) -> bool:
    """Whether it can be written at all: the system hands over bytes that are not UTF-8 as half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _watcher(*, as_json: bool, verbose: bool, quiet: bool) -> Bar | Plain | Quiet:
    from preserve.cli.progress import Bar, Plain, Quiet

    def emit(capture: Capture) -> None:
        if as_json:
            _print(_line(capture))

    if quiet:
        return Quiet(emit)
    # With JSON on the same terminal a bar would be torn apart line by line.
    if sys.stderr.isatty() and not (as_json and sys.stdout.isatty()):
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
    return line


def _conclude(result: wiring.CaptureResult, archive: Path, *, as_json: bool, quiet: bool, seconds: float) -> None:
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
        _print({"run": sealed.name, "manifest": str(manifest), "seal_sha256": sealed.seal_sha256, "counts": said})
    parts = [f"{counts.captured} captured"]
    parts += [f"{number} {word}" for word in ("truncated", "failed", "refused") if (number := getattr(counts, word))]
    lacking = f" ({counts.lacking} of them not captured)" if counts.lacking else ""
    parts += [f"{counts.requisites} requisites{lacking}"] if counts.requisites else []
    worthless = f" ({counts.worthless} of them not worth much: see above)" if counts.worthless else ""
    _say(f"Sealed   {printable(str(sealed.folder))}   {', '.join(parts)}{worthless}   {duration(seconds)}", quiet=quiet)
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


def _exit_code(result: wiring.CaptureResult, *, problems: int) -> int:
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

"""`preserve timestamp`: fetch the tokens that did not come when a run was sealed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preserve.cli import whicharchive
from preserve.cli.plainfile import PLAIN_FILE
from preserve.cli.words import WORDS
from preserve.errors import ExitCode, FormatError, TrustError, UsageError
from preserve.formats.counted import counted
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.adapters.archive import Archive
    from preserve.flows.stamp import Stamped


@click.command("timestamp")
@whicharchive.argument
@click.option(
    "--tsa",
    multiple=True,
    envvar="PRESERVE_TSA",
    metavar="[NAME=]URL",
    help="Where the authority of that name is asked; repeatable.  [default: $PRESERVE_TSA, else config.toml]",
)
@click.option("--add", is_flag=True, help="Ask these authorities for runs, too, whose manifest does not name them.")
@click.option(
    "--cacert",
    type=PLAIN_FILE,
    metavar="FILE",
    help="Trust these certificate authorities (PEM) where an address is https, instead of the bundled ones.",
)
@click.option(
    "--renew", is_flag=True, help="Stamp anew, as a signed event, what was stamped before: see docs/guide/renewal.md."
)
@click.option(
    "--data", is_flag=True, help="With --renew: read every file again and stamp its SHA-512, not the old stamps alone."
)
@click.option("--key", metavar="ID", help="With --renew: sign with this key; see `preserve key list`.")
@click.option(
    "--operator", type=WORDS, metavar="NAME", help="With --renew: who did it; signed.  [default: the operator of config.toml]"
)
@click.option("--commands", is_flag=True, help="Ask nobody: print the openssl commands that check every token there is.")
@click.option("-v", "--verbose", is_flag=True, help="Print those commands at the end as well.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but what is missing.")
def command(
    archive: Path,
    tsa: tuple[str, ...],
    cacert: Path | None,
    key: str | None,
    operator: str | None,
    *,
    add: bool,
    renew: bool,
    data: bool,
    commands: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Fetch the time-stamps that sealed runs and events lack, because an authority was down when they were signed.

    ARCHIVE is $PRESERVE_ARCHIVE, else ./archive. A token is added to its run or event as timestamps/NAME.tsr; nothing else is
    touched. A token fetched late proves that the run existed by then; it no longer bears out when it was made.

    With --renew the archive is verified, and an event is recorded that lists what is there with SHA-512, signed, logged and stamped. Do it every few years, and
    whenever an authority's certificate is about to end.

    Exit code: 0 nothing is missing; 41 some token still is; 40 a run does not fit its SEAL and was not stamped.
    """
    from preserve.adapters.archive import Archive
    from preserve.cli.authorities import configured

    place = Archive(archive)
    place.describe()
    if commands:
        _print_commands(place)
        return ExitCode.DONE
    if renew:
        return _renew(archive, tsa, cacert, key, operator, data=data)
    if data or key or operator:
        raise UsageError("--data, --key and --operator go with --renew")
    from preserve.wiring import stamping

    _, authorities = configured(tsa)
    stands = stamping.timestamp(place, authorities, cacert, _say, add=add)
    for name, run in stands.items():
        for line in _lines(name, run, {authority.name for authority in authorities}, quiet=quiet):
            _say(line)
    if verbose:
        _print_commands(place)
    if any(run.problem for run in stands.values()):
        return ExitCode.ALTERED
    return ExitCode.UNESTABLISHED if any(run.missing for run in stands.values()) else ExitCode.DONE


def _renew(
    archive: Path, tsa: tuple[str, ...], cacert: Path | None, key: str | None, operator: str | None, *, data: bool
) -> ExitCode:
    from dataclasses import replace

    from preserve.cli.custodyoptions import settle, tell_of
    from preserve.cli.passphrase import opener
    from preserve.cli.verify import check
    from preserve.model.event import Renewed
    from preserve.model.finding import Result
    from preserve.wiring.renewing import renew

    options = replace(settle(archive, key, operator, tsa), cacert=cacert)
    if not options.authorities:
        raise UsageError("a renewal is a new stamp, and no authority is there to give it", "give --tsa NAME=URL")
    for finding in check(archive).findings:
        if finding.result is Result.FAIL:
            raise TrustError(
                f"the archive does not verify, and nothing altered is renewed: {finding.subject}: {finding.detail}",
                "preserve verify says everything that is wrong",
            )
    recorded = renew(options, Renewed.DATA if data else Renewed.STAMPS, _say, opener())
    tell_of(recorded)
    return ExitCode.UNESTABLISHED if recorded.stamped.missing else ExitCode.DONE


def _lines(name: str, run: Stamped, asked: set[str], *, quiet: bool) -> Iterator[str]:
    if run.problem:
        yield f"{name}: not stamped: {run.problem}. See preserve verify."
        return
    if unknown := [authority for authority in run.missing if authority not in asked]:
        yield f"{name}: nobody said where to ask {', '.join(unknown)}: give --tsa {unknown[0]}=URL"
    if not quiet:
        added = f", and {', '.join(run.added)} added" if run.added else ""
        if run.named or run.added:
            yield f"{name}: stamped by {len(run.there)} of {counted(len(run.named), 'authority')}{added}"
        else:
            yield f"{name}: names no authority; --add with --tsa asks one"


def _print_commands(archive: Archive) -> None:
    """A command for each token, to be pasted into any shell that has openssl and the roots.

    An archive may come from a stranger, and these lines go into a shell: a name that no token has is told of, and stands in none of them.
    """
    from functools import partial

    from preserve.formats import hashlist, manifest, signedparts, timestamp

    authorities = set()
    places = [(archive.runs / run, partial(archive.read_run, run)) for run in archive.run_names()]
    places += [(archive.events / event, partial(archive.read_event, event)) for event in archive.event_names()]
    for folder, read in places:
        data = read("manifest.json", manifest.MAX_SIZE)
        said = None if data is None else manifest.decode(data)
        for name in sorted(token.name for token in folder.glob("timestamps/*.tsr")):
            start = said is not None and name.startswith("start-")
            authority = name.removesuffix(".tsr").removeprefix("start-" if start else "")
            token = folder / "timestamps" / name
            try:
                if not signedparts.AUTHORITY.fullmatch(authority):
                    raise FormatError("not the name of a token")
                epoch = int(timestamp.read(read(f"timestamps/{name}", manifest.MAX_TOKEN) or b"").time.timestamp())
            except FormatError as problem:
                _say(f"{token}: {problem.message.removeprefix(f'{token}: ')}")
                continue
            authorities.add(authority)
            over = "/dev/stdin" if start else shlex.quote(str(folder / "SEAL"))
            given = f"printf 'preserve-run/v1 %s %s\\n' {said.run_id} {said.nonce} | " if start and said is not None else ""
            # -attime: openssl takes the certificates at today's date otherwise, and refuses tokens that outlived them.
            click.echo(
                f"{given}openssl ts -verify -data {over} -in {shlex.quote(str(token))} -CAfile {authority}.pem -attime {epoch}"
            )
    for event in archive.event_names():
        if (archive.events / event / hashlist.NAME).is_file():
            click.echo(f"(cd {shlex.quote(str(archive.root))} && sha512sum -c --strict events/{event}/{hashlist.NAME})")
    if authorities:
        _say("NAME.pem is the root of that authority. You have it from itself, or from your own trust store:")
        for authority in sorted(authorities):
            _say(f"  preserve trust export {authority} > {authority}.pem")


def _say(words: str) -> None:
    click.echo(printable(words), err=True)

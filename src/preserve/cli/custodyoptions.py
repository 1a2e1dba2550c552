"""Options of every command that can leave a custody event behind, and the recording itself.

A command that reads an archive never writes into it, unless its user says why: `--custody REASON`. Decorate the command with `custody`,
take `custody: str | None`, call `check_custody` first, and when the work is done `leave_event(archive, custody, action=…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from preserve.cli.words import WORDS
from preserve.errors import ConfigError, ExitCode, FormatError, PreserveError, UsageError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from preserve.flows.events import Recorded
    from preserve.model.event import Body, RunRef
    from preserve.wiring.recording import RecordOptions

_Command = TypeVar("_Command", bound=Callable[..., Any])

custody = click.option(
    "--custody",
    type=WORDS,
    metavar="REASON",
    help="Record in ARCHIVE, signed and logged, that this was done and why.  [default: nothing is written]",
)
"""For commands that otherwise only read."""

_SIGNER = "preserve.signer"


def _keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
    context.meta[_SIGNER] = value


_SIGNING = (
    click.option("--key", metavar="ID|PUB.pem", help="Sign with this key; see `preserve key list`."),
    click.option(
        "--signer",
        metavar="CMD",
        expose_value=False,
        callback=_keep,
        help="What signs with --key, where its private half is elsewhere: bytes in, raw signature out.",
    ),
    click.option("--operator", type=WORDS, metavar="NAME", help="Who did it; signed.  [default: the operator of config.toml]"),
    click.option(
        "--tsa",
        multiple=True,
        envvar="PRESERVE_TSA",
        metavar="[NAME=]URL",
        help="Have it stamped by this authority; repeatable.  [default: $PRESERVE_TSA, else config.toml]",
    ),
    click.option("--no-timestamp", is_flag=True, help="Ask no time-stamp authority."),
)


def signing(command: _Command) -> _Command:
    """The options of a command that records an event itself: `key`, `operator`, `tsa`, `no_timestamp`; `settle` sees `--signer` too."""
    for option in reversed(_SIGNING):
        command = option(command)
    return command


def stating(command: _Command) -> _Command:
    """The same without a choice of key, for events that say themselves which keys sign them."""
    for option in reversed(_SIGNING[2:]):
        command = option(command)
    return command


def settle(
    archive: Path,
    key: str | None = None,
    operator: str | None = None,
    tsa: tuple[str, ...] = (),
    *,
    no_timestamp: bool = False,
) -> RecordOptions:
    """What `signing` was given, completed by the user's settings."""
    from preserve.cli.authorities import configured
    from preserve.model.manifest import Operator
    from preserve.wiring.recording import RecordOptions

    config, authorities = configured(tsa)
    said = config.operator
    return RecordOptions(
        archive=archive,
        key=key,
        command=click.get_current_context().meta.get(_SIGNER),
        actor=Operator(name=operator or said.name, organisation=said.organisation, role=said.role),
        authorities=() if no_timestamp else authorities,
    )


def check_custody(archive: Path, reason: str | None) -> None:
    """Refuse, before any work is done, what cannot be recorded. Raises UsageError, ConfigError.

    Of the archive nothing is asked but whether it is one: what is wrong with it is for the work to find, and that is told whether or not
    it can be recorded (docs/adr/0285).
    """
    if reason is None:
        return
    said(reason)
    if not (archive / "archive.toml").is_file():
        raise UsageError(
            "--custody is for archives: what you named is none", "a run, a bundle or a packet has no log to enter it in"
        )
    from preserve.wiring.signing import own_key

    try:
        own_key()
    except ConfigError as problem:
        raise ConfigError(f"--custody: {problem.message}", problem.hint) from None


def leave_event(
    archive: Path,
    reason: str | None,
    *,
    action: str,
    to: str | None = None,
    result: str | None = None,
    runs: tuple[RunRef, ...] = (),
) -> ExitCode:
    """What `--custody` asks for; nothing without a reason. The exit code says whether it could be recorded; why not is said.

    What the command made or found stays as it is: a command that failed itself keeps its own exit code.
    """
    if reason is None:
        return ExitCode.DONE
    from preserve.model.event import Custody

    try:
        recorded = record(settle(archive), Custody(action=action, reason=said(reason), to=to, result=result, runs=runs))
    except PreserveError as problem:
        click.echo(f"The custody event could not be recorded: {printable(problem.message)}", err=True)
        if problem.hint:
            click.echo(f"  {printable(problem.hint)}", err=True)
        return problem.exit_code
    tell_of(recorded)
    return ExitCode.DONE


def run_ref(archive: Path, name: str) -> RunRef:
    """The run of that name, by its SEAL. Raises FormatError when it has none."""
    import hashlib

    from preserve.adapters.archive import Archive
    from preserve.formats import seal
    from preserve.model.event import RunRef

    sealed = Archive(archive).read_run(name, "SEAL", seal.MAX_SIZE)
    if sealed is None:
        raise FormatError(f"{archive}/runs/{name} has no SEAL", "look at preserve verify")
    return RunRef(sequence=int(name.partition("-")[0]), seal_sha256=hashlib.sha256(sealed).hexdigest())


def made(path: Path) -> str:
    """A file that was handed over, by its name and what it holds; of a folder the name."""
    import hashlib

    if not path.is_file():
        return path.name
    with path.open("rb") as file:
        return f"{path.name}, SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}"


def record(options: RecordOptions, body: Body) -> Recorded:
    """Record one event; a person is asked for the key's passphrase where it has one."""
    from preserve.cli.passphrase import opener
    from preserve.wiring.recording import record as do

    return do(options, body, "custody", say, opener())


def tell_of(recorded: Recorded) -> None:
    """What was recorded, and what is lacking."""
    say(f"Recorded  events/{recorded.name}   Log  entry {recorded.log_index}")
    if recorded.stamped.missing:
        say(
            f"No time-stamp came from {', '.join(recorded.stamped.missing)}. The event is recorded all the same; fetch it later with"
            " preserve timestamp"
        )


def say(words: str) -> None:
    click.echo(printable(words), err=True)


def said(reason: str) -> str:
    """A reason in which something is said. Raises UsageError for another."""
    if not reason.strip():
        raise UsageError("the reason is empty", "say why, for those who read it in ten years")
    return reason

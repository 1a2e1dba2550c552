"""The command line: thin commands over the flows, loaded by name so that `--help` and `verify` start at once.

Data goes to stdout, talk to stderr. Every command module has one click command named `command`. One handler here turns a
PreserveError into its message, its hint and its exit code.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from preserve import __version__
from preserve.errors import ExitCode, PreserveError
from preserve.formats.printable import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_COMMANDS = {
    "cite": "list the citations of documents; no network",
    "capture": "the main job: cite, capture, seal",
    "verify": "check that an archive, run, bundle or packet was not altered",
    "status": "every document and footnote: captured, intact, sealed",
    "diff": "what changed at an address between two captures",
    "schedule": "capture again and again: what, when, and whom to tell",
    "timestamp": "fetch the time-stamps that are lacking; renew old ones",
    "bundle": "hand over captures as a WACZ that replay tools open",
    "report": "every footnote, its capture and its proof, as pages that open from the disk",
    "view": "the report live in a browser on this machine, with search and replay",
    "prove": "one capture in a packet that a stranger can check alone",
    "log": "the log's checkpoint, checking it, witnessing the logs of others",
    "sign": "a second person's signature, by SSH key, under a sealed run",
    "key": "make, keep, replace and revoke signing keys",
    "trust": "whose signatures and logs you accept",
    "import": "captures made with other tools, kept as what they are",
    "redact": "remove records that may not be kept, under a signed statement",
    "custody": "who did what with an archive, to whom it went, and why; signed",
    "demo": "the whole job offline, on a bundled document and site",
}
"""Name and one-line help; the module is preserve.cli.<name>. The help stands here so that listing commands imports none."""

_MODULES = {"import": "importing"}
"""Where the module cannot have the command's name, for Python has taken it."""


class _Lazy(click.Group):
    """A group that imports a command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"preserve.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our stdout went away (`| head`): no complaint, and what a shell calls it. click would exit with 1.
            _abandon_stdout()
            return 128 + signal.SIGPIPE

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="preserve", message="%(prog)s %(version)s")
def group() -> None:
    """From a footnote to a sealed, verifiable web capture.

    preserve reads a document's footnotes, captures every cited address into WARC files, seals hashes and times into a signed
    manifest, and shows years later that nothing was altered. Try it without network: preserve demo

    \b
    preserve cite paper.txt         what does the document cite?
    preserve capture paper.txt      capture it all into ./archive
    preserve verify archive         is it still what was captured?
    """


class _Talk(io.FileIO):
    """Standard error. What nobody takes (its reader has gone, its disk is full) is not said, and changes nothing of what is done."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def main() -> NoReturn:
    """Run the command line and exit with a code of ExitCode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed when we were started
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - stays open as long as we run
    if sys.__stderr__ is not None and sys.stderr is sys.__stderr__:
        to = io.BufferedWriter(_Talk(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(to, encoding=sys.stderr.encoding, errors=sys.stderr.errors, line_buffering=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever is under way ends as after Ctrl-C
    code = _run()
    gc.freeze()  # what is left goes with the process; to look through it for cycles first would take longer than some commands do
    sys.exit(code)


def _abandon_stdout() -> None:
    """Nobody takes our output any more: then the flush at exit must not fail either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> int:
    try:
        result = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as problem:
        problem.show()
        return ExitCode.USAGE
    except PreserveError as problem:
        click.echo(f"preserve: {printable(problem.message)}", err=True)
        if problem.hint:
            click.echo(f"  {printable(problem.hint)}", err=True)
        return problem.exit_code
    except OSError as problem:
        # Adapters translate what their files say; what is left is a name that could not be looked up, or our own output: on a full disk for one.
        if problem.filename is not None:
            click.echo(f"preserve: {printable(str(problem.filename))}: {problem.strerror}", err=True)
            return ExitCode.STORE
        _abandon_stdout()
        click.echo(f"preserve: the output cannot be written: {problem.strerror or problem}", err=True)
        return ExitCode.STORE
    return result if isinstance(result, int) else ExitCode.DONE
